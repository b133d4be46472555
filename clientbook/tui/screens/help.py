"""Every key there is, in a list one can search."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from clientbook.i18n import _
from clientbook.tui.actions import ACTIONS, SCOPES, Action, bindings


class HelpScreen(ModalScreen[None]):
    """The registry of actions, filtered by what is typed."""

    BINDINGS = bindings("help")
    AUTO_FOCUS = "#help-filter"

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[Action] = list(ACTIONS)

    def compose(self) -> ComposeResult:
        with Vertical(id="help-box"):
            yield Static(_("Keys"), id="help-title", markup=False)
            yield Input(placeholder=_("type to look for a key or a word"), id="help-filter", compact=True)
            with VerticalScroll(id="help-list", can_focus=False):
                yield Static(id="help-text", markup=False)

    def on_mount(self) -> None:
        self._show("")

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll_list(self, step: int) -> None:
        self.query_one("#help-list", VerticalScroll).scroll_relative(y=3 * step, animate=False)

    @on(Input.Changed)
    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, text: str) -> None:
        words = text.lower().split()
        self.listed = [action for action in ACTIONS if all(word in _searched(action) for word in words)]
        self.query_one("#help-text", Static).update(_help(self.listed))
        self.query_one("#help-list").scroll_home(animate=False)


def _searched(action: Action) -> str:
    return " ".join((action.key_display, action.keys, _(action.label), _(action.help))).lower()


def _help(actions: list[Action]) -> RenderableType:
    if not actions:
        return Text(_("No key does that."))
    parts: list[RenderableType] = []
    for scope, title in SCOPES.items():
        chosen = [action for action in actions if action.scope == scope]
        if not chosen:
            continue
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(width=8, no_wrap=True)
        grid.add_column(width=16, no_wrap=True, overflow="ellipsis")
        grid.add_column(ratio=1)
        for action in chosen:
            grid.add_row(Text(action.key_display, style="bold"), Text(_(action.label)), Text(_(action.help), style="dim"))
        parts += [Text(_(title), style="bold underline"), grid, Text()]
    return Group(*parts[:-1])
