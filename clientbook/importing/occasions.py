"""Files of one type of events, such as calls, carts or answers: a row is one, or the rows that share its number are."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import Engine, quoted
from clientbook.events.arrow import broken_rows, conform, faults, struct_type
from clientbook.events.base import Event
from clientbook.i18n import _
from clientbook.importing.draft import CONTENT_KEY, at, draft_rows, occurrence
from clientbook.importing.mapping import Mapping
from clientbook.importing.targets import Catalogue, has_lines, targets_of
from clientbook.importing.typed import reject_faulty
from clientbook.log.digest import canonical

_LINES = (
    "list(struct_pack(sku := line_sku, product := line_product, category := line_category, quantity := line_quantity,"
    " unit_price := line_unit_price, amount := line_amount) order by row)"
    " filter (where coalesce(line_sku, line_product, line_category) is not null or line_quantity is not null)"
)
_SUM = "try_cast(sum(coalesce(line_amount, cast(line_quantity as decimal(20, 4)) * line_unit_price)) as decimal(18, 4))"


def group_occasions(engine: Engine, mapping: Mapping, catalogue: Catalogue) -> pa.Table:
    """One row per event: unit, external, email, phone, occurred_at, event. Makes `speakers` (row, unit).

    An event one of whose rows is set aside, or that breaks its type, is set aside whole.
    """
    event = catalogue[mapping.kind]
    engine.execute(f"create or replace table occasion_rows as {_document(event)}")
    struct = ", ".join(f"{name} := {value}" for name, value in _fields(mapping, event, catalogue).items())
    grouped = (
        "select min(row) as unit, min_by(customer_external_id, row) as external,"
        " lower(min_by(customer_email, row)) as email,"
        " min_by(coalesce(customer_mobile, customer_phone, customer_landline), row) as phone,"
        f" min(event_occurred_at) as occurred_at, struct_pack({struct}) as event"
        " from typed inner join occasion_rows using (row) group by document order by unit"
    )
    spoilt = (
        "delete from occasion_rows where document in (select document from occasion_rows semi join bad_rows using (row))"
    )
    _leave_out(engine, spoilt)
    found = engine.table(grouped)
    said = conform(found["event"].combine_chunks(), struct_type(event))
    broken = faults(said, event)
    if broken:
        by_unit = {unit: fault for fault in reversed(broken) for unit in found["unit"].filter(fault.rows).to_pylist()}
        reject_faulty(engine, [(unit, fault.path, f"{fault.path}: {fault.rule}") for unit, fault in by_unit.items()])
        _leave_out(engine, spoilt)
        sound = pc.invert(broken_rows(broken, len(found)))
        found, said = found.filter(sound), said.filter(sound)
    engine.execute(
        "create or replace table speakers as select row, min(row) over (partition by document) as unit from occasion_rows"
    )
    return found.set_column(found.schema.get_field_index("event"), "event", said)


def _leave_out(engine: Engine, spoilt: str) -> None:
    """Set aside the other rows of an event one of whose rows is bad."""
    message = quoted(_("another row of this event was set aside"))
    engine.execute(
        f"insert into bad_rows select typed.row, typed.line, '', '', 'event.incomplete', {message}"
        " from typed inner join occasion_rows using (row)"
        " where document in (select document from occasion_rows semi join bad_rows using (row))"
        " and typed.row not in (select row from bad_rows)"
    )
    engine.execute(spoilt)


def occasion_events(found: pa.Table, mapping: Mapping, event: type[Event], imported_at: pa.Scalar) -> pa.Table:
    """The grouped events as draft events. An event without a date is known by what it says."""
    said = found["event"].combine_chunks()
    undated = pc.is_null(found["occurred_at"].combine_chunks())
    numbers = [said.field(said.type.get_field_index(name)) for name in event.natural_key]
    key = pa.nulls(len(said), pa.string())
    if numbers:
        key = pc.binary_join_element_wise(*(number.cast(pa.string()) for number in numbers), pa.scalar(" "))
    whole = pa.StructArray.from_arrays(
        [*(found[name].combine_chunks() for name in ("external", "email", "phone")), said],
        ["external", "email", "phone", "event"],
    )
    texts = canonical(whole)
    content = pc.binary_join_element_wise(texts, occurrence(texts), pa.scalar(b"#", pa.binary())).cast(pa.string())
    content = pc.binary_join_element_wise(pa.scalar(CONTENT_KEY), content, pa.scalar(""))
    key = pc.if_else(pc.and_(undated, pc.is_null(key)), content, key)
    return draft_rows(
        type=mapping.kind,
        struct=said,
        occurred_at=pc.coalesce(
            found["occurred_at"].combine_chunks().cast(imported_at.type), at(imported_at.as_py(), len(said))
        ),
        source=mapping.source,
        refs=found,
        key=key,
        unit=found["unit"],
    )


def _document(event: type[Event]) -> str:
    """Which event each row belongs to."""
    numbers = [f"event_{name}" for name in event.natural_key] if has_lines(event) else []
    if not numbers:
        return "select row, 'row ' || row as document from typed"
    joined = " || ' ' || ".join(numbers)
    return f"select row, coalesce('n ' || {joined}, 'row ' || row) as document from typed"


def _fields(mapping: Mapping, event: type[Event], catalogue: Catalogue) -> dict[str, str]:
    """SQL of each field that the file can fill."""
    fields = {}
    for target in targets_of(mapping.kind, catalogue).values():
        family, _dot, name = target.name.partition(".")
        if family == "event" and name != "occurred_at":
            fields[name] = f"min_by({target.name.replace('.', '_')}, row)"
    if has_lines(event):
        fields["lines"] = _LINES
        if "amount" in fields:
            fields["amount"] = f"coalesce({fields['amount']}, {_SUM})"
    if "currency" in fields and "amount" in fields:
        currency = f"coalesce(upper({fields['currency']}), {quoted(mapping.currency)})"
        fields["currency"] = f"case when {fields['amount']} is not null then {currency} end"
    return fields
