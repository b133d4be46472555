"""Snapshots of the clock-free tables: `state/<fingerprint>/<snapshot>/<table>-<part>.parquet`, all of it throw-away.

The fingerprint covers SQL, the code that folds, event schemas and settings, so a change of code makes new snapshots by
itself. A snapshot is made from an earlier one where there is one, and kept until newer ones push it out.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import re
import secrets
import shutil
import tempfile
import time
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from clientbook.engine.duckdb import Engine, Limits, QueryFailed
from clientbook.events.registry import Registry
from clientbook.log.marks import CommitMark, Commits
from clientbook.log.parquet import ParquetLog, Pinned
from clientbook.log.rows import checked, numbered, with_ids
from clientbook.projection import refresh as refreshing
from clientbook.projection.fold import (
    NOW,
    RESOLUTION,
    TABLES,
    BookFacts,
    Moment,
    fingerprint,
    fold_identities,
    fold_orders,
    open_book,
    open_events,
    open_log,
    ordered,
    sql,
    write_schema_file,
)
from clientbook.projection.places import Name, Place, Scratch
from clientbook.projection.refresh import Step, is_small, refresh, refresh_identities
from clientbook.projection.whole import events_per_range, fold_whole

__all__ = ["KEPT", "Projector", "Snapshot", "ordered"]

KEPT: Final = 2
"""Snapshots kept: so many of the newest positions, so many of those used last, and so many of those with an `as_of`."""

_ORPHAN_SECONDS: Final = 3600


class Snapshot:
    """The read model at one position and moment: DuckDB tables to ask, and the log they were folded from.

    One thread uses it; another takes `engine.cursor()`. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        pinned: Pinned,
        moment: Moment,
        schema_file: Path,
        place: Place | None,
        held: Iterable[int] = (),
    ) -> None:
        self.engine = engine
        self.moment = moment
        self.position = pinned.head.position
        self.head = pinned.head
        self._pinned = pinned
        self._schema_file = schema_file
        self._place = place
        self._has_events = place is None
        self._let_go = weakref.finalize(self, _let_go, tuple(held))

    def table(self, sql: str, parameters: dict[str, object] | None = None) -> pa.Table:
        """Run a query on the read model; its whole result."""
        self.prepare(sql)
        return self.engine.table(sql, parameters)

    def prepare(self, sql: str) -> None:
        """Open the log if the query names it; most do not, and every file costs a look at its footer."""
        if not self._has_events and re.search(r"\b(all_|live_)?events\b", sql, re.IGNORECASE):
            open_log(self.engine, self._pinned, self._schema_file)
            open_events(self.engine, self.moment)
            self._has_events = True

    def source(self, table: str) -> str:
        """A table as something to select from in any DuckDB engine: files on disk, by absolute paths.

        They stay as long as the snapshot is open.
        """
        assert self._place is not None
        return self._place.source(table)

    def folders(self) -> list[Path]:
        """The folders that its tables and its log are read from."""
        tables = self._place.folders() if self._place else ()
        return sorted({self._schema_file.parent, *(path.parent for path in self._pinned.files), *tables})

    def close(self) -> None:
        self.engine.close()
        self._let_go()

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
        """The tables at a moment: from disk where they are there, else refreshed from earlier ones or folded, and kept."""
        try:
            return self._snapshot(moment)
        except QueryFailed:
            # Tables that were damaged or half deleted are thrown away; they are only kept, the log has everything.
            self.forget()
            return self._snapshot(moment)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            self._move_away()
            return self._snapshot(moment)

    def _snapshot(self, moment: Moment) -> Snapshot:
        with self._log.computing():
            return self._opened_or_made(moment)

    def _opened_or_made(self, moment: Moment) -> Snapshot:
        pinned = self._pinned(moment)
        folder = self._folder()
        place = Place(folder / str(Name.of(pinned.head, moment)))
        held = _held(place)
        while held is None:
            shutil.rmtree(place.folder, ignore_errors=True)  # an overlay whose base is gone
            self._make(place, pinned, moment)
            place = Place(place.folder)
            held = _held(place)
            _prune(folder)
        return self._opened(place, pinned, moment, held)

    def identities(self) -> Snapshot:
        """Only what tells whose an event is: identifiers, customer_roots and the ids of customers, at the log's head.

        Much less work than a whole snapshot; what a writer needs while it holds the lock. Nothing is written.
        """
        with self._log.computing():
            try:
                return self._identities()
            except QueryFailed:
                self.forget()
                return self._identities()

    def _identities(self) -> Snapshot:
        pinned = self._log.pin()
        folder = self._folder()
        place = Place(folder / str(Name.of(pinned.head, NOW)))
        held = _held(place)
        if held is not None:
            return self._opened(place, pinned, NOW, held)
        engine = self._engine_on(pinned)
        if not self._refreshed_identities(engine, pinned):
            engine.close()
            engine = self._engine_on(pinned)
            fold_identities(engine, NOW)
        return Snapshot(engine=engine, pinned=pinned, moment=NOW, schema_file=_schema_file(folder), place=None)

    @contextmanager
    def supposing(self, rows: pa.Table) -> Iterator[Snapshot]:
        """Identities, refunds and orders as they would be if `rows` were appended to the log."""
        pinned = self._log.pin()
        with tempfile.TemporaryDirectory(prefix="supposed-", dir=self._folder().parent) as folder:
            supposed = Path(folder) / "supposed.parquet"
            added = numbered(with_ids(checked(rows)), pinned.head, pinned.head.recorded_at or self._log.now())
            pq.write_table(added, supposed)
            head = replace(pinned.head, position=pinned.head.position + len(added))
            pinned = replace(pinned, files=(*pinned.files, supposed), head=head)
            engine, schema_file = self._engine_on(pinned), _schema_file(self._folder())
            with Snapshot(engine=engine, pinned=pinned, moment=NOW, schema_file=schema_file, place=None) as snapshot:
                fold_identities(engine, NOW)
                fold_orders(engine)
                yield snapshot

    def forget(self) -> None:
        """Delete every snapshot; the next read folds the whole log again."""
        if self._state.exists():
            shutil.rmtree(self._state, ignore_errors=True)
        if self._state.exists():
            self._move_away()

    def _move_away(self) -> None:
        """A book that may only be read keeps its tables beside it, until this process ends."""
        self._state = Path(tempfile.mkdtemp(prefix="clientbook-"))
        self._limits = replace(self._limits, spill=self._state / "spill")
        atexit.register(shutil.rmtree, self._state, ignore_errors=True)

    def _pinned(self, moment: Moment) -> Pinned:
        """The log up to the last commit that was there at the moment."""
        pinned = self._log.pin()
        if moment.known_at is None and moment.position is None:
            return pinned
        commits = self._log.commits(pinned)
        marks = [commits.known_at(moment.known_at)] if moment.known_at else []
        marks += [_until(commits, moment.position)] if moment.position is not None else []
        mark = min(marks, key=lambda mark: mark.position if mark else 0)
        return pinned if mark and mark.position == pinned.head.position else pinned.up_to(mark)

    def _make(self, place: Place, pinned: Pinned, moment: Moment) -> None:
        """Write the tables under a temporary name, then give the folder its own; another process may win the race."""
        with _temporary(place.folder) as written, _temporary(place.folder) as folder:
            scratch = Scratch(folder=folder, schema_file=_schema_file(place.folder.parent))
            if not self._refreshed(Place(written), pinned, moment, scratch):
                for left in (*written.iterdir(), *folder.iterdir()):
                    left.unlink()
                self._folded(Place(written), pinned, moment, scratch)
            try:
                os.rename(written, place.folder)
            except OSError:
                if not place.folder.exists():
                    raise

    def _folded(self, place: Place, pinned: Pinned, moment: Moment, scratch: Scratch) -> None:
        engine = self._engine_on(pinned)
        try:
            events, memory = pinned.head.position, self._limits.memory
            fold_whole(engine, place, moment, events=events, memory=memory, scratch=scratch)
        finally:
            engine.close()

    def _refreshed(self, place: Place, pinned: Pinned, moment: Moment, scratch: Scratch) -> bool:
        """Whether it was worth while, and nothing was wrong with what was kept."""
        with self._earlier(pinned, moment, smallest=refreshing.SMALLEST) as earlier:
            if earlier is None:
                return False
            engine = self._engine_on(pinned)
            try:
                return refresh(self._step(engine, earlier, moment, scratch), place)
            except QueryFailed:
                return False
            finally:
                engine.close()

    def _refreshed_identities(self, engine: Engine, pinned: Pinned) -> bool:
        with self._earlier(pinned, NOW, smallest=refreshing.SMALLEST_FOR_IDENTITIES) as earlier:
            if earlier is None:
                return False
            with _temporary(earlier.folder) as folder:
                scratch = Scratch(folder=folder, schema_file=_schema_file(folder.parent))
                return refresh_identities(self._step(engine, earlier, NOW, scratch))

    def _step(self, engine: Engine, earlier: Place, moment: Moment, scratch: Scratch) -> Step:
        name = Name.read(earlier.folder.name)
        assert name is not None
        return Step(
            engine=engine,
            before=earlier,
            position=name.position,
            most=events_per_range(self._limits.memory),
            moment=moment,
            scratch=scratch,
        )

    @contextmanager
    def _earlier(self, pinned: Pinned, moment: Moment, *, smallest: int) -> Iterator[Place | None]:
        """The newest snapshot from which a refresh is worth while, held until it is done."""
        wanted = Name.of(pinned.head, moment)
        found = [
            (name, path)
            for name, path in _snapshots(self._folder())
            if name.as_of == wanted.as_of
            and smallest <= name.position < wanted.position
            and is_small(name.position, wanted.position)
        ]
        commits = self._log.commits(pinned) if found else None
        for name, path in sorted(found, key=lambda one: one[0].position, reverse=True):
            mark = commits.at(name.position) if commits else None
            if mark is None or not mark.digest.hex().startswith(name.digest):
                continue
            place = Place(path)
            held = _held(place)
            if held is None:
                continue
            try:
                yield place
            finally:
                _let_go(held)
            return
        yield None

    def _opened(self, place: Place, pinned: Pinned, moment: Moment, held: Iterable[int]) -> Snapshot:
        engine = self._open_engine()
        snapshot = Snapshot(
            engine=engine,
            pinned=pinned,
            moment=moment,
            schema_file=_schema_file(place.folder.parent),
            place=place,
            held=held,
        )
        for name in (*RESOLUTION, *TABLES):
            kind = "table" if name in RESOLUTION else "view"
            engine.execute(f"create or replace {kind} {name} as select * from {place.source(name)}")
        engine.execute(f"create or replace view segment_members as {sql('segment_members')}")
        return snapshot

    def _open_engine(self) -> Engine:
        engine = Engine.open(self._limits)
        open_book(engine, self._facts, self._registry.sides)
        return engine

    def _engine_on(self, pinned: Pinned) -> Engine:
        engine = self._open_engine()
        open_log(engine, pinned, _schema_file(self._folder()))
        return engine

    def _folder(self) -> Path:
        """Where this book's snapshots lie; made, with the schema file in it, if need be."""
        folder = self._state / fingerprint(self._registry, self._facts)
        if not _schema_file(folder).exists():
            for missing in (self._state.parent, self._state, folder):  # `parents=True` would open the upper ones to others
                missing.mkdir(mode=0o700, exist_ok=True)
            temporary = folder / f"schema-{secrets.token_hex(4)}.tmp"
            write_schema_file(temporary, self._registry)
            temporary.chmod(0o600)
            temporary.replace(_schema_file(folder))
        return folder


def _schema_file(folder: Path) -> Path:
    return folder / "schema.parquet"


def _until(commits: Commits, position: int) -> CommitMark | None:
    """The last commit that ends at the position or before."""
    place = bisect_right(commits.marks, position, key=attrgetter("position"))
    return commits.marks[place - 1] if place else None


@contextmanager
def _temporary(beside: Path) -> Iterator[Path]:
    """A folder of this run; what is left of it at the end is deleted."""
    folder = beside.with_name(f"{beside.name}-{secrets.token_hex(4)}.tmp")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _held(place: Place) -> tuple[int, ...] | None:
    """Keep the place and its base from being pruned while the descriptors are open; None where it is not there."""
    held: list[int] = []
    try:
        for folder in place.folders():
            held.append(_locked(folder, fcntl.LOCK_SH))
            with suppress(OSError):  # a book that may only be read
                os.utime(folder)
    except OSError:
        _let_go(held)
        return None
    return tuple(held)


def _locked(folder: Path, kind: int) -> int:
    """A descriptor of the folder, locked.

    Raises:
        OSError: it is not there, or somebody uses it otherwise.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass  # a file system without locks
        if os.fstat(descriptor).st_ino != folder.stat().st_ino:
            raise FileNotFoundError(folder)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _let_go(held: Iterable[int]) -> None:
    for descriptor in held:
        os.close(descriptor)


def _prune(folder: Path) -> None:
    """Drop snapshots that newer or more used ones push out, unless somebody reads them; and what killed readers left."""
    for path in _entries(folder):
        with suppress(OSError):
            if path.name.endswith(".tmp") and time.time() - path.stat().st_mtime > _ORPHAN_SECONDS:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
    kept = _wanted(folder)
    found = [Place(path) for _, path in _snapshots(folder)]
    for place in sorted(found, key=lambda place: place.base is None):  # overlays first: they need their bases
        if place.folder not in kept and not _dropped(place):
            kept.add(place.folder)
        if place.folder in kept and place.base:
            kept.add(place.base.folder)


def _wanted(folder: Path) -> set[Path]:
    used = {path: (path.stat().st_mtime_ns, name) for name, path in _snapshots(folder) if path.exists()}
    plain = [path for path, (_, name) in used.items() if name.as_of is None]
    past = [path for path, (_, name) in used.items() if name.as_of is not None]
    return {
        *sorted(plain, key=lambda path: used[path][1].position)[-KEPT:],
        *sorted(plain, key=lambda path: used[path][0])[-KEPT:],
        *sorted(past, key=lambda path: used[path][0])[-KEPT:],
    }


def _dropped(place: Place) -> bool:
    """Delete the snapshot unless somebody reads it."""
    try:
        descriptor = _locked(place.folder, fcntl.LOCK_EX)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        # Under another name first: a reader finds it whole or not at all.
        gone = place.folder.with_name(f"{place.folder.name}-{secrets.token_hex(4)}.tmp")
        os.rename(place.folder, gone)
        shutil.rmtree(gone, ignore_errors=True)
    finally:
        os.close(descriptor)
    return True


def _snapshots(folder: Path) -> list[tuple[Name, Path]]:
    named = ((Name.read(path.name), path) for path in _entries(folder))
    return [(name, path) for name, path in named if name is not None]


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []
