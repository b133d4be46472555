"""The metrics that every book has."""

from __future__ import annotations

from collections.abc import Iterable

from clientbook.api import Metric, hookimpl
from clientbook.builtin.metrics import buying, contact, keeping, leaving, portfolio


@hookimpl
def register_metrics() -> Iterable[Metric]:
    """About coming back and leaving, buying, revenue, contact, and the book itself."""
    return (*leaving.METRICS, *buying.METRICS, *portfolio.METRICS, *contact.METRICS, *keeping.METRICS)
