"""Which nodes, functions, columns and tables an expression may consist of; everything else is refused."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from clientbook.i18n import _
from clientbook.query.expressions.names import Columns, InvalidExpression, nearest
from clientbook.query.expressions.parsing import OVER, place_of

AGGREGATES: Final[tuple[type[exp.Expr], ...]] = (
    exp.Sum,
    exp.Avg,
    exp.Count,
    exp.Min,
    exp.Max,
    exp.Median,
    exp.Quantile,
    exp.PercentileCont,
)

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
    exp.Mod,
    exp.Neg,
    exp.DPipe,
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
    exp.Floor,
    exp.Ceil,
    exp.Year,
    exp.Month,
    exp.Day,
    exp.DateDiff,
    exp.ToDays,
    exp.TimestampTrunc,
    exp.DateTrunc,
    exp.Array,
    exp.ArrayContains,
    exp.ArrayOverlaps,
    exp.Bracket,
    exp.StartsWith,
    exp.Contains,
    exp.RegexpLike,
    exp.Greatest,
    exp.Least,
)
_QUERY_NODES: Final[tuple[type[exp.Expr], ...]] = (
    exp.Exists,
    exp.Subquery,
    exp.Select,
    exp.From,
    exp.Table,
    exp.TableAlias,
    exp.Where,
    exp.Join,
    exp.Group,
    exp.Having,
    exp.Distinct,
)
_CLAUSES: Final = {"expressions", "from_", "where", "joins", "group", "having", "distinct"}
"""What a sub-query may consist of."""
_FUNCTIONS: Final = {"strip_accents": 1, "to_days": 1, "to_months": 1, "to_years": 1}
"""Functions that the parser has no class for, and how many arguments each takes."""
_OWN: Final = {OVER: 2, "in_segment": 1, "allowed": 2}
"""Functions that are clientbook's own."""
_NAMES: Final = (
    *("lower", "upper", "length", "len", "trim", "coalesce", "nullif", "abs", "round", "floor", "ceil", "year", "month"),
    *("day", "date_diff", "date_trunc", "list_contains", "list_has_any", "starts_with", "contains", "regexp_matches"),
    *("greatest", "least", "sum", "avg", "count", "min", "max", "median", "quantile_cont", "over", "in_segment"),
    *("allowed", "exists", *_FUNCTIONS),
)
"""Functions as people write them."""
_CASTS: Final = {"TEXT", "VARCHAR", "INT", "BIGINT", "DOUBLE", "DECIMAL", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "BOOLEAN"}
_UNITS: Final = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}


def check_nodes(tree: exp.Expr, columns: Columns) -> None:
    """Look at every node, and write columns and tables under their own names.

    Raises:
        InvalidExpression: a node is of a kind, or names something, that is not allowed.
    """
    for node in tree.walk():
        _check_node(node)
        node.comments = None
    for query in tree.find_all(exp.Select):
        _check_query(query, columns)
    for column in tree.find_all(exp.Column):
        _check_column(column, columns)


def _check_node(node: exp.Expr) -> None:
    if isinstance(node, exp.Cast | exp.TryCast):
        kind = node.to.this.value if isinstance(node.to.this, exp.DataType.Type) else str(node.to)
        if kind not in _CASTS:
            raise _refused(_("a filter cannot cast to {lower}").format(lower=kind.lower()), node)
    elif isinstance(node, exp.In) and (node.args.get("unnest") or node.args.get("field")):
        raise _refused(_("`in` takes a list of values: city in ('Lyon', 'Nice')"), node)
    elif isinstance(node, AGGREGATES):
        _check_aggregate(node)
    elif isinstance(node, exp.Anonymous):
        _check_function(node)
    elif isinstance(node, exp.Bracket):
        if len(node.expressions) != 1 or not isinstance(node.expressions[0], exp.Literal):
            raise _refused(_("a custom field is read as attributes['name']"), node)
    elif isinstance(node, exp.Var) and node.name.upper() not in _UNITS:
        raise _refused(_("{name!r} is no unit of time; write day, week, month or year").format(name=node.name), node)
    elif isinstance(node, exp.Filter | exp.Window):
        raise _refused(_("an aggregate over others than the buyers is written over(avg(revenue), city = 'Lyon')"), node)
    elif isinstance(node, exp.CurrentDate | exp.CurrentTimestamp | exp.CurrentTime):
        raise _refused(_("the moment that the answer is for is called as_of"), node)
    elif isinstance(node, exp.Star):
        if not isinstance(node.parent, exp.Count):
            raise _refused(_("a filter cannot use '*'"), node)
    elif not isinstance(node, _NODES + _QUERY_NODES):
        raise _refused(_("a filter cannot use {name!r}").format(name=node.key), node)


def _check_aggregate(node: exp.Expr) -> None:
    outer = node.find_ancestor(*AGGREGATES, exp.Select)
    if isinstance(outer, AGGREGATES):
        raise _refused(_("an aggregate cannot stand inside another"), node)
    if isinstance(node.this, exp.Distinct) and len(node.this.expressions) != 1:
        raise _refused(_("an aggregate takes one value"), node)


def _check_function(node: exp.Anonymous) -> None:
    name = str(node.this).lower()
    arity = {**_FUNCTIONS, **_OWN}.get(name)
    if arity is None:
        shown = "over" if name == OVER else name
        said = _("a filter cannot use {name!r}").format(name=shown)
        raise _refused(said + nearest(shown, _NAMES), node)
    if len(node.expressions) != arity:
        raise _refused(_("{name} takes {count} values").format(name="over" if name == OVER else name, count=arity), node)
    node.set("this", name)
    if name == OVER and not isinstance(node.expressions[0], AGGREGATES):
        raise _refused(_("over names the customers of an aggregate: over(avg(revenue), city = 'Lyon')"), node)
    if name in ("in_segment", "allowed") and not all(
        isinstance(one, exp.Literal) and one.is_string for one in node.expressions
    ):
        raise _refused(_("{name} takes names in single quotes").format(name=name), node)


def _check_query(query: exp.Select, columns: Columns) -> None:
    used = {name for name, value in query.args.items() if value}
    for name in sorted(used - _CLAUSES):
        raise _refused(_("a sub-query cannot use {name!r}").format(name=name.strip("_")), query)
    source = query.args.get("from_")
    if source is None or len(query.expressions) != 1 or not isinstance(source.this, exp.Table):
        raise _refused(_("a sub-query selects one column from one table"), query)
    for join in query.args.get("joins") or ():
        if not isinstance(join.this, exp.Table) or not (join.args.get("on") or join.args.get("using")) or join.side:
            raise _refused(_("a sub-query joins tables with `join … on …`"), query)
    for table in (source.this, *(join.this for join in query.args.get("joins") or ())):
        if table.name.lower() not in columns.tables or table.args.get("db") or table.args.get("catalog"):
            said = _("there is no table {name!r} to ask{hint}")
            raise _refused(said.format(name=table.name, hint=nearest(table.name, columns.tables)), table)
        table.this.set("this", table.name.lower())
        table.this.set("quoted", False)


def _check_column(node: exp.Column, columns: Columns) -> None:
    place = node.this.meta.get("start") if isinstance(node.this, exp.Identifier) else None
    is_quoted = isinstance(node.this, exp.Identifier) and bool(node.this.quoted)
    if node.args.get("db") or node.args.get("catalog"):
        raise InvalidExpression(_("name the column alone, without {table!r}").format(table=node.table), place=place)
    inner = _tables_around(node, columns)
    if node.table:
        known = dict(inner) | {"customers": columns}
        if not inner or node.table.lower() not in known:
            raise InvalidExpression(_("name the column alone, without {table!r}").format(table=node.table), place=place)
        types = known[node.table.lower()]
        if node.name.lower() not in types:
            raise _unknown_in(node, types, place)
        kind, name = types[node.name.lower()], node.name.lower()
        node.meta["inner"] = types is not columns
    else:
        for _alias, types in inner:
            if node.name.lower() in types:
                kind, name = types[node.name.lower()], node.name.lower()
                node.meta["inner"] = True
                break
        else:
            found = "as_of" if node.name.lower() == "as_of" else columns.column(node.name)
            if found is None and inner:
                raise _unknown_in(node, inner[0][1], place)
            if found is None:
                raise columns.unknown(node.name, place=place, is_quoted=is_quoted)
            kind, name = ("TIMESTAMP WITH TIME ZONE" if found == "as_of" else columns[found]), found
    node.this.set("this", name)
    node.this.set("quoted", not name.isidentifier())
    node.meta["kind"] = kind


def _tables_around(node: exp.Expr, columns: Columns) -> list[tuple[str, dict[str, str]]]:
    """The tables of the sub-queries around a node, innermost first: alias and columns."""
    found = []
    query = node.find_ancestor(exp.Select)
    while query is not None:
        sources = [query.args["from_"].this, *(join.this for join in query.args.get("joins") or ())]
        found += [(table.alias_or_name.lower(), dict(columns.tables[table.name.lower()])) for table in sources]
        query = query.find_ancestor(exp.Select)
    return found


def _unknown_in(node: exp.Column, types: dict[str, str] | Columns, place: int | None) -> InvalidExpression:
    said = _("there is no column {node!r}{hint}").format(node=node.name, hint=nearest(node.name, types))
    return InvalidExpression(said, place=place)


def _refused(message: str, node: exp.Expr) -> InvalidExpression:
    return InvalidExpression(message, place=place_of(node))
