"""What a shop may set under `[plugins.loyalty]` in its `book.toml`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of the shop's scheme, and the clock of its tills."""

    points_last_months: Annotated[int, Meta(ge=1, le=120)] = 12
    """Months after which points that were not spent expire."""
    warn_months: Annotated[int, Meta(ge=1, le=12)] = 1
    """How long before that they count as about to expire."""
    timezone: str = "Europe/Paris"
    """Where the tills stand: their exports give the time of day without an offset."""
