"""Whose event is it: resolve the identifiers a source uses to customers of the book, inside the writer lock."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import Engine
from clientbook.events.arrow import INSTANT
from clientbook.events.personal import CustomerRegistered, IdentifierLinked
from clientbook.importing.draft import draft_rows, struct_column
from clientbook.importing.typed import sql

ID_BYTES = 10
"""Customer ids are 80 random bits, written as 20 hexadecimal digits; never derived from personal data."""


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """The draft's events with their customers, and what had to be added for them."""

    customer_ids: pa.Array
    """For each draft event; NULL for a guest or an event about the book, or where `unknown` is true."""
    is_new: pa.BooleanArray
    """For each draft event, whether its customer is new to the book."""
    unknown: pa.BooleanArray
    """For each draft event, whether it names an id that nobody has."""
    added: pa.Table
    """Registrations and identifiers to record, as draft events with `customer_id`."""
    created: int
    matched: int
    clashes: tuple[str, ...]
    """Strong identifiers that disagreed, in words without personal data."""


def resolve(engine: Engine, events: pa.Table) -> Resolution:
    """Find or make the customer of each draft event. `engine` has the book's identities, up to date.

    Where an import is undone it has `all_events` too, for a customer that comes back has the id it had.
    """
    rows = pa.array(range(len(events)), pa.int64())
    named = events.select(["source", "type", "occurred_at", "given_id", "external", "email", "phone"])
    named = named.set_column(0, "source", pc.coalesce(events["number_source"], events["source"]))
    engine.register("drafted", named.append_column("row", rows))
    engine.execute(f"create or replace table refs as {sql('refs')}")
    engine.execute(f"create or replace table decided as {sql('identity')}")
    _give_ids(engine)
    result = engine.table(sql("resolved"))
    counts = engine.rows(
        "select count(distinct customer_id) filter (where is_new) as created,"
        " count(distinct customer_id) filter (where not is_new) as matched from owners"
    )[0]
    clashes = engine.rows("select clash, count(*) as n from decided where clash is not null group by 1 order by 1")
    return Resolution(
        customer_ids=result["customer_id"].combine_chunks(),
        is_new=result["is_new"].combine_chunks(),
        unknown=result["unknown"].combine_chunks(),
        added=_additions(engine),
        created=counts["created"],
        matched=counts["matched"],
        clashes=tuple(f"{row['n']} × {row['clash']}" for row in clashes),
    )


def random_customer_ids(count: int) -> pa.StringArray:
    """Fresh ids."""
    digits = os.urandom(ID_BYTES * count).hex().encode()
    width = 2 * ID_BYTES
    offsets = pa.array(range(0, width * count + 1, width), pa.int32()).buffers()[1]
    return pa.StringArray.from_buffers(count, offsets, pa.py_buffer(digits))


def _give_ids(engine: Engine) -> None:
    """`owners`: for each ref its customer. An id given by the source stands if the book has it or the batch registers it."""
    engine.execute(f"create or replace table keys as {sql('keys')}")
    missing = engine.table("select key from keys where customer_id is null order by first_row")["key"].combine_chunks()
    fresh = random_customer_ids(len(missing))
    if len(missing) and engine.value("select count(*) from undone_batches"):
        remembered = engine.table(sql("remembered"))
        place = pc.index_in(missing, value_set=remembered["key"].combine_chunks())
        fresh = pc.coalesce(remembered["customer_id"].combine_chunks().take(place), fresh)
    engine.register("fresh", pa.table({"key": missing, "customer_id": fresh}))
    engine.execute(f"create or replace table owners as {sql('owners')}")


def _additions(engine: Engine) -> pa.Table:
    """Registrations of customers that the batch does not register itself, and identifiers the book does not have."""
    registrations, links = engine.table(sql("registrations")), engine.table(sql("links"))
    return pa.concat_tables([_registered(registrations), _linked(links)], promote_options="default")


def _registered(found: pa.Table) -> pa.Table:
    values = {
        "kind": pa.repeat(pa.scalar("person"), len(found)),
        "collected_via": pa.repeat(pa.scalar("import"), len(found)),
    }
    key = found["customer_id"].combine_chunks()
    return _addition(found, "customer_registered", struct_column(CustomerRegistered, values, len(found)), key)


def _linked(found: pa.Table) -> pa.Table:
    values = {name: found[name].combine_chunks() for name in ("kind", "value", "strength")}
    key = pc.binary_join_element_wise(found["customer_id"].combine_chunks(), values["kind"], values["value"], pa.scalar(" "))
    return _addition(found, "identifier_linked", struct_column(IdentifierLinked, values, len(found)), key)


def _addition(found: pa.Table, type: str, struct: pa.StructArray, key: pa.Array) -> pa.Table:
    length = len(found)
    nothing = pa.nulls(length, pa.string())
    table = draft_rows(
        type=type,
        struct=struct,
        occurred_at=found["occurred_at"].combine_chunks().cast(INSTANT),
        source="",
        refs=pa.table({"external": nothing, "email": nothing, "phone": nothing}),
        key=key,
        unit=pa.nulls(length, pa.int64()),
    )
    table = table.set_column(table.schema.get_field_index("source"), "source", found["source"])
    return table.append_column("customer_id", pc.cast(found["customer_id"], pa.string()))
