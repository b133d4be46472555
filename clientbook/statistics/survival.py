"""How long until: Kaplan-Meier curves with Greenwood's variance, on whole durations (days).

E. L. Kaplan and P. Meier, JASA 53 (1958); M. Greenwood (1926); the interval on the log(-log) scale is that of
J. D. Kalbfleisch and R. L. Prentice, The Statistical Analysis of Failure Time Data (1980).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clientbook.statistics.wilson import Z95

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SurvivalCurve:
    """The share that is still without the event, by time. Arrays have one item per time at which an event was seen."""

    times: Ints
    survival: Floats
    """Just after each time."""
    at_risk: Floats
    """Under observation and without the event just before each time."""
    events: Floats
    variance: Floats
    """Greenwood's, of `survival`."""
    n: float
    longest: int
    """The longest duration under observation, with or without its event: beyond it nothing is known."""

    def at(self, t: float) -> float:
        """S(t)."""
        place = int(np.searchsorted(self.times, t, side="right"))
        return float(self.survival[place - 1]) if place else 1.0

    def reaches(self, t: float) -> bool:
        """Whether S(t) is known: somebody was under observation for so long, or nobody is left."""
        return self.longest >= t or self.at(t) == 0

    def between(self, t: float, z: float = Z95) -> tuple[float, float]:
        """The log(-log) interval of S(t); (S, S) where all or none are left."""
        place = int(np.searchsorted(self.times, t, side="right"))
        return self._between(place - 1, z) if place else (1.0, 1.0)

    def quantile(self, share: float = 0.5) -> float | None:
        """The first time at which S is at most `1 - share`, such as the median; None where it is not reached."""
        reached = np.flatnonzero(self.survival <= 1 - share + 1e-12)
        return float(self.times[reached[0]]) if len(reached) else None

    def quantile_between(self, share: float = 0.5, z: float = Z95) -> tuple[float | None, float | None]:
        """The times at which the interval of S crosses `1 - share`: R. Brookmeyer and J. Crowley, Biometrics 38 (1982)."""
        bounds = [self._between(place, z) for place in range(len(self.times))]
        low = next((float(t) for t, (low, _high) in zip(self.times, bounds, strict=True) if low <= 1 - share), None)
        high = next((float(t) for t, (_low, high) in zip(self.times, bounds, strict=True) if high <= 1 - share), None)
        return low, high

    def restricted_mean(self, limit: float) -> tuple[float, float]:
        """The mean duration up to `limit`, the area under S, and its standard error (Greenwood's)."""
        inside = self.times < limit
        edges = np.concatenate([[0.0], self.times[inside], [float(limit)]])
        steps = np.concatenate([[1.0], self.survival[inside]])
        areas = steps * np.diff(edges)
        left = np.cumsum(areas[::-1])[::-1][1:]  # the area to the right of each time of an event
        at_risk, events = self.at_risk[inside], self.events[inside]
        remaining = at_risk * (at_risk - events)
        spread = np.divide(events, remaining, out=np.zeros_like(remaining), where=remaining > 0)
        return float(areas.sum()), float(np.sqrt((left**2 * spread).sum()))

    def _between(self, place: int, z: float) -> tuple[float, float]:
        share = float(self.survival[place])
        if not 0 < share < 1:
            return share, share
        turned = log(-log(share))
        half = z * sqrt(float(self.variance[place])) / (share * -log(share))
        return exp(-exp(turned + half)), exp(-exp(turned - half))


def kaplan_meier(durations: ArrayLike, observed: ArrayLike, weights: ArrayLike | None = None) -> SurvivalCurve:
    """The curve of durations (whole, not negative) of which some ended with the event and the others are still open.

    `weights` says how many times each row counts.
    Counts by duration and cumulates them, so ten million rows cost about as much as reading them.
    """
    lasted = np.asarray(durations, dtype=np.int64)
    ended = np.asarray(observed, dtype=bool)
    counted = None if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(lasted):
        none = np.zeros(0)
        return SurvivalCurve(
            times=none.astype(np.int64), survival=none, at_risk=none, events=none, variance=none, n=0, longest=0
        )
    length = int(lasted.max()) + 1
    leaving = np.bincount(lasted, counted, length).astype(np.float64)
    events = np.bincount(lasted[ended], None if counted is None else counted[ended], length).astype(np.float64)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    times = np.flatnonzero(events > 0)
    risk, happened = at_risk[times], events[times]
    survival: Floats = np.cumprod(1 - happened / risk).astype(np.float64)
    remaining = risk * (risk - happened)
    spread = np.divide(happened, remaining, out=np.full_like(remaining, inf), where=remaining > 0)
    with np.errstate(invalid="ignore"):
        variance = np.where(survival > 0, survival**2 * np.cumsum(spread), 0.0)
    return SurvivalCurve(
        times=times,
        survival=survival,
        at_risk=risk,
        events=happened,
        variance=variance,
        n=float(at_risk[0]),
        longest=length - 1,
    )


def log_rank(durations: ArrayLike, observed: ArrayLike, group: ArrayLike) -> float:
    """The χ² of the log-rank test of two groups (1 degree of freedom): N. Mantel, Cancer Chemother Rep 50 (1966)."""
    lasted, ended = np.asarray(durations, dtype=np.int64), np.asarray(observed, dtype=bool)
    first = np.asarray(group, dtype=bool)
    length = int(lasted.max()) + 1

    def by_time(chosen: NDArray[np.bool_]) -> Floats:
        return np.bincount(lasted[chosen], minlength=length).astype(np.float64)

    n = np.cumsum(by_time(np.ones_like(first))[::-1])[::-1]
    n_first = np.cumsum(by_time(first)[::-1])[::-1]
    d, d_first = by_time(ended), by_time(ended & first)
    seen = (d > 0) & (n > 1)
    n, n_first, d, d_first = n[seen], n_first[seen], d[seen], d_first[seen]
    expected = d * n_first / n
    variance = d * (n_first / n) * (1 - n_first / n) * (n - d) / (n - 1)
    return float((d_first - expected).sum() ** 2 / variance.sum())
