"""Any table as an Excel workbook."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from clientbook.builtin.exporters.cells import cell, rows

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CHARACTERS: Final = 32_767
"""Of a cell."""

_MADE_AT: Final = datetime(2000, 1, 1)
"""The same table gives the same bytes, so the file does not say when it was made."""
_FIRST_DAY: Final = date(1900, 3, 1)
"""Earlier ones are wrong by a day in Excel, which takes 1900 for a leap year."""


def write_xlsx(table: pa.Table, file: BinaryIO) -> None:
    """One sheet: numbers, dates and times as such, everything else as text, which is never a formula nor a link."""
    import xlsxwriter

    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(file, options)
    book.set_properties({"created": _MADE_AT})
    sheet = book.add_worksheet()
    formats = {
        "header": book.add_format({"bold": True}),
        "amount": book.add_format({"num_format": "#,##0.00"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
    }
    for column, name in enumerate(table.schema.names):
        sheet.write_string(0, column, name, formats["header"])
        sheet.set_column(column, column, min(40, max(10, len(name) + 2)))
    for number, row in enumerate(rows(table), 1):
        for column, value in enumerate(row.values()):
            _write_cell(sheet, number, column, value, formats)
    sheet.freeze_panes(1, 0)
    book.close()


def _write_cell(sheet: Any, row: int, column: int, value: Any, formats: dict[str, Any]) -> None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, Decimal):
        sheet.write_number(row, column, float(value), formats["amount"])
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**15):
        sheet.write_number(row, column, value)
    elif isinstance(value, datetime) and value.date() >= _FIRST_DAY:
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        sheet.write_datetime(row, column, naive, formats["time"])
    elif isinstance(value, date) and not isinstance(value, datetime) and value >= _FIRST_DAY:
        sheet.write_datetime(row, column, value, formats["date"])
    else:
        sheet.write_string(row, column, cell(value)[:MOST_CHARACTERS])
