"""Parameters of figures: their defaults, and what people set, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from clientbook.builtin.figures.dates import months_back
from clientbook.errors import WrongUse
from clientbook.hooks.checks import WrongParameter, value_of
from clientbook.hooks.declarations import Metric, Value
from clientbook.i18n import _


def chosen(metrics: Sequence[Metric], given: Mapping[str, str]) -> dict[str, Value]:
    """What was given, in each parameter's type.

    Raises:
        WrongUse: no figure has such a parameter, or the value does not fit.
    """
    known = {param.name: param for metric in metrics for param in metric.params}
    found: dict[str, Value] = {}
    for name, text in given.items():
        if name not in known:
            names = ", ".join(sorted(known)) or _("none")
            raise WrongUse(_("these figures have no parameter {name!r}; they have: {names}").format(name=name, names=names))
        try:
            found[name] = value_of(known[name], text)
        except WrongParameter as error:
            raise WrongUse(str(error)) from None
    return found


def of(metric: Metric, given: Mapping[str, Value]) -> dict[str, Value]:
    """All parameters of a figure: as given, else by default."""
    return {param.name: given.get(param.name, param.default) for param in metric.params}


def label_of(metric: Metric, params: Mapping[str, Value]) -> str:
    """The label in the reader's language, parameters put in."""
    label = _(metric.label)
    return label.format(**params) if "{" in label else label


def drill_of(metric: Metric, params: Mapping[str, Value], day: date, part: str | None) -> str | None:
    """The filter for the customers behind a figure, its days and its part put in."""
    if metric.drill is None or ("{part}" in metric.drill and part is None):
        return None
    months = params.get("months")
    since_months = months_back(day, months) if isinstance(months, int) and months else day
    quoted_part = (part or "").replace("'", "''")
    one_day = timedelta(days=1)
    return metric.drill.format(
        since_year=months_back(day, 12) + one_day, since_months=since_months + one_day, part=quoted_part
    )
