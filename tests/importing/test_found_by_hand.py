"""What people trying the program by hand broke; each test is named after it."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clientbook.book import Book, DamagedBook
from clientbook.importing.decode import open_file
from clientbook.importing.noting import happened, merged, unmerged
from clientbook.query.customers import find_customer
from clientbook.query.text import display
from clientbook.query.views import column_types, interpret


@pytest.fixture
def shop(tmp_path: Path) -> Book:
    return Book.create(tmp_path / "book")


def give(shop: Book, tmp_path: Path, text: str, name: str = "file.csv") -> Any:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    file = open_file(str(path))
    return shop.import_file(file, shop.plan(file)) if name.endswith("csv") else shop.import_file(file)


def one(shop: Book, sql: str) -> Any:
    with shop.snapshot() as snapshot:
        return [tuple(row.values()) for row in snapshot.table(sql).to_pylist()]


ORDERS = "n commande;date;email;total\n"


def test_two_huge_orders_of_one_customer_do_not_make_the_book_unreadable(shop: Book, tmp_path: Path) -> None:
    for number in ("1", "2"):
        give(shop, tmp_path, ORDERS + f"{number};2026-01-01;a@example.com;99999999999999\n")
    assert one(shop, "select revenue from customers") == [(Decimal(199999999999998),)]


def test_an_order_known_already_brings_no_new_customer(shop: Book, tmp_path: Path) -> None:
    give(shop, tmp_path, ORDERS + "1;2026-01-01;a@example.com;10\n")
    result = give(shop, tmp_path, ORDERS + "1;2026-01-01;b@example.com;10\n")
    assert (result.outcome.events, result.outcome.customers_created) == (0, 0)
    assert one(shop, "select email from customers") == [("a@example.com",)]


def test_a_row_with_too_many_cells_does_not_go_in_uncorrected(shop: Book, tmp_path: Path) -> None:
    result = give(
        shop, tmp_path, "order id,date,email,total\n1,2026-01-01,a@example.com,1,234\n2,2026-01-01,a@example.com,5\n"
    )
    assert (result.outcome.rows_used, result.outcome.rows_rejected) == (1, 1)
    file = open_file(str(result.rejects_file))
    again = shop.import_file(file, shop.plan(file, mapping=shop.plan(open_file(str(tmp_path / "file.csv"))).mapping))
    assert (again.outcome.rows_used, again.outcome.rows_rejected) == (0, 1)
    assert one(shop, "select order_id from orders") == [("2",)]


def test_a_line_that_is_no_text_is_set_aside_with_the_others_kept(shop: Book, tmp_path: Path) -> None:
    when = '"occurred_at":"2026-01-01T00:00:00Z"'
    note = '{"type":"note_added",' + when + ',"customer":{"email":"a@example.com"},"data":{"text":"%s"}}\n'
    deep = '{"a":' * 5000 + "\n"
    huge = '{"type":"order_placed",' + when + ',"data":{"order_id":"1","total":"1e999999999","currency":"EUR"}}\n'
    result = give(shop, tmp_path, note % "fine" + note % "\\ud800" + deep + huge, "events.jsonl")
    assert (result.outcome.rows_used, result.outcome.rows_rejected) == (1, 3)
    assert result.rejects_file.stat().st_size > 0


def test_blank_identifiers_name_nobody(shop: Book, tmp_path: Path) -> None:
    line = '{"type":"order_placed","occurred_at":"2026-01-01T00:00:00Z","customer":{"external":"  "},'
    give(shop, tmp_path, line + '"data":{"order_id":"1","total":"1","currency":"EUR"}}\n', "events.jsonl")
    assert one(shop, "select is_guest from orders") == [(True,)]


def test_damaged_tables_are_computed_again(shop: Book, tmp_path: Path) -> None:
    give(shop, tmp_path, ORDERS + "1;2026-01-01;a@example.com;10\n")
    assert shop.info()["customers"] == 1
    kept = next((shop.folder / "state").rglob("customers-*.parquet"))
    kept.write_bytes(kept.read_bytes()[:40])
    assert shop.info()["customers"] == 1
    next((shop.folder / "state").rglob("customers-*.parquet")).unlink()
    assert shop.note(happened("a@example.com", [("tag_added", {"tag": "vip"})]), occurred_at=shop.clock())[1].events == 1


def test_a_log_put_back_from_a_backup_is_not_answered_from_newer_tables(shop: Book, tmp_path: Path) -> None:
    give(shop, tmp_path, ORDERS + "1;2026-01-01;a@example.com;10\n")
    shutil.copytree(shop.folder / "log", tmp_path / "backup", symlinks=True)
    tag = happened("a@example.com", [("tag_added", {"tag": "before"})])
    shop.note(tag, occurred_at=shop.clock())
    assert one(shop, "select tags from customers") == [(["before"],)]
    shutil.rmtree(shop.folder / "log")
    shutil.copytree(tmp_path / "backup", shop.folder / "log", symlinks=True)
    restored = Book(shop.folder)
    restored.note(happened("a@example.com", [("tag_added", {"tag": "after"})]), occurred_at=shop.clock())
    assert one(restored, "select tags from customers") == [(["after"],)]


@pytest.mark.parametrize("content", ["", "ab\n", "not hex"])
def test_a_book_without_its_key_is_not_opened(shop: Book, content: str) -> None:
    (shop.folder / "log" / "key").write_text(content)
    with pytest.raises(DamagedBook, match="key"):
        Book(shop.folder)


def test_a_time_at_the_end_of_the_calendar_can_be_shown(shop: Book) -> None:
    from datetime import UTC, datetime

    assert display(datetime(9999, 12, 31, 23, 30, tzinfo=UTC), "Europe/Paris").startswith("9999-12-31")


def test_a_column_of_addresses_is_the_e_mail_whatever_its_name(shop: Book, tmp_path: Path) -> None:
    give(shop, tmp_path, "n commande;date;Adresse de l'acheteur;total\n1;2026-01-31;a@example.com;10\n")
    assert one(shop, "select email, order_count from customers") == [("a@example.com", 1)]


def test_orders_without_a_column_for_the_customer_are_never_taken_unseen(shop: Book, tmp_path: Path) -> None:
    path = tmp_path / "till.csv"
    path.write_text("n commande;date;total\n1;2026-01-31;10\n", encoding="utf-8")
    plan = shop.plan(open_file(str(path)))
    assert not plan.is_sure
    assert shop.import_file(open_file(str(path)), plan).outcome.rows_used == 1


def test_a_town_in_an_order_does_not_take_the_street_away(shop: Book, tmp_path: Path) -> None:
    contact = "Nom;E-mail;Adresse;Code postal;Ville;Client depuis\nL;z@example.com;12 rue des Lilas;01000;Lyon;06/05/2019\n"
    order = "n commande;date;email;Ville;total\n1;2099-01-31;z@example.com;%s;10\n"
    give(shop, tmp_path, contact)
    give(shop, tmp_path, order % "LYON")
    assert one(shop, "select street, postal_code, year(registered_at) from customers") == [
        ("12 rue des Lilas", "01000", 2019)
    ]
    give(shop, tmp_path, (order % "Nice").replace("1;2099", "2;2100"))
    assert one(shop, "select street, city from customers") == [(None, "Nice")]


def test_the_same_file_again_while_two_are_merged_adds_nothing_and_the_undo_is_whole(shop: Book, tmp_path: Path) -> None:
    text = "n commande;date;email;Prénom;Nom;total\n1;2026-01-01;z@example.com;Zoé;L;10\n2;2026-01-02;f@example.com;F;B;5\n"
    give(shop, tmp_path, text)
    before = one(shop, "select name, revenue from customers order by 1")
    shop.note(merged("z@example.com", ["f@example.com"], reason=None), occurred_at=shop.clock())
    assert one(shop, "select name, revenue from customers") == [("Zoé L", 15)]
    assert give(shop, tmp_path, text).outcome.events == 0
    shop.note(unmerged(["f@example.com"], reason=None), occurred_at=shop.clock())
    assert one(shop, "select name, revenue from customers order by 1") == before


def test_a_credit_note_is_not_taken_off_another_customers_order(shop: Book, tmp_path: Path) -> None:
    event = '{"type":"%s","occurred_at":"2026-01-0%dT00:00:00Z","customer":{"external":"%s"},"source":"shop","data":%s}\n'
    placed = event % ("order_placed", 1, "K9", '{"order_id":"1","total":"50","currency":"EUR"}')
    credit = event % ("order_refunded", 2, "K1", '{"order_id":"1","amount":"10","currency":"EUR"}')
    give(shop, tmp_path, placed + credit, "events.jsonl")
    assert one(shop, "select external_id, revenue from customers order by 1") == [("K1", -10), ("K9", 50)]


def test_words_with_an_apostrophe_are_words(shop: Book) -> None:
    with shop.snapshot() as snapshot:
        assert interpret("comité d'entreprise", column_types(snapshot.engine)) == (None, "comité d'entreprise")


def test_a_phone_is_found_however_it_is_written(shop: Book, tmp_path: Path) -> None:
    give(shop, tmp_path, "Nom;E-mail;Mobile\nL;z@example.com;+33639989668\n")
    with shop.snapshot() as snapshot:
        assert find_customer(snapshot.engine, "06 39 98 96 68") == find_customer(snapshot.engine, "z@example.com")


def test_what_is_missing_in_a_table_is_said_and_nothing_crashes(shop: Book, tmp_path: Path) -> None:
    from clientbook.importing.mapping import MappingError

    for text in ("Prénom;Nom;Ville\na;b;c\n", "Date;E-mail;N° commande\n2026-01-01;a@example.com;1\n"):
        path = tmp_path / "short.csv"
        path.write_text(text, encoding="utf-8")
        file = open_file(str(path))
        with pytest.raises(MappingError):
            shop.import_file(file, shop.plan(file), dry_run=True)
