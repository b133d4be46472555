"""A figure as it is told: an estimate, what it is of, when, and what to mind about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from clientbook.hooks.declarations import Estimate, Format, Metric, Value

TOO_FEW: Final = "too_few"
INDICATIVE: Final = "indicative"
WIDE: Final = "wide"
FAILED: Final = "failed"
NO_DATA: Final = "no_data"

_SURE: Final = 300
"""With as many observations a share is told without looking at its interval."""
_HALF_WIDTH: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure, or one part of one."""

    id: str
    label: str
    """Translated, parameters put in."""
    group: str
    part: str | None
    part_label: str
    """The part as people call it; empty for a figure without parts."""
    value: Value
    unit: str
    low: float | None
    high: float | None
    method: str
    n: int
    note: str
    """Codes, set apart by blanks."""
    as_of: datetime
    format: Format
    by: str | None = None
    """The value of the column by which the book was divided; None for the whole book."""
    plugin: str = ""
    layout: str = "list"
    drill: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.note.split())

    def described(self) -> dict[str, Any]:
        """The documented shape of an item of `clientbook metrics --json`."""
        return {
            "id": self.id,
            "label": self.label,
            "part": self.part,
            "by": self.by,
            "value": self.value,
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "method": self.method,
            "n": self.n,
            "note": self.note,
            "as_of": self.as_of,
        }


def weighed(metric: Metric, estimate: Estimate) -> Estimate:
    """The estimate with the notes that its sample asks for; without its value where there are too few observations.

    A figure that declares a minimum of 0 is a count or a sum, of which any is right. Sums of floats may differ in their last
    digits from run to run, so these are cut.
    """
    notes = estimate.note.split()
    estimate = replace(estimate, value=_cut(estimate.value), low=_cut(estimate.low), high=_cut(estimate.high))
    if estimate.n < metric.minimum or TOO_FEW in notes:
        return replace(estimate, value=None, low=None, high=None, note=TOO_FEW)
    if estimate.value is None:
        return replace(estimate, low=None, high=None, note=" ".join(notes) or NO_DATA)
    if metric.minimum and estimate.n < metric.indicative:
        notes.insert(0, INDICATIVE)
    elif metric.unit == "ratio" and metric.minimum and estimate.n < _SURE and _is_wide(estimate):
        notes.insert(0, WIDE)
    return replace(estimate, note=" ".join(notes))


def _cut(value: Any) -> Any:
    return round(value, 9) if isinstance(value, float) else value


def _is_wide(estimate: Estimate) -> bool:
    if estimate.low is None or estimate.high is None:
        return False
    return float(estimate.high) - float(estimate.low) > 2 * _HALF_WIDTH
