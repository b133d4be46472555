"""Figures about revenue: what stays, what is known of the next year, and how few customers bring it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, cast

import numpy as np

from clientbook.api import Context, Estimate
from clientbook.builtin.figures.dates import day_number, months_back
from clientbook.builtin.figures.shared import (
    Buyers,
    Flags,
    Floats,
    buyers,
    money,
    ratio_interval,
    takings,
    windows,
)
from clientbook.statistics import bootstrap
from clientbook.statistics.concentration import CLASSES, Concentration, concentration
from clientbook.statistics.wilson import wilson

TOLERATED_ERROR: Final = 0.2
"""A way to forecast that missed the last year by more is not shown."""
_SLACK_DAYS: Final = 15
"""So much may be missing of the years that a figure needs."""


def revenue(ctx: Context) -> Estimate:
    """Net revenue of the last 12 months, guests included."""
    found = takings(ctx)
    note = "foreign_left_out" if found["foreign_orders_year"] else ""
    return Estimate(value=money(found["net_year"]), n=int(found["orders_year"]), method="none", note=note)


def covers(ctx: Context, months: int) -> bool:
    """Whether the book reaches so far back."""
    first = cast("date | None", takings(ctx)["first_day"])
    return first is not None and (first - months_back(ctx.day, months)).days <= _SLACK_DAYS


def retention(ctx: Context) -> Estimate:
    """Of the revenue of the 12 months before, by customers then active, what the same customers brought in the last 12."""
    book = buyers(ctx)
    then = _active_before(book, ctx)
    n = int(then.sum())
    if not covers(ctx, 24):
        return Estimate(value=None, n=n, note="short_history")
    before, after = np.where(then, book.net_before, 0.0), np.where(then, book.net_year, 0.0)
    total = float(before.sum())
    low, high = ratio_interval(book.sample, after, before) or (None, None)
    value = float(after.sum()) / total if total > 0 else None
    return Estimate(value=value, n=n, low=low, high=high, method="bootstrap")


def _active_before(book: Buyers, ctx: Context) -> Flags:
    """Who ordered in the 12 months before the last 12."""
    days = windows(ctx)
    begin, end = day_number(days["since_two"]), day_number(days["since"])
    found = np.zeros(len(book.owner), dtype=bool)
    found[book.visits_owner[(book.visits_day > begin) & (book.visits_day <= end)]] = True
    return found


def known_share(ctx: Context) -> Estimate:
    """Revenue of the last 12 months from customers known before, by all revenue of the 12 months before."""
    book, found = buyers(ctx), takings(ctx)
    known = book.first <= day_number(windows(ctx)["since"])
    n, total = int(known.sum()), float(found["net_before"])
    if not covers(ctx, 24):
        return Estimate(value=None, n=n, note="short_history")
    if total <= 0:
        return Estimate(value=None, n=n)
    kept = np.where(known, book.net_year, 0.0)
    value, weights = float(kept.sum()) / total, book.sample.weights
    of_guests = float(found["guest_net_before"])
    chosen = book.sample.chosen
    scale = len(book.owner) / max(1, len(chosen))
    above = weights.counts @ kept[chosen].astype(np.float32) * scale
    below = weights.counts @ book.net_before[chosen].astype(np.float32) * scale + of_guests
    sampled = float(kept[chosen].sum() * scale / (book.net_before[chosen].sum() * scale + of_guests))
    low, high = bootstrap.interval(value, sampled, (above / below).astype(np.float64), weights.narrowing) or (None, None)
    error = backtest_error(ctx)
    if error is None:
        note = "no_backtest"
    elif abs(error) > TOLERATED_ERROR:
        return Estimate(value=None, n=n, note="backtest_failed")
    else:
        note = ""
    miss = abs(error or 0.0)
    if low is not None and high is not None:
        low, high = max(0.0, low - miss * value), high + miss * value
    return Estimate(value=value, n=n, low=low, high=high, method="bootstrap + backtest", note=note)


def backtest_error(ctx: Context) -> float | None:
    """What the same computation a year ago would have forecast for the last 12 months, by what came, less 1.

    None where the book does not reach back three years.
    """
    book, found = buyers(ctx), takings(ctx)
    days = windows(ctx)
    if not covers(ctx, 36) or found["net_earlier"] <= 0:
        return None
    before = float(book.net_before[book.first <= day_number(days["since_two"])].sum()) / float(found["net_earlier"])
    came = float(book.net_year[book.first <= day_number(days["since"])].sum())
    return before * float(found["net_before"]) / came - 1 if came > 0 else None


def known_revenue(ctx: Context) -> Estimate:
    """The share known, of a next year as large as the last."""
    share, year = known_share(ctx), float(takings(ctx)["net_year"])
    if share.value is None:
        return Estimate(value=None, n=share.n, note=share.note)
    low = None if share.low is None else float(share.low) * year
    high = None if share.high is None else float(share.high) * year
    value = money(float(cast("float", share.value)) * year)
    return Estimate(value=value, n=share.n, low=low, high=high, method=share.method, note=share.note)


def known_backtest(ctx: Context) -> Estimate:
    """By how much last year's forecast was wrong."""
    error = backtest_error(ctx)
    n = int((buyers(ctx).first <= day_number(windows(ctx)["since"])).sum())
    return Estimate(value=error, n=n, method="none", note="" if error is not None else "short_history")


def refund_share(ctx: Context) -> Estimate:
    """Of the gross of the last 12 months, what was paid back; the interval is that of the customers', guests left out."""
    found, book = takings(ctx), buyers(ctx)
    gross, n = float(found["gross_year"]), int(found["orders_year"])
    if gross <= 0:
        return Estimate(value=None, n=n)
    value = 1 - float(found["net_year"]) / gross
    between = ratio_interval(book.sample, book.gross_year - book.net_year, book.gross_year, of=value)
    low, high = between or (None, None)
    return Estimate(value=value, n=n, low=low, high=high, method="bootstrap")


def _spent(ctx: Context) -> tuple[Floats, Concentration, Concentration, float]:
    """Net amounts of customers who bought in the window; how they are spread, and how far off each replicate is."""
    is_year = ctx.params["window"] == "year"

    def make() -> tuple[Floats, Concentration, Concentration, float]:
        book = buyers(ctx)
        spent, rows = (book.net_year, book.moves_year > 0) if is_year else (book.net, np.ones(len(book.net), bool))
        values = spent[rows]
        chosen = book.sample.chosen[rows[book.sample.chosen]]
        sampled = spent[chosen]
        weights = bootstrap.drawn(len(sampled), max(1, len(values)), replicates=400)
        replicates = concentration(sampled, weights.counts)
        own = concentration(sampled)
        moved = Concentration(
            gini=replicates.gini - own.gini, top=replicates.top - own.top, classes=replicates.classes - own.classes
        )
        return values, concentration(values), moved, weights.narrowing

    return cast("tuple[Floats, Concentration, Concentration, float]", ctx.once(f"spread {is_year}", make))


def _spread(value: float, moved: Floats, narrowing: float) -> tuple[float | None, float | None]:
    return bootstrap.interval(value, 0.0, moved, narrowing) or (None, None)


def gini(ctx: Context) -> Estimate:
    """Gini's coefficient of customers' revenue."""
    values, whole, moved, narrowing = _spent(ctx)
    value = float(whole.gini[0])
    low, high = _spread(value, moved.gini, narrowing)
    return Estimate(value=_finite(value), n=len(values), low=low, high=high, method="bootstrap")


def top_share(ctx: Context) -> Estimate:
    """What part of the revenue the greatest fifth of the customers bring."""
    values, whole, moved, narrowing = _spent(ctx)
    value = float(whole.top[0])
    low, high = _spread(value, moved.top, narrowing)
    return Estimate(value=_finite(value), n=len(values), low=low, high=high, method="bootstrap")


def abc(ctx: Context) -> Iterator[Estimate]:
    """Shares of the customers in the classes A, B, C and D."""
    values, whole, moved, narrowing = _spent(ctx)
    for number, part in enumerate(CLASSES):
        value = float(whole.classes[0, number])
        low, high = _spread(value, moved.classes[:, number], narrowing)
        low, high = (None if low is None else max(0.0, low)), (None if high is None else min(1.0, high))
        yield Estimate(value=_finite(value), n=len(values), low=low, high=high, method="bootstrap", part=part)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def cohorts(ctx: Context) -> Iterator[Estimate]:
    """Of the customers whose first order was in a month, what part ordered again so many months later.

    Parts are `2025-03/0`, `2025-03/1`, …; the month of the instant is not over.
    """
    book = buyers(ctx)
    if not len(book.visits_owner):
        yield Estimate(value=None, n=0)
        return
    months = book.visits_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    begins = np.flatnonzero(np.diff(book.visits_owner, prepend=-1))
    lengths = np.diff(np.append(begins, len(book.visits_owner)))
    cohort = np.repeat(months[begins], lengths)
    lowest = int(cohort.min())
    width = int(months.max()) - lowest + 1
    first_of_month = np.append(True, (np.diff(months) != 0) | (np.diff(book.visits_owner) != 0))
    cells = (cohort - lowest) * width + (months - cohort)
    counts = np.bincount(cells[first_of_month], minlength=width * width).reshape(width, width)
    today = (ctx.day.year - 1970) * 12 + ctx.day.month - 1
    last_day_is_over = ctx.day.month != (date.fromordinal(ctx.day.toordinal() + 1)).month
    shown = int(cast("int", ctx.params["cohorts"]))
    for row in range(max(0, width - shown) if shown else 0, width):
        size = int(counts[row, 0])
        if not size:
            continue
        for age in range(today - lowest - row + 1):
            count = int(counts[row, age]) if age < width else 0
            low, high = wilson(count, size) if age else (None, None)
            year, month = divmod(lowest + row, 12)
            is_partial = lowest + row + age == today and not last_day_is_over
            yield Estimate(
                value=count / size,
                n=size,
                low=low,
                high=high,
                method="wilson" if age else "none",
                note="partial" if is_partial else "",
                part=f"{1970 + year}-{month + 1:02}/{age}",
            )
