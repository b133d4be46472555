"""Why a customer is in or not: the tree of conditions, each with what the customer has and what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlglot import exp

from clientbook.engine.duckdb import Engine
from clientbook.query.expressions.expression import Expression, whole_file
from clientbook.query.expressions.families import family
from clientbook.query.expressions.names import Value
from clientbook.query.expressions.parsing import OVER
from clientbook.query.expressions.rendering import CONDITION, SEGMENT, guarded, lifted

Kind = Literal["all", "any", "not", "segment", "leaf"]

_OPERATORS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.NullSafeEQ: "is not distinct from",
    exp.NullSafeNEQ: "is distinct from",
}
_TURNED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
"""The operator seen from the other side."""
_OPPOSITE: Final = {"=": "<>", "<>": "=", ">": "<=", ">=": "<", "<": ">=", "<=": ">"}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A part of a rule and what it comes to for one customer."""

    kind: Kind
    text: str
    truth: bool | None
    """None where it cannot be told, which counts as no."""
    children: tuple[Condition, ...] = ()
    columns: tuple[str, ...] = ()
    """Columns of the customer that a leaf reads."""
    values: tuple[Value, ...] = ()
    """What the customer has in these columns."""
    actual: Value = None
    """Of a comparison, the side that the customer decides."""
    operator: str | None = None
    limit: Value = None
    """Of a comparison, the other side; an average of the file is shown as its value."""
    flips_at: str | None = None
    """Of a comparison of numbers or dates: what the customer's side would have to be for the opposite answer."""
    segment: str | None = None


def explain(engine: Engine, expression: Expression, customer_id: str) -> Condition | None:
    """What each part of an expression comes to for a customer; None where nobody has this id.

    What the expression reads has to be open. All parts are computed in one query.
    """
    asked: list[str] = []
    plan = _Plan(expression, asked)
    root = plan.node(expression.tree)
    prelude = whole_file(expression)
    source = "customers cross join whole" if prelude else "customers"
    listed = ", ".join(f"{sql} as v{number}" for number, sql in enumerate(asked)) or "null as v0"
    rows = engine.rows(f"{prelude}select {listed} from {source} where customer_id = $id", {"id": customer_id})
    return _filled(root, [rows[0][f"v{number}"] for number in range(len(asked))]) if rows else None


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A condition whose values are numbers of columns of one query."""

    kind: Kind
    text: str
    truth: int
    children: tuple[_Part, ...] = ()
    columns: tuple[tuple[str, int], ...] = ()
    sides: tuple[int, int] | None = None
    operator: str | None = None
    is_ordered: bool = False
    segment: str | None = None


class _Plan:
    """Turns a tree into parts, and notes the SQL of each value that they need."""

    def __init__(self, expression: Expression, asked: list[str]) -> None:
        self._aggregates = expression.aggregates
        self._asked = asked

    def node(self, node: exp.Expr) -> _Part:
        text = node.meta.get(CONDITION) or node.sql("duckdb", normalize_functions="lower")
        if SEGMENT in node.meta:
            inner = node.this if isinstance(node, exp.Coalesce) else None
            children = (self.node(inner.unnest()),) if inner is not None else ()
            return self._part("segment", text, node, children=children, segment=node.meta[SEGMENT])
        if isinstance(node, exp.Paren):
            return self.node(node.unnest())
        if isinstance(node, exp.And | exp.Or):
            kind: Kind = "all" if isinstance(node, exp.And) else "any"
            return self._part(kind, text, node, children=tuple(self.node(one) for one in _joined(node, type(node))))
        if isinstance(node, exp.Not):
            return self._part("not", text, node, children=(self.node(node.this),))
        return self._leaf(node, text)

    def _leaf(self, node: exp.Expr, text: str) -> _Part:
        names = list(dict.fromkeys(column.name for column in _own_columns(node)))
        columns = tuple((name, self._ask(exp.column(name))) for name in names)
        operator = _OPERATORS.get(type(node))
        if operator is None:
            return self._part("leaf", text, node, columns=columns)
        left, right = node.this, node.expression
        if not list(_own_columns(left)) and list(_own_columns(right)):
            left, right, operator = right, left, _TURNED.get(operator, operator)
        is_ordered = family(left) in ("number", "time")
        sides = (self._ask(left), self._ask(right))
        return self._part("leaf", text, node, columns=columns, sides=sides, operator=operator, is_ordered=is_ordered)

    def _part(self, kind: Kind, text: str, node: exp.Expr, **more: Any) -> _Part:
        return _Part(kind=kind, text=text, truth=self._ask(node), **more)

    def _ask(self, node: exp.Expr) -> int:
        def place(aggregate: str, population: str) -> exp.Expr:
            number = self._aggregates.index(f"{aggregate} filter (where {population})")
            return exp.column(f"a{number}", table="whole")

        self._asked.append(guarded(lifted(node, place)).sql("duckdb"))
        return len(self._asked) - 1


def _own_columns(node: exp.Expr) -> list[exp.Column]:
    """The customer's columns in a node, besides those within aggregates, which are the file's."""
    return [
        column
        for column in node.find_all(exp.Column)
        if "kind" in column.meta and not column.meta.get("inner") and not _is_of_file(column)
    ]


def _is_of_file(column: exp.Column) -> bool:
    if column.find_ancestor(exp.Select) is not None:
        return False
    over = column.find_ancestor(exp.Anonymous)
    return column.find_ancestor(exp.AggFunc) is not None or (over is not None and over.this == OVER)


def _joined(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The parts of `a and b and c`."""
    parts: list[exp.Expr] = []
    for side in (node.this, node.expression):
        inner = side.unnest()
        parts += _joined(inner, kind) if type(inner) is kind and SEGMENT not in inner.meta else [side]
    return parts


def _filled(part: _Part, values: list[Any]) -> Condition:
    actual, limit = (values[part.sides[0]], values[part.sides[1]]) if part.sides else (None, None)
    truth = values[part.truth]
    return Condition(
        kind=part.kind,
        text=part.text,
        truth=None if truth is None else bool(truth),
        children=tuple(_filled(child, values) for child in part.children),
        columns=tuple(name for name, _number in part.columns),
        values=tuple(values[number] for _name, number in part.columns),
        actual=actual,
        operator=part.operator,
        limit=limit,
        flips_at=_flip(part, truth, limit),
        segment=part.segment,
    )


def _flip(part: _Part, truth: bool | None, limit: Value) -> str | None:
    """What would turn the answer round: the opposite comparison where it holds, the comparison itself where it does not."""
    if not part.is_ordered or part.operator not in _OPPOSITE or limit is None:
        return None
    return f"{_OPPOSITE[part.operator] if truth else part.operator} {limit}"
