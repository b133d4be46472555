"""When things happen: the three years told, the seasons, opening hours, and instants on the shop's clock."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
FIRST_DAY: Final = date(2023, 7, 1)
LAST_DAY: Final = date(2026, 6, 30)
DAYS: Final = (LAST_DAY - FIRST_DAY).days + 1

OPT_OUT_BOX_FROM: Final = date(2023, 10, 2)
"""From this day the checkout shows a box to refuse mailings."""

STRICT_POLICY_FROM: Final = date(2025, 1, 6)
"""From this day the newsletter needs a double opt-in renewed within twelve months."""

MONTH_WEIGHTS: Final = (0.70, 0.80, 0.85, 0.92, 1.30, 0.90, 0.68, 0.52, 0.85, 1.00, 1.40, 2.10)
HOLIDAYS: Final = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
PEAK: Final = 3.5
"""At least the largest `season` times the largest `growth`; the thinning of purchases needs a bound."""


def local(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """The instant at which the shop's clock shows this time."""
    return datetime.combine(day, time(hour, minute, second), PARIS).astimezone(UTC)


def local_day(at: datetime) -> date:
    """The day on the shop's calendar."""
    return at.astimezone(PARIS).date()


def season(day: date) -> float:
    """How busy the day is beside an ordinary one."""
    weight = MONTH_WEIGHTS[day.month - 1]
    if day.month == 12:
        return weight * (1.3 if day.day <= 22 else 0.35)
    if day.month == 5:
        return weight * (1.15 if day.day <= 25 else 0.6)
    return weight


def growth(day: date) -> float:
    """The shop grows by about half over the three years."""
    return 0.8 + 0.45 * (day - FIRST_DAY).days / DAYS


def draw_day(rng: random.Random, first: date = FIRST_DAY) -> date:
    """A day on which a new customer comes, more of them in season and in later years."""
    while True:
        day = first + timedelta(days=rng.randrange((LAST_DAY - first).days + 1))
        if rng.random() * PEAK < season(day) * growth(day):
            return day


def web_moment(rng: random.Random, day: date) -> datetime:
    """A moment online: little at night, most in the evening."""
    hour = rng.choices(range(24), weights=(2, 1, 0, 0, 0, 1, 3, 5, 6, 7, 8, 8, 9, 8, 7, 7, 7, 8, 9, 11, 14, 15, 10, 5))[0]
    return local(day, hour, rng.randrange(60), rng.randrange(60))


def store_moment(rng: random.Random, day: date) -> datetime:
    """A moment in opening hours, Tuesday to Saturday, that day or the next open one."""
    while day.weekday() in (6, 0) or (day.month, day.day) in HOLIDAYS:
        day += timedelta(days=1)
    hour = rng.choices(range(10, 19), weights=(6, 9, 8, 4, 6, 8, 10, 11, 9))[0]
    return local(day, hour, rng.randrange(60), rng.randrange(60))


def office_moment(rng: random.Random, day: date) -> datetime:
    """A moment at which the shop telephones: Monday to Friday, 10 to 13 and 14 to 20 o'clock at the latest."""
    while day.weekday() >= 5 or (day.month, day.day) in HOLIDAYS:
        day += timedelta(days=1)
    return local(day, rng.choice((10, 10, 11, 11, 12, 14, 15, 16, 17, 18)), rng.randrange(60), rng.randrange(60))


def minutes(rng: random.Random, low: int, high: int) -> timedelta:
    """A span of minutes and seconds."""
    return timedelta(seconds=rng.randrange(low * 60, high * 60))


def days(rng: random.Random, low: int, high: int) -> timedelta:
    """A span of whole days."""
    return timedelta(days=rng.randint(low, high))
