"""Books whose figures are known by heart, and what asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from clientbook.book import Book
from clientbook.measuring import asking
from clientbook.measuring import params as parameters
from clientbook.measuring.figures import Figure
from clientbook.measuring.running import Run
from clientbook.projection.moment import Moment

Events = Iterable[dict[str, Any]]


def order(who: str | None, day: str, total: str = "10", number: str | None = None, **data: Any) -> dict[str, Any]:
    """An order at noon."""
    sold = {"order_id": number or f"{who}-{day}-{total}", "total": total, "currency": "EUR"}
    event: dict[str, Any] = {"type": "order_placed", "source": "web", "occurred_at": f"{day}T12:00:00+01:00"}
    if who:
        event["customer"] = {"external": who}
    return event | {"data": sold | data}


def event(type: str, who: str | None, day: str, **data: Any) -> dict[str, Any]:
    """Anything else at noon."""
    made: dict[str, Any] = {"type": type, "source": "web", "occurred_at": f"{day}T12:00:00+01:00", "data": data}
    return made | ({"customer": {"external": who}} if who else {})


def ask(book: Book | Path, day: str, *ids: str, **given: str) -> list[Figure]:
    """The figures of these ids at the end of a day; none may fail."""
    opened = Book(book) if isinstance(book, Path) else book
    with opened.reading(Moment(as_of=datetime.fromisoformat(f"{day}T23:59:59+01:00"))) as reading:
        metrics = asking.chosen(opened.plugins.metrics, ids)
        run = Run.of(reading)
        figures = run.figures(metrics, parameters.chosen(metrics, given))
    assert run.failures == {}
    return figures


def value(book: Book | Path, day: str, id: str, part: str | None = None, **given: str) -> Any:
    """The value of one figure, or part."""
    return next(figure.value for figure in ask(book, day, id, **given) if figure.part == part)
