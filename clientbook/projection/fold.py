"""Fold the log into the clock-free tables: each `.sql` file is one query over the tables before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from clientbook.engine.duckdb import Engine, quoted
from clientbook.events.arrow import event_schema
from clientbook.events.registry import Registry
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
)
"""What is kept in a snapshot, and what a query may name besides `events`."""

RESOLUTION: Final = ("voided", "undone_batches", "kept_identities", "customer_roots")
"""What decides which events count and for whom; kept in a snapshot too."""

_FOLD_ORDER: Final = (
    "identifiers",
    "refunds",
    "orders",
    "order_lines",
    "interactions",
    "consent_history",
    "batches",
    "segments_defined",
    "customers",
)


@dataclass(frozen=True, kw_only=True)
class BookFacts:
    """Settings that figures depend on."""

    currency: str
    timezone: str


@cache
def sql(name: str) -> str:
    """The text of a projection's file."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def fingerprint(registry: Registry, facts: BookFacts) -> str:
    """What snapshots depend on besides the log: SQL, event schemas, settings. Any change makes them another's."""
    digest = sha256()
    for name in (*RESOLUTION, *_FOLD_ORDER):
        digest.update(sql(name).encode())
    digest.update(str(event_schema(registry)).encode())
    digest.update(f"{facts.currency} {facts.timezone}".encode())
    return digest.hexdigest()[:16]


def write_schema_file(path: Path, registry: Registry) -> None:
    """A file without rows that has every registered column, so that a column no file holds reads as NULL."""
    pq.write_table(event_schema(registry).empty_table(), path, store_schema=False)


def open_log(engine: Engine, log_files: Iterable[Path], schema_file: Path, moment: Moment) -> None:
    """Define `all_events`, what was recorded by the moment."""
    listed = ", ".join(quoted(str(path)) for path in (schema_file, *log_files))
    engine.execute(
        f"create or replace view all_events as select * from read_parquet([{listed}], union_by_name = true)"
        f" where {_until('recorded_at', moment.known_at)}"
        f" and {'true' if moment.position is None else f'position <= {moment.position}'}"
    )


def open_book(engine: Engine, facts: BookFacts) -> None:
    """Define `book`: one row with the settings that figures depend on."""
    values = f"{quoted(facts.currency)} as currency, {quoted(facts.timezone)} as timezone"
    engine.execute(f"create or replace table book as select {values}")


def open_events(engine: Engine, moment: Moment) -> None:
    """Define `events`: what counts at the moment, under the ids that customers resolve to then.

    Needs `all_events` and the tables of `RESOLUTION`.
    """
    engine.execute(
        "create or replace view events as"
        " select live_events.* exclude (salt)"
        " replace (coalesce(customer_roots.root_id, live_events.customer_id) as customer_id),"
        " live_events.customer_id as recorded_customer_id"
        f" from ({_live(moment)}) as live_events"
        " left join customer_roots on live_events.customer_id = customer_roots.customer_id"
    )


def fold(engine: Engine, moment: Moment) -> None:
    """Fold `all_events` into tables in memory."""
    _resolve(engine, moment)
    for name in _FOLD_ORDER:
        engine.execute(f"create or replace table {name} as {sql(name)}")


def fold_identities(engine: Engine, moment: Moment) -> None:
    """Fold only `customer_roots`, `identifiers` and the ids of `customers`."""
    _resolve(engine, moment)
    engine.execute(f"create or replace table identifiers as {sql('identifiers')}")
    engine.execute(
        "create or replace table customers as select distinct customer_id from events where customer_id is not null"
    )


def fold_orders(engine: Engine) -> None:
    """Fold only `refunds` and `orders`, after the identities."""
    for name in ("refunds", "orders"):
        engine.execute(f"create or replace table {name} as {sql(name)}")


def _resolve(engine: Engine, moment: Moment) -> None:
    for name in ("voided", "undone_batches", "kept_identities"):
        engine.execute(f"create or replace table {name} as {sql(name)}")
    engine.execute(f"create or replace view live_events as {_live(moment)}")
    engine.execute(f"create or replace table customer_roots as {sql('customer_roots')}")
    open_events(engine, moment)


def _live(moment: Moment) -> str:
    return (
        f"select * from all_events where {_until('occurred_at', moment.as_of)}"
        " and position not in (select position from voided)"
        " and (batch is null or batch not in (select batch from undone_batches)"
        " or position in (select position from kept_identities))"
    )


def _until(column: str, instant: datetime | None) -> str:
    return f"{column} <= timestamptz {quoted(instant.isoformat())}" if instant else "true"
