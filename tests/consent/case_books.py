"""A book for every case of decision: each fact of a case as the event, message profile or policy entry that says it.

| Fact | Becomes |
|---|---|
| `at`, `channel`, `purpose` | `--at`, and a message profile for the channel and purpose |
| `message_is_promotional`, `message_has_third_party_content`, `products_similar`, `message_has_unsubscribe`, `message_names_sender`, `message_names_source`, `related_to_occupation` | `promotional`, `third_party_content`, `products_similar`, `unsubscribe`, `names_sender`, `names_source`, `related_to_occupation` of the profile |
| `person_kind` | `customer_registered.kind`; pro: a person with a `company_id`; generic_pro: a company with a mailbox such as info@ |
| `status` | `processing_restricted`, `death_reported` |
| `age` | `profile_updated.birth_date` |
| `last_purchase`, `has_account`, `has_open_contract`, `last_positive_act` | `order_placed`, `account_opened`, `contract_opened`, `site_visited` |
| `collected_via`, `collected_from_person`, `informed_at_collection` | `customer_registered`; bought: with a `list_acquired` |
| `opt_out_offered_at_collection` | `opt_out_offered`, not ticked |
| `objections` | `objection_raised` |
| `suppression` | `address_suppressed` |
| `bloctel_listed`, `calls_last_30_days`, `phone_refused_on` | `do_not_call_checked`, `call_made`, `call_refused` |
| `is_public_holiday` | nothing: the calendar knows |
| `consent` granted, level CONFIRMED_OPT_IN, grade A | `consent_requested` with `confirmation`, `consent_confirmed`, a `notice_published` |
| granted, grade B; D | `consent_given` with a version of the wording; with `undated` |
| pending; requested; refused | `consent_requested` with `confirmation`; without; `consent_refused` |
| invalidated; withdrawn | `consent_given`, then `consent_invalidated` or `consent_withdrawn` |
| `names_us` | `list_acquired.names_us` |
| `policy.…` | the entry of `[consent]`, and `policy_adopted` |
"""  # noqa: E501

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import tomli_w

from clientbook.book import Book
from clientbook.policy import ConsentPolicy

PARIS = ZoneInfo("Europe/Paris")
PENDING_DAYS = 365
"""The cases say that a double opt-in of March is pending in September."""

DEFAULT_FACTS: dict[str, Any] = {
    "at": "2026-09-01T11:00:00",
    "channel": "email",
    "purpose": "own_offers",
    "message_is_promotional": None,
    "message_has_third_party_content": False,
    "products_similar": True,
    "message_has_unsubscribe": True,
    "message_names_sender": True,
    "message_names_source": False,
    "person_kind": "consumer",
    "status": "active",
    "age": None,
    "last_purchase": None,
    "has_account": False,
    "has_open_contract": False,
    "last_positive_act": None,
    "collected_from_person": True,
    "informed_at_collection": True,
    "opt_out_offered_at_collection": True,
    "objections": [],
    "suppression": None,
    "bloctel_listed": None,
    "calls_last_30_days": 0,
    "phone_refused_on": None,
    "consent": None,
    "collected_via": "checkout",
    "related_to_occupation": True,
}
"""What a case says where it says nothing: a consumer, informed at a checkout, who did nothing yet; a Tuesday morning."""

VIA = {"own_form": "newsletter_form", "bought": "bought_list"}
Line = dict[str, Any]


def policy_of(facts: dict[str, Any]) -> dict[str, Any]:
    """The entries of `[consent]`."""
    found = {name.removeprefix("policy."): value for name, value in facts.items() if name.startswith("policy.")}
    return found | {"pending_days": PENDING_DAYS}


def message_of(facts: dict[str, Any]) -> dict[str, Any]:
    """The message profile."""
    profile = {
        "channel": facts["channel"],
        "purpose": facts["purpose"],
        "promotional": facts["message_is_promotional"],
        "third_party_content": facts["message_has_third_party_content"],
        "products_similar": facts["products_similar"],
        "unsubscribe": facts["message_has_unsubscribe"],
        "names_sender": facts["message_names_sender"],
        "names_source": facts["message_names_source"],
        "related_to_occupation": facts["related_to_occupation"],
    }
    return {name: value for name, value in profile.items() if value is not None}


def email_of(case: str, facts: dict[str, Any]) -> str:
    """Who it is."""
    return f"{'info' if facts['person_kind'] == 'generic_pro' else 'zoe'}@case-{case}.example"


def events_of(case: str, facts: dict[str, Any], number: int) -> list[Line]:
    """The events that say a case's facts of the person."""
    email, mobile = email_of(case, facts), f"+336399{number:05}"
    at = datetime.fromisoformat(facts["at"]).replace(tzinfo=PARIS)

    def line(type: str, when: datetime | str, **data: Any) -> Line:
        given = {name: value for name, value in data.items() if value is not None}
        return {"type": type, "occurred_at": moment(when), "source": "case", "customer": {"email": email}, "data": given}

    lines = _person(case, facts, email, mobile, line)
    lines += _doings(case, facts, at, line)
    for objection in facts["objections"]:
        channel, _colon, purpose = objection.partition(":")
        scope = "all" if objection == "all" else "purpose" if purpose else "channel"
        raised = {"scope": scope, "channel": None if channel in ("all", "*") else channel, "purpose": purpose or None}
        lines.append(line("objection_raised", "2025-02-01", **raised))
    if facts["suppression"]:
        cause = facts["suppression"].removeprefix("hard_")
        lines.append(line("address_suppressed", "2025-02-01", channel="email", cause=cause, address=email))
    return [*lines, *_consent(facts, line)]


def _person(case: str, facts: dict[str, Any], email: str, mobile: str, line: Any) -> list[Line]:
    is_company = facts["person_kind"] == "generic_pro"
    list_id = f"list-{case}" if facts["collected_via"] == "bought" else None
    registered = {
        "kind": "company" if is_company else "person",
        "collected_via": VIA.get(facts["collected_via"], facts["collected_via"]),
        "informed": facts["informed_at_collection"],
        "from_person": facts["collected_from_person"],
        "list_id": list_id,
    }
    # The day of collection says nothing of when the person last did something.
    lines = [line("customer_registered", "2020-01-01", **registered)]
    profile: dict[str, Any] = {"email": email, "mobile": mobile}
    if facts["person_kind"] == "pro":
        profile["company_id"] = "c0000000000000company"
    if facts["age"] is not None:
        day = date.fromisoformat(facts["at"][:10])
        profile["birth_date"] = day.replace(year=day.year - facts["age"]).isoformat()
    lines.append(line("profile_updated", "2020-01-01", **profile))
    if list_id:
        names_us = facts["consent"]["names_us"] if facts["consent"] else None
        said = line("list_acquired", "2020-01-01", list_id=list_id, supplier="S", kind="bought", names_us=names_us)
        del said["customer"]
        lines.append(said)
    if facts["opt_out_offered_at_collection"]:
        lines.append(line("opt_out_offered", "2020-01-01", channel=facts["channel"], ticked=False))
    return lines


def _doings(case: str, facts: dict[str, Any], at: datetime, line: Any) -> list[Line]:
    lines = []
    if facts["status"] != "active":
        type = {"restricted": "processing_restricted", "deceased": "death_reported"}[facts["status"]]
        lines.append(line(type, "2025-03-01"))
    if facts["last_purchase"]:
        sale = {"order_id": case, "total": "10", "currency": "EUR"}
        lines.append(line("order_placed", facts["last_purchase"], **sale))
    if facts["has_account"]:
        lines.append(line("account_opened", "2020-01-01", external_id=f"A-{case}"))
    if facts["has_open_contract"]:
        lines.append(line("contract_opened", "2025-01-01", contract_id=f"C-{case}"))
    if facts["last_positive_act"]:
        lines.append(line("site_visited", facts["last_positive_act"], page="/"))
    if facts["bloctel_listed"] is not None:
        lines.append(line("do_not_call_checked", "2026-01-05", register="bloctel", listed=facts["bloctel_listed"]))
    for number in range(facts["calls_last_30_days"]):
        lines.append(line("call_made", at - timedelta(days=number + 1)))
    if facts["phone_refused_on"]:
        lines.append(line("call_refused", facts["phone_refused_on"]))
    return lines


def _consent(facts: dict[str, Any], line: Any) -> list[Line]:
    consent = facts["consent"]
    if not consent:
        return []
    said = {"channel": consent["channel"], "purposes": consent["purposes"], "parental": consent["parental"] or None}
    proof = {"notice_id": "wording", "notice_version": "1", "method": "checkbox", "surface": "account"}
    asked = line("consent_requested", consent["at"], **said, **proof, confirmation=True)
    if consent["state"] == "pending":
        return [asked]
    if consent["state"] == "granted" and (consent["level"], consent["grade"]) == ("CONFIRMED_OPT_IN", "A"):
        return [asked, line("consent_confirmed", moment(consent["at"], 13), **said, method="one_click_post")]
    if consent["state"] in ("requested", "refused"):
        return [line(f"consent_{consent['state']}", consent["at"], **said)]
    if consent["grade"] == "B":
        proof["notice_version"] = "not in the register"
    if consent["grade"] == "D":
        proof = {"undated": True}
    lines = [line("consent_given", consent["at"], **said, **proof, opt_in_level=consent["level"])]
    if consent["state"] in ("invalidated", "withdrawn"):
        lines.append(line(f"consent_{consent['state']}", moment(consent["at"], 13), **said))
    return lines


def moment(when: datetime | str, hour: int = 12) -> str:
    """A day as its noon in Paris."""
    if isinstance(when, str) and "T" in when:
        return when
    day = when if isinstance(when, datetime) else datetime.fromisoformat(when).replace(hour=hour, tzinfo=PARIS)
    return day.isoformat()


def make_book(folder: Path, cases: dict[str, dict[str, Any]]) -> Book:
    """A book with one customer for each case; all of them under one policy. Facts by case."""
    Book.create(folder, timezone="Europe/Paris")
    policy = policy_of(next(iter(cases.values())))
    settings = {
        "currency": "EUR",
        "timezone": "Europe/Paris",
        "consent": policy,
        "messages": {f"case_{case}": message_of(facts) for case, facts in cases.items()},
    }
    (folder / "book.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    adopted = msgspec.convert(policy, ConsentPolicy)
    wording = "I agree to receive the letter."
    digest = "be4a8a08a6e1ad1b6ff4e6a8b1b4ef6cf1c7e12f1bfb6f9b0aa3d0d1b9a1a111"
    notice = {"notice_id": "wording", "version": "1", "language": "en", "text": wording, "sha256": digest}
    lines: list[Line] = [
        {"type": "policy_adopted", "data": {"policy": adopted.text(), "digest": adopted.digest()}},
        {"type": "notice_published", "data": notice},
    ]
    for line in lines:
        line |= {"occurred_at": moment("2020-01-01"), "source": "case"}
    for number, (case, facts) in enumerate(cases.items()):
        lines += events_of(case, facts, number)
    book = Book(folder)
    done = book.append_lines([json.dumps(line).encode() for line in lines])
    assert not done.rows_rejected, done.rejects
    return book
