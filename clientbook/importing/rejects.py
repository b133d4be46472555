"""The rejects file: rows that could not go in, as they stood, with the reason, to correct and import again."""

from __future__ import annotations

import csv
import io
import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
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
from clientbook.log.files import sync

REASONS: Final = ("_line", "_code", "_column", "_value", "_message")
"""Columns added to a rejects file; an import leaves them out."""

Values = list[tuple[str, str]]
"""What a row says: column or key, and text."""

_REASONS_IN_HEADER: Final = re.compile(r"(.)" + r"\1".join(REASONS) + r"\r?$", re.MULTILINE)
_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")
_NUMBER_KEYS: Final = frozenset(("customer", "external", "external_id", "value"))
"""Where a line of JSON says the number that a customer has in some shop."""


def is_rejects_file(file: GivenFile) -> bool:
    """Whether a table is one that `write_rejects` wrote, corrected or not."""
    first_line = file.data.replace(b"\0", b"").lstrip().splitlines()[:1]
    return bool(first_line) and all(name.encode() in first_line[0] for name in REASONS)


def without_named(
    rejects: Iterable[Reject], table: TextTable | None, is_erased: Callable[[Set[tuple[str, str]]], bool]
) -> tuple[Reject, ...]:
    """The rejects without those that name somebody who was erased: of them not even a reject is kept."""
    if table is None:
        return tuple(reject for reject in rejects if not is_erased(_named(_said(reject.value), _NUMBER_KEYS)))
    rejects = tuple(rejects)
    cells = _cells_by_line(table, {reject.line for reject in rejects})
    keys = _number_keys(table.header)
    named = {
        line: _named(list(zip_longest(table.header[: len(row)], row, fillvalue="")), keys) for line, row in cells.items()
    }
    return tuple(reject for reject in rejects if not is_erased(named.get(reject.line, set())))


def write_rejects(folder: Path, batch: str, rejects: Sequence[Reject], table: TextTable | None) -> Path | None:
    """Write the rejects of one import; None where there are none.

    A table's rejects keep its columns, delimiter and encoding; those of JSON Lines are lines with a `_reject` entry.
    """
    if not rejects:
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    suffix = "jsonl" if table is None else "csv"
    path = folder / f"{batch}.{suffix}"
    _replace(path, _lines(rejects).encode("utf-8", "replace") if table is None else _rows(rejects, table))
    sync(folder)
    return path


def _replace(path: Path, data: bytes) -> None:
    """Put a whole file in the place of another; the folder is not yet made durable."""
    temporary = path.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_bytes(data)
    sync(temporary)
    temporary.replace(path)


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

    The other rows stay byte by byte; a file of which no row is left is deleted, and so is what a killed process left half
    written. What was done is durable. Returns how many rows went.
    """
    known = {(kind, value) for kind, _source, value in identifiers}
    gone = 0
    for path in folder.glob("*.tmp"):
        path.unlink()
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        if path.suffix not in (".csv", ".jsonl") or not path.is_file():
            continue
        head, rows, keys = _split(path)
        kept = [row for row, values in rows if not (known & _named(values, keys) or _has_name(values, names))]
        if len(kept) == len(rows):
            continue
        gone += len(rows) - len(kept)
        if not kept:
            path.unlink()
            continue
        _replace(path, head + b"".join(kept))
    if folder.exists():
        sync(folder)
    return gone


def _split(path: Path) -> tuple[bytes, list[tuple[bytes, Values]], Set[str]]:
    """What stands before the rows of a rejects file; each row, as it stands and as what it says; where numbers stand."""
    data = path.read_bytes()
    encoding = _encoding_of(path.name, data)
    if path.suffix == ".jsonl":
        lines = data.splitlines(keepends=True)
        return b"", [(line, _said(line.decode(encoding, "replace"))) for line in lines], _NUMBER_KEYS
    # Latin-1 gives every byte a character and back. What makes up a table is ASCII in all encodings but the wide ones.
    is_wide = encoding.startswith("utf-16")
    plain, errors = (encoding, "surrogatepass") if is_wide else ("latin-1", "strict")
    text = data.decode(plain, errors)
    found = _REASONS_IN_HEADER.search(text)
    delimiter = found[1] if found else ","
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    raw = [record.encode(plain, errors) for record in _records(text, delimiter)]
    cells = [next(csv.reader([one.decode(encoding, "replace")], delimiter=delimiter), []) for one in raw]
    header = cells[0] if cells else []
    rows = [
        (record, list(zip_longest(header[: len(row)], row, fillvalue="")))
        for record, row in zip(raw[1:], cells[1:], strict=True)
    ]
    return b"".join(raw[:1]), rows, _number_keys(header)


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


def _number_keys(header: Sequence[str]) -> Set[str]:
    """The columns in which a customer's number may stand: such a number means something else in others."""
    words = TARGETS["customer.external_id"].words
    return {name for name in header if plain_words(name) in words} or set(header)


def _named(values: Values, number_keys: Set[str]) -> set[tuple[str, str]]:
    """The identifiers (kind, value) that a row may name somebody by."""
    found = set()
    for key, text in values:
        mails = {*_MAIL.findall(text), *([text] if "@" in text else [])}
        found |= {("email", normalised("email", None, mail)[2]) for mail in mails}
        found.add(("phone", normalised("phone", None, text)[2]))
        if key in number_keys or "." in key:  # a plugin's kind of number has a dot
            found |= {("external", text.strip()), ("customer", text.strip())}
    return {one for one in found if one[1]}


def _has_name(values: Values, names: Set[tuple[str, str]]) -> bool:
    plain = {" ".join(text.split()).casefold() for _key, text in values}
    for first, last in names:
        given, family = first.casefold(), last.casefold()
        if {given, family} <= plain or {f"{given} {family}", f"{family} {given}"} & plain:
            return True
    return False
