"""What an audience costs to export, as a ratio to copying the same columns to a file in SQL with the permissions at hand.

    python benchmarks/exports.py [--customers 1000000] [--memory 2GB]

The tables are those of `permissions.py`. The copy by hand joins the customers with permissions that were computed before; it
decides nothing, looks at no address and counts nobody. The export does all of it, and the digests of its manifest.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from permissions import OTHERS, READ, make, opened, peak, timed

from clientbook.book import Book
from clientbook.builtin.exporters.tools import write_brevo
from clientbook.consent.desk import ConsentDesk
from clientbook.engine.duckdb import identifier, quoted
from clientbook.exporting.audience import Audience, Rule, find_audience, table_digest
from clientbook.projection.moment import NOW
from clientbook.reading import Reading

AT: Final = datetime(2026, 9, 2, 9, tzinfo=UTC)

BY_HAND: Final = """
    select
        email as EMAIL, coalesce(family_name, legal_name, '') as LASTNAME, given_name as FIRSTNAME, customer_id as EXT_ID,
        case when opt_in_level = 'CONFIRMED_OPT_IN' then 1 else 2 end as "DOUBLE_OPT-IN"
    from customers
    inner join allowed using (customer_id)
    order by customer_id
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--memory", default="2GB")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = opened(make(folder, given.customers), given.memory, folder / "spill")
        book = Book(folder / "book")
        with book.snapshot() as empty:
            names = {row["table_name"] for row in empty.engine.rows("select table_name from information_schema.tables")}
            for table in sorted(names - {*READ, *OTHERS, "events"}):
                engine.register(table, empty.engine.table(f"select * from {identifier(table)}"))
        snapshot: Any = SimpleNamespace(engine=engine, moment=NOW, prepare=lambda _sql: None, close=engine.close)
        desk = ConsentDesk(projector=book.projector, settings=book.settings, now=AT)
        reading = Reading(snapshot=snapshot, at=AT, settings=book.settings, plugins=book.plugins, consent=desk)
        found: list[Audience] = []
        setting, ask = desk.setting(snapshot, AT), desk.ask("email", "newsletter", None)
        rule = Rule(text="email is not null")
        decided = timed(lambda: found.append(find_audience(reading, setting, ask, rule, campaign="spring")))
        file = io.BytesIO()
        written = timed(lambda: write_brevo(found[0].table, file))
        digests = timed(lambda: (sha256(file.getvalue()), table_digest(found[0].table)))
        engine.execute("create table allowed as select customer_id, opt_in_level from decided where is_allowed")
        out = quoted(str(folder / "by_hand.csv"))
        copied = timed(partial(engine.execute, f"copy ({BY_HAND}) to {out} (format csv, delimiter ';', header)"))
        total = decided + written + digests
        print(f"{found[0].counts}")
        print(f"audience {decided:.1f} s, file {written:.1f} s, digests {digests:.1f} s; by hand {copied:.2f} s")
        print(f"ratio {total / copied:.0f}; of file and digests alone {(written + digests) / copied:.1f}; peak {peak()} MB")


if __name__ == "__main__":
    main()
