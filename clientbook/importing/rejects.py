"""The rejects file: rows that could not go in, as they stood, with the reason, to correct and import again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import Reject
from clientbook.importing.mapping import column_keys
from clientbook.importing.table import SPACES, WORKBOOK, TextTable

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
