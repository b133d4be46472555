"""The page of hostile files is true: each input that it lists ends as it says, the book untouched or balanced."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clientbook.errors import ClientbookError
from clientbook.importing.decode import open_file

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hostile-files.md"
HEAD = "N° commande;Date;E-mail;Total;Produit\n"
SOUND = "".join(f"{n};{n:02d}/02/2026;a@example.com;5,00;thé\n" for n in range(1, 25))


def row(date: str = "03/02/2026", total: str = "5,00", product: str = "thé", end: str = "\n") -> bytes:
    return f"{HEAD}{SOUND}99;{date};b@example.com;{total};{product}{end}".encode()


def workbook(*more: str, sheet: str = "", packed: bytes = b"") -> bytes:
    from xlsxwriter import Workbook

    out = io.BytesIO()
    book = Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    for place, cells in enumerate([HEAD.strip().split(";"), *(line.split(";") for line in SOUND.splitlines())]):
        page.write_row(place, 0, cells)
    page.write_row(25, 0, ["99", "03/02/2026", "b@example.com", "5,00"])
    page.write_formula(25, 4, sheet or '=HYPERLINK("x")', value="thé")
    book.close()
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as parts:
        for name in more:
            parts.writestr(name, packed)
    return out.getvalue()


def gzipped_bomb() -> bytes:
    return gzip.compress(HEAD.encode() + b"0" * (80 << 20))


CASES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "an unclosed quote": ("file.csv", lambda: row(product='"thé')),
    "too few cells": ("file.csv", lambda: (HEAD + SOUND + "99;03/02/2026\n").encode()),
    "too many cells": ("file.csv", lambda: row(product="thé;x;y")),
    "a cell of 10 MB": ("file.csv", lambda: row(product="x" * 10_000_000)),
    "a NUL byte": ("file.csv", lambda: row(product="th\0é")),
    "UTF-8 and cp1252 in one file": (
        "file.csv",
        lambda: row() + "98;03/02/2026;c@example.com;5,00;No\xebl\n".encode("cp1252"),
    ),
    "another delimiter than the name says": ("file.tsv", row),
    "no header": ("file.csv", lambda: SOUND.encode()),
    "the header twice": ("file.csv", lambda: (HEAD + HEAD + SOUND).encode()),
    "two columns of one name": ("file.csv", lambda: row().replace(b"Produit", b"Total", 1)),
    "a compression bomb": ("file.csv.gz", gzipped_bomb),
    "a workbook with parts outside itself": ("file.xlsx", lambda: workbook("../../etc/evil")),
    "a workbook with macros": ("file.xlsm.xlsx", lambda: workbook("xl/vbaProject.bin", packed=b"Auto_Open")),
    "a formula in a workbook": ("file.xlsx", workbook),
    "a formula as text": ("file.csv", lambda: row(product="=HYPERLINK(1)")),
    "an archive of files": ("file.zip", lambda: zipped("orders.csv")),
    "1e308": ("file.csv", lambda: row(total="1e308")),
    "30/02": ("file.csv", lambda: row(date="30/02/2026")),
    "the year 26": ("file.csv", lambda: row(date="03/02/0026")),
    "emoji": ("file.csv", lambda: row(product="👩‍👩‍👧 🍵")),
    "right-to-left": ("file.csv", lambda: row(product="\u202eeta\u202c שלום")),
    "ESC sequences": ("file.csv", lambda: row(product="\x1b[31mrouge\x1b[0m")),
    "a picture": ("file.csv", lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "nothing": ("file.csv", lambda: b""),
}


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr(name, row())
    return out.getvalue()


def told() -> dict[str, str]:
    """What the page says of each input."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return {one[0].replace("`", ""): one[1] for one in cells}


def outcome(shop: Any, tmp_path: Path, name: str, data: bytes) -> str:
    """As the page puts it: the code of the reject, taken, doubts, or the words of the refusal."""
    path = tmp_path / name
    path.write_bytes(data)
    try:
        file = open_file(str(path))
        plan = shop.book.plan(file)
        if not plan.is_sure:
            return "doubt"
        done = shop.book.import_file(file, plan).outcome
    except ClientbookError as error:
        return f"refused: {error}"
    assert done.rows_read == done.rows_used + done.rows_duplicate + done.rows_skipped + done.rows_rejected
    return ", ".join(sorted({one.code for one in done.rejects})) or "taken"


def test_the_page_lists_these_files() -> None:
    assert list(told()) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_ends_as_the_page_says(shop: Any, tmp_path: Path, name: str) -> None:
    file, make = CASES[name]
    ended = outcome(shop, tmp_path, file, make())
    said = told()[name]
    kind, _colon, message = ended.partition(": ")
    assert said.startswith(("refused", "doubt", "taken", "`")), said
    if kind == "refused":
        assert said.startswith("refused: ") and said.removeprefix("refused: ").strip("*") in message, ended
    else:
        assert said.partition(":")[0].strip("`") == kind, ended
    if kind in ("refused", "doubt"):
        assert shop.rows("select * from events") == []
    else:
        assert shop.rows("select count(*) as n from orders where order_id = '7'") == [{"n": 1}]


BYTES = st.binary(max_size=400) | st.text(max_size=200).map(str.encode)
FILES = st.one_of(
    BYTES,
    BYTES.map(lambda data: HEAD.encode() + data),
    BYTES.map(lambda data: b"PK\x03\x04" + data),
    BYTES.map(lambda data: b"BEGIN:VCARD\r\n" + data),
    BYTES.map(lambda data: b"\xff\xfe" + data),
    st.tuples(st.just(workbook()), st.integers(0, 6000), BYTES).map(
        lambda one: one[0][: one[1]] + one[2] + one[0][one[1] + len(one[2]) :]
    ),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=FILES)
def test_any_bytes_are_a_table_or_a_message(desk: Any, data: bytes) -> None:
    try:
        draft = desk.draft(data, "file.csv")
    except ClientbookError as error:
        assert str(error).strip()
        return
    assert draft.rows_read == len(draft.row_lines) + draft.rows_skipped + len(draft.rejects)
