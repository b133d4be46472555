"""Figures by a column: of the customers with each of its values, by a schema that stands in for the book's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from clientbook.engine.duckdb import Engine, identifier, quoted
from clientbook.errors import WrongUse
from clientbook.hooks.declarations import Metric, Value
from clientbook.i18n import _
from clientbook.measuring.figures import Figure
from clientbook.measuring.running import Run
from clientbook.query.expressions import Columns
from clientbook.reading import Reading

LARGEST: Final = 20
"""Values that are told apart, those of most customers; the others are told together."""
UNKNOWN: Final = "unknown"
OTHER: Final = "other"
_TABLES: Final = ("orders", "order_lines", "refunds", "interactions", "consent_history", "identifiers")
_SCHEMA: Final = "divided"


class CannotDivide(WrongUse):
    """A column by whose values the book cannot be divided."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The customers with one value."""

    place: int
    value: str


def by_column(
    reading: Reading, metrics: Sequence[Metric], column: str, given: Mapping[str, Value]
) -> tuple[list[Figure], dict[str, str]]:
    """The figures of each group, the largest first, then the others together and those without a value; what failed.

    Raises:
        CannotDivide: the column is none, or has too many values to be told apart.
    """
    usable = [metric for metric in metrics if metric.breakdown and metric.layout == "list"]
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    with _divided(reading, _value_of(reading, column)) as groups:
        for group in groups:
            with _only(reading.engine, group):
                run = Run(reading=reading, context=reading.context(schema=_SCHEMA), by=group.value)
                figures += run.figures(usable, given)
                failures |= run.failures
    return figures, failures


def _value_of(reading: Reading, name: str) -> str:
    """SQL for the values of a column, as texts; of a date its year."""
    if name.startswith("segment:"):
        rule = name.removeprefix("segment:")
        expression = reading.expression(f"in_segment({quoted(rule)})")
        inside, outside = quoted(_("in")), quoted(_("not in"))
        return f"case when coalesce(try({expression.sql}), false) then {inside} else {outside} end"
    columns: Columns = reading.columns
    if name not in columns:
        near = columns.nearest(name) if hasattr(columns, "nearest") else None
        said = _("there is no column {name!r} to divide by; `clientbook customers --columns help` lists them")
        raise CannotDivide(said.format(name=name) + (f" ({near})" if near else ""))
    reading.open(columns=[name])
    kind, quoted_name = columns[name], identifier(name)
    if kind == "VARCHAR":
        return f"nullif({quoted_name}, '')"
    if kind == "VARCHAR[]":
        return f"unnest(case when len({quoted_name}) > 0 then {quoted_name} else [null] end)"
    if kind == "BOOLEAN":
        return f"case when {quoted_name} then {quoted(_('yes'))} when not {quoted_name} then {quoted(_('no'))} end"
    if kind == "DATE":
        return f"cast(year({quoted_name}) as varchar)"
    if kind.startswith("TIMESTAMP"):
        return f"cast(year(timezone({quoted(reading.settings.timezone)}, {quoted_name})) as varchar)"
    if kind in ("BIGINT", "INTEGER"):
        return f"cast({quoted_name} as varchar)"
    raise CannotDivide(
        _("{name} has a value for nearly every customer; divide by a column of texts, tags, dates or whole numbers").format(
            name=name
        )
    )


@contextmanager
def _divided(reading: Reading, value: str) -> Iterator[list[Group]]:
    """A schema with the table `members`: customer_id and the place of the group."""
    engine = reading.engine
    engine.execute(f"drop schema if exists {_SCHEMA} cascade")
    engine.execute(f"create schema {_SCHEMA}")
    engine.execute(f"create table {_SCHEMA}.valued as select customer_id, {value} as value from main.customers")
    engine.execute(
        f"create table {_SCHEMA}.sizes as select value, row_number() over (order by count(*) desc, value) as place"
        f" from {_SCHEMA}.valued where value is not null group by value"
    )
    engine.execute(
        f"create table {_SCHEMA}.members as select distinct valued.customer_id,"
        f" case when valued.value is null then {LARGEST + 2} else least(sizes.place, {LARGEST + 1}) end as place"
        f" from {_SCHEMA}.valued as valued left join {_SCHEMA}.sizes as sizes on valued.value = sizes.value"
    )
    named = {row["place"]: row["value"] for row in engine.rows(f"select * from {_SCHEMA}.sizes where place <= {LARGEST}")}
    named |= {LARGEST + 1: OTHER, LARGEST + 2: UNKNOWN}
    places = [row["place"] for row in engine.rows(f"select distinct place from {_SCHEMA}.members order by place")]
    try:
        yield [Group(place=place, value=named[place]) for place in places]
    finally:
        engine.execute(f"drop schema {_SCHEMA} cascade")


@contextmanager
def _only(engine: Engine, group: Group) -> Iterator[None]:
    """Let the schema's tables have only the rows of one group's customers; guests are nobody's."""
    members = f"select customer_id from {_SCHEMA}.members where place = {group.place}"
    engine.execute(f"create table {_SCHEMA}.customers as select * from main.customers where customer_id in ({members})")
    for table in _TABLES:
        engine.execute(
            f"create view {_SCHEMA}.{table} as select * from main.{table}"
            f" where customer_id in (select customer_id from {_SCHEMA}.customers)"
        )
    try:
        yield
    finally:
        for table in _TABLES:
            engine.execute(f"drop view {_SCHEMA}.{table}")
        engine.execute(f"drop table {_SCHEMA}.customers")


def value_label(value: str | None) -> str:
    """A group as people call it."""
    if value == UNKNOWN:
        return _("unknown")
    return _("others") if value == OTHER else value or ""


__all__ = ["LARGEST", "CannotDivide", "by_column", "value_label"]
