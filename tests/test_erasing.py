"""Erasing a person: nothing of them is left anywhere, and nothing else changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from shop_with_people import (
    ANA,
    ANAS_WORDS,
    ANNA,
    append,
    assert_proved,
    created,
    customer,
    figures,
    fill,
    line,
    position_of,
    rows,
    texts,
    traces,
)

import clientbook
from clientbook.book import Book
from clientbook.importing.decode import GivenFile
from clientbook.log.files import own_digest


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


def entry_rows(book: Book, number: int = 1) -> dict[int, Any]:
    return {row.position: row for row in book.log.ledger.entries()[number - 1].rows}


def test_nothing_of_the_person_is_left_and_nothing_else_changes(people: Book, ids: dict[str, str]):
    words = [*ANAS_WORDS, ids["ana"], ids["second"]]
    assert {word for _name, word in traces(people.folder, words)} == set(words)
    before, earned, head, marks = rows(people), figures(people), people.log.head(), people.log.commits().marks
    others = other_customers(people, ids)

    done = people.eraser.erase(ids["ana"], ground="request")

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
    people.eraser.erase(ids["ana"], ground="request")
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
    people.eraser.erase(ids["ana"], ground="request")
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
    people.eraser.erase(ids["firm"], ground="request")
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
    people.eraser.erase(ids["freed"], ground="objection")
    assert traces(people.folder, [ids["freed"], "freed@example.com"]) == []
    with people.snapshot() as snapshot:
        roots = snapshot.table("select customer_id, root_id from customer_roots where customer_id <> root_id").to_pylist()
    assert {row["customer_id"]: row["root_id"] for row in roots} == {ids["second"]: ids["ana"], ids["third"]: ids["anna"]}
    assert_proved(people)


@pytest.mark.slow
def test_two_people_whose_rows_share_files(people: Book, ids: dict[str, str]):
    earned = figures(people)
    people.eraser.erase(ids["ana"], ground="request")
    people.eraser.erase(ids["anna"], ground="withdrawal")
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
    people.eraser.erase(ids["ana"], ground="legal_duty")
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
    touched = people.eraser.preview(ids["ana"]).files
    people.eraser.erase(ids["ana"], ground="request")
    assert list((people.folder / "log" / "tmp").iterdir()) == []
    assert [path.name for path in (people.folder / "log" / "generations").iterdir()] == [people.log.generation().name]
    assert len(held - {own_digest(path) for path in people.log.files()}) == touched
    assert (people.folder / "state" / "tables").exists() is False


def test_a_preview_changes_nothing_and_says_what_will_be_done(people: Book, ids: dict[str, str]):
    def said() -> list[tuple[str, str]]:
        return sorted(one for one in texts(people.folder) if not one[0].startswith("state") and "lock" not in one[0])

    before = said()
    planned = people.eraser.preview(ids["ana"])
    assert said() == before
    done = people.eraser.erase(ids["ana"], ground="request")
    assert (planned.rows, planned.files) == (done.rows, done.files)
    assert planned.number is None


@pytest.mark.parametrize(
    "after",
    ["entry", pytest.param("rewrite", marks=pytest.mark.slow), pytest.param("old", marks=pytest.mark.slow)],
)
def test_an_erasure_that_was_killed_is_carried_out_when_the_book_is_opened(
    people: Book, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch, after: str
):
    from clientbook import erasure as module
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
        people.eraser.erase(ids["ana"], ground="request")
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
    people.eraser.erase(ids["ana"], ground="request")
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
        book.eraser.erase("0123456789abcdef0123", ground="request")
    assert len(book.log.ledger) == 0
    append(book, line("tag_added", ANA, tag="x"))
    gone = customer(book, ANA)
    book.eraser.erase(gone, ground="request")
    with pytest.raises(CustomerNotFound):
        book.eraser.erase(gone, ground="request")
    assert len(book.log.ledger) == 1


def test_a_damaged_file_keeps_the_erasure_from_beginning(people: Book, ids: dict[str, str]):
    """A row that cannot be read might be the person's; and a changed one would get a digest that looks right."""
    from clientbook.log.base import DamagedLog

    path = people.log.files()[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedLog):
        people.eraser.erase(ids["ana"], ground="request")
    assert len(people.log.ledger) == 0


# Erasing and undoing.


def test_a_person_of_an_undone_import_can_be_erased(book: Book):
    undone(book)
    book.eraser.erase(book.eraser.find(ANA), ground="request")
    assert traces(book.folder, [ANA]) == []
    assert_proved(Book(book.folder))


def test_undoing_the_import_of_a_kept_sale_does_not_take_it_away(book: Book):
    batch = imported(book)
    book.eraser.erase(customer(book, ANA), ground="request")
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
