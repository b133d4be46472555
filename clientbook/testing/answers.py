"""What metrics, traits and segments say of a book at an instant."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from clientbook.book import Book
from clientbook.hooks.declarations import Metric, Segment, Trait
from clientbook.measuring.running import Run
from clientbook.projection.moment import Moment
from clientbook.query.expressions import Condition, explain, whole_file
from clientbook.reading import Reading


def end_of(day: str, book: Book) -> datetime:
    """An instant given as text; of a date its last moment in the book's time zone."""
    moment = datetime.fromisoformat(day)
    if len(day) == len("2026-03-31"):
        moment = datetime.combine(moment.date(), time.max)
    return moment if moment.tzinfo else moment.replace(tzinfo=zoneinfo.ZoneInfo(book.settings.timezone))


def answer(book: Book, declared: Metric | Trait | Segment, at: datetime, customer: str | None = None) -> Any:
    """The value at an instant: of a metric in parts by part; of a trait and a segment for a customer, or all by id."""
    with book.reading(Moment(as_of=at)) as reading:
        if isinstance(declared, Metric):
            return _figure(reading, declared)
        if isinstance(declared, Trait):
            found = trait_values(reading, declared)
        else:
            found = dict.fromkeys(_ids(reading), False) | dict.fromkeys(members(reading, declared), True)
        return found if customer is None else found[book.find(reading.snapshot, customer)]


def trait_values(reading: Reading, trait: Trait) -> dict[str, Any]:
    """A trait's value for each customer."""
    reading.open(columns=[trait.column])
    assert not reading.plugins.troubles and not _failures(reading), _failures(reading) or reading.plugins.troubles
    rows = reading.engine.rows(f'select customer_id, "{trait.column}" as value from customers')
    return {row["customer_id"]: row["value"] for row in rows}


def members(reading: Reading, segment: Segment) -> set[str]:
    """Who is in a segment, its parameters at their defaults."""
    if segment.compute:
        table = segment.compute(reading.context(owner=segment.id))
        return set(table["customer_id"].to_pylist())
    assert segment.sql
    expression = reading.expression(segment.sql, {param.name: param.default for param in segment.params})
    prelude = whole_file(expression)
    source = "customers cross join whole" if prelude else "customers"
    rows = reading.engine.rows(f"{prelude}select customer_id from {source} where {expression.condition}")
    return {row["customer_id"] for row in rows}


def explanations(reading: Reading, segment: Segment) -> dict[str, Condition | None]:
    """Why each customer is in or out."""
    assert segment.sql
    expression = reading.expression(segment.sql, {param.name: param.default for param in segment.params})
    return {one: explain(reading.engine, expression, one) for one in _ids(reading)}


def _ids(reading: Reading) -> list[str]:
    return [row["customer_id"] for row in reading.engine.rows("select customer_id from customers")]


def _figure(reading: Reading, metric: Metric) -> Any:
    run = Run.of(reading)
    figures = run.figures([metric])
    assert not run.failures and not _failures(reading), f"it could not be computed: {run.failures or _failures(reading)}"
    if len(figures) == 1 and figures[0].part is None:
        return figures[0].value
    return {figure.part: figure.value for figure in figures}


def _failures(reading: Reading) -> Mapping[str, str]:
    return {one.name: f"{one.reason}\n{one.trace}" for one in reading.plugins.known.values() if one.failures}
