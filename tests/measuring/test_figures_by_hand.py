"""Figures of small books, computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from measuring_books import ask, event, order, value

from clientbook.book import Book

Fill = Callable[[Any], Book]


def many(count: int, *days: str, start: int = 0, total: str = "10", **data: Any) -> list[dict[str, Any]]:
    """So many customers who ordered on each of the days."""
    return [order(f"c{number}", day, total, **data) for number in range(start, start + count) for day in days]


def test_revenue_leaves_out_what_was_cancelled_paid_back_or_is_in_another_currency(filled: Fill) -> None:
    book = filled(
        [
            order("a", "2026-01-10", "100", "1"),
            order("a", "2026-01-11", "50", "2"),
            order("b", "2026-02-10", "30", "3"),
            order(None, "2026-02-11", "20", "4"),
            order("b", "2025-02-28", "1000", "5"),  # a day before the last 12 months
            order("b", "2026-02-12", "77", "6") | {"data": {"order_id": "6", "total": "77", "currency": "USD"}},
            event("order_cancelled", "a", "2026-01-12", order_id="2"),
            event("order_refunded", "a", "2026-01-13", order_id="1", amount="15", currency="EUR", refund_id="r1"),
            event("order_refunded", "b", "2026-01-14", amount="5", currency="EUR", refund_id="r2"),
        ]
    )
    revenue = ask(book, "2026-02-28", "core.revenue")[0]
    assert (revenue.value, revenue.n, revenue.note) == (Decimal(130), 4, "foreign_left_out")
    assert value(book, "2026-02-28", "core.foreign_orders") == 1


def test_a_year_is_twelve_calendar_months(filled: Fill) -> None:
    book = filled([order("a", "2025-01-31", "1"), order("a", "2025-02-01", "2"), order("a", "2026-01-31", "4")])
    assert value(book, "2026-01-31", "core.revenue") == 6
    assert value(book, "2026-01-30", "core.revenue") == 3


def test_shares_of_buyers(filled: Fill) -> None:
    book = filled([*many(60, "2025-06-01"), *many(40, "2025-06-02", "2026-05-02", start=60)])
    day = "2026-06-30"
    assert value(book, day, "core.one_time_share") == pytest.approx(0.6)
    assert value(book, day, "core.repeat_rate") == pytest.approx(0.4)
    assert value(book, day, "core.inactive_share") == pytest.approx(0.6)
    assert value(book, day, "core.inactive_share", months="24") == 0
    assert value(book, day, "core.inactive_share", months="1") == 1
    assert value(book, day, "core.frequency") == pytest.approx(1.0)


def test_gaps_that_are_still_open_count(filled: Fill) -> None:
    """Forty of a hundred ordered again after 30 days, the rest not yet: the median is not reached, and S says 60 %."""
    book = filled([*many(60, "2025-01-01"), *many(40, "2025-01-01", "2025-01-31", start=60)])
    rates = ask(book, "2026-12-31", "core.reorder_rate", horizon_months="12")
    assert rates[0].value == pytest.approx(0.4)
    assert rates[0].n == 100
    median = ask(book, "2026-12-31", "core.median_gap")[0]
    assert (median.value, "unreached" in median.note) == (None, True)
    orders = ask(book, "2026-12-31", "core.orders_before_ex", horizon_months="12")[0]
    assert orders.value == 1
    mean = ask(book, "2026-12-31", "core.orders_before_ex_mean", horizon_months="12")[0]
    assert mean.value == pytest.approx(1.4)


def test_two_orders_of_one_day_leave_no_gap(filled: Fill) -> None:
    book = filled([*many(50, "2025-01-01"), *many(50, "2025-01-01", total="11")])
    figure = ask(book, "2025-12-31", "core.reorder_rate")[0]
    assert (figure.n, figure.value) == (50, 0)
    assert value(book, "2025-12-31", "core.one_time_share") == 0


def test_baskets_and_spending(filled: Fill) -> None:
    book = filled([*many(90, "2026-01-01", total="10"), *many(10, "2026-01-01", start=90, total="110")])
    day = "2026-06-30"
    assert value(book, day, "core.average_basket") == 20
    assert value(book, day, "core.median_basket") == 10
    assert value(book, day, "core.greatest_baskets") == 110
    assert value(book, day, "core.lifetime_spend", "mean") == 20
    assert value(book, day, "core.lifetime_spend", "median") == 10
    assert value(book, day, "core.top_share") == pytest.approx((10 * 110 + 10 * 10) / 2000)
    classes = {figure.part: figure.value for figure in ask(book, day, "core.abc")}
    assert classes == pytest.approx({"A": 0.55, "B": 0.30, "C": 0.15, "D": 0}, abs=0.06)


def test_what_is_known_of_the_next_year_and_how_wrong_it_was_a_year_ago(filled: Fill) -> None:
    """40 a year from 40 customers; all stay: what is known is 100 %, and last year's forecast was right."""
    years = ("2023-03-01", "2024-03-01", "2025-03-01")
    book = filled([*many(40, *years), order("x", "2022-12-31")])
    share = ask(book, "2025-12-31", "core.known_revenue_share")[0]
    assert share.value == pytest.approx(1.0, abs=0.03)
    assert value(book, "2025-12-31", "core.known_revenue_backtest") == pytest.approx(0, abs=0.06)
    assert value(book, "2025-12-31", "core.revenue_retention") == pytest.approx(1.0, abs=0.03)


def test_a_forecast_that_was_wrong_is_not_shown(filled: Fill) -> None:
    """Everybody left in the last year but one, and stayed before: the forecast was far too high."""
    book = filled([*many(40, "2022-03-01", "2023-03-01", "2024-03-01"), *many(4, "2025-03-01")])
    share = ask(book, "2025-03-31", "core.known_revenue_share")[0]
    assert (share.value, share.note) == (None, "backtest_failed")
    assert value(book, "2025-03-31", "core.known_revenue_backtest") == pytest.approx(9.0)


def test_a_short_book_knows_nothing_of_the_next_year(filled: Fill) -> None:
    figures = ask(filled(many(40, "2025-06-01")), "2025-12-31", "core.known_revenue_share", "core.revenue_retention")
    assert [figure.value for figure in figures] == [None, None]


def test_guests_are_in_the_revenue_and_in_no_figure_of_customers(filled: Fill) -> None:
    book = filled([*many(40, "2026-01-01"), *(order(None, "2026-01-02", "30", f"g{n}") for n in range(40))])
    shares = {figure.part: figure.value for figure in ask(book, "2026-06-30", "core.guest_share")}
    assert shares == pytest.approx({"orders": 0.5, "revenue": 0.75})
    assert ask(book, "2026-06-30", "core.one_time_share")[0].n == 40


def test_orders_by_channel(filled: Fill) -> None:
    book = filled([*many(60, "2026-01-01", channel="web"), *many(20, "2026-01-02", channel="shop"), *many(20, "2026-01-03")])
    shares = {figure.part: figure.value for figure in ask(book, "2026-06-30", "core.mix_channel")}
    assert shares == pytest.approx({"web": 0.6, "shop": 0.2, "unknown": 0.2})
    assert ask(book, "2026-06-30", "core.mix_store")[0].note == "not_recorded"


def test_customers_who_order_much_widen_the_interval_of_a_share_of_orders(filled: Fill) -> None:
    """Fifty orders by channel of two customers say no more than two customers do."""
    days = [f"2026-01-{day:02}" for day in range(1, 29)]
    few = filled([*many(1, *days, channel="web"), *many(1, *days, start=1, channel="shop")])
    figure = next(one for one in ask(few, "2026-06-30", "core.mix_channel") if one.part == "web")
    assert figure.low is not None and figure.high is not None
    assert figure.high - figure.low > 0.6


def test_cohorts(filled: Fill) -> None:
    book = filled([*many(30, "2026-01-05"), *many(12, "2026-02-05"), *many(30, "2026-02-07", start=50)])
    cells = {figure.part: figure for figure in ask(book, "2026-03-15", "core.cohort_retention")}
    assert cells["2026-01/1"].value == pytest.approx(0.4)
    assert cells["2026-01/2"].value == 0
    assert "partial" in cells["2026-01/2"].note
    assert cells["2026-02/0"].n == 30
    assert "2026-02/2" not in cells


def test_campaigns_and_vouchers(filled: Fill) -> None:
    sent = [
        event("message_sent", f"c{n}", "2026-02-01", channel="email", purpose="own_offers", campaign="x") for n in range(40)
    ]
    clicked = [event("message_clicked", f"c{n}", "2026-02-02", channel="email", campaign="x") for n in range(10)]
    given = [event("voucher_issued", f"c{n}", "2026-02-01", voucher_id=f"v{n}", amount="5") for n in range(40)]
    used = [event("voucher_redeemed", f"c{n}", "2026-02-20", voucher_id=f"v{n}", amount="5") for n in range(4)]
    bought = [*many(8, "2026-02-10"), *many(8, "2026-02-20", start=10), *many(8, "2026-01-31", start=20)]
    book = filled([*sent, *clicked, *given, *used, *bought])
    day = "2026-06-30"
    assert value(book, day, "core.campaign_clicks", "x") == pytest.approx(0.25)
    assert value(book, day, "core.campaign_orders", "x") == pytest.approx(0.2)
    assert value(book, day, "core.campaign_orders", "all", days="30") == pytest.approx(0.4)
    assert value(book, day, "core.voucher_redemption") == pytest.approx(0.1)


def test_how_the_book_is_kept(filled: Fill) -> None:
    who = [event("profile_updated", f"c{n}", "2026-01-01", language="fr", given_name="A") for n in range(40)]
    later = [event("profile_updated", f"c{n}", "2026-03-02", language="en") for n in range(30)]
    firms = [event("customer_registered", f"f{n}", "2026-01-01", kind="company", collected_via="quote") for n in range(40)]
    book = filled([*who, *later, *firms])
    filled_in = {figure.part: (figure.value, figure.n) for figure in ask(book, "2026-03-31", "core.fill_rate")}
    assert filled_in["language"] == (0.5, 80)
    assert filled_in["given_name"] == (1, 40)  # of persons alone
    assert filled_in["legal_name"] == (0, 40)
    ages = {figure.part: figure.value for figure in ask(book, "2026-03-31", "core.freshness")}
    assert ages["language"] == pytest.approx(29.5, abs=0.1)
    assert ages["given_name"] == pytest.approx(89.5, abs=0.1)
    assert value(book, "2026-03-31", "core.last_activity", "event") == 29
    stale = next(one for one in ask(book, "2026-05-31", "core.last_activity") if one.part == "event")
    assert stale.note == "stale"


def test_permission_to_write(filled: Fill) -> None:
    known = [event("profile_updated", f"c{n}", "2026-01-01", email=f"c{n}@example.com") for n in range(40)]
    agreed = [
        event(
            "consent_given",
            f"c{n}",
            "2026-01-02",
            channel="email",
            purposes=["newsletter"],
            address=f"c{n}@example.com",
            opt_in_level="CONFIRMED_OPT_IN",
            notice_id="n",
            notice_version="1",
            method="checkbox",
            surface="web_form",
            url="https://example.com",
        )
        for n in range(10)
    ]
    book = filled([*known, *agreed])
    assert value(book, "2026-03-31", "core.opt_in", "email") == pytest.approx(0.25)
    coverage = {figure.part: figure.n for figure in ask(book, "2026-03-31", "core.consent_coverage")}
    assert coverage["any"] == coverage["email"] == 40


def test_an_empty_book_has_no_figure_and_no_failure(book: Book) -> None:
    figures = ask(book, "2026-03-31")
    told = {figure.id for figure in figures if figure.value not in (None, 0)}
    assert told == set()


def test_the_same_figures_every_time(filled: Fill) -> None:
    book = filled([*many(60, "2025-06-01"), *many(40, "2025-06-02", "2026-05-02", start=60, total="17")])
    first, second = ask(book, "2026-06-30"), ask(book, "2026-06-30")
    assert [one.described() for one in first] == [one.described() for one in second]
