"""Mappings: what a file of one may say, and what clientbook proposes for headers in French and English."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clientbook.importing.mapping import ColumnMapping, Layout, Mapping, MappingError, OrderRules, load_mapping, to_toml
from clientbook.importing.vocabulary import TARGETS

HEAD = 'kind = "orders"\nsource = "shop"\ntimezone = "Europe/Paris"\ncurrency = "EUR"\n'
COLUMNS = """
[columns.id]
to = "order.id"
[columns.date]
to = "order.placed_at"
formats = ["%d/%m/%Y"]
[columns.total]
to = "order.total"
decimal = ","
"""


def load(folder: Path, text: str) -> Mapping:
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def test_a_mapping_written_down_is_the_same_when_it_is_read(tmp_path: Path) -> None:
    mapping = Mapping(
        kind="orders",
        source="Boutique d'Orléans",
        timezone="Europe/Paris",
        currency="EUR",
        layout=Layout(encoding="cp1252", delimiter="\t", header_line=3),
        columns={
            "N° commande": ColumnMapping(to="order.id"),
            "Date#2": ColumnMapping(to="order.placed_at", formats=["iso", "%d/%m/%Y"]),
            'Total "TTC"': ColumnMapping(to="order.total", decimal=","),
            "#4": ColumnMapping(to="customer.email"),
        },
        orders=OrderRules(credit_prefixes=["AV"], adjustment_prefixes=["OD"]),
    )
    text = to_toml(mapping, ["Une remarque"])
    assert load(tmp_path, text) == mapping
    assert text.startswith("# Une remarque\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + 'colour = "red"\n' + COLUMNS, "colour"),
        (HEAD + COLUMNS + 'round = "up"\n', "round"),
        (
            HEAD + COLUMNS.replace('"order.id"', '"order.number"'),
            r"'id' goes to 'order.number'; the targets are .*order\.id",
        ),
        (HEAD + COLUMNS.replace('"order.id"', '"order.total"'), "'id' and 'total' both go to order.total"),
        (HEAD + COLUMNS.replace('"order.placed_at"', '"order.store"'), "needs a column for order.placed_at"),
        (HEAD + COLUMNS.replace('"order.total"', '"order.store"'), "needs order.total, line.amount, or"),
        (HEAD.replace("orders", "contacts") + '[columns.v]\nto = "customer.city"\n', "needs customer.email"),
        (HEAD.replace("orders", "carts") + COLUMNS, "kind"),
        (HEAD.replace("EUR", "euro") + COLUMNS, "currency"),
        (HEAD.replace("Europe/Paris", "Europe/Lyon") + COLUMNS, "Europe/Lyon"),
        (HEAD + COLUMNS.replace("%d/%m/%Y", "%d %b %Y"), "%b"),
        (HEAD + COLUMNS.replace('formats = ["%d/%m/%Y"]', ""), "'date'.*formats"),
        (HEAD + '[layout]\ndelimiter = "::"\n' + COLUMNS, "delimiter"),
        (HEAD + "[layout]\nheader_line = 0\n" + COLUMNS, "header_line"),
        ("kind = orders", "Invalid"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_by_the_entry_that_is_wrong(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(MappingError, match=message) as caught:
        load(tmp_path, text)
    assert "mapping.toml" in str(caught.value)


def test_a_mapping_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"nothing\.toml: there is no such mapping file"):
        load_mapping(tmp_path / "nothing.toml")


def test_a_mapping_for_another_file_names_the_column_that_is_not_there(desk: Any, tmp_path: Path) -> None:
    mapping = load(tmp_path, HEAD + '[layout]\ndelimiter = ";"\n' + COLUMNS)
    with pytest.raises(MappingError, match=r"no column 'date'; its columns are id, jour, total"):
        desk.plan("id;jour;total\n1;01/02/2026;3,00\n", mapping=mapping)


FRENCH_ORDERS = "N° commande;Date de commande;N° client;Nom;Prénom;E-mail;Code article;Désignation;Qté;PU TTC\n"
ENGLISH_ORDERS = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
FRENCH_CONTACTS = "Civilité;Nom;Prénom;Adresse e-mail;Portable;CP;Ville;Date de naissance;Commentaires\n"
ENGLISH_CONTACTS = "First Name,Last Name,Email Address,Phone,Zip Code,City,Company,Tags\n"


@pytest.mark.parametrize(
    ("text", "kind", "targets"),
    [
        (
            FRENCH_ORDERS + "C1;01/02/2026;7;Lefèvre;Zoé;z@example.com;SAV;Savon;2;9,90\n",
            "orders",
            "order.id order.placed_at customer.external_id customer.family_name customer.given_name customer.email"
            " line.sku line.product line.quantity line.unit_price",
        ),
        (
            ENGLISH_ORDERS + "536365,85123A,HOLDER,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n",
            "orders",
            "order.id line.sku line.product line.quantity order.placed_at line.unit_price customer.external_id"
            " customer.country",
        ),
        (
            FRENCH_CONTACTS + "Mme;Lefèvre;Zoé;z@example.com;0612345678;69001;Lyon;12/03/1980;vient le samedi\n",
            "contacts",
            "customer.civility customer.family_name customer.given_name customer.email customer.mobile"
            " customer.postal_code customer.city customer.birth_date customer.note",
        ),
        (
            ENGLISH_CONTACTS + "Zoé,Lefèvre,z@example.com,0612345678,69001,Lyon,,vip\n",
            "contacts",
            "customer.given_name customer.family_name customer.email customer.phone customer.postal_code customer.city"
            " customer.legal_name customer.tags",
        ),
    ],
)
def test_headers_in_french_and_english_are_understood(desk: Any, text: str, kind: str, targets: str) -> None:
    plan = desk.plan(text)
    assert plan.mapping.kind == kind
    assert [chosen.to for chosen in plan.mapping.columns.values()] == targets.split()
    assert plan.is_sure
    assert set(targets.split()) <= set(TARGETS)


def test_the_decimal_mark_and_the_date_format_come_from_the_cells(desk: Any) -> None:
    columns = desk.plan(
        "order id,order date,total\n1,2026-02-01,3.50\n2,2026-02-02,1,000.00\n".replace("1,0", '"1,0').replace(
            "00\n", '00"\n'
        )
    ).mapping.columns
    assert columns["total"].decimal == "."
    assert columns["order date"].formats == ["%Y-%m-%d"]


def test_a_total_that_differs_between_the_rows_of_one_order_is_the_amount_of_a_line(desk: Any) -> None:
    text = "commande;date;total\nA;01/02/2026;3,00\nA;01/02/2026;{}\nB;01/02/2026;5,00\n"
    assert desk.targets(text.format("4,00"))["total"] == "line.amount"
    assert desk.targets(text.format("3,00"))["total"] == "order.total"


def test_letters_before_few_numbers_set_documents_apart_and_before_all_say_nothing(desk: Any) -> None:
    head = "invoice no,invoice date,sku,quantity,unit price\n"
    rows = "{}1,2026-02-01,S,2,5.00\n{}2,2026-02-01,S,2,5.00\n{}3,2026-02-01,S,2,5.00\n"
    rules = desk.plan(head + rows.format("", "", "") + "C4,2026-02-02,S,-1,5.00\nA5,2026-02-02,B,1,7.00\n").mapping.orders
    assert (rules.credit_prefixes, rules.adjustment_prefixes) == (["C"], ["A"])
    assert desk.plan(head + rows.format("W", "W", "W")).mapping.orders == OrderRules()


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("date;total\n01/02/2026;3,00\n", "each row would be an order of its own"),
        ("n commande;date;montant\n1;demain;3,00\n2;hier;4,00\n", "'date': only 0%"),
        ("n commande;date;montant\n1;01/02/2026;cher\n2;02/02/2026;4,00\n", "'montant': only 50%"),
        ("couleur;ville\nbleu;Lyon\n", "a contact file needs"),
        ("n commande;date\n1;01/02/2026\n", "an order file needs order.total"),
    ],
)
def test_what_is_not_sure_is_said(desk: Any, text: str, doubt: str) -> None:
    plan = desk.plan(text)
    assert not plan.is_sure
    assert any(doubt in one for one in plan.proposal.doubts), plan.proposal.doubts


def test_what_was_assumed_is_said(desk: Any) -> None:
    text = "n commande;date;montant;humeur\n1;01/02/2026;3,00;é\n".encode("cp1252")
    remarks = " / ".join(desk.plan(text).proposal.remarks)
    assert "cp1252 is a guess" in remarks
    assert "day and month could be the other way round; %d/%m/%Y" in remarks
    assert "columns left out: humeur" in remarks


def test_the_plan_shows_the_first_rows_as_they_will_be_typed(desk: Any) -> None:
    plan = desk.plan("n commande;date;montant\n1;01/02/2026;1 003,50\n2;02/02/2026;rien\n")
    first, second = plan.sample
    assert (first["line"], str(first["order_total"]), first["order_id"]) == (2, "1003.5000", "1")
    assert second["order_total"] is None


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("french_spreadsheet/replica_clients_cp1252.csv", "contacts"),
        ("french_spreadsheet/replica_clients_utf8bom.csv", "contacts"),
        ("french_spreadsheet/replica_clients.xlsx", "contacts"),
        ("google_contacts/replica_contacts.csv", "contacts"),
        ("shopify/replica_orders_export.csv", "orders"),
        ("woocommerce/replica_advanced_order_export.csv", "orders"),
        ("brevo/replica_contacts_export.csv", "contacts"),
    ],
)
def test_real_exports_are_taken_for_what_they_are(desk: Any, samples: Path, name: str, kind: str) -> None:
    path = samples / name
    assert desk.plan(path.read_bytes(), path.name).mapping.kind == kind
