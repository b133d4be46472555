"""Intervals by resampling customers, never orders: B. Efron, Annals of Statistics 7 (1979).

Orders of one customer resemble one another, so an order is no independent observation. Above `LARGEST` customers a sample of
them is resampled and the interval narrowed by √(m/n): P. J. Bickel, F. Götze and W. R. van Zwet, Statistica Sinica 7 (1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST: Final = 20_000
"""So many customers are resampled as they are; of more, a sample of about this size."""
REPLICATES: Final = 2_000
_CELLS: Final = 20_000_000
"""Replicates times customers, at most: eighty megabytes of counts."""
_FEWEST: Final = 200


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How often each customer was drawn, in each replicate."""

    counts: NDArray[np.float32]
    """Replicates × customers."""
    narrowing: float
    """√(m/n), by which an interval made of a sample is narrowed."""


def drawn(sampled: int, of: int, *, replicates: int | None = None, seed: int = 1) -> Weights:
    """Multinomial counts of `sampled` customers of a book of `of`; the same for the same arguments."""
    chosen = replicates or max(_FEWEST, min(REPLICATES, _CELLS // max(1, sampled)))
    generator = np.random.default_rng(seed)
    counts = np.empty((chosen, sampled), dtype=np.float32)
    for replicate in range(chosen):
        counts[replicate] = np.bincount(generator.integers(0, sampled, sampled), minlength=sampled)
    return Weights(counts=counts, narrowing=sqrt(sampled / of) if of else 1.0)


def interval(value: float, sampled_value: float, replicates: Floats, narrowing: float) -> tuple[float, float] | None:
    """The 2.5 and 97.5 % quantiles of the replicates, moved from the sample's value to the book's and narrowed.

    None where most of the replicates have no value.
    """
    finite = replicates[np.isfinite(replicates)]
    if len(finite) < len(replicates) / 2 or not np.isfinite(sampled_value):
        return None
    low, high = np.quantile(finite, (0.025, 0.975))
    return value + (float(low) - sampled_value) * narrowing, value + (float(high) - sampled_value) * narrowing


def ratios(weights: Weights, numerators: Floats, denominators: Floats) -> Floats:
    """Ratios of sums in each replicate; sums per customer come as customers × figures, ratios go as replicates × figures."""
    above = weights.counts @ numerators.astype(np.float32)
    below = weights.counts @ denominators.astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = (above / below).astype(np.float64)
    return found


def quantiles(weights: Weights, values: Floats, owners: Ints, shares: tuple[float, ...]) -> Floats:
    """Quantiles of values, each owned by a customer, in each replicate: replicates × shares."""
    order = np.argsort(values, kind="stable")
    sorted_values, sorted_owners = values[order], owners[order]
    found = np.empty((len(weights.counts), len(shares)))
    for start, counts in parts_of(weights.counts, len(values)):
        cumulated = np.cumsum(counts[:, sorted_owners], axis=1, dtype=np.float64)
        for row, line in enumerate(cumulated):
            places = np.searchsorted(line, np.array(shares) * line[-1], side="left")
            found[start + row] = sorted_values[np.minimum(places, len(values) - 1)] if line[-1] else np.nan
    return found


def survivals(weights: Weights, durations: Ints, observed: NDArray[np.bool_], owners: Ints, upto: Ints) -> Floats:
    """S(t) of the Kaplan-Meier curve at each of the times `upto`, in each replicate: replicates × times."""
    order = np.argsort(durations, kind="stable")
    lasted, ended, owned = durations[order], observed[order], owners[order]
    times = np.unique(lasted[ended])
    if not len(times):
        return np.ones((len(weights.counts), len(upto)))
    first = np.searchsorted(lasted, times, side="left")
    after = np.searchsorted(lasted, times, side="right")
    columns = np.searchsorted(times, upto, side="right")
    found = np.empty((len(weights.counts), len(upto)))
    for start, counts in parts_of(weights.counts, len(lasted)):
        chosen = counts[:, owned]
        cumulated = np.zeros((len(chosen), len(lasted) + 1))
        np.cumsum(chosen, axis=1, out=cumulated[:, 1:])
        at_risk = cumulated[:, -1:] - cumulated[:, first]
        np.cumsum(chosen * ended, axis=1, out=cumulated[:, 1:])
        events = cumulated[:, after] - cumulated[:, first]
        steps = np.ones((len(chosen), len(times) + 1))
        np.divide(events, at_risk, out=events, where=at_risk > 0)
        np.cumprod(1 - events, axis=1, out=steps[:, 1:])
        found[start : start + len(chosen)] = steps[:, columns]
    return found


def parts_of(counts: NDArray[np.float32], rows: int) -> list[tuple[int, NDArray[np.float32]]]:
    """The replicates in parts that, spread over so many rows, take less than a hundred megabytes."""
    size = max(1, 12_000_000 // max(1, rows))
    return [(start, counts[start : start + size]) for start in range(0, len(counts), size)]
