"""The customer under the cursor, beside the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from clientbook.i18n import _
from clientbook.tui.model import Card

LABEL_WIDTH: Final = 16


class Preview(VerticalScroll, can_focus=False):
    """Shows a card in short."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.customer_id: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="preview-text", markup=False)

    def show(self, card: Card | None) -> None:
        """Show a customer, or nothing."""
        self.customer_id = card.customer_id if card else None
        self.query_one("#preview-text", Static).update(_preview(card) if card else "")
        self.scroll_home(animate=False)


def field_table(fields: Iterable[tuple[str, str]]) -> Table:
    """Labels and values in two aligned columns; values wrap."""
    listed = list(fields)
    width = min(LABEL_WIDTH, max((cell_len(label) for label, _value in listed), default=0))
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=width, no_wrap=True, overflow="ellipsis", style="dim")
    grid.add_column(ratio=1, overflow="fold")
    for label, value in listed:
        grid.add_row(Text(label), Text(value))
    return grid


def two_field_tables(fields: Sequence[tuple[str, str]]) -> Table:
    """The same side by side, the first half on the left."""
    half = -(-len(fields) // 2)
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(field_table(fields[:half]), field_table(fields[half:]))
    return grid


def _preview(card: Card) -> RenderableType:
    parts: list[RenderableType] = [
        Text(card.name, style="bold"),
        Text(card.customer_id, style="dim"),
        Text(),
        field_table(card.fields),
    ]
    data = card.timeline
    if data.rows:
        places = {column.key: position for position, column in enumerate(data.columns)}
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=10, no_wrap=True, style="dim")
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for row in data.rows:
            said = [row[places[key]] for key in ("type", "amount", "summary") if key in places and row[places[key]]]
            grid.add_row(Text(row[places["occurred_at"]][:10]), Text(" · ".join(said)))
        parts += [Text(), Text(_("Latest"), style="bold"), grid]
    return Group(*parts)
