"""Nothing is told of fewer than 30; below 100 it is indicative; a wide interval is called so below 300."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from measuring_books import ask, order

from clientbook.book import Book
from clientbook.hooks.declarations import Estimate, Metric
from clientbook.measuring.figures import weighed

RATE = Metric(id="t.rate", label="r", value_type="float", unit="ratio", numerator="true", denominator="true")


@pytest.mark.parametrize(
    ("n", "width", "value", "note"),
    [
        (0, 0.0, None, "too_few"),
        (29, 0.3, None, "too_few"),
        (30, 0.3, 0.5, "indicative"),
        (99, 0.2, 0.5, "indicative"),
        (100, 0.2, 0.5, "wide"),
        (100, 0.09, 0.5, ""),
        (299, 0.11, 0.5, "wide"),
        (300, 0.11, 0.5, ""),
    ],
)
def test_what_a_share_of_so_many_is_told_as(n: int, width: float, value: float | None, note: str) -> None:
    told = weighed(RATE, Estimate(value=0.5, n=n, low=0.5 - width / 2, high=0.5 + width / 2))
    assert (told.value, told.note) == (value, note)
    assert (told.low is None) == (value is None)


def test_a_count_is_told_whatever_its_number() -> None:
    count = Metric(id="t.count", label="c", value_type="int", unit="count", sql="count(*)", minimum=0)
    assert weighed(count, Estimate(value=1, n=1)).note == ""


def test_what_a_figure_has_to_say_stands_beside_what_its_sample_says() -> None:
    assert weighed(RATE, Estimate(value=0.5, n=50, note="left_truncated")).note == "indicative left_truncated"
    assert weighed(RATE, Estimate(value=None, n=50, note="short_history")).note == "short_history"
    assert weighed(RATE, Estimate(value=None, n=50)).note == "no_data"


@pytest.mark.parametrize(
    ("customers", "note", "is_told"),
    [(29, "too_few", False), (30, "indicative", True), (99, "indicative", True), (100, "wide", True)],
)
def test_a_book_of_so_many_buyers(customers: int, note: str, is_told: bool, filled: Callable[[Any], Book]) -> None:
    twice = [order(f"c{number}", "2026-02-01") for number in range(0, customers, 2)]
    book = filled([*(order(f"c{number}", "2026-01-01") for number in range(customers)), *twice])
    figure = ask(book, "2026-06-30", "core.one_time_share")[0]
    assert (figure.n, figure.note, figure.value is not None) == (customers, note, is_told)
