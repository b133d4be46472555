"""Traits: computed columns of customers, at an instant, joined to `customers` where something names one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Final

import msgspec
import pyarrow as pa
import sqlglot
from sqlglot import exp

from clientbook.engine.duckdb import Engine, identifier, quoted
from clientbook.hooks.declarations import Context, Trait
from clientbook.i18n import _
from clientbook.projection.fold import names_from

TYPES: Final = {
    "int": "BIGINT",
    "decimal": "DECIMAL(38,4)",
    "float": "DOUBLE",
    "date": "DATE",
    "text": "VARCHAR",
    "bool": "BOOLEAN",
}
"""The DuckDB type of each type of value."""

Compute = Callable[[Trait], pa.Table | None]
"""Runs a trait's `compute`; None where it failed."""


@dataclass(frozen=True)
class Traits:
    """The traits of a book, by column."""

    by_column: Mapping[str, Trait]

    @classmethod
    def of(cls, traits: Iterable[Trait]) -> Traits:
        return cls({trait.column: trait for trait in traits})

    @cached_property
    def needs(self) -> dict[str, frozenset[str]]:
        """For each column the other traits' columns that its expression names."""
        return {
            column: frozenset(_named(trait.sql) & (set(self.by_column) - {column})) if trait.sql else frozenset()
            for column, trait in self.by_column.items()
        }

    def types(self) -> dict[str, str]:
        """The columns and their DuckDB types."""
        return {column: TYPES[trait.value_type] for column, trait in self.by_column.items()}

    def with_needed(self, columns: Iterable[str]) -> tuple[str, ...]:
        """The trait columns among these and those they are made from, each after what it needs."""
        found: list[str] = []

        def visit(column: str) -> None:
            if column not in found:
                for needed in sorted(self.needs[column]):
                    visit(needed)
                found.append(column)

        for column in sorted(set(columns) & set(self.by_column)):
            visit(column)
        return tuple(found)

    def without(self, column: str) -> Traits:
        """These traits with one that is NULL for everybody."""
        emptied = msgspec.structs.replace(self.by_column[column], sql="null", relation=None, compute=None)
        return Traits({**self.by_column, column: emptied})

    def levels(self, columns: Iterable[str]) -> list[list[Trait]]:
        """The SQL traits in groups that can be computed one after the other."""
        left = [column for column in self.with_needed(columns) if self.by_column[column].sql]
        levels: list[list[Trait]] = []
        while left:
            ready = [column for column in left if not self.needs[column] & set(left)]
            levels.append([self.by_column[column] for column in ready])
            left = [column for column in left if column not in ready]
        return levels


def open_traits(
    engine: Engine,
    traits: Traits,
    columns: Iterable[str],
    *,
    at: datetime,
    day: date,
    compute: Compute,
    schema: str = "main",
) -> None:
    """Join these trait columns to the schema's `customers`; what was joined before is replaced."""
    wanted = traits.with_needed(columns)
    _keep_plain(engine, schema)
    with names_from(engine, schema):
        clock = (
            f"select currency, timezone, date {quoted(day.isoformat())} as day, timestamptz {quoted(at.isoformat())} as at"
        )
        engine.execute(f"create or replace table {schema}.trait_book as {clock} from main.book")
        tables = _computed(engine, [traits.by_column[column] for column in wanted], compute, schema)
        query = f"select * from {schema}.plain_customers"
        for column, table in tables.items():
            query = (
                f"select customers.*, given.value as {identifier(column)} from ({query}) as customers"
                f" left join {table} as given using (customer_id)"
            )
        for level in traits.levels(wanted):
            query = _level(query, level, schema)
        listed = ", ".join(identifier(column) for column in wanted)
        made = f"select customer_id, {listed} from ({query})" if wanted else "select customer_id from plain_customers"
        engine.execute(f"create or replace table {schema}.traits as {made} order by customer_id")
        engine.execute(
            f"create or replace view {schema}.customers as select plain.*, traits.* exclude (customer_id)"
            f" from {schema}.plain_customers as plain left join {schema}.traits as traits using (customer_id)"
        )


def computed(trait: Trait, context: Context) -> pa.Table:
    """What a trait's function gives.

    Raises:
        TypeError: it is no table of customers and values.
    """
    assert trait.compute
    given = trait.compute(context)
    if not isinstance(given, pa.Table) or not {"customer_id", "value"} <= set(given.column_names):
        raise TypeError(_("expected an Arrow table with customer_id and value"))
    return given


def _level(query: str, level: list[Trait], schema: str) -> str:
    relations = {trait.relation.name: trait.relation.sql for trait in level if trait.relation}
    joins = "".join(f" left join ({sql}) as {name} using (customer_id)" for name, sql in sorted(relations.items()))
    values = ", ".join(f"cast({trait.sql} as {TYPES[trait.value_type]}) as {identifier(trait.column)}" for trait in level)
    return f"select customers.*, {values} from ({query}) as customers cross join {schema}.trait_book as book{joins}"


def _computed(engine: Engine, traits: Iterable[Trait], compute: Compute, schema: str) -> dict[str, str]:
    """The tables of the traits that a function computes, by column."""
    tables = {}
    for trait in traits:
        if trait.compute is None:
            continue
        given = compute(trait)
        name = f"{schema}.given_{trait.column}"
        if given is None:
            engine.execute(f"create or replace table {name} (customer_id varchar, value {TYPES[trait.value_type]})")
        else:
            engine.register(f"given_rows_{trait.column}", given)
            engine.execute(
                f"create or replace table {name} as select customer_id, cast(value as {TYPES[trait.value_type]}) as value"
                f" from given_rows_{trait.column}"
            )
        tables[trait.column] = name
    return tables


def _keep_plain(engine: Engine, schema: str) -> None:
    """Call the schema's customers as they are `plain_customers`, unless they are called so already."""
    kinds = engine.rows(
        "select table_name, table_type from information_schema.tables"
        f" where table_schema = {quoted(schema)} and table_name in ('customers', 'plain_customers')"
    )
    known = {row["table_name"]: row["table_type"] for row in kinds}
    if "plain_customers" not in known:
        kind = "view" if known["customers"] == "VIEW" else "table"
        engine.execute(f"alter {kind} {schema}.customers rename to plain_customers")
        engine.execute(f"create view {schema}.customers as select * from {schema}.plain_customers")  # for `compute`


def _named(sql: str) -> set[str]:
    """The unqualified columns that an expression names."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    return {column.name.lower() for column in tree.find_all(exp.Column) if not column.table} | set(
        re.findall(r"\bcustomers\.(\w+)", sql)
    )
