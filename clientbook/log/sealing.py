"""Sealing: many commits become few files, sorted by customer, with the same rows and the same digests.

Customers' events then lie together, which makes reading one customer quick. The files that were merged stay in the
generation before, for readers that still use them, until it is older than `keep_seconds`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from clientbook.events.arrow import ENVELOPE
from clientbook.i18n import _
from clientbook.log.base import DamagedLog
from clientbook.log.files import FORMAT, ROW_GROUP_ROWS, exclusive, is_sound, parquet_file, sync, temporary_in
from clientbook.log.generations import Segment, make_current, remove_generations, sealed_name
from clientbook.log.marks import CommitMark, FileMarks, packed
from clientbook.log.parquet import READ_ROWS, ParquetLog, read_marks, read_rows_count
from clientbook.log.sorting import BY_CUSTOMER, fitted, in_order
from clientbook.log.verifying import commits_of, rows_faults

PART_ROWS: Final = 8 * ROW_GROUP_ROWS
"""Rows a file: erasing a person writes one such file anew, not the whole log."""

UNHURRIED_ROWS: Final = 500_000
"""A seal that nobody asked for merges no more rows than this (some seconds of work)."""


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """What a seal did."""

    commits: int
    """Commits that are in the new files."""
    rows: int
    files: int
    """New files; 0 where there was nothing to do."""
    generations_removed: int = 0


@dataclass(frozen=True, kw_only=True)
class SealPolicy:
    """When the log seals itself."""

    commits: int = 64
    """As many unsealed commits."""
    megabytes: int = 32
    """Or as many bytes in them."""
    keep_hours: float = 24
    """How long files that were merged stay for their readers."""


def seal(log: ParquetLog, policy: SealPolicy, *, everything: bool = False) -> Sealed:
    """Merge unsealed commits into sorted files; `everything` merges sealed ones too, into one order.

    Without it, earlier seals are taken along while they are not much larger than what was merged so far, so that there are
    never many and none is written often.

    Raises:
        DamagedLog: a file to be merged is not what was written. Nothing was changed.
    """
    with exclusive(log.folder / "maintenance.lock"):
        segments = log.segments()
        chosen = segments if everything and len(segments) > 1 else _chosen(segments)
        return _seal(log, policy, chosen)


def seal_if_due(log: ParquetLog, policy: SealPolicy) -> Sealed | None:
    """Seal where the unsealed commits are many or large; None where not, or where somebody is at it already."""
    tail = [segment for segment in log.segments() if not segment.is_sealed]
    if len(tail) < policy.commits and _bytes(tail) < policy.megabytes << 20:
        return None
    try:
        with exclusive(log.folder / "maintenance.lock", wait=False):
            return _seal(log, policy, _chosen(log.segments(), UNHURRIED_ROWS))
    except BlockingIOError:
        return None


def _chosen(segments: Sequence[Segment], most_rows: int | None = None) -> list[Segment]:
    """The unsealed commits, and before them the seals that are at most four times as large as all after them."""
    place = len(segments)
    while place and not segments[place - 1].is_sealed:
        place -= 1
    if place == len(segments):
        return []
    rows = sum(_rows(segment) for segment in segments[place:])
    while place and _rows(segments[place - 1]) <= 4 * rows:
        rows += _rows(segments[place - 1])
        if most_rows is not None and rows > most_rows:
            break
        place -= 1
    return list(segments[place:])


def _seal(log: ParquetLog, policy: SealPolicy, chosen: Sequence[Segment]) -> Sealed:
    if not chosen:
        return Sealed(commits=0, rows=0, files=0, generations_removed=_remove_old(log, policy))
    marks = [_checked(segment) for segment in chosen]
    whole = replace(marks[0], head=marks[-1].head)
    commits = [mark for segment in chosen for mark in commits_of(segment)]
    with ExitStack() as stack:
        parts, rows = _write_parts(log, chosen, whole, commits, stack)
        for code, message, position in rows_faults(parts, whole, commits, log.ledger.erased(), log.folder / "tmp"):
            raise DamagedLog(
                _("position {position}: {message} ({code}); nothing was sealed").format(
                    position=position, message=message, code=code
                )
            )
        for part in parts:
            sync(part)
        with exclusive(log.folder / "lock"):
            taken = {path.name for segment in chosen for path in segment.files}
            live = {path.name: path for path in log.files() if path.name not in taken}
            for number, part in enumerate(parts, 1):
                live[sealed_name(whole.first_commit, whole.head.commit, number)] = part
            make_current(log.folder, log.generation(), live)
    return Sealed(commits=len(commits), rows=rows, files=len(parts), generations_removed=_remove_old(log, policy))


def _write_parts(
    log: ParquetLog, chosen: Sequence[Segment], whole: FileMarks, commits: Sequence[CommitMark], stack: ExitStack
) -> tuple[list[Path], int]:
    """Write the sorted files under temporary names; returns them and the number of their rows."""
    folder = log.folder / "tmp"
    files = [path for segment in chosen for path in segment.files]
    schema = _whole_schema(files)
    slices = in_order(_batches(files), BY_CUSTOMER, folder, rows=ROW_GROUP_ROWS)
    parts: list[Path] = []
    rows, slice_ = 0, next(slices, ENVELOPE.empty_table())
    while slice_ is not None:
        parts.append(temporary_in(folder))
        stack.callback(parts[-1].unlink, missing_ok=True)
        marks = whole.footer(FORMAT) | {
            "clientbook.first_commit": str(whole.first_commit),
            "clientbook.part": str(len(parts)),
        }
        if len(parts) == 1:
            marks["clientbook.commits"] = packed(commits, whole.first_position)
        with parquet_file(parts[-1], schema) as writer:
            written = 0
            while slice_ is not None and written < PART_ROWS:
                writer.write_table(fitted(slice_, schema), row_group_size=ROW_GROUP_ROWS)
                written += len(slice_)
                slice_ = next(slices, None)
            if slice_ is None:
                marks["clientbook.parts"] = str(len(parts))
            writer.add_key_value_metadata(marks)
        rows += written
    return parts, rows


def _whole_schema(files: Sequence[Path]) -> pa.Schema:
    """Every column that one of the files has, with every nested field: also those of plugins that are gone."""
    schema = pa.unify_schemas([pq.read_schema(path) for path in files])
    types = sorted(name for name in schema.names if name not in ENVELOPE.names)
    return pa.schema([*ENVELOPE, *(schema.field(name) for name in types)])


def _batches(files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for path in files:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(READ_ROWS)


def _checked(segment: Segment) -> FileMarks:
    for path in segment.files:
        if not is_sound(path):
            raise DamagedLog(_("{file} is damaged: `clientbook verify` says more").format(file=path))
    return read_marks(segment.files[0])


def _rows(segment: Segment) -> int:
    return sum(read_rows_count(path) for path in segment.files)


def _bytes(segments: Sequence[Segment]) -> int:
    return sum(path.stat().st_size for segment in segments for path in segment.files)


def _remove_old(log: ParquetLog, policy: SealPolicy) -> int:
    return remove_generations(log.folder, log.generation(), older_than_seconds=3600 * policy.keep_hours)
