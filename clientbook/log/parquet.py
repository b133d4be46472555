"""The log on disk: one immutable Parquet file a commit, read in place by anything that reads Parquet.

    log/FORMAT.json                                     format number, written once
    log/lock                                            held by who appends
    log/state.lock                                      held by who erases; shared by who computes tables
    log/maintenance.lock                                held by who seals or erases; shared by who copies
    log/tmp/                                            files being written
    log/current -> generations/000002                   swapped atomically by sealing and erasing
    log/generations/000002/sealed-00000000000000000001-00000000000000000064-0001.parquet
    log/generations/000002/commit-00000000000000000065.parquet

A reader resolves `current` once and reads `*.parquet` in it with union-by-name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clientbook.events.arrow import ENVELOPE, EVENT_ID
from clientbook.i18n import _
from clientbook.log.base import Appended, Clock, DamagedLog, Head, LogError, Released, UnknownFormat, system_clock
from clientbook.log.digest import chain, row_digests
from clientbook.log.files import (
    FORMAT,
    check_file_system,
    exclusive,
    publish,
    remove_orphans,
    shared,
    sync,
    temporary_in,
    write_parquet,
)
from clientbook.log.generations import FIRST_GENERATION, Segment, commit_path, numbered_folders, segments_in
from clientbook.log.ledger import Ledger
from clientbook.log.marks import CommitMark, Commits, FileMarks, unpacked
from clientbook.log.rows import ADDED_SCALAR, checked, numbered, only, outcomes, with_ids
from clientbook.log.sorting import BY_POSITION, in_order, together

READ_ROWS: Final = 16_384
"""Rows read at once; a row with all its columns may take a kilobyte or two."""

_IDS_KEPT: Final = 1_000_000
"""Ids of a file with no more rows than this are kept in memory from one append to the next."""


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """The log as it stood at one moment."""

    files: tuple[Path, ...]
    """They may hold events after `head` when it is an earlier commit."""
    head: Head
    """Its digest is whole for the newest commit, and the first bytes of it for an earlier one."""

    def up_to(self, mark: CommitMark | None) -> Pinned:
        """The log as it stood after an earlier commit; None for before the first one."""
        if mark is None:
            return replace(self, head=Head())
        head = Head(commit=mark.commit, position=mark.position, digest=mark.digest, recorded_at=mark.recorded_at)
        return replace(self, head=head)


class ParquetLog:
    """The log of a book. Several processes may append and read at once.

    Raises:
        LogError: `folder` holds no log.
        UnknownFormat: a newer clientbook wrote it.
    """

    def __init__(self, folder: Path, *, clock: Clock = system_clock) -> None:
        self.folder = folder
        self.ledger = Ledger(folder.parent / "ledger")
        self._clock = clock
        self._head: tuple[Path, Head] | None = None
        self._ids: dict[Path, pa.Array] = {}
        try:
            described = json.loads((folder / "FORMAT.json").read_bytes())
            newer = described["format"] > FORMAT
        except FileNotFoundError:
            raise LogError(_("{folder} holds no event log; `clientbook init` makes a book").format(folder=folder)) from None
        except (ValueError, KeyError, TypeError):
            lost = _("{file} is not what was written there; put it back from a backup")
            raise DamagedLog(lost.format(file=folder / "FORMAT.json")) from None
        if newer:
            raise UnknownFormat(
                _("{folder} has file format {described}; this clientbook reads up to {format}: install a newer one").format(
                    folder=folder, described=described["format"], format=FORMAT
                )
            )

    @classmethod
    def create(cls, folder: Path, *, clock: Clock = system_clock) -> ParquetLog:
        """Make an empty log.

        Raises:
            FileExistsError: there is one already.
            UnfitFileSystem: it lacks hard links, symbolic links or locks.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        check_file_system(folder)
        generation = folder / "generations" / FIRST_GENERATION
        for path in (folder, folder / "tmp", folder / "generations", generation):
            path.mkdir(mode=0o700, exist_ok=path is folder)
        os.symlink(Path("generations") / FIRST_GENERATION, folder / "current")
        described = {"format": FORMAT, "digest": "sha256", "rows_a_block": 1024}
        temporary = temporary_in(folder / "tmp")
        temporary.write_text(json.dumps(described) + "\n")
        temporary.chmod(0o600)
        for parent in (generation.parent, folder.parent):
            sync(parent)
        publish(temporary, folder / "FORMAT.json")
        return cls(folder, clock=clock)

    def generation(self) -> Path:
        """The directory that holds the live files; resolve it once for a long read."""
        # Not readlink: a copy made without links has a folder here, and is a book all the same.
        try:
            return (self.folder / "current").resolve(strict=True)
        except FileNotFoundError:  # the one who made a folder a link again was killed in between
            found = numbered_folders(self.folder / "generations")
            if not found:
                raise DamagedLog(
                    _("{folder} has lost its files; put it back from a backup").format(folder=self.folder)
                ) from None
            return found[-1].resolve()

    def segments(self) -> list[Segment]:
        """The live files by the commits they hold, oldest first.

        Raises:
            DamagedLog: a file is missing.
        """
        return segments_in(self.generation())

    def files(self) -> list[Path]:
        """The live files, oldest commits first."""
        return [path for segment in self.segments() for path in segment.files]

    def pin(self) -> Pinned:
        """The live files and the head they make up: a view of the log that later appends do not change."""
        files = self.files()
        return Pinned(files=tuple(files), head=read_marks(files[-1]).head if files else Head())

    def commits(self, pinned: Pinned | None = None) -> Commits:
        """Every commit of the log as pinned, or as it stands now; costs a look at every file's footer."""
        found: list[CommitMark] = []
        for path in (pinned or self.pin()).files:
            footer = read_footer(path)
            if "clientbook.part" not in footer:
                found.append(FileMarks.read(footer).mark)
            elif "clientbook.commits" in footer:
                found += unpacked(footer["clientbook.commits"], FileMarks.read(footer))
        return Commits(found)

    def head(self) -> Head:
        generation = self.generation()
        known, commit = (self._head[1], self._head[1].commit) if self._head and self._head[0] == generation else (None, 0)
        newest, path = commit, None
        if known is None:
            segments = segments_in(generation)
            if segments:
                newest, path = segments[-1].last_commit, segments[-1].files[-1]
        while commit_path(generation, newest + 1).exists():
            newest += 1
            path = commit_path(generation, newest)
        if known is not None and newest == commit:
            return known
        head = read_marks(path).head if path else Head()
        self._head = (generation, head)
        return head

    @contextmanager
    def writer(self) -> Iterator[_ParquetWriter]:
        with exclusive(self.folder / "lock"):
            self.remove_orphans()
            yield _ParquetWriter(self)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Hold off erasures while tables are computed from the log and kept: they would hold who is erased meanwhile."""
        with ExitStack() as stack:
            with suppress(OSError):  # of a book that may only be read nobody is erased
                stack.enter_context(shared(self.folder / "state.lock"))
            yield

    @contextmanager
    def nobody_computing(self) -> Iterator[None]:
        """Wait until nobody computes tables, and hold them off."""
        with exclusive(self.folder / "state.lock"):
            yield

    def append(self, rows: pa.Table) -> Appended:
        with self.writer() as writer:
            return writer.append(rows)

    def read(self, *, after: int = 0, through: int | None = None) -> Iterator[pa.RecordBatch]:
        for segment in self.segments():
            marks = read_marks(segment.files[0])
            if marks.head.position <= after or (through is not None and marks.first_position > through):
                continue
            batches = _between(segment, after, through)
            if segment.is_sealed:
                for table in in_order(batches, BY_POSITION, self.folder / "tmp", rows=READ_ROWS):
                    yield from table.to_batches()
            else:
                yield from batches

    def now(self) -> datetime:
        """The clock, never before the last recording."""
        now, last = self._clock(), self.head().recorded_at
        return max(now, last) if last else now

    def remove_orphans(self) -> int:
        """Delete temporary files of killed processes; returns how many."""
        if not (self.folder / "tmp").exists():  # a copy may have left the empty folder out
            (self.folder / "tmp").mkdir(mode=0o700, exist_ok=True)
        return remove_orphans(self.folder / "tmp")

    def _rows_with(self, ids: pa.Array) -> pa.Table:
        """The log's rows whose event_id is among `ids`."""
        found = []
        for path in self.files():
            if path not in self._ids and read_rows_count(path) <= _IDS_KEPT:
                self._ids[path] = pq.read_table(path, columns=["event_id"])["event_id"].combine_chunks()
            if path in self._ids and not pc.any(pc.is_in(ids, value_set=self._ids[path]), min_count=0).as_py():
                continue
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    known = pc.is_in(file.read_row_group(group, columns=["event_id"])["event_id"], value_set=ids)
                    if pc.any(known, min_count=0).as_py():
                        found.append(without_empty_columns(file.read_row_group(group).filter(known)))
        return together(found) if found else pa.table({"event_id": pa.array([], EVENT_ID)})


class _ParquetWriter:
    """The log while this process holds its lock."""

    def __init__(self, log: ParquetLog) -> None:
        self._log = log

    @property
    def head(self) -> Head:
        return self._log.head()

    def preview(self, rows: pa.Table, *, released: Released | None = None) -> pa.StringArray:
        return outcomes(checked(rows), self._log._rows_with, released)

    def append(self, rows: pa.Table, *, released: Released | None = None) -> Appended:
        log, before = self._log, self.head
        rows = checked(rows)
        outcome = outcomes(rows, log._rows_with, released)
        new = with_ids(only(rows, pc.equal(outcome, ADDED_SCALAR)))
        if not len(new):
            return Appended(head=before, added=0, outcome=outcome)
        now = log.now()
        commit = numbered(new, before, now)
        head = Head(
            commit=before.commit + 1,
            position=before.position + len(commit),
            digest=chain(before.digest, row_digests(commit)),
            recorded_at=now,
        )
        marks = FileMarks(
            first_commit=head.commit, first_position=before.position + 1, previous_digest=before.digest, head=head
        )
        generation = log.generation()
        temporary = temporary_in(log.folder / "tmp")
        try:
            write_parquet(temporary, commit, marks.footer(FORMAT))
            publish(temporary, commit_path(generation, head.commit))
        finally:
            temporary.unlink(missing_ok=True)
        log._head = (generation, head)
        return Appended(head=head, added=len(commit), outcome=outcome)


def _between(segment: Segment, after: int, through: int | None) -> Iterator[pa.RecordBatch]:
    for path in segment.files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(READ_ROWS):
                kept = pc.greater(batch["position"], after)
                if through is not None:
                    kept = pc.and_(kept, pc.less_equal(batch["position"], through))
                yield batch.filter(kept)


def read_marks(path: Path) -> FileMarks:
    """What a file's footer says.

    Raises:
        DamagedLog: it is no file of a log.
    """
    try:
        return FileMarks.read(read_footer(path))
    except (KeyError, ValueError):
        raise DamagedLog(_("{file} is damaged: `clientbook verify` says more").format(file=path)) from None


def read_footer(path: Path) -> dict[str, str]:
    """A file's key-value metadata.

    Raises:
        DamagedLog: it is no Parquet file.
    """
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedLog(_("{file} is damaged: `clientbook verify` says more").format(file=path)) from None
    return {key.decode(): value.decode() for key, value in metadata.items()}


def read_rows_count(path: Path) -> int:
    """How many rows a file has."""
    rows: int = pq.read_metadata(path).num_rows
    return rows


def without_empty_columns(rows: pa.Table) -> pa.Table:
    """The rows without the struct columns that they do not use."""
    return rows.select([name for name in rows.schema.names if name in ENVELOPE.names or rows[name].null_count < len(rows)])
