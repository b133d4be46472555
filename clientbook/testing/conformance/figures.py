"""What metrics, traits and segments have to keep to: their examples, and that only what had happened counts, once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from clientbook.book import Book
from clientbook.events.registry import Registry
from clientbook.hooks.declarations import Example
from clientbook.projection.moment import Moment
from clientbook.testing.answers import answer, end_of, explanations, members
from clientbook.testing.conformance.base import Conformance
from clientbook.testing.workbench import StandingClock, append, import_lines

_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "decimal": (Decimal, int),
    "float": (float, int, Decimal),
    "bool": (bool,),
    "text": (str,),
    "date": (date,),
}


_ANSWERS: dict[tuple[type, str], Any] = {}


class FigureConformance(Conformance):
    """What holds of metrics, traits and segments alike."""

    nothing: ClassVar[tuple[Any, ...]] = (None, 0, False, "")
    """Values that stand for nothing."""

    fewest: ClassVar[int] = 3
    """Examples that there have to be; the kit's own tests do with fewer."""

    def book_of(self, example: Example, events: Iterable[Mapping[str, Any]]) -> Book:
        """A book with these events, its clock after all that they tell."""
        book = self.book()
        assert isinstance(book.clock, StandingClock)
        book.clock.now = end_of(example.as_of, book) + timedelta(days=4)
        append(book, events)
        return book

    def answered(self, example: Example, book: Book) -> Any:
        return answer(book, self.given, end_of(example.as_of, book), example.customer)

    @property
    def examples(self) -> tuple[Example, ...]:
        return tuple(self.declared.examples)

    def plainly(self, example: Example) -> Any:
        """What is said of the example as it stands; found out once for all checks."""
        key = (type(self), example.name)
        if key not in _ANSWERS:
            _ANSWERS[key] = self.answered(example, self.book_of(example, example.events))
        return _ANSWERS[key]

    def test_its_examples_hold(self) -> None:
        """There are three examples at least (empty, typical, edge), and each holds."""
        assert len(self.examples) >= self.fewest, "show what is said of nothing, usually, and at the edge"
        for example in self.examples:
            value = self.plainly(example)
            assert is_same(value, example.value), f"example {example.name!r}: {value!r}, it says {example.value!r}"

    def test_the_order_of_events_is_irrelevant(self) -> None:
        """Events recorded in another order, each at the time when it happened, give the same value."""
        for example in self.examples:
            value = self.plainly(example)
            turned = self.answered(example, self.book_of(example, example.events[::-1]))
            assert is_same(turned, value), (
                f"example {example.name!r}: {value!r}, from the last event to the first {turned!r}"
            )

    def test_events_after_the_instant_do_not_count(self) -> None:
        """What happens after the instant asked for changes nothing: the example's own events come once more, days later."""
        for example in self.examples:
            book = self.book_of(example, example.events)
            value = self.plainly(example)
            append(book, later(example, end_of(example.as_of, book), book.registry))
            after = self.answered(example, book)
            assert is_same(after, value), f"example {example.name!r}: {value!r}, after more had happened {after!r}"

    def test_an_event_that_is_there_twice_counts_once(self) -> None:
        """Events that were imported, undone and imported again count once, as do events that are sent twice."""
        for example in self.examples:
            value = self.plainly(example)
            book = self.book_of(example, ())
            if batch := import_lines(book, example.events):
                book.undo(batch)
            import_lines(book, example.events)
            import_lines(book, example.events)
            again = self.answered(example, book)
            assert is_same(again, value), f"example {example.name!r}: {value!r}, imported, undone and imported {again!r}"

    def test_asked_twice_it_answers_the_same(self) -> None:
        """Two books that hold the same give the same value: nothing is kept between two answers."""
        for example in self.examples:
            first = self.plainly(example)
            second = self.answered(example, self.book_of(example, example.events))
            assert is_same(second, first), f"example {example.name!r}: first {first!r}, then {second!r}"

    def test_the_empty_book_gives_nothing(self) -> None:
        """Of an empty book it says nothing or zero, and does not fail."""
        book = self.book()
        found = answer(book, self.given, book.clock())
        values = list(found.values()) if isinstance(found, dict) else [found]
        assert all(value in self.nothing for value in values), f"of an empty book it says {values}"


class _ValueConformance(FigureConformance):
    """What holds of figures that have a value."""

    def test_the_value_is_of_its_type(self) -> None:
        """Each value is of the declared type; a ratio of two amounts is no text, a count has no fraction."""
        declared = self.declared
        expected = _TYPES[declared.value_type]
        for example in self.examples:
            found = self.plainly(example)
            for value in found.values() if isinstance(found, dict) else (found,):
                is_right = isinstance(value, expected) and isinstance(value, bool) is (declared.value_type == "bool")
                assert value is None or is_right, f"example {example.name!r}: {value!r} is no {declared.value_type}"


class MetricConformance(_ValueConformance):
    """A figure about the customers."""

    hook = "register_metrics"
    attribute = "metrics"


class TraitConformance(_ValueConformance):
    """A computed column of a customer."""

    hook = "register_traits"
    attribute = "traits"

    def test_it_speaks_of_customers_of_the_book(self) -> None:
        """What it computes has one row a customer at most, and no customer that the book does not know."""
        trait = self.declared
        if trait.compute is None:
            pytest.skip("an expression is computed for each customer")
        for example in self.examples:
            book = self.book_of(example, example.events)
            with book.reading(Moment(as_of=end_of(example.as_of, book))) as reading:
                given = trait.compute(reading.context(owner=trait.id))["customer_id"].to_pylist()
                known = {row["customer_id"] for row in reading.engine.rows("select customer_id from customers")}
            assert len(given) == len(set(given)), "it gives several rows for one customer"
            assert set(given) <= known, "it gives rows for customers that are not in the book"


class SegmentConformance(FigureConformance):
    """A rule that says which customers are in."""

    hook = "register_segments"
    attribute = "segments"

    def test_its_examples_say_who_is_in_and_who_is_out(self) -> None:
        """Among its examples is one who is in, and one who is out; each names a customer."""
        assert {example.value for example in self.examples} >= {True, False}
        assert all(example.customer for example in self.examples)

    def test_the_explanation_agrees_with_membership(self) -> None:
        """Who is in fulfils the conditions that the explanation lists, and who is out does not."""
        segment = self.declared
        if segment.sql is None:
            pytest.skip("what is computed by a function has no explanation")
        for example in self.examples:
            book = self.book_of(example, example.events)
            with book.reading(Moment(as_of=end_of(example.as_of, book))) as reading:
                inside = members(reading, segment)
                for customer, condition in explanations(reading, segment).items():
                    assert condition is not None
                    assert bool(condition.truth) is (customer in inside), f"example {example.name!r}: {condition.text}"

    def test_it_speaks_of_customers_of_the_book(self) -> None:
        """Everybody who is in is a customer of the book."""
        segment = self.declared
        for example in self.examples:
            book = self.book_of(example, example.events)
            with book.reading(Moment(as_of=end_of(example.as_of, book))) as reading:
                known = {row["customer_id"] for row in reading.engine.rows("select customer_id from customers")}
                assert members(reading, segment) <= known, f"example {example.name!r}"


def is_same(value: Any, expected: Any) -> bool:
    """Whether two values are the same; floats to nine digits, decimals and dates also where an example writes texts."""
    if isinstance(value, dict) and isinstance(expected, Mapping):
        return value.keys() == expected.keys() and all(is_same(value[key], expected[key]) for key in value)
    if isinstance(expected, str) and isinstance(value, Decimal | date):
        return str(value) == expected or (isinstance(value, Decimal) and value == Decimal(expected))
    if isinstance(value, bool) or isinstance(expected, bool) or value is None or expected is None:
        return value is expected
    if isinstance(value, float | Decimal) and isinstance(expected, int | float | Decimal):
        return math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-12)
    return bool(value == expected)


def later(example: Example, at: datetime, registry: Registry) -> list[dict[str, Any]]:
    """The example's events again, as others that happen after the instant, a minute apart."""
    copies = []
    for number, event in enumerate(example.events):
        natural = registry[event["type"]].natural_key
        data = {name: f"{value}-later" if name in natural else value for name, value in event.get("data", {}).items()}
        moment = at + timedelta(days=1, minutes=number)
        copy = {**event, "data": data, "occurred_at": moment.isoformat()}
        copies.append(copy | ({"id": f"{event['id']}-later"} if "id" in event else {}))
    return copies
