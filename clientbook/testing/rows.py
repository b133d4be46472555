"""Rows for a log, written shortly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from clientbook.events.arrow import EVENT_ID, INSTANT, event_table
from clientbook.events.registry import Registry

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One event as a log takes it."""

    type: str = "tag_added"
    data: Mapping[str, Any] = field(default_factory=lambda: {"tag": "vip"})
    id: bytes | None = None
    customer_id: str | None = "anna"
    occurred_at: datetime = NOON
    source: str = "shop"
    actor: str | None = None
    batch: str | None = None


def event_id(name: str) -> bytes:
    """A 16-byte id that a test can name."""
    return name.encode().ljust(16, b"-")[:16]


def tag(tag: str, **envelope: Any) -> Row:
    """A `tag_added` with the id of its tag."""
    return Row(data={"tag": tag}, **{"id": event_id(tag), **envelope})


def log_rows(rows: Sequence[Row], registry: Registry | None = None) -> pa.Table:
    """The rows as the table that `append` takes, checked against their types.

    Raises:
        msgspec.ValidationError: data that its type refuses.
    """
    registry = registry or Registry()
    events = [(row.type, msgspec.convert(dict(row.data), registry[row.type])) for row in rows]
    columns = {
        "event_id": pa.array([row.id for row in rows], EVENT_ID),
        "type": pa.array([row.type for row in rows], pa.string()),
        "customer_id": pa.array([row.customer_id for row in rows], pa.string()),
        "occurred_at": pa.array([row.occurred_at for row in rows], INSTANT),
        "source": pa.array([row.source for row in rows], pa.string()),
        "actor": pa.array([row.actor for row in rows], pa.string()),
        "batch": pa.array([row.batch for row in rows], pa.string()),
    }
    return pa.table(columns | event_table(events, registry))
