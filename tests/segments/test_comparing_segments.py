"""Who came and went and why; what sets members apart; what they bought afterwards: on books where the answer is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from segment_books import at, happened, line, order, people, reading_of, tell
from test_own_segments import new, note

from clientbook.book import Book
from clientbook.importing.noting import merged
from clientbook.segments.backtest import NoPast, backtest
from clientbook.segments.catalogue import Catalogue
from clientbook.segments.changes import Changes, changes
from clientbook.segments.profile import profile
from clientbook.statistics.comparing import benjamini_hochberg, compare_levels, compare_ranks

Told = Callable[..., Book]


def causes(book: Book, found: Changes) -> dict[tuple[str, bool], str]:
    names = {}
    with book.reading() as reading:
        for one in found.changes:
            (who,) = people(reading, [one.customer_id]) or {one.customer_id}
            names[who, one.entered] = one.cause
    return names


def between(book: Book, segment: str, first: str, last: str | None, **options: Any) -> Changes:
    return changes(book, segment, at(first), at(last) if last else None, given={}, **options)


def test_time_alone_or_an_order_makes_somebody_enter_or_leave(told: Told) -> None:
    book = told(
        *(order("sleepy", "2025-03-15"), order("woken", "2025-01-15"), order("woken", "2026-03-20")),
        *(order("same", "2024-01-01"), order("loyal", "2026-03-01")),
        happened("sleepy", "note_added", "2026-03-10", text="called"),
    )
    found = between(book, "inactive", "2026-02-28", "2026-03-31")
    assert causes(book, found) == {("sleepy", True): "time", ("woken", False): "event"}
    (woken,) = [one for one in found.changes if not one.entered]
    assert [event["type"] for event in woken.events] == ["order_placed"]
    assert (found.before, found.after) == (2, 2)
    assert found.counts() == {"entered": {"time": 1}, "left": {"event": 1}}


def test_what_others_did_moves_an_average(told: Told) -> None:
    book = told(*(order("two", day) for day in ("2026-01-01", "2026-01-02")), order("one", "2026-01-01"))
    tell(book, *(order("many", f"2026-03-{day:02d}") for day in range(1, 11)))
    found = between(book, "orders_above_mean", "2026-02-28", "2026-03-31")
    assert causes(book, found) == {("two", False): "others", ("many", True): "event"}


def test_an_edit_of_the_rule_is_told_apart_also_within_another_rule(told: Told) -> None:
    book = told(
        *(order("three", day) for day in ("2026-01-01", "2026-01-02", "2026-01-03")),
        *(order("two", day) for day in ("2026-01-01", "2026-01-02")),
        *(order("grown", day) for day in ("2026-01-01", "2026-03-10", "2026-03-11")),
    )
    new(book, "good", "order_count >= 3", day="2026-02-01")
    new(book, "best", "in_segment('good') and revenue > 0", day="2026-02-02")
    new(book, "good", "order_count >= 2", day="2026-03-15")
    for segment in ("good", "best"):
        found = between(book, segment, "2026-02-28", "2026-03-31")
        assert causes(book, found) == {("two", True): "rule", ("grown", True): "event"}, segment
        now = between(book, segment, "2026-02-28", "2026-03-31", rule_of="now")
        assert causes(book, now) == {("grown", True): "event"}, segment
    before_it_was = between(book, "good", "2026-01-31", "2026-02-10")
    assert set(causes(book, before_it_was).values()) == {"rule"}


def test_a_merge_and_a_first_event_are_named(told: Told) -> None:
    book = told(order("ann", "2026-01-01"), order("bob", "2026-01-01"))
    book.note(merged("ann@example.com", ["bob@example.com"], reason=None), occurred_at=at("2026-03-10"))
    tell(book, happened("new", "customer_registered", "2026-03-12", kind="person", collected_via="fair"))
    found = between(book, "one_order", "2026-02-28", "2026-03-31")
    assert {one.cause for one in found.changes} == {"event"}
    assert {event["type"] for one in found.changes for event in one.events} == {"customers_merged"}
    assert causes(book, between(book, "prospects", "2026-02-28", "2026-03-31")) == {("new", True): "event"}


def test_a_list_changes_only_when_it_is_written(told: Told) -> None:
    book = told(order("ann", "2026-01-01"))
    with book.reading() as reading:
        ids = reading.engine.table("select customer_id from customers")["customer_id"].to_pylist()
    note(book, [("segment_frozen", {"segment_id": "kept", "members": ids})], "2026-03-01")
    assert causes(book, between(book, "kept", "2026-02-01", "2026-03-31")) == {("ann", True): "rule"}
    assert between(book, "kept", "2026-03-02", "2026-03-31").changes == ()


def planted() -> list[dict[str, Any]]:
    """Those who ordered twice live in Lyon, pay more and come through the fair; everything else is as it comes."""
    events = []
    for number in range(160):
        who, is_in = f"p{number:03d}", number % 4 == 0
        via = "fair" if is_in and number % 8 else "checkout"
        registered = {"kind": "person", "collected_via": via}
        events.append(happened(who, "customer_registered", "2025-01-01", **registered))
        city = "Lyon" if is_in and number % 20 else ("Nice", "Lille")[number // 4 % 2]
        profile = {"address": {"city": city}, "language": ("fr", "de")[number // 8 % 2]}
        events.append(happened(who, "profile_updated", "2025-01-02", **profile))
        total = f"{(100 if is_in else 20) + number % 7}.00"
        lines = [line("A", "1", total)]
        events += [order(who, day, total, lines=lines) for day in ("2026-01-01", "2026-02-01")[: 2 if is_in else 1]]
    return events


def test_a_profile_finds_what_was_planted_and_nothing_else(told: Told) -> None:
    book = told(*planted())
    with reading_of(book, "2026-06-30") as reading:
        made = profile(reading, Catalogue(reading).one("orders_above_mean"))
    found = {one.name: one for one in made.variables}
    assert (made.members, made.rest) == (40, 120)
    assert found["city"].differs
    (lyon,) = [level for level in found["city"].levels if level.value == "Lyon"]
    assert (lyon.inside, lyon.outside) == (32, 0)
    assert lyon.residual > 5
    assert found["collected_via"].differs
    assert found["average_basket"].differs
    assert found["average_basket"].result.strength == pytest.approx(1)
    assert (found["average_basket"].median, found["average_basket"].median_of_rest) == pytest.approx((103, 23), abs=1)
    assert not found["language"].differs
    assert found["order_count"].in_rule
    assert not {"name", "email", "customer_id", "external_id", "birth_date"} & set(found)
    differing = [one for one in made.variables if one.differs and not one.in_rule]
    strengths = [abs(one.result.strength) for one in differing]
    assert strengths == sorted(strengths, reverse=True)
    assert made.tests == len(made.variables) > 15


def test_a_profile_of_a_few_says_nothing(told: Told) -> None:
    book = told(order("ann", "2026-01-01"), order("bob", "2026-01-01"), order("bob", "2026-02-01"))
    with reading_of(book, "2026-06-30") as reading:
        made = profile(reading, Catalogue(reading).one("one_order"))
    assert (made.note, made.variables) == ("too_few", ())


def test_tests_agree_with_scipy() -> None:
    from scipy import stats

    table = [(30, 10), (12, 40), (8, 25)]
    found = compare_levels(table)
    assert found is not None
    expected = stats.chi2_contingency(table, correction=False)
    assert found.p == pytest.approx(expected.pvalue)
    few = compare_levels([(4, 1), (2, 30)])
    assert few is not None
    assert (few.method, few.p) == ("fisher", pytest.approx(stats.fisher_exact([[4, 1], [2, 30]])[1]))
    one, other = [1, 2, 2, 3, 5, 8, 8], [1, 1, 2, 2, 2, 4, 5, 6]
    u = sum((a > b) + 0.5 * (a == b) for a in one for b in other)
    both = one + other
    ties = sum(both.count(value) ** 3 - both.count(value) for value in set(both))
    ranks = compare_ranks(u, len(one), len(other), ties)
    assert ranks is not None
    assert ranks.p == pytest.approx(stats.mannwhitneyu(one, other, method="asymptotic").pvalue)
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    adjusted = benjamini_hochberg(p)
    assert adjusted == pytest.approx(list(stats.false_discovery_control(p)))
    assert sum(q <= 0.05 for q in adjusted) == 4


def test_a_backtest_finds_a_planted_effect(told: Told) -> None:
    events = []
    for number in range(60):
        who, is_good = f"b{number:02d}", number < 30
        events += [order(who, day) for day in ("2025-01-05", "2025-02-05")[: 2 if is_good else 1]]
        comes_back = number % 30 < (24 if is_good else 6)
        events += [order(who, "2025-05-20", "50.00"), order(who, "2025-06-20", "50.00")] if comes_back else []
    book = told(*events)
    with reading_of(book, "2025-08-10") as reading:
        segment = Catalogue(reading).one("orders_above_mean")
        found = backtest(reading, segment, months=4, horizon_days=60)
        months = {month.day.isoformat(): month for month in found.months if month.day}
    april = months["2025-04-30"]
    assert list(months) == ["2025-04-30", "2025-05-31", "2025-06-30", "2025-07-31"]
    assert (april.members.n, april.members.ordered, april.others.n, april.others.ordered) == (30, 24, 30, 6)
    assert april.lift == pytest.approx(4)
    assert april.lift_interval is not None
    assert april.lift_interval[0] > 1
    assert april.members.interval == pytest.approx((0.6269, 0.9050), abs=1e-3)
    assert april.members.revenue == 24 * 100
    assert [month.is_partial for month in found.months] == [False, False, True, True]
    assert found.total.members.n == april.members.n + months["2025-05-31"].members.n


def test_a_backtest_asks_each_month_as_the_book_was_then(told: Told) -> None:
    book = told(order("ann", "2025-01-05"), order("ann", "2025-03-05"), order("bob", "2025-02-05"))
    with reading_of(book, "2025-04-30") as reading:
        found = backtest(reading, Catalogue(reading).one("inactive", {"months": "1"}), months=12, horizon_days=10)
    assert [(month.day and month.day.month, month.members.n, month.others.n) for month in found.months] == [
        *((1, 0, 1), (2, 1, 1), (3, 1, 1), (4, 2, 0)),
    ]


def test_what_has_no_past_is_not_backtested(told: Told) -> None:
    book = told(order("ann", "2025-01-05"))
    with reading_of(book, "2025-06-30") as reading, pytest.raises(NoPast):
        backtest(reading, Catalogue(reading).one("consent_expiring"), months=2, horizon_days=10)
