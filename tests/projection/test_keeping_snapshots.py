"""Snapshots on disk: the same as folded in memory, thrown away without loss."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clientbook.book import Book
from clientbook.engine.duckdb import Engine, Limits
from clientbook.projection import refresh
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


def test_all_that_will_have_happened_is_what_happened(shop: Book):
    with shop.snapshot() as kept, shop.snapshot(Moment(as_of=datetime(2100, 1, 1, tzinfo=UTC))) as folded:
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


# Moments.


def places(book: Book) -> list[str]:
    return sorted(path.name for path in (book.folder / "state" / "tables").glob("*/0*"))


def add_tag(book: Book, lines: Lines, tag: str) -> None:
    book.append_lines(lines({"type": "tag_added", "customer": {"email": "anna@example.com"}, "data": {"tag": tag}}))


def tags(snapshot: Snapshot) -> list[str]:
    return [tag for row in snapshot.table("select tags from customers order by all").to_pylist() for tag in row["tags"]]


def test_what_was_known_is_the_snapshot_of_that_time(shop: Book, lines: Lines):
    then = shop.log.head()
    with shop.snapshot() as now:
        expected = contents(now)
    tag = {"type": "tag_added", "customer": {"email": "anna@example.com"}}
    shop.append_lines(lines(*(tag | {"data": {"tag": name}} for name in ("late", "later"))))
    assert then.recorded_at is not None
    for moment in (Moment(known_at=then.recorded_at), Moment(position=then.position), Moment(position=then.position + 1)):
        with shop.snapshot(moment) as known:
            assert contents(known) == expected
            assert (known.position, known.moment) == (then.position, moment)
    assert len(places(shop)) == 1
    with shop.snapshot() as now:
        assert tags(now) == ["late", "later", "vip"]
    with shop.snapshot(Moment(known_at=shop.log.head().recorded_at, position=then.position)) as earlier:
        assert contents(earlier) == expected
    assert len(places(shop)) == 2


def test_before_its_first_commit_the_book_was_empty(shop: Book):
    for moment in (Moment(known_at=datetime(2000, 1, 1, tzinfo=UTC)), Moment(position=0), Moment(position=1)):
        with shop.snapshot(moment) as empty:
            assert set(map(len, contents(empty).values())) == {0}
            assert empty.position == 0


def test_an_earlier_moment_is_kept_too_and_the_newest_of_them_stay(shop: Book):
    with shop.snapshot():
        pass
    for day in range(1, KEPT + 2):
        for _ in range(2):
            with shop.snapshot(Moment(as_of=datetime(2026, 3, day, 9, tzinfo=UTC))) as snapshot:
                assert len(snapshot.table("select * from orders")) == (2 if day > 1 else 0)
    names = places(shop)
    assert len(names) == 1 + KEPT
    assert [name.count("-asof-") for name in names] == [0, *[1] * KEPT]
    with shop.snapshot(Moment(as_of=datetime(1901, 1, 1, tzinfo=UTC))) as snapshot:
        assert len(snapshot.table("select * from events")) == 0


def test_a_snapshot_that_somebody_reads_is_not_dropped(shop: Book, lines: Lines):
    with shop.snapshot() as read:
        expected = contents(read)
        for number in range(KEPT + 2):
            add_tag(shop, lines, f"t{number}")
            shop.snapshot().close()
        assert contents(read) == expected
        assert len(places(shop)) == KEPT + 1
    add_tag(shop, lines, "last")
    shop.snapshot().close()
    assert len(places(shop)) == KEPT


def test_what_a_killed_reader_left_is_deleted_after_an_hour(shop: Book, lines: Lines):
    shop.snapshot().close()
    (folder,) = (shop.folder / "state" / "tables").iterdir()
    old, young = folder / "old.tmp", folder / "young.tmp"
    for left in (old, young):
        left.mkdir()
        (left / "customers-0001.parquet").touch()
    os.utime(old, (0, 0))
    add_tag(shop, lines, "new")
    shop.snapshot().close()
    assert not old.exists()
    assert young.exists()


def test_a_base_stays_while_an_overlay_needs_it_and_an_overlay_without_its_base_is_made_again(
    shop: Book, lines: Lines, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(refresh, "SHARE", float("inf"))
    monkeypatch.setattr(refresh, "SMALLEST", 0)
    shop.snapshot().close()
    (base,) = (shop.folder / "state" / "tables").glob("*/0*")
    for number in range(KEPT + 3):
        add_tag(shop, lines, f"t{number}")
        with shop.snapshot() as snapshot:
            assert base in snapshot.folders()
            expected = contents(snapshot)
    assert len(places(shop)) == KEPT + 1
    shutil.rmtree(base)
    with shop.snapshot() as again:
        assert contents(again) == expected
        assert base not in again.folders()


def test_another_engine_reads_a_table_of_two_snapshots(shop: Book, lines: Lines, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(refresh, "SHARE", float("inf"))
    monkeypatch.setattr(refresh, "SMALLEST", 0)
    with shop.snapshot() as before:
        add_tag(shop, lines, "new")
        with shop.snapshot() as after:
            other = Engine.open(Limits())
            for table in (*TABLES, *RESOLUTION):
                for snapshot in (before, after):
                    query = "select * from {} order by all"
                    assert other.rows(query.format(snapshot.source(table))) == snapshot.engine.rows(query.format(table))
            changed = other.rows(
                f"select customer_id from {after.source('customers')} except select customer_id from"
                f" (select customer_id from {before.source('customers')} where not list_contains(tags, 'new'))"
            )
            other.close()
    assert changed == []
    assert len(tags(shop.snapshot())) == 2


def test_a_log_put_back_from_a_backup_is_not_answered_from_what_came_after(shop: Book, lines: Lines, tmp_path: Path):
    shutil.copytree(shop.folder / "log", tmp_path / "backup", symlinks=True)
    add_tag(shop, lines, "lost")
    shop.snapshot().close()
    shutil.rmtree(shop.folder / "log")
    shutil.copytree(tmp_path / "backup", shop.folder / "log", symlinks=True)
    again = Book(shop.folder)
    add_tag(again, lines, "other")
    with again.snapshot() as snapshot:
        assert tags(snapshot) == ["other", "vip"]
