"""Small histories for tests of projections and metrics: appended to a real log, folded by the real SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from clientbook.engine.duckdb import Engine
from clientbook.events.registry import Registry
from clientbook.log.parquet import ParquetLog
from clientbook.projection.fold import NOW, Moment, fold, open_log, write_schema_file
from clientbook.testing.rows import Row, log_rows

REGISTRY = Registry()


def day(number: float) -> datetime:
    """That many days after New Year 2026, at noon UTC."""
    return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)


def event(
    type: str, customer_id: str | None = None, *, at: float = 0, source: str = "shop", batch: str | None = None, **data: Any
) -> Row:
    """One event on a day."""
    return Row(type=type, data=data, customer_id=customer_id, occurred_at=day(at), source=source, batch=batch)


def order(order_id: str, total: Any, customer_id: str | None = "anna", *, currency: str = "EUR", **rest: Any) -> Row:
    return event("order_placed", customer_id, order_id=order_id, total=total, currency=currency, **rest)


def refund(amount: Any, customer_id: str | None = "anna", *, currency: str = "EUR", **rest: Any) -> Row:
    return event("order_refunded", customer_id, amount=amount, currency=currency, **rest)


class History:
    """A log that grows, and what it folds to."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.recorded = datetime(2026, 6, 1, tzinfo=UTC)
        self.log = ParquetLog.create(folder / "log", clock=self._tick)
        self.engine = engine
        self._schema = folder / "schema.parquet"
        write_schema_file(self._schema, REGISTRY)

    def _tick(self) -> datetime:
        self.recorded += timedelta(seconds=1)
        return self.recorded

    def append(self, *rows: Row) -> int:
        """Append as one commit; returns the position of the last."""
        return self.log.append(log_rows(rows, REGISTRY)).head.position

    def fold(self, *, as_of: float | None = None, known_at: datetime | None = None) -> History:
        moment = Moment(as_of=None if as_of is None else day(as_of), known_at=known_at) if as_of or known_at else NOW
        pinned = self.log.pin()
        open_log(self.engine, pinned.up_to(self.log.commits().known_at(known_at)) if known_at else pinned, self._schema)
        # Read the files once rather than for each table.
        self.engine.execute("create or replace table kept as select * from all_events")
        self.engine.execute("create or replace view all_events as select * from kept")
        fold(self.engine, moment)
        return self

    def table(self, sql: str) -> pa.Table:
        return self.engine.table(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        found: Sequence[dict[str, Any]] = self.engine.rows(sql)
        return [tuple(row.values()) for row in found]

    def one(self, columns: str, table: str = "customers", where: str = "customer_id = 'anna'") -> Any:
        """The one row's columns; a single column bare."""
        (row,) = self.rows(f"select {columns} from {table} where {where}")
        return row[0] if len(row) == 1 else row
