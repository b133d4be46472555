from __future__ import annotations

from pathlib import Path
from typing import Any

import clientbook_google_contacts as plugin

SAMPLES = Path(__file__).parents[1] / "samples"


def test_contacts_come_in_without_consent(bring: Any) -> None:
    shop = bring(plugin, "google_contacts", SAMPLES / "contacts.csv")
    assert shop.importer == "google_contacts.contacts"
    assert (shop.outcome.rows_read, shop.outcome.rows_used, shop.outcome.rows_rejected) == (3, 2, 1)
    ada, paul = shop.rows("select name, email, phone, tags from customers order by name")
    assert (ada["name"], ada["email"], ada["tags"]) == ("Ada Morel", "ada@example.com", ["Clients", "newsletter"])
    assert (paul["email"], paul["phone"]) == (None, "+33474000001")
    assert shop.rows("select * from consent_history") == []


def test_the_same_file_again_adds_nothing(bring: Any) -> None:
    shop = bring(plugin, "google_contacts", SAMPLES / "contacts.csv")
    assert shop.again(SAMPLES / "contacts.csv").events == 0
