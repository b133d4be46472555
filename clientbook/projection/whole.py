"""Fold the whole log straight to disk, by ranges of customers where it is too large to be folded at once.

A range holds whole customers, so each customer's tables come out of one range. An order whose events lie in several ranges
(recorded again for another customer, refunded to another) is folded by itself before them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clientbook.engine.duckdb import Engine, quoted
from clientbook.events.arrow import ENVELOPE
from clientbook.projection.fold import (
    BOOK_TABLES,
    CUSTOMER_TABLES,
    ORDER_ID,
    ORDER_TABLES,
    ORDER_TYPES,
    RESOLUTION,
    columns_used,
    names_from,
    open_events,
    parquet,
    resolve,
    sql,
)
from clientbook.projection.moment import Moment
from clientbook.projection.places import Place, Scratch

BYTES_PER_EVENT: Final = 1000
"""Memory allowed for each event of a range.

Five million events, 13 a customer, under 1GB: at 500 bytes (three ranges) the process took 1,047 MB, at 1,000 825 MB and a
tenth more time, at 2,000 656 MB and a third more. A million under 500MB took 487 MB at 1,000, and ran out of memory in one
range. Events with long texts and orders with many lines need more than these did.
"""

RANGES_PER_PASS: Final = 5
"""Orders of about so many ranges are compared at once: 20 million events under 1GB took 1,551 MB in one pass by name."""

SAMPLED: Final = 20_000
"""Events looked at to find where to cut."""

_UNITS: Final = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_IS_ORDER: Final = f"type in ({', '.join(map(quoted, ORDER_TYPES))})"


@dataclass(frozen=True, kw_only=True)
class Range:
    """Customers by id, or guests' events by position: from `low` on and below `high`, where these are given."""

    column: str
    low: str | int | None = None
    high: str | int | None = None

    @property
    def has_customers(self) -> bool:
        return self.column == "customer_id"

    def where(self, customer: str = "customer_id") -> str:
        """The condition that a row is in it."""
        column = customer if self.has_customers else "position"
        bounds = [f"{customer} is {'not ' if self.has_customers else ''}null"]
        bounds += [f"{column} >= {_literal(self.low)}"] if self.low is not None else []
        bounds += [f"{column} < {_literal(self.high)}"] if self.high is not None else []
        return " and ".join(bounds)


def fold_whole(engine: Engine, place: Place, moment: Moment, *, events: int, memory: str, scratch: Scratch) -> None:
    """Fold `all_events`, about so many, into the files of a base."""
    _narrow(engine, scratch)
    resolve(engine, moment)
    for name in RESOLUTION:
        place.write(engine, name, f"select * from main.{name}")
    for name in BOOK_TABLES:
        place.write(engine, name, sql(name))
    ranges = _cut(engine, -(-events // events_per_range(memory)))
    if len(ranges) == 1:
        for name in (*ORDER_TABLES, *CUSTOMER_TABLES):
            place.write(engine, name, sql(name))
            _define(engine, f"main.{name}", place.own(name))
        return
    for schema in ("part", "orders_part"):
        engine.execute(f"create schema {schema}")
    _extract_moved(engine, scratch)
    _extract_crossing(engine, ranges, scratch)
    _define(engine, "orders_part.all_events", "main.crossing_events")
    _fold_orders(engine, place, moment, part=1)
    for part, span in enumerate(ranges, 2):
        _open_range(engine, span)
        _fold_orders(engine, place, moment, part=part)
        _fold_customers(engine, place, moment, span, part=part)


def _narrow(engine: Engine, scratch: Scratch) -> None:
    """Let `all_events` read only columns with anything in them."""
    columns = columns_used(engine, "select type from main.all_events")
    engine.execute("alter view main.all_events rename to recorded")
    _define(
        engine,
        "main.all_events",
        f"{parquet(scratch.schema_file)} union all by name select {columns} from main.recorded",
    )


def events_per_range(memory: str) -> int:
    """How many events can be folded at once under a memory limit such as 2GB."""
    found = re.fullmatch(r"(\d+) ?(\w+)", memory)
    assert found is not None
    return max(int(found[1]) * _UNITS[found[2]] // BYTES_PER_EVENT, 1000)


def _cut(engine: Engine, wanted: int) -> list[Range]:
    """About so many ranges of about as many events each, found by a sample.

    The least customer of each row group would do for sealed files alone, and reads no less than this: one column.
    """
    if wanted <= 1:
        return [Range(column="customer_id")]
    sample = engine.table(
        "select customer_id, position from (select customer_id, position from main.all_events)"
        f" using sample reservoir({SAMPLED} rows)"
    )
    names = sorted(name for name in sample["customer_id"].to_pylist() if name is not None)
    guests = sorted(row["position"] for row in sample.to_pylist() if row["customer_id"] is None)
    share = wanted / max(len(sample), 1)
    return [
        *_spans("customer_id", names, max(round(len(names) * share), 1)),
        *_spans("position", guests, max(round(len(guests) * share), 1)),
    ]


def _spans(column: str, values: Sequence[str | int], count: int) -> list[Range]:
    cuts = sorted({values[len(values) * number // count] for number in range(1, count)}) if values else []
    return [Range(column=column, low=low, high=high) for low, high in zip([None, *cuts], [*cuts, None], strict=True)]


def _extract_moved(engine: Engine, scratch: Scratch) -> None:
    """`moved_events`: those of customers that were merged into another, who may be in another range."""
    engine.execute(
        "create table main.moved as select customer_id, root_id from main.customer_roots where customer_id <> root_id"
    )
    query = "select * from main.all_events where customer_id in (select customer_id from main.moved)"
    _define(engine, "main.moved_events", scratch.events(engine, "moved", query))


def _extract_crossing(engine: Engine, ranges: Sequence[Range], scratch: Scratch) -> None:
    """`crossing`, the orders with events in several ranges, and `crossing_events`, these events."""
    cases = " ".join(f"when {span.where()} then {number}" for number, span in enumerate(ranges))
    placed = (
        f"select source, {ORDER_ID} as order_id, hash(source, {ORDER_ID}) as hashed, case {cases} end as bucket"
        f" from main.events where {_IS_ORDER} and {ORDER_ID} is not null"
    )
    # Most orders lie in one range. Their hashes are compared first, some at a time: numbers take less memory than names.
    engine.execute("create table main.crossing_hashes (hashed ubigint)")
    passes = -(-len(ranges) // RANGES_PER_PASS)
    for number in range(passes):
        engine.execute(
            f"insert into main.crossing_hashes select hashed from ({placed}) where hashed % {passes} = {number}"
            " group by hashed having min(bucket) <> max(bucket)"
        )
    engine.execute(
        f"create table main.crossing as select source, order_id from ({placed})"
        " where hashed in (select hashed from main.crossing_hashes)"
        " group by source, order_id having min(bucket) <> max(bucket)"
    )
    query = (
        f"select one.* from main.all_events as one semi join main.crossing as crossing"
        f" on one.source = crossing.source and {ORDER_ID} = crossing.order_id where {_IS_ORDER}"
    )
    found = [name for name in columns_used(engine, "select type from main.all_events").split(", ") if _is_of_orders(name)]
    _define(engine, "main.crossing_events", scratch.events(engine, "crossing", query, columns=", ".join(found)))


def _is_of_orders(column: str) -> bool:
    return column in ENVELOPE.names or column.strip('"') in ORDER_TYPES


def _open_range(engine: Engine, span: Range) -> None:
    """`part.all_events`, those of the range's customers; `orders_part.all_events`, its orders except the crossing ones."""
    moved = "select customer_id from main.moved"
    query = f"select * from main.all_events where {span.where()}"
    if span.has_customers:
        query += (
            f" and customer_id not in ({moved}) union all by name select * from main.moved_events"
            f" where customer_id in ({moved} where {span.where('root_id')})"
        )
    _define(engine, "part.all_events", f"({query})")
    _define(
        engine,
        "orders_part.all_events",
        f"(select one.* from part.all_events as one anti join main.crossing as crossing"
        f" on one.source = crossing.source and {ORDER_ID} = crossing.order_id where {_IS_ORDER})",
    )


def _fold_orders(engine: Engine, place: Place, moment: Moment, *, part: int) -> None:
    open_events(engine, moment, "orders_part")
    with names_from(engine, "orders_part"):
        for name in ORDER_TABLES:
            path = place.write(engine, name, sql(name), part=part)
            _define(engine, f"orders_part.{name}", f"read_parquet({quoted(str(path))})")


def _fold_customers(engine: Engine, place: Place, moment: Moment, span: Range, *, part: int) -> None:
    open_events(engine, moment, "part")
    for name in ("orders", "refunds"):
        _define(engine, f"part.{name}", f"{place.own(name)} where {span.where()}")
    with names_from(engine, "part"):
        for name in CUSTOMER_TABLES if span.has_customers else ("consent_history",):
            path = place.write(engine, name, sql(name), part=part)
            _define(engine, f"part.{name}", f"read_parquet({quoted(str(path))})")


def _define(engine: Engine, name: str, source: str) -> None:
    engine.execute(f"create or replace view {name} as select * from {source}")


def _literal(value: str | int | None) -> str:
    return quoted(value) if isinstance(value, str) else str(value)
