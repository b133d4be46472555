"""Two groups compared: by levels (χ², Fisher), by ranks (Mann-Whitney), and many comparisons at once (Benjamini-Hochberg).

K. Pearson (1900); R. A. Fisher (1935); H. B. Mann and D. R. Whitney, Ann Math Stat 18 (1947), with the correction for ties;
W. Bergsma, J Korean Stat Soc 42 (2013), for Cramér's V; Y. Benjamini and Y. Hochberg, J R Stat Soc B 57 (1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Final

import numpy as np

FEWEST_EXPECTED: Final = 5
"""A cell of which fewer are expected makes χ² unsure."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far two groups differ."""

    method: str
    """chi2, fisher or mann-whitney."""
    p: float
    strength: float
    """0 to 1: Cramér's V without its bias, or the rank-biserial correlation, which has the sign of the difference."""


def compare_levels(counts: Sequence[tuple[int, int]]) -> Comparison | None:
    """Compare two groups by the counts of each level in the first and in the second; None where there is nothing to compare.

    Levels of which fewer than five are expected in either group are put together; two levels that are still too rare are
    compared by Fisher's test.
    """
    table = np.array([pair for pair in counts if sum(pair)], dtype=np.float64).reshape(-1, 2)
    if len(table) < 2 or (table.sum(axis=0) == 0).any():
        return None
    is_rare = _expected(table).min(axis=1) < FEWEST_EXPECTED
    if is_rare.any() and (~is_rare).any() and len(table) > 2:
        table = np.vstack([table[~is_rare], table[is_rare].sum(axis=0)])
    if len(table) < 2:
        return None
    n = table.sum()
    expected = _expected(table)
    statistic = float(((table - expected) ** 2 / expected).sum())
    strength = _cramer(statistic, n, len(table))
    if len(table) == 2 and expected.min() < FEWEST_EXPECTED:
        from scipy.stats import fisher_exact

        return Comparison(method="fisher", p=float(fisher_exact(table.astype(np.int64))[1]), strength=strength)
    from scipy.special import chdtrc

    return Comparison(method="chi2", p=float(chdtrc(len(table) - 1, statistic)), strength=strength)


def residual(inside: int, n_inside: int, outside: int, n_outside: int) -> float:
    """The adjusted residual of a level in the first group: about normal where groups do not differ (S. Haberman, 1973)."""
    n, level = n_inside + n_outside, inside + outside
    expected = level * n_inside / n
    variance = expected * (1 - level / n) * (1 - n_inside / n)
    return (inside - expected) / sqrt(variance) if variance > 0 else 0.0


def compare_ranks(u: float, first: int, second: int, ties: float) -> Comparison | None:
    """Mann-Whitney by the normal approximation, with continuity; None where a group is empty or all values are equal.

    `u` counts the pairs in which the first group's value is the greater, ties as halves; `ties` is the sum of t³ - t over
    the values that occur t times.
    """
    n = first + second
    if not first or not second or n < 2:
        return None
    variance = first * second / 12 * ((n + 1) - ties / (n * (n - 1)))
    if variance <= 0:
        return None
    distance = max(abs(u - first * second / 2) - 0.5, 0.0)
    p = erfc(distance / sqrt(variance) / sqrt(2))
    return Comparison(method="mann-whitney", p=p, strength=2 * u / (first * second) - 1)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """The adjusted p-value of each test: a q of 0.05 or less is a discovery where one in twenty may be false."""
    n = len(p)
    order = np.argsort(np.asarray(p, dtype=np.float64), kind="stable")
    adjusted = np.asarray(p, dtype=np.float64)[order] * n / np.arange(1, n + 1)
    adjusted = np.minimum(np.minimum.accumulate(adjusted[::-1])[::-1], 1.0)
    found = np.empty(n)
    found[order] = adjusted
    return [float(one) for one in found]


def _expected(table: np.ndarray) -> np.ndarray:
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum())


def _cramer(statistic: float, n: float, levels: int) -> float:
    """Bergsma's V for a table of two columns."""
    phi = max(0.0, statistic / n - (levels - 1) / (n - 1))
    rows = levels - (levels - 1) ** 2 / (n - 1)
    columns = 2 - 1 / (n - 1)
    smallest = min(rows, columns) - 1
    return sqrt(phi / smallest) if smallest > 0 else 0.0
