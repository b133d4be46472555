"""Quantiles of independent observations, with the interval of order statistics: W. J. Conover, Practical Nonparametric
Statistics (1971), section 3.2, by the normal approximation of the binomial.
"""

from __future__ import annotations

from math import ceil, floor, sqrt

import numpy as np
from numpy.typing import NDArray

from clientbook.statistics.wilson import Z95


def quantile(values: NDArray[np.float64], share: float = 0.5) -> float:
    """The quantile by linear interpolation, as DuckDB's `quantile_cont`; NaN of nothing."""
    return float(np.quantile(values, share)) if len(values) else float("nan")


def order_interval(values: NDArray[np.float64], share: float = 0.5) -> tuple[float, float] | None:
    """The order statistics that enclose the quantile 19 times out of 20; None where there are too few values."""
    n = len(values)
    half = Z95 * sqrt(n * share * (1 - share))
    low, high = floor(n * share - half), ceil(n * share + half)
    if low < 1 or high > n:
        return None
    placed = np.partition(values, [low - 1, high - 1])
    return float(placed[low - 1]), float(placed[high - 1])
