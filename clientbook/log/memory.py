"""A log in memory: the plain reference that the Parquet log is held against, and what tests of other rooms use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.log.base import Appended, Clock, Head, Released, system_clock
from clientbook.log.digest import chain, row_digests
from clientbook.log.rows import ADDED_SCALAR, checked, numbered, outcomes, with_ids


class MemoryLog:
    """Commits in a list. Threads may share it."""

    def __init__(self, *, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._commits: list[pa.Table] = []
        self._head = Head()
        self._lock = threading.Lock()

    def head(self) -> Head:
        return self._head

    @contextmanager
    def writer(self) -> Iterator[_MemoryWriter]:
        with self._lock:
            yield _MemoryWriter(self)

    def append(self, rows: pa.Table) -> Appended:
        with self.writer() as writer:
            return writer.append(rows)

    def read(self, *, after: int = 0, through: int | None = None) -> Iterator[pa.RecordBatch]:
        for commit in list(self._commits):
            position = commit["position"]
            kept = pc.greater(position, after)
            if through is not None:
                kept = pc.and_(kept, pc.less_equal(position, through))
            yield from commit.filter(kept).combine_chunks().to_batches()


class _MemoryWriter:
    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    @property
    def head(self) -> Head:
        return self._log._head

    def preview(self, rows: pa.Table, *, released: Released | None = None) -> pa.StringArray:
        return outcomes(checked(rows), self._known, released)

    def append(self, rows: pa.Table, *, released: Released | None = None) -> Appended:
        log = self._log
        rows = checked(rows)
        outcome = outcomes(rows, self._known, released)
        new = with_ids(rows.filter(pc.equal(outcome, ADDED_SCALAR)))
        if not len(new):
            return Appended(head=log._head, added=0, outcome=outcome)
        now = max(log._clock(), log._head.recorded_at or log._clock())
        commit = numbered(new, log._head, now)
        log._commits.append(commit)
        log._head = replace(
            log._head,
            commit=log._head.commit + 1,
            position=log._head.position + len(commit),
            digest=chain(log._head.digest, row_digests(commit)),
            recorded_at=now,
        )
        return Appended(head=log._head, added=len(commit), outcome=outcome)

    def _known(self, ids: pa.Array) -> pa.Table:
        found = [commit.filter(pc.is_in(commit["event_id"], value_set=ids)) for commit in self._log._commits]
        if not found:
            return pa.table({"event_id": pa.array([], ids.type)})
        return pa.concat_tables(found, promote_options="permissive")
