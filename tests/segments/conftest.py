"""Small books to ask about segments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from segment_books import mixed_shop, tell

from clientbook.book import Book


@pytest.fixture
def told(book: Book) -> Callable[..., Book]:
    """`told(event, …)`: an empty book that these events happened in."""

    def with_events(*events: dict[str, Any]) -> Book:
        tell(book, *events)
        return book

    return with_events


@pytest.fixture(scope="session")
def mixed_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed") / "book"
    tell(Book.create(folder, currency="EUR", timezone="Europe/Paris"), *mixed_shop())
    return folder
