"""Where plugins are tried: books in a temporary folder, with a clock that stands still and the given plugins only."""

from __future__ import annotations

import inspect
import itertools
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from shutil import copytree
from typing import Any, Final

import tomli_w

from clientbook.book import Book
from clientbook.hooks.discovery import GROUP, Found
from clientbook.hooks.states import Switches
from clientbook.importing.decode import GivenFile
from clientbook.settings import SETTINGS_FILE

START: Final = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
"""What the clock of a new book says."""


class UnsoundPlugin(AssertionError):
    """The plugin could not be loaded whole; the message says what clientbook says of it."""


class StandingClock:
    """Says what it was told last: `clock.now = datetime(…)`."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class _Loaded:
    """Stands for an entry point whose module is there already."""

    module: Any

    def load(self) -> Any:
        return self.module


def namespace_of(plugin: Any) -> str:
    """The name under which a plugin is installed; of one that is not, `NAMESPACE`, or its module's without `clientbook_`."""
    name = getattr(plugin, "NAMESPACE", None)
    if name is None and inspect.ismodule(plugin):
        installed = (point.name for point in entry_points(group=GROUP) if point.value == plugin.__name__)
        name = next(installed, plugin.__name__.rpartition(".")[2].removeprefix("clientbook_"))
    assert isinstance(name, str), "a plugin is a module, or says what it is called: NAMESPACE = 'acme'"
    return name


class Workbench:
    """Makes books in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def book(
        self, *plugins: Any, now: datetime = START, strict: bool = True, settings: Mapping[str, Any] | None = None
    ) -> Book:
        """An empty book with these plugins. `settings` is what `[plugins]` of its `book.toml` says.

        Raises:
            UnsoundPlugin: a plugin has a fault, and `strict` is not False.
        """
        clock = StandingClock(now)
        folder = self._new_folder()
        Book.create(folder, currency="EUR", timezone="Europe/Paris", clock=clock)
        if settings:
            with (folder / SETTINGS_FILE).open("a", encoding="utf-8") as file:
                file.write("\n" + tomli_w.dumps({"plugins": dict(settings)}))
        return self.opened(folder, *plugins, now=now, strict=strict)

    def sample_book(self, *plugins: Any, strict: bool = True) -> Book:
        """The sample shop with these plugins."""
        folder = self._new_folder()
        copytree(_sample(), folder)
        return self.opened(folder, *plugins, strict=strict)

    def opened(self, folder: Path, *plugins: Any, now: datetime = START, strict: bool = True) -> Book:
        """The book in the folder, opened with these plugins.

        Raises:
            UnsoundPlugin: a plugin has a fault, and `strict` is not False.
        """
        book = Book(folder, clock=StandingClock(now), switches=Switches(), installed=[_found(one) for one in plugins])
        if strict and plugins:
            book.plugins.load_all()
            if book.plugins.troubles:
                raise UnsoundPlugin("\n".join(book.plugins.troubles))
        return book

    def _new_folder(self) -> Path:
        self._folder.mkdir(exist_ok=True)
        return self._folder / f"book{next(self._numbers)}"


def append(book: Book, events: Iterable[Mapping[str, Any]]) -> None:
    """Put events, written as in JSON Lines, into a book; one that cannot go in is an error."""
    outcome = book.append_lines(lines_of(events))
    assert not outcome.rejects, "an event cannot go in: " + "; ".join(str(one) for one in outcome.rejects)


def import_lines(book: Book, events: Iterable[Mapping[str, Any]]) -> str | None:
    """Import events as one file; the import's number."""
    data = b"\n".join(lines_of(events))
    return book.import_file(GivenFile(name="events.jsonl", data=data, sha256=sha256(data).hexdigest())).batch


def lines_of(events: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Events as JSON Lines."""
    return [json.dumps(event, default=str).encode() for event in events]


def _found(plugin: Any) -> Found:
    return Found(
        name=namespace_of(plugin),
        distribution=f"clientbook-{namespace_of(plugin)}",
        version="0",
        entry_point=_Loaded(plugin),  # type: ignore[arg-type]  # only `load` is asked of it
    )


@cache
def _sample() -> Path:
    from clientbook.sample import make_sample_book

    folder = Path(tempfile.mkdtemp(prefix="clientbook-sample-")) / "book"
    make_sample_book(folder)
    return folder
