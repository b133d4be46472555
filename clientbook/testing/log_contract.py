"""The suite that every log has to pass. A log's tests inherit it and say how a log is made.

class TestParquetLog(LogContract):
    def create(self, folder, clock):
        return ParquetLog.create(folder, clock=clock)

    def reopen(self, log, clock):
        return ParquetLog(log.folder, clock=clock)
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from clientbook.log.base import Appended, Clock, EventLog, Head, MalformedRows, Released
from clientbook.log.digest import GENESIS, chain, row_digests
from clientbook.testing.rows import NOON, Row, event_id, log_rows, tag


class ManualClock:
    """Says what it was told last."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, 8, 0, 0, 654321, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class LogContract:
    """What holds for every log."""

    def create(self, folder: Path, clock: Clock) -> EventLog:
        """An empty log, in `folder` if it needs one."""
        raise NotImplementedError

    def reopen(self, log: Any, clock: Clock) -> EventLog:  # noqa: ARG002  # a log on disk needs it
        """The same log as another process would open it; a log that lives in this process only is its own."""
        opened: EventLog = log
        return opened

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def log(self, tmp_path: Path, clock: ManualClock) -> EventLog:
        return self.create(tmp_path / "log", clock)

    # Positions and order.

    def test_an_empty_log_has_no_events_and_the_first_digest(self, log: EventLog) -> None:
        assert log.head() == Head(commit=0, position=0, digest=GENESIS, recorded_at=None)
        assert read(log) == []

    def test_positions_are_dense_from_1_in_the_order_of_appending(self, log: EventLog) -> None:
        first = log.append(log_rows([tag("c"), tag("a")]))
        second = log.append(log_rows([tag("b")]))
        third = log.append(log_rows([tag("e"), tag("d"), tag("f")]))
        assert [one.first_position for one in (first, second, third)] == [1, 3, 4]
        assert [one.head.position for one in (first, second, third)] == [2, 3, 6]
        assert [one.head.commit for one in (first, second, third)] == [1, 2, 3]
        assert [(row["position"], row["tag_added"]["tag"]) for row in read(log)] == list(enumerate("cabedf", 1))

    def test_an_event_comes_back_as_it_went_in(self, log: EventLog) -> None:
        row = Row(
            type="order_placed",
            data={
                "order_id": "é 1",
                "total": Decimal("99999999999999.9999"),
                "currency": "EUR",
                "lines": [{"sku": "a"}, {}],
            },
            id=event_id("one"),
            customer_id="anna",
            occurred_at=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            source="caisse\n2",
            actor="",
            batch="B",
        )
        log.append(log_rows([row, tag("x", customer_id=None)]))
        back = read(log)[0]
        for name in ("type", "customer_id", "occurred_at", "source", "actor", "batch"):
            assert back[name] == getattr(row, name)
        assert back["event_id"] == row.id
        order = back["order_placed"]
        assert (order["order_id"], order["total"], order["currency"]) == ("é 1", Decimal("99999999999999.9999"), "EUR")
        assert [line["sku"] for line in order["lines"]] == ["a", None]
        assert back.get("tag_added") is None
        assert read(log)[1]["customer_id"] is None

    def test_rows_may_come_in_several_chunks_and_slices(self, log: EventLog) -> None:
        many = log_rows([tag(f"t{number}") for number in range(10)])
        log.append(pa.concat_tables([many.slice(7), many.slice(2, 3), many.slice(0, 1)]))
        assert tags(log) == ["t7", "t8", "t9", "t2", "t3", "t4", "t0"]
        assert_digests_hold(log)

    def test_reading_is_bounded_by_after_and_through(self, log: EventLog) -> None:
        for group in ("abc", "d", "ef"):
            log.append(log_rows([tag(name) for name in group]))
        for after in range(8):
            for through in (None, *range(8)):
                last = 9 if through is None else through
                assert tags(log, after=after, through=through) == [
                    name for place, name in enumerate("abcdef", 1) if after < place <= last
                ]

    def test_appending_nothing_changes_nothing(self, log: EventLog) -> None:
        done = log.append(log_rows([]))
        assert (done.added, done.first_position, len(done.outcome), done.head) == (0, None, 0, Head())
        assert read(log) == []

    # The same event twice.

    def test_an_event_that_is_known_is_not_added_again(self, log: EventLog) -> None:
        log.append(log_rows([tag("a"), tag("b")]))
        before, rows = log.head(), read(log)
        done = log.append(log_rows([tag("b"), tag("a")]))
        assert outcome(done) == ["duplicate", "duplicate"]
        assert done.added == 0
        assert done.first_position is None
        assert log.head() == before
        assert read(log) == rows

    def test_an_event_is_the_same_whoever_it_was_resolved_to_and_whatever_batch_it_came_in(self, log: EventLog) -> None:
        log.append(log_rows([tag("a", customer_id="anna", batch="1")]))
        assert outcome(log.append(log_rows([tag("a", customer_id="bert", batch="2")]))) == ["duplicate"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"data": {"tag": "other"}},
            {"occurred_at": NOON + timedelta(microseconds=1)},
            {"source": "other"},
            {"actor": "seller 2"},
            {"type": "tag_removed"},
        ],
    )
    def test_a_known_id_with_other_content_is_a_correction_and_is_not_added(
        self, log: EventLog, changes: dict[str, Any]
    ) -> None:
        log.append(log_rows([Row(id=event_id("one"))]))
        before = read(log)
        done = log.append(log_rows([Row(**{"id": event_id("one"), **changes})]))
        assert outcome(done) == ["correction"]
        assert done.added == 0
        assert read(log) == before

    def test_only_what_is_new_in_a_batch_is_added(self, log: EventLog) -> None:
        log.append(log_rows([tag("a")]))
        done = log.append(log_rows([tag("b"), tag("a"), Row(id=event_id("a"), data={"tag": "z"}), tag("c")]))
        assert outcome(done) == ["added", "duplicate", "correction", "added"]
        assert (done.added, done.first_position, done.head.position) == (2, 2, 3)
        assert tags(log) == ["a", "b", "c"]

    def test_within_one_batch_the_first_of_an_id_stands(self, log: EventLog) -> None:
        done = log.append(log_rows([tag("a"), tag("b"), tag("a"), Row(id=event_id("a"), data={"tag": "z"})]))
        assert outcome(done) == ["added", "added", "duplicate", "correction"]
        assert tags(log) == ["a", "b"]

    def test_a_known_event_of_one_type_does_not_hide_new_ones_of_another(self, log: EventLog) -> None:
        note = Row(type="note_added", data={"text": "x"}, id=event_id("n"))
        log.append(log_rows([note]))
        assert outcome(log.append(log_rows([tag("t"), note]))) == ["added", "duplicate"]

    def test_an_event_without_an_id_gets_a_random_one_and_is_always_new(self, log: EventLog) -> None:
        for _ in range(2):
            assert outcome(log.append(log_rows([Row(), Row(), tag("a")])))[:2] == ["added", "added"]
        ids = [row["event_id"] for row in read(log)]
        assert len(ids) == len(set(ids)) == 5
        assert all(len(one) == 16 for one in ids)

    def test_a_random_id_is_known_from_then_on(self, log: EventLog) -> None:
        log.append(log_rows([Row()]))
        given = read(log)[0]["event_id"]
        assert outcome(log.append(log_rows([Row(id=given), Row(id=given, data={"tag": "z"})]))) == [
            "duplicate",
            "correction",
        ]

    def test_a_preview_says_what_appending_would_do_and_does_nothing(self, log: EventLog) -> None:
        log.append(log_rows([tag("a")]))
        rows = log_rows([tag("a"), tag("b"), tag("b"), Row(id=event_id("a"), data={"tag": "z"}), Row()])
        with log.writer() as writer:
            before = writer.head
            preview = writer.preview(rows).to_pylist()
            assert writer.head == before == log.head()
            assert preview == outcome(writer.append(rows))
            assert writer.head == log.head() != before
        assert preview == ["duplicate", "added", "duplicate", "correction", "added"]

    # Ids given back.

    def test_an_id_that_is_released_is_recorded_once_more(self, log: EventLog) -> None:
        log.append(log_rows([tag("a", batch="1"), tag("b", batch="1"), tag("c")]))
        again = log_rows([tag("a", batch="2"), Row(id=event_id("b"), data={"tag": "z"}, batch="2"), tag("c", batch="2")])
        with log.writer() as writer:
            assert writer.preview(again).to_pylist() == ["duplicate", "correction", "duplicate"]
            preview = writer.preview(again, released=of_batch("1")).to_pylist()
            done = writer.append(again, released=of_batch("1"))
        assert preview == outcome(done) == ["added", "added", "duplicate"]
        assert (done.first_position, done.head.position) == (4, 5)
        assert tags(log) == ["a", "b", "c", "a", "z"]
        assert_digests_hold(log)

    def test_an_id_is_known_while_one_of_its_rows_is_not_released(self, log: EventLog) -> None:
        log.append(log_rows([tag("a", batch="1")]))
        second = log_rows([Row(id=event_id("a"), data={"tag": "z"}, batch="2")])
        with log.writer() as writer:
            writer.append(second, released=of_batch("1"))
            assert outcome(writer.append(second, released=of_batch("1"))) == ["duplicate"]
            assert outcome(writer.append(log_rows([tag("a")]), released=of_batch("1"))) == ["correction"]
            assert outcome(writer.append(log_rows([tag("a")]), released=of_batch("2"))) == ["duplicate"]
            assert outcome(writer.append(log_rows([tag("a", batch="3")]), released=of_batch("1", "2"))) == ["added"]
        assert [row["batch"] for row in read(log)] == ["1", "2", "3"]

    def test_what_is_released_is_asked_of_the_log_s_own_rows(self, log: EventLog) -> None:
        log.append(log_rows([tag("a", customer_id="anna"), tag("b", customer_id="bert"), tag("c")]))
        asked: list[dict[str, Any]] = []

        def released(known: pa.Table) -> pa.BooleanArray:
            asked.extend(known.to_pylist())
            return pc.equal(known["position"], 2).combine_chunks()

        with log.writer() as writer:
            rows = log_rows([tag("a"), tag("b"), tag("new")])
            assert writer.preview(rows, released=released).to_pylist() == ["duplicate", "added", "added"]
        assert sorted((row["position"], row["customer_id"]) for row in asked) == [(1, "anna"), (2, "bert")]

    def test_within_one_batch_the_first_of_a_released_id_stands(self, log: EventLog) -> None:
        log.append(log_rows([tag("a", batch="1")]))
        with log.writer() as writer:
            done = writer.append(log_rows([tag("a"), tag("a"), Row()]), released=of_batch("1"))
        assert outcome(done) == ["added", "duplicate", "added"]

    # Time.

    def test_all_events_of_an_append_are_recorded_at_one_moment(self, log: EventLog, clock: ManualClock) -> None:
        moment = clock.now
        done = log.append(log_rows([tag("a"), tag("b")]))
        assert [row["recorded_at"] for row in read(log)] == [moment, moment]
        assert done.head.recorded_at == log.head().recorded_at == moment

    def test_recorded_at_never_goes_back_when_the_clock_does(self, log: EventLog, clock: ManualClock) -> None:
        first = clock.now
        log.append(log_rows([tag("a")]))
        clock.advance(-3600)
        log.append(log_rows([tag("b")]))
        log = self.reopen(log, clock)
        log.append(log_rows([tag("c")]))
        clock.advance(3601)
        log.append(log_rows([tag("d")]))
        assert [row["recorded_at"] - first for row in read(log)] == [timedelta(seconds=step) for step in (0, 0, 0, 1)]

    # What is refused.

    def test_rows_that_are_no_events_are_refused_and_nothing_is_written(self, log: EventLog) -> None:
        good = log_rows([tag("a"), tag("b")])
        both = log_rows([tag("a"), Row(type="note_added", data={"text": "x"})])
        nothing = pa.nulls(2, pa.string())
        half = pa.array([{"tag": "a"}, None], good["tag_added"].type)
        bad = {
            **{f"without {name}": good.drop_columns([name]) for name in good.schema.names},
            "no type": put(good, "type", nothing),
            "no time": put(good, "occurred_at", pa.nulls(2, good["occurred_at"].type)),
            "no source": put(good, "source", nothing),
            "no data": put(good, "tag_added", pa.nulls(2, good["tag_added"].type)),
            "no data in one row": put(good, "tag_added", half),
            "data of another type": put(both, "type", pa.array(["tag_added", "tag_added"])),
            "data of two types": put(both, "note_added", pa.array([{"text": "x"}] * 2, both["note_added"].type)),
            "a type without a column": put(good, "type", pa.array(["tag_added", "tag_removed"])),
        }
        for what, rows in bad.items():
            with pytest.raises(MalformedRows):
                log.append(rows)
            with log.writer() as writer, pytest.raises(MalformedRows):
                writer.preview(rows)
            assert (log.head(), read(log)) == (Head(), []), what
        log.append(good)
        assert tags(log) == ["a", "b"]

    # Digests.

    def test_the_head_digest_is_the_chain_over_what_reads_back(self, log: EventLog) -> None:
        for rows in (
            [tag("a"), Row(type="note_added", data={"text": "é"}, customer_id=None)],
            [Row(data={"tag": f"t{number}"}, customer_id=f"c{number % 7}") for number in range(2500)],
            [Row(type="profile_updated", data={"interests": ["a", "b"], "attributes": {"x": "", "a": "b"}, "children": 0})],
            [
                Row(
                    type="order_placed",
                    data={"order_id": "1", "total": 0, "currency": "EUR", "lines": [{}, {"quantity": -1}]},
                )
            ],
        ):
            before = log.head().digest
            assert log.append(log_rows(rows)).head.digest != before
        assert_digests_hold(log)
        assert_digests_hold(self.reopen(log, ManualClock()))

    def test_any_change_of_what_was_recorded_changes_the_digest(self, log: EventLog) -> None:
        log.append(log_rows([tag("a"), tag("b", actor="seller")]))
        rows = whole(log)
        true = chain(GENESIS, row_digests(rows))
        assert true == log.head().digest
        later = timedelta(microseconds=1)
        changed = {
            "customer_id": pa.array(["anna", "bert"]),
            "occurred_at": pa.array([one + later for one in rows["occurred_at"].to_pylist()], rows["occurred_at"].type),
            "recorded_at": pa.array([one + later for one in rows["recorded_at"].to_pylist()], rows["recorded_at"].type),
            "source": pa.array(["shop", "shop "]),
            "actor": pa.array(["seller", None]),
            "batch": pa.array(["", None]),
            "position": pa.array([1, 3]),
            "event_id": pc.take(rows["event_id"], pa.array([1, 0])),
            "tag_added": pa.array([{"tag": "a"}, {"tag": "c"}]),
            "salt": rows["event_id"],
        }
        for name, column in changed.items():
            assert chain(GENESIS, row_digests(put(rows, name, column))) != true, name
        assert chain(GENESIS, row_digests(rows.take([1, 0]))) != true
        assert chain(GENESIS, row_digests(rows.slice(0, 1))) != true

    def test_the_same_rows_have_the_same_digests_in_one_append_or_two(self, tmp_path: Path, clock: ManualClock) -> None:
        rows = log_rows([tag("a"), Row(type="note_added", data={"text": "x"}, id=event_id("n")), tag("b")])
        at_once, in_two = self.create(tmp_path / "one", clock), self.create(tmp_path / "two", clock)
        at_once.append(rows)
        in_two.append(rows.slice(0, 1))
        in_two.append(rows.slice(1))
        unsalted = [put(whole(log), "salt", pa.nulls(3, pa.binary(16))) for log in (at_once, in_two)]
        assert row_digests(unsalted[0]) == row_digests(unsalted[1])

    def test_each_customer_of_a_commit_has_a_salt_of_its_own(self, log: EventLog) -> None:
        people = ["anna", "bert", None, "anna", None]
        log.append(log_rows([Row(customer_id=who) for who in people]))
        log.append(log_rows([Row(customer_id="anna")]))
        salts = [row["salt"] for row in read(log)]
        assert (salts[0], salts[2]) == (salts[3], salts[4])
        assert len({*salts}) == 4
        assert all(len(salt) == 16 for salt in salts)

    # Types that come and go.

    def test_events_of_a_plugin_that_is_gone_stay(self, log: EventLog, clock: ManualClock) -> None:
        data = pa.array([{"tier": "gold", "points": 3, "steps": [1, None]}])
        envelope = log_rows([Row(id=event_id("p"))]).drop_columns(["tag_added"])
        rows = put(envelope, "type", pa.array(["acme.tier_changed"])).append_column("acme.tier_changed", data)
        log.append(rows)
        log.append(log_rows([tag("a")]))
        log = self.reopen(log, clock)
        assert read(log)[0]["acme.tier_changed"] == {"tier": "gold", "points": 3, "steps": [1, None]}
        assert outcome(log.append(rows)) == ["duplicate"]
        assert_digests_hold(log)

    def test_a_field_that_a_type_gained_later_changes_no_older_event(self, log: EventLog) -> None:
        older = log_rows([tag("a")])
        newer_type = pa.struct([pa.field("colour", pa.string()), *older["tag_added"].type])
        log.append(older)
        newer = put(log_rows([tag("b")]), "tag_added", pa.array([{"tag": "b", "colour": "red"}], newer_type))
        log.append(newer)
        both = pa.array([{"tag": "a"}, {"tag": "b", "colour": "red"}], newer_type)
        assert outcome(log.append(put(log_rows([tag("a"), tag("b")]), "tag_added", both))) == ["duplicate", "duplicate"]
        assert outcome(log.append(older)) == ["duplicate"]
        assert tags(log) == ["a", "b"]
        assert_digests_hold(log)

    # Several at once, and again later.

    def test_a_log_that_is_opened_again_goes_on_where_it_was(self, log: EventLog, clock: ManualClock) -> None:
        log.append(log_rows([tag("a"), tag("b")]))
        again = self.reopen(log, clock)
        assert again.head() == log.head()
        assert outcome(again.append(log_rows([tag("a"), tag("c")]))) == ["duplicate", "added"]
        assert log.head() == again.head()
        assert log.append(log_rows([tag("d")])).first_position == 4
        assert tags(again) == ["a", "b", "c", "d"]

    def test_threads_that_append_at_once_lose_and_repeat_nothing(self, log: EventLog, clock: ManualClock) -> None:
        failures: list[BaseException] = []

        def append(name: str, log: EventLog) -> None:
            try:
                for number in range(10):
                    log.append(log_rows([tag(f"{name}{number}"), tag(f"shared{number}")]))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=append, args=(name, self.reopen(log, clock))) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert [row["position"] for row in read(log)] == list(range(1, 41))
        assert sorted(tags(log)) == sorted([f"{name}{n}" for name in ("a", "b", "c", "shared") for n in range(10)])
        assert_digests_hold(log)


def of_batch(*batches: str) -> Released:
    """Releases the rows of these batches."""
    return lambda known: pc.is_in(known["batch"], value_set=pa.array(batches)).combine_chunks()


def read(log: EventLog, **bounds: Any) -> list[dict[str, Any]]:
    """The log's rows, each with the columns its batch has."""
    return [row for batch in log.read(**bounds) for row in batch.to_pylist()]


def tags(log: EventLog, **bounds: Any) -> list[str]:
    return [row["tag_added"]["tag"] for row in read(log, **bounds) if row.get("tag_added")]


def whole(log: EventLog) -> pa.Table:
    """The log as one table."""
    return pa.concat_tables([pa.Table.from_batches([batch]) for batch in log.read()], promote_options="permissive")


def outcome(done: Appended) -> list[str]:
    found: list[str] = done.outcome.to_pylist()
    return found


def put(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def assert_digests_hold(log: EventLog) -> None:
    """The head's digest can be computed from what the log gives back, commit by commit."""
    digest = GENESIS
    commits: list[list[bytes]] = []
    salts: set[bytes] = set()
    if hasattr(log, "commits"):  # it may give back rows of several commits in one batch
        digests, start = row_digests(whole(log)) if log.head().commit else [], 0
        for mark in log.commits().marks:
            digest = chain(digest, digests[start : mark.position])
            assert mark.digest == digest[: len(mark.digest)]
            start = mark.position
        assert (start, digest) == (log.head().position, log.head().digest)
        return
    for batch in log.read():
        table = pa.Table.from_batches([batch])
        own = set(table["salt"].to_pylist())
        if not commits or not own & salts:  # a commit's salts are its own
            commits.append([])
            salts = set()
        salts |= own
        commits[-1] += row_digests(table)
    for digests in commits:
        digest = chain(digest, digests)
    assert len(commits) == log.head().commit
    assert digest == log.head().digest
