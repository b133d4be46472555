"""What stands out in a book, and what a small book may not say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from measuring_books import event, order

from clientbook.book import Book
from clientbook.measuring.priorities import Priority, priorities
from clientbook.measuring.staleness import stale_since
from clientbook.projection.moment import Moment

Fill = Callable[[Any], Book]
DAY = datetime(2026, 6, 30, 21, 0, tzinfo=UTC)


def found(book: Book, at: datetime = DAY) -> dict[str, Priority]:
    with book.reading(Moment(as_of=at)) as reading:
        listed = priorities(reading)
        for one in listed:
            if one.drill:
                reading.expression(one.drill)
    assert [one.stake for one in listed] == sorted((one.stake for one in listed), reverse=True)
    return {one.id: one for one in listed}


def years(count: int, *days: str, start: int = 0, total: str = "10") -> list[dict[str, Any]]:
    return [order(f"c{number}", day, total) for number in range(start, start + count) for day in days]


def test_a_book_of_few_customers_says_nothing(filled: Fill) -> None:
    assert found(filled(years(20, "2026-01-01", "2026-03-01"))) == {}


def test_most_are_lost_after_the_first_order(filled: Fill) -> None:
    """200 come once, 100 come again and then go on."""
    loyal = ("2024-01-01", "2024-07-01", "2025-01-01", "2025-07-01", "2026-01-01", "2026-06-01")
    told = found(filled([*years(200, "2024-02-01"), *years(100, *loyal, start=200), *years(50, "2026-06-02", start=300)]))
    lost = told["lost_after_first_order"]
    assert lost.kind == "breaking_point"
    assert 0.55 < lost.value < 0.75
    assert told["loyal_customers"].kind == "strength"
    assert told["loyal_customers"].stake == 100 * 3 * 10
    assert told["known_customers"].stake == 100 * 3 * 10


def test_money_paid_back_and_guests(filled: Fill) -> None:
    days = ("2026-01-01", "2026-03-01")
    back = [
        event(
            "order_refunded",
            f"c{n}",
            "2026-03-02",
            order_id=f"c{n}-2026-03-01-10",
            amount="5",
            currency="EUR",
            refund_id=f"r{n}",
        )
        for n in range(100)
    ]
    guests = [order(None, "2026-04-01", "20", f"g{number}") for number in range(60)]
    told = found(filled([*years(100, *days), *back, *guests]))
    assert told["refunds"].stake == 500
    assert told["guests"].stake == 1200
    assert told["not_contactable"].stake == 100 * 15
    assert "no_address" in told


def test_ten_customers_bring_most(filled: Fill) -> None:
    told = found(filled([*years(200, "2026-01-01"), *years(10, "2026-01-01", start=200, total="1000")]))
    assert told["few_bring_much"].stake == 10_000
    assert told["few_bring_much"].value == 10_000 / 12_000


def test_a_book_that_nobody_writes_in_is_stale(filled: Fill) -> None:
    book = filled(years(1, "2026-01-01"))
    with book.reading(Moment(as_of=datetime(2026, 2, 20, tzinfo=UTC))) as reading:
        assert stale_since(reading) is None
    with book.reading(Moment(as_of=DAY)) as reading:
        day, days = stale_since(reading) or (None, 0)
    assert (str(day), days) == ("2026-01-01", 180)
