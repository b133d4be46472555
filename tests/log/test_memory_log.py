"""The log in memory keeps the contract."""

from __future__ import annotations

from pathlib import Path

from clientbook.log.base import Clock, EventLog
from clientbook.log.memory import MemoryLog
from clientbook.testing.log_contract import LogContract


class TestMemoryLog(LogContract):
    def create(self, folder: Path, clock: Clock) -> EventLog:
        return MemoryLog(clock=clock)
