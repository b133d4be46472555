"""The tables as they were at an earlier instant, made from one snapshot: for trends, where folding each month takes long.

Orders, refunds, the time line, acts of consent and what customers add up to are those of the instant; who is the same
person, and what profiles say, is what is known now. `--as-of` folds the log and leaves nothing to hindsight.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib.resources import files

from clientbook.engine.duckdb import Engine, quoted
from clientbook.projection.fold import names_from


@cache
def _sql(name: str) -> str:
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def open_then(engine: Engine, at: datetime, *, schema: str) -> None:
    """Make the schema, with customers, orders, order_lines, refunds, interactions, consent_history and identifiers in it."""
    instant = f"timestamptz {quoted(at.isoformat())}"
    engine.execute(f"drop schema if exists {schema} cascade")
    engine.execute(f"create schema {schema}")
    for table, moment in (
        ("order_lines", "placed_at"),
        ("interactions", "occurred_at"),
        ("consent_history", "occurred_at"),
        ("identifiers", "linked_at"),
    ):
        engine.execute(f"create view {schema}.{table} as select * from main.{table} where {moment} <= {instant}")
    engine.execute(f"create view {schema}.refunds as select * from main.refunds where refunded_at <= {instant}")
    engine.execute(f"create table {schema}.orders as {_sql('orders_then').replace('$at', instant)}")
    with names_from(engine, schema):
        customers = _sql("customers_then").replace("{customers}", plain_customers(engine))
        engine.execute(f"create table {schema}.customers as {customers}")


def plain_customers(engine: Engine) -> str:
    """The customers without traits, whether or not these were joined to them."""
    named = engine.value(
        "select count(*) from information_schema.tables where table_schema = 'main' and table_name = 'plain_customers'"
    )
    return "main.plain_customers" if named else "main.customers"
