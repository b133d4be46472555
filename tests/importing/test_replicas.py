"""Replicas of real exports come in as what they are: importer, rows, people, orders, money and permission."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clientbook.book import Book
from clientbook.errors import ClientbookError
from clientbook.importing.commit import Outcome
from clientbook.importing.decode import open_file
from clientbook.importing.extracting import candidates, surest
from clientbook.testing.workbench import Workbench

pytestmark = pytest.mark.shared

PLUGINS = ("brevo", "google_contacts", "mailchimp", "prestashop", "shopify", "stripe", "woocommerce")
GIVEN, REFUSED, WITHDRAWN, SUPPRESSED = "consent_given", "consent_refused", "consent_withdrawn", "address_suppressed"
WEAK = f"{GIVEN} undated"


@dataclass(frozen=True, kw_only=True)
class Replica:
    """What has to come of a file in an empty book."""

    importer: str
    rows: tuple[int, int, int]
    """Read, used, skipped; none is set aside."""
    customers: int = 1
    orders: int = 0
    revenue: float = 0
    """Without refunds and cancelled orders."""
    permission: dict[str, int] = field(default_factory=dict)


REPLICAS = {
    "brevo/replica_contacts_export.csv": Replica(importer="brevo.contacts", rows=(1, 1, 0), permission={WEAK: 1}),
    "brevo/replica_contacts_export_with_blocklist.csv": Replica(
        importer="brevo.contacts", rows=(1, 1, 0), permission={SUPPRESSED: 1}
    ),
    "brevo/replica_import_fr.csv": Replica(importer="brevo.contacts", rows=(1, 1, 0)),
    "forms/replica_contest_playgroundgame_fr.csv": Replica(
        importer="contest_entered", rows=(1, 1, 0), permission={GIVEN: 1, f"{REFUSED} undated": 1}
    ),
    "forms/replica_google_form_fr.csv": Replica(importer="survey_answered", rows=(1, 1, 0)),
    "french_spreadsheet/replica_clients.xls": Replica(importer="contacts", rows=(1, 1, 0)),
    "french_spreadsheet/replica_clients.xlsx": Replica(importer="contacts", rows=(2, 2, 0), customers=2),
    "french_spreadsheet/replica_clients_cp1252.csv": Replica(
        importer="contacts", rows=(4, 3, 1), customers=3, permission={GIVEN: 2, f"{REFUSED} undated": 1}
    ),
    "french_spreadsheet/replica_clients_utf8bom.csv": Replica(
        importer="contacts", rows=(4, 3, 1), customers=3, permission={GIVEN: 2, f"{REFUSED} undated": 1}
    ),
    "google_contacts/replica_contacts.csv": Replica(importer="google_contacts.contacts", rows=(1, 1, 0)),
    "mailchimp/replica_nonsubscribed_members_export_0e633f6c70.csv": Replica(importer="mailchimp.members", rows=(1, 1, 0)),
    "mailchimp/replica_subscribed_members_export_0e633f6c70.csv": Replica(
        importer="mailchimp.members", rows=(1, 1, 0), permission={GIVEN: 1}
    ),
    "mailchimp/replica_unsubscribed_members_export_0e633f6c70.csv": Replica(
        importer="mailchimp.members", rows=(1, 1, 0), permission={WITHDRAWN: 1}
    ),
    "prestashop/replica_customer_export_fr.csv": Replica(
        importer="prestashop.customers", rows=(2, 2, 0), customers=2, permission={WEAK: 1}
    ),
    "prestashop/replica_customers_export_newsletter.csv": Replica(
        importer="prestashop.newsletter", rows=(2, 2, 0), customers=2, permission={GIVEN: 2}
    ),
    "shopify/replica_checkouts_export.csv": Replica(importer="shopify.checkouts", rows=(2, 2, 0), permission={WEAK: 1}),
    "shopify/replica_customers_export.csv": Replica(
        importer="shopify.customers", rows=(3, 3, 0), customers=3, permission={WEAK: 2}
    ),
    "shopify/replica_customers_import_old_template.csv": Replica(
        importer="shopify.customers", rows=(1, 1, 0), permission={WEAK: 1}
    ),
    "shopify/replica_orders_export.csv": Replica(
        importer="shopify.orders", rows=(3, 3, 0), customers=2, orders=2, revenue=53.7, permission={WEAK: 1}
    ),
    "vcard/replica_v4.vcf": Replica(importer="contacts", rows=(1, 1, 0)),
    "woocommerce/replica_advanced_order_export.csv": Replica(
        importer="woocommerce.advanced_orders", rows=(2, 2, 0), orders=1, revenue=53.7
    ),
    "woocommerce/replica_wc-analytics-customers.csv": Replica(importer="woocommerce.customers", rows=(1, 1, 0)),
}
REFUSED_FILES = ("prestashop/replica_order_export_en.csv",)


@pytest.fixture
def opened(tmp_path: Path, folded_book: Path) -> Book:
    """An empty book with the seven plugins."""
    shutil.copytree(folded_book, tmp_path / "book")
    modules = [importlib.import_module(f"clientbook_{name}") for name in PLUGINS]
    return Workbench(tmp_path / "bench").opened(tmp_path / "book", *modules)


def bring(book: Book, path: Path) -> tuple[str, bool, Outcome]:
    """The importer or kind that was chosen, whether `--yes` is enough for it, and what came of the file."""
    file = open_file(str(path))
    chosen = surest(candidates(book.plugins, file))
    plan = book.extract(file, chosen.importer) if chosen else book.plan(file)
    outcome = book.import_file(file, plan).outcome
    return (chosen.importer.id, True, outcome) if chosen else (plan.mapping.kind, plan.is_sure, outcome)


def rows(book: Book, sql: str) -> list[dict[str, Any]]:
    with book.snapshot() as snapshot:
        found: list[dict[str, Any]] = snapshot.table(sql).to_pylist()
        return found


def permission(book: Book) -> dict[str, int]:
    told: dict[str, int] = {}
    known = [one["column_name"] for one in rows(book, "select column_name from (describe select * from events)")]
    named = [name for name in (GIVEN, REFUSED, WITHDRAWN) if name in known]
    columns = ", ".join(["type", *(f"{name}.undated as {name}" for name in named)])
    for row in rows(book, f"select {columns} from events"):
        if row["type"] in (GIVEN, REFUSED, WITHDRAWN, SUPPRESSED):
            name = f"{row['type']} undated" if row.get(row["type"]) else row["type"]
            told[name] = told.get(name, 0) + 1
    return told


def test_every_replica_has_its_answer(samples: Path) -> None:
    there = {str(path.relative_to(samples)) for path in samples.rglob("replica_*")}
    assert there == set(REPLICAS) | set(REFUSED_FILES)


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replica_comes_in_as_what_it_is(opened: Book, samples: Path, name: str) -> None:
    expected = REPLICAS[name]
    importer, is_sure, outcome = bring(opened, samples / name)
    assert (importer, is_sure) == (expected.importer, True)
    assert (outcome.rows_read, outcome.rows_used, outcome.rows_skipped) == expected.rows
    assert (outcome.rows_duplicate, outcome.rows_rejected) == (0, 0)
    (people,) = rows(opened, "select count(*) as n, coalesce(sum(revenue), 0) as revenue from customers")
    (orders,) = rows(opened, "select count(*) as n from orders")
    assert (people["n"], orders["n"], float(people["revenue"])) == (expected.customers, expected.orders, expected.revenue)
    assert permission(opened) == expected.permission
    _importer, _sure, again = bring(opened, samples / name)
    assert (again.events, again.rows_used, again.rows_rejected) == (0, 0, 0)


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_an_order_grid_without_addresses_is_refused(opened: Book, samples: Path, name: str) -> None:
    with pytest.raises(ClientbookError, match="SQL Manager"):
        bring(opened, samples / name)
    assert rows(opened, "select 1 from events") == []


def test_one_person_of_many_files_is_one_customer(opened: Book, samples: Path) -> None:
    for name in REPLICAS:
        bring(opened, samples / name)
    before = rows(opened, "select count(*) as n from events")
    found = rows(
        opened,
        "select name, email, phone, postal_code from customers where email ilike '%@example.com' order by lower(email)",
    )
    assert [(one["name"], one["email"].lower(), one["phone"], one["postal_code"]) for one in found] == [
        ("François Noël", "francois.noel@example.com", "+33612345679", "06000"),
        ("Jeanne Exemple", "jeanne@example.com", "+33123456789", "75001"),
        ("Léa Martin", "lea.martin@example.com", None, "69001"),
        ("Maëlle D'Œuvre", "maelle@example.com", "+33612345680", "97400"),
        ("Zoé Lefèvre", "zoe.lefevre@example.com", "+33612345678", "01000"),
    ]
    for name in reversed(REPLICAS):
        assert bring(opened, samples / name)[2].events == 0, name
    assert rows(opened, "select count(*) as n from events") == before


def test_lost_zeros_come_back_in_france_only(shop: Any) -> None:
    text = "Nom;E-mail;Code postal;Pays\nA;a@example.com;1000;\nB;b@example.com;1000;France\nC;c@example.com;1000;BE\n"
    outcome = shop.bring(text).outcome
    assert any("2 postcodes" in remark for remark in outcome.remarks)
    found = shop.rows("select postal_code from customers order by email")
    assert [one["postal_code"] for one in found] == ["01000", "01000", "1000"]
