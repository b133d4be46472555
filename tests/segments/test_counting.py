"""All segments are counted in one scan; what the rules say of each other holds; `why` agrees with membership."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from segment_books import reading_of

from clientbook.book import Book
from clientbook.projection.fold import names_from
from clientbook.query.expressions import Condition, inlined
from clientbook.reading import Reading
from clientbook.segments.catalogue import Catalogue, Listed, count_all, count_query, open_all
from clientbook.segments.defining import member_ids
from clientbook.segments.overlap import overlap, overlap_query
from clientbook.segments.why import Reason, why

DAY = "2026-06-30"


@pytest.fixture(scope="module")
def reading(mixed_book: Path) -> Iterator[Reading]:
    with reading_of(Book(mixed_book), DAY) as reading:
        yield reading


@pytest.fixture(scope="module")
def segments(reading: Reading) -> list[Listed]:
    listed = Catalogue(reading).all({"product": "x"})
    assert not open_all(reading, listed)
    return listed


def ids(reading: Reading, segment: str) -> set[str]:
    return set(member_ids(reading, f"in_segment('{segment}')"))


@pytest.mark.parametrize("query", [count_query, overlap_query])
def test_all_segments_are_counted_in_one_scan_of_the_customers(reading: Reading, segments: list[Listed], query: Any) -> None:
    engine = reading.engine
    conditions = inlined(engine, [one.sound for one in segments])
    engine.execute("create schema if not exists counted")
    engine.execute("create or replace table counted.customers as select * from main.customers")
    with names_from(engine, "counted"):
        plan = engine.rows(f"explain {query(conditions)}")[0]["explain_value"]
    assert len(re.findall(r"counted\.customers", plan)) == 1, plan
    assert len(conditions) == len(segments) > 35


def test_counts_are_the_numbers_of_members(reading: Reading, segments: list[Listed]) -> None:
    counted = count_all(reading, segments)
    assert {one.segment.id: one.count for one in counted} == {one.id: len(set(_members(reading, one))) for one in segments}
    assert sum(bool(one.count) for one in counted) > 25


def _members(reading: Reading, segment: Listed) -> list[str]:
    (condition,) = inlined(reading.engine, [segment.sound])
    found: list[str] = reading.engine.table(f"select customer_id from customers where {condition}")[
        "customer_id"
    ].to_pylist()
    return found


def test_the_names_of_recency_and_frequency_part_the_buyers(reading: Reading, segments: list[Listed]) -> None:
    names = [one.id for one in segments if one.exclusive_group == "rfm"]
    assert len(names) == 11
    found = [customer for name in names for customer in ids(reading, name)]
    assert sorted(found) == sorted(member_ids(reading, "order_count > 0"))


@pytest.mark.parametrize(
    ("above", "below", "equal"),
    [
        ("core.orders_above_mean", "core.orders_below_mean", "order_count = avg(order_count)"),
        ("core.basket_above_median", "core.basket_below_median", "average_basket = median(average_basket)"),
        (
            "core.basket_above_mean",
            "core.basket_below_mean",
            "average_basket = round(sum(revenue) / sum(order_count - foreign_order_count), 4)",
        ),
        ("core.one_order_recent", "core.one_order_matured", "order_count > 1"),
    ],
)
def test_above_below_and_equal_are_all_buyers(reading: Reading, above: str, below: str, equal: str) -> None:
    parts = [ids(reading, above), ids(reading, below), set(member_ids(reading, f"order_count > 0 and {equal}"))]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(member_ids(reading, "order_count > 0"))


def test_segments_of_a_group_that_share_nobody_share_nobody(reading: Reading, segments: list[Listed]) -> None:
    found = overlap(reading, segments)
    assert {one.group: one.in_several for one in found.exclusive} == dict.fromkeys(
        ("rfm", "one_order", "orders_mean", "basket_mean", "basket_median", "size"), 0
    )
    for pair in Random(1).sample(found.pairs, 25):
        shared = ids(reading, pair.first) & ids(reading, pair.second)
        if "product_buyers" not in (pair.first + pair.second):
            assert pair.both == len(shared), pair


def test_why_agrees_with_membership_for_every_segment(reading: Reading, segments: list[Listed]) -> None:
    customers = Random(2).sample(member_ids(reading, "true"), 4)
    for segment in segments:
        inside = set(_members(reading, segment))
        for customer in customers:
            answer = why(reading, segment, customer)
            assert answer.is_member is (customer in inside), (segment.id, customer)
            check_tree(answer.reason)


def check_tree(reason: Reason) -> None:
    """Each answer follows from those below it."""
    one = reason.condition
    answers = [child.condition.truth for child in reason.children]
    if one.kind == "all":
        assert bool(one.truth) is all(answers)
    elif one.kind == "any":
        assert bool(one.truth) is any(answers)
    elif one.kind == "not" and one.truth is not None:
        assert one.truth is not bool(answers[0])
    elif one.kind == "leaf":
        check_leaf(one)
    for child in reason.children:
        check_tree(child)


def check_leaf(one: Condition) -> None:
    if one.flips_at is None or not isinstance(one.actual, int | float):
        return
    operator = one.flips_at.split(" ")[0]
    holds = {"<": one.actual < one.limit, "<=": one.actual <= one.limit, ">": one.actual > one.limit}  # type: ignore[operator]
    holds |= {">=": one.actual >= one.limit, "=": one.actual == one.limit, "<>": one.actual != one.limit}  # type: ignore[operator]
    assert holds[operator] is False, "what would turn the answer round does not hold yet"


def test_behind_a_condition_stand_the_events_that_it_comes_from(reading: Reading, segments: list[Listed]) -> None:
    listed = {one.id: one for one in segments}
    customer = next(iter(ids(reading, "core.abandoned_cart")))
    answer = why(reading, listed["core.abandoned_cart"], customer)
    assert "cart_abandoned" in {event["type"] for event in answer.reason.events}
    buyer = next(iter(ids(reading, "core.orders_above_mean")))
    counted = why(reading, listed["core.orders_above_mean"], buyer).reason
    types = {event["type"] for child in counted.children for event in child.events}
    assert types == {"order_placed"}
    positions = [event["position"] for event in counted.children[0].events]
    assert len(positions) == min(5, reading.engine.value(f"select order_count from customers where customer_id = '{buyer}'"))
