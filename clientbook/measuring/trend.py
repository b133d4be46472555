"""Figures month by month: each at the end of its month, from the tables as they were then."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta

from clientbook.builtin.figures.dates import months_back
from clientbook.hooks.declarations import Metric, Value
from clientbook.measuring.figures import Figure
from clientbook.measuring.running import Run
from clientbook.query.then import open_then
from clientbook.reading import Reading

_SCHEMA = "month_end"


def by_month(
    reading: Reading, metrics: Sequence[Metric], given: Mapping[str, Value], *, months: int
) -> tuple[list[Figure], dict[str, str]]:
    """The figures at the ends of the last months, the earliest first, then at the instant; what failed."""
    usable = [metric for metric in metrics if metric.trend and metric.layout != "matrix"]
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    for at in month_ends(reading, months):
        if at == reading.at:
            run = Run.of(reading)
        else:
            open_then(reading.engine, at, schema=_SCHEMA)
            run = Run.then(reading, usable, schema=_SCHEMA, at=at)
        figures += run.figures(usable, given)
        failures |= run.failures
    reading.engine.execute(f"drop schema if exists {_SCHEMA} cascade")
    return figures, failures


def month_ends(reading: Reading, months: int) -> list[datetime]:
    """The last moments of the months before the instant's, in the book's time zone; then the instant."""
    zone = zoneinfo.ZoneInfo(reading.settings.timezone)
    first = reading.day.replace(day=1)
    ends = []
    for back in range(months - 1, -1, -1):
        last_day = months_back(first, back) - timedelta(days=1)
        ends.append(datetime.combine(last_day, time.max, tzinfo=zone))
    return [*(end for end in ends if end < reading.at), reading.at]
