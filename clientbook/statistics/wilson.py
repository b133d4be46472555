"""Wilson's score interval of a share: E. B. Wilson, JASA 22 (1927); recommended by R. G. Newcombe, Stat Med 17 (1998)."""

from __future__ import annotations

from math import sqrt
from typing import Final

Z95: Final = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""


def wilson(successes: float, n: float, z: float = Z95) -> tuple[float, float]:
    """The interval of `successes / n`; it never leaves 0 to 1, also where there were none, or all.

    Raises:
        ValueError: `n` is not positive, or `successes` not between 0 and `n`.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"no share: {successes} of {n}")
    share, square = successes / n, z * z / n
    middle = share + square / 2
    half = z * sqrt(share * (1 - share) / n + square / (4 * n))
    low = 0.0 if successes == 0 else (middle - half) / (1 + square)
    high = 1.0 if successes == n else (middle + half) / (1 + square)
    return low, high
