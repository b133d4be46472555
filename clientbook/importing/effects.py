"""What an import would do to permission, told before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.importing.draft import Draft
from clientbook.importing.typed import sql
from clientbook.projection.snapshots import Snapshot

Effects = Callable[[pa.Table], dict[str, int]]
"""Given the draft events that are new: would_give, would_lift (which is refused), would_restrict; without the nils."""

_RESTRICTIVE: Final = (
    "consent_withdrawn",
    "consent_refused",
    "consent_invalidated",
    "objection_raised",
    "address_suppressed",
)
_POSITIVE: Final = ("consent_given", "consent_confirmed", "consent_renewed")


def speaks_of_permission(draft: Draft) -> bool:
    """Whether any event of the draft gives or restricts permission."""
    return not {*_RESTRICTIVE, *_POSITIVE}.isdisjoint(pc.unique(draft.events["type"]).to_pylist())


def effects_on(snapshot: Snapshot) -> Effects:
    """What tells the effects of new events on the book as it is."""
    rows = snapshot.table(sql("restricted_addresses")).to_pylist()
    restricted = {(row["channel"], row["address"], row["purpose"]) for row in rows}

    def count(new: pa.Table) -> dict[str, int]:
        counts = {"would_give": 0, "would_lift": 0, "would_restrict": 0}
        for name in {*_RESTRICTIVE, *_POSITIVE} & set(new.schema.names):
            of_type = new.filter(pc.equal(new["type"], name))
            if name in _RESTRICTIVE:
                counts["would_restrict"] += len(of_type)
                continue
            for said, email, phone in zip(
                of_type[name].to_pylist(), of_type["email"].to_pylist(), of_type["phone"].to_pylist(), strict=True
            ):
                address = _normal(said["channel"], said["address"] or (email if said["channel"] == "email" else phone))
                lifts = any((said["channel"], address, purpose) in restricted for purpose in (None, *said["purposes"]))
                counts["would_lift" if lifts else "would_give"] += 1
        return {name: count for name, count in counts.items() if count}

    return count


def _normal(channel: str, address: str | None) -> str | None:
    if not address:
        return None
    if channel == "email":
        return address.strip().lower()
    return (
        "".join(letter for letter in address if letter.isdigit())[-9:] if channel in ("sms", "phone", "auto_call") else None
    )
