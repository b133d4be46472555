"""From a checked tree to what runs: dates placed, casts that never raise, segments and permissions spelled out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlglot import exp

from clientbook.engine.duckdb import quoted
from clientbook.i18n import _
from clientbook.query.expressions.checking import AGGREGATES, check_nodes
from clientbook.query.expressions.families import annotate, check_families, family, is_instant, place_moments
from clientbook.query.expressions.names import Columns, InvalidExpression, Value, nearest
from clientbook.query.expressions.parsing import OVER, parse, place_of

BUYERS: Final = "order_count > 0"
"""Whom an aggregate is over, unless `over` names others."""

CONDITION: Final = "condition"
"""Mark of a node that answers yes or no, with its text as it is shown."""
SEGMENT: Final = "segment"
"""Mark of a node that stands for a segment."""
PERMISSION: Final = "permission"
"""Mark of a node that asks whether something may be sent."""


def resolved(text: str, columns: Columns, params: Mapping[str, Value], within: tuple[str, ...] = ()) -> exp.Expr:
    """The tree that runs, with aggregates still in it. `within` names the segments on the way, to find rings.

    Raises:
        InvalidExpression: it is not one boolean expression over what is known.
    """
    tree = _filled(parse(text), params)
    check_nodes(tree, columns)
    tree = annotate(tree)
    check_families(tree)
    for over in (node for node in tree.find_all(exp.Anonymous) if node.this == OVER):
        if family(over.expressions[1]) != "bool" or over.expressions[1].find(*AGGREGATES):
            said = _("the second value of over is a condition on single customers: over(avg(revenue), city = 'Lyon')")
            raise InvalidExpression(said, place=place_of(over))
    for node in tree.walk():
        if family(node) == "bool" or isinstance(node, exp.Predicate | exp.Connector | exp.Not | exp.Exists):
            node.meta[CONDITION] = node.sql("duckdb", normalize_functions="lower").replace(f"{OVER}(", "over(")
    place_moments(tree, columns)
    for change in (
        _harmless_cast,
        _harmless_division,
        lambda node: _in_book_days(node, columns),
        lambda node: _as_of(node, columns),
        _without_unknowns,
        lambda node: _allowed(node, columns),
        lambda node: _in_segment(node, columns, within),
    ):
        tree = tree.transform(change)
    return tree


def lifted(tree: exp.Expr, place: Callable[[str, str], exp.Expr]) -> exp.Expr:
    """The tree with each aggregate replaced by what `place` gives for its SQL and the SQL of the customers it is over."""

    def replaced(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous) and node.this == OVER:
            return place(node.expressions[0].sql("duckdb"), node.expressions[1].sql("duckdb"))
        if isinstance(node, AGGREGATES) and node.find_ancestor(exp.Select) is None:
            return place(node.sql("duckdb"), BUYERS)
        return node

    return tree.transform(replaced)


def guarded(tree: exp.Expr) -> exp.Expr:
    """A copy of the tree in which an error over a value gives NULL. DuckDB's TRY takes no sub-query: it stands around it."""

    def guard(node: exp.Expr) -> exp.Expr:
        if node.find(exp.Select) is None:
            return exp.Anonymous(this="try", expressions=[node.copy()])
        if isinstance(node, exp.Connector | exp.Not | exp.Paren | exp.Coalesce):
            for name in ("this", "expression"):
                if isinstance(node.args.get(name), exp.Expr):
                    node.set(name, guard(node.args[name]))
            return node
        for query in list(node.find_all(exp.Select)):
            where = query.args.get("where")
            if where is not None and where.this.find(exp.Select) is None:
                where.set("this", guard(where.this))
        return node

    return guard(tree.copy())


def literal(value: Any) -> exp.Expr:
    """A value as SQL."""
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, Decimal):
        return exp.cast(exp.Literal.string(str(value)), "decimal(38, 4)")
    if isinstance(value, int | float):
        return exp.Literal.number(value)
    if isinstance(value, datetime):
        return exp.cast(exp.Literal.string(value.isoformat()), "timestamptz")
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    return exp.Literal.string(str(value))


def _filled(tree: exp.Expr, params: Mapping[str, Value]) -> exp.Expr:
    """The tree with its parameters' values."""

    def filled(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Placeholder | exp.Parameter):
            return node
        if node.name not in params:
            said = _("there is no parameter {name!r}{hint}")
            raise InvalidExpression(said.format(name=node.name, hint=nearest(node.name, params)), place=place_of(node))
        return literal(params[node.name])

    return tree.transform(filled)


def _harmless_cast(node: exp.Expr) -> exp.Expr:
    """A cast that gives NULL where the value does not fit."""
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        return _marked(exp.TryCast(this=node.this, to=node.to), node)
    return node


def _harmless_division(node: exp.Expr) -> exp.Expr:
    """Nothing divided by nothing is unknown; DuckDB says NaN, which is greater than any number."""
    if isinstance(node, exp.Div | exp.Mod):
        divisor = exp.Nullif(this=exp.paren(node.expression), expression=exp.Literal.number(0))
        return _marked(type(node)(this=node.this, expression=divisor), node)
    return node


def _in_book_days(node: exp.Expr, columns: Columns) -> exp.Expr:
    """The year, month or day of an instant, and the date it is cast to, are those on the shop's calendar."""
    is_part = isinstance(node, exp.Year | exp.Month | exp.Day)
    is_date = isinstance(node, exp.TryCast) and node.to.this == exp.DataType.Type.DATE
    if not (is_part or is_date) or not is_instant(node.this) or isinstance(node.this, exp.Literal):
        return node
    local = exp.Anonymous(this="timezone", expressions=[exp.Literal.string(columns.timezone), node.this.copy()])
    return type(node)(this=local, to=node.args["to"]) if is_date else type(node)(this=local)


def _as_of(node: exp.Expr, columns: Columns) -> exp.Expr:
    if isinstance(node, exp.Column) and node.name == "as_of" and not node.table:
        at = literal(columns.at)
        at.type = node.type
        return at
    return node


def _without_unknowns(node: exp.Expr) -> exp.Expr:
    """`in (select …)` as people mean it: a NULL among what was selected would make every `not in` unknown."""
    query = node.args.get("query") if isinstance(node, exp.In) else None
    select = query.find(exp.Select) if query is not None else None
    if select is not None and not select.args.get("group"):
        select.where(exp.Not(this=exp.Is(this=select.expressions[0].copy(), expression=exp.Null())), copy=False)
    return node


def _allowed(node: exp.Expr, columns: Columns) -> exp.Expr:
    if not isinstance(node, exp.Anonymous) or node.this != "allowed":
        return node
    channel, purpose = (one.name for one in node.expressions)
    if (channel, purpose) not in columns.pairs:
        channels, purposes = {pair[0] for pair in columns.pairs}, {pair[1] for pair in columns.pairs}
        wrong, known = (channel, channels) if channel not in channels else (purpose, purposes)
        said = _("allowed: the policy knows no {name!r}; it knows {known}")
        message = said.format(name=wrong, known=", ".join(sorted(known)) or _("none"))
        raise InvalidExpression(message, place=place_of(node))
    asked = f"channel = {quoted(channel)} and purpose = {quoted(purpose)} and decision = 'allow'"
    made: exp.Expr = exp.maybe_parse(
        f"customer_id in (select permissions.customer_id from permissions where {asked})", dialect="duckdb"
    )
    made.meta[PERMISSION] = (channel, purpose)
    return _marked(made, node)


def _in_segment(node: exp.Expr, columns: Columns, within: tuple[str, ...]) -> exp.Expr:
    if not isinstance(node, exp.Anonymous) or node.this != "in_segment":
        return node
    name = node.expressions[0].name
    rule = columns.segments.get(name)
    if rule is None:
        said = _("there is no segment {name!r}{hint}")
        raise InvalidExpression(said.format(name=name, hint=nearest(name, columns.segments)), place=place_of(node))
    if name in within:
        ring = " → ".join((*within[within.index(name) :], name))
        raise InvalidExpression(_("a segment cannot be part of itself: {ring}").format(ring=ring), place=place_of(node))
    if rule.text is None:
        made: exp.Expr = exp.maybe_parse(
            "customer_id in (select segment_members.customer_id from segment_members"
            f" where segment_members.segment_id = {quoted(name)})",
            dialect="duckdb",
        )
    else:
        inner = resolved(rule.text, columns, rule.params, (*within, name))
        made = exp.Coalesce(this=exp.paren(inner, copy=False), expressions=[exp.false()])
    made.meta[SEGMENT] = name
    return _marked(made, node)


def _marked(made: exp.Expr, node: exp.Expr) -> exp.Expr:
    """The new node with the marks and type of the one that it stands for."""
    made.meta.update(node.meta)
    if node.type is not None and made.type is None:
        made.type = node.type
    return made
