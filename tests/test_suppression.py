"""Whoever was erased does not come back unnoticed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from shop_with_people import (
    ANA,
    ANNA,
    OTHER_ANA,
    append,
    as_lines,
    assert_proved,
    bring,
    created,
    customer,
    line,
    rows,
    traces,
)

from clientbook.book import Book
from clientbook.events.remains import identifiers, normalised
from clientbook.importing.noting import new_customer
from clientbook.intake import PersonErased
from clientbook.suppression import ERASED


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return created(tmp_path / "book")


def test_an_import_sets_aside_who_was_erased(book: Book):
    contacts = "N° client;Nom;E-mail\nC-1;L;ana.lefevre@example.com\nC-2;M;anna.lefevre@example.com\n"
    bring(book, contacts, "contacts.csv")
    old = customer(book, ANA)
    book.eraser.erase(old, ground="request")
    events = as_lines(line("tag_added", tag="x") | {"customer": old}, line("tag_added", ANNA, tag="y"))
    for text, name in ((contacts, "contacts.csv"), (events, "events.jsonl")):
        done = bring(book, text, name)
        assert [reject.code for reject in done.outcome.rejects] == [ERASED]
        assert done.rejects_file is None
        assert (done.outcome.rows_read, done.outcome.rows_used + done.outcome.rows_duplicate) == (2, 1)
        assert traces(book.folder, [ANA, old, "C-1"]) == []


@pytest.mark.slow
def test_the_same_files_again_bring_nobody_back(book: Book):
    contacts = (
        "N° client;Nom;Prénom;E-mail;Mobile\n"
        "C-7700;Lefèvre-Dupont;Ana-Sophie;ana.lefevre@example.com;06 12 34 56 78\n"
        "C-77;Lefèvre;Anna;anna.lefevre@example.com;06 12 34 56 79\n"
    )
    first = bring(book, contacts, "contacts.csv")
    assert (first.outcome.rows_used, first.outcome.rows_rejected) == (2, 0)
    old = customer(book, ANA)
    book.eraser.erase(old, ground="request")
    other = {"external": "C-77"}
    variants: list[tuple[str, str]] = [
        (contacts, "contacts.csv"),
        ("Nom;E-mail\nX;Ana.Lefevre@Example.com \nY;anna.lefevre@example.com\n", "mail.csv"),
        ("Nom;Mobile\nX;+33 (0)6.12.34.56.78\nY;0612345679\n", "phone.csv"),
        ("N° client;Nom\nC-7700;X\nC-77;Y\n", "number.csv"),
        (f"numéro,date,e-mail,total\n1,01/06/2026,{ANA},6\n2,01/06/2026,{ANNA},7\n", "o.csv"),
        (as_lines(line("tag_added", tag="x") | {"customer": old}, line("tag_added", other, tag="y")), "a.jsonl"),
        (as_lines(line("tag_added", {"external": "C-7700"}, tag="x"), line("tag_added", ANNA, tag="z")), "b.jsonl"),
        (as_lines(line("profile_updated", ANNA, mobile="0033612345678"), line("tag_added", ANNA, tag="q")), "c.jsonl"),
    ]  # fmt: skip
    for text, name in variants:
        done = bring(book, text, name)
        codes = [reject.code for reject in done.outcome.rejects]
        assert codes == [ERASED], (name, done.outcome)
        assert done.rejects_file is None
        outcome = done.outcome
        assert outcome.rows_read == outcome.rows_used + outcome.rows_duplicate + outcome.rows_skipped + outcome.rows_rejected
        if outcome.amount_read is not None:
            assert outcome.amount_used is not None
            assert outcome.amount_duplicate is not None
            assert outcome.amount_rejected is not None
            assert outcome.amount_read == outcome.amount_used + outcome.amount_duplicate + outcome.amount_rejected
            assert outcome.amount_rejected == 6
        assert traces(book.folder, [ANA, "Ana-Sophie", "612345678", "C-7700", old]) == [], name
    assert_proved(book, {1: 1})


def test_rows_that_could_not_go_in_anyway_are_not_written_down_for_who_was_erased(book: Book):
    append(book, line("tag_added", {"email": ANA, "external": "C-7700"}, tag="x"))
    book.eraser.erase(customer(book, ANA), ground="request")
    orders = (
        "numéro,date,e-mail,N° client,total\n"
        "1,no date,ana.lefevre@example.com,,6\n2,no date,anna.lefevre@example.com,,7\n3,no date,,C-7700,8\n"
    )
    done = bring(book, orders, "orders.csv")
    assert done.outcome.rows_rejected == 3
    assert done.rejects_file is not None
    assert ANNA in done.rejects_file.read_text()
    assert traces(book.folder, [ANA, "C-7700"]) == []
    lines = [line("tag_added", ANA), line("tag_added", ANNA)]
    done = bring(book, as_lines(*lines), "bad.jsonl")
    assert done.outcome.rows_rejected == 2
    assert traces(book.folder, [ANA, "C-7700"]) == []


@pytest.mark.slow
def test_by_hand_too(book: Book):
    append(book, line("tag_added", ANA, tag="x"))
    book.eraser.erase(customer(book, ANA), ground="request")
    decision = new_customer({"email": ANA.upper(), "family_name": "L"}, kind="person", collected_via="counter")
    now = datetime(2026, 7, 1, tzinfo=UTC)
    with pytest.raises(PersonErased):
        book.note(decision, occurred_at=now)
    assert traces(book.folder, [ANA]) == []
    book.note(decision, occurred_at=now, allow_erased=True)
    assert append(book, line("tag_added", ANA, tag="y")).rows_used == 1


@pytest.mark.slow
def test_whoever_came_back_by_themselves_stays(book: Book):
    file = "N° client;Nom;E-mail;Mobile\nC-1;L;ana.lefevre@example.com;0612345678\nC-2;M;m@example.com;\n"
    bring(book, file, "contacts.csv")
    book.eraser.erase(customer(book, ANA), ground="request")
    assert bring(book, file, "contacts.csv", dry_run=True, allow_erased=True).outcome.rows_used == 1
    assert bring(book, file, "contacts.csv").outcome.rows_rejected == 1
    back = bring(book, file, "contacts.csv", allow_erased=True)
    assert (back.outcome.rows_rejected, back.outcome.rows_used) == (0, 1)
    again = bring(book, file.replace(";L;", ";Lef;"), "contacts.csv")
    assert (again.outcome.rows_rejected, again.outcome.rows_used) == (0, 1)
    for who in (ANA, {"phone": "+33612345678"}, {"external": "C-1"}):
        assert append(book, line("tag_added", who, tag="x") | {"source": "shop"}).rows_used == 1


def test_a_phone_that_says_nothing_suppresses_nobody(book: Book):
    contacts = "Nom;E-mail;Mobile\nA;ana.lefevre@example.com;aucun\nB;anna.lefevre@example.com;aucun\nC;c@example.com;12\n"
    bring(book, contacts, "contacts.csv")
    append(book, line("consent_given", ANA, channel="phone", purposes=["newsletter"], address="on request"))
    book.eraser.erase(customer(book, ANA), ground="request")
    other = "Nom;E-mail;Mobile\nD;d@example.com;aucun\nE;e@example.com;-\nF;f@example.com;12\n"
    assert bring(book, other, "more.csv").outcome.rows_rejected == 0
    assert normalised("phone", None, "aucun")[2] == normalised("phone", None, "12")[2] == ""
    assert normalised("phone", None, "06 12 34 56 78") == normalised("phone", None, "0033 612345678")
    assert identifiers([]) == set()


@pytest.mark.slow
def test_a_suppression_of_an_address_that_somebody_else_has_now_stays(book: Book):
    append(book, line("tag_added", ANA, tag="x"), line("identifier_linked", ANA, kind="email", value=OTHER_ANA))
    append(book, line("identifier_unlinked", ANA, kind="email", value=OTHER_ANA))
    append(book, line("tag_added", ANNA, tag="x"), line("identifier_linked", ANNA, kind="email", value=OTHER_ANA))
    append(book, line("address_suppressed", None, channel="email", cause="complaint", address=OTHER_ANA))
    before = rows(book)
    position = book.log.head().position
    book.eraser.erase(customer(book, ANA), ground="request")
    assert rows(book)[position] == before[position]
