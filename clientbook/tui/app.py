"""The terminal application: a shell that draws its first frame before anything heavy is imported.

DuckDB, Arrow, textual-fastdatatable and the book load in a thread after that frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segments
from rich.text import Text
from textual import on
from textual.app import App
from textual.command import Provider

from clientbook.i18n import _
from clientbook.projection.moment import NOW, Moment
from clientbook.query.text import harmless
from clientbook.tui.actions import bindings
from clientbook.tui.errors import NoTerminal, crash_report, describe
from clientbook.tui.messages import BookFailed, BookOpened
from clientbook.tui.screens.customer import CustomerScreen
from clientbook.tui.screens.customers import CustomersScreen
from clientbook.tui.screens.help import HelpScreen

if TYPE_CHECKING:
    from clientbook.tui.service import QueryService

__all__ = ["ClientbookApp", "NoTerminal", "run"]


def _commands() -> type[Provider]:
    from clientbook.tui.palette import ClientbookCommands

    return ClientbookCommands


class ClientbookApp(App[None], inherit_bindings=False):
    """The customer book on a terminal."""

    TITLE = "clientbook"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings("app")
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}

    def __init__(self, folder: Path, moment: Moment = NOW) -> None:
        """Show the book in `folder` at a moment."""
        super().__init__()
        self.folder = folder
        self.moment = moment
        self.service: QueryService | None = None
        self._opening = 0
        self._left: list[QueryService] = []
        """Services of earlier openings that a customer on the screen may still ask."""
        if self.no_color:
            for name in ("ansi-dark", "ansi-light"):  # black on black without colours
                with suppress(Exception):
                    self.unregister_theme(name)

    @property
    def customers(self) -> CustomersScreen:
        """The list of customers, beneath everything else."""
        return next(screen for screen in self.screen_stack if isinstance(screen, CustomersScreen))

    async def on_mount(self) -> None:
        for ending in (signal.SIGTERM, signal.SIGHUP):  # a closed window or a shutdown leaves the terminal as it was
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(ending, self.exit)
        await self.push_screen(CustomersScreen())
        self.call_after_refresh(self.open_book)

    def open_book(self) -> None:
        """Open the book, or open it again, in a thread that quitting does not wait for.

        No worker: folding a long log offers nothing to interrupt, and leaving would wait for it.
        """
        self._opening += 1
        threading.Thread(target=self._open, args=(self._opening,), daemon=True).start()

    def _open(self, generation: int) -> None:
        message: BookOpened | BookFailed
        try:
            from clientbook.tui.service import QueryService
            from clientbook.tui.widgets import record_table  # noqa: F401 - so that mounting it costs nothing

            message = BookOpened(QueryService.open(self.folder, self.moment), generation)
        except Exception as error:
            message = BookFailed(describe(error), generation)
        with suppress(RuntimeError):  # the application ended meanwhile
            self.post_message(message)

    @on(BookOpened)
    async def on_book_opened(self, message: BookOpened) -> None:
        if message.generation != self._opening:
            message.service.stop()
            return
        if self.service:
            self._left.append(self.service)
        self.service = message.service
        self.release()
        await self.customers.show_book(message.service)

    @on(BookFailed)
    def on_book_failed(self, message: BookFailed) -> None:
        if message.generation == self._opening:
            self.customers.show_failure(message.text)

    @property
    def shows_customer(self) -> bool:
        """Whether a customer is on the screen, over the list."""
        return any(isinstance(screen, CustomerScreen) for screen in self.screen_stack)

    def release(self) -> None:
        """Close what was opened earlier, unless a customer on the screen came from it."""
        if not self.shows_customer:
            for service in self._left:
                service.stop()
            self._left.clear()

    def open_customer(self, customer_id: str) -> None:
        """Show a customer over the list."""
        while not isinstance(self.screen, CustomersScreen):
            self.pop_screen()
        self.customers.open_customer(customer_id)

    def copy_text(self, text: str) -> None:
        """Copy a text and say so."""
        self.copy_to_clipboard(text)
        self.notify(_("Copied: {value}").format(value=harmless(text)), markup=False)

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_no_quit(self) -> None:
        self.notify(_("ctrl+q quits."), markup=False)

    async def action_quit(self) -> None:
        """Leave at once: what runs is interrupted, for Python waits for the threads of workers."""
        self._stop()
        self.exit(return_code=0 if self.service or self._opening == 0 else 1)

    def _stop(self) -> None:
        for service in (*self._left, self.service):
            if service:
                service.stop()

    def _handle_exception(self, error: Exception) -> None:
        """Leave with what broke and where: Textual's traceback would print locals, which are customers' data."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._fatal_error()

    def _fatal_error(self) -> None:
        self._stop()
        report = crash_report(self._exception) if self._exception else "clientbook: ?"
        self._exit_renderables.append(Segments(self.console.render(Text(report), self.console.options)))
        self._close_messages_no_wait()


def run(folder: Path, moment: Moment = NOW) -> int:
    """Run the application on the book in `folder` until the person leaves; the exit code.

    Raises:
        NoTerminal: standard input or output is no terminal, or one that cannot draw.
    """
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise NoTerminal(_("this needs a terminal; `clientbook customers` prints the list instead"))
    if os.environ.get("TERM") == "dumb":
        raise NoTerminal(_("this terminal cannot draw (TERM=dumb); `clientbook customers` prints the list instead"))
    app = ClientbookApp(folder, moment)
    app.run()
    return app.return_code or 0
