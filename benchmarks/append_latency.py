"""One durable append beside a bare write of the same bytes with the same two fsyncs, in one run; prints the ratio.

    python benchmarks/append_latency.py [FOLDER] [--rounds 300]

FOLDER should lie on the disk a book would; the default is the current folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from clientbook.events.arrow import INSTANT
from clientbook.log.parquet import ParquetLog


def one_event() -> pa.Table:
    """A note of a call, as the counter makes it."""
    data = {"direction": "outbound", "outcome": "reached", "summary": "Asks about the tea workshop"}
    return pa.table(
        {
            "event_id": pa.nulls(1, pa.binary(16)),
            "type": ["call_made"],
            "customer_id": ["0fbb6f27124d3de66055"],
            "occurred_at": pa.array([datetime(2026, 3, 1, tzinfo=UTC)], INSTANT),
            "source": ["hand"],
            "actor": ["vendeuse Lyon"],
            "batch": pa.nulls(1, pa.string()),
            "call_made": [data],
        }
    )


def bare_write(folder: Path, data: bytes, number: int) -> None:
    """Write, fsync the file, fsync the directory."""
    fd = os.open(folder / f"bare-{number}", os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def main() -> None:
    """Take turns, so that whatever else the machine does slows both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path())
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        log, rows = ParquetLog.create(folder / "log"), one_event()
        log.append(rows)
        data = log.files()[0].read_bytes()
        appends, bare = [], []
        for number in range(options.rounds):
            start = time.perf_counter()
            log.append(rows)
            middle = time.perf_counter()
            bare_write(folder, data, number)
            appends.append(middle - start)
            bare.append(time.perf_counter() - middle)
    ours, theirs = statistics.median(appends) * 1000, statistics.median(bare) * 1000
    print(f"{len(data)} bytes: one durable append {ours:.2f} ms, bare write with two fsyncs {theirs:.2f} ms")
    print(f"ratio {ours / theirs:.1f}")
    print(f"so an append costs two fsyncs and {ours - theirs:.2f} ms of work")


if __name__ == "__main__":
    main()
