"""The log on disk keeps the contract when it is sealed whenever it can be, and does what the log in memory does."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from logs import PEOPLE, foreign, mixed, pruned, small_parts, widened

from clientbook.log.base import Appended, Clock
from clientbook.log.memory import MemoryLog
from clientbook.log.parquet import ParquetLog
from clientbook.log.sealing import SealPolicy, seal
from clientbook.log.verifying import verify_log
from clientbook.testing.log_contract import LogContract, ManualClock, outcome
from clientbook.testing.rows import Row, event_id, log_rows, tag

KEPT = SealPolicy(keep_hours=0)


class SealingLog(ParquetLog):
    """Seals after each append: every second time the new commit alone, else everything."""

    def append(self, rows: Any) -> Appended:
        done = super().append(rows)
        seal(self, KEPT, everything=done.head.commit % 2 == 0)
        return done


class TestSealedLog(LogContract):
    def create(self, folder: Path, clock: Clock) -> SealingLog:
        ParquetLog.create(folder, clock=clock)
        return SealingLog(folder, clock=clock)

    def reopen(self, log: SealingLog, clock: Clock) -> SealingLog:
        return SealingLog(log.folder, clock=clock)


class SameAsMemory(RuleBasedStateMachine):
    """Any order of appending, sealing and opening again: the same rows, outcomes and bounds as the plain reference."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.small = small_parts(self.patch, group=4, part=8, run_bytes=600)
        self.small.__enter__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.log = ParquetLog.create(Path(self.folder.name) / "log", clock=self.clock)
        self.model = MemoryLog(clock=self.clock)
        self.number = 0

    @initialize(first=st.integers(0, 9))
    def begin(self, first: int) -> None:
        self._append(log_rows(mixed(0, first)))
        self.number = first

    @rule(count=st.integers(1, 12), seconds=st.integers(-5, 5))
    def append(self, count: int, seconds: int) -> None:
        self.clock.now += timedelta(seconds=seconds)
        self._append(log_rows(mixed(self.number, count)))
        self.number += count

    @rule(count=st.integers(1, 5), extra=st.booleans(), start=st.integers(0, 8))
    def append_foreign(self, count: int, extra: bool, start: int) -> None:
        self._append(foreign(count, start=start, extra=extra))

    @rule(count=st.integers(1, 3), start=st.integers(0, 4))
    def append_widened(self, count: int, start: int) -> None:
        self._append(widened(count, start=start))

    @precondition(lambda self: self.number)
    @rule(data=st.data())
    def append_known_and_new(self, data: st.DataObject) -> None:
        known = data.draw(st.lists(st.integers(0, self.number - 1), min_size=1, max_size=4))
        rows = [row for one in known for row in mixed(one, 1)]
        other = Row(id=event_id(f"t{known[0]}"), data={"tag": "other"}, customer_id=PEOPLE[0])
        self._append(log_rows([*rows, other, tag(f"new{self.number}"), rows[0]]))

    @rule(everything=st.booleans(), keep=st.sampled_from([0.0, 1.0]))
    def seal(self, everything: bool, keep: float) -> None:
        seal(self.log, SealPolicy(keep_hours=keep), everything=everything)

    @rule()
    def reopen(self) -> None:
        self.log = ParquetLog(self.log.folder, clock=self.clock)

    @rule(after=st.integers(0, 60), count=st.none() | st.integers(0, 60))
    def read_a_part(self, after: int, count: int | None) -> None:
        through = None if count is None else after + count
        assert self._rows(self.log, after=after, through=through) == self._rows(self.model, after=after, through=through)

    @invariant()
    def the_heads_are_the_same(self) -> None:
        there, here = self.model.head(), self.log.head()
        assert (there.commit, there.position, there.recorded_at) == (here.commit, here.position, here.recorded_at)

    def teardown(self) -> None:
        try:
            assert self._rows(self.log) == self._rows(self.model)
            found = verify_log(self.log)
            assert found.faults == []
            assert (found.commits, found.events, found.digest) == (
                self.model.head().commit,
                self.model.head().position,
                self.log.head().digest,
            )
            assert list((self.log.folder / "tmp").iterdir()) == []
        finally:
            self.small.__exit__(None, None, None)
            self.folder.cleanup()

    def _append(self, rows: Any) -> None:
        assert outcome(self.log.append(rows)) == outcome(self.model.append(rows))

    @staticmethod
    def _rows(log: Any, **bounds: Any) -> list[dict[str, Any]]:
        """Salts are random, and so are in each log its own."""
        rows = [pruned(row) for batch in log.read(**bounds) for row in batch.to_pylist()]
        return [{name: value for name, value in row.items() if name != "salt"} for row in rows]


SAME = {"deadline": None, "suppress_health_check": list(HealthCheck)}
TestSameAsMemory = SameAsMemory.TestCase
TestSameAsMemory.settings = settings(max_examples=6, stateful_step_count=12, **SAME)


@pytest.mark.slow
class TestSameAsMemoryAtLength(SameAsMemory.TestCase):
    settings = settings(max_examples=40, stateful_step_count=25, **SAME)
