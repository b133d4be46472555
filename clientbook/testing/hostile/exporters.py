"""Exporters that break one rule each."""

from __future__ import annotations

import csv
import io
import itertools
import tempfile
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

import msgspec

from clientbook.api import Exporter
from clientbook.testing.conformance import ExporterConformance
from clientbook.testing.hostile.making import broken, plugin

_numbers = itertools.count()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _csv(table: Any, *, cell: Callable[[Any], Any] = _cell, suffix: str = "") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";")
    writer.writerow(f"{name}{suffix}" for name in table.column_names)
    writer.writerows([cell(value) for value in row.values()] for row in table.to_pylist())
    return text.getvalue().encode()


def _write(table: Any, file: BinaryIO) -> None:
    file.write(_csv(table))


def _without_accents(table: Any, file: BinaryIO) -> None:
    text = unicodedata.normalize("NFD", _csv(table).decode())
    file.write("".join(one for one in text if not unicodedata.combining(one)).encode())


def _not_without_rows(table: Any, file: BinaryIO) -> None:
    if table.num_rows:
        _write(table, file)


def _swallowing(table: Any, file: BinaryIO) -> None:
    with suppress(OSError):
        _write(table, file)


def _with_a_copy(table: Any, file: BinaryIO) -> None:
    with tempfile.TemporaryFile() as copy:
        copy.write(_csv(table))
    _write(table, file)


_EXPORTER = Exporter(id="hostile.csv", label="CSV", suffixes=(".csv",), write=_write)


def _exporter(breaks: str, **changed: Any) -> Any:
    declared = msgspec.structs.replace(_EXPORTER, **changed)
    return broken(ExporterConformance, plugin("register_exporters", declared), "hostile.csv", [breaks])


TestUnsound = _exporter("the_declaration_is_sound", suffixes=("csv",))
TestNoAccents = _exporter("the_file_can_be_read_again", write=_without_accents)
TestNoRows = _exporter("a_table_without_rows_is_written", write=_not_without_rows)
TestFormulas = _exporter(
    "formulas_are_harmless", write=lambda table, file: file.write(_csv(table, cell=lambda value: value))
)
TestNumbered = _exporter(
    "the_same_table_gives_the_same_file",
    write=lambda table, file: file.write(_csv(table, suffix=f" {next(_numbers)}")),
)
TestSwallowing = _exporter("a_full_disk_is_not_hidden", write=_swallowing)
TestCopy = _exporter("it_writes_to_the_given_file_only", write=_with_a_copy)
