"""What is noted by hand: the events to append, decided while the writer lock is held, so that what was read stays true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clientbook.engine.duckdb import quoted
from clientbook.errors import ClientbookError, WrongUse
from clientbook.i18n import _
from clientbook.importing.identity import random_customer_ids
from clientbook.projection.snapshots import Snapshot
from clientbook.query.customers import find_customer


class CustomerExists(ClientbookError):
    """Somebody has this e-mail already."""

    def __init__(self, customer_id: str) -> None:
        super().__init__(
            _("customer {customer_id} has this e-mail already; `clientbook show {customer_id}` shows it").format(
                customer_id=customer_id
            )
        )


class OneAlready(WrongUse):
    """What is to be merged is one customer already."""

    def __init__(self) -> None:
        super().__init__(_("these are one customer already"))


@dataclass(frozen=True, kw_only=True)
class Noted:
    """Events about one customer, or about nobody in particular."""

    customer_id: str | None
    events: list[tuple[str, dict[str, Any]]]
    """Type and data of each; entries that are None are left out."""


Decision = Callable[[Snapshot], Noted]
"""Given the identities at the log's head, what to append."""


def new_customer(profile: dict[str, Any], *, kind: str, collected_via: str) -> Decision:
    """A customer added by hand.

    Raises (when decided):
        CustomerExists: somebody has this e-mail already.
    """

    def decide(snapshot: Snapshot) -> Noted:
        engine = snapshot.engine
        taken = engine.value(
            "select customer_id from identifiers where kind = 'email' and value = lower($email) limit 1",
            {"email": profile.get("email") or ""},
        )
        if taken:
            raise CustomerExists(taken)
        registered = {"kind": kind, "collected_via": collected_via, "from_person": True}
        customer_id: str = random_customer_ids(1)[0].as_py()
        return Noted(customer_id=customer_id, events=[("customer_registered", registered), ("profile_updated", profile)])

    return decide


def happened(customer: str | None, events: list[tuple[str, dict[str, Any]]]) -> Decision:
    """What happened with a customer, named in any way `find_customer` understands, or with nobody in particular."""
    return lambda snapshot: Noted(
        customer_id=None if customer is None else find_customer(snapshot.engine, customer), events=events
    )


def merged(into: str, others: list[str], *, reason: str | None) -> Decision:
    """Several entries are one customer. The event carries every id that resolves to it from now on.

    Raises (when decided):
        CustomerNotFound: nobody, or several, are meant.
        OneAlready: they are.
    """

    def decide(snapshot: Snapshot) -> Noted:
        engine = snapshot.engine
        root = find_customer(engine, into)
        absorbed = {find_customer(engine, other) for other in others}
        if root in absorbed:
            raise OneAlready
        listed = ", ".join(map(quoted, sorted(absorbed)))
        followers = engine.rows(f"select customer_id from customer_roots where root_id in ({listed})")
        ids = sorted(absorbed | {row["customer_id"] for row in followers})
        return Noted(customer_id=root, events=[("customers_merged", {"into": root, "merged": ids, "reason": reason})])

    return decide


def merged_by_age(a: str, b: str, *, reason: str) -> Decision:
    """Two entries, given by their ids, are one customer: the one that the book has known longer.

    Raises (when decided):
        OneAlready: they are.
    """

    def decide(snapshot: Snapshot) -> Noted:
        ids = [find_customer(snapshot.engine, a), find_customer(snapshot.engine, b)]
        listed = ", ".join(map(quoted, ids))
        first = snapshot.table(
            f"select customer_id from events where customer_id in ({listed}) group by 1 order by min(position) limit 1"
        )["customer_id"][0].as_py()
        return merged(first, [ids[0] if ids[1] == first else ids[1]], reason=reason)(snapshot)

    return decide


def told_apart(a: str, b: str) -> Decision:
    """Two entries are two customers, whatever they have in common: an unmerge of what was never merged.

    Raises (when decided):
        OneAlready: they were merged meanwhile.
    """

    def decide(snapshot: Snapshot) -> Noted:
        into, other = find_customer(snapshot.engine, a), find_customer(snapshot.engine, b)
        if into == other:
            raise OneAlready
        data = {"into": into, "merged": [other], "roots": [other], "reason": "told apart"}
        return Noted(customer_id=into, events=[("customers_unmerged", data)])

    return decide


def unmerged(entries: list[str], *, reason: str | None) -> Decision:
    """Entries that were merged into another are customers of their own again.

    Raises (when decided):
        WrongUse: one of them is not merged into another, or not all into the same.
    """

    def decide(snapshot: Snapshot) -> Noted:
        found = [row for entry in entries for row in _merged_entries(snapshot, entry)]
        roots = {row["root_id"] for row in found}
        if len({row["customer_id"] for row in found}) < len(set(entries)) or len(roots) != 1:
            raise WrongUse(
                _("these entries are not merged into one customer; `clientbook events --type customers_merged` lists merges")
            )
        ids = sorted({row["customer_id"] for row in found})
        data = {"into": roots.pop(), "merged": ids, "roots": ids, "reason": reason}
        return Noted(customer_id=data["into"], events=[("customers_unmerged", data)])

    return decide


def _merged_entries(snapshot: Snapshot, text: str) -> list[dict[str, Any]]:
    """The merged entries that a person means by an id, the beginning of one, an e-mail, a phone or a number of theirs."""
    named = (
        "select recorded_customer_id from events where lower(identifier_linked.value) = lower($text)"
        " or lower(profile_updated.email) = lower($text)"
    )
    found = snapshot.table(
        "select customer_id, root_id from customer_roots where root_id <> customer_id"
        f" and (length($text) >= 6 and starts_with(customer_id, $text) or customer_id in ({named}))",
        {"text": text.strip()},
    )
    entries: list[dict[str, Any]] = found.to_pylist()
    return entries
