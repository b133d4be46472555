"""Put a draft into the log: resolve customers and append in one commit while the writer lock is held, or only plan it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.errors import ClientbookError, WrongUse
from clientbook.events.arrow import INSTANT
from clientbook.i18n import _, ngettext
from clientbook.importing.draft import CONTENT_KEY, DRAFT, Draft, Reject, event_ids
from clientbook.importing.effects import Effects
from clientbook.importing.foretelling import Foretell
from clientbook.importing.identity import Resolution, resolve
from clientbook.importing.phones import with_e164
from clientbook.importing.released import as_before, released_by
from clientbook.log.base import Writer
from clientbook.log.rows import ADDED, CORRECTION, DUPLICATE, only
from clientbook.projection.snapshots import Snapshot

Completion = Callable[["Outcome"], pa.Table | None]
"""Makes the row that closes a batch, from what the batch did; None where there is no batch."""


class TooManyRejects(ClientbookError):
    """More rows were set aside than the person allowed; nothing was imported."""


@dataclass(frozen=True, kw_only=True)
class RejectLimit:
    """How many rows may be set aside: a number, or a percentage of the rows read."""

    value: Decimal
    is_percentage: bool

    @classmethod
    def parse(cls, text: str) -> RejectLimit:
        """From `20` or `5%`.

        Raises:
            WrongUse: it is neither.
        """
        match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,4})?) ?(%?)", text.strip())
        if not match or ("." in match[1] and not match[2]):
            raise WrongUse(
                _("--max-rejects: expected a number of rows or a percentage such as 5%, found {text!r}").format(text=text)
            )
        return cls(value=Decimal(match[1]), is_percentage=bool(match[2]))

    def check(self, outcome: Outcome) -> None:
        """Raise `TooManyRejects` if the outcome has more rejects."""
        allowed = self.value * outcome.rows_read / 100 if self.is_percentage else self.value
        if outcome.rows_rejected <= allowed:
            return
        first = outcome.rejects[0]
        said = _(
            "nothing was imported: {rejected} of {read} rows would be set aside, --max-rejects allows {allowed}; the first:"
            " line {line}: {message}"
        )
        allowed_text = f"{self.value}%" if self.is_percentage else str(self.value)
        raise TooManyRejects(
            said.format(
                rejected=outcome.rows_rejected,
                read=outcome.rows_read,
                allowed=allowed_text,
                line=first.line,
                message=first.message,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a draft did, or would do. The four row counts after rows_read add up to it."""

    rows_read: int
    rows_used: int
    rows_duplicate: int
    rows_skipped: int
    rows_rejected: int
    events: int
    event_counts: dict[str, int] = field(default_factory=dict)
    customers_created: int = 0
    customers_matched: int = 0
    customers_ambiguous: int = 0
    """Ways of naming a customer whose number and e-mail disagree."""
    consent: dict[str, int] = field(default_factory=dict)
    """What the file would do to permission: would_give, would_restrict, would_lift (refused)."""
    corrections: int = 0
    amount_read: Decimal | None = None
    amount_used: Decimal | None = None
    amount_duplicate: Decimal | None = None
    amount_rejected: Decimal | None = None
    rejects: tuple[Reject, ...] = ()
    remarks: tuple[str, ...] = ()
    book: dict[str, dict[str, Any]] | None = None
    """What the book holds `before` and would hold `after`; None where the import is made."""
    position: int = 0
    """Of the last event of the log afterwards."""


def commit(
    draft: Draft,
    *,
    writer: Writer,
    snapshot: Snapshot,
    secret: bytes,
    batch: str | None,
    region: str,
    completion: Completion | None = None,
    dry_run: bool = False,
    limit: RejectLimit | None = None,
    effects: Effects | None = None,
    foretell: Foretell | None = None,
) -> Outcome:
    """Append the draft's new events, phone numbers read as `region` writes them.

    `snapshot` holds who is who at the writer's head. With `dry_run` nothing is
    written and the outcome is what it would have been. Events of undone imports count as unknown.
    """
    normalised = with_e164(draft.events, region=region)
    draft = replace(draft, remarks=draft.remarks + _unread_phones(normalised.unread, region))
    events = normalised.events
    released = released_by(snapshot)
    resolution = resolve(snapshot.engine, events)
    events = events.append_column("customer_id", resolution.customer_ids)
    kept = pc.invert(
        pc.or_(resolution.unknown, pc.and_(events["only_if_new"].combine_chunks(), pc.invert(resolution.is_new)))
    )
    rejects = list(draft.rejects) + _unknown_customers(draft, resolution)
    # An event's id is of what the source said, so that the same file is known again however its numbers are read by then.
    stated = pa.concat_tables([only(draft.events, kept), resolution.added], promote_options="default")
    ids = event_ids(stated, secret)["event_id"]
    events = pa.concat_tables([only(events, kept), resolution.added], promote_options="default")
    events = events.append_column("event_id", ids)
    if released:
        events = as_before(snapshot, events)
    rows = _log_rows(events, batch)
    outcome = writer.preview(rows, released=released)
    # An event known by its content cannot differ in it: only its own date or a resolved link can.
    by_content = pc.or_(pc.is_null(events["key"]), pc.starts_with(pc.fill_null(events["key"], ""), CONTENT_KEY))
    outcome = pc.if_else(pc.and_(pc.equal(outcome, CORRECTION), by_content), DUPLICATE, outcome)
    unused = _unused_customers(events, outcome, resolution)
    if len(unused):
        is_unused = pc.fill_null(pc.is_in(events["customer_id"].combine_chunks(), value_set=unused), False)
        outcome = pc.if_else(pc.and_(is_unused, pc.equal(outcome, ADDED)), DUPLICATE, outcome)
        resolution = replace(resolution, created=resolution.created - len(unused))
    result = _account(draft, events, outcome, resolution, rejects)
    if effects is not None:
        result = replace(result, consent=effects(events.filter(pc.equal(outcome, ADDED))))
    if limit is not None and not dry_run:
        limit.check(result)
    new = only(rows, pc.equal(outcome, ADDED))
    closing = completion(result) if completion and len(new) else None
    if closing is not None:
        new = pa.concat_tables([new, closing], promote_options="default")
        result = replace(
            result,
            events=result.events + 1,
            event_counts=dict(sorted((Counter(result.event_counts) + Counter({"import_completed": 1})).items())),
        )
    if foretell is not None:
        result = replace(result, book=foretell(new))
    if dry_run or not len(new):
        return replace(result, position=writer.head.position)
    return replace(result, position=writer.append(new, released=released).head.position)


def _unread_phones(count: int, region: str) -> tuple[str, ...]:
    if not count:
        return ()
    said = ngettext(
        "{count} phone number cannot exist in {country}; it stays as written and identifies nobody",
        "{count} phone numbers cannot exist in {country}; they stay as written and identify nobody",
        count,
    )
    return (said.format(count=count, country=region),)


def _unused_customers(events: pa.Table, outcome: pa.Array, resolution: Resolution) -> pa.Array:
    """Customers that nothing but rows known already, or set aside, would bring into the book."""
    brought = pc.and_(pc.equal(outcome, ADDED), pc.is_valid(events["unit"].combine_chunks()))
    wanted = pc.unique(events["customer_id"].combine_chunks().filter(brought))
    made = pc.unique(resolution.customer_ids.filter(resolution.is_new)).drop_null()
    return made.filter(pc.invert(pc.is_in(made, value_set=wanted)))


def _log_rows(events: pa.Table, batch: str | None) -> pa.Table:
    structs = [name for name in events.schema.names if name not in (*DRAFT.names, "event_id", "customer_id")]
    rows = events.select(["event_id", "type", "customer_id", "occurred_at", "source", "actor", *structs])
    return rows.append_column("batch", pa.repeat(pa.scalar(batch, pa.string()), len(rows)))


def _unknown_customers(draft: Draft, resolution: Resolution) -> list[Reject]:
    units = set(draft.events["unit"].filter(resolution.unknown).to_pylist())
    if not units:
        return []
    message = _("the book has no customer with this id; name the customer by e-mail, phone or external number")
    lines = zip(draft.row_units.to_pylist(), draft.row_lines.to_pylist(), strict=True)
    return [
        Reject(line=line, code="customer.unknown", column="customer", message=message)
        for unit, line in lines
        if unit in units
    ]


def _account(draft: Draft, events: pa.Table, outcome: pa.Array, resolution: Resolution, rejects: list[Reject]) -> Outcome:
    """What became of each row of the source: the fate of its unit, which is the best fate of the unit's events."""
    table = pa.table({"unit": events["unit"], "outcome": outcome})
    fates = _fates(table)
    unknown_units = draft.events["unit"].filter(resolution.unknown)
    place = pc.index_in(draft.row_units, value_set=fates["unit"].combine_chunks())
    fate = pc.fill_null(fates["outcome"].combine_chunks().take(place), DUPLICATE)
    fate = pc.if_else(pc.is_in(draft.row_units, value_set=unknown_units.combine_chunks()), "unknown", fate)
    corrected = draft.row_lines.filter(pc.equal(fate, CORRECTION)).to_pylist()
    message = _("the book knows this number with other content; nothing was changed")
    rejects = rejects + [Reject(line=line, code="known.differs", message=message) for line in corrected]
    added = pc.equal(outcome, ADDED)
    counts = Counter(events["type"].filter(added).to_pylist())
    result = Outcome(
        rows_read=draft.rows_read,
        rows_used=_count(fate, ADDED),
        rows_duplicate=_count(fate, DUPLICATE),
        rows_skipped=draft.rows_skipped,
        rows_rejected=len(rejects),
        events=sum(counts.values()),
        event_counts=dict(sorted(counts.items())),
        customers_created=resolution.created if sum(counts.values()) else 0,
        customers_matched=resolution.matched,
        customers_ambiguous=sum(int(text.split(" ", 1)[0]) for text in resolution.clashes),
        corrections=len(corrected),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.line)),
        remarks=draft.remarks + tuple(resolution.clashes),
    )
    return _with_amounts(result, draft, fate)


def _fates(table: pa.Table) -> pa.Table:
    """The best fate of each unit's events: added, else correction, else duplicate."""
    rank = pc.index_in(table["outcome"], value_set=pa.array([ADDED, CORRECTION, DUPLICATE]))
    best = table.append_column("rank", rank).filter(pc.is_valid(table["unit"])).group_by("unit").aggregate([("rank", "min")])
    names = pa.array([ADDED, CORRECTION, DUPLICATE]).take(best["rank_min"])
    return pa.table({"unit": best["unit"], "outcome": names})


def _with_amounts(result: Outcome, draft: Draft, fate: pa.Array) -> Outcome:
    """Add the control totals: read = used + duplicate + rejected."""
    if draft.row_amounts is None:
        return result
    amounts = draft.row_amounts
    used = _sum(amounts.filter(pc.equal(fate, ADDED)))
    duplicate = _sum(amounts.filter(pc.equal(fate, DUPLICATE)))
    rejected = (draft.rejected_amount or Decimal(0)) + _sum(amounts.filter(pc.equal(fate, CORRECTION)))
    return replace(
        result,
        amount_read=used + duplicate + rejected,
        amount_used=used,
        amount_duplicate=duplicate,
        amount_rejected=rejected,
    )


def nothing_used(draft: Draft) -> Outcome:
    """What a draft without events comes to."""
    outcome = Outcome(
        rows_read=draft.rows_read,
        rows_used=0,
        rows_duplicate=0,
        rows_skipped=draft.rows_skipped,
        rows_rejected=len(draft.rejects),
        events=0,
        rejects=draft.rejects,
        remarks=draft.remarks,
    )
    return _with_amounts(outcome, draft, pa.array([], pa.string()))


def _sum(amounts: pa.Array) -> Decimal:
    total = pc.sum(amounts, min_count=0).as_py()
    return Decimal(total or 0)


def _count(fate: pa.Array, name: str) -> int:
    count: int = pc.sum(pc.equal(fate, name), min_count=0).as_py()
    return count


def closing_row(event_type: str, struct: pa.StructArray, *, at: datetime, source: str, batch: str | None) -> pa.Table:
    """One event about the book, as a row of the log."""
    return pa.table(
        {
            "event_id": pa.nulls(1, pa.binary(16)),
            "type": [event_type],
            "customer_id": pa.nulls(1, pa.string()),
            "occurred_at": pa.array([at], INSTANT),
            "source": [source],
            "actor": pa.nulls(1, pa.string()),
            "batch": pa.array([batch], pa.string()),
            event_type: struct,
        }
    )
