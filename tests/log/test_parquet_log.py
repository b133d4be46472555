"""The log on disk keeps the contract."""

from __future__ import annotations

from pathlib import Path

from clientbook.log.base import Clock
from clientbook.log.parquet import ParquetLog
from clientbook.testing.log_contract import LogContract


class TestParquetLog(LogContract):
    def create(self, folder: Path, clock: Clock) -> ParquetLog:
        return ParquetLog.create(folder, clock=clock)

    def reopen(self, log: ParquetLog, clock: Clock) -> ParquetLog:
        return ParquetLog(log.folder, clock=clock)
