"""What all built-in figures cost, with their intervals, as a ratio to one statement by hand that gives them without.

    python benchmarks/metrics.py [--customers 1500000] [--memory 4GB]

The tables are made up in SQL with the columns of an empty book's: four orders a customer in three years, two lines an order,
four messages. Figures about permissions are left out: `permissions.py` measures what they wait for.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from permissions import peak, timed

from clientbook.book import Book
from clientbook.builtin.figures.keeping import STATED, fields
from clientbook.engine.duckdb import Engine, Limits, quoted
from clientbook.measuring import asking
from clientbook.measuring.running import Run
from clientbook.reading import Reading

READ: Final = ("customers", "orders", "order_lines", "refunds", "interactions", "identifiers", "batches", "profiles")
AT: Final = datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC)
LEFT_OUT: Final = ("core.opt_in", "core.consent_coverage", "core.consent_coverage_active")

_ID: Final = "lpad(cast({n} as varchar), 20, '0')"
_PLACED: Final = (
    "timestamptz '2023-07-01 00:00:00+00'"
    " + to_seconds(cast(94000000 * pow((hash({n}, 2) % 1000000) / 1000000.0, 0.8) as bigint))"
)
_BUYER: Final = _ID.format(n="cast({customers} * pow((hash({n}, 1) % 10000000) / 10000000.0, 1.7) as bigint)")

MADE: Final = {
    "orders": f"select {_BUYER} as customer_id, 'web' as source, cast(range as varchar) as order_id,"
    " range % 20 = 0 as is_guest, case when range % 100 = 0 then 'cancelled' else 'placed' end as status, 'EUR' as currency,"
    f" {_PLACED.format(n='range')} as placed_at,"
    f" cast(timezone('Europe/Paris', {_PLACED.format(n='range')}) as date) as order_date,"
    " cast(5 + hash(range, 3) % 90 as decimal(18, 4)) as gross, cast(5 + hash(range, 3) % 90 as decimal(38, 4)) as revenue,"
    " ['web', 'shop', 'phone'][1 + cast(hash(range, 4) % 3 as bigint)] as channel,"
    " ['Lyon', 'Vienne', null][1 + cast(hash(range, 5) % 3 as bigint)] as store,"
    " ['delivery', 'pickup'][1 + cast(hash(range, 6) % 2 as bigint)] as collection, range as position"
    " from range({customers} * 4)",
    "order_lines": f"select {_BUYER.replace('{n}', 'range // 2')} as customer_id, 'web' as source,"
    " cast(range // 2 as varchar) as order_id,"
    f" {_PLACED.format(n='range // 2')} as placed_at, 'product' as kind, 1 as quantity,"
    " 'sku' || hash(range, 7) % 2000 as sku,"
    " 'family ' || hash(range, 8) % 30 as category from range({customers} * 8)",
    "interactions": f"select {_ID.format(n='range // 4')} as customer_id, range as position,"
    " timestamptz '2024-06-30 00:00:00+00' + to_seconds(hash(range, 9) % 63000000) as occurred_at,"
    " case range % 40 when 0 then 'voucher_issued' when 1 then 'voucher_redeemed' when 2 then 'message_clicked'"
    " else 'message_sent' end as type, 'v' || range // 40 as reference, 'letter ' || hash(range // 3, 10) % 24 as campaign"
    " from range({customers} * 4)",
    "identifiers": f"select {_ID.format(n='range')} as customer_id, 'email' as kind, '' as source, 'c' || range as value,"
    " timestamptz '2024-06-30 00:00:00+00' as linked_at from range({customers})",
}
CUSTOMERS: Final = (
    f"select {_ID.format(n='range')} as customer_id, 'person' as kind, 'c' || range || '@example.com' as email,"
    " case when range % 3 = 0 then 'Lyon' end as city, case when range % 4 = 0 then 'fr' end as language,"
    " coalesce(orders.n, 0) as order_count, orders.first as first_order_at, orders.last as last_order_at,"
    " coalesce(orders.last, timestamptz '2024-01-01') as last_event_at"
    " from range({customers}) left join (select customer_id, count(*) as n, min(placed_at) as first, max(placed_at) as last"
    f" from orders_made where status <> 'cancelled' group by 1) as orders on orders.customer_id = {_ID.format(n='range')}"
)


def make(folder: Path, customers: int) -> dict[str, Path]:
    """The tables as files, with every column of the real ones; `profiles` has the events that profiles are told from."""
    book = Book.create(folder / "book")
    paths = {name: folder / f"{name}.parquet" for name in READ}
    with book.snapshot() as snapshot:
        engine = snapshot.engine

        def write(name: str, query: str) -> None:
            engine.execute(f"copy ({query}) to {quoted(str(paths[name]))} (format parquet, compression zstd)")

        for name, made in MADE.items():
            # Guests' orders are nobody's; in the read model every table lies in the order of customers.
            made = made.replace("{customers}", str(customers)).replace("{n}", "range")
            nobody = (
                " replace (case when is_guest then null else customer_id end as customer_id)" if name == "orders" else ""
            )
            write(
                name,
                f"select * from (select * from {name} union all by name select *{nobody} from ({made}))"
                " order by customer_id",
            )
        engine.execute(f"create view orders_made as select * from read_parquet({quoted(str(paths['orders']))})")
        made = CUSTOMERS.replace("{customers}", str(customers))
        write("customers", f"select * from (select * from customers union all by name {made}) order by customer_id")
        for name in ("refunds", "batches"):
            write(name, f"select * from {name}")
        snapshot.prepare("events")
        stated = (
            "select lpad(cast(range as varchar), 20, '0') as customer_id, 'profile_updated' as type,"
            " timestamptz '2024-06-30 00:00:00+00' + to_seconds(hash(range, 11) % 63000000) as occurred_at,"
            " struct_pack(language := 'fr', given_name := 'A', family_name := 'B') as profile_updated"
            f" from range({customers})"
        )
        kind = next(
            row["column_type"]
            for row in engine.rows("describe select * from events")
            if row["column_name"] == "profile_updated"
        )
        write("profiles", f"select * replace (cast(profile_updated as {kind}) as profile_updated) from ({stated})")
    return paths


def opened(paths: dict[str, Path], memory: str, spill: Path) -> Engine:
    """A fresh engine that sees the tables."""
    engine = Engine.open(Limits(memory=memory, spill=spill))
    engine.execute("create table book as select 'EUR' as currency, 'Europe/Paris' as timezone")
    for name, path in paths.items():
        view = "events" if name == "profiles" else name
        engine.execute(f"create view {view} as select * from read_parquet({quoted(str(path))})")
    return engine


def by_hand(engine: Engine) -> int:
    """Run the statement; how many rows it gives."""
    columns = [name for name in fields() if name != "tags"]
    paths = {name: STATED.get(name, f"profile_updated.{name}") for name in columns}
    linked = ("email", "phone")
    stated = ", ".join(
        f"max(occurred_at) filter (where {path} is not null) as {name}" for name, path in paths.items() if name not in linked
    )
    filled = ", ".join(f"count({name}) / count(*) as {name}" for name in columns)
    fresh = ", ".join(
        f"cast(median(date_diff('second', {name}, timestamptz '{AT.isoformat()}')) as double) / 86400 as {name}"
        for name in columns
        if name not in linked
    )
    query = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").format(stated=stated, filled=filled, fresh=fresh)
    return len(engine.table(query))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_500_000)
    parser.add_argument("--memory", default="4GB")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"making the tables: {timed(lambda: make(folder, given.customers)):.0f} s", flush=True)
        paths = {one: folder / f"{one}.parquet" for one in READ}
        engine = opened(paths, given.memory, folder / "spill")
        reading = sum(
            timed(partial(engine.execute, f"create or replace temp table t as select * from {one}"))
            for one in ("customers", "orders", "order_lines", "interactions", "events")
        )
        engine.close()
        book = Book(folder / "book")
        seconds: dict[str, float] = {}
        engine = opened(paths, given.memory, folder / "spill")
        snapshot: Any = SimpleNamespace(engine=engine, prepare=lambda _sql: None)
        session = Reading(snapshot=snapshot, at=AT, settings=book.settings, plugins=book.plugins, consent=book.consent)
        run = Run.of(session)
        metrics = [one for one in asking.chosen(book.plugins.metrics) if one.id not in LEFT_OUT]
        started = time.perf_counter()
        simple = [one for one in metrics if one.compute is None]
        seconds["those in SQL, one scan"] = timed(lambda: run.figures(simple))
        figures = 0
        for metric in metrics:
            if metric.compute is not None:
                begin = time.perf_counter()
                figures += len(run.figures([metric]))
                seconds[metric.id] = time.perf_counter() - begin
        own = time.perf_counter() - started
        print(f"{len(metrics)} metrics, {figures} figures and their intervals: {own:.1f} s, peak {peak()} MB", flush=True)
        for id, took in sorted(seconds.items(), key=lambda one: -one[1])[:12]:
            print(f"  {took:6.2f} s  {id}")
        for failure in run.failures.values():
            print(failure)
        engine.close()
        engine = opened(paths, given.memory, folder / "spill")
        hand = timed(lambda: by_hand(engine))
        print(f"by hand {hand:.1f} s; ratio {own / hand:.2f}; reading the tables {reading:.1f} s; ratio {own / reading:.1f}")


if __name__ == "__main__":
    main()
