"""The proof: is every file what was written, every row there, and the chain over all of them whole?"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clientbook.events.arrow import ENVELOPE
from clientbook.i18n import _
from clientbook.log.base import DamagedLog, Head
from clientbook.log.digest import BLOCK_ROWS, GENESIS, row_digests
from clientbook.log.files import is_sound, shared
from clientbook.log.generations import Segment, segments_in
from clientbook.log.ledger import DamagedLedger, Erased, Ledger
from clientbook.log.marks import DIGEST_BYTES, CommitMark, FileMarks, unpacked
from clientbook.log.parquet import READ_ROWS, ParquetLog, read_footer, read_marks

_WIDTH: Final = 32
_NOTHING: Final = bytes(_WIDTH)
NOTHING_ERASED: Final = Erased(original={}, current={}, number={})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that is not as it was written."""

    code: str
    message: str
    file: str | None = None
    """Relative to the book."""
    position: int | None = None
    """The first event concerned."""


@dataclass(kw_only=True)
class Verification:
    """What was looked at, and what was found."""

    faults: list[Fault] = field(default_factory=list)
    files: int = 0
    commits: int = 0
    events: int = 0
    erased: dict[int, int] = field(default_factory=dict)
    """Rows that were erased, by the number of their ledger entry."""
    position: int = 0
    digest: bytes = GENESIS
    """Of the chain at the newest commit."""


def verify_log(log: ParquetLog, *, quick: bool = False) -> Verification:
    """Check the whole log. `quick` leaves out the bytes and the rows: it looks at names, footers, counts and links.

    A fault in one file does not keep the others from being looked at. Nobody seals or erases meanwhile.
    """
    with shared(log.folder / "maintenance.lock"):
        return _verify(log, quick=quick)


def _verify(log: ParquetLog, *, quick: bool) -> Verification:
    found = Verification()
    erased = _erased(log.ledger, found)
    generation = log.generation()
    try:
        segments = segments_in(generation)
    except DamagedLog as error:
        found.faults.append(Fault(code="file.missing", message=str(error), file=_relative(generation, log)))
        return found
    _foreign_files(log, generation, segments, found)
    before: Head | None = Head()
    for segment in segments:
        before = _verify_segment(log, segment, before, erased, found, quick=quick)
        if before:
            found.position, found.digest = before.position, before.digest
    for position, number in erased.number.items():
        if position <= found.position:
            found.erased[number] = found.erased.get(number, 0) + 1
    return found


def rows_faults(
    files: Sequence[Path], marks: FileMarks, commits: Sequence[CommitMark], erased: Erased, folder: Path
) -> list[tuple[str, str, int]]:
    """What is wrong with the rows of the files that hold these commits: (code, message, position).

    Every row is read. `folder` takes a temporary file of 32 bytes an event.
    """
    first, last = marks.first_position, marks.head.position
    with _Digests(first, last, folder) as digests:
        found = [fault for path in files for table in _tables(path) for fault in digests.put(table, erased)]
        if found:
            return found[:1]
        gap = digests.first_gap(erased)
        if gap is not None:
            return [("rows.missing", _("the event is not there"), gap)]
        previous, start = marks.previous_digest, first
        for commit in commits:
            previous = digests.chain(previous, start, commit.position)
            if previous[:DIGEST_BYTES] != commit.digest:
                return [
                    ("chain.digest", _("commit {number} does not say what was recorded").format(number=commit.commit), start)
                ]
            start = commit.position + 1
        if previous != marks.head.digest:
            return [("chain.digest", _("the commits do not say what was recorded"), first)]
    return []


def commits_of(segment: Segment) -> list[CommitMark]:
    """The commits that a segment holds.

    Raises:
        DamagedLog: its footer does not say.
    """
    try:
        footer = read_footer(segment.files[0])
        marks = FileMarks.read(footer)
        return unpacked(footer["clientbook.commits"], marks) if segment.is_sealed else [marks.mark]
    except (KeyError, ValueError):
        raise DamagedLog(_("{file} is damaged: `clientbook verify` says more").format(file=segment.files[0])) from None


def _verify_segment(
    log: ParquetLog, segment: Segment, before: Head | None, erased: Erased, found: Verification, *, quick: bool
) -> Head | None:
    """Check one commit or seal, `before` being the last commit before it; returns its own last commit.

    None where a file cannot be relied on: what comes after it is then not held against it.
    """

    def fault(code: str, message: str, path: Path, position: int | None) -> None:
        found.faults.append(Fault(code=code, message=message, file=_relative(path, log), position=position))

    expected = before.position + 1 if before else None
    found.files += len(segment.files)
    found.commits += segment.last_commit - segment.first_commit + 1
    bad = [] if quick else [path for path in segment.files if not is_sound(path)]
    for path in bad:
        fault("file.digest", _("its bytes are not what was written"), path, expected or found.position + 1)
    if bad:
        return None  # a reader may not survive what such a footer says
    try:
        marks, commits = read_marks(segment.files[0]), commits_of(segment)
        counted = sum(pq.read_metadata(path).num_rows for path in segment.files)
    except (DamagedLog, pa.ArrowException, OSError):
        fault("file.unreadable", _("it cannot be read"), segment.files[0], expected or found.position + 1)
        return None
    found.events += counted
    first = segment.files[0]
    if (marks.first_commit, marks.head.commit) != (segment.first_commit, segment.last_commit):
        fault("file.name", _("its name and its footer name different commits"), first, expected)
    if expected not in (None, marks.first_position):
        fault("chain.position", _("it begins at position {found}").format(found=marks.first_position), first, expected)
    if before and marks.previous_digest != before.digest:
        fault("chain.link", _("it does not follow on the commit before it"), first, expected)
    if before and before.recorded_at and commits[0].recorded_at < before.recorded_at:
        fault("chain.time", _("it was recorded before the commit before it"), first, expected)
    gone = sum(marks.first_position <= place <= marks.head.position and new is None for place, new in erased.current.items())
    whole = marks.head.position - marks.first_position + 1 - gone
    if counted != whole:
        said = _("it holds {found} events and should hold {expected}").format(found=counted, expected=whole)
        fault("rows.count", said, first, marks.first_position)
    elif not quick:
        for code, message, position in rows_faults(segment.files, marks, commits, erased, log.folder / "tmp"):
            fault(code, message, first, position)
    return marks.head


class _Digests:
    """The digests of consecutive positions, in a temporary file rather than in memory."""

    def __init__(self, first: int, last: int, folder: Path) -> None:
        self.first, self.last = first, last
        writable = os.access(folder, os.W_OK)
        self._file = tempfile.TemporaryFile(dir=folder if writable else None)  # noqa: SIM115  # closed by __exit__
        _reserve(self._file.fileno(), _WIDTH * (last - first + 1))
        self._bytes = mmap.mmap(self._file.fileno(), 0)

    def put(self, rows: pa.Table, erased: Erased) -> list[tuple[str, str, int]]:
        """Note the digests of rows; what is wrong with them."""
        misplaced = _misplaced_struct(rows)
        if misplaced is not None:
            return [("struct.type", _("the row does not hold exactly the data of its type"), misplaced)]
        for position, digest in zip(rows["position"].to_pylist(), row_digests(rows), strict=True):
            if not self.first <= position <= self.last:
                return [("rows.foreign", _("the event belongs to another file"), position)]
            place = _WIDTH * (position - self.first)
            if self._bytes[place : place + _WIDTH] != _NOTHING:
                return [("rows.repeated", _("the event is there twice"), position)]
            known = erased.current.get(position)
            self._bytes[place : place + _WIDTH] = erased.original[position] if known == digest else digest
        return []

    def first_gap(self, erased: Erased) -> int | None:
        """The first position without a digest, once those of erased rows are filled in."""
        for position, now in erased.current.items():
            place = _WIDTH * (position - self.first)
            if now is None and self.first <= position <= self.last and self._bytes[place : place + _WIDTH] == _NOTHING:
                self._bytes[place : place + _WIDTH] = erased.original[position]
        for position in range(self.first, self.last + 1):
            place = _WIDTH * (position - self.first)
            if self._bytes[place : place + _WIDTH] == _NOTHING:
                return position
        return None

    def chain(self, previous: bytes, first: int, last: int) -> bytes:
        """The chain digest of the commit with these positions; see `log.digest.chain`."""
        whole = sha256(previous)
        for start in range(_WIDTH * (first - self.first), _WIDTH * (last - self.first + 1), _WIDTH * BLOCK_ROWS):
            stop = min(start + _WIDTH * BLOCK_ROWS, _WIDTH * (last - self.first + 1))
            whole.update(sha256(self._bytes[start:stop]).digest())
        return whole.digest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bytes.close()
        self._file.close()


def _reserve(fd: int, size: int) -> None:
    """Fill a new file with zeros. A map of a file with holes kills the process when the disk gets full."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
    else:
        for start in range(0, size, 1 << 20):
            os.pwrite(fd, bytes(min(1 << 20, size - start)), start)


def _tables(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(READ_ROWS):
            yield pa.table(batch)


def _misplaced_struct(rows: pa.Table) -> int | None:
    """Position of the first row that does not hold exactly one struct, that of its type."""
    structs = [name for name in rows.schema.names if name not in ENVELOPE.names]
    wrong = pc.invert(pc.is_in(rows["type"], value_set=pa.array(structs, pa.string())))
    for name in structs:
        own = pc.fill_null(pc.equal(rows["type"], pa.scalar(name, pa.string())), False)
        wrong = pc.or_(wrong, pc.not_equal(pc.is_valid(rows[name]), own))
    places = rows["position"].filter(wrong)
    return pc.min(places).as_py() if len(places) else None


def _foreign_files(log: ParquetLog, generation: Path, segments: Sequence[Segment], found: Verification) -> None:
    known = {path for segment in segments for path in segment.files}
    for path in sorted(generation.glob("*.parquet")):
        if path not in known:
            message = _("it is no file of this log, but programs that read the folder count it; take it away")
            found.faults.append(Fault(code="file.foreign", message=message, file=_relative(path, log)))


def _erased(ledger: Ledger, found: Verification) -> Erased:
    try:
        return ledger.erased()
    except DamagedLedger as error:
        found.faults.append(Fault(code="ledger", message=str(error), file="ledger"))
        return NOTHING_ERASED


def _relative(path: Path, log: ParquetLog) -> str:
    book = log.folder.resolve().parent
    resolved = path.resolve()
    return str(resolved.relative_to(book)) if resolved.is_relative_to(book) else str(path)
