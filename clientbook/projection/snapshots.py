"""Snapshots of the clock-free tables: `state/<fingerprint>/<position>-<digest>/<table>.parquet`, all of it throw-away.

The fingerprint covers SQL, event schemas and settings, so a change of code makes new snapshots by itself. An answer for an
earlier moment is folded in memory and not kept.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from clientbook.engine.duckdb import Engine, Limits, QueryFailed, quoted
from clientbook.events.registry import Registry
from clientbook.log.parquet import ParquetLog, Pinned
from clientbook.log.rows import checked, numbered, with_ids
from clientbook.projection.fold import (
    NOW,
    RESOLUTION,
    TABLES,
    BookFacts,
    Moment,
    fingerprint,
    fold,
    fold_identities,
    fold_orders,
    open_book,
    open_events,
    open_log,
    write_schema_file,
)

_SNAPSHOT: Final = re.compile(r"\d{20}-[0-9a-f]{12}")
KEPT: Final = 2
"""Snapshots kept, the newest ones; a process that still reads an older one keeps its open files."""


class Snapshot:
    """The read model at one position and moment: DuckDB tables to ask, and the log they were folded from.

    One thread uses it; another takes `engine.cursor()`. Close it, or use it as a context manager.
    """

    def __init__(self, *, engine: Engine, pinned: Pinned, moment: Moment, schema_file: Path) -> None:
        self.engine = engine
        self.moment = moment
        self.position = pinned.head.position
        self.head = pinned.head
        self._pinned = pinned
        self._schema_file = schema_file
        self._has_events = False

    def table(self, sql: str, parameters: dict[str, object] | None = None) -> pa.Table:
        """Run a query on the read model; its whole result."""
        self.prepare(sql)
        return self.engine.table(sql, parameters)

    def prepare(self, sql: str) -> None:
        """Open the log if the query names it; most do not, and every file costs a look at its footer."""
        if not self._has_events and re.search(r"\b(all_)?events\b", sql, re.IGNORECASE):
            open_log(self.engine, self._pinned.files, self._schema_file, self.moment)
            open_events(self.engine, self.moment)
            self._has_events = True

    def folders(self) -> list[Path]:
        """The folders that its tables and its log are read from."""
        return sorted({path.parent for path in (self._schema_file, *self._pinned.files)} | {self._schema_file.parent})

    def close(self) -> None:
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Projector:
    """Makes snapshots of one book."""

    def __init__(self, *, log: ParquetLog, state: Path, registry: Registry, facts: BookFacts, limits: Limits) -> None:
        self._log = log
        self._state = state
        self._registry = registry
        self._facts = facts
        self._limits = limits

    def snapshot(self, moment: Moment = NOW) -> Snapshot:
        """The tables as of the log's head, from disk where they are there, else folded (and written down if now)."""
        try:
            return self._snapshot(moment)
        except QueryFailed:
            # Tables that were damaged or half deleted are thrown away; they are only kept, the log has everything.
            self.forget()
            return self._snapshot(moment)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            # A book that may only be read keeps its tables beside it, until this process ends.
            self._state = Path(tempfile.mkdtemp(prefix="clientbook-"))
            atexit.register(shutil.rmtree, self._state, ignore_errors=True)
            return self._snapshot(moment)

    def _snapshot(self, moment: Moment) -> Snapshot:
        pinned = self._log.pin()
        folder = self._state / fingerprint(self._registry, self._facts)
        schema_file = self._schema_file(folder)
        if not moment.is_now:
            return self._folded(pinned, moment, schema_file)
        place = _place(folder, pinned)
        if not place.exists():
            with self._folded(pinned, moment, schema_file) as folded:
                _write(folded.engine, place)
            _drop_older(folder)
        return self._opened(pinned, place, schema_file)

    def identities(self) -> Snapshot:
        """Only what tells whose an event is: identifiers, customer_roots and the ids of customers, at the log's head.

        Much less work than a whole snapshot; what a writer needs while it holds the lock.
        """
        try:
            return self._identities()
        except QueryFailed:
            self.forget()
            return self._identities()

    def _identities(self) -> Snapshot:
        pinned = self._log.pin()
        folder = self._state / fingerprint(self._registry, self._facts)
        schema_file = self._schema_file(folder)
        place = _place(folder, pinned)
        if place.exists():
            return self._opened(pinned, place, schema_file)
        engine = self._open_engine()
        open_log(engine, pinned.files, schema_file, NOW)
        fold_identities(engine, NOW)
        return Snapshot(engine=engine, pinned=pinned, moment=NOW, schema_file=schema_file)

    @contextmanager
    def supposing(self, rows: pa.Table) -> Iterator[Snapshot]:
        """Identities, refunds and orders as they would be if `rows` were appended to the log, which has to have a commit."""
        pinned = self._log.pin()
        assert pinned.head.recorded_at is not None
        with tempfile.TemporaryDirectory(prefix="clientbook-") as folder:
            supposed = Path(folder) / "supposed.parquet"
            pq.write_table(numbered(with_ids(checked(rows)), pinned.head, pinned.head.recorded_at), supposed)
            pinned = replace(pinned, files=(*pinned.files, supposed))
            schema_file = self._schema_file(self._state / fingerprint(self._registry, self._facts))
            with Snapshot(engine=self._open_engine(), pinned=pinned, moment=NOW, schema_file=schema_file) as snapshot:
                open_log(snapshot.engine, pinned.files, schema_file, NOW)
                fold_identities(snapshot.engine, NOW)
                fold_orders(snapshot.engine)
                yield snapshot

    def forget(self) -> None:
        """Delete every snapshot; the next read folds the whole log again."""
        if self._state.exists():
            shutil.rmtree(self._state, ignore_errors=True)

    def _folded(self, pinned: Pinned, moment: Moment, schema_file: Path) -> Snapshot:
        engine = self._open_engine()
        snapshot = Snapshot(engine=engine, pinned=pinned, moment=moment, schema_file=schema_file)
        open_log(engine, pinned.files, schema_file, moment)
        fold(engine, moment)
        return snapshot

    def _opened(self, pinned: Pinned, place: Path, schema_file: Path) -> Snapshot:
        engine = self._open_engine()
        for name in (*RESOLUTION, *TABLES):
            path = quoted(str(place / f"{name}.parquet"))
            kind = "table" if name in RESOLUTION else "view"
            engine.execute(f"create or replace {kind} {name} as select * from read_parquet({path})")
        return Snapshot(engine=engine, pinned=pinned, moment=NOW, schema_file=schema_file)

    def _open_engine(self) -> Engine:
        engine = Engine.open(self._limits)
        open_book(engine, self._facts)
        return engine

    def _schema_file(self, folder: Path) -> Path:
        path = folder / "schema.parquet"
        if not path.exists():
            for missing in (self._state.parent, self._state, folder):  # `parents=True` would open the upper ones to others
                missing.mkdir(mode=0o700, exist_ok=True)
            temporary = folder / f"schema-{secrets.token_hex(4)}.tmp"
            write_schema_file(temporary, self._registry)
            temporary.chmod(0o600)
            temporary.replace(path)
        return path


def _write(engine: Engine, place: Path) -> None:
    """Write the tables under a temporary name, then give the folder its own; another process may win the race."""
    temporary = place.with_name(f"{place.name}-{secrets.token_hex(4)}.tmp")
    temporary.mkdir(mode=0o700)
    try:
        for name in (*RESOLUTION, *TABLES):
            path = temporary / f"{name}.parquet"
            engine.execute(f"copy ({ordered(name)}) to {quoted(str(path))} (format parquet, compression zstd)")
            path.chmod(0o600)
        try:
            os.rename(temporary, place)
        except OSError:
            if not place.exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def ordered(table: str) -> str:
    """The query that gives a table's rows in their canonical order."""
    return f"select * from {table}" + (f" order by {_ORDERS[table]}" if table in _ORDERS else "")


_ORDERS: Final = {
    "customers": "customer_id",
    "orders": "customer_id, placed_at, position",
    "order_lines": "customer_id, placed_at, source, order_id, line_number",
    "refunds": "position",
    "interactions": "customer_id, occurred_at, position",
    "consent_history": "customer_id, occurred_at, position",
    "identifiers": "customer_id, kind, source, value",
    "batches": "position",
    "segments_defined": "segment_id",
    "customer_roots": "customer_id",
}
"""How each table lies on disk; a canonical order too, since no two rows tie."""


def _place(folder: Path, pinned: Pinned) -> Path:
    """Where a snapshot is kept: by position and by the log's digest there, for a log put back from a backup can reach
    the same position with other events.
    """
    return folder / f"{pinned.head.position:020}-{pinned.head.digest.hex()[:12]}"


def _drop_older(folder: Path) -> None:
    for path in _snapshots(folder)[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _snapshots(folder: Path) -> list[Path]:
    return sorted(path for path in _entries(folder) if _SNAPSHOT.fullmatch(path.name))


def _entries(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.exists() else ()
