"""What types of events have to keep to: events come back as they went in, also after the plugin was away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from clientbook.book import Book
from clientbook.testing.conformance.base import Conformance
from clientbook.testing.workbench import append, lines_of


class EventTypeConformance(Conformance):
    """A type of events."""

    hook = "register_event_types"
    attribute = "event_types"

    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    """What events say, as in JSON Lines: one with every field, and one with those that have to be there."""

    def _events(self) -> list[dict[str, Any]]:
        assert self.examples, "say what events of this type look like: examples = ({…}, {…})"
        event = self.declared.event
        named = {"customer": {"email": "someone@example.com"}} if event.customer != "none" else {}
        return [
            {
                "type": self.id,
                "occurred_at": f"2026-03-{number + 1:02}T10:00:00Z",
                "source": "kit",
                "id": None if event.natural_key else f"kit-{number}",
                "data": dict(data),
                **named,
            }
            for number, data in enumerate(self.examples)
        ]

    def _appended(self, book: Book, events: list[dict[str, Any]]) -> None:
        append(book, [{name: value for name, value in event.items() if value is not None} for event in events])

    def _read(self, book: Book) -> list[Any]:
        """The events of this type that the book holds, as their Struct."""
        query = f"select occurred_at, \"{self.id}\" as data from events where type = '{self.id}' order by occurred_at"
        rows = book.query(query).to_pylist() if self.id in book.registry else []
        return [_convert(row["data"], self.given.event) for row in rows]

    def _expected(self) -> list[Any]:
        return [msgspec.json.decode(json.dumps(dict(data), default=str), type=self.given.event) for data in self.examples]

    def test_events_come_back_as_they_went_in(self) -> None:
        """An event that is written to the log, and sealed, is read as it was given, field by field."""
        book = self.book()
        self._appended(book, self._events())
        assert self._read(book) == self._expected()
        book.seal(everything=True)
        assert self._read(self.bench.opened(book.folder, self.plugin)) == self._expected()

    def test_events_outlive_the_plugin(self) -> None:
        """A book without the plugin opens, counts its events and keeps them; with the plugin they are as they were."""
        book = self.book()
        self._appended(book, self._events())
        without = self.bench.opened(book.folder)
        counted = without.query(f"select count(*) as n from events where type = '{self.id}'")["n"][0].as_py()
        assert counted == len(self.examples)
        without.seal(everything=True)
        assert not without.verify().faults
        assert self._read(self.bench.opened(book.folder, self.plugin)) == self._expected()

    def test_an_event_that_is_sent_twice_is_one(self) -> None:
        """The same event sent twice is recorded once; two with different numbers are two."""
        book = self.book()
        self._appended(book, self._events())
        self._appended(book, self._events())
        assert len(self._read(book)) == len(self.examples)

    def test_it_refuses_what_it_does_not_know(self) -> None:
        """An event with an entry that the type does not have is refused, not taken without it."""
        book = self.book()
        event = self._events()[0]
        event["data"] = event["data"] | {"no_such_entry": 1}
        event = {name: value for name, value in event.items() if value is not None}
        assert book.append_lines(lines_of([event])).rejects

    def test_every_field_says_what_it_may_hold(self) -> None:
        """Texts and numbers have bounds, so that no file can put anything of any length into the book."""
        unbounded = [
            field.name
            for field in msgspec.inspect.type_info(self.declared.event).fields  # type: ignore[attr-defined]
            if _is_unbounded(field.type)
        ]
        assert unbounded == [], "use the types of clientbook.api, such as Text, Code, Count, Amount"


def _is_unbounded(kind: msgspec.inspect.Type) -> bool:
    match kind:
        case msgspec.inspect.Metadata():
            return _is_unbounded(kind.type)
        case msgspec.inspect.UnionType():
            return any(_is_unbounded(one) for one in kind.types)
        case msgspec.inspect.StrType():
            return kind.max_length is None and kind.pattern is None
        case msgspec.inspect.IntType():
            return kind.le is None and kind.lt is None
    return False


def _convert(row: Any, event: type) -> Any:
    filled = {name: value for name, value in row.items() if value is not None}
    return msgspec.convert(filled, event, strict=False)
