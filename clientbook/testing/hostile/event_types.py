"""Types of events that break one rule each, or one by which others are broken too."""

from __future__ import annotations

import itertools
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from clientbook.api import Code, Count, Event, EventType, Text
from clientbook.testing.conformance import EventTypeConformance
from clientbook.testing.hostile.making import broken, plugin

_numbers = itertools.count()


class Unsound(Event, frozen=True, kw_only=True):
    """Its number is no field of it."""

    natural_key = ("number",)
    points: Count


class Renumbered(Event, frozen=True, kw_only=True):
    """Its number is another each time it is read."""

    natural_key = ("number",)
    number: Code
    points: Count

    def __post_init__(self) -> None:
        super().__post_init__()
        msgspec.structs.force_setattr(self, "number", f"{self.number}-{next(_numbers)}")


class Lenient(Event, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """It takes entries that it does not know."""

    points: Count


class Unbounded(Event, frozen=True, kw_only=True):
    """Its text may be of any length."""

    text: Annotated[str, Meta(min_length=1)]
    more: Text | None = None


def _event(event: type[Event], name: str, example: dict[str, Any], *breaks: str) -> Any:
    declared = EventType(event=event, label="Hostile")
    module = plugin("register_event_types", declared)
    return broken(EventTypeConformance, module, f"hostile.{name}", breaks, examples=(example,))


TestUnsound = _event(Unsound, "unsound", {"points": 1}, "the_declaration_is_sound")
TestRenumbered = _event(
    Renumbered,
    "renumbered",
    {"number": "1", "points": 1},
    *("events_come_back_as_they_went_in", "events_outlive_the_plugin", "an_event_that_is_sent_twice_is_one"),
)
TestLenient = _event(Lenient, "lenient", {"points": 1}, "it_refuses_what_it_does_not_know")
TestUnbounded = _event(Unbounded, "unbounded", {"text": "x"}, "every_field_says_what_it_may_hold")
