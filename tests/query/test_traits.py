"""Traits: columns that are computed for an instant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from clientbook.book import Book
from clientbook.builtin.traits import RFM_SEGMENTS, rfm_grid
from clientbook.projection.moment import Moment
from clientbook.reading import Reading

RETAIL = Path(__file__).parents[3] / "shared" / "data" / "online_retail.csv.gz"
AT = datetime(2026, 6, 30, 20, tzinfo=UTC)


def order(number: str, who: str, day: str, total: str, *lines: tuple[str, str], **more: Any) -> dict[str, Any]:
    bought = [
        {"sku": sku, "product": f"Produit {sku}", "category": category, "quantity": "1", "unit_price": "1", "amount": "1"}
        for sku, category in lines
    ]
    data = {"order_id": number, "total": total, "currency": "EUR", "lines": bought} | more
    customer = {"email": f"{who}@example.com"}
    return {"type": "order_placed", "source": "web", "occurred_at": f"{day}T12:00:00Z", "customer": customer, "data": data}


def born(who: str, day: str) -> dict[str, Any]:
    customer = {"email": f"{who}@example.com"}
    data = {"birth_date": day} if len(day) > 4 else {"birth_year": int(day)}
    return {"type": "profile_updated", "source": "web", "occurred_at": "2024-01-01T12:00:00Z", "customer": customer} | {
        "data": data
    }


def events() -> Iterator[dict[str, Any]]:
    yield order("1", "regular", "2025-12-01", "10", ("S1", "savon"), ("T1", "thé"))
    yield order("2", "regular", "2026-01-10", "20", ("S1", "savon"))
    yield order("3", "regular", "2026-02-09", "30", ("T1", "thé"), ("T2", "thé"))
    yield order("4", "regular", "2026-03-11", "60", ("S2", "savon"))
    yield order("5", "once", "2025-06-30", "1000", ("S1", "savon"))
    yield order("6", "today", "2026-06-30", "5")
    yield order("7", "sameday", "2026-05-01", "40")
    yield order("8", "sameday", "2026-05-01", "40")
    yield order("9", "foreign", "2026-05-02", "70", currency="USD")
    yield order("10", "gone", "2020-01-01", "1")
    yield {"type": "order_cancelled", "source": "web", "occurred_at": "2026-05-03T12:00:00Z"} | {
        "customer": {"email": "cancelled@example.com"},
        "data": {"order_id": "11"},
    }
    yield order("11", "cancelled", "2026-05-02", "90", ("S9", "savon"))
    yield born("prospect", "1990-07-01")
    yield born("once", "1980-06-30")
    yield born("today", "2004-02-29")
    yield born("regular", "1975")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    book = Book.create(tmp_path_factory.mktemp("traits") / "book", clock=lambda: AT)
    outcome = book.append_lines(json.dumps(event).encode() for event in events())
    assert not outcome.rejects
    return book


@pytest.fixture(scope="module")
def rows(book: Book) -> dict[str, dict[str, Any]]:
    with book.reading() as reading:
        reading.open(columns=reading.traits.by_column)
        return {row["email"].partition("@")[0]: row for row in reading.engine.rows("select * from customers")}


@pytest.mark.parametrize(
    ("who", "column", "value"),
    [
        ("regular", "recency_days", 111),
        ("today", "recency_days", 0),
        ("prospect", "recency_days", None),
        ("cancelled", "recency_days", None),
        ("regular", "orders_12m", 4),
        ("once", "orders_12m", 0),
        ("prospect", "orders_12m", None),
        ("regular", "revenue_12m", 120),
        ("foreign", "revenue_12m", 0),
        ("regular", "tenure_days", 211),
        ("regular", "orders_per_year", 6.9242),
        ("today", "orders_per_year", None),
        ("regular", "usual_gap_days", 30.0),
        ("sameday", "usual_gap_days", None),
        ("regular", "lateness", 3.7),
        ("regular", "next_order_due", date(2026, 4, 10)),
        ("regular", "basket_trend", 2.0),
        ("once", "basket_trend", None),
        ("regular", "distinct_products", 4),
        ("regular", "distinct_categories", 2),
        ("regular", "favourite_product", "Produit T1"),
        ("regular", "favourite_category", "savon"),
        ("cancelled", "distinct_products", None),
        ("regular", "frequency_score", 3),
        ("sameday", "frequency_score", 2),
        ("prospect", "frequency_score", None),
        ("today", "recency_score", 5),
        ("gone", "recency_score", 1),
        ("once", "monetary_score", 5),
        ("foreign", "monetary_score", 1),
        ("regular", "abc_class", "A"),
        ("sameday", "abc_class", "A"),
        ("today", "abc_class", "C"),
        ("once", "abc_class", "D"),
        ("prospect", "abc_class", None),
        ("once", "age", 46),
        ("prospect", "age", 35),
        ("regular", "age", 51),
        ("once", "days_to_birthday", 0),
        ("prospect", "days_to_birthday", 1),
        ("today", "days_to_birthday", 243),
        ("once", "birthday_soon", True),
        ("today", "birthday_soon", False),
        ("regular", "birthday_soon", None),
    ],
)
def test_a_trait_says_what_its_description_says(rows: dict[str, dict[str, Any]], who: str, column: str, value: Any) -> None:
    found = rows[who][column]
    assert (float(found) if isinstance(value, float) else found) == value


def test_an_earlier_instant_knows_nothing_of_later_orders(book: Book) -> None:
    with book.reading(Moment(as_of=datetime(2026, 1, 31, 20, tzinfo=UTC))) as earlier:
        earlier.open(columns=["recency_days", "orders_12m", "favourite_product"])
        row = earlier.engine.rows("select * from customers where email = 'regular@example.com'")[0]
    assert (row["recency_days"], row["orders_12m"], row["favourite_product"]) == (21, 2, "Produit S1")


def test_the_names_of_recency_and_frequency_share_out_the_buyers(book: Book, rows: dict[str, dict[str, Any]]) -> None:
    assert all((row["rfm_segment"] is None) == (row["order_count"] == 0) for row in rows.values())


def test_all_25_cells_have_one_name(book: Book) -> None:
    with book.reading() as reading:
        cells = reading.engine.rows(
            f"select r, f, {rfm_grid('r', 'f')} as name from range(1, 6) a(r) cross join range(1, 6) b(f)"
        )
    assert len(cells) == 25
    assert {cell["name"] for cell in cells} == set(RFM_SEGMENTS)


@pytest.fixture(scope="module")
def habits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    """Two hundred people of whom half come back after exactly 30 days and the other half never do, and three that wait."""
    lines = []
    start = datetime(2024, 1, 1, 12, tzinfo=UTC)
    for person in range(200):
        first = start + timedelta(days=person)
        lines.append(order(f"{person}-1", f"p{person}", f"{first:%Y-%m-%d}", "10"))
        if person % 2:
            lines.append(order(f"{person}-2", f"p{person}", f"{first + timedelta(days=30):%Y-%m-%d}", "10"))
    for name, days in (("fresh", 0), ("waiting", 20), ("late", 31)):
        lines.append(order(name, name, f"{AT - timedelta(days=days):%Y-%m-%d}", "10"))
    book = Book.create(tmp_path_factory.mktemp("habits") / "book", clock=lambda: AT)
    assert not book.append_lines(json.dumps(line).encode() for line in lines).rejects
    with book.reading() as reading:
        yield reading


def test_the_chance_to_return_is_what_others_did_who_waited_as_long(habits: Reading) -> None:
    habits.open(columns=["return_probability", "activity"])
    found = {
        row["email"].partition("@")[0]: row
        for row in habits.engine.rows("select email, return_probability, activity from customers")
    }
    assert found["fresh"]["return_probability"] == pytest.approx(100 / 201, abs=0.01)
    assert found["waiting"]["return_probability"] == pytest.approx(100 / 202, abs=0.01)
    assert found["late"]["return_probability"] == 0
    assert (found["late"]["activity"], found["fresh"]["activity"]) == ("ex", "at_risk")


def test_few_gaps_give_no_chance(rows: dict[str, dict[str, Any]]) -> None:
    assert all(row["return_probability"] is None and row["activity"] is None for row in rows.values())


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not RETAIL.exists(), reason="the reference data is not beside the repository")
def test_published_counts_of_the_grid() -> None:
    """UCI Online Retail: fifths of recency in whole days to 2011-12-11, fifths of frequency ranks; Lost in Hibernating."""
    rows = duckdb.sql(f"""
        with sold as (
            select customer, invoice, day from (
                select "CustomerID" as customer, "InvoiceNo" as invoice, "InvoiceDate" as day,
                    cast("Quantity" as double) * cast("UnitPrice" as double) as amount, "Description" as description
                from read_csv('{RETAIL}', all_varchar = true)
            ) where customer is not null and description is not null and invoice not like 'C%' and amount > 0
        ),
        people as (
            select cast(cast(customer as double) as bigint) as customer, count(distinct invoice) as f,
                date_diff('day', max(strptime(day, '%Y-%m-%d %H:%M')), timestamp '2011-12-11') as recency
            from sold group by 1
        ),
        scored as (
            select customer, recency,
                quantile_cont(recency, [0.2, 0.4, 0.6, 0.8]) over () as cuts,
                row_number() over (order by f, customer) as rank, count(*) over () as n
            from people
        ),
        graded as (
            select 5 - len(list_filter(cuts, lambda cut: recency > cut)) as r,
                1 + len(list_filter([0.2, 0.4, 0.6, 0.8], lambda share: rank > 1 + share * (n - 1))) as f
            from scored
        )
        select replace({rfm_grid("r", "f")}, 'lost', 'hibernating') as name, count(*) as n from graded group by 1
    """).fetchall()
    assert dict(rows) == {
        "champions": 633,
        "loyal": 819,
        "potential_loyalist": 484,
        "new": 42,
        "promising": 94,
        "need_attention": 187,
        "about_to_sleep": 352,
        "at_risk": 593,
        "cant_lose": 63,
        "hibernating": 1071,
    }
