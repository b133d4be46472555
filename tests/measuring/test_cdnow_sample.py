"""CDNOW, the tenth of the customers that papers use: a log that lies in the package `lifetimes`, read and never imported.

`pip install --no-deps lifetimes` brings it; `.ci/run` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from clientbook.book import Book
from clientbook.projection.moment import Moment
from clientbook.reading import Reading

CALIBRATION_END = datetime(1997, 9, 30, 23, 59, tzinfo=UTC)
HOLDOUT_END = datetime(1998, 6, 30, 23, 59, tzinfo=UTC)


def sample_log() -> Path | None:
    try:
        path = Path(str(distribution("lifetimes").locate_file("lifetimes/datasets/CDNOW_sample.txt")))
    except PackageNotFoundError:
        return None
    return path if path.exists() else None


LOG = sample_log()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(LOG is None, reason="the package lifetimes, whose data it reads, is absent"),
]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    book = Book.create(tmp_path_factory.mktemp("cdnow") / "book", currency="USD", timezone="UTC", clock=lambda: HOLDOUT_END)
    outcome = book.append_lines(lines())
    assert outcome.rows_used == 6919
    return book


def lines() -> Iterator[bytes]:
    assert LOG is not None
    for number, row in enumerate(LOG.read_text(encoding="ascii").splitlines()):
        _master, customer, day, _items, amount = row.split()
        data = {"order_id": str(number), "total": amount, "currency": "USD"}
        when = f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z"
        who = {"external": customer}
        event = {"type": "order_placed", "source": "cdnow", "occurred_at": when, "customer": who, "data": data}
        yield json.dumps(event).encode()


def order_days(reading: Reading) -> tuple[int, int, int]:
    """Customers, of them with a second order-day, and order-days after each customer's first."""
    relation = reading.traits.by_column["usual_gap_days"].relation
    assert relation is not None
    row = reading.engine.rows(
        "select count(*) as customers, count(*) filter (where order_day_count > 1) as repeaters,"
        f" sum(order_day_count - 1) as repeats from ({relation.sql})"
    )[0]
    return row["customers"], row["repeaters"], int(row["repeats"])


def test_repeaters_and_repeat_order_days(book: Book) -> None:
    """Fader, Hardie and Lee (2005), table of the sample: 946 of 2,357 customers came back by 30 September 1997."""
    with book.reading(Moment(as_of=CALIBRATION_END)) as calibration, book.reading() as everything:
        customers, repeaters, repeats = order_days(calibration)
        assert (customers, repeaters, repeats) == (2357, 946, 2457)
        assert round(repeaters / customers, 3) == 0.401
        assert order_days(everything)[2] - repeats == 1882
