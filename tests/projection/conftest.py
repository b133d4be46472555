"""One engine for all histories, since opening one takes longer than folding a small log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clientbook.engine.duckdb import Engine, Limits
from clientbook.projection.fold import BookFacts, open_book
from clientbook.testing.history import History


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = Engine.open(Limits(threads=2))
    open_book(engine, BookFacts(currency="EUR", timezone="Europe/Paris"))
    yield engine
    engine.close()


@pytest.fixture
def history(tmp_path: Path, engine: Engine) -> History:
    return History(tmp_path, engine)
