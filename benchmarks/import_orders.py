"""Importing an order file beside reading it with Python's csv module, and the first and second answer after; prints ratios.

    python benchmarks/import_orders.py [FILE] [--currency GBP] [--timezone Europe/London]

Without FILE, a file of 200,000 lines is made up.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from clientbook.book import Book
from clientbook.importing.decode import open_file


def made_up(path: Path, rows: int = 200_000) -> Path:
    """An order file of a shop that never was."""
    rng = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order id", "customer id", "order date", "sku", "product", "quantity", "unit price"])
        for row in range(rows):
            day = f"2025-{rng.randrange(1, 13):02}-{rng.randrange(1, 28):02}"
            price = f"{rng.randrange(100, 9000) / 100:.2f}"
            writer.writerow(
                [row // 5, rng.randrange(rows // 20), day, f"S{row % 400}", "a thing", rng.randrange(1, 5), price]
            )
    return path


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """One run of each; the yardstick is the same file read by `csv.reader`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--currency", default="EUR")
    parser.add_argument("--timezone", default="Europe/Paris")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = options.file or made_up(Path(name) / "orders.csv")
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
        yardstick = timed(lambda: sum(1 for _row in csv.reader(io.StringIO(text, newline=""))))
        book = Book.create(Path(name) / "book", currency=options.currency, timezone=options.timezone)
        file = open_file(str(path))
        imported = timed(lambda: book.import_file(file, book.plan(file)))
        again = timed(lambda: book.import_file(file, book.plan(file)))
        first = timed(lambda: book.rebuild().close())
        second = timed(lambda: book.snapshot().close())
    print(f"csv.reader alone {yardstick:.2f} s")
    for what, seconds in (("import", imported), ("the same file again", again), ("fold of the log", first)):
        print(f"{what} {seconds:.2f} s, ratio {seconds / yardstick:.1f}")
    print(f"opening the tables kept {second * 1000:.0f} ms, {first / second:.0f} times quicker than folding")


if __name__ == "__main__":
    main()
