"""The chip that says, on every screen, that another process added to the book, and which key shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

if TYPE_CHECKING:
    from clientbook.tui.app import ClientbookApp


class Offer(Static):
    """Follows `app.offer`, hidden while that is empty; a click does what the key does."""

    app: ClientbookApp

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.display = False

    def on_mount(self) -> None:
        self.watch(self.app, "offer", self._say)

    def on_click(self) -> None:
        self.app.action_reload()

    def _say(self, text: str) -> None:
        self.update(Text(text, no_wrap=True, overflow="ellipsis"))
        self.display = bool(text)
