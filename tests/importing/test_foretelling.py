"""What a dry run says the book would hold is what the book holds once the file is imported."""

from __future__ import annotations

from typing import Any

import pytest

ORDERS = (
    "order id,customer id,email,order date,sku,quantity,unit price\n"
    "1,A,a@example.com,2026-03-01,S1,2,10.00\n"
    "2,,,2026-03-02,S2,1,5.00\n"
    "3,A,a@example.com,2026-03-03,S1,1,10.00\n"
    "4,B,,2026-03-04,S1,1,10.00\n"
    "5,A,a@example.com,2026-03-05,S1,-1,10.00\n"
)
MORE_ORDERS = ORDERS + "6,C,c@example.com,2026-03-06,S1,1,1.50\n7,C,,not a day,S1,1,1.50\n1,A,,2026-03-01,S3,1,99.00\n"
CONTACTS = (
    "Nom;E-mail;Optin Newsletter;Optin partenaire;Date consentement\n"
    "Z;z@example.com;Oui;Non;01/02/2025\n"
    "A;a@example.com;Oui;;01/02/2025\n"
    "A;a@example.com;Oui;;01/02/2025\n"
    "B;b@example.com;;;\n"
)
OF_LOG = ("name", "commits", "position", "currency", "timezone")


def held(shop: Any) -> dict[str, Any]:
    return {name: value for name, value in shop.book.info().items() if name not in OF_LOG}


@pytest.mark.parametrize("first", [None, ORDERS, CONTACTS], ids=["empty", "orders", "contacts"])
@pytest.mark.parametrize("text", [ORDERS, MORE_ORDERS, CONTACTS], ids=["orders", "corrected", "consents"])
def test_a_dry_run_tells_what_the_book_holds_after_the_import(
    shop: Any, given_file: Any, first: str | None, text: str
) -> None:
    if first:
        shop.bring(first)
    file = given_file(text)
    plan = shop.book.plan(file)
    before, position = held(shop), shop.book.log.head().position
    told = shop.book.import_file(file, plan, dry_run=True).outcome.book
    assert (held(shop), shop.book.log.head().position) == (before, position)
    shop.book.import_file(file, plan)
    after = held(shop)
    if text == CONTACTS:  # a person without a date is known since the import, and that is later
        assert told["after"].pop("last_occurred_at") <= after.pop("last_occurred_at")
    assert told == {"before": before, "after": after}


def test_a_file_that_brings_nothing_leaves_the_book_as_it_is(shop: Any, given_file: Any) -> None:
    shop.bring(ORDERS)
    for text in (ORDERS, "order id,email,order date,total\n,,never,\n"):
        file = given_file(text)
        told = shop.book.import_file(file, shop.book.plan(file), dry_run=True).outcome.book
        assert told["before"] == told["after"] == held(shop)


def test_an_import_that_is_made_tells_no_future(shop: Any) -> None:
    assert shop.bring(ORDERS).outcome.book is None
