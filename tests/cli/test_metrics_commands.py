"""`metrics` and `priorities` as people type them, on a book of two customers."""

from __future__ import annotations

import json

import pytest
from installed_command import Run


def test_json_has_one_item_a_figure_and_part(run: Run) -> None:
    told = json.loads(run("metrics", "revenue", "one_time_share", "--as-of", "2026-03-31", "--json").stdout)
    assert [set(one) for one in told] == [
        {"id", "label", "part", "by", "value", "unit", "low", "high", "method", "n", "note", "as_of"}
    ] * len(told)
    by_id = {one["id"]: one for one in told}
    assert by_id["core.revenue"]["value"] == pytest.approx(44.6)
    assert (by_id["core.one_time_share"]["value"], by_id["core.one_time_share"]["note"]) == (None, "too_few")


def test_a_table_says_in_words_why_there_is_no_value(run: Run) -> None:
    printed = run("metrics", "one_time_share", "--as-of", "2026-03-31").stdout
    assert "—" in printed
    assert "too few to tell" in printed


def test_a_book_that_nobody_writes_in_says_so(run: Run) -> None:
    said = run("metrics", "revenue", "--as-of", "2026-07-31").stderr
    assert "nothing has happened in this book for 137 days" in said
    assert "--as-of 2026-03-16" in said
    assert run("metrics", "revenue", "--as-of", "2026-03-31").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("revenu",), "did you mean revenue?"),
        (("--group", "loyalti"), "did you mean loyalty?"),
        (("revenue", "--param", "x=1"), "no parameter 'x'"),
        (("revenue", "--param", "x"), "write NAME=VALUE"),
        (("inactive_share", "--param", "months=0"), "expected at least 1"),
        (("revenue", "--by", "cty"), "cty"),
        (("revenue", "--by", "gross"), "divide by a column of texts"),
    ],
)
def test_what_cannot_be_told_is_said(run: Run, arguments: tuple[str, ...], said: str) -> None:
    assert said in run("metrics", *arguments, code=2).stderr


def test_by_month_and_by_town(run: Run) -> None:
    months = run("metrics", "revenue", "--by", "month", "--months", "2", "--as-of", "2026-03-31").stdout
    assert [line.split()[:2] for line in months.splitlines()[3:]] == [
        ["2026-01-31", "0"],
        ["2026-02-28", "25"],
        ["2026-03-31", "45"],
    ]
    towns = json.loads(run("metrics", "revenue", "--by", "city", "--as-of", "2026-03-31", "--json").stdout)
    assert {one["by"]: one["value"] for one in towns}["Lyon"] == pytest.approx(24.8)


def test_explanations_are_text_or_json(run: Run) -> None:
    assert "S(H)" in run("metrics", "reorder_rate", "--explain").stdout
    told = json.loads(run("metrics", "--explain", "--json").stdout)
    assert {"id", "description", "drill", "params"} <= set(told[0])


def test_two_customers_are_no_ground_for_priorities(run: Run) -> None:
    done = run("priorities", "--as-of", "2026-03-31")
    assert "nothing stands out" in done.stdout
    assert "a hint, no truth" in done.stderr
    assert json.loads(run("priorities", "--json").stdout)["note"] == "indicative"
