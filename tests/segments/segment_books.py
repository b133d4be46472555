"""Events of small books to ask about segments, and who is in one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from clientbook.book import Book
from clientbook.projection.moment import Moment
from clientbook.reading import Reading
from clientbook.segments.catalogue import Catalogue
from clientbook.segments.defining import member_ids

PARIS = ZoneInfo("Europe/Paris")


def at(day: str) -> datetime:
    """The end of a day in Paris, or a time of it."""
    moment = datetime.fromisoformat(day)
    return moment.replace(hour=23, minute=59, second=59, tzinfo=PARIS) if len(day) == 10 else moment.replace(tzinfo=PARIS)


def happened(who: str | None, type: str, day: str, **data: Any) -> dict[str, Any]:
    """An event of somebody, known by a made-up e-mail."""
    moment = datetime.fromisoformat(day if "T" in day else f"{day}T12:00:00").replace(tzinfo=PARIS)
    event: dict[str, Any] = {"type": type, "occurred_at": moment.isoformat(), "data": data, "source": "web"}
    return event | ({"customer": {"email": f"{who}@example.com"}} if who else {})


def order(who: str, day: str, total: str = "20.00", **data: Any) -> dict[str, Any]:
    """An order; its number follows from customer and day."""
    sold = {"order_id": f"{who}-{day}", "total": total, "currency": "EUR"} | data
    return happened(who, "order_placed", day, **sold)


def line(sku: str, quantity: str = "1", amount: str = "10.00") -> dict[str, Any]:
    return {"sku": sku, "product": f"Product {sku}", "quantity": quantity, "unit_price": amount, "amount": amount}


def tell(book: Book, *events: dict[str, Any]) -> None:
    """Append events, all of which have to go in."""
    outcome = book.append_lines(json.dumps(event).encode() for event in events)
    assert not outcome.rejects, outcome.rejects


def reading_of(book: Book, day: str | None) -> Reading:
    return book.reading(Moment(as_of=at(day)) if day else Moment())


def people(reading: Reading, ids: Iterable[str]) -> set[str]:
    """Customers by the first part of their e-mail."""
    listed = ", ".join(f"'{one}'" for one in ids) or "''"
    found = reading.engine.rows(f"select email from customers where customer_id in ({listed})")
    return {row["email"].partition("@")[0] for row in found}


def members(book: Book, segment: str, day: str | None = None, **params: Any) -> set[str]:
    """Who is in a segment, by the first part of their e-mail."""
    with reading_of(book, day) as reading:
        catalogue = Catalogue(reading)
        listed = catalogue.one(segment, {name: str(value) for name, value in params.items()})
        assert listed.sound
        catalogue.use(listed)
        return people(reading, member_ids(reading, f"in_segment('{listed.id}')"))


def mixed_shop() -> Iterator[dict[str, Any]]:
    """Two hundred customers of all kinds; which is which follows from their number."""
    for number in range(200):
        who = f"c{number:03d}"
        profile: dict[str, Any] = {"given_name": who.title(), "address": {"city": ("Lyon", "Nice", "Lille")[number % 3]}}
        if number % 4 == 0:
            profile["birth_date"] = f"19{60 + number % 40}-{1 + number % 12:02d}-15"
        kind = "company" if number % 10 == 0 else "person"
        registered = {"kind": kind, "collected_via": "checkout"}
        yield happened(who, "customer_registered", "2023-01-02", **registered)
        yield happened(who, "profile_updated", "2023-01-02T13:00:00", **profile)
        for place in range((number * 7) % 9):
            day = f"{2023 + (number + place) % 4}-{1 + (number + 5 * place) % 6:02d}-{1 + (3 * number + place) % 28:02d}"
            yield order(who, f"{day}T{8 + place:02d}:00:00", f"{5 + (number * 13 + place * 31) % 190}.50")
        if number % 5 == 0:
            yield happened(who, "cart_abandoned", "2026-06-20", amount="30.00", currency="EUR")
        if number % 6 == 0:
            yield happened(who, "message_sent", "2026-05-01", channel="email", purpose="own_offers", campaign="may")
        if number % 7 == 0:
            yield happened(who, "quote_requested", "2026-04-01")
