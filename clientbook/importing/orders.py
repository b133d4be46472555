"""Order files: rows grouped into documents; documents become orders, refunds (linked where one order fits), adjustments."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import Engine
from clientbook.events.arrow import Fault, conform, faults, struct_type
from clientbook.events.base import Event
from clientbook.events.personal import ProfileUpdated
from clientbook.events.reactions import BalanceAdjusted, OrderCancelled, OrderPlaced, OrderRefunded
from clientbook.i18n import _
from clientbook.importing.consents import draft_consents
from clientbook.importing.draft import Draft, draft_rows, together
from clientbook.importing.mapping import Mapping, column_keys
from clientbook.importing.table import TextTable
from clientbook.importing.targets import Catalogue
from clientbook.importing.typed import reject_faulty, rejects, sql, type_rows


def draft_orders(engine: Engine, file: TextTable, mapping: Mapping, catalogue: Catalogue, *, imported_at: datetime) -> Draft:
    """Turn an order file into draft events.

    `engine` has the file registered as `cells` and holds the book's tables, in which earlier orders are looked for.
    A document one of whose rows is set aside is set aside whole: part of an order would be another order.
    """
    type_rows(engine, file, mapping, catalogue)
    engine.register("cut_short", _cut_short(file, mapping))
    parameters: dict[str, object] = {
        "currency": mapping.currency,
        "credit_prefixes": mapping.orders.credit_prefixes,
        "adjustment_prefixes": mapping.orders.adjustment_prefixes,
    }
    _group(engine, parameters)
    parts = _parts(engine, mapping)
    broken = _broken_documents(parts)
    if broken:
        reject_faulty(engine, broken)
        _group(engine, parameters)
        parts = _parts(engine, mapping)
    message = _("another row of this order was set aside")
    engine.execute(f"insert into bad_rows {sql('incomplete')}", {"message": message})
    engine.execute("create or replace table speakers as select first_row as row, unit from documents where what = 'order'")
    engine.execute(f"create or replace table paid_back_before as {sql('paid_back_before')}", {"source": mapping.source})
    parts |= {
        "cancelled": _events(engine, "order_cancellations", OrderCancelled, "order_cancelled", mapping.source),
        "paid_back": _events(engine, "order_refunds", OrderRefunded, "order_refunded", mapping.source),
    }
    consents = draft_consents(engine, mapping, imported_at=imported_at)
    rows = engine.table(sql("order_rows"))
    rejected_amount = engine.value(sql("rejected_amount"))
    return Draft(
        events=together([*parts.values(), _profiles(engine, mapping), *consents]),
        row_units=rows["unit"].combine_chunks(),
        row_lines=rows["line"].combine_chunks(),
        row_amounts=rows["amount"].combine_chunks(),
        rejects=tuple(rejects(engine)),
        rejected_amount=rejected_amount,
        rows_read=file.rows_read,
        rows_skipped=file.empty_rows,
        remarks=_remarks(engine),
    )


def _cut_short(file: TextTable, mapping: Mapping) -> pa.Table:
    """The documents that a row which could not be cut into cells seems to belong to."""
    keys = column_keys(file.header)
    places = [keys.index(key) for key, chosen in mapping.columns.items() if chosen.to == "order.id"]
    found = [row.cells[place].strip(" '\"") for row in file.broken for place in places if place < len(row.cells)]
    return pa.table({"document": pa.array(found, pa.string())})


def _group(engine: Engine, parameters: dict[str, object]) -> None:
    engine.execute(
        "create or replace table spoilt as select distinct coalesce(order_id, 'row ' || typed.row) as document"
        " from typed inner join bad_rows using (row) union select document from cut_short"
    )
    engine.execute(f"create or replace table documents as {sql('documents')}", parameters)


def _parts(engine: Engine, mapping: Mapping) -> dict[str, pa.Table]:
    source = mapping.source
    engine.execute(f"create or replace table refund_links as {sql('refund_links')}", {"source": source})
    return {
        "order_placed": _events(engine, "order_events", OrderPlaced, "order_placed", source),
        "order_refunded": _events(engine, "refund_events", OrderRefunded, "order_refunded", source),
        "balance_adjusted": _events(engine, "adjustment_events", BalanceAdjusted, "balance_adjusted", source),
    }


def _events(engine: Engine, query: str, event: type[Event], type: str, source: str) -> pa.Table:
    found = engine.table(sql(query))
    struct = conform(found["event"].combine_chunks(), struct_type(event))
    return draft_rows(
        type=type,
        struct=struct,
        occurred_at=found["placed_at"].combine_chunks(),
        source=source,
        refs=found,
        key=found["key"],
        unit=found["unit"],
    )


def _profiles(engine: Engine, mapping: Mapping) -> pa.Table:
    """Profile changes; values that break a constraint are left out, since the order itself is sound."""
    found = engine.table(sql("profiles"))
    struct = conform(found["profile"].combine_chunks(), struct_type(ProfileUpdated))
    sound = pa.array([True] * len(found), pa.bool_())
    for fault in faults(struct, ProfileUpdated):
        sound = pc.and_(sound, pc.invert(fault.rows))
    rows = draft_rows(
        type="profile_updated",
        struct=struct,
        occurred_at=found["placed_at"].combine_chunks(),
        source=mapping.source,
        refs=found,
        key=pa.nulls(len(found), pa.string()),
        unit=pa.nulls(len(found), pa.int64()),
    )
    return rows.filter(pc.and_(sound, _says_something(struct)))


def _says_something(struct: pa.StructArray) -> pa.BooleanArray:
    said = pa.array([False] * len(struct), pa.bool_())
    for child in struct.flatten():
        said = pc.or_(said, pc.is_valid(child))
    return said


def _broken_documents(parts: dict[str, pa.Table]) -> list[tuple[int, str, str]]:
    """Rows of documents that break a constraint of their event."""
    events: dict[str, type[Event]] = {
        "order_placed": OrderPlaced,
        "order_refunded": OrderRefunded,
        "balance_adjusted": BalanceAdjusted,
    }
    broken: dict[int, Fault] = {}
    for name, part in parts.items():
        if len(part):
            for fault in faults(part[name].combine_chunks(), events[name]):
                for unit in part["unit"].filter(fault.rows).to_pylist():
                    broken.setdefault(unit, fault)
    return [(unit, fault.path, f"{fault.path}: {fault.rule}") for unit, fault in broken.items()]


def _remarks(engine: Engine) -> tuple[str, ...]:
    counts = {row["what"]: row["n"] for row in engine.rows("select what, count(*) as n from documents group by 1")}
    linked = engine.value("select count(*) from refund_links")
    said = _(
        "documents: {documents}; orders: {orders}; refunds: {refunds}, of which linked: {linked}; adjustments: {adjustments}"
    )
    remarks = [
        said.format(
            documents=sum(counts.values()),
            orders=counts.get("order", 0),
            refunds=counts.get("refund", 0),
            linked=linked,
            adjustments=counts.get("adjustment", 0),
        )
    ]
    foreign = engine.rows(
        "select currency, count(*) as n from documents where currency <> (select currency from book) group by 1"
    )
    said = _("documents in {currency}, which stand beside the totals: {count}")
    remarks += [said.format(count=row["n"], currency=row["currency"]) for row in foreign]
    return tuple(remarks)
