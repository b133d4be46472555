"""Erasing a person: nothing of them is left anywhere, and nothing else changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from shop_with_people import (
    ANA,
    ANAS_WORDS,
    ANNA,
    OTHER_ANA,
    append,
    bring,
    created,
    customer,
    figures,
    fill,
    line,
    order,
    position_of,
    rows,
    texts,
    traces,
)

import clientbook
from clientbook.book import Book, PersonErased
from clientbook.erasure import ERASED
from clientbook.events.remains import identifiers, normalised
from clientbook.importing.decode import GivenFile
from clientbook.importing.noting import new_customer
from clientbook.importing.rejects import forget_rejects
from clientbook.log.files import own_digest
from clientbook.log.verifying import verify_log


@pytest.fixture(scope="session", params=[pytest.param("commits", marks=pytest.mark.slow), "sealed"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A book with everybody in it, made once and copied."""
    folder = tmp_path_factory.mktemp("people") / "book"
    book = created(folder)
    ids = fill(book, seals=request.param == "sealed")
    book.snapshot().close()
    return folder, ids


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = created(tmp_path_factory.mktemp("empty") / "book")
    made.snapshot().close()
    return made.folder


@pytest.fixture
def book(empty: Path, tmp_path: Path) -> Book:
    shutil.copytree(empty, tmp_path / "book", symlinks=True)
    return Book(tmp_path / "book")


@pytest.fixture
def ids(filled: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return filled[1]


@pytest.fixture
def people(filled: tuple[Path, dict[str, str]], tmp_path: Path) -> Book:
    shutil.copytree(filled[0], tmp_path / "book", symlinks=True)
    return Book(tmp_path / "book")


def assert_proved(book: Book, erased: dict[int, int] | None = None) -> None:
    found = verify_log(book.log)
    assert found.faults == []
    if erased is not None:
        assert {number: count > 0 for number, count in found.erased.items()} == dict.fromkeys(erased, True)


def entry_rows(book: Book, number: int = 1) -> dict[int, Any]:
    return {row.position: row for row in book.log.ledger.entries()[number - 1].rows}


def test_nothing_of_the_person_is_left_and_nothing_else_changes(people: Book, ids: dict[str, str]):
    words = [*ANAS_WORDS, ids["ana"], ids["second"]]
    assert {word for _name, word in traces(people.folder, words)} == set(words)
    before, earned, head, marks = rows(people), figures(people), people.log.head(), people.log.commits().marks
    others = other_customers(people, ids)

    done = people.erase(ids["ana"], ground="request")

    assert done.number == 1
    assert traces(people.folder, words) == []
    after, touched = rows(people), entry_rows(people)
    untouched = {position: row for position, row in before.items() if position not in touched}
    assert {position: row for position, row in after.items() if position in untouched} == untouched
    assert len(untouched) > 25
    assert set(after) == set(untouched) | {one for one, row in touched.items() if row.new} | {head.position + 1}
    assert figures(people) == earned
    assert other_customers(people, ids) == others
    assert people.log.commits().marks[: len(marks)] == marks
    assert people.verify().faults == []
    assert_proved(people, {1: len(touched)})
    assert done.rows == {
        action: sum(row.action == action for row in touched.values()) for action in ("removed", "kept", "stripped")
    }
    people.rebuild().close()
    assert figures(people) == earned
    people.seal(everything=True)
    assert figures(people) == earned
    assert_proved(people, {1: len(touched)})
    assert traces(people.folder, words) == []


def other_customers(book: Book, ids: dict[str, str]) -> list[dict[str, Any]]:
    sql = "select * from customers where customer_id not in ($ana, $second) order by customer_id"
    with book.snapshot() as snapshot:
        return snapshot.table(sql, {"ana": ids["ana"], "second": ids["second"]}).to_pylist()


def test_a_sale_keeps_its_amount_and_its_month_in_the_books_time_zone(people: Book, ids: dict[str, str]):
    position = position_of(people, "order_placed", "ORD-1001")
    before = rows(people)[position][1]
    people.erase(ids["ana"], ground="request")
    row = rows(people)[position][1]
    assert row["order_placed"] == {
        name: row["order_placed"][name] if name in ("order_id", "total", "currency") else None
        for name in row["order_placed"]
    }
    assert row["order_placed"]["order_id"] == f"erased-{position}"
    assert row["order_placed"]["total"] == before["order_placed"]["total"]
    assert row["occurred_at"] == datetime(2026, 2, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
    for kept in (rows(people)[one][1] for one, said in entry_rows(people).items() if said.action == "kept"):
        local = kept["occurred_at"].astimezone(ZoneInfo("Europe/Paris"))
        assert (local.day, local.hour, local.minute) == (1, 12, 0)
    assert not {"customer_id", "actor"} & set(row)
    assert row["event_id"] != before["event_id"]
    assert row["salt"] != before["salt"]


def test_rows_of_others_lose_only_the_id(people: Book, ids: dict[str, str]):
    before = rows(people)
    people.erase(ids["ana"], ground="request")
    after, touched = rows(people), entry_rows(people)
    stripped = {position: after[position][1] for position, row in touched.items() if row.action == "stripped" and row.new}
    kinds = {row["type"] for row in stripped.values()}
    assert {"segment_frozen", "order_cancelled", "event_voided"} <= kinds
    for position, row in stripped.items():
        kept = {name: value for name, value in row.items() if name not in ("event_id", "salt", row["type"])}
        assert kept == {name: before[position][1][name] for name in kept}
    frozen = [row["segment_frozen"] for row in stripped.values() if row["type"] == "segment_frozen"]
    assert [one["members"] for one in frozen] == [[ids["anna"], ids["freed"]], None]


def test_a_company_leaves_its_people(people: Book, ids: dict[str, str]):
    before, earned = rows(people), figures(people)
    people.erase(ids["firm"], ground="request")
    assert traces(people.folder, [ids["firm"], "contact@savons.example"]) == []
    after, touched = rows(people), entry_rows(people)
    (stripped,) = [position for position, row in touched.items() if row.action == "stripped"]
    assert before[stripped][1]["profile_updated"]["company_id"] == ids["firm"]
    assert after[stripped][1]["profile_updated"] == before[stripped][1]["profile_updated"] | {"company_id": None}
    assert {one: row for one, row in before.items() if one not in touched} == {
        one: row for one, row in after.items() if one in before and one not in touched
    }
    assert figures(people) == earned
    assert_proved(people)


@pytest.mark.slow
def test_somebody_who_was_merged_and_set_free_is_forgotten_alone(people: Book, ids: dict[str, str]):
    people.erase(ids["freed"], ground="objection")
    assert traces(people.folder, [ids["freed"], "freed@example.com"]) == []
    with people.snapshot() as snapshot:
        roots = snapshot.table("select customer_id, root_id from customer_roots where customer_id <> root_id").to_pylist()
    assert {row["customer_id"]: row["root_id"] for row in roots} == {ids["second"]: ids["ana"], ids["third"]: ids["anna"]}
    assert_proved(people)


@pytest.mark.slow
def test_two_people_whose_rows_share_files(people: Book, ids: dict[str, str]):
    earned = figures(people)
    people.erase(ids["ana"], ground="request")
    people.erase(ids["anna"], ground="withdrawal")
    gone = [*ANAS_WORDS, ids["ana"], ids["second"], ids["anna"], ids["third"], ANNA, "ORD-2001", "Anna-Sophie"]
    assert traces(people.folder, gone) == []
    assert figures(people) == earned
    found = people.verify()
    assert found.faults == []
    assert set(found.erased) == {1, 2}
    first, second = (set(entry_rows(people, number)) for number in (1, 2))
    assert first & second  # segment_frozen named both
    again = Book(people.folder)
    assert [entry.ground for entry in again.log.ledger.entries()] == ["request", "withdrawal"]
    again.seal(everything=True)
    assert_proved(again, {1: 1, 2: 1})


def test_the_ledger_says_nothing_of_whom(people: Book, ids: dict[str, str]):
    before = rows(people)
    people.erase(ids["ana"], ground="legal_duty")
    (path,) = (people.folder / "ledger").glob("*.json")
    entry = json.loads(path.read_bytes())
    assert set(entry) == {
        "number", "erased_at", "ground", "timezone", "position", "digest", "files", "rows", "previous", "key_sha256",
    }  # fmt: skip
    assert {len(row) for row in entry["rows"]} == {5}
    assert {row[0]: bytes.fromhex(row[2]) for row in entry["rows"]} == {row[0]: before[row[0]][0] for row in entry["rows"]}
    files = sorted(path.name for path in (people.folder / "ledger").iterdir())
    assert files == ["000001.done", "000001.json", "suppression.txt"]
    assert all(len(word) == 64 for word in (people.folder / "ledger" / "suppression.txt").read_text().split())
    assert {(people.folder / "ledger" / name).stat().st_mode & 0o777 for name in files} == {0o600}


def test_old_files_go_at_once(people: Book, ids: dict[str, str]):
    (people.folder / "log" / "tmp" / "1-half.tmp").write_bytes(b"ana.lefevre@example.com")
    held = {own_digest(path) for path in people.log.files()}
    touched = people.preview_erasure(ids["ana"]).files
    people.erase(ids["ana"], ground="request")
    assert list((people.folder / "log" / "tmp").iterdir()) == []
    assert [path.name for path in (people.folder / "log" / "generations").iterdir()] == [people.log.generation().name]
    assert len(held - {own_digest(path) for path in people.log.files()}) == touched
    assert (people.folder / "state" / "tables").exists() is False


def test_a_preview_changes_nothing_and_says_what_will_be_done(people: Book, ids: dict[str, str]):
    def said() -> list[tuple[str, str]]:
        return sorted(one for one in texts(people.folder) if not one[0].startswith("state") and "lock" not in one[0])

    before = said()
    planned = people.preview_erasure(ids["ana"])
    assert said() == before
    done = people.erase(ids["ana"], ground="request")
    assert (planned.rows, planned.files) == (done.rows, done.files)
    assert planned.number is None


@pytest.mark.parametrize(
    "after",
    ["entry", pytest.param("rewrite", marks=pytest.mark.slow), pytest.param("old", marks=pytest.mark.slow)],
)
def test_an_erasure_that_was_killed_is_carried_out_when_the_book_is_opened(
    people: Book, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch, after: str
):
    from clientbook import book as module
    from clientbook.log import erasing

    earned = figures(people)
    where, name = {
        "entry": (module, "carry_out"),
        "rewrite": (erasing, "_delete_old"),
        "old": (type(people.log.ledger), "finish"),
    }[after]

    def killed(*args: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, name, killed)
    with pytest.raises(KeyboardInterrupt):
        people.erase(ids["ana"], ground="request")
    monkeypatch.undo()
    again = Book(people.folder)
    assert again.log.ledger.unfinished() == []
    assert traces(again.folder, [*ANAS_WORDS, ids["ana"]]) == []
    assert figures(again) == earned
    assert_proved(again, {1: 1})
    with again.snapshot() as snapshot:
        said = snapshot.table("select customer_erased.ledger_number as n from events where customer_erased is not null")
    assert said["n"].to_pylist() == [1]
    assert not hidden(again)


def hidden(book: Book) -> set[str]:
    """Customers that rejects still name."""
    return {word for name, text in texts(book.folder / "rejects") for word in (ANA,) if word in text}


WRITER = """
import json, sys
from pathlib import Path
from clientbook.book import Book
book = Book(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(12):
    line = {"type": "tag_added", "occurred_at": "2026-01-01T00:00:00Z", "customer": {"email": f"w{number}@example.com"},
            "data": {"tag": f"t{number}"}}
    done = book.append_lines([json.dumps(line).encode()])
    print(done.position, done.events, flush=True)
"""


@pytest.mark.slow
def test_another_process_appends_meanwhile(people: Book, ids: dict[str, str]):
    earned, head = figures(people), people.log.head()
    environment = os.environ | {"PYTHONPATH": str(Path(clientbook.__file__).parent.parent)}
    command = [sys.executable, "-c", WRITER, str(people.folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert process.stdout.readline()
    people.erase(ids["ana"], ground="request")
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert len(out.splitlines()) == 11
    assert people.log.head().position > head.position + 12
    assert traces(people.folder, [*ANAS_WORDS, ids["ana"]]) == []
    assert figures(people) == earned
    assert_proved(people, {1: 1})
    with people.snapshot() as snapshot:
        assert len(snapshot.table("select distinct tag_added.tag from events where tag_added.tag like 't%'")) >= 12


def test_whoever_is_not_there_cannot_be_erased(book: Book):
    from clientbook.query.customers import CustomerNotFound

    with pytest.raises(CustomerNotFound):
        book.erase("0123456789abcdef0123", ground="request")
    assert len(book.log.ledger) == 0
    append(book, line("tag_added", ANA, tag="x"))
    gone = customer(book, ANA)
    book.erase(gone, ground="request")
    with pytest.raises(CustomerNotFound):
        book.erase(gone, ground="request")
    assert len(book.log.ledger) == 1


def test_a_damaged_file_keeps_the_erasure_from_beginning(people: Book, ids: dict[str, str]):
    """A row that cannot be read might be the person's; and a changed one would get a digest that looks right."""
    from clientbook.log.base import DamagedLog

    path = people.log.files()[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedLog):
        people.erase(ids["ana"], ground="request")
    assert len(people.log.ledger) == 0


def as_lines(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in events)


# Suppression: who was erased does not come back unnoticed.


def test_an_import_sets_aside_who_was_erased(book: Book):
    contacts = "N° client;Nom;E-mail\nC-1;L;ana.lefevre@example.com\nC-2;M;anna.lefevre@example.com\n"
    bring(book, contacts, "contacts.csv")
    old = customer(book, ANA)
    book.erase(old, ground="request")
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
    book.erase(old, ground="request")
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
    book.erase(customer(book, ANA), ground="request")
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
    book.erase(customer(book, ANA), ground="request")
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
    book.erase(customer(book, ANA), ground="request")
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
    book.erase(customer(book, ANA), ground="request")
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
    book.erase(customer(book, ANA), ground="request")
    assert rows(book)[position] == before[position]


# Rejects: only the person's rows go.

ANAS = {("email", "", ANA), ("phone", "", "612345678"), ("external", "shop", "12"), ("customer", "", "a" * 20)}
NAMES = {("Ana", "Lefèvre")}
REASON = "4;amount.invalid;total;x;no amount"
HEAD = "Prénom;Nom;E-mail;Tél;order_line;Qté;N° client;Note;_line;_code;_column;_value;_message"
OTHERS = [
    f"Anna;Lefevre;joana.lefevre@example.com;0712345678;12;12;13;x;{REASON}",
    f"Ana;Martin;{ANA}.fr;12;612;12;112;;{REASON}",
    f'Lefèvre;Paul;x-{ANA};;1;1;"1\n2";"a ""quoted"" one;\nwith breaks";{REASON}',
    f";;;;;;;aucun 😀 €;{REASON}".replace("😀 €", "é"),
]
HERS = [
    f"x;y;{ANA.title()};;1;1;;;{REASON}",
    f"x;y;;+33 6.12.34.56.78;1;1;;;{REASON}",
    f"x;y;;;1;1; 12 ;;{REASON}",
    f' ANA ;"lefèvre";;;1;1;;;{REASON}',
    f"Lefèvre Ana;;;;1;1;;;{REASON}",
    f'x;y;;;1;1;;"please write\nto {ANA}, not to me";{REASON}',
    f"x;y;;;1;1;;;5;event.invalid;total;said <{ANA}>;no amount",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_the_persons_rows_of_a_table_go(tmp_path: Path, encoding: str, newline: str):
    mixed = [OTHERS[0], HERS[0], HERS[1], OTHERS[1], HERS[2], HERS[3], OTHERS[2], HERS[4], HERS[5], HERS[6], OTHERS[3]]
    path = tmp_path / "20260701-1.csv"

    def table(records: list[str]) -> bytes:
        return "".join(one.replace("\n", newline) + newline for one in (HEAD, *records)).encode(encoding)

    path.write_bytes(table(mixed))
    assert forget_rejects(tmp_path, ANAS, NAMES) == len(HERS)
    assert path.read_bytes() == table(OTHERS)
    assert forget_rejects(tmp_path, ANAS, NAMES) == 0
    path.write_bytes(table(HERS))
    assert forget_rejects(tmp_path, ANAS, NAMES) == len(HERS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("delimiter", [",", "\t", "|"])
def test_tables_with_other_delimiters(tmp_path: Path, delimiter: str):
    path = tmp_path / "b.csv"
    head, reason = HEAD.replace(";", delimiter), REASON.replace(";", delimiter)
    mine, other = (delimiter.join(["x", "y", mail, "", "1", "1", "", "", reason]) for mail in (ANA, ANNA))
    path.write_bytes(f"{head}\r\n{mine}\r\n{other}\r\n".encode())
    assert forget_rejects(tmp_path, ANAS, NAMES) == 1
    assert path.read_bytes() == f"{head}\r\n{other}\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_the_persons_lines_of_json_go(tmp_path: Path):
    def said(**more: Any) -> str:
        return json.dumps({"type": "tag_added", "customer": {"email": ANNA}} | more, ensure_ascii=False) + "\n"

    others = [
        said(data={"tag": "12"}),
        said(customer={"external": "112"}, data={"text": f"x{ANA}"}),
        said(data={"text": "two\u2028lines\x85and\x0bmore"}),
        '{"_reject": {"text": "{broken", "line": 3}}\n',
        "not json at all\n",
    ]
    hers = [
        said(customer={"email": ANA.upper()}),
        said(data={"text": f"a\u2028b\x85 {ANA}\u2028 and her dog Rex"}),
        said(customer="a" * 20),
        said(customer={"external": "12"}),
        said(customer={"phone": "06 12 34 56 78"}),
        said(data={"given_name": "ana", "family_name": "LEFÈVRE"}),
        f'{{"_reject": {{"text": "{{\\"customer\\": \\"{ANA}\\"", "line": 3}}}}\n',
        f"broken {ANA}\n",
    ]
    path = tmp_path / "b.jsonl"
    path.write_text("".join([hers[0], others[0], *hers[1:5], *others[1:4], *hers[5:], others[4]]), encoding="utf-8")
    assert forget_rejects(tmp_path, ANAS, NAMES) == len(hers)
    assert path.read_bytes().decode() == "".join(others)


def test_rejects_that_nobody_can_read_stop_no_erasure(book: Book):
    append(book, line("tag_added", ANA, tag="x"))
    rejects = book.folder / "rejects"
    (rejects / "folder.csv").mkdir()
    (rejects / "binary.csv").write_bytes(bytes(range(256)) * 3)
    (rejects / "empty.csv").write_bytes(b"")
    (rejects / "wide.csv").write_bytes(f'{HEAD}\nx;y;{ANA};;;;;"{"long " * 60_000}";{REASON}\n'.encode())
    (rejects / "notes.txt").write_text("mine")
    book.erase(customer(book, ANA), ground="request")
    assert traces(book.folder, [ANA]) == []
    assert sorted(path.name for path in rejects.iterdir()) == ["binary.csv", "empty.csv", "folder.csv", "notes.txt"]


def test_rejects_of_real_imports_are_forgotten(book: Book):
    contacts = "N° client;Nom;E-mail\n5;Lefèvre;ana.lefevre@example.com\n6;Martin;anna.lefevre@example.com\n"
    bring(book, contacts, "contacts.csv")
    orders = (
        "numéro;date;N° client;E-mail;article;qté;total\n"
        '1;jamais;5;;"savon\n""noir""";1;2\n2;jamais;6;;savon;5;5\n3;jamais;;ana.lefevre@example.com;savon;6;5\n'
    )
    for encoding in ("utf-8", "cp1252", "utf-16"):
        assert bring(book, orders.encode(encoding), "orders.csv").outcome.rows_rejected == 3
    lines_ = [line("order_placed", who, order_id="9", total="x", currency="EUR") for who in (ANA, ANNA)]
    bring(book, as_lines(*lines_), "events.jsonl")
    book.erase(customer(book, ANA), ground="request")
    left = sorted((book.folder / "rejects").iterdir())
    assert len(left) == 4
    for path in left:
        text = path.read_bytes().decode("utf-16" if path.read_bytes()[:2] == b"\xff\xfe" else "cp1252")
        assert "Qté" in text.title() or "anna.lefevre" in text or ";savon;5;5;" in text
        assert len(text.splitlines()) == (2 if path.suffix == ".csv" else 1)
    assert traces(book.folder, [ANA, "noir"]) == []


__all__ = ["Callable", "order", "pq"]


# Erasing and undoing.


def test_a_person_of_an_undone_import_can_be_erased(book: Book):
    undone(book)
    book.erase(book.find_to_erase(ANA), ground="request")
    assert traces(book.folder, [ANA]) == []
    assert_proved(Book(book.folder))


def test_undoing_the_import_of_a_kept_sale_does_not_take_it_away(book: Book):
    batch = imported(book)
    book.erase(customer(book, ANA), ground="request")
    before = book.info()["revenue"]
    book.undo(batch)
    assert before == 20
    assert book.info()["revenue"] == 20, "ANA's sale of 20, and nobody else's of the import"


def imported(book: Book) -> str:
    lines = f"N° commande;date;e-mail;total\nN-1;01/03/2026;{ANA};20,00\n".encode()
    file = GivenFile(name="orders.csv", data=lines, sha256="0" * 64)
    batch = book.import_file(file, book.plan(file)).batch
    assert batch is not None
    return batch


def undone(book: Book) -> None:
    book.undo(imported(book))
