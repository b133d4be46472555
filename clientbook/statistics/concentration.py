"""How unequally a sum is spread: Gini's coefficient (C. Gini, 1912), the share of the greatest, classes A, B, C and D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clientbook.statistics.bootstrap import parts_of

Floats = NDArray[np.float64]

CLASSES: Final = ("A", "B", "C", "D")
_EDGES: Final = np.array([0.8, 0.95])


@dataclass(frozen=True, kw_only=True)
class Concentration:
    """One item per replicate; NaN where there is nothing to spread."""

    gini: Floats
    """0 where all have the same, nearly 1 where one has all."""
    top: Floats
    """What part of the sum the greatest share of the people hold; the one on the edge counts in part."""
    classes: Floats
    """Replicates × A, B, C, D: shares of the people. The greatest until they hold 80 % of the sum are A, until 95 % B,
    the rest C; whoever has nothing, or less, is D."""


def concentration(values: Floats, counts: NDArray[np.float32] | None = None, *, top: float = 0.2) -> Concentration:
    """How unequally `values`, one a person, are spread; with `counts` (replicates × people) once a replicate.

    Values that are not positive count as nothing.
    """
    order = np.argsort(-values, kind="stable")
    held = np.maximum(values[order], 0.0)
    has_nothing = held <= 0
    weights = np.ones((1, len(values)), dtype=np.float32) if counts is None else counts
    found = Concentration(
        gini=np.full(len(weights), np.nan), top=np.full(len(weights), np.nan), classes=np.full((len(weights), 4), np.nan)
    )
    if not len(held):
        return found
    for start, part in parts_of(weights, len(held)):
        rows = slice(start, start + len(part))
        drawn = part[:, order].astype(np.float64)
        people, money = np.cumsum(drawn, axis=1), np.cumsum(drawn * held, axis=1)
        everyone, whole = people[:, -1], money[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            before = money - drawn * held
            found.gini[rows] = (drawn * (money + before)).sum(axis=1) / (everyone * whole) - 1
            shares = before / whole[:, None]
        place = np.where(has_nothing, 3, np.searchsorted(_EDGES, shares, side="right"))
        for number in range(4):
            found.classes[rows, number] = np.where(whole > 0, (drawn * (place == number)).sum(axis=1) / everyone, np.nan)
        for line, total in enumerate(whole):
            edge = top * everyone[line]
            held_by_top = np.interp(edge, np.concatenate([[0.0], people[line]]), np.concatenate([[0.0], money[line]]))
            found.top[start + line] = held_by_top / total if total > 0 else np.nan
    return found
