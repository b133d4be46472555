"""What goes to stdout: tables for people, CSV, JSON, JSON Lines and Parquet for programs."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clientbook.cli.catching import caught
from clientbook.errors import WrongUse
from clientbook.i18n import _

if TYPE_CHECKING:
    import pyarrow as pa

_WIDE = 100_000
"""Columns of a table that is not printed to a terminal: nothing is cut."""


def print_rows(table: pa.Table, format: str, *, timezone: str, label: Callable[[str], str] = str) -> None:
    """Print a result in one of `common.FORMATS`. Columns of one name are numbered: name, name_2, …"""
    table = table.rename_columns(_distinct(table.schema.names))
    if kept := caught():
        kept.add(table)
    elif format == "table":
        print_table(
            [label(name) for name in table.schema.names],
            table.to_pylist(),
            timezone=timezone,
            numbers=[_is_number(field.type) for field in table.schema],
        )
    elif format == "json":
        print_json(table.to_pylist())
    elif format == "jsonl":
        for batch in table.to_batches(max_chunksize=4096):
            click.echo("".join(_dumps(row) + "\n" for row in batch.to_pylist()), nl=False)
    elif format == "csv":
        _print_csv(table)
    else:
        _print_parquet(table)


def _distinct(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number, distinct = 1, name
        while distinct in found:
            number += 1
            distinct = f"{name}_{number}"
        found.append(distinct)
    return found


def print_table(
    labels: Sequence[str], rows: Iterable[dict[str, Any]], *, timezone: str, numbers: Sequence[bool], title: str = ""
) -> None:
    """Print an aligned table, below its title; on a terminal it fits the width, elsewhere nothing is cut."""
    if kept := caught():
        kept.add_rows(labels, rows, title)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from clientbook.query.text import display, harmless

    if title:
        click.echo(f"\n{title}")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    shown = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for label, is_number in zip(labels, numbers, strict=True):
        shown.add_column(Text(harmless(label)), justify="right" if is_number else "left", no_wrap=True, overflow="ellipsis")
    for row in rows:
        shown.add_row(*(Text(display(value, timezone)) for value in row.values()))
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(shown)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def print_pairs(pairs: Iterable[tuple[str, Any]], *, timezone: str) -> None:
    """Print labelled values, one a line."""
    from clientbook.query.text import display, harmless

    shown = [(harmless(label), display(value, timezone)) for label, value in pairs]
    width = max((len(label) for label, _value in shown), default=0)
    for label, value in shown:
        click.echo(f"{label:<{width}}  {value}".rstrip())


def folder_of(path: Path) -> Path:
    """The folder that a file is to be written to.

    Raises:
        WrongUse: there is none.
    """
    if not path.parent.is_dir():
        raise WrongUse(_("{folder}: there is no such folder").format(folder=path.parent))
    return path.parent


def write_private(path: Path, text: str) -> None:
    """Write a text file that only its owner may read, whole or not at all; one that is there is replaced."""
    write_private_bytes(path, text.encode())


def write_private_bytes(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all; one that is there is replaced."""
    from clientbook.log.files import temporary_in

    temporary = temporary_in(folder_of(path))
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(_dumps(value, indent=2))


def _dumps(value: Any, indent: int | None = None) -> str:
    return json.dumps(plain(value), ensure_ascii=False, indent=indent)


def plain(value: Any) -> Any:
    """A value as JSON has it: amounts are numbers, instants ISO 8601 in UTC, bytes hexadecimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return {str(key): plain(item) for key, item in value}
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # JSON has no NaN
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _print_csv(table: pa.Table) -> None:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    flat = {name: _scalar(table[name]) for name in table.schema.names}
    options = pa_csv.WriteOptions(quoting_style="needed")
    sink = pa.BufferOutputStream()
    pa_csv.write_csv(pa.table(flat), sink, options)
    sys.stdout.buffer.write(sink.getvalue().to_pybytes())
    sys.stdout.buffer.flush()


def _scalar(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column that CSV can hold: lists joined by `; `, anything deeper as JSON, bytes as digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return pc.binary_join(column.combine_chunks(), "; ")
    if pa.types.is_timestamp(kind):
        written = pc.strftime(column, format="%Y-%m-%dT%H:%M:%S")
        whole = pc.replace_substring_regex(written, r"\.0+$", "")
        return pc.binary_join_element_wise(whole, "Z" if kind.tz else "", "")
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_date(kind) or _is_number(kind):
        return column
    return pa.chunked_array([[_in_a_cell(value) for value in column.to_pylist()]], pa.string())


def _in_a_cell(value: Any) -> str | None:
    shown = plain(value)
    return shown if shown is None or isinstance(shown, str) else _dumps(shown)


def _print_parquet(table: pa.Table) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if sys.stdout.isatty():
        raise WrongUse(_("Parquet is no text: send it to a file with > customers.parquet"))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    sys.stdout.buffer.write(sink.getvalue().to_pybytes())
    sys.stdout.buffer.flush()


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind))
