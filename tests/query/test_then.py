"""The tables as they were on an earlier day, against a book that was folded up to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clientbook.book import Book
from clientbook.projection.fold import names_from
from clientbook.projection.moment import Moment
from clientbook.query.then import open_then
from clientbook.sample import make_sample_book

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)
COMPARED = (
    "customer_id, order_count, gross, refunded, revenue, average_basket, first_order_at, last_order_at, cancelled_count,"
    " foreign_order_count, cart_count, quote_count, message_count, note_count, last_action_at, last_reaction_at"
)
ORDERS = "source, order_id, placed_at, status, gross, refunded, revenue, cancelled_at, refunded_at"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    folder = tmp_path_factory.mktemp("then") / "book"
    make_sample_book(folder)
    yield Book(folder, clock=lambda: NOW)


@pytest.mark.parametrize("day", ["2023-12-31", "2024-11-30", "2026-03-15"])
def test_an_earlier_day_is_what_folding_up_to_it_gives(shop: Book, day: str) -> None:
    """But for those who were merged since, or are parted again."""
    at = datetime.fromisoformat(f"{day}T22:59:59+00:00")
    with shop.reading() as now, shop.reading(Moment(as_of=at)) as folded:
        open_then(now.engine, at, schema="earlier")
        moved = now.engine.rows("select customer_id from customer_roots union select root_id from customer_roots")
        left_out = "', '".join(row["customer_id"] for row in moved)
        for table, columns, key in (("customers", COMPARED, "customer_id"), ("orders", ORDERS, "source, order_id")):
            query = f"select {columns} from {{}}.{table} where customer_id not in ('{left_out}') order by {key}"
            assert now.engine.table(query.format("earlier")).equals(folded.engine.table(query.format("main"))), table
        assert now.engine.value("select count(*) from earlier.orders") == folded.engine.value("select count(*) from orders")


def test_traits_of_an_earlier_day(shop: Book) -> None:
    at = datetime(2025, 6, 30, 21, 59, tzinfo=UTC)
    columns = ["recency_days", "rfm_segment", "orders_12m", "usual_gap_days", "return_probability", "activity"]
    query = "select rfm_segment, activity, count(*) as n, sum(recency_days) as d, sum(orders_12m) as o from customers"
    with shop.reading() as now, shop.reading(Moment(as_of=at)) as folded:
        open_then(now.engine, at, schema="earlier")
        now.open_traits(columns, at=at, schema="earlier")
        folded.open(columns=columns)
        moved = now.engine.rows("select customer_id from customer_roots union select root_id from customer_roots")
        left_out = ", ".join(repr(row["customer_id"]) for row in moved)
        query += f" where customer_id not in ({left_out}) group by all order by all"
        with names_from(now.engine, "earlier"):
            assert now.engine.rows(query) == folded.engine.rows(query)
        assert now.engine.value("select count(*) from customers where order_count > 0") > 1000


def test_what_was_cancelled_or_paid_back_later_is_not_yet(tmp_path: Path) -> None:
    book = Book.create(tmp_path / "book")
    placed = {"order_id": "1", "total": "100", "currency": "EUR"}
    acts = [
        ("order_placed", "2026-01-10", placed),
        ("order_refunded", "2026-02-10", {"order_id": "1", "amount": "40", "currency": "EUR"}),
        ("order_cancelled", "2026-03-10", {"order_id": "1"}),
    ]
    lines = [
        {
            "type": type,
            "source": "web",
            "occurred_at": f"{day}T09:00:00Z",
            "customer": {"email": "a@example.com"},
            "data": data,
        }
        for type, day, data in acts
    ]
    assert not book.append_lines(json.dumps(line).encode() for line in lines).rejects
    seen = []
    with book.reading() as reading:
        for day in ("2026-01-31", "2026-02-28", "2026-03-31"):
            open_then(reading.engine, datetime.fromisoformat(f"{day}T12:00:00+00:00"), schema="earlier")
            row = reading.engine.rows("select order_count, revenue, refunded, cancelled_count from earlier.customers")[0]
            status = reading.engine.value("select status from earlier.orders")
            seen.append((row["order_count"], int(row["revenue"]), int(row["refunded"]), row["cancelled_count"], status))
    assert seen == [(1, 100, 0, 0, "placed"), (1, 60, 40, 0, "partly_refunded"), (0, 0, 0, 1, "cancelled")]
