"""What files say of permission: a blank says nothing, a bare yes proves little, no import lifts what a person withdrew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from clientbook.importing.mapping import ColumnMapping, ContactRules, Mapping, MappingError

HEAD = "Nom;E-mail;Optin Newsletter;Optin partenaire;Date consentement\n"


def acts(shop: Any) -> list[tuple[Any, ...]]:
    rows = shop.rows("select * from consent_history order by position, purpose")
    return [(row["act"], row["subject_address"], row["purpose"], row["opt_in_level"], row["undated"]) for row in rows]


def states(shop: Any) -> dict[str, str]:
    with shop.book.reading() as reading:
        rows = reading.table("select address, state from consents where purpose = 'newsletter' and channel = 'email'")
        return {row["address"]: row["state"] for row in rows.to_pylist()}


def test_a_blank_says_nothing_and_a_date_makes_the_difference(shop: Any) -> None:
    shop.bring(HEAD + "Z;z@example.com;Oui;Non;01/02/2025\nM;m@example.com;;;\nB;b@example.com;1;;\n")
    assert acts(shop) == [
        ("consent_given", "z@example.com", "newsletter", "SINGLE_OPT_IN", None),
        ("consent_given", "b@example.com", "newsletter", "UNKNOWN", True),
        ("consent_refused", "z@example.com", "partner_offers", None, True),
    ]
    given = shop.rows("select occurred_at from consent_history where subject_address = 'z@example.com' order by position")
    assert given[0]["occurred_at"] == datetime(2025, 1, 31, 23, 0, tzinfo=UTC)


def test_the_same_file_again_adds_nothing(shop: Any) -> None:
    text = HEAD + "Z;z@example.com;Oui;Non;01/02/2025\nB;b@example.com;1;;\n"
    shop.bring(text)
    again = shop.bring(text).outcome
    assert (again.events, again.rows_duplicate, again.consent) == (0, 2, {})


def test_a_word_that_is_neither_yes_nor_no_is_set_aside(desk: Any) -> None:
    draft = desk.draft(HEAD + "Z;z@example.com;peut-être;;\n")
    assert [(one.line, one.code, one.column) for one in draft.rejects] == [(2, "flag.unknown", "Optin Newsletter")]


def test_an_import_never_lifts_a_withdrawal_and_says_so(shop: Any) -> None:
    shop.bring(HEAD + "Z;z@example.com;Oui;;01/02/2025\n")
    shop.bring_events(
        {
            "type": "consent_withdrawn",
            "occurred_at": "2025-06-01T10:00:00Z",
            "customer": {"email": "z@example.com"},
            "source": "hand",
            "data": {"channel": "email", "purposes": ["newsletter"]},
        }
    )
    outcome = shop.bring(HEAD + "Z;z@example.com;Oui;;01/08/2025\nN;n@example.com;Oui;;01/08/2025\n").outcome
    assert outcome.consent == {"would_give": 1, "would_lift": 1}
    assert acts(shop)[-1][0] == "consent_given"


def test_a_no_that_only_means_not_subscribed_takes_back_what_was_given(shop: Any) -> None:
    plan = shop.book.plan
    mapping = Mapping(
        kind="contacts",
        source="web",
        timezone="Europe/Paris",
        currency="EUR",
        columns={"Email": ColumnMapping(to="customer.email"), "Flag": ColumnMapping(to="consent.offers")},
        contacts=ContactRules(no="not_subscribed"),
    )
    assert plan
    shop.bring("Email,Flag\nz@example.com,yes\nm@example.com,no\n", mapping=mapping)
    assert {act for act, *_rest in acts(shop)} == {"consent_given"}
    shop.bring("Email,Flag\nz@example.com,no\nm@example.com,no\n", mapping=mapping)
    assert {(act, address) for act, address, *_rest in acts(shop)} == {
        ("consent_given", "z@example.com"),
        ("consent_withdrawn", "z@example.com"),
    }


def test_a_suppression_list_makes_addresses_not_to_write_to(shop: Any) -> None:
    mapping = Mapping(
        kind="contacts",
        source="old tool",
        timezone="Europe/Paris",
        currency="EUR",
        columns={
            "email": ColumnMapping(to="customer.email"),
            "date": ColumnMapping(to="suppression.at", formats=["%Y-%m-%d"]),
        },
        constants={"suppression.email": "yes", "suppression.cause": "list"},
    )
    shop.bring("email,date\nz@example.com,2024-03-01\n", mapping=mapping)
    (row,) = shop.rows("select act, cause, subject_address, occurred_at from consent_history")
    assert (row["act"], row["cause"], row["subject_address"]) == ("address_suppressed", "list", "z@example.com")


def test_a_rented_list_needs_its_licence_and_proof(shop: Any) -> None:
    mapping = Mapping(
        kind="contacts",
        source="lister",
        timezone="Europe/Paris",
        currency="EUR",
        columns={"email": ColumnMapping(to="customer.email")},
        contacts=ContactRules(collected_via="rented_list", list_id="spring"),
    )
    with pytest.raises(MappingError, match="licence and proof"):
        shop.bring("email\nz@example.com\n", mapping=mapping)
    assert shop.rows("select * from events") == []
    list_acquired: dict[str, Any] = {
        "type": "list_acquired",
        "occurred_at": "2026-01-01T10:00:00Z",
        "source": "hand",
        "data": {
            "list_id": "spring",
            "supplier": "L",
            "kind": "rented",
            "proof": "form of 2025",
            "licence_until": "2099-01-01",
        },
    }
    shop.bring_events(list_acquired)
    shop.bring("email\nz@example.com\n", mapping=mapping)
    (row,) = shop.rows("select customer_registered.list_id as list_id from events where customer_registered is not null")
    assert row["list_id"] == "spring"
    expired = msgspec.structs.replace(mapping, contacts=ContactRules(collected_via="rented_list", list_id="old"))
    list_acquired["data"] |= {"list_id": "old", "licence_until": "2020-01-01"}
    shop.bring_events(list_acquired)
    with pytest.raises(MappingError, match="ended on 2020-01-01"):
        shop.bring("email\nq@example.com\n", mapping=expired)


def test_a_blank_beside_a_date_says_nothing(shop: Any) -> None:
    """The date stands for a yes only in a file that has no column of yes and no."""
    shop.bring("E-mail;Newsletter;Date consentement\na@example.com;;01/03/2026\nb@example.com;oui;01/03/2026\n")
    shop.bring("E-mail;Date consentement\nc@example.com;01/03/2026\n")
    found = shop.rows("select subject_address as who from consent_history where act = 'consent_given' order by who")
    assert [one["who"] for one in found] == ["b@example.com", "c@example.com"]
