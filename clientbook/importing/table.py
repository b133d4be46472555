"""Read a delimited text or a spreadsheet into string columns that know their line numbers."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clientbook.i18n import _
from clientbook.importing.decode import GivenFile, UnreadableFile, decode, is_bomb
from clientbook.importing.even import read_even
from clientbook.importing.vcards import HEADER, cards, looks_like_vcards

DELIMITERS: Final = (";", ",", "\t", "|")
SPACES: Final = "spaces"
"""Columns set apart by runs of blanks, as old statistics files are."""
WORKBOOK: Final = "workbook"
"""Stands for the encoding where there is none, since a workbook says its own."""
_SHEETS: Final = (".xlsx", ".xls", ".xlsb", ".ods")
_ZERO: Final = pa.scalar(0, pa.int32())
_NO_TEXT: Final = pa.scalar(None, pa.string())
_LOOKED_AT: Final = 50
_HEAD: Final = 200_000
_LONGEST_RECORD: Final = 500
"""Lines a quoted cell may run over before its quote is taken for unclosed."""
_LONGEST_LINE: Final = 100_000
"""Characters of a line that tells the delimiter: a cell that no reader takes tells nothing."""
_LONGEST_SHOWN: Final = 1000
"""Characters that a reject keeps of a cell that is too long."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a table is laid out in its file."""

    encoding: str = "utf-8"
    encoding_is_guess: bool = False
    odd_line: int | None = None
    """The first line in another encoding than others."""
    delimiter: str = ","
    header_line: int = 1
    """Line of the column names; 0 where there are none."""
    sheet: str | None = None


@dataclass(frozen=True, kw_only=True)
class BrokenRow:
    """A row that could not be cut into cells."""

    line: int
    cells: list[str]
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A table of strings: an empty cell is NULL, blanks around a value are gone."""

    header: tuple[str, ...]
    columns: pa.Table
    """One string column for each name in `header`, under its position: `c0`, `c1`, … (names may repeat)."""
    lines: pa.Array
    """Line (or sheet row) each row starts on."""
    dialect: Dialect
    broken: tuple[BrokenRow, ...] = field(default=())
    empty_rows: int = 0
    """Rows without any value."""

    @property
    def rows_read(self) -> int:
        return len(self.lines) + len(self.broken) + self.empty_rows

    def column(self, index: int) -> pa.Array:
        """The cells of one column."""
        return self.columns.column(index).combine_chunks()


def read_table(file: GivenFile, *, dialect: Dialect | None = None) -> TextTable:
    """Read the file; what `dialect` does not say is found out.

    Raises:
        UnreadableFile: it holds no table.
    """
    if file.suffix == ".parquet" or file.data[:4] == b"PAR1":
        return _read_parquet(file)
    if file.suffix in _SHEETS or file.data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        return _read_sheet(file, dialect)
    decoded = decode(file, dialect.encoding if dialect and dialect.encoding != WORKBOOK else None)
    text = decoded.text.removeprefix("\ufeff")
    if not text or text.isspace():
        raise UnreadableFile(_("{file}: the file is empty").format(file=file.name))
    if looks_like_vcards(text):
        found = Dialect(encoding=decoded.encoding, encoding_is_guess=decoded.is_guess, odd_line=decoded.odd_line)
        rows: Iterator[tuple[int, list[str] | BrokenRow]] = itertools.chain([(0, list(HEADER))], cards(text))
        return replace(_collect(rows, found, 0, file.name), dialect=found)
    delimiter = dialect.delimiter if dialect and dialect.delimiter else find_delimiter(text)
    header_line = dialect.header_line if dialect else None
    found = Dialect(
        encoding=decoded.encoding,
        encoding_is_guess=decoded.is_guess,
        odd_line=decoded.odd_line,
        delimiter=delimiter,
    )
    data = file.data if decoded.encoding == "utf-8" and text is decoded.text else text.encode()
    return _even(text[:_HEAD], data, found, header_line) or _collect(
        _records(text, delimiter), found, header_line, file.name
    )


def _even(head: str, data: bytes, dialect: Dialect, header_line: int | None) -> TextTable | None:
    """The table where its lines are even, from the text's beginning and its UTF-8 bytes; None where they are not."""
    if dialect.delimiter == SPACES or header_line == 0:
        return None
    whole_lines = head[: head.rfind("\n") + 1]
    try:
        header, line, _below = _find_header(_records(whole_lines, dialect.delimiter), header_line, "")
    except UnreadableFile:
        return None
    columns = (
        read_even(data, delimiter=dialect.delimiter, width=len(header), below=line) if sum(map(bool, header)) > 1 else None
    )
    if columns is None:
        return None
    lines = pa.array(np.arange(line + 1, line + 1 + len(columns)), pa.int64())
    return _filled(header, columns, lines, replace(dialect, header_line=line))


def _filled(
    header: list[str],
    table: pa.Table,
    lines: pa.Array,
    dialect: Dialect,
    broken: Sequence[BrokenRow] = (),
    empty: int = 0,
) -> TextTable:
    """The table without rows that have no value."""
    columns, rows = table, len(table)
    if all(column.null_count for column in table.columns):
        kept = pc.invert(_all_null(table))
        columns, lines = table.filter(kept), lines.filter(kept)
    return TextTable(
        header=tuple(header),
        columns=columns,
        lines=lines,
        dialect=dialect,
        broken=tuple(broken),
        empty_rows=empty + rows - len(columns),
    )


def find_delimiter(text: str) -> str:
    """The delimiter that cuts the first lines into the same number of cells, the more the better."""
    head = [line for line in text[:_HEAD].splitlines()[:_LOOKED_AT] if len(line) <= _LONGEST_LINE]
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(head, delimiter=delimiter) if row]
        except csv.Error:
            continue
        score = _evenness(widths)
        if score > best_score:
            best, best_score = delimiter, score
    if best_score:
        return best
    widths = [len(line.split()) for line in head if line.strip()]
    return SPACES if len(widths) > 2 and min(widths) == max(widths) and widths[0] > 1 else best


def _evenness(widths: Sequence[int]) -> float:
    if not widths or max(widths) < 2:
        return 0.0
    common = max(set(widths), key=lambda width: (widths.count(width), width))
    return common * widths.count(common) / len(widths) if common > 1 else 0.0


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | BrokenRow]]:
    """Line number and cells of each record; a quote that is never closed spoils its own line only."""
    if delimiter == SPACES:
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line.split()
        return
    lines = io.StringIO(text, newline="").readlines() if "\r" not in text else _split_lines(text)
    start = 0
    while start < len(lines):
        reader = csv.reader(map(lines.__getitem__, range(start, len(lines))), delimiter=delimiter, strict=True)
        before = 0
        try:
            for cells in reader:
                if reader.line_num - before > _LONGEST_RECORD:
                    raise csv.Error(_("a quoted cell runs over too many lines"))
                yield start + before + 1, cells
                before = reader.line_num
            return
        except csv.Error as error:
            bad = start + before + 1
            spoilt = lines[bad - 1].rstrip("\r\n").split(delimiter)
            code, message = "row.quotes", _("a quotation mark is not closed, or stands inside a cell")
            if "field limit" in str(error):
                spoilt = [cell[:_LONGEST_SHOWN] for cell in spoilt]
                code, message = "cell.size", _("a cell is longer than {most} characters").format(most=csv.field_size_limit())
            yield bad, BrokenRow(line=bad, cells=spoilt, code=code, message=message)
            start = bad


def _split_lines(text: str) -> list[str]:
    """Lines with their ends, for files of any system: CRLF, LF or (old Macs) CR alone."""
    return io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"), newline="").readlines()


def _collect(
    records: Iterator[tuple[int, list[str] | BrokenRow]], dialect: Dialect, header_line: int | None, name: str
) -> TextTable:
    header, first_line, records = _find_header(records, header_line, name)
    width = len(header)
    cells = _Cells(width)
    broken: list[BrokenRow] = []
    empty = 0
    for line, row in records:
        if isinstance(row, BrokenRow):
            broken.append(row)
        elif len(row) == width:
            cells.add(line, row)
        elif not any(cell.strip() for cell in row):
            empty += 1
        elif len(row) < width and not any(header[len(row) :]):
            # A header that ends in a delimiter names one column more than the rows have.
            cells.add(line, row + [""] * (width - len(row)))
        elif len(row) > width and not any(cell.strip() for cell in row[width:]):
            cells.add(line, row[:width])
        else:
            message = _("the row has {cells} cells, the header has {columns}").format(cells=len(row), columns=width)
            broken.append(BrokenRow(line=line, cells=row, code="row.ragged", message=message))
    table, lines = cells.finish()
    return _filled(header, table, lines, replace(dialect, header_line=first_line), broken, empty)


class _Cells:
    """Rows on their way to columns: turned over every few thousand, so that Python objects do not pile up."""

    _TURN_OVER: Final = 8192

    def __init__(self, width: int) -> None:
        self._schema = pa.schema([(f"c{index}", pa.string()) for index in range(width)])
        self._rows: list[list[str]] = []
        self._lines: list[int] = []
        self._chunks: list[pa.Table] = []

    def add(self, line: int, row: list[str]) -> None:
        self._rows.append(row)
        self._lines.append(line)
        if len(self._rows) == self._TURN_OVER:
            self._turn_over()

    def finish(self) -> tuple[pa.Table, pa.Array]:
        """All rows as stripped string columns, and their lines."""
        self._turn_over()
        return pa.concat_tables(self._chunks).combine_chunks(), pa.array(self._lines, pa.int64())

    def _turn_over(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else ((),) * len(self._schema)
        arrays = [_stripped(pa.array(column, pa.string())) for column in columns]
        self._chunks.append(pa.table(arrays, schema=self._schema))
        self._rows = []


def _find_header(
    records: Iterator[tuple[int, list[str] | BrokenRow]], header_line: int | None, name: str
) -> tuple[list[str], int, Iterator[tuple[int, list[str] | BrokenRow]]]:
    """The column names, their line, and the records below: the first line with two cells or more, unless one is stated.

    A lone cell is a title above the names, and a name only in a file of one column.
    """
    alone: tuple[list[str], int] | None = None
    below: list[tuple[int, list[str] | BrokenRow]] = []
    for line, cells in records:
        trimmed = [] if isinstance(cells, BrokenRow) else [cell.strip() for cell in cells]
        if header_line is not None and line < header_line:
            continue
        if trimmed and (header_line == line or sum(map(bool, trimmed)) > 1):
            return trimmed, line, records
        if alone:
            below.append((line, cells))
        elif len(trimmed) == 1 and trimmed[0]:
            alone = trimmed, line
        if len(below) == _LOOKED_AT:
            break
    if alone:
        return *alone, itertools.chain(below, records)
    raise UnreadableFile(_("{name}: no line with column names was found").format(name=name))


def _stripped(cells: pa.StringArray) -> pa.StringArray:
    trimmed = pc.utf8_trim_whitespace(cells)
    return pc.if_else(pc.equal(pc.binary_length(trimmed), _ZERO), _NO_TEXT, trimmed)


def _all_null(table: pa.Table) -> pa.BooleanArray:
    blank = pa.array([True] * len(table), pa.bool_())
    for column in table.columns:
        blank = pc.and_(blank, pc.is_null(column.combine_chunks()))
    return blank


def _read_parquet(file: GivenFile) -> TextTable:
    from clientbook.importing.columnar import parquet_columns

    header, columns = parquet_columns(file)
    if not header:
        raise UnreadableFile(_("{name}: no line with column names was found").format(name=file.name))
    table = pa.table([_stripped(cells) for cells in columns], names=[f"c{place}" for place in range(len(header))])
    lines = pa.array(range(1, len(table) + 1), pa.int64())
    return _filled(header, table, lines, Dialect(encoding=WORKBOOK, delimiter=""))


def _check_zip(file: GivenFile) -> None:
    """A workbook that would unpack to far more than workbooks do, or whose parts have places outside it, is not opened."""
    try:
        with zipfile.ZipFile(io.BytesIO(file.data)) as parts:
            entries = parts.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # the reader says what is wrong with it
    if is_bomb(len(file.data), sum(entry.file_size for entry in entries)):
        raise UnreadableFile(
            _("{file}: unpacked the workbook is longer than workbooks are; save it as CSV").format(file=file.name)
        )
    if any(entry.filename.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", entry.filename) for entry in entries):
        raise UnreadableFile(
            _("{file}: the workbook has parts outside itself; it was made to do harm").format(file=file.name)
        )
    if file.data[:2] == b"PK" and not any(
        entry.filename.startswith(("xl/", "content.xml", "mimetype")) for entry in entries
    ):
        raise UnreadableFile(_("{file}: this is an archive; unpack it and import the files in it").format(file=file.name))


def _read_sheet(file: GivenFile, dialect: Dialect | None) -> TextTable:
    from python_calamine import CalamineError, CalamineWorkbook

    _check_zip(file)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(file.data))
        names = book.sheet_names
        sheet = dialect.sheet if dialect and dialect.sheet else names[0]
        if sheet not in names:
            raise UnreadableFile(
                _("{file}: no sheet {sheet!r}; there are {names}").format(
                    file=file.name, sheet=sheet, names=", ".join(names)
                )
            )
        cells = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except (CalamineError, OSError, IndexError) as error:
        raise UnreadableFile(
            _("{file}: this is no readable workbook ({error}); save it again as XLSX or CSV").format(
                file=file.name, error=error
            )
        ) from None
    records = ((number, [_cell_text(cell) for cell in row]) for number, row in enumerate(cells, 1))
    found = Dialect(encoding=WORKBOOK, delimiter="", sheet=sheet)
    return _collect(iter(records), found, dialect.header_line if dialect else None, file.name)


def _cell_text(cell: Any) -> str:
    """A typed cell as the text a person sees: whole numbers without decimals, dates as ISO."""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, dt.timedelta):
        return str(cell)
    return str(cell)


def plain_words(text: str) -> str:
    """A header as plain lower-case words: `InvoiceNo`, `Invoice no.` and `invoice_no` are all `invoice no`."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[a-z0-9#]+", unaccented(text).lower()))


def unaccented(text: str) -> str:
    """The text in ASCII: accents go, and so does what has no ASCII letter under its accent."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
