"""What permissions cost for every customer and pair of channel and purpose, as a ratio to reading the tables they need.

    python benchmarks/permissions.py [--customers 1500000] [--memory 2GB]

The tables are made up in SQL with the columns of an empty book's: two consents, two orders and three offers each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from clientbook.book import Book
from clientbook.consent.permissions import Setting, configured, open_permissions
from clientbook.engine.duckdb import Engine, Limits, quoted
from clientbook.policy import ConsentPolicy
from clientbook.projection.moment import NOW

READ: Final = ("customers", "orders", "order_lines", "interactions", "consent_history")
OTHERS: Final = ("customer_roots", "notices", "lists", "policies", "similar_products")

_AT: Final = "timestamptz '2024-01-01 00:00:00+00' + to_seconds(hash({n}, {salt}) % 80000000)"

MADE: Final = {
    "customers": "select lpad(cast(range as varchar), 20, '0') as customer_id, 'person' as kind,"
    " 'c' || range || '@example.com' as email, '+336' || lpad(cast(range as varchar), 8, '0') as phone,"
    " 'checkout' as collected_via, true as informed_at_collection, true as collected_from_person, false as has_account,"
    f" {_AT.format(n='range', salt=1)} as last_reaction_at from range({{customers}})",
    "orders": "select lpad(cast(range // 2 as varchar), 20, '0') as customer_id, 'web' as source,"
    f" cast(range as varchar) as order_id, 'placed' as status, {_AT.format(n='range', salt=2)} as placed_at,"
    " range as position from range({customers} * 2)",
    "order_lines": "select lpad(cast(range // 2 as varchar), 20, '0') as customer_id, 'web' as source,"
    f" cast(range as varchar) as order_id, {_AT.format(n='range', salt=2)} as placed_at,"
    " ['Soap', 'Tea', 'Towels'][1 + cast(hash(range) % 3 as bigint)] as category from range({customers} * 2)",
    "interactions": "select lpad(cast(range // 6 as varchar), 20, '0') as customer_id, range as position,"
    f" {_AT.format(n='range', salt=3)} as occurred_at,"
    " case when range % 24 = 0 then 'call_made' else 'message_sent' end as type"
    " from range({customers} * 6)",
    "consent_history": "select lpad(cast(range // 5 as varchar), 20, '0') as customer_id,"
    " lpad(cast(range // 5 as varchar), 20, '0') as recorded_customer_id, range as position,"
    f" cast(lpad(cast(range as varchar), 16, '0') as blob) as event_id, {_AT.format(n='range', salt=4)} as occurred_at,"
    f" {_AT.format(n='range', salt=4)} as recorded_at, case when range % 5 < 2 then"
    " ['consent_given', 'consent_given', 'consent_given', 'consent_withdrawn', 'consent_refused'][1 +"
    " cast(hash(range, 5) % 5 as bigint)]"
    " else 'opt_out_offered' end as act, ['email', 'sms', 'email', 'sms', 'post'][1 + range % 5] as channel,"
    " case when range % 5 < 2 then ['newsletter', 'own_offers'][1 + cast(hash(range, 6) % 2 as bigint)] end as purpose,"
    " case when range % 5 in (0, 2) then 'c' || range // 5 || '@example.com' when range % 5 in (1, 3)"
    " then right('336' || lpad(cast(range // 5 as varchar), 8, '0'), 9) end as subject_address,"
    " 'CONFIRMED_OPT_IN' as opt_in_level, 'n' as notice_id, '1' as notice_version, 'checkbox' as \"method\","
    " false as opt_out_ticked from range({customers} * 5)",
}


def make(folder: Path, customers: int) -> dict[str, Path]:
    """The tables as files, with every column of the real ones."""
    book = Book.create(folder / "book")
    paths = {}
    with book.snapshot() as snapshot:
        for name in (*READ, *OTHERS):
            paths[name] = folder / f"{name}.parquet"
            made = f" union all by name {MADE[name].format(customers=customers)}" if name in MADE else ""
            ordered = " order by customer_id" if name in MADE else ""
            snapshot.engine.execute(
                f"copy (select * from {name}{made}{ordered}) to {quoted(str(paths[name]))}"
                " (format parquet, compression zstd)"
            )
    return paths


def opened(paths: dict[str, Path], memory: str, spill: Path) -> Engine:
    """A fresh engine that sees the tables."""
    engine = Engine.open(Limits(memory=memory, spill=spill))
    for name, path in paths.items():
        engine.execute(f"create view {name} as select * from read_parquet({quoted(str(path))})")
    return engine


def timed(work: Callable[[], Any]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak() -> int:
    """The greatest resident memory so far, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_500_000)
    parser.add_argument("--memory", default="2GB")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make(folder, given.customers)
        engine = opened(paths, given.memory, folder / "spill")
        reading = sum(
            timed(partial(engine.execute, f"create or replace temp table t as select * from {one}")) for one in READ
        )
        engine.close()
        engine = opened(paths, given.memory, folder / "spill")
        policy = ConsentPolicy()
        setting = Setting(at=datetime(2026, 9, 2, 9, tzinfo=UTC), policy=policy, adopted_at=None, timezone="Europe/Paris")
        asks = configured(policy, {})
        snapshot: Any = SimpleNamespace(engine=engine, moment=NOW)
        states = timed(lambda: open_permissions(snapshot, setting, asks))
        out = quoted(str(folder / "permissions.parquet"))
        query = "select customer_id, channel, purpose, decision, reason_code, warnings from permissions"
        decided = timed(lambda: engine.execute(f"copy ({query}) to {out} (format parquet)"))
        count = engine.value(f"select count(*) from read_parquet({out})")
        reasons = engine.value(f"select count(distinct reason_code) from read_parquet({out})")
        total = states + decided
        print(f"{count:,} decisions with {reasons} reasons: states and facts {states:.1f} s, decisions {decided:.1f} s")
        print(f"reading the {len(READ)} tables into memory {reading:.1f} s; ratio {total / reading:.1f}; peak {peak()} MB")


if __name__ == "__main__":
    main()
