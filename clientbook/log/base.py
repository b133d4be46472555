"""What a log of events is: the contract that the Parquet log and the in-memory log share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import pyarrow as pa

from clientbook.errors import ClientbookError
from clientbook.log.digest import GENESIS

Clock = Callable[[], datetime]

Released = Callable[[pa.Table], pa.BooleanArray]
"""Which of the log's own rows count as unknown, one answer a row, so that their ids may be recorded once more."""


def system_clock() -> datetime:
    """The wall clock in UTC, to the microsecond."""
    return datetime.now(UTC)


class LogError(ClientbookError):
    """Something is wrong with the log or with what was handed to it."""


class MalformedRows(LogError):
    """Rows that are not events: a missing envelope column, or no or several structs in a row."""


class DamagedLog(LogError):
    """A file of the log is missing or is not what was written."""


class UnknownFormat(LogError):
    """The log was written by a newer clientbook."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The newest commit."""

    commit: int = 0
    position: int = 0
    """Position of the last event; 0 for an empty log."""
    digest: bytes = GENESIS
    """Chain digest up to and including this commit."""
    recorded_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Appended:
    """What an append did with each row."""

    head: Head
    added: int
    outcome: pa.StringArray
    """For each row handed in: `added`, `duplicate` (known, same content) or `correction` (known id, other content)."""

    @property
    def first_position(self) -> int | None:
        """Position of the first event added; they are dense from there."""
        return self.head.position - self.added + 1 if self.added else None


class Writer(Protocol):
    """The log while its writer lock is held: nobody else appends, so what was read stays true."""

    @property
    def head(self) -> Head: ...

    def preview(self, rows: pa.Table, *, released: Released | None = None) -> pa.StringArray:
        """What `append` would do with each row: `added`, `duplicate` or `correction`."""
        ...

    def append(self, rows: pa.Table, *, released: Released | None = None) -> Appended:
        """Add the rows whose `event_id` is not known yet as one commit, all or nothing.

        `released` is asked about the rows that the log knows under these ids; those it names are no longer in the way.

        `rows` holds the envelope's columns except `position`, `recorded_at` and `salt`, and one struct column for each type
        used. A NULL `event_id` gets a random one. Nothing is committed when nothing is new.

        Raises:
            MalformedRows: a column is missing or a row does not hold exactly the struct its type names.
        """
        ...


class EventLog(Protocol):
    """An append-only log of events with dense positions from 1."""

    def head(self) -> Head: ...

    def writer(self) -> AbstractContextManager[Writer]:
        """Hold the writer lock; waits until it is free."""
        ...

    def append(self, rows: pa.Table) -> Appended:
        """Take the writer lock, append, let go."""
        ...

    def read(self, *, after: int = 0, through: int | None = None) -> Iterator[pa.RecordBatch]:
        """Events with `after` < position ≤ `through`, in position order, each batch with the columns it has."""
        ...
