"""A view of the customers: what to filter, how to sort, which columns; and pages of it."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from clientbook.engine.duckdb import Engine, identifier
from clientbook.projection.fold import NOW, Moment
from clientbook.query.expressions import Columns, InvalidExpression, check, looks_like_expression, whole_file

PAGE_ROWS: Final = 256
DEFAULT_COLUMNS: Final = ("name", "city", "email", "order_count", "revenue", "average_basket", "last_order_at")
_SEARCHED: Final = (
    "concat_ws(' ', name, legal_name, email, phone, mobile, landline, external_id, postal_code, city,"
    " array_to_string(tags, ' '), '0' || right(regexp_replace(phone, '[^0-9]', '', 'g'), 9), customer_id)"
)


@dataclass(frozen=True, kw_only=True)
class Sort:
    """One column to sort by; missing values come last either way."""

    column: str
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """What to show of the customers."""

    columns: tuple[str, ...] = DEFAULT_COLUMNS
    where: str | None = None
    """A filter expression."""
    search: str | None = None
    """Words that must all stand somewhere in name, address or numbers; accents and capitals do not matter."""
    sort: tuple[Sort, ...] = ()
    moment: Moment = field(default=NOW)

    def command(self) -> str:
        """The command that prints the same."""
        parts = ["clientbook customers"]
        if self.where:
            parts.append(f"--where {_shell(self.where)}")
        if self.search:
            parts.append(f"--search {_shell(self.search)}")
        parts += [f"--sort {'-' if sort.descending else ''}{sort.column}" for sort in self.sort]
        if self.columns != DEFAULT_COLUMNS:
            parts.append(f"--columns {','.join(self.columns)}")
        if self.moment.as_of:
            parts.append(f"--as-of {self.moment.as_of.isoformat()}")
        if self.moment.known_at:
            parts.append(f"--known-at {self.moment.known_at.isoformat()}")
        return " ".join(parts)


@dataclass(frozen=True, kw_only=True)
class View:
    """A spec that was opened: its rows have an order now, and pages of them can be had."""

    spec: ViewSpec
    name: str
    count: int


def column_types(engine: Engine) -> Columns:
    """The columns of `customers` and their DuckDB types."""
    types = {row["column_name"]: row["column_type"] for row in engine.rows("describe customers")}
    return Columns(types, engine.value("select timezone from book"))


def interpret(text: str, columns: Columns) -> tuple[str | None, str | None]:
    """What a typed filter means: (where, search), one of them None, both for an empty text.

    Raises:
        InvalidExpression: it is meant as an expression and is none.
    """
    text = text.strip()
    if not text:
        return None, None
    if looks_like_expression(text, columns):
        return check(text, columns).text, None
    return None, text


def parse_sort(text: str, columns: Columns) -> Sort:
    """`revenue` or `-revenue`.

    Raises:
        InvalidExpression: there is no such column.
    """
    name = text.lstrip("-+")
    checked_columns((name,), columns)
    return Sort(column=name, descending=text.startswith("-"))


def checked_columns(names: tuple[str, ...], columns: Columns) -> tuple[str, ...]:
    """The names, if all are columns.

    Raises:
        InvalidExpression: one is not; the message names the nearest.
    """
    for name in names:
        if name not in columns:
            raise columns.unknown(name)
    return names


def customers_sql(spec: ViewSpec, columns: Columns, *, select: str | None = None) -> tuple[str, dict[str, object]]:
    """The query of a view and its parameters, in the view's order.

    Raises:
        InvalidExpression: the filter, a column or a sort is wrong.
    """
    prelude, source = "", "customers"
    conditions: list[str] = []
    parameters: dict[str, object] = {}
    if spec.where:
        expression = check(spec.where, columns)
        prelude = whole_file(expression)
        source = "customers cross join whole" if prelude else "customers"
        conditions.append(expression.condition)
    for number, word in enumerate((spec.search or "").split()):
        parameters[f"word{number}"] = word
        conditions.append(f"contains(strip_accents(lower({_SEARCHED})), strip_accents(lower($word{number})))")
    names = checked_columns(spec.columns, columns)
    chosen = select or ", ".join(identifier(name) for name in names)
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"{prelude}select {chosen} from {source}{where} order by {_order(spec, columns)}", parameters


def open_view(engine: Engine, spec: ViewSpec, columns: Columns) -> View:
    """Write down the order of a view's rows, so that any page can be had at once.

    Raises:
        InvalidExpression: the spec is wrong.
        QueryCancelled: `engine.interrupt()` was called meanwhile.
    """
    name = f"view_{next(_numbers)}"
    numbered = f"row_number() over (order by {_order(spec, columns)}) - 1 as place, customer_id"
    query, parameters = customers_sql(spec, columns, select=numbered)
    engine.execute(f"create table {name} as {query}", parameters)
    return View(spec=spec, name=name, count=engine.value(f"select count(*) from {name}"))


def close_view(engine: Engine, view: View) -> None:
    """Forget a view."""
    engine.execute(f"drop table if exists {view.name}")


def page(engine: Engine, view: View, number: int, *, customers: str = "customers") -> pa.Table:
    """Page `number` (from 0) of a view: customer_id and the spec's columns, `PAGE_ROWS` rows at most.

    `customers` is the table that has these columns.
    """
    first = number * PAGE_ROWS
    names = "".join(f", customers.{identifier(name)}" for name in view.spec.columns if name != "customer_id")
    return engine.table(
        f"select customers.customer_id{names} from {view.name} inner join {customers} as customers using (customer_id)"
        f" where place between {first} and {first + PAGE_ROWS - 1} order by place"
    )


def _order(spec: ViewSpec, columns: Columns) -> str:
    parts = []
    for sort in spec.sort or (Sort(column="name"),):
        checked_columns((sort.column,), columns)
        column = identifier(sort.column)
        key = f"strip_accents(lower({column}))" if columns[sort.column] == "VARCHAR" else column
        parts.append(f"{key} {'desc' if sort.descending else 'asc'} nulls last")
    return ", ".join([*parts, "customer_id"])


def _shell(text: str) -> str:
    return text if re.fullmatch(r"[\w.,@%+=:/-]+", text) else "'" + text.replace("'", "'\"'\"'") + "'"


_numbers = itertools.count(1)

__all__ = [
    "DEFAULT_COLUMNS",
    "PAGE_ROWS",
    "InvalidExpression",
    "Sort",
    "View",
    "ViewSpec",
    "checked_columns",
    "close_view",
    "column_types",
    "customers_sql",
    "interpret",
    "open_view",
    "page",
    "parse_sort",
]
