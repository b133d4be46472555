"""Any table as a delimited file, for machines or for people, and as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from clientbook.builtin.exporters.cells import cell, harmless, json_text, one_line, people_cell, rows

if TYPE_CHECKING:
    import pyarrow as pa

BOM: Final = b"\xef\xbb\xbf"


def write_csv(table: pa.Table, file: BinaryIO) -> None:
    """Commas, UTF-8 without a mark, LF, quotes where they are needed."""
    _write(table, file, delimiter=",", end="\n", text=cell)


def write_spreadsheet(table: pa.Table, file: BinaryIO) -> None:
    """Semicolons, UTF-8 with its mark, CRLF: what Excel opens with a double click where the comma is decimal."""
    file.write(BOM)
    _write(table, file, delimiter=";", end="\r\n", text=people_cell, name=harmless)


def write_txt(table: pa.Table, file: BinaryIO) -> None:
    """Tabs, UTF-8 without a mark, LF, no quotes: tabs and line breaks in cells become blanks."""
    lines = ([one_line(cell(value)) for value in row.values()] for row in rows(table))
    for line in ([one_line(name) for name in table.schema.names], *lines):
        file.write(("\t".join(line) + "\n").encode())


def write_json(table: pa.Table, file: BinaryIO) -> None:
    """One list, one object a line."""
    file.write(b"[")
    for number, row in enumerate(rows(table)):
        file.write((",\n " if number else "\n ").encode() + json_text(row).encode())
    file.write(b"\n]\n")


def write_jsonl(table: pa.Table, file: BinaryIO) -> None:
    """One object a line, LF."""
    for row in rows(table):
        file.write((json_text(row) + "\n").encode())


def write_lines(
    file: BinaryIO, header: Sequence[str], lines: Iterable[Sequence[str]], *, delimiter: str, end: str = "\n"
) -> None:
    """A header and lines of cells as a delimited file in UTF-8."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(header)
    writer.writerows(lines)
    text.flush()
    text.detach()


def _write(
    table: pa.Table,
    file: BinaryIO,
    *,
    delimiter: str,
    end: str,
    text: Callable[[Any], str],
    name: Callable[[str], str] = str,
) -> None:
    lines = ([text(value) for value in row.values()] for row in rows(table))
    write_lines(file, [name(column) for column in table.schema.names], lines, delimiter=delimiter, end=end)
