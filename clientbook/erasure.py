"""Forgetting a person: which rows of the log speak of them, what else holds them, and noticing when they come back."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import quoted
from clientbook.events.arrow import INSTANT
from clientbook.events.remains import SALES, identifiers, names, normalised
from clientbook.i18n import _
from clientbook.importing.draft import Draft, set_aside
from clientbook.importing.rejects import forget_rejects
from clientbook.log.erasing import Purges
from clientbook.log.files import sync
from clientbook.log.ledger import Fate, Ledger, identifier_hash
from clientbook.log.parquet import ParquetLog
from clientbook.projection.snapshots import Snapshot

GROUNDS: Final = ("request", "objection", "withdrawal", "unlawful", "legal_duty", "child", "retention")
"""Why a person is erased: the cases of GDPR article 17(1), and the end of the retention time."""

ERASED: Final = "customer.erased"
"""Code of rows set aside because they name somebody who was erased."""

_ROWS: Final = """
with ids as (
    select customer_id from customer_roots where root_id = $customer
    union
    select $customer
),
own as (
    select * from all_events where customer_id in (select customer_id from ids)
),
-- Every order, cancellation and refund with the number of an order.
numbered as (
    select
        position, type, source, customer_id,
        coalesce(order_placed.order_id, order_cancelled.order_id, order_refunded.order_id) as number,
        coalesce(customer_id in (select customer_id from ids), false) as is_own
    from all_events
    where coalesce(order_placed.order_id, order_cancelled.order_id, order_refunded.order_id) is not null
),
placed as (
    select source, number, bool_or(customer_id is not null and not is_own) as by_others
    from numbered
    where type = 'order_placed'
    group by source, number
),
-- The orders that get another name: the person's own, and those of guests of which a row of the person speaks.
orders as (
    select source, number from numbered where is_own
    intersect
    select source, number from placed where not by_others
),
named as (
    select position, type, customer_id, is_own, min(position) over (partition by source, number) as first
    from numbered
    semi join orders using (source, number)
    where customer_id is null or is_own or type = 'order_cancelled'
),
identified as (
    select unnest([
        identifier_linked.value, identifier_unlinked.value,
        profile_updated.email, profile_updated.mobile, profile_updated.landline
    ]) as value
    from own
),
addresses as (
    select {address} as address from identified
    except
    select {address} from identifiers where customer_id <> $customer
),
nameless as (
    select position, coalesce(address_suppressed.address, suppression_lifted.address) as value
    from all_events
    where customer_id is null
),
mentions as (
    select position from all_events
    where (customer_id is null or customer_id not in (select customer_id from ids)) and (
        list_has_any(customers_merged.merged, (select list(customer_id) from ids))
        or list_has_any(customers_unmerged.merged, (select list(customer_id) from ids))
        or list_has_any(customers_unmerged.roots, (select list(customer_id) from ids))
        or list_has_any(segment_frozen.members, (select list(customer_id) from ids))
        or profile_updated.company_id in (select customer_id from ids)
    )
),
said as (
    select
        own.position,
        case
            -- A sale of an undone import does not count, and must not begin to.
            when own.batch in (select batch from undone_batches) then 'removed'
            when own.type = 'order_cancelled' and (own.source, own.order_cancelled.order_id)
                not in (select (source, number) from placed) then 'removed'
            when own.type in ({sales}) then 'kept'
            else 'removed'
        end as action
    from own
    union all
    select named.position, case when one.batch in (select batch from undone_batches) then 'removed' else 'kept' end
    from named
    inner join all_events as one on named.position = one.position
    where named.customer_id is null
    union all
    select position, 'stripped' from named where customer_id is not null and not is_own
    union all
    select position, 'removed' from nameless where {address} in (select address from addresses)
    union all
    select position, 'stripped' from mentions
)
select said.position, said.action, named.first as "order"
from said
left join named on said.position = named.position
union all
select voids.position, min(case when said.action = 'removed' then 'removed' else 'stripped' end), null
from all_events as voids
join said on voids.event_voided.position = said.position
where said.action <> 'stripped'
group by 1
"""

_ADDRESS: Final = """case
    when contains(value, '@') then lower(trim(value))
    else nullif(right(regexp_replace(value, '[^0-9]', '', 'g'), 9), '')
end"""
"""An address in the form in which two of them are the same."""


_ANYWHERE: Final = """
select distinct customer_id from all_events
where customer_id = $text
    or identifier_linked.value = $text or lower(identifier_linked.value) = lower($text)
    or lower(profile_updated.email) = lower($text) or account_opened.external_id = $text
"""


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What erasing a person does, or did."""

    number: int | None
    """Entry of the ledger; None for a preview."""
    rows: dict[str, int]
    """Rows of the log by what becomes of them: removed, kept (sales), stripped (of others)."""
    files: int
    """Files of the log that are written anew."""
    backups: list[dict[str, Any]]
    """Backups made of this book, which still hold the person until they are made again."""


def rows_of(snapshot: Snapshot, customer_id: str) -> dict[int, Fate]:
    """Every row of the log that speaks of the customer, by position, and what is to become of it."""
    snapshot.prepare("all_events")
    sales = ", ".join(quoted(name) for name in SALES)
    found = snapshot.engine.rows(_ROWS.format(sales=sales, address=_ADDRESS), {"customer": customer_id})
    return {row["position"]: Fate(action=row["action"], order=row["order"]) for row in found}


def find_anywhere(snapshot: Snapshot, text: str) -> str | None:
    """A customer whom only events name that do not count now, such as those of an undone import; None unless it is one."""
    found = snapshot.table(_ANYWHERE, {"text": text.strip()})["customer_id"].to_pylist()
    return found[0] if len(found) == 1 else None


def counted(fates: Mapping[int, Fate]) -> dict[str, int]:
    """How many rows are removed, kept and stripped."""
    counts = Counter(fate.action for fate in fates.values())
    return {name: counts[name] for name in ("removed", "kept", "stripped")}


def purges(book: Path, log: ParquetLog, secret: bytes) -> Purges:
    """What else in the book forgets the person: rejects; and all computed tables, which can be made again."""

    def before(rows: Sequence[Mapping[str, Any]]) -> None:
        found = identifiers(rows)
        forget_rejects(book / "rejects", found, names(rows))
        log.ledger.suppress(identifier_hash(secret, *one) for one in found)

    def after() -> None:
        state = book / "state"
        with log.nobody_computing():
            for path in list(state.iterdir()) if state.exists() else []:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            if state.exists():
                sync(state)

    return Purges(before=before, after=after)


def without_erased(draft: Draft, ledger: Ledger, secret: bytes) -> tuple[Draft, set[str]]:
    """Set aside what names somebody who was erased; and the hashes of those identifiers on the suppression list."""
    suppressed = ledger.suppressed()
    if not suppressed or not len(draft.events):
        return draft, set()
    mask, found = _erased_events(draft.events, suppressed, secret)
    return (set_aside(draft, mask, code=ERASED, message=_came_back()) if found else draft), found


def _erased_events(events: pa.Table, suppressed: Set[str], secret: bytes) -> tuple[pa.BooleanArray, set[str]]:
    """Which draft events name somebody on the suppression list, and by which hashes."""
    found: set[str] = set()
    mask = pa.repeat(pa.scalar(False), len(events))
    for kind, values, sources in _named(events):
        given = pa.table({"source": sources, "value": values}).group_by(["source", "value"]).aggregate([])
        for source, value in zip(given["source"].to_pylist(), given["value"].to_pylist(), strict=True):
            known = identifier_hash(secret, *normalised(kind, source, value)) if value else None
            if known is not None and known in suppressed:
                found.add(known)
                same = pc.and_(pc.equal(sources, source), pc.equal(values, value))
                mask = pc.or_(mask, pc.fill_null(same, False))
    return mask, found


def names_erased(named: Set[tuple[str, str]], source: str, suppressed: Set[str], secret: bytes) -> bool:
    """Whether one of these identifiers (kind, value) is that of somebody who was erased."""
    return any(identifier_hash(secret, *normalised(kind, source, value)) in suppressed for kind, value in named)


def without_kept_sales(draft: Draft, ledger: Ledger, secret: bytes) -> Draft:
    """Set aside sales of people who came back that are older than the last erasure: they were kept without the person."""
    entries = ledger.entries()
    if not entries:
        return draft
    mask, found = _erased_events(draft.events, ledger.suppressed(), secret)
    if not found:
        return draft
    is_sale = pc.is_in(draft.events["type"].combine_chunks(), value_set=pa.array(SALES))
    last = pa.scalar(entries[-1].erased_at, INSTANT)
    is_older = pc.less_equal(draft.events["occurred_at"].combine_chunks(), last)
    kept = pc.and_(mask, pc.and_(is_sale, is_older))
    if not pc.any(kept, min_count=0).as_py():
        return draft
    message = _("this sale is older than the erasure of its customer: the book has it without the person")
    return set_aside(draft, kept, code=ERASED, message=message)


def _came_back() -> str:
    return _(
        "this person was erased from the book; import with --allow-erased if they came back by themselves,"
        " else take the row out of the file"
    )


def _named(events: pa.Table) -> Iterable[tuple[str, pa.Array, pa.Array]]:
    """Every column of draft events that names a customer: kind, values, sources (empty where they do not matter)."""
    source = events["source"].combine_chunks()
    nothing = pa.repeat(pa.scalar(""), len(events))
    yield "customer", events["given_id"].combine_chunks(), nothing
    for kind in ("external", "email", "phone"):
        yield kind, events[kind].combine_chunks(), source if kind == "external" else nothing
    if "profile_updated" in events.schema.names:
        profiles = events["profile_updated"].combine_chunks()
        for kind, name in (("email", "email"), ("phone", "mobile"), ("phone", "landline")):
            yield kind, pc.struct_field(profiles, name), nothing
    if "identifier_linked" in events.schema.names:
        links = events["identifier_linked"].combine_chunks()
        for kind in ("external", "email", "phone"):
            of_kind = pc.equal(pc.struct_field(links, "kind"), kind)
            values = pc.if_else(pc.fill_null(of_kind, False), pc.struct_field(links, "value"), pa.scalar(None, pa.string()))
            yield kind, values, source if kind == "external" else nothing
