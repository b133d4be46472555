"""What tests of the plugins share: a book in which one plugin is installed, and files brought to it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clientbook.book import Book
from clientbook.hooks.discovery import Found
from clientbook.hooks.states import Switches
from clientbook.importing.commit import Outcome
from clientbook.importing.decode import GivenFile
from clientbook.importing.extracting import candidates, surest, why_not


def given(data: bytes | Path, name: str | None) -> GivenFile:
    raw = data.read_bytes() if isinstance(data, Path) else data
    return GivenFile(
        name=name or (data.name if isinstance(data, Path) else "file.csv"), data=raw, sha256=sha256(raw).hexdigest()
    )


class Brought:
    """A book, and what became of the file that was brought to it."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.importer = ""
        self.outcome = Outcome(rows_read=0, rows_used=0, rows_duplicate=0, rows_skipped=0, rows_rejected=0, events=0)

    def again(self, data: bytes | Path, name: str | None = None) -> Outcome:
        file = given(data, name)
        chosen = surest(candidates(self.book.plugins, file))
        assert chosen, "no importer takes the file"
        self.importer = chosen.importer.id
        self.outcome = self.book.import_file(file, self.book.extract(file, chosen.importer)).outcome
        return self.outcome

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.book.snapshot() as snapshot:
            found: list[dict[str, Any]] = snapshot.table(sql).to_pylist()
            return found


def plugged(folder: Path, module: ModuleType, name: str) -> Book:
    """An empty book with the plugin, found as an installed one is."""
    book = Book.create(folder / "book", currency="EUR", timezone="Europe/Paris")
    with (folder / "book" / "book.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[engine]\nthreads = 1\n")
    point = EntryPoint(name=name, value=module.__name__, group="clientbook")
    found = Found(name=name, distribution=f"clientbook-{name}", version="0", entry_point=point)
    book = Book(folder / "book", switches=Switches(strict=True), installed=[found])
    assert book.plugins.importers, "every importer has a fault"
    return book


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., Brought]:
    def take(module: ModuleType, plugin: str, data: bytes | Path, *, name: str | None = None) -> Brought:
        shop = Brought(plugged(tmp_path, module, plugin))
        shop.again(data, name)
        return shop

    return take


@pytest.fixture
def why(tmp_path: Path) -> Callable[..., dict[str, tuple[int, tuple[str, ...]]]]:
    def ask(module: ModuleType, plugin: str, data: bytes) -> dict[str, tuple[int, tuple[str, ...]]]:
        book = plugged(tmp_path, module, plugin)
        return {name: (match.score, match.reasons) for name, match in why_not(book.plugins, given(data, None))}

    return ask
