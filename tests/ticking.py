"""A clock for the books of tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
"""When the clock of a test's book begins: Wednesday morning, ten o'clock in Paris."""


class TickingClock:
    """Each look at it is one second later than the one before."""

    def __init__(self, start: datetime = START) -> None:
        self.next = start

    def __call__(self) -> datetime:
        now, self.next = self.next, self.next + timedelta(seconds=1)
        return now
