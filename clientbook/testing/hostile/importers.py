"""Importers that break one rule each."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from clientbook.api import FileHead, GivenSource, Importer, Match, NewEvent, Reject
from clientbook.importing.decode import open_file
from clientbook.importing.extracting import Rows
from clientbook.testing.conformance import ImporterConformance
from clientbook.testing.conformance.importers import EXPECTED, plain
from clientbook.testing.hostile.making import broken, folder_of, plugin

_SAMPLE = "Card;Day;Remark\n0042;12/03/2026;très aimable\n0043;14/03/2026;aime le thé\n0044;le 15;revient\n"
_REASONS = ("it has a column Card",)


def _identify(head: FileHead) -> Match | None:
    return Match(score=90, reasons=_REASONS) if "Card" in head.header else None


def _day(cell: str) -> datetime | None:
    if not re.fullmatch(r"[0-9]{2}/[0-9]{2}/[0-9]{4}", cell):
        return None
    try:
        return datetime.strptime(cell, "%d/%m/%Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def _lenient_day(cell: str) -> datetime | None:
    if not re.fullmatch(r"[0-9]{2}/[0-9]{2}/[0-9]{4}", cell):
        return None
    day, month, year = map(int, cell.split("/"))
    return datetime(year, month, 1, tzinfo=UTC) + timedelta(days=day - 1)


def _found(line: int, row: dict[str, str], read_day: Callable[[str], datetime | None] = _day) -> NewEvent | Reject:
    day = read_day(row["Day"])
    if day is None:
        return Reject(line=line, code="date.impossible", column="Day", message="expected a day that exists")
    data = {"text": row["Remark"]}
    return NewEvent(type="note_added", data=data, occurred_at=day, customer={"external": row["Card"]}, line=line)


def _extract(source: GivenSource) -> Iterator[NewEvent | Reject]:
    for line, row in source.rows():
        yield _found(line, row)


def _changed(change: Callable[[Any, dict[str, str]], Any]) -> Callable[[GivenSource], Iterator[Any]]:
    """The sound importer, with what it finds changed; None drops it."""

    def extract(source: GivenSource) -> Iterator[Any]:
        for line, row in source.rows():
            found = change(_found(line, row), row)
            if found is not None:
                yield found

    return extract


_IMPORTER = Importer(
    id="hostile.cards",
    label="Cards",
    suffixes=(".csv",),
    emits=("note_added",),
    source="hostile",
    identify=_identify,
    extract=_extract,
)


def _samples(extract: Callable[[GivenSource], Iterable[Any]] | None) -> Path:
    def write(folder: Path) -> None:
        path = folder / "cards.csv"
        path.write_text(_SAMPLE, encoding="utf-8")
        file = open_file(str(path))
        assert extract is not None
        found = extract(GivenSource(name=file.name, data=file.data, rows=Rows(file)))
        (folder / f"cards.csv{EXPECTED}").write_text(
            "".join(json.dumps(plain(one)) + "\n" for one in found), encoding="utf-8"
        )

    return folder_of(write)


def _importer(*breaks: str, expected: Any = None, **changed: Any) -> Any:
    declared = msgspec.structs.replace(_IMPORTER, **changed)
    samples = _samples(expected or declared.extract)
    return broken(ImporterConformance, plugin("register_importers", declared), "hostile.cards", breaks, samples=samples)


_numbers = itertools.count()


def _is_second(row: dict[str, str]) -> bool:
    return row["Card"] == "0043"


def _once(source: GivenSource) -> Iterator[Any]:
    seen = set()
    for line, row in source.rows():
        if tuple(row.values()) not in seen:
            seen.add(tuple(row.values()))
            yield _found(line, row)


def _by_hand(source: GivenSource) -> Iterator[Any]:
    lines = source.data.decode("utf-8-sig", "replace").splitlines()
    names = lines[0].split(";")
    for number, line in enumerate(lines[1:], 2):
        yield _found(number, dict(zip(names, line.split(";"), strict=True)))


def _leniently(source: GivenSource) -> Iterator[Any]:
    for line, row in source.rows():
        yield _found(line, row, _lenient_day)


def _writes(source: GivenSource) -> Iterator[Any]:
    with tempfile.TemporaryFile() as file:
        file.write(source.data)
    yield from _extract(source)


def _rejects(**changes: Any) -> Callable[[GivenSource], Iterator[Any]]:
    return _changed(lambda one, _row: replace(one, **changes) if isinstance(one, Reject) else one)


TestUnsound = _importer("the_declaration_is_sound", emits=("hostile.no_such_type",))
TestNoReason = _importer("it_knows_its_own_samples", identify=lambda head: _identify(head) and Match(score=90))
TestTakesAll = _importer("it_takes_nobody_elses_files", identify=lambda _head: Match(score=20, reasons=_REASONS))
TestUnexpected = _importer(
    "what_it_finds_is_what_is_expected",
    expected=_changed(lambda one, row: None if _is_second(row) else one),
)
TestInventsNumbers = _importer(
    *("what_it_finds_is_what_is_expected", "it_says_the_same_again", "importing_twice_adds_nothing"),
    "french_variants_say_the_same",
    extract=_changed(lambda one, _row: replace(one, key=str(next(_numbers))) if isinstance(one, NewEvent) else one),
)
TestUndeclared = _importer(
    "its_events_go_into_the_book",
    extract=_changed(lambda one, row: replace(one, type="tag_added") if _is_second(row) else one),
)
TestOnce = _importer("two_rows_alike_are_two_events", extract=_once)
TestSilent = _importer("every_row_is_accounted_for", extract=_changed(lambda one, row: None if _is_second(row) else one))
TestNoCode = _importer("a_bad_row_is_told_with_line_and_code", extract=_rejects(code="bad"))
TestQuotes = _importer(
    "a_message_names_no_value",
    extract=_changed(lambda one, row: replace(one, message=f"{row['Day']} is no day") if isinstance(one, Reject) else one),
)
TestOwnReader = _importer("french_variants_say_the_same", extract=_by_hand)
TestLenient = _importer("an_impossible_date_is_refused", extract=_leniently)
TestNoZeros = _importer(
    "zeros_in_front_are_kept",
    extract=_changed(
        lambda one, row: replace(one, customer={"external": str(int(row["Card"]))}) if isinstance(one, NewEvent) else one
    ),
)
TestWrites = _importer("it_reads_what_it_is_given_and_nothing_else", extract=_writes)
