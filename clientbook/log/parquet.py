"""The log on disk: one immutable Parquet file a commit, read in place by anything that reads Parquet.

    log/FORMAT.json                                     format number, written once
    log/lock                                            writer lock
    log/tmp/                                            files being written
    log/current -> generations/000001                   swapped atomically by sealing
    log/generations/000001/commit-00000000000000000001.parquet

A reader resolves `current` once and reads `*.parquet` in it with union-by-name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clientbook.events.arrow import EVENT_ID
from clientbook.i18n import _
from clientbook.log.base import Appended, Clock, Head, LogError, Released, UnknownFormat, system_clock
from clientbook.log.digest import chain, row_digests
from clientbook.log.files import (
    FORMAT,
    exclusive,
    publish,
    remove_orphans,
    sync,
    temporary_in,
    write_parquet,
)
from clientbook.log.marks import CommitMark, Commits, FileMarks
from clientbook.log.rows import ADDED_SCALAR, checked, numbered, outcomes, with_ids

_COMMIT: Final = re.compile(r"commit-(\d{20})\.parquet")
_FIRST_GENERATION: Final = "000001"


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
        self._clock = clock
        self._head: tuple[Path, Head] | None = None
        self._ids: dict[Path, pa.Array] = {}
        try:
            described = json.loads((folder / "FORMAT.json").read_text())
        except FileNotFoundError:
            raise LogError(_("{folder} holds no event log; `clientbook init` makes a book").format(folder=folder)) from None
        if described["format"] > FORMAT:
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
        """
        generation = folder / "generations" / _FIRST_GENERATION
        for path in (folder, folder / "tmp", folder / "generations", generation):
            path.mkdir(mode=0o700, exist_ok=path is folder)
        os.symlink(Path("generations") / _FIRST_GENERATION, folder / "current")
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
        return (self.folder / "current").resolve(strict=True)

    def files(self) -> list[Path]:
        """The live files, oldest commit first."""
        return sorted(self.generation().glob("*.parquet"))

    def pin(self) -> Pinned:
        """The live files and the head they make up: a view of the log that later appends do not change."""
        files = self.files()
        return Pinned(files=tuple(files), head=_read_head(files[-1]) if files else Head())

    def commits(self, pinned: Pinned | None = None) -> Commits:
        """Every commit of the log as pinned, or as it stands now; costs a look at every file's footer."""
        return Commits([_read_marks(path).mark for path in (pinned or self.pin()).files])

    def head(self) -> Head:
        generation = self.generation()
        known, commit = (self._head[1], self._head[1].commit) if self._head and self._head[0] == generation else (None, 0)
        newest = commit
        if known is None:
            numbers = (_COMMIT.fullmatch(entry.name) for entry in os.scandir(generation))
            newest = max((int(match[1]) for match in numbers if match), default=0)
        while _commit_path(generation, newest + 1).exists():
            newest += 1
        if known is not None and newest == commit:
            return known
        head = _read_head(_commit_path(generation, newest)) if newest else Head()
        self._head = (generation, head)
        return head

    @contextmanager
    def writer(self) -> Iterator[_ParquetWriter]:
        with exclusive(self.folder / "lock"):
            self.remove_orphans()
            yield _ParquetWriter(self)

    def append(self, rows: pa.Table) -> Appended:
        with self.writer() as writer:
            return writer.append(rows)

    def read(self, *, after: int = 0, through: int | None = None) -> Iterator[pa.RecordBatch]:
        for path in self.files():
            with pq.ParquetFile(path) as file:
                first = FileMarks.read(_footer(file)).first_position
                if first + file.metadata.num_rows <= after + 1 or (through is not None and first > through):
                    continue
                for batch in file.iter_batches():
                    kept = pc.greater(batch["position"], after)
                    if through is not None:
                        kept = pc.and_(kept, pc.less_equal(batch["position"], through))
                    yield batch.filter(kept)

    def remove_orphans(self) -> int:
        """Delete temporary files of killed processes; returns how many."""
        return remove_orphans(self.folder / "tmp")

    def _rows_with(self, ids: pa.Array) -> pa.Table:
        """The log's rows whose event_id is among `ids`."""
        found = []
        for path in self.files():
            if path not in self._ids:
                self._ids[path] = pq.read_table(path, columns=["event_id"])["event_id"].combine_chunks()
            if pc.any(pc.is_in(ids, value_set=self._ids[path]), min_count=0).as_py():
                rows = pq.read_table(path)
                found.append(rows.filter(pc.is_in(rows["event_id"], value_set=ids)))
        if not found:
            return pa.table({"event_id": pa.array([], EVENT_ID)})
        return pa.concat_tables(found, promote_options="permissive")


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
        new = with_ids(rows.filter(pc.equal(outcome, ADDED_SCALAR)))
        if not len(new):
            return Appended(head=before, added=0, outcome=outcome)
        now = log._clock()
        if before.recorded_at is not None:
            now = max(now, before.recorded_at)
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
            publish(temporary, _commit_path(generation, head.commit))
        finally:
            temporary.unlink(missing_ok=True)
        log._head = (generation, head)
        return Appended(head=head, added=len(commit), outcome=outcome)


def _commit_path(generation: Path, number: int) -> Path:
    return generation / f"commit-{number:020}.parquet"


def _read_head(path: Path) -> Head:
    return _read_marks(path).head


def _read_marks(path: Path) -> FileMarks:
    with pq.ParquetFile(path) as file:
        return FileMarks.read(_footer(file))


def _footer(file: Any) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (file.metadata.metadata or {}).items()}
