"""Audiences exported from Mailchimp. The state of its members is in the name of the file."""

from __future__ import annotations

import re
from typing import Any

from clientbook.api import N_, FileHead, GivenTable, Importer, Match, RefusedFile, TableReading, hookimpl

API_VERSION = 1

COLUMNS = {
    "Email Address": "customer.email",
    "First Name": "customer.given_name",
    "Last Name": "customer.family_name",
    "Phone Number": "customer.phone",
    "TAGS": "customer.tags",
    "NOTES": "customer.note",
    "LEID": "customer.external_id",
    "given_at": "consent.newsletter_at",
    "confirmed_at": "consent.newsletter_confirmed_at",
    "OPTIN_IP": "consent.ip",
    "withdrawn": "consent.offers",
    "withdrawn_at": "consent.offers_withdrawn_at",
    "UNSUB_REASON": "consent.reason",
    "cleaned": "suppression.email",
    "cleaned_at": "suppression.at",
    "cause": "suppression.cause",
}

STATE = re.compile(r"(?<![a-z])(nonsubscribed|unsubscribed|subscribed|cleaned)(?![a-z])")
"""As Mailchimp names its files; browsers and people put words before and after."""


def state_of(name: str) -> str | None:
    """The state that the file's name tells; None where it tells none."""
    told = set(STATE.findall(name.lower()))
    return told.pop() if len(told) == 1 else None


def identify(head: FileHead) -> Match | None:
    """By the columns; without the state in the name the file cannot be read."""
    missing = [name for name in ("Email Address", "MEMBER_RATING", "LEID", "EUID") if name not in head.header]
    if missing:
        return Match(score=0, reasons=(f"no column {', '.join(missing)}",))
    state = state_of(head.name)
    return Match(score=95 if state else 60, reasons=("it has the columns of an audience", f"state: {state or 'not told'}"))


def by_state(given: GivenTable) -> Any:
    """The columns about permission, as the state has it. Of those who never subscribed there are none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    state = state_of(given.name)
    if state is None:
        raise RefusedFile(
            "the name has to say subscribed, unsubscribed, nonsubscribed or cleaned, one of them, as Mailchimp names its"
            " files: it alone tells who may be written to"
        )
    table = given.table
    nothing = pa.nulls(len(table), pa.string())
    columns = {name: table[name] for name in given.header}

    def column(name: str) -> Any:
        return columns.get(name, nothing)

    if "TAGS" in columns:
        columns["TAGS"] = pc.replace_substring(columns["TAGS"], '"', "")
    if state == "subscribed":
        both = pc.and_(pc.is_valid(column("OPTIN_TIME")), pc.is_valid(column("CONFIRM_TIME")))
        columns["given_at"] = pc.coalesce(column("OPTIN_TIME"), column("CONFIRM_TIME"))
        columns["confirmed_at"] = pc.if_else(both, column("CONFIRM_TIME"), pa.scalar(None, pa.string()))
    elif state == "unsubscribed":
        columns["withdrawn_at"] = pc.coalesce(column("UNSUB_TIME"), column("LAST_CHANGED"))
        columns["withdrawn"] = pa.array(["no"] * len(table), pa.string())
    elif state == "cleaned":
        columns["cleaned"] = pa.array(["yes"] * len(table), pa.string())
        columns["cause"] = pa.array(["bounce"] * len(table), pa.string())
        columns["cleaned_at"] = column("LAST_CHANGED")
    if state != "subscribed":
        columns.pop("OPTIN_IP", None)
    return pa.table({"line": table["line"], **columns})


@hookimpl
def register_importers() -> list[Importer]:
    """The four files of an exported audience."""
    return [
        Importer(
            id="mailchimp.members",
            label=N_("Mailchimp members"),
            suffixes=(".csv",),
            emits=(
                "customer_registered",
                "profile_updated",
                "consent_given",
                "consent_refused",
                "consent_withdrawn",
                "address_suppressed",
                "tag_added",
                "note_added",
            ),
            source="mailchimp",
            identify=identify,
            reading=TableReading(
                kind="contacts",
                needs=(("Email Address",), ("MEMBER_RATING",), ("LEID",), ("EUID",)),
                columns=COLUMNS,
                timezone="UTC",
                reshape=by_state,
            ),
        )
    ]
