"""Contact files: each row is a customer; what it says is noted once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

HEAD = "N° client;Nom;Prénom;Société;E-mail;Portable;Ville;Tags;Commentaires;Inscription\n"


def test_a_contact_file_makes_customers_with_what_it_says(shop: Any) -> None:
    shop.bring(
        HEAD
        + "7;Lefèvre;Zoé;;Zoe@Example.com;'+33612345678;Lyon;vip, thé;vient le samedi;01/02/2024\n"
        + "8;;;Savonnerie Martin;contact@example.org;;Nice;;;02/02/2024\n"
    )
    zoe, company = shop.rows("select * from customers order by registered_at")
    assert (zoe["name"], zoe["kind"], zoe["email"], zoe["phone"]) == (
        "Zoé Lefèvre",
        "person",
        "Zoe@Example.com",
        "+33612345678",
    )
    assert (zoe["external_id"], zoe["city"], zoe["tags"], zoe["note_count"]) == ("7", "Lyon", ["thé", "vip"], 1)
    assert zoe["registered_at"] == datetime(2024, 1, 31, 23, 0, tzinfo=UTC)
    assert (company["name"], company["kind"]) == ("Savonnerie Martin", "company")


def test_rows_without_a_date_imported_twice_add_nothing(shop: Any) -> None:
    text = "Nom;E-mail;Tags;Note\nLefèvre;z@example.com;vip;aime le thé\nMartin;m@example.com;;\nMartin;m@example.com;;\n"
    first = shop.bring(text).outcome
    again = shop.bring(text).outcome
    assert (first.rows_used, first.customers_created) == (3, 2)
    assert (again.events, again.rows_duplicate, again.rows_rejected) == (0, 3, 0)
    changed = shop.bring(text.replace("Lefèvre", "Lefèvre-Blanc")).outcome
    assert (changed.rows_used, changed.event_counts["profile_updated"]) == (1, 1)


def test_a_row_that_names_nobody_and_a_bad_cell_are_set_aside(desk: Any) -> None:
    draft = desk.draft(
        "Nom;E-mail;Date de naissance\nLefèvre;;\nMartin;m@example.com;30/02/1980\nDupont;d@example.com;1/1/85\n".replace(
            "1/1/85", "01/01/1985"
        )
    )
    assert [(reject.line, reject.code, reject.column) for reject in draft.rejects] == [
        (2, "customer.missing", ""),
        (3, "date.impossible", "Date de naissance"),
    ]
    assert len(draft.row_lines) == 1


def test_the_same_person_in_contacts_and_orders_is_one_customer(shop: Any) -> None:
    shop.bring("Nom;E-mail\nLefèvre;z@example.com\n", source="newsletter")
    outcome = shop.bring("n commande;date;e-mail;total\n1;01/02/2026;Z@EXAMPLE.COM;5,00\n", source="web").outcome
    assert (outcome.customers_created, outcome.customers_matched) == (0, 1)
    assert shop.rows("select name, order_count from customers") == [{"name": "Lefèvre", "order_count": 1}]


@pytest.mark.shared
def test_cp1252_and_utf_8_and_workbook_make_the_same_customers(desk: Any, samples: Path) -> None:
    folder = samples / "french_spreadsheet"

    def people(name: str) -> list[Any]:
        draft = desk.draft((folder / name).read_bytes(), name)
        return [row["profile_updated"] for row in draft.events.to_pylist() if row["type"] == "profile_updated"]

    assert people("replica_clients_cp1252.csv") == people("replica_clients_utf8bom.csv")
    assert people("replica_clients_cp1252.csv")
    assert {one["email"].lower() for one in people("replica_clients.xlsx")} <= {
        one["email"].lower() for one in people("replica_clients_cp1252.csv")
    } | {None}


def test_a_whole_name_keeps_the_parts_the_book_knows_it_in(shop: Any) -> None:
    """Orders have "Zoé Lefèvre" where the customer file had first and last name; mailings still find the first name."""
    parts, orders = "Nom;Prénom;E-mail\nLefèvre;Zoé;z@example.com\n", "N° commande;Date;Client;E-mail;Total\n"
    shop.bring(parts)
    shop.bring(orders + "1;01/02/2030;zoe LEFEVRE;z@example.com;10,00\n")
    (zoe,) = shop.rows("select given_name, family_name, name from customers")
    assert tuple(zoe.values()) == ("Zoé", "Lefèvre", "Zoé Lefèvre")
    shop.bring(orders + "2;01/03/2030;Zoé Martin;z@example.com;10,00\n")
    (zoe,) = shop.rows("select given_name, family_name, name from customers")
    assert tuple(zoe.values()) == (None, "Zoé Martin", "Zoé Martin")


def test_a_companys_name_in_the_column_of_names_is_no_family_name(shop: Any) -> None:
    shop.bring("Société;E-mail\nHôtel du Lac;h@example.com\n")
    shop.bring("Nom;E-mail\nHôtel du Lac;h@example.com\n")
    (hotel,) = shop.rows("select kind, name, family_name from customers")
    assert tuple(hotel.values()) == ("company", "Hôtel du Lac", None)
