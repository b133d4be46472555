"""What finding duplicates costs in a large file, as a ratio to one blocking query written by hand.

    python benchmarks/duplicates.py [--customers 1000000] [--memory 2GB]

The hand-written query pairs customers with one e-mail, one phone, or one name at one postcode, and scores nothing. The
file is made up in SQL: every hundredth customer stands twice, with a slip or without the e-mail.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from clientbook.book import Book
from clientbook.engine.duckdb import Engine, Limits
from clientbook.query.duplicates import DEFAULT_SCORE, scored_pairs

_GIVEN: Final = (
    "['Marie','Jean','Paul','Julie','Luc','Anne','Claire','Hugo','Emma','Louis','Chloé','Nicolas','Sophie','Marc']"
)
_SYLLABLES: Final = "['mar','du','le','ber','ro','vin','gau','pe','lan','fou','chau','mi','tre','nau','bel','cor']"

_CUSTOMERS: Final = f"""
    select
        lpad(cast(number as varchar), 20, '0') as customer_id, 'person' as kind,
        {_GIVEN}[1 + cast(hash(who || '-1') % 14 as bigint)] as given_name,
        {_SYLLABLES}[1 + cast(hash(who || '-2') % 16 as bigint)]
            || {_SYLLABLES}[1 + cast(hash(who || '-3') % 16 as bigint)]
            || {_SYLLABLES}[1 + cast(hash(who || '-4') % 16 as bigint)]
            || case when number <> who then 't' else '' end as family_name,
        lpad(cast(1000 + hash(who || '-5') % 6000 * 10 as varchar), 5, '0') as postal_code,
        'Ville ' || hash(who || '-5') % 6000 as city,
        1 + hash(who || '-6') % 90 || ' rue '
            || {_SYLLABLES}[1 + cast(hash(who || '-7') % 16 as bigint)] as street,
        case when hash(who || '-8') % 2 = 0 then date '1945-01-01' + cast(hash(who || '-9') % 22000 as integer) end
            as birth_date
    from (select range as number, case when range % 100 = 1 then range - 1 else range end as who from range({{customers}}))
"""

_IDENTIFIERS: Final = """
    select lpad(cast(range as varchar), 20, '0') as customer_id, 'email' as kind, 'c' || range || '.n@example.com' as value
    from range({customers}) where range % 100 <> 1
    union all
    select lpad(cast(range as varchar), 20, '0'), 'phone',
        '+336' || lpad(cast((case when range % 100 = 1 then range - 1 else range end) as varchar), 8, '0')
    from range({customers}) where range % 3 <> 0
"""

_BY_HAND: Final = """
    select count(*) from (
        select a.customer_id, b.customer_id from identifiers as a inner join identifiers as b
            on a.kind = b.kind and a.value = b.value and a.customer_id < b.customer_id
        union
        select a.customer_id, b.customer_id from customers as a inner join customers as b
            on a.postal_code = b.postal_code and a.family_name = b.family_name and a.given_name = b.given_name
            and a.customer_id < b.customer_id
    )
"""


def main() -> None:
    """Print the times, their ratio and the peak of memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--memory", default="2GB")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine.open(Limits(memory=chosen.memory, spill=Path(folder) / "spill"))
        empty = Book.create(Path(folder) / "book")
        with empty.snapshot() as snapshot:
            for name in ("customers", "identifiers", "customer_roots"):
                engine.register(f"empty_{name}", snapshot.table(f"select * from {name}"))
        made = {"customers": _CUSTOMERS, "identifiers": _IDENTIFIERS}
        for name in ("customers", "identifiers", "customer_roots"):
            more = f" union all by name ({made[name].format(customers=chosen.customers)})" if name in made else ""
            engine.execute(f"create table {name} as select * from empty_{name}{more}")
        engine.execute('create table events (customers_unmerged struct("into" varchar, merged varchar[]))')
        started = time.perf_counter()
        by_hand = engine.value(_BY_HAND)
        hand_seconds = time.perf_counter() - started
        standing: Any = SimpleNamespace(engine=engine, prepare=lambda _sql: None)
        started = time.perf_counter()
        found = scored_pairs(standing, min_score=DEFAULT_SCORE)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{chosen.customers:,} customers, of whom {chosen.customers // 100:,} stand twice")
    print(f"by hand: {hand_seconds:.1f} s, {by_hand:,} pairs, none scored")
    ratio = seconds / hand_seconds
    print(f"duplicates: {seconds:.1f} s, {len(found):,} pairs of at least {DEFAULT_SCORE}; {ratio:.1f} × by hand")
    print(f"peak memory of the process: {peak:,.0f} MB")


if __name__ == "__main__":
    main()
