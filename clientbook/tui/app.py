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
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segments
from rich.text import Text
from textual import on
from textual.app import App
from textual.command import Provider
from textual.reactive import var
from textual.timer import Timer

from clientbook.i18n import _, ngettext
from clientbook.projection.moment import NOW, Moment
from clientbook.query.text import harmless
from clientbook.tui.actions import bindings
from clientbook.tui.errors import NoTerminal, SnapshotLost, crash_report, describe
from clientbook.tui.messages import BookChecked, BookFailed, BookOpened, FilesGone
from clientbook.tui.screens.customer import CustomerScreen
from clientbook.tui.screens.customers import CustomersScreen
from clientbook.tui.screens.help import HelpScreen

if TYPE_CHECKING:
    from clientbook.tui.service import QueryService

__all__ = ["ClientbookApp", "NoTerminal", "run"]

CHECK_SECONDS: Final = 1.5
"""So often the book is looked at for what other processes did."""
NOTICE_SECONDS: Final = 15.0
"""So long it is said that the book moved on."""
RECOVERIES: Final = 3
"""So often in a row, without a new event, the book is read again by itself; then the person decides."""
CALM_SECONDS: Final = 60.0
"""After so long without one, recoveries are counted anew."""


def _commands() -> type[Provider]:
    from clientbook.tui.palette import ClientbookCommands

    return ClientbookCommands


class ClientbookApp(App[None], inherit_bindings=False):
    """The customer book on a terminal."""

    TITLE = "clientbook"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings("app")
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}

    offer: var[str] = var("")
    """What every screen says of other processes' work; empty while there is none."""

    def __init__(self, folder: Path, moment: Moment = NOW) -> None:
        """Show the book in `folder` at a moment."""
        super().__init__()
        self.folder = folder
        self.moment = moment
        self.service: QueryService | None = None
        self.new_events = 0
        """Of other processes, since the service opened the book."""
        self._opening = 0
        self._is_opening = False
        self._is_recovering = False
        self._recoveries = 0
        self._recovered_at = 0.0
        self._is_checking = False
        self._notice_timer: Timer | None = None
        self._left: list[QueryService] = []
        """Services of earlier openings, until what they opened is off the screen."""
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
        self.set_interval(CHECK_SECONDS, self.check_book)

    def open_book(self) -> None:
        """Open the book, or open it again, in a thread that quitting does not wait for.

        No worker: folding a long log offers nothing to interrupt, and leaving would wait for it. Until the new snapshot
        is there the old one stays on the screen.
        """
        if self._is_opening:
            return
        self._is_opening = True
        self._opening += 1
        if self.service:
            self._say(_("reading the book again…"))
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
        before, self.service = self.service, message.service
        if before:
            self._left.append(before)
        self._is_opening = False
        self.new_events = 0
        self._say("")
        if before and self._is_recovering:
            came = message.service.position - before.position
            self._say(_moved_on(0 if self.moment.known_at else came), seconds=NOTICE_SECONDS)
            if came:
                self._recoveries = 0
        self._is_recovering = False
        await self.customers.show_book(message.service)

    @on(BookFailed)
    def on_book_failed(self, message: BookFailed) -> None:
        if message.generation == self._opening:
            self._is_opening = self._is_recovering = False
            self.new_events = 0
            self._say("")
            self._show_failure(message.text)

    def check_book(self) -> None:
        """Look whether another process changed the book, in a thread that quitting does not wait for."""
        if self.service and not self._is_checking and not self._is_opening:
            self._is_checking = True
            threading.Thread(target=self._check, args=(self.service,), daemon=True).start()

    def _check(self, service: QueryService) -> None:
        new_events = None
        with suppress(Exception):  # files change hands while it looks; the next look will do, and queries say what is wrong
            new_events = service.new_events()
        with suppress(RuntimeError):  # the application ended meanwhile
            self.post_message(BookChecked(service, new_events=new_events, is_lost=service.is_lost()))

    @on(BookChecked)
    def on_book_checked(self, message: BookChecked) -> None:
        self._is_checking = False
        if message.service is not self.service or self._is_opening:
            return
        if message.is_lost:
            self.recover(message.service)
        elif message.new_events is not None and message.new_events != self.new_events:
            self.new_events = message.new_events
            self._say(_offered(message.new_events))

    @on(FilesGone)
    def on_files_gone(self, message: FilesGone) -> None:
        self.recover(message.service)

    def recover(self, service: QueryService) -> None:
        """Read the book again because files of a service's snapshot are gone."""
        if service is not self.service or self._is_opening:
            return
        now = time.monotonic()
        self._recoveries = 1 if now - self._recovered_at > CALM_SECONDS else self._recoveries + 1
        self._recovered_at = now
        if self._recoveries > RECOVERIES:
            self._show_failure(str(SnapshotLost()))
            return
        self._is_recovering = True
        self.open_book()

    @property
    def customer(self) -> CustomerScreen | None:
        """The customer on the screen, over the list."""
        return next((screen for screen in self.screen_stack if isinstance(screen, CustomerScreen)), None)

    def release(self) -> None:
        """Close what was opened earlier; nothing on the screen asks it any more."""
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

    def action_reload(self) -> None:
        self._recoveries = 0
        self.open_book()

    def action_no_quit(self) -> None:
        self.notify(_("ctrl+q quits."), markup=False)

    async def action_quit(self) -> None:
        """Leave at once: what runs is interrupted, for Python waits for the threads of workers."""
        self._stop()
        self.exit(return_code=0 if self.service or self._opening == 0 else 1)

    def _say(self, text: str, *, seconds: float | None = None) -> None:
        """Say something of the book on every screen, for so long or until something else is said."""
        if self._notice_timer:
            self._notice_timer.stop()
        self._notice_timer = self.set_timer(seconds, partial(self._say, "")) if seconds else None
        self.offer = text

    def _show_failure(self, text: str) -> None:
        self.customers.show_failure(text)
        if self.customer:
            self.customer.show_failure(text)

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


def _offered(count: int) -> str:
    if not count:
        return ""
    return ngettext("{count} new event · r shows it", "{count} new events · r shows them", count).format(count=f"{count:,}")


def _moved_on(count: int) -> str:
    if count <= 0:
        return _("the book was rewritten and read again")
    said = ngettext("the book moved on: {count} new event shown", "the book moved on: {count} new events shown", count)
    return said.format(count=f"{count:,}")


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
