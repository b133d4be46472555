"""Views of the customers: sorted, searched, paged; and values shown harmlessly."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clientbook.book import Book
from clientbook.projection.moment import Moment
from clientbook.query import views
from clientbook.query.text import display, harmless
from clientbook.query.views import InvalidExpression, Sort, ViewSpec, customers_sql, open_view, page, parse_sort


def rows(snapshot: Any, columns: Any, spec: ViewSpec) -> list[dict[str, Any]]:
    query, parameters = customers_sql(spec, columns)
    found: list[dict[str, Any]] = snapshot.engine.rows(query, parameters)
    return found


def test_missing_values_come_last_either_way(snapshot: Any, columns: Any) -> None:
    for text in ("last_order_at", "-last_order_at", "city", "-city"):
        sort = parse_sort(text, columns)
        values = [row[sort.column] for row in rows(snapshot, columns, ViewSpec(columns=(sort.column,), sort=(sort,)))]
        filled = [value for value in values if value is not None]
        assert values == filled + [None] * (len(values) - len(filled))
        assert None in values


def test_capitals_and_accents_do_not_decide_an_order(snapshot: Any, columns: Any) -> None:
    names = [
        row["family_name"]
        for row in rows(snapshot, columns, ViewSpec(columns=("family_name",), sort=(Sort(column="family_name"),)))
    ]
    assert names == ["=cmd|' /C calc'!A0", "Dupont", "dupont", "Lefèvre", "O'Neil", "Ziegler", None] or names == [
        "=cmd|' /C calc'!A0",
        "dupont",
        "Dupont",
        "Lefèvre",
        "O'Neil",
        "Ziegler",
        None,
    ]


def test_ties_are_broken_by_the_second_column_and_then_by_the_id(snapshot: Any, columns: Any) -> None:
    spec = ViewSpec(
        columns=("order_count", "city", "customer_id"),
        sort=(Sort(column="order_count", descending=True), Sort(column="kind")),
    )
    found = rows(snapshot, columns, spec)
    assert [row["order_count"] for row in found] == [2, 1, 1, 1, 1, 0, 0]
    for count in (1, 0):
        ids = [row["customer_id"] for row in found if row["order_count"] == count]
        assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("lefevre", 1),
        ("ZOE lyon", 1),
        ("dupont", 2),
        ("etienne", 1),
        ("vip", 2),
        ("c0@example", 1),
        ("100", 1),
        ("zoe nice", 0),
        ("%", 0),
        ("o'neil", 1),
    ],
)
def test_words_are_looked_for_without_accents_and_capitals(snapshot: Any, columns: Any, words: str, count: int) -> None:
    assert len(rows(snapshot, columns, ViewSpec(search=words))) == count


def test_pages_put_together_are_the_whole_view(snapshot: Any, columns: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "PAGE_ROWS", 3)
    spec = ViewSpec(
        columns=("customer_id", "name", "revenue"), sort=(Sort(column="revenue", descending=True),), where="order_count >= 0"
    )
    whole = rows(snapshot, columns, spec)
    view = open_view(snapshot.engine, spec, columns)
    pages = [page(snapshot.engine, view, number).to_pylist() for number in range(4)]
    assert [len(one) for one in pages] == [3, 3, 1, 0]
    assert [row for one in pages for row in one] == whole
    assert view.count == 7


@pytest.mark.parametrize("name", ["nothing", "city; drop", 'ci"ty', ""])
def test_only_columns_can_be_shown_and_sorted_by(columns: Any, name: str) -> None:
    with pytest.raises(InvalidExpression):
        parse_sort(f"-{name}", columns)
    with pytest.raises(InvalidExpression):
        customers_sql(ViewSpec(columns=("name", name)), columns)


@pytest.mark.parametrize(
    "spec",
    [
        ViewSpec(sort=(Sort(column="revenue", descending=True), Sort(column="city"))),
        ViewSpec(where="city = 'Lyon' and family_name <> 'O''Neil'", columns=("name", "city", "tags")),
        ViewSpec(search='zoé "lyon" $HOME `x`'),
        ViewSpec(search="-dup"),
        ViewSpec(where="revenue > 0", moment=Moment(as_of=datetime(2026, 3, 30, 12, tzinfo=UTC))),
    ],
)
def test_the_command_of_a_view_prints_the_same_rows(
    snapshot: Any, columns: Any, asked_book: Path, clientbook_path: str, spec: ViewSpec, tmp_path: Path
) -> None:
    with Book(asked_book).snapshot(spec.moment) as then:
        expected = rows(then, columns, replace(spec, columns=("customer_id",)))
    words = shlex.split(spec.command())
    assert words[0] == "clientbook"
    run = subprocess.run(
        [clientbook_path, "--book", str(asked_book), *words[1:], "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    printed = json.loads(run.stdout)
    if "customer_id" in (printed[0] if printed else {}):
        assert [row["customer_id"] for row in printed] == [row["customer_id"] for row in expected]
    else:
        assert len(printed) == len(expected)


@pytest.mark.parametrize(
    "hostile", ["\x1b]52;c;aGk=\x07", "\u202eabc", "a\x9b31mb", "x\x00y", "\u2066z\u2069", "\u200f", "\x7f", "a\u2028b"]
)
def test_what_could_drive_a_terminal_is_shown_as_a_sign(hostile: str) -> None:
    shown = harmless(hostile)
    assert "\ufffd" in shown
    assert not any(ord(mark) < 32 or 0x7F <= ord(mark) < 0xA0 or mark in "\u202e\u2066\u2069\u200f\u2028" for mark in shown)
    assert display([hostile], "UTC") == shown
    assert shown in display({"k": hostile}, "UTC")


def test_line_breaks_are_blanks_and_common_text_stays() -> None:
    assert harmless("a\nb\tc") == "a b c"
    assert harmless("Zoé Œuvre 12 € — 日本 👩‍🍳") == "Zoé Œuvre 12 € — 日本 👩‍🍳"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "✓"),
        (Decimal("1234567.5"), "1,234,567.50"),
        (Decimal("-0.5000"), "-0.50"),
        (Decimal("0.0050"), "0.005"),
        (Decimal("0"), "0.00"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "2026-03-29 03:00"),
        (date(2026, 3, 29), "2026-03-29"),
        (["a", None, "b"], "a, , b"),
        ({"x": 1, "y": None}, "x: 1"),
        (7, "7"),
    ],
)
def test_values_are_shown_as_people_read_them(value: Any, text: str) -> None:
    assert display(value, "Europe/Paris") == text


def test_a_key_of_a_map_is_harmless_too() -> None:
    assert "\x1b" not in display({"\x1b]0;x": "y"}, "UTC")


def test_a_time_without_a_zone_is_shown_as_it_stands() -> None:
    assert display(datetime(2026, 3, 29, 1, 0), "Europe/Paris") == "2026-03-29 01:00"
