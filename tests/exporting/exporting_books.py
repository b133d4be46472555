"""A small book of our own making, with people who agreed, refused, share an address or have none."""

from __future__ import annotations

import json
from typing import Any

from clientbook.book import Book

EARLY = "2026-03-01T10:00:00Z"


def event(type: str, email: str, /, at: str = EARLY, **data: Any) -> bytes:
    return json.dumps({"type": type, "occurred_at": at, "customer": {"email": email}, "data": data}).encode()


def person(email: str, given: str, family: str, **profile: Any) -> list[bytes]:
    return [
        event("customer_registered", email, kind="person", collected_via="checkout", from_person=True, informed=True),
        event("profile_updated", email, email=email, given_name=given, family_name=family, **profile),
    ]


def agreed(email: str, channel: str = "email", **more: Any) -> bytes:
    return event("consent_given", email, at="2026-03-01T11:00:00Z", channel=channel, purposes=["newsletter"], **more)


def withdrew(email: str, at: str = "2026-03-01T12:00:00Z") -> bytes:
    return event("consent_withdrawn", email, at=at, channel="email", purposes=["newsletter"], method="link")


def fill(book: Book, lines: list[bytes]) -> Book:
    outcome = book.append_lines(lines)
    assert not outcome.rejects, outcome.rejects
    return book


def shop(book: Book) -> Book:
    """Anna and Zoé agreed; Bruno withdrew; Chloé was never asked; two share a mailbox; one has an address that cannot be."""
    return fill(
        book,
        [
            *person("anna@example.com", "Anna", "Lefèvre", mobile="+33639980001", language="fr"),
            agreed("anna@example.com"),
            *person("bruno@example.com", "Bruno", "Petit"),
            agreed("bruno@example.com"),
            withdrew("bruno@example.com"),
            *person("chloe@example.com", "Chloé", "Roux"),
            *person("zoe@example.com", "Zoé", "=HYPERLINK(1)"),
            agreed("zoe@example.com", opt_in_level="CONFIRMED_OPT_IN"),
        ],
    )
