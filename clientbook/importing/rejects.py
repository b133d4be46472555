"""The rejects file: rows that could not go in, as they stood, with the reason, to correct and import again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.events.remains import normalised
from clientbook.importing.decode import GivenFile, decode
from clientbook.importing.draft import Reject
from clientbook.importing.mapping import column_keys
from clientbook.importing.table import SPACES, WORKBOOK, TextTable
from clientbook.log.files import sync

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

    A file of which nothing is left is deleted; so is what a killed process left half written. What was done is durable.
    Returns how many rows went.
    """
    gone = 0
    for path in folder.glob("*.tmp"):
        path.unlink()
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        data = path.read_bytes()
        encoding = decode(GivenFile(name=path.name, data=data, sha256="")).encoding
        text = data.decode(encoding, errors="replace")
        if path.suffix == ".jsonl":
            head, rows = "", text.splitlines(keepends=True)
            named = [_names_person(_strings(row), identifiers, names) for row in rows]
        else:
            delimiter = text.split(REASONS[0], 1)[0][-1:] or ","
            head, *rows = _records(text, delimiter) or [""]
            cells = (next(csv.reader([row], delimiter=delimiter), []) for row in rows)
            named = [_names_person(row, identifiers, names) for row in cells]
        if not any(named):
            continue
        gone += sum(named)
        if all(named):
            path.unlink()
            continue
        kept = "".join(row for row, is_named in zip(rows, named, strict=True) if not is_named)
        _replace(path, (head + kept).encode(encoding, errors="replace"))
    if folder.exists():
        sync(folder)
    return gone


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


def _strings(line: str) -> list[str]:
    """Every text in a line of JSON; the line itself where it is none."""
    try:
        waiting = [json.loads(line)]
    except (ValueError, RecursionError):
        return [line]
    found = []
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            found.append(value)
    return found


def _names_person(cells: Sequence[str], identifiers: Set[tuple[str, str, str]], names: Set[tuple[str, str]]) -> bool:
    values = {(kind, value) for kind, _source, value in identifiers}
    plain = {cell.strip().casefold() for cell in cells}
    if any(first.casefold() in plain and last.casefold() in plain for first, last in names):
        return True
    for cell in cells:
        if any(kind == "email" and value in cell.lower() for kind, value in values):
            return True
        if (
            values & {("external", cell.strip()), ("customer", cell.strip())}
            or ("phone", normalised("phone", None, cell)[2]) in values
        ):
            return True
    return False
