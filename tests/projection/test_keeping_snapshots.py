"""Snapshots on disk: the same as folded in memory, thrown away without loss."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from clientbook.book import Book
from clientbook.projection.fold import RESOLUTION, TABLES, Moment
from clientbook.projection.snapshots import KEPT, Snapshot

Lines = Callable[..., list[bytes]]


@pytest.fixture
def shop(book: Book, lines: Lines) -> Book:
    """A book with some of everything."""
    anna, when = {"email": "Anna@example.com"}, "2026-03-01T10:00:00Z"
    order = {"order_id": "1", "total": "50", "currency": "EUR", "lines": [{"sku": "a", "amount": "50"}]}
    outcome = book.append_lines(
        lines(
            {"type": "order_placed", "customer": anna, "source": "shop", "data": order, "occurred_at": when},
            {"type": "order_placed", "source": "shop", "data": order | {"order_id": "2"}, "occurred_at": when},
            {"type": "order_refunded", "customer": anna, "source": "shop", "data": {"amount": "5", "currency": "EUR"}},
            {
                "type": "consent_given",
                "customer": anna,
                "data": {"channel": "email", "purposes": ["newsletter", "own_offers"]},
            },
            {"type": "tag_added", "customer": {"phone": "+33600000000"}, "data": {"tag": "vip"}},
            {"type": "segment_defined", "data": {"segment_id": "s", "rule": "revenue > 1"}},
        )
    )
    assert outcome.rejects == ()
    return book


def contents(snapshot: Snapshot) -> dict[str, list[dict[str, Any]]]:
    names = [*TABLES, *RESOLUTION, "events"]
    return {name: snapshot.table(f"select * from {name} order by all").to_pylist() for name in names}


def test_a_snapshot_on_disk_equals_one_folded_in_memory(shop: Book):
    with shop.snapshot() as kept, shop.snapshot(Moment(known_at=datetime(2100, 1, 1, tzinfo=UTC))) as folded:
        assert contents(kept) == contents(folded)
        assert kept.position == folded.position == shop.log.head().position
        filled = {name for name, rows in contents(kept).items() if rows}
    assert filled >= {
        "customers",
        "orders",
        "order_lines",
        "refunds",
        "interactions",
        "consent_history",
        "identifiers",
        "segments_defined",
    }


def test_what_is_computed_can_be_thrown_away_and_comes_back_equal(shop: Book):
    with shop.snapshot() as before:
        expected = contents(before)
    shutil.rmtree(shop.folder / "state")
    with Book(shop.folder).snapshot() as again:
        assert contents(again) == expected
    with shop.rebuild() as rebuilt:
        assert contents(rebuilt) == expected


def test_a_new_event_is_in_the_next_snapshot_and_not_in_an_open_one(shop: Book, lines: Lines):
    with shop.snapshot() as before:
        new = {"order_id": "3", "total": "1", "currency": "EUR"}
        shop.append_lines(lines({"type": "order_placed", "source": "shop", "data": new}))
        with shop.snapshot() as after:
            found = [one.table("select count(*) as n from orders").to_pylist()[0]["n"] for one in (before, after)]
            events = [one.table("select max(position) as n from events").to_pylist()[0]["n"] for one in (before, after)]
    assert found == [2, 3]
    assert events == [before.position, after.position]


def test_the_second_look_folds_nothing(shop: Book):
    with shop.snapshot():
        written = {path: path.stat().st_mtime_ns for path in (shop.folder / "state").rglob("*.parquet")}
    with shop.snapshot():
        pass
    assert {path: path.stat().st_mtime_ns for path in (shop.folder / "state").rglob("*.parquet")} == written
    assert len(written) > len(TABLES)


def test_snapshots_are_private_and_only_the_newest_stay(shop: Book, lines: Lines):
    for number in range(KEPT + 1):
        shop.append_lines(
            lines({"type": "tag_added", "customer": {"email": "anna@example.com"}, "data": {"tag": f"t{number}"}})
        )
        shop.snapshot().close()
    state = shop.folder / "state"
    assert len({path.parent for path in state.rglob("customers-0001.parquet")}) == KEPT
    modes = {path: path.stat().st_mode & 0o777 for path in [state, *state.rglob("*")]}
    assert {path: oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def test_a_book_in_another_currency_keeps_other_snapshots(shop: Book):
    with shop.snapshot() as euros:
        assert euros.table("select max(revenue) as r from customers").to_pylist()[0]["r"] == 45
    settings = shop.folder / "book.toml"
    settings.write_text(settings.read_text().replace("EUR", "USD"))
    with Book(shop.folder).snapshot() as dollars:
        assert dollars.table("select max(revenue) as r from customers").to_pylist()[0]["r"] == 0


def test_an_empty_book_has_all_tables_and_no_rows(book: Book):
    with book.snapshot() as snapshot:
        assert set(map(len, contents(snapshot).values())) == {0}
