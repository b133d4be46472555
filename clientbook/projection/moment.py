"""The instant an answer is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The instant an answer is for. Both ways to say what was recorded may be given; the earlier one counts."""

    as_of: datetime | None = None
    """What had happened by then; None for everything."""
    known_at: datetime | None = None
    """What had been recorded by then; None for everything."""
    position: int | None = None
    """What had been recorded up to this event, as far as whole commits go; None for everything."""

    @property
    def is_now(self) -> bool:
        """Whether it is everything the book holds."""
        return self.as_of is None and self.known_at is None and self.position is None


NOW: Final = Moment()
