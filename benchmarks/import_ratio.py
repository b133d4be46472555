"""Importing order lines from CSV beside DuckDB copying the same CSV to Parquet, and peak memory at two sizes; prints ratios.

    python benchmarks/import_ratio.py [--rows 1000000] [--more 5000000]

Each run is a process of its own, so that its peak memory is its own. `--more 0` leaves the second size out.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from import_orders import made_up


def run(what: str, path: Path, folder: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of one run in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--only", what, str(path), str(folder)], check=True, capture_output=True, text=True
    )
    seconds, memory = done.stdout.split()[-2:]
    return float(seconds), float(memory)


def import_file(path: Path, folder: Path) -> None:
    """Into a new book, as the command does it."""
    from clientbook.book import Book
    from clientbook.importing.decode import open_file

    book = Book.create(folder / f"book-{path.stem}")
    file = open_file(str(path))
    book.import_file(file, book.plan(file))


def copy_file(path: Path, folder: Path) -> None:
    """What DuckDB does with the same file."""
    import duckdb

    duckdb.sql(f"copy (from read_csv('{path}')) to '{folder / path.stem}.parquet' (format parquet)")


def main() -> None:
    """One run of each."""
    if sys.argv[1:2] == ["--only"]:
        what, path, folder = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
        start = time.perf_counter()
        (import_file if what == "import" else copy_file)(path, folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(time.perf_counter() - start, peak)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--more", type=int, default=5_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = made_up(folder / "orders.csv", options.rows)
        imported, memory = run("import", path, folder)
        copied, _peak = run("copy", path, folder)
        print(
            f"{options.rows:,} lines: import {imported:.1f} s, DuckDB's copy {copied:.1f} s: {imported / copied:.1f} times"
        )
        print(f"{options.rows:,} lines: peak memory {memory:.0f} MB")
        if options.more:
            _seconds, peak = run("import", made_up(folder / "more.csv", options.more), folder)
            print(f"{options.more:,} lines: peak memory {peak:.0f} MB: {peak / memory:.2f} times")


if __name__ == "__main__":
    main()
