"""The metrics that every book has."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from clientbook.api import Metric, hookimpl
from clientbook.builtin.metrics import buying, contact, keeping, leaving, portfolio


@hookimpl
def register_metrics() -> Iterable[Metric]:
    """About coming back and leaving, buying, revenue, contact, and the book itself."""
    declared = (*leaving.METRICS, *buying.METRICS, *portfolio.METRICS, *contact.METRICS, *keeping.METRICS)
    return [replace(metric, rank=number) for number, metric in enumerate(declared)]
