"""Days and windows of calendar months."""

from __future__ import annotations

import calendar
from datetime import date
from typing import Final

from clientbook.api import Context

EPOCH: Final = date(1970, 1, 1)
MONTH_DAYS: Final = 30.4375


def months_back(day: date, months: int) -> date:
    """The same day so many calendar months earlier, or the last of that month where it is shorter."""
    number = day.year * 12 + day.month - 1 - months
    year, month = max(1, number // 12), number % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def since(ctx: Context, name: str = "months") -> date:
    """The last day before the window that a parameter says: so many months, 0 for everything."""
    months = int(ctx.params.get(name) or 0)  # type: ignore[arg-type]  # checked with the declaration
    return months_back(ctx.day, months) if months else date(1, 1, 1)
