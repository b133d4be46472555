"""Undo an import, or restore it: which batch is meant, whether it can be, and what it comes to. Nothing is deleted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import quoted
from clientbook.errors import ClientbookError
from clientbook.events.book import ImportRestored, ImportReverted
from clientbook.events.registry import Registry
from clientbook.i18n import _
from clientbook.importing.commit import closing_row
from clientbook.importing.draft import struct_column
from clientbook.importing.noting import Decision, Noted
from clientbook.projection.fold import sql
from clientbook.projection.snapshots import Snapshot
from clientbook.query.overview import holdings

LAST: Final = "last"
"""Names the newest import that is in force, or the one that was undone last."""

_STATE: Final = "case when undone_at is null then 'in_force' else 'undone' end"
_ABOUT_UNDOING: Final = ("import_reverted", "import_restored")


class BatchNotFound(ClientbookError):
    """No import, or several, are meant."""


class AlreadyUndone(ClientbookError):
    """The import is undone."""

    def __init__(self, batch: str) -> None:
        said = _("import {batch} is undone already; `clientbook undo {batch} --restore` brings it back")
        super().__init__(said.format(batch=batch))


class NotUndone(ClientbookError):
    """The import is in force."""

    def __init__(self, batch: str) -> None:
        super().__init__(_("import {batch} is not undone; there is nothing to restore").format(batch=batch))


class RecordedAgain(ClientbookError):
    """What the undone import brought has come again another way, and would count twice."""

    def __init__(self, batch: str, count: int, others: list[str]) -> None:
        if others:
            said = _(
                "import {batch} cannot be restored: {count} of its events have come again with {others};"
                " `clientbook undo {first}` comes first"
            )
        else:
            said = _("import {batch} cannot be restored: {count} of its events have been recorded again by hand")
        super().__init__(said.format(batch=batch, count=count, others=", ".join(others), first=(others or [""])[0]))


@dataclass(frozen=True, kw_only=True)
class Undoing:
    """What undoing an import takes out, or restoring it brings back."""

    batch: dict[str, Any]
    """Its row of the table `batches`."""
    events: dict[str, int]
    """By type."""
    customers: int
    """Customers that leave or come back."""
    customers_kept: int
    """Customers the import told something of, that are in the book either way."""
    orders: int
    revenue: Decimal
    """In the book's currency."""


def imports(snapshot: Snapshot) -> pa.Table:
    """The imports made by the snapshot's moment, the newest first: rows of the table `batches` and their state."""
    found = snapshot.table(f"select *, {_STATE} as state from ({sql('batches')}) order by position desc")
    as_of = snapshot.moment.as_of
    return found if as_of is None else found.filter(pc.less_equal(found["imported_at"], pa.scalar(as_of)))


def find_batch(snapshot: Snapshot, text: str, *, restore: bool) -> dict[str, Any]:
    """The import that a person means by its number, the beginning of one, or `last`.

    Raises:
        BatchNotFound: none, or several.
        AlreadyUndone: it cannot be undone twice.
        NotUndone: it cannot be restored.
    """
    rows: list[dict[str, Any]] = imports(snapshot).to_pylist()
    found = _last(rows, restore=restore) if text == LAST else _named(rows, text)
    if restore and found["undone_at"] is None:
        raise NotUndone(found["batch"])
    if not restore and found["undone_at"] is not None:
        raise AlreadyUndone(found["batch"])
    return found


def undone(text: str, *, reason: str | None) -> Decision:
    """An import is left out of every computation from now on.

    Raises (when decided):
        BatchNotFound: no import, or several, are meant.
        AlreadyUndone: it is undone.
    """

    def decide(snapshot: Snapshot) -> Noted:
        batch = find_batch(snapshot, text, restore=False)["batch"]
        return Noted(customer_id=None, events=[("import_reverted", {"batch": batch, "reason": reason})])

    return decide


def restored(text: str, *, reason: str | None) -> Decision:
    """An import that was undone counts again.

    Raises (when decided):
        BatchNotFound: no import, or several, are meant.
        NotUndone: it is in force.
        RecordedAgain: its events would count twice.
    """

    def decide(snapshot: Snapshot) -> Noted:
        batch = find_batch(snapshot, text, restore=True)["batch"]
        check_restorable(snapshot, batch)
        return Noted(customer_id=None, events=[("import_restored", {"batch": batch, "reason": reason})])

    return decide


def check_restorable(snapshot: Snapshot, batch: str) -> None:
    """Make sure that nothing of an undone import was recorded again since.

    Raises:
        RecordedAgain: something was.
    """
    again = snapshot.table(
        "select again.batch, count(*) as n, max(again.position) as position from all_events as gone"
        " inner join events as again on gone.event_id = again.event_id and gone.position <> again.position"
        f" where gone.batch = {quoted(batch)} and gone.position not in (select position from voided)"
        " and again.position not in (select position from voided)"
        " and (again.batch is null or again.batch not in (select batch from undone_batches))"
        " group by again.batch order by position desc"
    ).to_pylist()
    if again:
        raise RecordedAgain(batch, sum(row["n"] for row in again), [row["batch"] for row in again if row["batch"]])


def undoing_row(batch: str, *, restore: bool, at: datetime) -> pa.Table:
    """The event that undoes or restores an import, as a row for a log."""
    kind = ImportRestored if restore else ImportReverted
    struct = struct_column(kind, {"batch": pa.array([batch])}, 1)
    return closing_row("import_restored" if restore else "import_reverted", struct, at=at, source="hand", batch=None)


def undoing(batch: dict[str, Any], *, counted: Snapshot, left_out: Snapshot, registry: Registry, currency: str) -> Undoing:
    """Hold the book with an import that counts against the book with it left out."""
    more, less = holdings(counted, registry, currency), holdings(left_out, registry, currency)
    events = Counter(more["event_counts"])
    events.subtract(less["event_counts"])
    told = counted.table(f"select distinct customer_id from events where batch = {quoted(batch['batch'])}")["customer_id"]
    remaining = left_out.engine.table("select customer_id from customers")["customer_id"].combine_chunks()
    all_ids = counted.engine.table("select customer_id from customers")["customer_id"]
    return Undoing(
        batch=batch,
        events={type: count for type, count in sorted(events.items()) if count and type not in _ABOUT_UNDOING},
        customers=len(all_ids) - _count(pc.is_in(all_ids, value_set=remaining)),
        customers_kept=_count(pc.is_in(told.drop_null(), value_set=remaining)),
        orders=more["orders"] - less["orders"],
        revenue=more["revenue"] - less["revenue"],
    )


def _last(rows: list[dict[str, Any]], *, restore: bool) -> dict[str, Any]:
    if restore:
        rows = sorted((row for row in rows if row["undone_at"]), key=lambda row: row["undone_at"], reverse=True)
    else:
        rows = [row for row in rows if not row["undone_at"]]
    if not rows:
        raise BatchNotFound(_("no import is undone") if restore else _("there is no import to undo"))
    return rows[0]


def _named(rows: list[dict[str, Any]], text: str) -> dict[str, Any]:
    found = [row for row in rows if row["batch"] == text] or [row for row in rows if row["batch"].startswith(text)]
    if not found or not text:
        raise BatchNotFound(_("there is no import {text!r}; `clientbook imports` lists them").format(text=text))
    if len(found) > 1:
        listed = ", ".join(row["batch"] for row in found[:5])
        raise BatchNotFound(_("several imports begin like this: {batches}; write more of the number").format(batches=listed))
    return found[0]


def _count(mask: pa.Array) -> int:
    count: int = pc.sum(mask, min_count=0).as_py()
    return count
