"""Arrow's reader of even tables and Python's reader of all others say the same of every text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientbook.importing.decode import GivenFile
from clientbook.importing.even import read_even
from clientbook.importing.table import Dialect, _collect, _records, read_table

PIECES = (
    "1,2\n",
    '"a",b\n',
    '"x""y", z\n',
    ",\n",
    '"","é"\r\n',
    " , \n",
    "\u00a0p,q\n",
    'a"b,c\n',
    '"","\u2028"\n',
    'w,"""o"""\n',
    "a,\x1cb\n",
    "x,y",
    '"open\n',
    "\n",
    "a,b\r",
    "1,2,3\n",
    '"over\nlines",b\n',
)


def columns(data: bytes) -> Any:
    return read_even(data, delimiter=",", width=2, below=1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_both_readers_say_the_same(pieces: list[str]) -> None:
    text = "u,v\n" + "".join(pieces)
    found = read_table(GivenFile(name="file.csv", data=text.encode(), sha256=""), dialect=Dialect(header_line=1))
    by_line = _collect(_records(text, ","), Dialect(), 1, "file.csv")
    assert found.columns.to_pylist() == by_line.columns.to_pylist()
    assert (found.lines.to_pylist(), found.header) == (by_line.lines.to_pylist(), by_line.header)
    assert (found.broken, found.empty_rows) == (by_line.broken, by_line.empty_rows)


@pytest.mark.parametrize("rows", ["1,2\n3,4\n", '"1","2"\r\n"a""b",\r\n', '"a,b",c', "1,2\n\n3,4\n"])
def test_even_tables_are_read_by_arrow(rows: str) -> None:
    assert columns(b"u,v\n" + rows.encode()) is not None


@pytest.mark.parametrize("rows", ["", "1\n", "1,2,3\n", '"a\nb",c\n', 'a"b,c\n', '"a"b,c\n', "1,2\r3,4\n"])
def test_what_is_not_even_is_left_to_the_other(rows: str) -> None:
    assert columns(b"u,v\n" + rows.encode()) is None


def test_a_cell_longer_than_python_reads_is_left_to_the_other() -> None:
    assert columns(b"u,v\n1," + b"x" * 131_073 + b"\n") is None
