"""Two writers and a sealer on a log that DuckDB reads in another process, as the documentation tells others to read it.

    python reading_beside.py FOLDER SECONDS

Prints one line of JSON with counts.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
from crash_loop import forked, reseal, write
from faulty_disk import in_child, tell

from clientbook.log.parquet import ParquetLog

LEAST = 20
"""Reads and seals without which nothing is proved."""


def read_on(folder: Path, seconds: float) -> dict[str, Any]:
    """Read again and again; how many reads went wrong."""
    log = ParquetLog(folder / "log")
    reads, wrong, errors, seen, generations = 0, [], [], 0, set()
    stop = time.monotonic() + seconds
    while time.monotonic() < stop or (min(reads, len(generations) * 4) < LEAST and time.monotonic() < stop + 120):
        current = (log.folder / "current").resolve()
        generations.add(current.name)
        connection = duckdb.connect()
        try:
            count, different, first, last = connection.execute(
                "select count(*), count(distinct position), min(position), max(position)"
                f" from read_parquet('{current}/*.parquet', union_by_name = true)"
            ).fetchall()[0]
        except duckdb.Error as error:
            errors.append(str(error)[:300])
        else:
            if not (count == different == last >= seen and first == 1):
                wrong.append([count, different, first, last, seen])
            seen = last
        finally:
            connection.close()
        reads += 1
    return {"reads": reads, "wrong": wrong, "errors": errors, "events": seen, "generations": len(generations)}


def run(folder: Path, seconds: float) -> None:
    log = folder / "log"
    in_child(lambda: ParquetLog.create(log) and None)
    workers = [forked(lambda name=name: write(folder, name)) for name in "ab"] + [forked(lambda: reseal(folder))]
    while not (folder / "a.told").exists() or not (folder / "a.told").stat().st_size:
        time.sleep(0.01)
    counts = in_child(lambda: read_on(folder, seconds))[1]
    for child in workers:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "a writer or the sealer failed"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    tell(counts)


if __name__ == "__main__":
    run(Path(sys.argv[1]), float(sys.argv[2]))
