"""The small book of these tests: its ids are given, some of its values are hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clientbook.book import Book

PEOPLE = (
    ("ada00001", "Ada", "Lovelace", "ada@example.org", "Lyon", ("12.50", "80.00", "7.25")),
    ("bob00002", "Bob", "[/bold] Smith", "bob@example.org", "Nice", ("1200.00",)),
    ("chloe003", "Chloé", "Dùpont", "chloe@example.org", "Lyon", ()),
    ("dai00004", "田中", "さくら", "sakura@example.org", "東京", ("33.33", "44.44")),
    ("eve00005", "Eve", "\u202etxt\u202c [red]x[/red]", "eve@example.org", "[link=x]Paris", ("5.00",)),
    ("fox00006", "🦊 Fox", "👩‍🌾 Ferme", "fox@example.org", "Saint-Étienne-du-Rouvray", ()),
)


def event(type: str, customer: str | None, when: str, **data: Any) -> bytes:
    line = {"type": type, "occurred_at": when, "source": "shop", "data": data}
    return json.dumps(line | ({"customer": customer} if customer else {})).encode()


def person(customer: str, given: str, family: str, email: str, city: str) -> list[bytes]:
    return [
        event("customer_registered", customer, "2026-01-05T09:00:00+01:00", kind="person", collected_via="counter"),
        event(
            "profile_updated",
            customer,
            "2026-01-05T09:00:01+01:00",
            given_name=given,
            family_name=family,
            email=email,
            address={"city": city},
        ),
    ]


def shop_lines() -> list[bytes]:
    lines: list[bytes] = []
    for number, (customer, given, family, email, city, totals) in enumerate(PEOPLE):
        lines += person(customer, given, family, email, city)
        for order, total in enumerate(totals):
            when = f"2026-0{order + 2}-1{number}T10:00:00+01:00"
            lines.append(
                event("order_placed", customer, when, order_id=f"{number}-{order}", total=total, currency="EUR", lines=[])
            )
    lines.append(event("note_added", "ada00001", "2026-04-01T12:00:00+02:00", text="wants [/b] \x1b]52;c;aGFjaw==\x07 blue"))
    lines.append(
        event(
            "consent_given",
            "ada00001",
            "2026-01-05T09:05:00+01:00",
            channel="email",
            purposes=["newsletter"],
            surface="counter",
        )
    )
    return lines


def make_book(folder: Path, lines: list[bytes]) -> Book:
    book = Book.create(folder, name="Épicerie", timezone="Europe/Paris")
    if lines:
        outcome = book.append_lines(lines)
        assert not outcome.rejects
    return book
