"""Orders, refunds and what customers' orders add up to."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from clientbook.engine.duckdb import Engine
from clientbook.testing.history import History, day, event, order, refund
from clientbook.testing.rows import Row

ORDERS = "select order_id, status, gross, refunded, revenue from orders order by order_id"


def exact(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(str(value) if isinstance(value, Decimal) else value for value in row) for row in rows]


def test_an_order_ends_as_placed_cancelled_partly_refunded_or_refunded(history: History):
    history.append(
        order("1", "10.10", at=1),
        order("2", "20", at=2),
        order("3", "30.30", at=3),
        order("4", "40", at=4),
        order("5", "0", at=5),
        order("6", "60", at=6),
        event("order_cancelled", "anna", at=3, order_id="2"),
        refund("0.0001", order_id="3", at=9),
        refund("15", order_id="4", at=9),
        refund("25", order_id="4", at=10),
        event("order_cancelled", "anna", at=7, order_id="6"),
        refund("60", order_id="6", at=8),
    )
    assert exact(history.fold().rows(ORDERS)) == [
        ("1", "placed", "10.1000", "0.0000", "10.1000"),
        ("2", "cancelled", "20.0000", "0.0000", "0.0000"),
        ("3", "partly_refunded", "30.3000", "0.0001", "30.2999"),
        ("4", "refunded", "40.0000", "40.0000", "0.0000"),
        ("5", "placed", "0.0000", "0.0000", "0.0000"),
        ("6", "cancelled", "60.0000", "60.0000", "0.0000"),
    ]
    assert exact(
        history.rows("select order_count, cancelled_count, gross, refunded, revenue, average_basket from customers")
    ) == [(4, 2, "80.4000", "40.0001", "40.3999", "10.1000")]
    assert history.one("cancelled_at, refunded_at", "orders", "order_id = '4'") == (None, day(10))


def test_amounts_add_up_without_rounding(history: History):
    history.append(
        *(order(str(number), "0.1", at=number / 100) for number in range(1000)), order("big", "99999999999899.9999")
    )
    assert history.fold().one("revenue") == Decimal("99999999999999.9999")


def test_a_refund_that_names_no_order_or_an_unknown_one_counts_at_its_own_date(history: History):
    history.append(
        order("1", "100", at=1), refund("30", at=5), refund("7", order_id="99", at=6), refund("1", order_id="1", at=7)
    )
    assert exact(history.fold().rows("select is_linked, counted_at, amount from refunds order by position")) == [
        (False, day(5), "30.0000"),
        (False, day(6), "7.0000"),
        (True, day(1), "1.0000"),
    ]
    assert exact(history.rows(ORDERS)) == [("1", "partly_refunded", "100.0000", "1.0000", "99.0000")]
    assert exact(history.rows("select gross, refunded, revenue from customers")) == [("100.0000", "38.0000", "62.0000")]


def test_a_refund_of_a_customer_without_an_order_makes_revenue_negative(history: History):
    history.append(refund("30"))
    assert history.fold().one("order_count, revenue, average_basket") == (0, Decimal("-30.0000"), None)


def test_an_order_number_means_an_order_of_its_own_source_only(history: History):
    history.append(order("1", "10", source="web"), order("1", "20", source="till"), refund("4", order_id="1", source="till"))
    history.append(event("order_cancelled", "anna", order_id="1", source="web"))
    assert exact(history.fold().rows("select source, status, revenue from orders order by source")) == [
        ("till", "partly_refunded", "16.0000"),
        ("web", "cancelled", "0.0000"),
    ]


def test_a_guest_order_counts_in_revenue_and_is_no_customer(history: History):
    history.append(order("1", "10"), order("2", "25", None), refund("5", None, order_id="2"))
    assert history.fold().rows("select customer_id from customers") == [("anna",)]
    assert history.rows("select order_id, is_guest from orders order by 1") == [("1", False), ("2", True)]
    assert history.rows("select sum(revenue) from orders") == [(Decimal(30),)]
    assert history.rows("select count(*) from interactions where customer_id is null") == [(0,)]


def test_an_order_recorded_twice_counts_once_as_recorded_last(history: History):
    history.append(order("1", "10", at=1, lines=[{"sku": "a"}, {"sku": "b"}]))
    history.append(order("1", "12", at=2, lines=[{"sku": "c"}]), refund("2", order_id="1", at=3))
    assert exact(history.fold().rows(ORDERS)) == [("1", "partly_refunded", "12.0000", "2.0000", "10.0000")]
    assert history.rows("select sku, line_number from order_lines") == [("c", 1)]
    assert history.one("order_count") == 1
    assert history.rows("select counted_at = (select placed_at from orders) from refunds") == [(True,)]


def test_an_order_in_another_currency_stands_beside(history: History):
    history.append(
        order("1", "10"), order("2", "1000", currency="JPY", at=1), refund("100", currency="JPY", order_id="2", at=2)
    )
    history.append(refund("50", currency="JPY", at=3))
    assert exact(history.fold().rows("select order_id, currency, revenue from orders order by 1")) == [
        ("1", "EUR", "10.0000"),
        ("2", "JPY", "900.0000"),
    ]
    assert exact(
        history.rows("select order_count, foreign_order_count, gross, refunded, revenue, average_basket from customers")
    ) == [(2, 1, "10.0000", "0.0000", "10.0000", "10.0000")]


def test_a_refund_paid_in_another_currency_than_its_order_is_not_lost(history: History):
    history.append(
        order("1", "100", currency="USD"),
        order("2", "50"),
        refund("20", order_id="1"),
        refund("3", order_id="2", currency="USD"),
    )
    history.fold()
    assert exact(history.rows("select order_id, refunded, revenue from orders order by 1")) == [
        ("1", "0.0000", "100.0000"),
        ("2", "0.0000", "50.0000"),
    ]
    assert exact(history.rows("select refunded, revenue from customers")) == [("20.0000", "30.0000")]


def test_the_date_of_an_order_is_the_day_in_the_shops_time_zone(history: History):
    history.append(order("1", "1", at=0.49), order("2", "1", at=0.45))
    assert history.fold().rows("select order_date from orders order by order_id") == [
        (date(2026, 1, 2),),
        (date(2026, 1, 1),),
    ]


def test_the_lines_of_an_order_keep_their_sequence(history: History):
    lines = [{"sku": "b", "quantity": "2", "amount": "3.50"}, {"product": "Postage", "kind": "shipping", "amount": "4"}]
    history.append(order("1", "7.50", lines=lines), order("2", "1"))
    assert exact(history.fold().rows("select line_number, sku, kind, quantity, amount from order_lines order by 1")) == [
        (1, "b", "product", "2.0000", "3.5000"),
        (2, None, "shipping", None, "4.0000"),
    ]
    assert history.rows("select order_id, line_count from orders order by 1") == [("1", 2), ("2", 0)]


# The same, computed in plain Python.

PEOPLE = ["anna", "bert", None]
NUMBERS = st.integers(1, 12).map(str)
MONEY = st.integers(0, 500_000).map(lambda units: Decimal(units).scaleb(-4))
STEP = st.one_of(
    st.tuples(st.just("order"), NUMBERS, MONEY, st.sampled_from(PEOPLE), st.sampled_from(["EUR", "EUR", "USD"])),
    st.tuples(st.just("cancel"), NUMBERS, st.just(None), st.sampled_from(PEOPLE), st.just("EUR")),
    st.tuples(
        st.just("refund"), st.none() | NUMBERS, MONEY, st.sampled_from(PEOPLE), st.sampled_from(["EUR", "EUR", "USD"])
    ),
)


def as_row(step: tuple[Any, ...], at: float) -> Row:
    kind, number, amount, who, currency = step
    if kind == "order":
        return order(number, amount, who, currency=currency, at=at)
    if kind == "cancel":
        return event("order_cancelled", who, order_id=number, at=at)
    return refund(amount, who, currency=currency, at=at, **({"order_id": number} if number else {}))


def folded(steps: list[tuple[Any, ...]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Revenue by order, and (orders, revenue) by customer."""
    placed = {number: (amount, who, currency) for kind, number, amount, who, currency in steps if kind == "order"}
    cancelled = {number for kind, number, *_ in steps if kind == "cancel"}
    orders = {number: Decimal(0) if number in cancelled else amount for number, (amount, _, _) in placed.items()}
    people: dict[str, Any] = {who: [0, Decimal(0)] for _, _, _, who, _ in steps if who}
    back: dict[str, Decimal] = defaultdict(Decimal)
    for kind, number, amount, who, currency in steps:
        if kind == "refund":
            if number in placed and placed[number][2] == currency and (who is None or placed[number][1] in (None, who)):
                back[number] += amount
            elif who and currency == "EUR":
                people[who][1] -= amount
    for number, (_, who, currency) in placed.items():
        if number not in cancelled:
            orders[number] -= back[number]
            if who:
                people[who][0] += 1
                people[who][1] += orders[number] if currency == "EUR" else 0
    return orders, {who: tuple(found) for who, found in people.items()}


@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(steps=st.lists(STEP, min_size=1, max_size=80))
def test_orders_and_revenue_are_what_a_plain_fold_computes(engine: Engine, steps: list[tuple[Any, ...]]):
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), engine)
        history.append(*(as_row(step, place) for place, step in enumerate(steps)))
        history.fold()
        orders, people = folded(steps)
        assert dict(history.rows("select order_id, revenue from orders")) == orders
        found = history.rows("select customer_id, order_count, revenue from customers")
        assert {row[0]: row[1:] for row in found} == people
        by_order = {row[0]: row[1] for row in history.rows("select order_id, gross from orders")}
        assert by_order == {number: amount for kind, number, amount, *_ in steps if kind == "order"}
