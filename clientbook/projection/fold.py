"""What folding the log means: which events count, for whom, and the order in which the `.sql` files make tables of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from clientbook.engine.duckdb import Engine, identifier, quoted
from clientbook.events.arrow import ENVELOPE, event_schema
from clientbook.events.registry import Registry
from clientbook.log.parquet import Pinned
from clientbook.projection.moment import NOW, Moment

__all__ = [
    "NOW",
    "BookFacts",
    "Moment",
    "fingerprint",
    "fold",
    "fold_identities",
    "fold_orders",
    "open_book",
    "open_events",
    "open_log",
    "sql",
]

TABLES: Final = (
    "customers",
    "orders",
    "order_lines",
    "refunds",
    "interactions",
    "consent_history",
    "identifiers",
    "batches",
    "segments_defined",
    "notices",
    "lists",
    "policies",
    "similar_products",
)
"""What is kept in a snapshot, and what a query may name besides `events`."""

RESOLUTION: Final = ("voided", "undone_batches", "kept_identities", "customer_roots")
"""What decides which events count and for whom; kept in a snapshot too."""

BOOK_TABLES: Final = ("batches", "segments_defined", "notices", "lists", "policies", "similar_products")
"""Folded from events about the book itself."""

ORDER_TABLES: Final = ("refunds", "orders", "order_lines")
"""Folded from the events of an order, whoever's they are. In this order, for each reads the ones before."""

CUSTOMER_TABLES: Final = ("identifiers", "interactions", "consent_history", "customers")
"""Folded from the events of a customer, and `customers` from the tables before."""

ORDER_TYPES: Final = ("order_placed", "order_cancelled", "order_refunded")
"""The events that the order tables are folded from; those of one order have its source and number in common."""

ORDER_ID: Final = "coalesce(order_placed.order_id, order_cancelled.order_id, order_refunded.order_id)"

_FOLD_ORDER: Final = (*BOOK_TABLES, *ORDER_TABLES, *CUSTOMER_TABLES)

ORDERS: Final = {
    "customers": "customer_id",
    "orders": "customer_id, placed_at, position",
    "order_lines": "customer_id, placed_at, source, order_id, line_number",
    "refunds": "position",
    "interactions": "customer_id, occurred_at, position",
    "consent_history": "customer_id, occurred_at, position, channel, purpose",
    "identifiers": "customer_id, kind, source, value",
    "batches": "position",
    "segments_defined": "segment_id",
    "notices": "notice_id, version, language",
    "lists": "list_id",
    "policies": "position",
    "similar_products": "position",
    "voided": "position",
    "undone_batches": "batch",
    "kept_identities": "position",
    "customer_roots": "customer_id",
    "touched_customers": "customer_id",
    "touched_orders": "source, order_id",
    "touched_positions": "position",
}
"""How each table lies on disk; a canonical order too, since no two rows tie."""


@dataclass(frozen=True, kw_only=True)
class BookFacts:
    """Settings that figures depend on."""

    currency: str
    timezone: str


@cache
def sql(name: str) -> str:
    """The text of a projection's file."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def ordered(table: str, query: str | None = None) -> str:
    """The query that gives a table's rows, or those of a query for it, in their canonical order: no two rows tie."""
    source = table if query is None else f"({query})"
    return f"select * from {source} order by {ORDERS[table]}"


def fingerprint(registry: Registry, facts: BookFacts) -> str:
    """What snapshots depend on besides the log: SQL, the code around it, event schemas, settings."""
    digest = sha256(_own_code())
    digest.update(str(event_schema(registry)).encode())
    digest.update(repr(sorted(registry.sides.items())).encode())
    digest.update(f"{facts.currency} {facts.timezone}".encode())
    return digest.hexdigest()[:16]


def write_schema_file(path: Path, registry: Registry) -> None:
    """A file without rows that has every registered column, so that a column no file holds reads as NULL."""
    pq.write_table(event_schema(registry).empty_table(), path, store_schema=False)


def open_log(engine: Engine, pinned: Pinned, schema_file: Path) -> None:
    """Define `all_events`, what was recorded up to the head of the log as pinned."""
    engine.execute(
        "create or replace view main.all_events as"
        f" select * from {parquet(schema_file, *pinned.files, by_name=True)} where position <= {pinned.head.position}"
    )


def columns_used(engine: Engine, query: str) -> str:
    """The columns that rows of `all_events`, or some of them, fill: the envelope's and those of the types that occur.

    Most books use a fraction of the types. Reading the empty columns of the others takes longer than all the rest.
    """
    types = engine.table(f"select distinct type from ({query}) order by type")["type"].to_pylist()
    return ", ".join([*ENVELOPE.names, *map(identifier, types)])


def parquet(*paths: Path, by_name: bool = False) -> str:
    """Parquet files as something to select from."""
    listed = ", ".join(quoted(str(path)) for path in paths)
    return f"read_parquet([{listed}]{', union_by_name = true' if by_name else ''})"


def open_book(engine: Engine, facts: BookFacts, sides: Mapping[str, str] | None = None) -> None:
    """Define `book`, one row with the settings that figures depend on, and `event_sides`, one row per type of a plugin.

    `sides` says of each of these types where it stands on the time line.
    """
    rows = ", ".join(f"({quoted(name)}, {quoted(side)})" for name, side in (sides or {}).items())
    engine.execute("create or replace table main.event_sides (type varchar, side varchar)")
    if rows:
        engine.execute(f"insert into main.event_sides values {rows}")
    values = f"{quoted(facts.currency)} as currency, {quoted(facts.timezone)} as timezone"
    engine.execute(f"create or replace table main.book as select {values}")


def open_events(engine: Engine, moment: Moment, schema: str = "main") -> None:
    """Define `live_events`, what counts at the moment, and `events`, the same under the ids that customers resolve to then.

    Needs `all_events` in the schema, and voided, undone_batches, kept_identities and customer_roots in the main one.
    """
    open_live_events(engine, moment, schema)
    engine.execute(
        f"create or replace view {schema}.events as"
        " select live.* exclude (salt) replace (coalesce(roots.root_id, live.customer_id) as customer_id),"
        " live.customer_id as recorded_customer_id"
        f" from {schema}.live_events as live"
        " left join main.customer_roots as roots on live.customer_id = roots.customer_id"
    )


def open_live_events(engine: Engine, moment: Moment, schema: str = "main") -> None:
    """Define `live_events` in the schema."""
    engine.execute(
        f"create or replace view {schema}.live_events as"
        f" select * from {schema}.all_events where {_until('occurred_at', moment.as_of)}"
        " and position not in (select position from main.voided)"
        " and (batch is null or batch not in (select batch from main.undone_batches)"
        " or position in (select position from main.kept_identities))"
    )


@cache
def _own_code() -> bytes:
    """This package's files, of which any may decide what is in a table or how it lies on disk."""
    package = files(__package__)
    found = [*package.iterdir(), *(package / "sql").iterdir()]
    kept = sorted((file for file in found if file.name.endswith((".py", ".sql"))), key=lambda file: file.name)
    return b"".join(file.read_bytes() for file in kept)


@contextmanager
def names_from(engine: Engine, schema: str) -> Iterator[None]:
    """Let a query find its tables in the schema first, then in the main one."""
    before = engine.value("select current_setting('search_path')")
    engine.execute(f"set search_path = '{schema},main'")
    try:
        yield
    finally:
        engine.execute(f"set search_path = {quoted(before)}")


def fold(engine: Engine, moment: Moment) -> None:
    """Fold `all_events` into tables in memory."""
    resolve(engine, moment)
    for name in _FOLD_ORDER:
        engine.execute(f"create or replace table {name} as {ordered(name, sql(name))}")


def fold_identities(engine: Engine, moment: Moment) -> None:
    """Fold only `customer_roots`, `identifiers` and the ids of `customers`, in memory."""
    resolve(engine, moment)
    engine.execute(f"create or replace table identifiers as {sql('identifiers')}")
    engine.execute(
        "create or replace table customers as select distinct customer_id from events where customer_id is not null"
    )


def fold_orders(engine: Engine) -> None:
    """Fold only `refunds` and `orders`, after the identities."""
    for name in ("refunds", "orders"):
        engine.execute(f"create or replace table {name} as {sql(name)}")


def resolve(engine: Engine, moment: Moment) -> None:
    """Make voided, undone_batches, kept_identities and customer_roots from `all_events`; define the views upon them."""
    for name in ("voided", "undone_batches", "kept_identities"):
        engine.execute(f"create or replace table {name} as {sql(name)}")
    open_live_events(engine, moment)
    engine.execute(f"create or replace table customer_roots as {sql('customer_roots')}")
    open_events(engine, moment)


def _until(column: str, instant: datetime | None) -> str:
    return f"{column} <= timestamptz {quoted(instant.isoformat())}" if instant else "true"
