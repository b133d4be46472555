"""The events themselves: listed, and as JSON Lines that can be imported again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from clientbook.engine.duckdb import quoted
from clientbook.events.arrow import ENVELOPE
from clientbook.events.envelope import encode_line
from clientbook.events.registry import Registry
from clientbook.projection.snapshots import Snapshot


def event_types(registry: Registry | None = None) -> list[dict[str, Any]]:
    """Every type with what it means, whether it needs a customer, and its fields."""
    types = []
    for name, event in (registry or Registry()).items():
        summary = (event.__doc__ or "").strip().splitlines()[0]
        types.append({"type": name, "customer": event.customer, "summary": summary, "fields": list(event.__struct_fields__)})
    return types


def list_events(
    snapshot: Snapshot, *, types: tuple[str, ...], customer_id: str | None, after: int, limit: int | None
) -> pa.Table:
    """Events in the order of their positions: the envelope's columns and one struct column for each type that occurs."""
    conditions = [f"position > {int(after)}"]
    if types:
        conditions.append(f"type in ({', '.join(map(quoted, types))})")
    if customer_id:
        conditions.append(f"customer_id = {quoted(customer_id)}")
    chosen = f"from events where {' and '.join(conditions)}"
    cut = f" limit {int(limit)}" if limit is not None else ""
    found = snapshot.table(f"select * exclude (recorded_customer_id) {chosen} order by position{cut}")
    used = set(found["type"].unique().to_pylist())
    return found.select([name for name in found.schema.names if name in ENVELOPE.names or name in used])


def to_lines(events: pa.Table) -> Iterator[str]:
    """JSON Lines in the documented form; another book can import them, and this one knows them again by their `id`."""
    for batch in events.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            fields = {
                "type": row["type"],
                "occurred_at": row["occurred_at"],
                "customer": row["customer_id"],
                "source": row["source"],
                "id": row["event_id"].hex(),
                "actor": row["actor"],
                "data": _filled(row[row["type"]]),
            }
            yield encode_line({name: value for name, value in fields.items() if value is not None}).decode()


def _filled(value: Any) -> Any:
    """A struct as JSON has it: NULL fields left out, maps as objects."""
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):
            return {key: _filled(item) for key, item in value}
        return [_filled(item) for item in value]
    return value
