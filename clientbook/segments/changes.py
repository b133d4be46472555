"""Who entered a segment or left it between two instants, and because of what: an event, the clock, an edit of the rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from clientbook.engine.duckdb import quoted
from clientbook.errors import WrongUse
from clientbook.i18n import _
from clientbook.projection.moment import NOW, Moment
from clientbook.query.expressions import Expression, Rule, check, inlined
from clientbook.reading import Reading
from clientbook.segments.behind import SHOWN, types_of_rule
from clientbook.segments.catalogue import Catalogue, Listed, NoSuchSegment

Cause = Literal["event", "time", "rule", "others"]
"""Events of the customer's own; the clock alone; another rule; what others did, by which an average or a rank moved."""

RuleOf = Literal["day", "now"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Somebody who entered or left."""

    customer_id: str
    name: str
    entered: bool
    cause: Cause
    events: tuple[Mapping[str, Any], ...]
    """Position, type and instant of the customer's events in between that the rule may read."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What became of a segment."""

    id: str
    label: str
    first: datetime
    last: datetime
    rules: tuple[str | None, str | None]
    """The rule at either instant, with the values of its parameters; None where there was none."""
    before: int
    after: int
    changes: tuple[Change, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many entered and left, by cause."""
        return {
            side: dict(sorted(Counter(one.cause for one in self.changes if one.entered is entered).items()))
            for side, entered in (("entered", True), ("left", False))
        }

    def described(self, limit: int | None = None) -> dict[str, Any]:
        """As JSON has it."""
        listed = [
            {"customer_id": one.customer_id, "name": one.name, "cause": one.cause, "events": list(one.events)}
            | {"entered": one.entered}
            for one in self.changes
        ]
        return {
            "segment": self.id,
            "label": self.label,
            "from": self.first,
            "to": self.last,
            "rule_from": self.rules[0],
            "rule_to": self.rules[1],
            "members_from": self.before,
            "members_to": self.after,
            "counts": self.counts(),
            "entered": [_without(one) for one in listed if one["entered"]][:limit],
            "left": [_without(one) for one in listed if not one["entered"]][:limit],
        }


def changes(
    book: Any, name: str, first: datetime, last: datetime | None, *, given: Mapping[str, str], rule_of: RuleOf = "day"
) -> Changes:
    """Compare a segment's members at two instants, the second one now unless given. `book` gives readings.

    Each instant has the rules of its day; with `rule_of` "now" both have today's.

    Raises:
        WrongUse: the first instant is not before the last.
        NoSuchSegment: the segment is there at neither instant.
        BadParameter, BrokenSegment: it cannot be asked.
    """
    with ExitStack() as stack:
        later = stack.enter_context(book.reading(Moment(as_of=last) if last else NOW))
        last = later.at
        if first >= last:
            raise WrongUse(_("--from has to be before --to"))
        earlier = stack.enter_context(book.reading(Moment(as_of=first)))
        waiting = stack.enter_context(book.reading(Moment(as_of=first)))
        waiting.at = last
        judges = (stack.enter_context(book.reading()),) * 2 if rule_of == "now" else (earlier, later)
        before, after = (_Asked.of(judge, name, given) for judge in judges)
        known = after.segment or before.segment
        if known is None:
            Catalogue(later).full_id(name)
        assert known is not None
        was, is_now = before.members(earlier), after.members(later)
        by_clock = before.members(waiting)
        old_rule = before.members(later) if before.text() != after.text() else is_now
        moved = sorted(was ^ is_now)
        types = before.types(earlier) | after.types(later)
        there = _names(earlier, moved)
        events = _events(later, [one for one in moved if one in there], first, types)
        events |= _events(later, [one for one in moved if one not in there], first, None)
        names = there | _names(later, moved)

    def cause(customer_id: str) -> Cause:
        was_in = customer_id in was
        if before.text() != after.text() and (customer_id in old_rule) is was_in:
            return "rule"
        if (customer_id in by_clock) is not was_in:
            return "time"
        return "event" if events.get(customer_id) else "others"

    return Changes(
        id=known.id,
        label=known.label,
        first=first,
        last=last,
        rules=(before.shown(), after.shown()),
        before=len(was),
        after=len(is_now),
        changes=tuple(
            Change(
                customer_id=one,
                name=names.get(one, one),
                entered=one in is_now,
                cause=cause(one),
                events=tuple(events.get(one, ())[-SHOWN:]) if cause(one) == "event" else (),
            )
            for one in moved
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A segment as it is in one reading, with the rules that it may be made of; None where it is not there."""

    segment: Listed | None
    rules: Mapping[str, Rule]

    @classmethod
    def of(cls, reading: Reading, name: str, given: Mapping[str, str]) -> _Asked:
        try:
            segment = Catalogue(reading).one(name, given)
        except NoSuchSegment:
            return cls(segment=None, rules=reading.rules)
        assert segment.sound
        return cls(segment=segment, rules=reading.rules)

    def members(self, reading: Reading) -> set[str]:
        """Who is in by this rule, at another reading's instant."""
        if self.segment is None:
            return set()
        expression = self._expression(reading)
        reading.open(expression)
        (condition,) = inlined(reading.engine, [expression])
        found = reading.engine.table(f"select customer_id from customers where {condition}")
        return set(found["customer_id"].to_pylist())

    def types(self, reading: Reading) -> frozenset[str]:
        """The types of events that may decide."""
        return types_of_rule(reading, self._expression(reading)) if self.segment else frozenset()

    def shown(self) -> str | None:
        """The rule with the values of its parameters."""
        if self.segment is None:
            return None
        values = ", ".join(f"{name}={value}" for name, value in self.segment.params.items())
        return f"{self.segment.rule or self.segment.id}{f' ({values})' if values else ''}"

    def text(self) -> tuple[Any, ...]:
        """What two are compared by: the rule, and those of the segments it is made of."""
        if self.segment is None:
            return ()
        parts = [(name, self.rules.get(name)) for name in self.segment.sound.segments]
        return self.shown(), *((name, rule and rule.text, rule and tuple(rule.params.items())) for name, rule in parts)

    def _expression(self, reading: Reading) -> Expression:
        assert self.segment is not None
        columns = copy(reading.columns)
        columns.segments = {**reading.columns.segments, **self.rules}
        if self.segment.rule is None:
            return check(f"in_segment('{self.segment.id}')", columns)
        return check(self.segment.rule, columns, self.segment.params)


def _events(
    reading: Reading, customers: Iterable[str], after: datetime, types: Iterable[str] | None
) -> dict[str, list[dict[str, Any]]]:
    """The events of customers after an instant, of these types or of any, and merges that took them away, in order."""
    ids = ", ".join(map(quoted, customers))
    if not ids:
        return {}
    since = f"timestamptz {quoted(after.isoformat())}"
    own = f"customer_id in ({ids})"
    if types is not None:
        own += f" and type in ({', '.join(map(quoted, (*sorted(types), 'customers_merged', 'customers_unmerged')))})"
    found = reading.snapshot.table(
        f"select customer_id, position, type, occurred_at from events where occurred_at > {since} and {own}"
        " union all select merged.customer_id, position, type, occurred_at from ("
        "select unnest(coalesce(customers_merged.merged, customers_unmerged.merged)) as customer_id, position, type,"
        f" occurred_at from events where occurred_at > {since} and type in ('customers_merged', 'customers_unmerged')"
        f") as merged where merged.customer_id in ({ids}) order by position"
    )
    events: dict[str, list[dict[str, Any]]] = {}
    for row in found.to_pylist():
        events.setdefault(row.pop("customer_id"), []).append(row)
    return events


def _names(reading: Reading, customers: Iterable[str]) -> dict[str, str]:
    ids = ", ".join(map(quoted, customers))
    if not ids:
        return {}
    rows = reading.engine.rows(f"select customer_id, name from customers where customer_id in ({ids})")
    return {row["customer_id"]: row["name"] for row in rows}


def _without(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "entered"}
