"""What the book holds as tables for the screen: labels, widths, and display strings in place of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
from rich.cells import cell_len

from clientbook.engine.duckdb import Engine, identifier
from clientbook.query.labels import column_label
from clientbook.query.text import display
from clientbook.query.views import DEFAULT_COLUMNS
from clientbook.tui.model import Cells, ColumnLayout, TableData

_RANKS: Final = {"name": 0, "revenue": 1, "order_count": 2, "city": 3, "last_order_at": 4, "email": 5, "average_basket": 6}
_MINIMA: Final = {"name": 16, "city": 10, "email": 18}
_CEILINGS: Final = {"name": 30, "city": 22, "email": 34}
_SHOWN_AT_ZERO: Final = {"order_count", "revenue"}


def customer_columns(engine: Engine, types: dict[str, str], timezone: str) -> tuple[ColumnLayout, ...]:
    """Widths come from all customers once, so that columns stand still while somebody types a filter."""
    numbers = {
        name for name in DEFAULT_COLUMNS if types[name].startswith(("DECIMAL", "BIGINT", "INTEGER", "DOUBLE", "HUGEINT"))
    }
    texts = [name for name in DEFAULT_COLUMNS if types[name] == "VARCHAR"]
    measures = [f"coalesce(quantile_disc(length({identifier(name)}), 0.98), 0) as {identifier(name)}" for name in texts]
    measures += [
        f"{bound}({identifier(name)}) as {identifier(f'{bound} {name}')}"
        for name in DEFAULT_COLUMNS
        if name not in texts
        for bound in ("min", "max")
    ]
    measured = engine.rows(f"select {', '.join(measures)} from customers")[0]
    layouts = []
    for position, name in enumerate(DEFAULT_COLUMNS):
        label = column_label(name)
        arrow = cell_len(label) + 2
        if name in texts:
            natural = max(arrow, min(measured[name], _CEILINGS.get(name, 30)))
            minimum = min(natural, _MINIMA.get(name, 12))
        else:
            bounds = (display(measured[f"{bound} {name}"], timezone) for bound in ("min", "max"))
            natural = minimum = max(arrow, *(len(bound) for bound in bounds))
        layouts.append(
            ColumnLayout(
                key=name,
                label=label,
                natural=natural,
                minimum=minimum,
                rank=_RANKS.get(name, position + 10),
                is_number=name in numbers,
            )
        )
    return tuple(layouts)


def page_cells(table: pa.Table, names: Sequence[str], timezone: str) -> tuple[Cells, ...]:
    """The cells of a page, row by row, in the order of `names`."""
    columns = [[display(value, timezone) for value in table.column(name).to_pylist()] for name in names]
    return tuple(zip(*columns, strict=True))


def profile_fields(profile: dict[str, Any], timezone: str) -> tuple[tuple[str, str], ...]:
    """The filled fields, labelled. The name stands above them; a phone that is the mobile or landline is not said twice."""
    fields = []
    for name, value in profile.items():
        if name in ("customer_id", "name") or (
            name == "phone" and value in (profile.get("mobile"), profile.get("landline"))
        ):
            continue
        if name not in _SHOWN_AT_ZERO and (value is None or value is False or value == 0 or value in ([], {})):
            continue
        text = display(value, timezone)
        if text:
            fields.append((column_label(name), text))
    return tuple(fields)


def money(amount: Any, currency: str | None, timezone: str) -> str | None:
    """An amount with its currency."""
    return None if amount is None else f"{display(amount, timezone)} {currency or ''}".rstrip()


def small_table(
    rows: list[dict[str, Any]],
    names: Sequence[str],
    timezone: str,
    *,
    numbers: set[str] | None = None,
    is_cut: bool = False,
) -> TableData:
    """Rows as a table with the columns that any row fills, the first ones the last to go where there is no room."""
    filled = [name for name in names if any(row[name] is not None for row in rows)]
    cells = tuple(tuple(display(row[name], timezone) for name in filled) for row in rows)
    columns = []
    for position, name in enumerate(filled):
        label = column_label(name)
        natural = max(cell_len(label), *(cell_len(row[position]) for row in cells))
        is_long = name in ("summary", "value")
        columns.append(
            ColumnLayout(
                key=name,
                label=label,
                natural=natural,
                minimum=min(natural, 16 if is_long else 24),
                rank=position,
                is_number=name in (numbers or ()),
            )
        )
    return TableData(columns=tuple(columns), rows=cells, is_cut=is_cut)
