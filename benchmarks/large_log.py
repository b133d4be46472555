"""A log as large as wanted, made of a busy shop's kinds of events in their usual shares.

    python benchmarks/large_log.py FOLDER --events 5000000

The benchmarks import `make_log`. Everything follows from the seed but salts and recording times.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Final

import pyarrow as pa

from clientbook.engine.duckdb import Engine, Limits
from clientbook.events.arrow import EVENT_ID, conform, struct_type
from clientbook.events.registry import Registry
from clientbook.log.parquet import ParquetLog

EVENTS_A_CUSTOMER: Final = 13
COMMIT_ROWS: Final = 250_000

_KINDS: Final = """
    case
        when die < 0.070 then 'customer_registered'
        when die < 0.140 then 'profile_updated'
        when die < 0.200 then 'consent_given'
        when die < 0.205 then 'consent_withdrawn'
        when die < 0.470 then 'order_placed'
        when die < 0.480 then 'order_cancelled'
        when die < 0.500 then 'order_refunded'
        when die < 0.740 then 'message_sent'
        when die < 0.860 then 'message_opened'
        when die < 0.900 then 'message_clicked'
        when die < 0.960 then 'site_visited'
        when die < 0.970 then 'note_added'
        when die < 0.985 then 'tag_added'
        else 'cart_abandoned'
    end
"""

_DATA: Final = {
    "customer_registered": "{kind: 'person', collected_via: 'checkout'}",
    "profile_updated": "{given_name: 'Camille' || n % 997, family_name: 'Martin' || n % 9973,"
    " email: 'c' || customer || '@example.com', address: {city: 'Ville ' || n % 500, postal_code: '' || 10000 + n % 90000},"
    " birth_year: 1940 + n % 65}",
    "consent_given": "{channel: 'email', purposes: ['newsletter'], opt_in_level: 'single', surface: 'checkout'}",
    "consent_withdrawn": "{channel: 'email', purposes: ['newsletter']}",
    "order_placed": "{order_id: 'O' || n, total: 5 + n % 20000 / 100.0, currency: 'EUR', channel: 'web',"
    " lines: [{sku: 'S' || n % 4000, product: 'Produit ' || n % 4000, quantity: 1, amount: 5 + n % 20000 / 100.0},"
    " {sku: 'S' || n % 1311, product: 'Produit ' || n % 1311, quantity: 2, amount: 3}]}",
    "order_cancelled": "{order_id: 'O' || n - n % 50}",
    "order_refunded": "{order_id: 'O' || n - n % 40, refund_id: 'R' || n, amount: 1 + n % 500 / 100.0, currency: 'EUR'}",
    "message_sent": "{channel: 'email', purpose: 'newsletter', campaign: 'C' || n % 300, subject: 'Nouveautés ' || n % 300}",
    "message_opened": "{channel: 'email', campaign: 'C' || n % 300}",
    "message_clicked": "{channel: 'email', campaign: 'C' || n % 300, url: 'https://example.com/' || n % 1000}",
    "site_visited": "{page: '/p/' || n % 4000}",
    "note_added": "{text: 'Rappeler au sujet de la commande ' || n}",
    "tag_added": "{tag: 'tag' || n % 12}",
    "cart_abandoned": "{cart_id: 'P' || n, amount: 5 + n % 9000 / 100.0, currency: 'EUR'}",
}


def make_log(folder: Path, events: int, *, commit_rows: int = COMMIT_ROWS) -> ParquetLog:
    """A new log in `folder` with so many events, in commits of `commit_rows`."""
    log = ParquetLog.create(folder)
    engine, registry = Engine.open(Limits()), Registry()
    customers = max(events // EVENTS_A_CUSTOMER, 1)
    for start in range(0, events, commit_rows):
        log.append(_rows(engine, registry, start, min(start + commit_rows, events), customers, events))
    return log


def _rows(engine: Engine, registry: Registry, start: int, stop: int, customers: int, events: int) -> pa.Table:
    engine.execute(
        "create or replace temp table drawn as select *, " + _KINDS + " as type from ("
        "select range as n, hash(range, 1) / 18446744073709551615.0 as die,"
        f" cast(floor({customers} * pow(hash(range, 2) / 18446744073709551615.0, 1.6)) as bigint) as customer,"
        f" range * {6 * 365 * 86400} // {events} as second, hash(range, 3) % 12 = 0 as is_guest"
        f" from range({start}, {stop}))"
    )
    table = engine.table(
        "select case when is_guest and type in ('order_placed', 'order_refunded') then null"
        " else 'c' || lpad(cast(customer as varchar), 19, '0') end as customer_id, type,"
        " make_timestamp(cast(1577836800000000 + second * 1000000 as bigint)) at time zone 'UTC' as occurred_at,"
        + ", ".join(f"case when type = '{name}' then {data} end as {name}" for name, data in _DATA.items())
        + " from drawn order by n"
    )
    count = len(table)
    columns = {
        "event_id": pa.nulls(count, EVENT_ID),
        "type": table["type"].cast(pa.string()),
        "customer_id": table["customer_id"].cast(pa.string()),
        "occurred_at": table["occurred_at"].cast(pa.timestamp("us", "UTC")),
        "source": pa.repeat(pa.scalar("web"), count),
        "actor": pa.nulls(count, pa.string()),
        "batch": pa.nulls(count, pa.string()),
    }
    for name in _DATA:
        columns[name] = conform(table[name].combine_chunks(), struct_type(registry[name]))
    return pa.table(columns)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--commit-rows", type=int, default=COMMIT_ROWS)
    given = parser.parse_args()
    started = time.perf_counter()
    log = make_log(given.folder, given.events, commit_rows=given.commit_rows)
    print(f"{log.head().position} events in {log.head().commit} commits, {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
