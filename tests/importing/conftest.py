"""What tests of the importer share: a desk that reads files without writing, and a book that takes them in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from clientbook.book import Book
from clientbook.engine.duckdb import Engine
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import Draft
from clientbook.importing.mapping import Mapping
from clientbook.importing.plan import FilePlan, draft_file, plan_file
from clientbook.importing.table import Dialect, TextTable, read_table
from clientbook.intake import ImportResult

SHARED = Path(__file__).parents[3] / "shared"


def given(data: bytes | str, name: str = "file.csv") -> GivenFile:
    raw = data.encode() if isinstance(data, str) else data
    return GivenFile(name=name, data=raw, sha256=sha256(raw).hexdigest())


class Desk:
    """What a file would become in an empty book in euros and Paris time; nothing is written."""

    def __init__(self, book: Book, engine: Engine) -> None:
        self.book = book
        self.engine = engine

    def table(self, data: bytes | str, name: str = "file.csv", dialect: Dialect | None = None) -> TextTable:
        return read_table(given(data, name), dialect=dialect)

    def plan(
        self, data: bytes | str, name: str = "file.csv", *, mapping: Mapping | None = None, timezone: str = "Europe/Paris"
    ) -> FilePlan:
        file = given(data, name)
        return plan_file(self.engine, file, mapping=mapping, source="shop", currency="EUR", timezone=timezone)

    def draft(self, data: bytes | str, name: str = "file.csv", *, mapping: Mapping | None = None) -> Draft:
        return draft_file(self.engine, self.plan(data, name, mapping=mapping), imported_at=self.book.clock())

    def targets(self, data: bytes | str, name: str = "file.csv") -> dict[str, str]:
        """Column → target, as proposed."""
        return {column: chosen.to for column, chosen in self.plan(data, name).mapping.columns.items()}


class Shop:
    """A book, and files brought to it."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def bring(
        self, data: bytes | str, name: str = "file.csv", *, mapping: Mapping | None = None, source: str | None = None
    ) -> ImportResult:
        file = given(data, name)
        is_events = name.endswith(".jsonl")
        return self.book.import_file(file, None if is_events else self.book.plan(file, mapping=mapping, source=source))

    def bring_events(self, *events: dict[str, Any]) -> ImportResult:
        return self.bring("".join(json.dumps(event) + "\n" for event in events), "events.jsonl")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.book.snapshot() as snapshot:
            found: list[dict[str, Any]] = snapshot.table(sql).to_pylist()
            return found


def column(table: TextTable, name: str) -> list[str | None]:
    """The cells under a header."""
    cells: list[str | None] = table.column(table.header.index(name)).to_pylist()
    return cells


@pytest.fixture(scope="session")
def folded_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty book whose tables are folded already, to be copied."""
    folder = tmp_path_factory.mktemp("books") / "empty"
    Book.create(folder, currency="EUR", timezone="Europe/Paris")
    with (folder / "book.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[engine]\nthreads = 1\n")  # a few rows are folded sooner by one
    Book(folder).snapshot().close()
    return folder


@pytest.fixture
def book(tmp_path: Path, folded_book: Path, clock: Callable[[], Any]) -> Book:
    """An empty book in euros and Paris time."""
    shutil.copytree(folded_book, tmp_path / "book")
    return Book(tmp_path / "book", clock=clock)


@pytest.fixture
def given_file() -> Callable[..., GivenFile]:
    return given


@pytest.fixture
def shop(book: Book) -> Shop:
    return Shop(book)


@pytest.fixture(scope="session")
def desk(folded_book: Path) -> Iterator[Desk]:
    book = Book(folded_book)
    with book.snapshot() as snapshot:
        yield Desk(book, snapshot.engine)


@pytest.fixture(scope="session")
def cells() -> Callable[[TextTable, str], list[str | None]]:
    return column


@pytest.fixture(scope="session")
def new_shop(folded_book: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Shop]:
    """Makes empty books, for tests that try many files."""

    def make() -> Shop:
        folder = tmp_path_factory.mktemp("shops") / "book"
        shutil.copytree(folded_book, folder)
        return Shop(Book(folder))

    return make


@pytest.fixture(scope="session")
def samples() -> Path:
    """Replicas of real exports, beside the repository."""
    folder = SHARED / "samples"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, which is not there")
    return folder
