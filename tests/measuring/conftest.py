"""Books filled with events."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from measuring_books import Events

from clientbook.book import Book


@pytest.fixture
def filled(book: Book) -> Callable[[Events], Book]:
    """The book with these events in it."""

    def fill(events: Events) -> Book:
        outcome = book.append_lines(json.dumps(one).encode() for one in events)
        assert not outcome.rejects, outcome.rejects
        return book

    return fill
