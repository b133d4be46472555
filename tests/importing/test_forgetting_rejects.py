"""Of the rejects files only the rows of the erased person go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from shop_with_people import (
    ANA,
    ANNA,
    append,
    as_lines,
    bring,
    created,
    customer,
    line,
    traces,
)

from clientbook.book import Book
from clientbook.importing.rejects import forget_rejects


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return created(tmp_path / "book")


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
    book.eraser.erase(customer(book, ANA), ground="request")
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
    book.eraser.erase(customer(book, ANA), ground="request")
    left = sorted((book.folder / "rejects").iterdir())
    assert len(left) == 4
    for path in left:
        text = path.read_bytes().decode("utf-16" if path.read_bytes()[:2] == b"\xff\xfe" else "cp1252")
        assert "Qté" in text.title() or "anna.lefevre" in text or ";savon;5;5;" in text
        assert len(text.splitlines()) == (2 if path.suffix == ".csv" else 1)
    assert traces(book.folder, [ANA, "noir"]) == []


def test_a_reject_of_a_megabyte_is_looked_through_in_one_go(tmp_path: Path):
    """Read again from each of its letters it would take hours."""
    long, hers = "x" * 1_000_000, f"{'y' * 1_000_000} {ANA}"
    path = tmp_path / "20260701-2.jsonl"
    path.write_text(f"{long}\n{hers}\n", encoding="utf-8")
    assert forget_rejects(tmp_path, ANAS, NAMES) == 1
    assert path.read_text(encoding="utf-8") == f"{long}\n"
