"""Filters and rules: one boolean SQL expression over customers, checked before it runs.

Only known columns and listed functions pass; an aggregate means "over the file's buyers". What runs is rendered from the
checked tree, never the text that was typed.
"""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types

from clientbook.engine.duckdb import Engine, Limits, QueryFailed, identifier
from clientbook.errors import WrongUse
from clientbook.i18n import _

_NODES: Final[tuple[type[exp.Expr], ...]] = (
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.And,
    exp.Or,
    exp.Not,
    exp.Paren,
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Like,
    exp.ILike,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Neg,
    exp.Case,
    exp.If,
    exp.Cast,
    exp.TryCast,
    exp.DataType,
    exp.Interval,
    exp.Var,
    exp.Lower,
    exp.Upper,
    exp.Length,
    exp.Trim,
    exp.Coalesce,
    exp.Nullif,
    exp.Abs,
    exp.Round,
    exp.Year,
    exp.Month,
    exp.Day,
    exp.ArrayContains,
    exp.StartsWith,
    exp.Contains,
    exp.Greatest,
    exp.Least,
)
_AGGREGATES: Final[tuple[type[exp.Expr], ...]] = (
    exp.Sum,
    exp.Avg,
    exp.Count,
    exp.Min,
    exp.Max,
    exp.Median,
    exp.Quantile,
    exp.PercentileCont,
)
_CASTS: Final = {"TEXT", "VARCHAR", "INT", "BIGINT", "DOUBLE", "DECIMAL", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "BOOLEAN"}
_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)


class Columns(dict[str, str]):
    """The columns a filter may use, each with its DuckDB type, and the time zone that dates in a filter are in."""

    def __init__(self, types: Mapping[str, str], timezone: str) -> None:
        super().__init__(types)
        self.timezone = timezone


class InvalidExpression(WrongUse, ValueError):
    """A filter that cannot run. `place` is the offset of the trouble in the text, where it is known."""

    def __init__(self, message: str, *, place: int | None = None) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A checked filter."""

    text: str
    """As it was typed."""
    sql: str
    """As it runs: boolean, NULL where it cannot be told. Aggregates stand in it as whole.a0, whole.a1, …"""
    aggregates: tuple[str, ...]
    """The aggregates it uses, to be computed over the buyers among the customers."""
    columns: tuple[str, ...]
    """Columns it uses."""


def check(text: str, columns: Columns) -> Expression:
    """Parse and check a filter over customers.

    Raises:
        InvalidExpression: it is not one boolean expression over known columns and functions.
    """
    tree = _parse(text)
    for node in tree.walk():
        _check_node(node, columns)
        node.comments = None
    _check_types(tree, columns)
    used = sorted({column.name for column in tree.find_all(exp.Column)})
    _place_moments(tree, columns)
    tree = tree.transform(_harmless_cast).transform(_harmless_division).transform(lambda node: _in_book_days(node, columns))
    aggregates = list(dict.fromkeys(node.sql("duckdb") for node in tree.find_all(*_AGGREGATES)))
    lifted = tree.transform(lambda node: _lifted(node, aggregates))
    expression = Expression(text=text, sql=lifted.sql("duckdb"), aggregates=tuple(aggregates), columns=tuple(used))
    _check_runs(expression, columns)
    return expression


def whole_file(expression: Expression) -> str:
    """The `with` clause that computes the expression's aggregates over the file's buyers, or nothing."""
    if not expression.aggregates:
        return ""
    values = ", ".join(f"{sql} as a{number}" for number, sql in enumerate(expression.aggregates))
    return f"with whole as (select {values} from customers where order_count > 0) "


def looks_like_expression(text: str, columns: Columns) -> bool:
    """Whether a typed filter is meant as an expression rather than as words to look for."""
    words = text.replace("(", " ").replace(")", " ").split()
    if columns.get(text.strip().lower()) == "BOOLEAN":
        return True
    if any(mark in text for mark in ("=", "<", ">")):
        return True
    lowered = {word.lower() for word in words}
    return bool(lowered & {"and", "or", "not", "is", "in", "between", "like", "ilike"}) and bool(lowered & set(columns))


def _parse(text: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(text, dialect="duckdb")
    except TokenError:
        raise InvalidExpression(_("a quotation mark is not closed; text goes in single quotes: city = 'Lyon'")) from None
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = len(first.get("start_context") or "") if first else None
        near = first.get("highlight") or _("the end")
        raise InvalidExpression(
            _("this filter cannot be read near {near!r}; an example: order_count > 3").format(near=near), place=place
        ) from None
    if len(trees) != 1 or trees[0] is None:
        raise InvalidExpression(_("one filter is expected, such as: order_count = 1"))
    return trees[0]


def _check_node(node: exp.Expr, columns: Mapping[str, str]) -> None:
    if isinstance(node, exp.Column):
        _check_column(node, columns)
    elif isinstance(node, exp.Cast | exp.TryCast):
        kind = node.to.this.value if isinstance(node.to.this, exp.DataType.Type) else str(node.to)
        if kind not in _CASTS:
            raise InvalidExpression(_("a filter cannot cast to {lower}").format(lower=kind.lower()))
    elif isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest") or node.args.get("field")):
        raise InvalidExpression(_("`in` takes a list of values: city in ('Lyon', 'Nice')"))
    elif isinstance(node, _AGGREGATES):
        if node.find_ancestor(*_AGGREGATES):
            raise InvalidExpression(_("an aggregate cannot stand inside another"))
    elif not isinstance(node, _NODES) and not isinstance(node, exp.Star):
        name = node.name if isinstance(node, exp.Anonymous) else node.key
        raise InvalidExpression(_("a filter cannot use {name!r}").format(name=name))
    elif isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
        raise InvalidExpression(_("a filter cannot use '*'"))


def _check_column(node: exp.Column, columns: Mapping[str, str]) -> None:
    place = node.this.meta.get("start") if isinstance(node.this, exp.Identifier) else None
    if node.table:
        raise InvalidExpression(_("name the column alone, without {table!r}").format(table=node.table), place=place)
    if node.name.lower() not in columns:
        is_quoted = isinstance(node.this, exp.Identifier) and bool(node.this.quoted)
        raise unknown_column(node.name, columns, place=place, is_quoted=is_quoted)
    node.this.set("this", node.name.lower())


def unknown_column(
    name: str, columns: Mapping[str, str], *, place: int | None = None, is_quoted: bool = False
) -> InvalidExpression:
    """The error that says so and names the nearest."""
    near = difflib.get_close_matches(name.lower(), list(columns), n=1)
    if is_quoted:
        hint = _("; text goes in single quotes")
    elif near:
        hint = _("; did you mean {near}?").format(near=near[0])
    else:
        hint = _("; `clientbook customers --columns help` lists them")
    return InvalidExpression(_("there is no column {node!r}{hint}").format(node=name, hint=hint), place=place)


def _check_types(tree: exp.Expr, columns: Mapping[str, str]) -> None:
    """Text is compared with text and numbers with numbers; dates are dates. DuckDB finds this out only while running."""
    typed = tree.copy()
    for column in list(typed.find_all(exp.Column)):
        column.type = exp.DataType.build(columns[column.name], dialect="duckdb")
    typed = annotate_types(typed, dialect="duckdb")
    for node in typed.find_all(*_COMPARISONS):
        sides = [_family(side, columns) for side in (node.left, node.right)]
        if set(sides) == {"text", "number"}:
            raise InvalidExpression(
                _("{sql}: a text is compared with a number; text goes in single quotes").format(sql=node.sql("duckdb"))
            )
        if "list" in sides and set(sides) != {"list"}:
            raise InvalidExpression(_("look into a list with list_contains(tags, 'vip')"))
    root = typed.unnest()
    if isinstance(root, exp.Column) and columns[root.name] == "BOOLEAN":
        return
    if not isinstance(root, exp.Predicate | exp.Connector | exp.Not | exp.Boolean | exp.Between | exp.In) and not (
        root.type is not None and root.type.is_type("boolean")
    ):
        raise InvalidExpression(_("a filter answers yes or no, such as: order_count > 3"))


def _family(node: exp.Expr, columns: Mapping[str, str]) -> str:
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "number"
    kind = columns.get(node.name, "") if isinstance(node, exp.Column) else ""
    if kind.endswith("[]"):
        return "list"
    if kind.startswith(("DATE", "TIMESTAMP")):
        return "time"
    if kind == "VARCHAR":
        return "text"
    if kind.startswith(("DECIMAL", "BIGINT", "INTEGER", "DOUBLE", "HUGEINT")):
        return "number"
    return ""


def _place_moments(tree: exp.Expr, columns: Columns) -> None:
    """Dates and times written in a filter are the book's: midnight of '2026-03-31' is midnight at the shop."""
    for node in list(tree.find_all(*_COMPARISONS, exp.Between, exp.In)):
        parts = list(node.iter_expressions())
        moments = [part for part in parts if _family(part, columns) == "time" and isinstance(part.unnest(), exp.Column)]
        if not moments:
            continue
        has_zone = any(columns[part.unnest().name].endswith("WITH TIME ZONE") for part in moments)
        for literal in (part for part in parts if isinstance(part, exp.Literal)):
            try:
                moment = datetime.fromisoformat(literal.name)
            except ValueError:
                raise InvalidExpression(
                    _("{literal!r} is no date; write it as '2026-03-31'").format(literal=literal.name)
                ) from None
            if has_zone:
                placed = moment if moment.tzinfo else moment.replace(tzinfo=zoneinfo.ZoneInfo(columns.timezone))
                literal.replace(exp.cast(exp.Literal.string(placed.isoformat()), "timestamptz"))
            else:
                literal.replace(exp.cast(exp.Literal.string(moment.date().isoformat()), "date"))


def _in_book_days(node: exp.Expr, columns: Columns) -> exp.Expr:
    """The year, month or day of an instant is the one on the shop's calendar."""
    part = node.this if isinstance(node, exp.Year | exp.Month | exp.Day) else None
    if isinstance(part, exp.Column) and columns[part.name].endswith("WITH TIME ZONE"):
        return type(node)(
            this=exp.Anonymous(this="timezone", expressions=[exp.Literal.string(columns.timezone), part.copy()])
        )
    return node


def _lifted(node: exp.Expr, aggregates: list[str]) -> exp.Expr:
    if isinstance(node, _AGGREGATES):
        return exp.column(f"a{aggregates.index(node.sql('duckdb'))}", table="whole")
    return node


def _check_runs(expression: Expression, columns: Columns) -> None:
    """DuckDB's own word on types that the tree does not tell, such as lower(order_count): ask it about no rows."""
    prelude = whole_file(expression)
    source = "customers cross join whole" if prelude else "customers"
    try:
        _nobody(tuple(columns.items())).cursor().table(f"{prelude}select ({expression.sql}) = true from {source}")
    except QueryFailed as error:
        said = str(error).split("\n")[0].partition("Error: ")[2]
        raise InvalidExpression(_("this filter does not fit its columns: {said}").format(said=said)) from None


@cache
def _nobody(types: tuple[tuple[str, str], ...]) -> Engine:
    """A database whose customers are nobody."""
    engine = Engine.open(Limits(memory="100MB", threads=1))
    listed = ", ".join(f"{identifier(name)} {kind}" for name, kind in types)
    engine.execute(f"create table customers ({listed})")
    return engine


def _harmless_division(node: exp.Expr) -> exp.Expr:
    """Nothing divided by nothing is unknown; DuckDB says NaN, which is greater than any number."""
    if isinstance(node, exp.Div):
        return exp.Div(this=node.this, expression=exp.Nullif(this=node.expression, expression=exp.Literal.number(0)))
    return node


def _harmless_cast(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        return exp.TryCast(this=node.this, to=node.to)
    return node
