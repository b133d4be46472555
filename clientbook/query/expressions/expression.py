"""A checked expression, and several of them in one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from clientbook.engine.duckdb import Engine, Limits, QueryFailed, identifier
from clientbook.i18n import _
from clientbook.query.expressions.names import Columns, InvalidExpression, Value
from clientbook.query.expressions.rendering import PERMISSION, SEGMENT, guarded, lifted, literal, resolved

_NO_PARAMS: Final[Mapping[str, Value]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A checked filter or rule."""

    text: str
    """As it was typed."""
    sql: str
    """As it runs: boolean, NULL where it cannot be told. Aggregates stand in it as whole.a0, whole.a1, …"""
    aggregates: tuple[str, ...]
    """The aggregates it uses, each with its filter, to be computed over the customers."""
    columns: tuple[str, ...]
    """Columns of `customers` that it reads."""
    tables: tuple[str, ...]
    """Other tables that it reads."""
    segments: tuple[str, ...]
    """Segments that it names, also within others."""
    pairs: tuple[tuple[str, str], ...]
    """Channels and purposes that it asks about."""
    condition: str
    """The same, true or false, never NULL, and without errors over a value: what cannot be told is not in."""
    tree: exp.Expr = field(repr=False, compare=False)


def check(text: str, columns: Columns, params: Mapping[str, Value] = _NO_PARAMS) -> Expression:
    """Parse and check an expression over customers; `params` are the values of `$name`.

    Raises:
        InvalidExpression: it is not one boolean expression over known columns and functions.
    """
    try:
        tree = resolved(text, columns, params)
        expression = _expression(text, tree)
    except RecursionError:
        raise InvalidExpression(_("this filter is nested too deeply")) from None
    _check_runs(expression, columns)
    return expression


def _expression(text: str, tree: exp.Expr) -> Expression:
    aggregates: list[str] = []

    def place(aggregate: str, population: str) -> exp.Expr:
        sql = f"{aggregate} filter (where {population})"
        if sql not in aggregates:
            aggregates.append(sql)
        return exp.column(f"a{aggregates.index(sql)}", table="whole")

    runs = lifted(tree, place)
    outer = [column for column in tree.find_all(exp.Column) if "kind" in column.meta and not column.meta.get("inner")]
    tables = {table.name for table in tree.find_all(exp.Table)}
    return Expression(
        text=text,
        sql=runs.sql("duckdb"),
        condition=_condition(runs),
        aggregates=tuple(aggregates),
        columns=tuple(sorted({column.name for column in outer})),
        tables=tuple(sorted(tables)),
        segments=tuple(sorted({node.meta[SEGMENT] for node in tree.walk() if SEGMENT in node.meta})),
        pairs=tuple(sorted({node.meta[PERMISSION] for node in tree.walk() if PERMISSION in node.meta})),
        tree=tree,
    )


def whole_file(expression: Expression) -> str:
    """The `with` clause that computes the expression's aggregates over the file, or nothing."""
    if not expression.aggregates:
        return ""
    values = ", ".join(f"{sql} as a{number}" for number, sql in enumerate(expression.aggregates))
    return f"with whole as (select {values} from customers) "


def inlined(engine: Engine, expressions: Sequence[Expression]) -> list[str]:
    """The conditions of several expressions, with their aggregates computed in one scan and written as values."""
    aggregates = list(dict.fromkeys(sql for expression in expressions for sql in expression.aggregates))
    values: dict[str, Value] = {}
    if aggregates:
        listed = ", ".join(f"{sql} as a{number}" for number, sql in enumerate(aggregates))
        row = engine.rows(f"select {listed} from customers")[0]
        values = {sql: row[f"a{number}"] for number, sql in enumerate(aggregates)}

    def place(aggregate: str, population: str) -> exp.Expr:
        return literal(values[f"{aggregate} filter (where {population})"])

    return [_condition(lifted(expression.tree, place)) for expression in expressions]


def _condition(tree: exp.Expr) -> str:
    return f"coalesce({guarded(tree).sql('duckdb')}, false)"


def looks_like_expression(text: str, columns: Columns) -> bool:
    """Whether a typed filter is meant as an expression rather than as words to look for."""
    words = text.replace("(", " ").replace(")", " ").split()
    column = columns.column(text.strip().strip('"'))
    if column and columns[column] == "BOOLEAN":
        return True
    if any(mark in text for mark in ("=", "<", ">")) or text.lstrip().lower().startswith(
        ("in_segment(", "allowed(", "exists(", "exists (", "not in_segment(", "not allowed(")
    ):
        return True
    lowered = {word.lower() for word in words}
    is_joined = bool(lowered & {"and", "or", "not", "is", "in", "between", "like", "ilike"})
    return is_joined and any(columns.column(word.strip('"')) for word in words)


def _check_runs(expression: Expression, columns: Columns) -> None:
    """DuckDB's own word on types that the tree does not tell, such as lower(order_count): ask it about no rows."""
    prelude = whole_file(expression)
    source = "customers cross join whole" if prelude else "customers"
    tables = {"customers": columns, **columns.tables}
    tables |= {"permissions": _PERMISSIONS, "segment_members": _MEMBERS}
    shapes = tuple((name, tuple(types.items())) for name, types in tables.items())
    try:
        _nobody(shapes).cursor().table(f"{prelude}select ({expression.sql}) = true from {source}")
    except QueryFailed as error:
        said = str(error).split("\n")[0].partition("Error: ")[2]
        raise InvalidExpression(_("this filter does not fit its columns: {said}").format(said=said)) from None


_PERMISSIONS: Final = {"customer_id": "VARCHAR", "channel": "VARCHAR", "purpose": "VARCHAR", "decision": "VARCHAR"}
_MEMBERS: Final = {"customer_id": "VARCHAR", "segment_id": "VARCHAR"}


@cache
def _nobody(tables: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> Engine:
    """A database whose tables are empty."""
    engine = Engine.open(Limits(memory="100MB", threads=1))
    for name, types in tables:
        listed = ", ".join(f"{identifier(column)} {kind}" for column, kind in types)
        engine.execute(f"create table {identifier(name)} ({listed})")
    return engine
