"""One line that says what went wrong, hidden while nothing did."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from clientbook.query.text import harmless


class ErrorBar(Static):
    """The error line of a screen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.display = False
        self.message = ""

    def show(self, text: str) -> None:
        """Say what went wrong."""
        self.message = harmless(text)
        self.update(Text(f"✗ {self.message}"))
        self.display = True

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self.message = ""
        self.display = False
