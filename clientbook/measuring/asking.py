"""Which figures are meant by ids and groups."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final

from clientbook.errors import WrongUse
from clientbook.hooks.declarations import Metric
from clientbook.i18n import _
from clientbook.measuring.words import GROUPS

HEADLINES: Final = (
    "core.revenue",
    "core.average_basket",
    "core.frequency",
    "core.lifetime_spend",
    "core.repeat_rate",
    "core.inactive_share",
)
"""Told by month and by group where nobody says which."""


class NoSuchFigure(WrongUse):
    """No plugin declares it."""


def chosen(
    metrics: Mapping[str, Metric], ids: Sequence[str] = (), groups: Sequence[str] = (), *, headlines: bool = False
) -> list[Metric]:
    """The metrics of these ids (with or without `core.`) and groups; all of them, or the headlines, where none are named.

    In the order of their groups, and of their ranks within them.

    Raises:
        NoSuchFigure: there is none of an id or group; the message names the nearest.
    """
    found: dict[str, Metric] = {}
    for id in ids:
        full = id if id in metrics else f"core.{id}"
        if full not in metrics:
            raise NoSuchFigure(_unknown(id, list(metrics)))
        found[full] = metrics[full]
    for group in groups:
        inside = {id: metric for id, metric in metrics.items() if metric.group == group}
        if not inside:
            raise NoSuchFigure(_unknown(group, sorted({metric.group for metric in metrics.values()})))
        found |= inside
    if not ids and not groups:
        found = {id: metrics[id] for id in HEADLINES if id in metrics} if headlines else dict(metrics)
    return sorted(found.values(), key=_place)


def _place(metric: Metric) -> tuple[int, str, int, str]:
    order = list(GROUPS)
    place = order.index(metric.group) if metric.group in order else len(order)
    return place, metric.group, metric.rank, metric.id


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, [*known, *(one.partition(".")[2] for one in known)], n=1)
    hint = _("; did you mean {name}?").format(name=near[0]) if near else ""
    return _("there is no figure {name!r}").format(name=name) + hint + _("; `clientbook metrics --explain` lists them")
