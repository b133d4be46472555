"""The rejects file: rows that could not go in, as they stood, with the reason, to correct and import again."""

from __future__ import annotations

import csv
import io
import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence, Set
from itertools import zip_longest
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.events.remains import normalised
from clientbook.importing.decode import GivenFile, UnreadableFile, decode
from clientbook.importing.draft import Reject
from clientbook.importing.mapping import column_keys
from clientbook.importing.table import SPACES, WORKBOOK, TextTable, plain_words
from clientbook.importing.vocabulary import TARGETS

REASONS: Final = ("_line", "_code", "_column", "_value", "_message")
"""Columns added to a rejects file; an import leaves them out."""


def is_rejects_file(file: GivenFile) -> bool:
    """Whether a table is one that `write_rejects` wrote, corrected or not."""
    first_line = file.data.replace(b"\0", b"").lstrip().splitlines()[:1]
    return bool(first_line) and all(name.encode() in first_line[0] for name in REASONS)


def write_rejects(folder: Path, batch: str, rejects: Sequence[Reject], table: TextTable | None) -> Path | None:
    """Write the rejects of one import; None where there are none.

    A table's rejects keep its columns, delimiter and encoding; those of JSON Lines are lines with a `_reject` entry.
    """
    if not rejects:
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    suffix = "jsonl" if table is None else "csv"
    path = folder / f"{batch}.{suffix}"
    path.touch(mode=0o600)
    data = _lines(rejects).encode("utf-8", "replace") if table is None else _rows(rejects, table)
    path.write_bytes(data)
    return path


def _rows(rejects: Sequence[Reject], table: TextTable) -> bytes:
    delimiter = table.dialect.delimiter
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="," if delimiter in ("", SPACES) else delimiter)
    writer.writerow([*column_keys(table.header), *REASONS])
    cells = _cells_by_line(table, {reject.line for reject in rejects})
    width = len(table.header)
    for reject in rejects:
        row = cells.get(reject.line, [])
        # A row with too many cells stands whole in `_value`: cut to the header it would be another row, and a wrong one.
        padded = [""] * width if len(row) > width else row + [""] * (width - len(row))
        writer.writerow([*padded, reject.line, reject.code, reject.column, reject.value, reject.message])
    encoding = "utf-8" if table.dialect.encoding == WORKBOOK else table.dialect.encoding
    return text.getvalue().encode(encoding, errors="replace")


def _cells_by_line(table: TextTable, lines: set[int]) -> dict[int, list[str]]:
    found = {broken.line: broken.cells for broken in table.broken}
    wanted = pc.is_in(table.lines, value_set=pa.array(sorted(lines), pa.int64()))
    for line, row in zip(table.lines.filter(wanted).to_pylist(), table.columns.filter(wanted).to_pylist(), strict=True):
        found[line] = [value or "" for value in row.values()]
    return found


def _lines(rejects: Sequence[Reject]) -> str:
    return "".join(json.dumps(_line(reject), ensure_ascii=False) + "\n" for reject in rejects)


def _line(reject: Reject) -> dict[str, object]:
    reason: dict[str, object] = {
        "line": reject.line,
        "code": reject.code,
        "column": reject.column,
        "message": reject.message,
    }
    try:
        given = json.loads(reject.value)
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        return given | {"_reject": reason}
    return {"_reject": reason | {"text": reject.value}}


def forget_rejects(folder: Path, identifiers: Set[tuple[str, str, str]], names: Set[tuple[str, str]]) -> int:
    """Take out the rows that name a person by an identifier (kind, source, value) or by given and family name.

    The other rows stay byte by byte; a file of which no row is left is deleted. Returns how many rows went.
    """
    gone = 0
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        if path.suffix not in (".csv", ".jsonl"):
            continue
        head, rows = _split(path)
        kept = [row for row, values in rows if not _names_person(values, identifiers, names)]
        if len(kept) == len(rows):
            continue
        gone += len(rows) - len(kept)
        if not kept:
            path.unlink()
            continue
        temporary = path.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_bytes(head + b"".join(kept))
        temporary.replace(path)
    return gone


Values = list[tuple[str, str]]
"""What a row says: column or key, and text."""


def _split(path: Path) -> tuple[bytes, list[tuple[bytes, Values]]]:
    """What stands before the rows of a rejects file; and each row, as it stands and as what it says."""
    data = path.read_bytes()
    encoding = _encoding_of(path.name, data)
    if path.suffix == ".jsonl":
        return b"", [(line, _said(line.decode(encoding, "replace"))) for line in data.splitlines(keepends=True)]
    # Latin-1 gives every byte a character and back. What makes up a table is ASCII in all encodings but the wide ones.
    is_wide = encoding.startswith("utf-16")
    plain = encoding if is_wide else "latin-1"
    text = data.decode(plain, "surrogatepass" if is_wide else "strict")
    found = _REASONS_IN_HEADER.search(text)
    delimiter = found[1] if found else ","
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    records = _records(text, delimiter)
    header = next(csv.reader(records[:1], delimiter=delimiter), [])
    rows = []
    for record in records[1:]:
        raw = record.encode(plain, "surrogatepass" if is_wide else "strict")
        said = record if is_wide else raw.decode(encoding, "replace")
        cells = next(csv.reader([said], delimiter=delimiter), [])
        rows.append((raw, list(zip_longest(header[: len(cells)], cells, fillvalue=""))))
    return "".join(records[:1]).encode(plain), rows


def _encoding_of(name: str, data: bytes) -> str:
    """The encoding in which a table was given, as far as its bytes tell."""
    if data.startswith(BOM_UTF16_LE) or data[1:2] == b"\0":
        return "utf-16-le"
    if data.startswith(BOM_UTF16_BE) or data[:1] == b"\0":
        return "utf-16-be"
    try:
        return decode(GivenFile(name=name, data=data, sha256="")).encoding
    except UnreadableFile:
        return "latin-1"


_REASONS_IN_HEADER: Final = re.compile(r"(.)" + r"\1".join(REASONS) + r"\r?$", re.MULTILINE)


def _records(text: str, delimiter: str) -> list[str]:
    """The records of a table as they stand, line breaks within quotes included."""
    lines = io.StringIO(text, newline="")
    taken: list[str] = []

    def line_by_line() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    records = []
    for _cells in csv.reader(line_by_line(), delimiter=delimiter):
        records.append("".join(taken))
        taken.clear()
    return records


def _said(line: str) -> Values:
    """Every text in a line of JSON, with its key; the line itself where it is none."""
    try:
        waiting = [("", json.loads(line))]
    except (ValueError, RecursionError):
        return [("", line)]
    found: Values = []
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(key, one) for one in value]
        elif isinstance(value, str):
            found.append((key, value))
    return found


_NUMBER_KEYS: Final = frozenset(("customer", "external", "external_id", "value"))
"""Where a line of JSON says the number that a customer has in some shop."""


def _names_person(row: Values, identifiers: Set[tuple[str, str, str]], names: Set[tuple[str, str]]) -> bool:
    plain = {" ".join(text.split()).casefold() for _key, text in row}
    for first, last in names:
        given, family = first.casefold(), last.casefold()
        if {given, family} <= plain or {f"{given} {family}", f"{family} {given}"} & plain:
            return True
    words = TARGETS["customer.external_id"].words
    number_keys = {key for key, _text in row if key in _NUMBER_KEYS or plain_words(key) in words}
    for key, text in row:
        for kind, _source, value in identifiers:
            if kind == "email" and re.search(rf"(?<![\w.+%-]){re.escape(value)}(?![\w-]|\.\w)", text, re.IGNORECASE):
                return True
            if kind == "phone" and value == normalised("phone", None, text)[2]:
                return True
            # A number such as 12 stands in other columns too, and means something else there.
            if kind in ("external", "customer") and value == text.strip() and (key in number_keys or not number_keys):
                return True
    return False
