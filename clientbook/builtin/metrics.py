"""The metrics that every book has."""

from __future__ import annotations

from collections.abc import Iterable

from clientbook.api import Metric, hookimpl


@hookimpl
def register_metrics() -> Iterable[Metric]:
    """None yet."""
    return ()
