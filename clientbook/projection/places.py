"""Where a snapshot lies on disk, and how its tables are read from there.

    <position>-<digest>[-asof-<µs since 1970>]/<table>-<part>.parquet      a base: all rows of every table
    …/base, …/touched_customers-0001.parquet, …                            an overlay: what differs from the base it names

An overlay holds the whole of the small tables, and of the others the rows of the customers, orders and positions that it
touched; the base's rows of these no longer count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from clientbook.engine.duckdb import Engine, quoted
from clientbook.log.base import Head
from clientbook.projection.fold import BOOK_TABLES, RESOLUTION, ordered, parquet
from clientbook.projection.moment import Moment

TOUCHED: Final = {
    "touched_customers": "customer_id",
    "touched_orders": "source, order_id",
    "touched_positions": "position",
}
"""The tables that say whose rows an overlay replaces, each with its key."""

REPLACED: Final = {
    "refunds": ("touched_positions",),
    "orders": ("touched_orders",),
    "order_lines": ("touched_orders",),
    "identifiers": ("touched_customers",),
    "interactions": ("touched_customers",),
    "consent_history": ("touched_customers", "touched_positions"),
    "customers": ("touched_customers",),
}
"""For each table that an overlay holds in part: what says which rows of the base no longer count.

By position go refunds, whose order may be unknown, and acts of consent that name no customer.
"""

WHOLE: Final = (*RESOLUTION, *BOOK_TABLES)
"""Tables that an overlay holds whole."""

SCRATCH_ROWS: Final = 20_480
"""Rows of a row group of a file of one run: they lie in memory until it is written."""

DIGEST_DIGITS: Final = 12
_NAME: Final = re.compile(r"(\d{20})-([0-9a-f]{12})(?:-asof-(-?\d+))?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Name:
    """What a snapshot's folder is called after."""

    position: int
    digest: str
    """The first digits of the log's chain digest there: a log put back from a backup can reach the same position with other
    events.
    """
    as_of: int | None
    """Microseconds since 1970; None for everything that had happened."""

    @classmethod
    def of(cls, head: Head, moment: Moment) -> Name:
        as_of = None if moment.as_of is None else (moment.as_of - _EPOCH) // timedelta(microseconds=1)
        return cls(position=head.position, digest=head.digest.hex()[:DIGEST_DIGITS], as_of=as_of)

    @classmethod
    def read(cls, text: str) -> Name | None:
        """None where no snapshot is called so."""
        found = _NAME.fullmatch(text)
        return found and cls(position=int(found[1]), digest=found[2], as_of=int(found[3]) if found[3] else None)

    def __str__(self) -> str:
        return f"{self.position:020}-{self.digest}" + ("" if self.as_of is None else f"-asof-{self.as_of}")


@dataclass(frozen=True)
class Place:
    """The folder of one snapshot."""

    folder: Path

    @cached_property
    def base(self) -> Place | None:
        """What this one is an overlay on; None for a base."""
        try:
            return Place(self.folder.parent / (self.folder / "base").read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def source(self, table: str) -> str:
        """The table as something to select from: files with absolute paths, for any engine."""
        own = self.own(table)
        if self.base is None or table in WHOLE:
            return own
        replaced = "".join(self.without(name) for name in REPLACED[table])
        return f"(select * from {self.base.own(table)} as base{replaced} union all by name select * from {own})"

    def own(self, table: str) -> str:
        """The rows that lie in this folder; reading fails where somebody deleted them."""
        return parquet(*self._parts().get(table, [self.folder / f"{table}-0001.parquet"]))

    def without(self, touched: str) -> str:
        """The join that leaves out what this overlay touched."""
        return f" anti join {self.own(touched)} using ({TOUCHED[touched]})"

    def folders(self) -> Iterator[Path]:
        """Every folder that it is read from."""
        yield self.folder
        if self.base:
            yield self.base.folder

    def write(self, engine: Engine, table: str, query: str, *, part: int = 1) -> Path:
        """Write the rows of a query as a part of the table, in canonical order."""
        path = self.folder / f"{table}-{part:04}.parquet"
        engine.execute(f"copy ({ordered(table, query)}) to {quoted(str(path))} (format parquet, compression zstd)")
        path.chmod(0o600)
        return path

    def _parts(self) -> dict[str, list[Path]]:
        parts: dict[str, list[Path]] = {}
        for path in sorted(self.folder.glob("*.parquet")):
            parts.setdefault(path.name.rsplit("-", 1)[0], []).append(path)
        return parts


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """A folder for files of one run, empty at first."""

    folder: Path
    schema_file: Path

    def events(self, engine: Engine, name: str, query: str, *, columns: str = "*") -> str:
        """Write the events of a query to a file; they as something to select from, with every column."""
        path = self.folder / f"{name}.parquet"
        engine.execute(
            f"copy (select {columns} from ({query})) to {quoted(str(path))} (format parquet, row_group_size {SCRATCH_ROWS})"
        )
        return parquet(self.schema_file, path, by_name=True)
