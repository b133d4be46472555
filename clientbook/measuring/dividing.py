"""Figures by a column: of the customers with each of its values, by a schema that stands in for the book's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from clientbook.engine.duckdb import Engine, identifier, quoted
from clientbook.errors import WrongUse
from clientbook.hooks.declarations import Metric, Value
from clientbook.i18n import N_, _
from clientbook.measuring.figures import Figure
from clientbook.measuring.running import Run, traits_named
from clientbook.query.expressions import Columns
from clientbook.query.views import checked_columns
from clientbook.reading import Reading

LARGEST: Final = 20
"""Values that are told apart, those of most customers; the others are told together."""
UNKNOWN: Final = "unknown"
OTHER: Final = "other"
_TABLES: Final = ("orders", "order_lines", "refunds", "interactions", "consent_history", "identifiers")
_SCHEMA: Final = "divided"


_TOO_MANY: Final = N_(
    "{name} has a value of its own for nearly every customer; divide by a column of texts, tags, dates or whole numbers"
)


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
        CannotDivide: the column has too many values to be told apart.
        InvalidExpression: there is no such column, or no such segment.
    """
    usable = [metric for metric in metrics if metric.breakdown and metric.layout != "matrix"]
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    reading.open(columns=traits_named(reading, usable))
    value, is_ordered = _value_of(reading, column)
    with _divided(reading, value, column) as groups:
        for group in sorted(groups, key=_in_order) if is_ordered else groups:
            with _only(reading.engine, group):
                run = Run(reading=reading, context=reading.context(schema=_SCHEMA), by=group.value)
                figures += run.figures(usable, given)
                failures |= run.failures
    return figures, failures


def _value_of(reading: Reading, name: str) -> tuple[str, bool]:
    """SQL for the values of a column, as texts, of a date its year; and whether these have an order of their own."""
    if name.startswith("segment:"):
        rule = name.removeprefix("segment:")
        expression = reading.expression(f"in_segment({quoted(rule)})")
        inside, outside = quoted(_("in")), quoted(_("not in"))
        return f"case when coalesce(try({expression.sql}), false) then {inside} else {outside} end", False
    columns: Columns = reading.columns
    checked_columns((name,), columns)
    reading.open(columns=[name])
    kind, quoted_name = columns[name], identifier(name)
    if kind == "VARCHAR":
        return f"nullif({quoted_name}, '')", False
    if kind == "VARCHAR[]":
        return f"unnest(case when len({quoted_name}) > 0 then {quoted_name} else [null] end)", False
    if kind == "BOOLEAN":
        return f"case when {quoted_name} then {quoted(_('yes'))} when not {quoted_name} then {quoted(_('no'))} end", False
    if kind == "DATE":
        return f"cast(year({quoted_name}) as varchar)", True
    if kind.startswith("TIMESTAMP"):
        return f"cast(year(timezone({quoted(reading.settings.timezone)}, {quoted_name})) as varchar)", True
    if kind in ("BIGINT", "INTEGER"):
        return f"cast({quoted_name} as varchar)", True
    raise CannotDivide(_(_TOO_MANY).format(name=name))


@contextmanager
def _divided(reading: Reading, value: str, name: str) -> Iterator[list[Group]]:
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
    sizes = engine.rows(f"select count(*) as n from {_SCHEMA}.sizes")[0]["n"]
    if sizes > LARGEST and sizes > engine.value(f"select count(value) from {_SCHEMA}.valued") / 2:
        raise CannotDivide(_(_TOO_MANY).format(name=name))
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


def _in_order(group: Group) -> tuple[int, int]:
    return (1, group.place) if group.value in (OTHER, UNKNOWN) else (0, int(group.value))


def value_label(value: str | None, labels: Mapping[str, str]) -> str:
    """A group as people call it; `labels` are those of the column's values, as msgids."""
    if value is not None and value in labels:
        return _(labels[value])
    if value == UNKNOWN:
        return _("unknown")
    return _("others") if value == OTHER else value or ""


__all__ = ["LARGEST", "CannotDivide", "by_column", "value_label"]
