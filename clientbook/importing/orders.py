"""Order files: rows grouped into documents; documents become orders, refunds (linked where one order fits), adjustments."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

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

_PROFILE: Final = tuple(
    f"customer.{name}"
    for name in (
        *("civility", "given_name", "family_name", "name", "legal_name", "email", "mobile", "phone", "landline"),
        *("birth_date", "street", "postal_code", "city", "region", "country"),
    )
)
"""What the query `profiles` reads."""


def draft_orders(engine: Engine, file: TextTable, mapping: Mapping, catalogue: Catalogue, *, imported_at: datetime) -> Draft:
    """Turn an order file into draft events.

    `engine` has the file registered as `cells` and holds the book's tables, in which earlier orders are looked for.
    A document one of whose rows is set aside is set aside whole: part of an order would be another order.
    """
    type_rows(engine, file, mapping, catalogue)
    engine.execute(f"create or replace view priced as {sql('priced')}")
    engine.execute(f"create or replace view article_rows as {sql('article_rows')}")
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
    if _speaks_of(mapping, "order.cancelled_at", "order.refunded"):
        paid_back = f"create or replace table paid_back_before as {sql('paid_back_before')}"
        engine.execute(paid_back, {"source": mapping.source})
        parts |= {
            "cancelled": _events(engine, "order_cancellations", OrderCancelled, "order_cancelled", mapping.source),
            "paid_back": _events(engine, "order_refunds", OrderRefunded, "order_refunded", mapping.source),
        }
    consents = draft_consents(engine, mapping, imported_at=imported_at)
    rows = engine.table(sql("order_rows"))
    rejected_amount = engine.value(sql("rejected_amount"))
    profiles = [_profiles(engine, mapping)] if _speaks_of(mapping, *_PROFILE) else []
    return Draft(
        events=together([*parts.values(), *profiles, *consents]),
        row_units=rows["unit"].combine_chunks(),
        row_lines=rows["line"].combine_chunks(),
        row_amounts=rows["amount"].combine_chunks(),
        rejects=tuple(rejects(engine)),
        rejected_amount=rejected_amount,
        rows_read=file.rows_read,
        rows_skipped=file.empty_rows,
        remarks=_remarks(engine),
    )


def _speaks_of(mapping: Mapping, *targets: str) -> bool:
    said = {*(chosen.to for chosen in mapping.columns.values()), *mapping.constants}
    return any(target in said for target in targets)


def _cut_short(file: TextTable, mapping: Mapping) -> pa.Table:
    """The documents that a row which could not be cut into cells seems to belong to."""
    keys = column_keys(file.header)
    places = [keys.index(key) for key, chosen in mapping.columns.items() if chosen.to == "order.id"]
    found = [row.cells[place].strip(" '\"") for row in file.broken for place in places if place < len(row.cells)]
    return pa.table({"document": pa.array(found, pa.string())})


def _group(engine: Engine, parameters: dict[str, object]) -> None:
    engine.execute(
        "create or replace table spoilt as select distinct document"
        " from priced inner join bad_rows using (row) union select document from cut_short"
    )
    engine.execute(f"create or replace table documents as {sql('documents')}", parameters)
    engine.execute(
        "create or replace table row_units as"
        " select priced.row, documents.unit from priced inner join documents using (document)"
    )
    engine.execute(f"create or replace view document_lines as {sql('document_lines')}")
    engine.execute(
        "create or replace table other_lines as select unit, list(line order by row) as lines from document_lines"
        " where what <> 'order' group by unit"
    )


def _parts(engine: Engine, mapping: Mapping) -> dict[str, pa.Table]:
    source = mapping.source
    if engine.value("select count(*) from documents where what = 'refund'"):
        engine.execute(f"create or replace table refund_links as {sql('refund_links')}", {"source": source})
    else:
        engine.execute("create or replace table refund_links as select unit, order_id from documents where false")
    return {
        "order_placed": _orders(engine, source),
        "order_refunded": _events(engine, "refund_events", OrderRefunded, "order_refunded", source),
        "balance_adjusted": _events(engine, "adjustment_events", BalanceAdjusted, "balance_adjusted", source),
    }


def _orders(engine: Engine, source: str) -> pa.Table:
    found = engine.table(sql("order_events"))
    said = found["event"].combine_chunks()
    children = {field.name: child for field, child in zip(said.type, said.flatten(), strict=True)}
    children["lines"] = _lines(engine, found["unit"].to_numpy())
    event = pa.StructArray.from_arrays(list(children.values()), list(children))
    return _rows(found, event, OrderPlaced, "order_placed", source)


def _lines(engine: Engine, orders: NDArray[np.int64]) -> pa.ListArray:
    """The lines of these orders (their units, rising), in the order of the file.

    Nearly all files have an order's rows together: then nothing is sorted, nor joined, which for lines takes much memory.
    """
    lines = engine.table("select * from article_rows order by row")
    units = engine.table("select row, unit from row_units")
    of_row = np.full(engine.value("select count(*) from cells"), -1)
    of_row[units["row"].to_numpy()] = units["unit"].to_numpy()
    of_line = of_row[lines["row"].to_numpy()]
    structs = lines["line"].combine_chunks()
    is_of_order = np.isin(of_line, orders, kind="table") if len(orders) else np.zeros(len(of_line), bool)
    if not is_of_order.all():
        structs, of_line = structs.filter(pa.array(is_of_order)), of_line[is_of_order]
    if (np.diff(of_line) < 0).any():
        places = np.argsort(of_line, kind="stable")
        structs, of_line = structs.take(pa.array(places)), of_line[places]
    ends = np.searchsorted(of_line, orders, side="right")
    return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], ends]), pa.int32()), structs)


def _events(engine: Engine, query: str, event: type[Event], type: str, source: str) -> pa.Table:
    found = engine.table(sql(query))
    return _rows(found, found["event"].combine_chunks(), event, type, source)


def _rows(found: pa.Table, said: pa.StructArray, event: type[Event], type: str, source: str) -> pa.Table:
    return draft_rows(
        type=type,
        struct=conform(said, struct_type(event)),
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
