"""What exporters have to keep to: what is in the file is what was given, and harmless where people open it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clientbook.testing.conformance.base import Conformance
from clientbook.testing.watching import watched

FORMULAS: Final = ("=1+1", "+33612345678", "-1+1", "@SUM(A1)", "\t=1+1")
"""Texts that a spreadsheet takes for a formula."""
_ROWS: Final = pa.table(
    {
        "customer_id": ["a1", "b2", "c3"],
        "name": ["Zoé Lefèvre", "Aux Thés; SARL", 'dit "le Roux"\nfils'],
        "postal_code": ["01000", "69002", None],
        "revenue": pa.array([Decimal("12.50"), Decimal("-3.00"), None], pa.decimal128(18, 2)),
        "order_count": pa.array([2, 0, None], pa.int64()),
        "first_order": pa.array([date(2026, 3, 12), None, date(2025, 1, 1)], pa.date32()),
        "last_order_at": pa.array([datetime(2026, 3, 12, 10, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")),
    }
)


class ExporterConformance(Conformance):
    """What writes a table to a file."""

    hook = "register_exporters"
    attribute = "exporters"

    for_people: ClassVar[bool | None] = None
    """Whether people open the file in a spreadsheet; else told by its suffix: .csv, .tsv, .xlsx, .ods."""

    def read(self, data: bytes) -> list[list[str]]:
        """The cells of a written file as texts, the names of the columns first. Override it for a format of your own."""
        suffix = self.given.suffixes[0]
        if suffix in (".csv", ".tsv", ".txt"):
            text = data.decode("utf-8-sig")
            first = text.partition("\n")[0]
            delimiter = max(";,\t|", key=first.count)
            return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        if suffix in (".json", ".jsonl", ".ndjson"):
            return _cells([json.loads(line) for line in data.splitlines()] if suffix != ".json" else json.loads(data))
        if suffix == ".parquet":
            return _cells(pq.read_table(io.BytesIO(data)).to_pylist())
        if suffix in (".xlsx", ".xls", ".ods"):
            import python_calamine

            sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
            return [[_text(cell) for cell in row] for row in sheet.to_python()]
        pytest.skip(f"override `read`: the kit cannot read {suffix}")

    def written(self, table: pa.Table) -> bytes:
        file = io.BytesIO()
        self.declared.write(table, _Unclosed(file))
        return file.getvalue()

    def test_the_file_can_be_read_again(self) -> None:
        """Every row and column is in the file, and texts are what they were: accents, quotes, line ends, zeros in front."""
        names, *rows = self.read(self.written(_ROWS))
        assert len(names) == _ROWS.num_columns
        assert len(rows) == _ROWS.num_rows
        told = {cell for row in rows for cell in row}
        expected = {value for name in ("name", "postal_code") for value in _ROWS[name].to_pylist() if value is not None}
        assert expected <= told, f"these texts are not in the file as they were: {sorted(expected - told)}"

    def test_a_table_without_rows_is_written(self) -> None:
        """A table without rows makes a file that can be read, and holds none."""
        found = self.read(self.written(_ROWS.slice(0, 0)))
        assert found, "nothing is written, not even the names of the columns"
        assert found[1:] == []

    def test_formulas_are_harmless(self) -> None:
        """A text that a spreadsheet would take for a formula is written so that it is none, where people open the file."""
        is_for_people = self.for_people
        if is_for_people is None:
            is_for_people = self.declared.suffixes[0] in (".csv", ".tsv", ".xlsx", ".ods")
        if not is_for_people:
            pytest.skip("the file is for programs")
        table = pa.table({"customer_id": [str(number) for number in range(len(FORMULAS))], "name": list(FORMULAS)})
        cells = [cell for row in self.read(self.written(table))[1:] for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []

    def test_the_same_table_gives_the_same_file(self) -> None:
        """Writing twice gives the same bytes, or at least the same cells."""
        first, second = self.written(_ROWS), self.written(_ROWS)
        assert first == second or self.read(first) == self.read(second)

    def test_a_full_disk_is_not_hidden(self) -> None:
        """An error of the file reaches clientbook, which then leaves no file: half a file is never taken for a whole."""
        with pytest.raises(OSError, match="no space"):
            self.declared.write(_ROWS, _Full())

    def test_it_writes_to_the_given_file_only(self) -> None:
        """It opens no other file for writing, starts no process, uses no network, and does not change the table."""
        before = _ROWS.to_pylist()
        self.written(_ROWS)  # whatever is imported on the way is imported now
        with watched() as seen:
            self.written(_ROWS)
        assert seen == []
        assert _ROWS.to_pylist() == before


class _Unclosed(io.BufferedIOBase):
    """A file that stays open when its writer closes it."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        pass


class _Full(io.RawIOBase):
    """A file on a disk without any room."""

    def writable(self) -> bool:
        return True

    def write(self, _data: Any) -> int:
        raise OSError(28, "no space left on device")


def _cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(_ROWS.column_names)
    return [names, *([_text(row.get(name)) for name in names] for row in rows)]


def _text(value: Any) -> str:
    return "" if value is None else str(value)
