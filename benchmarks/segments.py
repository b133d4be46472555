"""What counting all segments, and computing all traits, cost against queries written by hand that give the same.

    python benchmarks/segments.py [--customers 1500000] [--memory 4GB]

The tables are made up in SQL with the columns of an empty book's: two orders a customer on average, a line each.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from clientbook.book import Book
from clientbook.consent.desk import ConsentDesk
from clientbook.engine.duckdb import Engine, Limits, quoted
from clientbook.projection.moment import NOW
from clientbook.query.expressions import inlined
from clientbook.reading import Reading
from clientbook.segments.catalogue import Catalogue, count_query

AT: Final = datetime(2026, 6, 30, 21, 59, tzinfo=UTC)
_DAY: Final = "timestamptz '2023-07-01 08:00:00+00' + to_seconds(hash({n}, {salt}) % 94000000)"
_OWNER: Final = (
    "lpad(cast(cast(floor({customers} * power(hash(range) % 1000003 / 1000003.0, 2)) as bigint) as varchar), 20, '0')"
)

MADE: Final = {
    "orders": f"select {_OWNER} as customer_id, 'web' as source, cast(range as varchar) as order_id, 'placed' as status,"
    f" {_DAY.format(n='range', salt=2)} as placed_at,"
    f" cast(timezone('Europe/Paris', {_DAY.format(n='range', salt=2)}) as date) as order_date,"
    " 'EUR' as currency, cast(5 + hash(range, 3) % 12000 / 100.0 as decimal(18, 4)) as gross,"
    " cast(5 + hash(range, 3) % 12000 / 100.0 as decimal(38, 4)) as revenue, range as position"
    " from range({customers} * 2)",
    "order_lines": "select customer_id, source, order_id, placed_at, 1 as line_number,"
    " 'S' || hash(position) % 500 as sku, 'Product ' || hash(position) % 500 as product,"
    " 'Category ' || hash(position) % 12 as category, 'product' as kind, cast(1 as decimal(18, 4)) as quantity,"
    " cast(gross as decimal(18, 4)) as amount, currency from read_parquet({orders})",
    "interactions": "select lpad(cast(hash(range, 7) % {customers} as varchar), 20, '0') as customer_id, range as position,"
    f" {_DAY.format(n='range', salt=8)} as occurred_at,"
    " ['cart_abandoned', 'quote_requested', 'message_sent', 'message_sent'][1 + range % 4] as type"
    " from range({customers} * 2)",
    "customers": "with bought as (select customer_id, count(*) as order_count, sum(revenue) as revenue,"
    " min(placed_at) as first_order_at, max(placed_at) as last_order_at from read_parquet({orders}) group by 1)"
    " select lpad(cast(range as varchar), 20, '0') as customer_id, 'Customer ' || range as name,"
    " if(range % 12 = 0, 'company', 'person') as kind,"
    " ['Lyon', 'Nice', 'Lille', 'Nantes'][1 + cast(hash(range) % 4 as bigint)] as city,"
    " if(range % 3 = 0, date '1950-01-01' + cast(hash(range) % 20000 as integer), null) as birth_date,"
    " coalesce(bought.order_count, 0) as order_count, cast(coalesce(bought.revenue, 0) as decimal(38, 4)) as revenue,"
    " cast(coalesce(bought.revenue, 0) as decimal(38, 4)) as gross, cast(0 as decimal(38, 4)) as refunded,"
    " cast(round(bought.revenue / bought.order_count, 4) as decimal(38, 4)) as average_basket,"
    " bought.first_order_at, bought.last_order_at, 0 as foreign_order_count, 0 as cancelled_count,"
    f" if(range % 2 = 0, {_DAY.format(n='range', salt=9)}, null) as last_action_at"
    " from range({customers}) left join bought on bought.customer_id = lpad(cast(range as varchar), 20, '0')",
}


def make(folder: Path, customers: int) -> tuple[Book, dict[str, Path]]:
    """An empty book, and its tables as files with made-up rows in them."""
    book = Book.create(folder / "book")
    paths: dict[str, Path] = {}
    with book.snapshot() as snapshot:
        names = [row["table_name"] for row in snapshot.engine.rows("select table_name from information_schema.tables")]
        for name in [*MADE, *(name for name in names if name not in MADE)]:
            paths[name] = folder / f"{name}.parquet"
            orders = quoted(str(paths["orders"]))
            made = f" union all by name ({MADE[name].format(customers=customers, orders=orders)})" if name in MADE else ""
            ordered = " order by customer_id" if name in MADE else ""
            snapshot.engine.execute(
                f"copy (select * from {name}{made}{ordered}) to {quoted(str(paths[name]))}"
                " (format parquet, compression zstd)"
            )
    return book, paths


def opened(book: Book, paths: dict[str, Path], memory: str, spill: Path) -> Reading:
    """A reading whose tables are the made-up ones."""
    engine = Engine.open(Limits(memory=memory, spill=spill))
    for name, path in paths.items():
        kind = "table" if name == "customer_roots" else "view"
        engine.execute(f"create {kind} {name} as select * from read_parquet({quoted(str(path))})")
    snapshot: Any = SimpleNamespace(engine=engine, moment=NOW, prepare=lambda _sql: None, close=engine.close)
    desk = ConsentDesk(projector=book.projector, settings=book.settings, now=AT)
    return Reading(snapshot=snapshot, at=AT, settings=book.settings, plugins=book.plugins, consent=desk)


def by_hand(memory: str, paths: dict[str, Path], spill: Path) -> Callable[[], Any]:
    """The counts of the same segments, by a query that somebody wrote who knows what they mean and reads each table once."""
    engine = Engine.open(Limits(memory=memory, spill=spill))
    for name, path in paths.items():
        engine.execute(f"create view {name} as select * from read_parquet({quoted(str(path))})")
    query = (Path(__file__).parent / "segments_by_hand.sql").read_text(encoding="utf-8")
    return lambda: engine.rows(query)[0]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what it gives."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_500_000)
    parser.add_argument("--memory", default="4GB")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book, paths = make(folder, given.customers)
        reading = opened(book, paths, given.memory, folder / "spill")
        segments = [one for one in Catalogue(reading).all() if not one.problem]
        columns = sorted({column for one in segments for column in one.sound.columns} & set(reading.traits.by_column))
        traits, _none = timed(lambda: reading.open(columns=columns))
        tables, _none = timed(lambda: reading.open(*(one.sound for one in segments)))
        averages, conditions = timed(lambda: inlined(reading.engine, [one.sound for one in segments]))
        counting, row = timed(lambda: reading.engine.rows(count_query(conditions))[0])
        plan = reading.engine.rows(f"explain {count_query(conditions)}")[0]["explain_value"]
        counts = {one.id: row[f"n{place}"] for place, one in enumerate(segments)}
        singly = sum(timed(partial(reading.engine.rows, count_query([one])))[0] for one in conditions)
        everything, _none = timed(lambda: reading.open(columns=list(reading.traits.by_column)))
        reading.engine.close()
        hand, expected = timed(by_hand(given.memory, paths, folder / "spill"))
        differing = {id: (counts[f"core.{id}"], count) for id, count in expected.items() if counts[f"core.{id}"] != count}
        print(f"{given.customers:,} customers, {len(segments)} segments, traits read: {', '.join(columns)}")
        print(f"traits {traits:.1f} s, consents {tables:.1f} s, averages {averages:.2f} s, counts {counting:.2f} s")
        print(f"one query a segment {singly:.2f} s: {singly / counting:.1f} times the one scan")
        print(
            f"by hand {hand:.2f} s for {len(expected)} of them; whole / by hand {(traits + averages + counting) / hand:.2f}"
        )
        print(f"all {len(reading.traits.by_column)} traits {everything:.1f} s")
        print(f"scans in the plan of the counts: {len(re.findall('READ_PARQUET|SEQ_SCAN', plan))}")
        print(f"counts that differ: {differing or 'none'}")


if __name__ == "__main__":
    main()
