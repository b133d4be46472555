"""vCards and Parquet files come in as tables do; compressed files that are made to choke programs do not."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clientbook.importing.decode import UnreadableFile, open_file

CARDS = (
    "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zoé Lefèvre\r\nN:Lefèvre;Zoé;;Mme;\r\nEMAIL;PREF=1:zoe@example.com\r\n"
    'TEL;VALUE=uri;TYPE="cell,voice":tel:+33612345678\r\nADR:;;12 rue des Lilas;Lyon;;69003;France\r\n'
    "BDAY:19900502\r\nNOTE:aime le thé\\, surtout\r\n  vert\r\nCATEGORIES:vip,newsletter\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Cl=C3=A9ment;Ana=C3=AFs\r\n"
    "EMAIL;INTERNET:anais@example.org\r\nBDAY:--0412\r\nEND:VCARD\r\nBEGIN:VCARD\r\nFN:Nobody\r\nEND:VCARD\r\n"
)


def test_vcards_make_customers_and_a_category_is_no_consent(shop: Any) -> None:
    result = shop.bring(CARDS, "contacts.vcf")
    assert [(one.line, one.code) for one in result.outcome.rejects] == [(19, "customer.missing")]
    anais, zoe = shop.rows("select * from customers order by name")
    assert (zoe["name"], zoe["email"], zoe["phone"], zoe["city"], zoe["postal_code"]) == (
        "Zoé Lefèvre",
        "zoe@example.com",
        "+33612345678",
        "Lyon",
        "69003",
    )
    assert (zoe["tags"], anais["name"]) == (["newsletter", "vip"], "Anaïs Clément")
    assert shop.rows("select * from consent_history") == []
    assert shop.bring(CARDS, "contacts.vcf").outcome.events == 0


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_parquet_comes_in_with_its_types(shop: Any) -> None:
    data = parquet(
        **{
            "order id": pa.array([1001, 1002]),
            "order date": pa.array([datetime(2026, 3, 1, 10, 30, 15, 250), None], pa.timestamp("us")),
            "email": ["z@example.com", "m@example.com"],
            "total": pa.array([Decimal("12.50"), Decimal("8.00")], pa.decimal128(10, 2)),
        }
    )
    outcome = shop.bring(data, "orders.parquet").outcome
    assert [(one.line, one.code) for one in outcome.rejects] == [(2, "date.missing")]
    (order,) = shop.rows("select order_id, gross, placed_at from orders")
    assert (order["order_id"], order["gross"]) == ("1001", Decimal("12.50"))
    assert order["placed_at"] == datetime(2026, 3, 1, 9, 30, 15, tzinfo=UTC)


def test_parquet_that_holds_no_cells_or_is_damaged_is_refused(desk: Any) -> None:
    with pytest.raises(UnreadableFile, match="'a' holds list"):
        desk.table(parquet(a=[[1]], b=["x"]), "x.parquet")
    with pytest.raises(UnreadableFile, match="no readable Parquet"):
        desk.table(b"PAR1" + b"\0" * 50, "x.parquet")
    assert desk.table(parquet(day=[date(2026, 3, 1)], b=["x"]), "x.parquet").columns.to_pylist() == [
        {"c0": "2026-03-01", "c1": "x"}
    ]


def test_a_compression_bomb_is_not_unpacked(tmp_path: Path, desk: Any) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"0" * (80 << 20)))
    with pytest.raises(UnreadableFile, match="no table is"):
        open_file(str(path))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", b"0" * (80 << 20))
    with pytest.raises(UnreadableFile, match="longer than workbooks are"):
        desk.table(file.getvalue(), "x.xlsx")


def test_a_workbook_with_parts_outside_itself_is_not_opened(desk: Any) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as parts:
        parts.writestr("../../etc/passwd", b"x")
    with pytest.raises(UnreadableFile, match="parts outside itself"):
        desk.table(file.getvalue(), "x.xlsx")
