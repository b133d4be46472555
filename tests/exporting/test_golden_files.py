"""Every destination, byte by byte, on a table with hostile cells.."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from python_calamine import load_workbook

from clientbook.book import Book
from clientbook.builtin.exporters.cells import harmless
from clientbook.exporting.destinations import destination, written

GOLDEN = Path(__file__).parent / "golden"
WHEN = datetime(2026, 2, 28, 22, 30, 5, 123456, tzinfo=UTC)


def people(channel: str) -> pa.Table:
    address = "phone" if channel == "sms" else "email"
    rows: list[dict[str, Any]] = [
        row("c1", "Anna", "Lefèvre", WHEN, "CONFIRMED_OPT_IN", "A6-1-a", Decimal("1234.5000"), ["vip", "thé"]),
        row("c2", "=cmd|' /C calc'!A1", 'Double " ; , quote', WHEN, "SINGLE_OPT_IN", "A6-1-a", Decimal("-5"), []),
        row("c3", "+33", "@SUM(1)\r\nsecond\tline", None, None, "CPCE-L34-5-al4", None, ["-1"]),
        row("c4", None, None, None, None, "none-legal-person", Decimal("0.1"), ["a; b"]) | {"legal_name": "Épicerie, SARL"},
    ]
    for number, one in enumerate(rows, 1):
        one[address] = f"+3363998000{number}" if channel == "sms" else f"p{number}@example.com"
        one |= {"channel": channel, "purpose": "newsletter"}
    schema = pa.schema(
        [(name, pa.string()) for name in ("customer_id", address, "name", "given_name", "family_name", "legal_name")]
        + [(name, pa.string()) for name in ("language", "postal_code", "channel", "purpose", "legal_basis", "opt_in_level")]
        + [
            ("consented_at", pa.timestamp("us", tz="UTC")),
            ("revenue", pa.decimal128(18, 4)),
            ("tags", pa.list_(pa.string())),
        ]
        + [("birth_date", pa.date32()), ("has_account", pa.bool_())]
    )
    table = pa.Table.from_pylist(rows, schema)
    return table.replace_schema_metadata({"channel": channel, "purpose": "newsletter", "added": "postal_code,revenue,tags"})


def row(
    id: str, given: str | None, family: str | None, at: datetime | None, level: str | None, basis: str, spent: Any, tags: Any
) -> dict[str, Any]:
    return {
        "customer_id": id,
        "name": " ".join(part for part in (given, family) if part) or "Épicerie, SARL",
        "given_name": given,
        "family_name": family,
        "legal_name": None,
        "language": "fr",
        "postal_code": "01000",
        "legal_basis": basis,
        "opt_in_level": level,
        "consented_at": at,
        "revenue": spent,
        "tags": tags,
        "birth_date": date(1985, 1, 9),
        "has_account": id == "c1",
    }


def made(book: Book, name: str, channel: str = "email") -> bytes:
    return written(book.plugins, destination(book.plugins, name), people(channel))


@pytest.mark.parametrize(
    ("name", "channel", "file"),
    [
        ("brevo", "email", "brevo.csv"),
        ("brevo", "sms", "brevo-sms.csv"),
        ("mailchimp", "email", "mailchimp.csv"),
        ("klaviyo", "email", "klaviyo.csv"),
        ("klaviyo", "sms", "klaviyo-sms.csv"),
        ("listmonk", "email", "listmonk.csv"),
        ("mailjet", "email", "mailjet.csv"),
        ("csv", "email", "table.csv"),
        ("spreadsheet", "email", "spreadsheet.csv"),
        ("txt", "email", "table.txt"),
        ("json", "email", "table.json"),
        ("jsonl", "email", "table.jsonl"),
        ("vcard", "email", "contacts.vcf"),
    ],
)
def test_the_bytes_of_a_destination(book: Book, name: str, channel: str, file: str) -> None:
    assert made(book, name, channel) == (GOLDEN / file).read_bytes()


def test_a_workbook_holds_texts_as_text_numbers_as_numbers_and_is_the_same_each_time(book: Book) -> None:
    data = made(book, "xlsx")
    assert data == made(book, "xlsx")
    header, anna, hostile, *_rest = load_workbook(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    shown = dict(zip(header, anna, strict=True))
    assert (shown["postal_code"], shown["revenue"], shown["birth_date"]) == ("01000", 1234.5, date(1985, 1, 9))
    assert hostile[header.index("given_name")] == "=cmd|' /C calc'!A1"
    sheet = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    phones = load_workbook(io.BytesIO(made(book, "xlsx", "sms"))).get_sheet_by_index(0).to_python()
    assert phones[1][phones[0].index("phone")] == "+33639980001"


def test_parquet_keeps_the_types(book: Book) -> None:
    table = pq.read_table(io.BytesIO(made(book, "parquet")))
    assert table.to_pylist() == people("email").to_pylist()
    assert table.schema.field("revenue").type == pa.decimal128(18, 4)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "\n@x", "＝1+1"])
def test_no_text_that_a_spreadsheet_would_run_stays_bare(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Anna", "0612345678", "a=b", "1-2", "l'été", ""])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


def test_lines_of_a_card_have_75_bytes_at_most(book: Book) -> None:
    table = pa.table({"name": ["é" * 200 + "漢" * 100], "email": ["a@example.com"]})
    data = written(book.plugins, destination(book.plugins, "vcard"), table)
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    assert ("é" * 200 + "漢" * 100) in data.decode().replace("\r\n ", "")
