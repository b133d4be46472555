"""The line under the table: how many, in what order, for which moment, how fast; and whether there is more to read."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from clientbook.i18n import _
from clientbook.tui.widgets.offer import Offer


class StatusLine(Horizontal):
    """Says what the table shows. Without the moment a figure means nothing, so it is always named."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = ""

    def compose(self) -> ComposeResult:
        yield Static(id="status-text", markup=False)
        yield Offer()

    def show_note(self, text: str) -> None:
        """Show a text as it is."""
        self.text = text
        self.query_one("#status-text", Static).update(Text(text, no_wrap=True, overflow="ellipsis"))

    def show_view(self, *, count: int, total: int, sort: str, moment: str, milliseconds: int) -> None:
        """Describe the view in the table. `sort` is empty for the order by name."""
        counted = _("{count} of {total}").format(count=f"{count:,}", total=f"{total:,}")
        self.show_note(" · ".join(part for part in (counted, sort, moment, f"{milliseconds:,} ms") if part))
