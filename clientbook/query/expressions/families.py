"""Which kinds of values meet in an expression: text with text, numbers with numbers. DuckDB finds out only while running."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types

from clientbook.i18n import _
from clientbook.query.expressions.names import Columns, InvalidExpression
from clientbook.query.expressions.parsing import place_of

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_ARITHMETIC: Final = (exp.Mul, exp.Div, exp.Mod)
_PREDICATES: Final = (exp.Predicate, exp.Connector, exp.Not, exp.Boolean, exp.Between, exp.In, exp.Exists, exp.RegexpLike)
_OTHER: Final = {"text": "number", "number": "text"}


def annotate(tree: exp.Expr) -> exp.Expr:
    """Give every node its type, as far as it is known."""
    for column in tree.find_all(exp.Column):
        column.type = exp.DataType.build(column.meta["kind"], dialect="duckdb")
    return annotate_types(tree, dialect="duckdb", overwrite_types=False)


def check_families(tree: exp.Expr, *, is_boolean: bool = True) -> None:
    """Refuse comparisons of what cannot be compared, and what answers neither yes nor no.

    Raises:
        InvalidExpression: there is one.
    """
    for node in tree.find_all(*_COMPARISONS, exp.In, exp.Between):
        _check_comparison(node)
    for node in tree.find_all(*_ARITHMETIC):
        for side in (node.this, node.expression):
            if family(side) == "text":
                raise _refused(_("{sql}: a text cannot be reckoned with"), node)
    for node in tree.find_all(exp.And, exp.Or, exp.Not):
        for side in [node.this] if isinstance(node, exp.Not) else [node.this, node.expression]:
            if family(side) not in ("bool", ""):
                raise _refused(_("{sql}: `and`, `or` and `not` stand between conditions"), node)
    if is_boolean and not _is_condition(tree.unnest()):
        raise InvalidExpression(_("a filter answers yes or no, such as: order_count > 3"))


def _check_comparison(node: exp.Expr) -> None:
    sides = [node.this, *node.expressions] if isinstance(node, exp.In) else list(node.iter_expressions())
    query = node.args.get("query") if isinstance(node, exp.In) else None
    families = {family(side) for side in sides} | ({_selected(query)} if query is not None else set())
    families.discard("")
    if {"text", "number"} <= families:
        raise _refused(_("{sql}: a text is compared with a number; text goes in single quotes"), node)
    if "list" in families and families != {"list"}:
        raise _refused(_("look into a list with list_contains(tags, 'vip')"), node)
    if "time" in families and "number" in families:
        raise _refused(_("{sql}: a date is compared with a number; dates are written '2026-03-31'"), node)
    if "time" in families and any(family(side) == "text" and not isinstance(side.unnest(), exp.Literal) for side in sides):
        raise _refused(_("{sql}: a date is compared with a text; cast(… as date) makes one of it"), node)
    if "bool" in families and families - {"bool"}:
        raise _refused(_("{sql}: yes or no is compared with something else"), node)


def _selected(query: exp.Expr) -> str:
    select = query.find(exp.Select)
    return family(select.expressions[0]) if select is not None else ""


def _is_condition(root: exp.Expr) -> bool:
    if isinstance(root, _PREDICATES) or family(root) == "bool":
        return True
    return isinstance(root, exp.Anonymous) and root.name in ("in_segment", "allowed")


def family(node: exp.Expr) -> str:
    """text, number, time, list, bool; empty where it is not known."""
    node = node.unnest()
    if isinstance(node, exp.Subquery | exp.Select):
        return _selected(node)
    if isinstance(node, exp.Anonymous):
        return {"in_segment": "bool", "allowed": "bool", "strip_accents": "text"}.get(str(node.this), "")
    if isinstance(node, exp.Count):
        return "number"
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "number"
    kind = node.meta.get("kind", "") if isinstance(node, exp.Column) else ""
    if kind.endswith("[]"):
        return "list"
    type = node.type
    if type is None:
        return ""
    if type.is_type(exp.DataType.Type.ARRAY, exp.DataType.Type.LIST):
        return "list"
    for name, kinds in (
        ("text", exp.DataType.TEXT_TYPES),
        ("number", exp.DataType.NUMERIC_TYPES),
        ("time", exp.DataType.TEMPORAL_TYPES),
        ("bool", {exp.DataType.Type.BOOLEAN}),
    ):
        if type.this in kinds:
            return name
    return ""


def place_moments(tree: exp.Expr, columns: Columns) -> None:
    """Dates and times written in an expression are the book's: midnight of '2026-03-31' is midnight at the shop.

    Raises:
        InvalidExpression: a text that meets a date is none.
    """
    for node in list(tree.find_all(*_COMPARISONS, exp.Between, exp.In)):
        parts = list(node.iter_expressions())
        moments = [part for part in parts if not isinstance(part, exp.Literal) and family(part) == "time"]
        if not moments:
            continue
        has_zone = any(is_instant(part) for part in moments)
        for literal in (part for part in parts if isinstance(part, exp.Literal)):
            try:
                moment = datetime.fromisoformat(literal.name)
            except ValueError:
                said = _("{literal!r} is no date; write it as '2026-03-31'").format(literal=literal.name)
                raise InvalidExpression(said, place=place_of(literal)) from None
            if has_zone:
                placed = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(columns.timezone))
                literal.replace(exp.cast(exp.Literal.string(placed.isoformat()), "timestamptz"))
            else:
                literal.replace(exp.cast(exp.Literal.string(moment.date().isoformat()), "date"))


def is_instant(node: exp.Expr) -> bool:
    """Whether a value is a time in UTC, rather than a date."""
    type = node.unnest().type
    return type is not None and type.this == exp.DataType.Type.TIMESTAMPTZ


def _refused(message: str, node: exp.Expr) -> InvalidExpression:
    return InvalidExpression(message.format(sql=node.sql("duckdb")), place=place_of(node))
