"""What a file of the log says of itself in its footer: which commits it holds and where the chain stands."""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final

from clientbook.log.base import Head

DIGEST_BYTES: Final = 8
"""As many bytes of each commit's chain digest are kept when commits are sealed into one file; part of the file format."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class CommitMark:
    """One commit: where it ends and what the chain was then."""

    commit: int
    position: int
    """Of its last event."""
    recorded_at: datetime
    digest: bytes
    """The first `DIGEST_BYTES` bytes of its chain digest."""


@dataclass(frozen=True, kw_only=True)
class FileMarks:
    """The commits that one file (or all files of one seal together) hold, and the chain before and after them."""

    first_commit: int
    first_position: int
    previous_digest: bytes
    head: Head
    """The last commit it holds."""

    @classmethod
    def read(cls, footer: Mapping[str, str]) -> FileMarks:
        """Of a commit or of a sealed file.

        Raises:
            KeyError: a mark is missing.
            ValueError: a mark is not what it should be.
        """
        last = int(footer["clientbook.commit"])
        return cls(
            first_commit=int(footer.get("clientbook.first_commit", last)),
            first_position=int(footer["clientbook.first_position"]),
            previous_digest=bytes.fromhex(footer["clientbook.previous_digest"]),
            head=Head(
                commit=last,
                position=int(footer["clientbook.last_position"]),
                digest=bytes.fromhex(footer["clientbook.digest"]),
                recorded_at=datetime.fromisoformat(footer["clientbook.recorded_at"]),
            ),
        )

    def footer(self, format: int) -> dict[str, str]:
        """The marks as entries of a footer."""
        assert self.head.recorded_at is not None
        return {
            "clientbook.format": str(format),
            "clientbook.first_commit": str(self.first_commit),
            "clientbook.commit": str(self.head.commit),
            "clientbook.first_position": str(self.first_position),
            "clientbook.last_position": str(self.head.position),
            "clientbook.recorded_at": self.head.recorded_at.isoformat(),
            "clientbook.previous_digest": self.previous_digest.hex(),
            "clientbook.digest": self.head.digest.hex(),
        }

    @property
    def mark(self) -> CommitMark:
        """The last commit."""
        return mark_of(self.head)


class Commits:
    """All commits of a log, oldest first."""

    def __init__(self, marks: Sequence[CommitMark]) -> None:
        self.marks = marks

    def at(self, position: int) -> CommitMark | None:
        """The commit that ends with this position; None where none does."""
        place = bisect_left(self.marks, position, key=attrgetter("position"))
        found = place < len(self.marks) and self.marks[place].position == position
        return self.marks[place] if found else None

    def known_at(self, instant: datetime) -> CommitMark | None:
        """The last commit recorded by then; None where the log begins later."""
        place = bisect_right(self.marks, instant, key=attrgetter("recorded_at"))
        return self.marks[place - 1] if place else None


def mark_of(head: Head) -> CommitMark:
    """The newest commit of a log that has one."""
    assert head.recorded_at is not None
    return CommitMark(
        commit=head.commit, position=head.position, recorded_at=head.recorded_at, digest=head.digest[:DIGEST_BYTES]
    )


def packed(marks: Sequence[CommitMark], first_position: int) -> str:
    """Consecutive commits as text for a footer: base64 of deflated row counts, times since the commit before, and digests.

    Counts and times (microseconds, the first since 1970) are little-endian 64-bit integers: all counts, then all times,
    then the digests one after the other.
    """
    ends = [first_position - 1, *(mark.position for mark in marks)]
    times = [0, *((mark.recorded_at - _EPOCH) // _MICROSECOND for mark in marks)]
    data = b"".join(
        [
            _integers(after - before for before, after in pairwise(ends)),
            _integers(after - before for before, after in pairwise(times)),
            *(mark.digest for mark in marks),
        ]
    )
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpacked(text: str, marks: FileMarks) -> list[CommitMark]:
    """The commits that `packed` wrote.

    Raises:
        ValueError: it is not such a text.
    """
    count = marks.head.commit - marks.first_commit + 1
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(data) != count * (16 + DIGEST_BYTES):
        raise ValueError(f"the list of commits is not as long as {count} commits need")
    rows, times = array("q", data[: 8 * count]), array("q", data[8 * count : 16 * count])
    _little_endian(rows)
    _little_endian(times)
    found, position, time = [], marks.first_position - 1, 0
    for number in range(count):
        position, time = position + rows[number], time + times[number]
        start = 16 * count + DIGEST_BYTES * number
        found.append(
            CommitMark(
                commit=marks.first_commit + number,
                position=position,
                recorded_at=_EPOCH + timedelta(microseconds=time),
                digest=data[start : start + DIGEST_BYTES],
            )
        )
    return found


def _integers(values: Any) -> bytes:
    numbers = array("q", values)
    _little_endian(numbers)
    return numbers.tobytes()


def _little_endian(numbers: array[int]) -> None:
    if sys.byteorder == "big":
        numbers.byteswap()
