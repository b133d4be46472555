"""The segments that every book has."""

from __future__ import annotations

from collections.abc import Iterable

from clientbook.api import Segment, hookimpl


@hookimpl
def register_segments() -> Iterable[Segment]:
    """None yet."""
    return ()
