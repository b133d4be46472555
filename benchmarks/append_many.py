"""A large append beside pyarrow writing the same table, and an import with and without digests; ratios in one run.

    python benchmarks/append_many.py [FOLDER] [--rows 1000000] [--rounds 5]

FOLDER should lie on the disk a book would; the default is the current folder.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from import_orders import made_up
from large_log import make_log

from clientbook.book import Book
from clientbook.importing.decode import open_file
from clientbook.log.files import sync
from clientbook.log.parquet import ParquetLog


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def no_digests(rows: pa.Table) -> Sequence[bytes]:
    """What a log without proof would compute."""
    return [bytes(32)] * len(rows)


def write_plainly(rows: pa.Table, path: Path) -> None:
    """The same rows and columns as one durable Parquet file, and nothing else."""
    pq.write_table(rows, path, compression="zstd")
    sync(path)
    sync(path.parent)


def append(rows: pa.Table, folder: Path) -> None:
    """The rows as one commit of a new log."""
    ParquetLog.create(folder).append(rows)


def import_file(path: Path, folder: Path) -> None:
    """The file as one import of a new book."""
    book = Book.create(folder)
    file = open_file(str(path))
    book.import_file(file, book.plan(file))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path())
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        run(Path(name), given.rows, given.rounds)


def run(folder: Path, count: int, rounds: int) -> None:
    """Measure in turns, so that a slow moment of the machine hits both sides."""
    stored = pa.Table.from_batches(make_log(folder / "source", count, commit_rows=count).read())
    rows = stored.drop_columns(["position", "recorded_at", "salt"])
    appended, plain = [], []
    for number in range(rounds):
        appended.append(timed(partial(append, rows, folder / f"log{number}")))
        plain.append(timed(partial(write_plainly, stored, folder / f"{number}.parquet")))
    own, bare = statistics.median(appended), statistics.median(plain)
    print(f"append of {count:,} rows {own:.2f} s, pyarrow alone {bare:.2f} s; ratio {own / bare:.2f}")
    orders = made_up(folder / "orders.csv")
    with_digests, without = [], []
    for number in range(rounds):
        with_digests.append(timed(partial(import_file, orders, folder / f"with{number}")))
        with patch("clientbook.log.parquet.row_digests", no_digests):
            without.append(timed(partial(import_file, orders, folder / f"without{number}")))
    proven, bare = statistics.median(with_digests), statistics.median(without)
    print(
        f"import of 200,000 lines with digests {proven:.2f} s, without {bare:.2f} s; {100 * (proven / bare - 1):.0f} % more"
    )


if __name__ == "__main__":
    main()
