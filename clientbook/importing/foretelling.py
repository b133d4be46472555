"""What the book would hold after an import, told before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from clientbook.events.registry import Registry
from clientbook.projection.snapshots import Projector
from clientbook.query.overview import holdings

Foretell = Callable[[pa.Table], dict[str, dict[str, Any]]]
"""Given the rows that an import would append: what the book holds `before` and `after`, each as `clientbook info` counts."""


def foretelling(projector: Projector, registry: Registry, *, currency: str) -> Foretell:
    """What tells the book with new rows from the book as it is. Orders and identities are folded with them, aside."""

    def foretell(rows: pa.Table) -> dict[str, dict[str, Any]]:
        with projector.snapshot() as snapshot:
            before = holdings(snapshot, registry, currency)
        if not len(rows):
            return {"before": before, "after": dict(before)}
        with projector.supposing(rows) as supposed:
            return {"before": before, "after": holdings(supposed, registry, currency)}

    return foretell
