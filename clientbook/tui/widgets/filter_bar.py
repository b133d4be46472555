"""The line where a filter is typed, and under it what is wrong with it."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from clientbook.i18n import _
from clientbook.query.text import harmless
from clientbook.tui.actions import bindings

DEBOUNCE_SECONDS: Final = 0.12
LONGEST: Final = 1_000


class FilterInput(Input):
    """The input of a filter bar."""

    BINDINGS = bindings("filter")

    def action_keep(self) -> None:
        self.post_message(FilterBar.Kept())

    def action_clear(self) -> None:
        self.post_message(FilterBar.Cleared())


class FilterBar(Vertical):
    """Free text or an expression; results follow while it is typed."""

    class Typed(Message):
        """The text changed, and rests for a moment."""

    class Kept(Message):
        """Back to the table with the filter as it is."""

    class Cleared(Message):
        """Back to the table without a filter."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False
        self.message = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="filter-line"):
            yield Static("/", id="filter-mark", markup=False)
            yield FilterInput(
                placeholder=_("words, or an expression: order_count > 3 and city = 'Lyon'"),
                id="filter-input",
                compact=True,
                max_length=LONGEST,
                select_on_focus=False,
            )
        yield Static(id="filter-error", markup=False)

    def on_mount(self) -> None:
        self.clear_error()

    @property
    def text(self) -> str:
        """What stands in the bar."""
        return self.query_one(FilterInput).value.strip()

    def open(self) -> None:
        """Show the bar and type into it."""
        self.display = True
        field = self.query_one(FilterInput)
        # At once, not on the next turn: what is typed right after the key belongs to the filter.
        self.screen.set_focus(field)
        field.cursor_position = len(field.value)

    def empty(self) -> None:
        """Drop the text without a `Typed`, and hide the bar."""
        with self.prevent(Input.Changed):
            self.query_one(FilterInput).value = ""
        self.settle()
        self.clear_error()
        self.display = False

    def settle(self) -> bool:
        """Stop waiting for more typing; whether a `Typed` was due."""
        if self._timer is None:
            return False
        self._timer.stop()
        self._timer = None
        return True

    def show_error(self, text: str, place: int | None) -> None:
        """Say what is wrong, under its place in the text where that is in sight."""
        self.message = harmless(text)
        field = self.query_one(FilterInput)
        line = Text()
        if place is not None:
            column = cell_len(field.value[:place]) - int(field.scroll_offset.x)
            if column >= 0 and column + cell_len(self.message) + 4 <= field.size.width:
                line = Text(" " * column + "▲ ")
            else:
                line = Text(_("at character {place}: ").format(place=place + 1))
        line.append(self.message)
        error = self.query_one("#filter-error", Static)
        error.update(line)
        error.display = True
        self.add_class("wrong")

    def clear_error(self) -> None:
        """The text is fine."""
        self.message = ""
        self.query_one("#filter-error").display = False
        self.remove_class("wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.settle()
        self._timer = self.set_timer(DEBOUNCE_SECONDS, self._typed)

    def _typed(self) -> None:
        self._timer = None
        self.post_message(self.Typed())
