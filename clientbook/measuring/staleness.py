"""Whether a book is kept up to date."""

from __future__ import annotations

import zoneinfo
from datetime import date

from clientbook.builtin.figures.keeping import STALE_DAYS
from clientbook.builtin.figures.shared import sql
from clientbook.reading import Reading


def stale_since(reading: Reading) -> tuple[date, int] | None:
    """The day of the last event and how many days ago that is, where it is longer than a book in use is silent."""
    last = reading.engine.rows(sql("activity"), {"at": reading.at})[0]["event_at"]
    if last is None or (reading.at - last).days <= STALE_DAYS:
        return None
    return last.astimezone(zoneinfo.ZoneInfo(reading.settings.timezone)).date(), (reading.at - last).days
