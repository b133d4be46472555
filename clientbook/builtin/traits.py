"""The traits that every book has."""

from __future__ import annotations

from collections.abc import Iterable

from clientbook.api import Trait, hookimpl


@hookimpl
def register_traits() -> Iterable[Trait]:
    """None yet."""
    return ()
