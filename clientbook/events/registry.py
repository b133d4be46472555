"""Which event types exist, and by which numbers they name customers: the core catalogue plus what plugins add."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from clientbook.errors import ClientbookError
from clientbook.events import actions, book, consent, personal, reactions
from clientbook.events.base import Event, type_name
from clientbook.i18n import _

CORE_EVENTS: tuple[type[Event], ...] = personal.EVENTS + actions.EVENTS + reactions.EVENTS + consent.EVENTS + book.EVENTS


class UnknownEventType(ClientbookError, KeyError):
    """No event type has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, list(known), n=1)
        hint = _("; did you mean {near}?").format(near=near[0]) if near else _("; `clientbook events --types` lists them")
        super().__init__(_("unknown event type {name!r}{hint}").format(name=name, hint=hint))

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show it quoted


class DuplicateEventType(ValueError):
    """Two declarations claim one type name."""

    def __init__(self, name: str) -> None:
        super().__init__(_("event type {name!r} is declared twice").format(name=name))


class Registry(Mapping[str, type[Event]]):
    """Event types by name, in the order of declaration.

    Plugin types carry their namespace: `acme.loyalty_tier_changed`.
    """

    def __init__(self, events: Iterable[type[Event]] = CORE_EVENTS) -> None:
        self._types: dict[str, type[Event]] = {}
        self.sides: dict[str, str] = {}
        """Where events of plugins stand on the time line, by type."""
        self.identifiers: dict[str, Callable[[str], str | None]] = {}
        """Kinds of numbers that plugins add, such as `loyalty.card`, each with what makes two spellings the same."""
        for event in events:
            self.add(event)

    def add(self, event: type[Event], *, namespace: str = "", side: str = "other") -> str:
        """Register a type and return its name. `side` is that of a plugin's type.

        Raises:
            DuplicateEventType: the name is taken.
            ValueError: the namespace is not a lower-case word.
        """
        if namespace and not re.fullmatch(r"[a-z][a-z0-9_]*", namespace):
            raise ValueError(f"plugin namespace {namespace!r} is not a lower-case word")
        name = f"{namespace}.{type_name(event)}" if namespace else type_name(event)
        if name in self._types:
            raise DuplicateEventType(name)
        self._types[name] = event
        if namespace:
            self.sides[name] = side
        return name

    def __getitem__(self, name: str) -> type[Event]:
        try:
            return self._types[name]
        except KeyError:
            raise UnknownEventType(name, self._types) from None

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def name_of(self, event: Event) -> str:
        """The type name of an event instance."""
        for name, kind in self._types.items():
            if kind is type(event):
                return name
        raise UnknownEventType(type_name(type(event)), self._types)
