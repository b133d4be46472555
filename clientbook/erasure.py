"""Forgetting a person: which rows of the log speak of them, what else holds them, and the steps in which all of it goes."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from clientbook.backup import known_backups, tell_backups
from clientbook.engine.duckdb import QueryFailed, quoted
from clientbook.events.arrow import EVENT_ID
from clientbook.events.consent import CustomerErased
from clientbook.events.remains import SALES, identifiers, names
from clientbook.i18n import _
from clientbook.importing.commit import closing_row
from clientbook.importing.draft import struct_column
from clientbook.importing.rejects import forget_rejects
from clientbook.log.base import DamagedLog, Writer
from clientbook.log.erasing import Purges, carry_out, held, plan_entry
from clientbook.log.files import sync
from clientbook.log.ledger import Entry, Fate, identifier_hash
from clientbook.log.parquet import ParquetLog
from clientbook.projection.snapshots import Projector, Snapshot
from clientbook.query.customers import CustomerNotFound, find_customer

GROUNDS: Final = ("request", "objection", "withdrawal", "unlawful", "legal_duty", "child", "retention")
"""Why a person is erased: the cases of GDPR article 17(1), and the end of the retention time."""

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


@dataclass(frozen=True, kw_only=True)
class Eraser:
    """Erases people from one book."""

    folder: Path
    log: ParquetLog
    projector: Projector
    secret: bytes
    timezone: str

    def find(self, text: str) -> str:
        """The customer that a person means, also one whom only an undone import knows.

        Raises:
            CustomerNotFound: nobody, or several.
        """
        with self.projector.snapshot() as snapshot:
            try:
                return find_customer(snapshot.engine, text)
            except CustomerNotFound:
                found = find_anywhere(snapshot, text)
                if found is None:
                    raise
                return found

    def preview(self, customer_id: str) -> Erasure:
        """What erasing a customer would do.

        Raises:
            CustomerNotFound: there is none with this id.
            DamagedLog: a file that may hold their rows is not what was written.
        """
        with held(self.log):
            fates = self._fates(customer_id)
            entry = plan_entry(self.log, fates, ground=GROUNDS[0], timezone=self.timezone)
        return Erasure(number=None, rows=counted(fates), files=len(entry.files), backups=known_backups(self.folder))

    def erase(self, customer_id: str, *, ground: str) -> Erasure:
        """Erase a customer: rewrite the files that hold their rows, delete the old ones, forget all that was computed.

        Sales keep their amount and month, without a person. It cannot be undone.

        Raises:
            CustomerNotFound: there is none with this id.
            DamagedLog: a file that may hold their rows is not what was written; nothing was changed.
        """
        with held(self.log) as writer:
            fates = self._fates(customer_id)
            entry = plan_entry(self.log, fates, ground=ground, timezone=self.timezone)
            self.log.ledger.write(entry)
            self._carry_out(entry, writer)
        backups = tell_backups(self.folder, entry.number)
        return Erasure(number=entry.number, rows=counted(fates), files=len(entry.files), backups=backups)

    def finish(self) -> None:
        """Carry out what a killed process, or an older backup, has not."""
        if not self.log.ledger.unfinished():
            return
        with held(self.log) as writer:
            for entry in self.log.ledger.unfinished():
                self._carry_out(entry, writer)

    def _fates(self, customer_id: str) -> dict[int, Fate]:
        try:
            with self.projector.snapshot() as snapshot:
                fates = rows_of(snapshot, customer_id)
        except QueryFailed:
            said = _("{file} is damaged: `clientbook verify` says more")
            raise DamagedLog(said.format(file=self.log.folder)) from None
        if not fates:
            raise CustomerNotFound(_("no customer has this id"))
        return fates

    def _carry_out(self, entry: Entry, writer: Writer) -> None:
        carry_out(self.log, entry, purges(self.folder, self.log, self.secret))
        struct = struct_column(CustomerErased, {"ledger_number": pa.array([entry.number])}, 1)
        row = closing_row("customer_erased", struct, at=entry.erased_at, source="book", batch=None)
        event_id = sha256(self.secret + f"customer_erased {entry.number}".encode()).digest()[:16]
        writer.append(row.set_column(row.schema.get_field_index("event_id"), "event_id", pa.array([event_id], EVENT_ID)))
        self.log.ledger.finish(entry.number)


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
