"""Figures about coming back and leaving: Kaplan-Meier curves of the days between orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from clientbook.api import Context, Estimate
from clientbook.builtin.figures.dates import MONTH_DAYS, day_number, months_back
from clientbook.builtin.figures.shared import Buyers, Floats, Ints, buyers, takings
from clientbook.builtin.returning import FEWEST_GAPS, STRATA, default_horizon
from clientbook.statistics import bootstrap
from clientbook.statistics.bootstrap import Weights
from clientbook.statistics.survival import SurvivalCurve, kaplan_meier
from clientbook.statistics.wilson import wilson

RANKS: Final = 50
"""Orders are followed up to this one."""
_CUT: Final = 1.5
_REPLICATES: Final = 400
"""Replicates of a curve: each costs a pass over all gaps of the sample."""


@dataclass(frozen=True, kw_only=True)
class Progression:
    """How many customers go on from each order to the next."""

    curves: tuple[SurvivalCurve, ...]
    horizon: int
    rates: Floats
    """The share who order again within the horizon, after the first order, the second, …"""

    @property
    def mean(self) -> float:
        """Expected orders: 1 + Σ ∏ rates. A lower bound where the last orders were too rare to follow."""
        return float(1 + np.cumprod(self.rates).sum())

    @property
    def median(self) -> int | None:
        """The first order after which fewer than half go on."""
        below = np.flatnonzero(np.cumprod(self.rates) < 0.5)
        return int(below[0]) + 1 if len(below) else None


def horizon(ctx: Context) -> int:
    """Days of silence after which somebody counts as gone: as set, else a year, or half of the book if that is shorter."""
    chosen = ctx.params.get("horizon_months")
    if chosen:
        return round(float(cast("int", chosen)) * MONTH_DAYS)
    first = takings(ctx)["first_day"]
    return default_horizon(first, ctx.day)


def progression(ctx: Context) -> Progression:
    """The curve of the gap after each order, until fewer than 30 customers have come so far."""
    within = horizon(ctx)
    return cast("Progression", ctx.once(f"progression {within}", lambda: _progression(buyers(ctx), within)))


def _progression(book: Buyers, within: int) -> Progression:
    gaps = book.gaps
    counts = np.bincount(np.minimum(gaps.rank, RANKS + 1), minlength=RANKS + 2)
    last = next((rank for rank in range(1, RANKS + 1) if counts[rank] < FEWEST_GAPS), RANKS + 1) - 1
    curves = []
    for rank in range(1, last + 1):
        rows = gaps.rank == rank
        curves.append(kaplan_meier(gaps.days[rows], gaps.closed[rows]))
    rates = np.array([1 - curve.at(within) for curve in curves])
    return Progression(curves=tuple(curves), horizon=within, rates=rates)


def _resampled_rates(ctx: Context, found: Progression) -> tuple[Floats, Floats, float]:
    """Rates in each replicate (replicates × orders), those of the sample itself, and the narrowing."""
    return cast(
        "tuple[Floats, Floats, float]",
        ctx.once(f"rates {found.horizon}", lambda: _make_resampled(buyers(ctx), found)),
    )


def _make_resampled(book: Buyers, found: Progression) -> tuple[Floats, Floats, float]:
    weights = _few(book.sample.weights)
    places = book.sample.place[book.gaps.owner]
    upto = np.array([found.horizon])
    own = Weights(counts=np.ones((1, len(book.sample.chosen)), dtype=np.float32), narrowing=1.0)
    replicates, sampled = [], []
    for rank in range(1, len(found.curves) + 1):
        rows = (book.gaps.rank == rank) & (places >= 0)
        given = (book.gaps.days[rows], book.gaps.closed[rows], places[rows], upto)
        replicates.append(1 - bootstrap.survivals(weights, *given)[:, 0])
        sampled.append(1 - bootstrap.survivals(own, *given)[:, 0])
    return np.array(replicates).T, np.array(sampled).T, weights.narrowing


def _few(weights: Weights) -> Weights:
    return Weights(counts=weights.counts[:_REPLICATES], narrowing=weights.narrowing)


def orders_before_ex_median(ctx: Context) -> Estimate:
    """How many orders half of the customers get to."""
    found, n = progression(ctx), int(buyers(ctx).has_ordered.sum())
    if not len(found.rates):
        return Estimate(value=None, n=n, note="too_few")
    replicates, _sampled, _narrowing = _resampled_rates(ctx, found)
    below = np.cumprod(replicates, axis=1) < 0.5
    medians = np.where(below.any(axis=1), below.argmax(axis=1) + 1, len(found.rates) + 1)
    low, high = np.quantile(medians, (0.025, 0.975), method="nearest")
    note = " ".join(filter(None, ("unreached" if found.median is None else "", _beyond(found))))
    return Estimate(value=found.median, n=n, low=float(low), high=float(high), method="bootstrap", note=note)


def orders_before_ex_mean(ctx: Context) -> Estimate:
    """How many orders the average customer gets to."""
    found, n = progression(ctx), int(buyers(ctx).has_ordered.sum())
    if not len(found.rates):
        return Estimate(value=None, n=n, note="too_few")
    replicates, sampled, narrowing = _resampled_rates(ctx, found)
    means = 1 + np.cumprod(replicates, axis=1).sum(axis=1)
    between = bootstrap.interval(found.mean, float(1 + np.cumprod(sampled).sum()), means, narrowing)
    low, high = between or (None, None)
    left = float(np.prod(found.rates))
    note = " ".join(filter(None, ("lower_bound" if left > 0.05 and len(found.rates) < RANKS else "", _beyond(found))))
    return Estimate(value=found.mean, n=n, low=low, high=high, method="bootstrap", note=note)


def _beyond(found: Progression) -> str:
    return "" if found.curves[0].reaches(found.horizon) else "beyond_history"


def reorder_rates(ctx: Context) -> Iterator[Estimate]:
    """The share who order again within the horizon, after each order."""
    found = progression(ctx)
    if not found.curves:
        yield Estimate(value=None, n=int(buyers(ctx).has_ordered.sum()), note="too_few", part="1")
    for rank, curve in enumerate(found.curves[:10], start=1):
        low, high = curve.between(found.horizon)
        note = "" if curve.reaches(found.horizon) else "beyond_history"
        yield Estimate(
            value=1 - curve.at(found.horizon),
            n=int(curve.n),
            low=1 - high,
            high=1 - low,
            method="greenwood",
            note=note,
            part=str(rank),
        )


def one_time_matured(ctx: Context) -> Estimate:
    """The share who will not order a second time within the horizon."""
    found = progression(ctx)
    if not found.curves:
        return Estimate(value=None, n=int(buyers(ctx).has_ordered.sum()), note="too_few")
    curve = found.curves[0]
    low, high = curve.between(found.horizon)
    return Estimate(
        value=curve.at(found.horizon), n=int(curve.n), low=low, high=high, method="greenwood", note=_beyond(found)
    )


def all_gaps(ctx: Context) -> SurvivalCurve:
    """The curve of all gaps, whichever order they follow."""
    gaps = buyers(ctx).gaps
    return cast("SurvivalCurve", ctx.once("all gaps", lambda: kaplan_meier(gaps.days, gaps.closed)))


def median_gap(ctx: Context) -> Estimate:
    """Days after which half have ordered again."""
    curve, book = all_gaps(ctx), buyers(ctx)
    median = curve.quantile()
    replicates = _resampled_gaps(ctx, curve)
    reached = replicates <= 0.5
    times = np.where(reached.any(axis=1), curve.times[reached.argmax(axis=1)] if len(curve.times) else 0, np.nan)
    own = median if median is not None else float("nan")
    between = bootstrap.interval(own, own, times.astype(np.float64), book.sample.weights.narrowing)
    low, high = between or (None, None)
    return Estimate(
        value=median,
        n=int(curve.n),
        low=low,
        high=high,
        method="bootstrap",
        note="unreached" if median is None else "",
    )


def silence_share(ctx: Context) -> Estimate:
    """The share of gaps that are longer than x months."""
    curve, book = all_gaps(ctx), buyers(ctx)
    days = (ctx.day - months_back(ctx.day, int(cast("int", ctx.params["months"])))).days
    column = int(np.searchsorted(curve.times, days, side="right")) - 1
    value = curve.at(days)
    replicates = _resampled_gaps(ctx, curve)
    found = replicates[:, column] if column >= 0 and replicates.shape[1] else np.ones(len(replicates))
    low, high = bootstrap.interval(value, value, found, book.sample.weights.narrowing) or (None, None)
    note = "" if curve.reaches(days) else "beyond_history"
    return Estimate(value=value, n=int(curve.n), low=low, high=high, method="bootstrap", note=note)


def _resampled_gaps(ctx: Context, curve: SurvivalCurve) -> Floats:
    def make() -> Floats:
        book = buyers(ctx)
        places = book.sample.place[book.gaps.owner]
        rows = places >= 0
        chosen = (book.gaps.days[rows], book.gaps.closed[rows], places[rows])
        return bootstrap.survivals(_few(book.sample.weights), *chosen, curve.times)

    return cast("Floats", ctx.once("resampled gaps", make))


@dataclass(frozen=True, kw_only=True)
class Return:
    """How likely each customer orders within the horizon; NaN where too little is known of such customers."""

    probability: Floats
    is_beyond: bool
    """Whether the horizon reaches beyond the longest gap on record for more than a twentieth of them."""


def return_probability(ctx: Context) -> Return:
    """p(H) = 1 - S(g + H) / S(g), g days after the last order, S of customers with as many orders."""
    within = horizon(ctx)
    return cast("Return", ctx.once(f"return {within}", lambda: _return(buyers(ctx), within, day_number(ctx.day))))


def _return(book: Buyers, within: int, today: int) -> Return:
    gaps = book.gaps
    is_open = ~gaps.closed
    probability = np.full(len(book.owner), np.nan)
    beyond = 0
    for least, most in STRATA:
        rows = (gaps.rank >= least) & (gaps.rank <= most)
        if rows.sum() < FEWEST_GAPS:
            continue
        curve = kaplan_meier(gaps.days[rows], gaps.closed[rows])
        now = rows & is_open
        silent = today - book.last[gaps.owner[now]]
        probability[gaps.owner[now]] = curve.ends_within(silent, within)
        beyond += int((silent + within > curve.longest).sum())
    return Return(probability=probability, is_beyond=beyond > 0.05 * max(1, int(book.has_ordered.sum())))


def standing(ctx: Context) -> Iterator[Estimate]:
    """Shares of the customers by how likely they order again."""
    book, found = buyers(ctx), return_probability(ctx)
    known = book.has_ordered & np.isfinite(found.probability)
    p, n = found.probability[known], int(known.sum())
    gone, at_risk = float(ctx.params["ex_below"]), float(ctx.params["at_risk_below"])  # type: ignore[arg-type]  # params of numbers
    counts = {"ex": p < gone, "at_risk": (p >= gone) & (p < at_risk), "active": p >= at_risk}
    for part, chosen in counts.items():
        if not n:
            yield Estimate(value=None, n=0, note="too_few", part=part)
            continue
        low, high = wilson(int(chosen.sum()), n)
        note = "beyond_history" if found.is_beyond else ""
        yield Estimate(value=float(chosen.mean()), n=n, low=low, high=high, method="wilson", note=note, part=part)


def first_orders_are_cut(ctx: Context) -> tuple[bool, int]:
    """Whether the book seems to begin in the middle of the shop's life, and the day until which a first order is doubtful.

    It seems so where the first orders of its first weeks are half again as frequent, or more, as those afterwards.
    """
    return cast("tuple[bool, int]", ctx.once("cut", lambda: _cut(ctx)))


def _cut(ctx: Context) -> tuple[bool, int]:
    book = buyers(ctx)
    firsts = book.first[book.has_ordered]
    if len(firsts) < FEWEST_GAPS:
        return False, 0
    begin, today = int(firsts.min()), day_number(ctx.day)
    span = today - begin
    gap = all_gaps(ctx).quantile(0.9)
    early = int(min(gap if gap is not None else 365, 365, max(1, span // 3)))
    before, after = int((firsts < begin + early).sum()), int((firsts >= begin + early).sum())
    later_days = max(1, span - early)
    return after > 0 and before / early >= _CUT * after / later_days, begin + early


def _tenure(ctx: Context, below: float) -> tuple[SurvivalCurve, int, str]:
    """The curve of days from the first order to the last of those who left; how many left; what to mind."""
    book, found = buyers(ctx), return_probability(ctx)
    is_cut, until = first_orders_are_cut(ctx)
    rows: Ints = np.flatnonzero(book.has_ordered & np.isfinite(found.probability) & ((book.first >= until) | (not is_cut)))
    gone = found.probability[rows] < below
    today = day_number(ctx.day)
    lasted = np.where(gone, book.last[rows], today) - book.first[rows]
    notes = ("left_truncated" if is_cut else "", "beyond_history" if found.is_beyond else "")
    return kaplan_meier(lasted, gone), int(gone.sum()), " ".join(filter(None, notes))


def lifetime_median(ctx: Context) -> Iterator[Estimate]:
    """Days from the first order to the last, for half of the customers."""
    for part, name in (("ex", "ex_below"), ("at_risk", "at_risk_below")):
        curve, events, note = _tenure(ctx, float(ctx.params[name]))  # type: ignore[arg-type]  # params of numbers
        median = curve.quantile()
        low, high = curve.quantile_between()
        note = note if median is not None or not events else f"unreached {note}".strip()
        yield Estimate(value=median, n=events, low=low, high=high, method="greenwood", note=note, part=part)


def lifetime_mean(ctx: Context) -> Iterator[Estimate]:
    """Days from the first order to the last, on average, as far as the limit."""
    limit = (ctx.day - months_back(ctx.day, int(cast("int", ctx.params["months"])))).days
    for part, name in (("ex", "ex_below"), ("at_risk", "at_risk_below")):
        curve, events, note = _tenure(ctx, float(ctx.params[name]))  # type: ignore[arg-type]  # params of numbers
        if not curve.reaches(limit):
            note = f"beyond_history {note}".strip() if "beyond_history" not in note else note
        mean, error = curve.restricted_mean(limit)
        low, high = max(0.0, mean - 1.959964 * error), min(float(limit), mean + 1.959964 * error)
        yield Estimate(value=mean, n=events, low=low, high=high, method="greenwood", note=note, part=part)
