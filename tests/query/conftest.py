"""A small book to ask: seven customers whose orders, towns and tags are known by heart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clientbook.book import Book
from clientbook.projection.snapshots import Snapshot
from clientbook.query.expressions import Columns
from clientbook.query.views import column_types
from clientbook.reading import Reading

PEOPLE = (
    # given, family, city, birth, tags, orders as (day, total)
    ("Zoé", "Lefèvre", "Lyon", "1980-03-12", ("vip", "thé"), (("2026-01-10", "100.00"), ("2026-03-31", "50.00"))),
    ("Émile", "Dupont", "Lyon", None, (), (("2026-03-30", "20.00"),)),
    ("Anna", "Ziegler", "Nice", "1991-07-01", ("vip",), (("2025-12-31", "300.00"),)),
    ("Bob", "O'Neil", "Saint-Étienne", None, (), ()),
    ("Chloé", None, None, None, ("bio",), ()),
    ("[red]Mallory[/red]", "=cmd|' /C calc'!A0", "\u202eNiort\x1b]52;c;aGk=\x07", None, (), (("2026-02-01", "0.00"),)),
    ("Dan", "dupont", "lyon", None, (), (("2026-02-02", "20.00"),)),
)


def events() -> Iterator[dict[str, Any]]:
    for place, (given, family, city, birth, tags, orders) in enumerate(PEOPLE):
        who = {"customer": {"email": f"c{place}@example.com", "external": str(100 + place)}, "source": "web"}
        start = {"occurred_at": f"2025-01-0{place + 1}T09:00:00+01:00"}
        profile = {"given_name": given, "family_name": family, "birth_date": birth}
        data: dict[str, Any] = {name: value for name, value in profile.items() if value}
        if city:
            data["address"] = {"city": city}
        yield {"type": "profile_updated", "data": data} | who | start
        for tag in tags:
            yield {"type": "tag_added", "data": {"tag": tag}} | who | start
        for number, (day, total) in enumerate(orders):
            sold = {"order_id": f"{place}-{number}", "total": total, "currency": "EUR"}
            yield {
                "type": "order_placed",
                "occurred_at": f"{day}T00:00:00{'+02:00' if day > '2026-03-29' else '+01:00'}",
                "data": sold,
            } | who


@pytest.fixture(scope="session")
def asked_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked") / "book"
    book = Book.create(folder, currency="EUR", timezone="Europe/Paris")
    outcome = book.append_lines(json.dumps(event).encode() for event in events())
    assert not outcome.rejects
    return folder


@pytest.fixture(scope="session")
def snapshot(asked_book: Path) -> Iterator[Snapshot]:
    with Book(asked_book).snapshot() as snapshot:
        yield snapshot


@pytest.fixture(scope="session")
def columns(snapshot: Snapshot) -> Columns:
    return column_types(snapshot.engine)


@pytest.fixture
def clientbook_path() -> str:
    import sys

    beside = Path(sys.executable).with_name("clientbook")
    return str(beside) if beside.exists() else shutil.which("clientbook") or pytest.skip("clientbook is not installed")


@pytest.fixture(scope="session")
def reading(asked_book: Path) -> Iterator[Reading]:
    """The small book on 1 April 2026."""
    book = Book(asked_book, clock=lambda: datetime(2026, 4, 1, 10, tzinfo=UTC))
    with book.reading() as reading:
        yield reading
