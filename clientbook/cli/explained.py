"""The tree of conditions of a segment, for people: a line a condition, its value and events below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from clientbook.i18n import _
from clientbook.query.labels import column_label, event_label
from clientbook.query.text import display

if TYPE_CHECKING:
    from clientbook.segments.why import Reason


def reason_lines(
    reason: Reason,
    *,
    labels: Mapping[str, str],
    timezone: str,
    depth: int = 0,
    told: set[tuple[int, ...]] | None = None,
) -> Iterator[str]:
    """The lines of a reason and those below it; `labels` are those of computed columns, `told` the events named before."""
    told = set() if told is None else told
    one, indent = reason.condition, "  " * depth
    mark = "✓" if one.truth else "✗"
    yield f"{indent}{mark} {_heading(reason)}"
    if one.kind == "leaf":
        for line in _about(reason, labels=labels, timezone=timezone):
            yield f"{indent}    {line}"
        positions = tuple(event["position"] for event in reason.events)
        if positions and positions not in told:
            told.add(positions)
            listed = ", ".join(_event(event, timezone) for event in reason.events)
            yield f"{indent}    {_('behind it: {events}').format(events=listed)}"
    for child in reason.children:
        yield from reason_lines(child, labels=labels, timezone=timezone, depth=depth + 1, told=told)


def _heading(reason: Reason) -> str:
    one = reason.condition
    if one.kind == "all":
        return _("all of these:")
    if one.kind == "any":
        return _("at least one of these:")
    if one.kind == "not":
        return _("not:")
    if one.kind == "segment":
        return _("in the segment {id}").format(id=one.segment)
    return " ".join(one.text.split())


def _about(reason: Reason, *, labels: Mapping[str, str], timezone: str) -> Iterator[str]:
    one = reason.condition
    values = [
        f"{labels.get(name) or column_label(name)}: {_shown(value, timezone) or _('not known')}"
        for name, value in zip(one.columns, one.values, strict=True)
        if name != "customer_id"
    ]
    if one.operator and len(one.columns) == 1 and one.actual not in one.values and one.actual is not None:
        values.append(_("that is {value}").format(value=_shown(one.actual, timezone)))
    if one.operator and one.limit is not None and _shown(one.limit, timezone) not in one.text:
        values.append(_("the limit: {value}").format(value=_shown(one.limit, timezone)))
    if one.flips_at:
        operator = one.flips_at.split(" ")[0]
        said = _("it would not hold at {value}") if one.truth else _("it would hold at {value}")
        values.append(said.format(value=f"{operator} {_shown(one.limit, timezone)}"))
    if values:
        yield "; ".join(values)


def _event(event: Mapping[str, Any], timezone: str) -> str:
    said = _("{event} of {day} (event {position})")
    day = display(event["occurred_at"], timezone)[: len("2026-03-31")]
    return said.format(event=event_label(event["type"]), day=day, position=event["position"])


def _shown(value: Any, timezone: str) -> str:
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time.min:
        return value.date().isoformat()
    return display(value, timezone)
