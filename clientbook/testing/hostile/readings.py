"""Importers that declare a reading, and break one rule each."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from clientbook.api import FileHead, GivenTable, Importer, Match, TableReading
from clientbook.testing.conformance import ImporterConformance
from clientbook.testing.conformance.importers import EXPECTED
from clientbook.testing.hostile.making import broken, folder_of, plugin

_SAMPLE = "Card;Day;Remark\n0042;12/03/2026;très aimable\n0043;14/03/2026;aime le thé\n0044;le 15;revient\n"
_FOUND = (
    *(
        (line, "customer_registered", card, day, {"kind": "person", "collected_via": "import"}, card)
        for line, card, day in ((2, "0042", 11), (3, "0043", 13))
    ),
    (2, "note_added", "0042", 11, {"text": "très aimable"}, None),
    (3, "note_added", "0043", 13, {"text": "aime le thé"}, None),
)


def _expected() -> str:
    events = [
        {
            "line": line,
            "type": type,
            "occurred_at": f"2026-03-{day}T23:00:00+00:00",
            "customer": {"external": card},
            "data": data,
        }
        | ({"key": key} if key else {})
        for line, type, card, day, data, key in sorted(_FOUND, key=lambda one: one[0])
    ]
    lines = [*events, {"line": 4, "reject": "date.impossible", "column": "Day"}]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _write(folder: Path) -> None:
    (folder / "cards.csv").write_text(_SAMPLE, encoding="utf-8")
    (folder / f"cards.csv{EXPECTED}").write_text(_expected(), encoding="utf-8")


_READING = TableReading(
    kind="note_added",
    needs=(("Card",), ("Remark",)),
    columns={"Card": "customer.external_id", "Day": "event.occurred_at", "Remark": "event.text"},
    formats=("%d/%m/%Y",),
)
_IMPORTER = Importer(
    id="hostile.cards",
    label="Cards",
    suffixes=(".csv",),
    emits=("customer_registered", "note_added"),
    source="hostile",
    reading=_READING,
)


def _importer(*breaks: str, reading: dict[str, Any] | None = None, **changed: Any) -> Any:
    declared = msgspec.structs.replace(_IMPORTER, reading=msgspec.structs.replace(_READING, **reading or {}), **changed)
    module = plugin("register_importers", declared)
    return broken(ImporterConformance, module, "hostile.cards", breaks, samples=folder_of(_write))


def _with(name: str, change: Callable[[Any], Any]) -> Callable[[GivenTable], Any]:
    """A reshape that changes a column."""

    def reshape(given: GivenTable) -> Any:
        table = given.table
        return table.set_column(table.schema.get_field_index(name), name, change(table[name].combine_chunks()))

    return reshape


_numbers = itertools.count()


def _numbered(given: GivenTable) -> Any:
    names = pa.array([f"{card}-{next(_numbers)}" for card in given.table["Card"].to_pylist()], pa.string())
    return given.table.set_column(given.table.schema.get_field_index("Card"), "Card", names)


def _without_second(given: GivenTable) -> Any:
    return given.table.filter(pc.not_equal(given.table["Card"], "0043"))


def _lenient(days: Any) -> Any:
    return pc.replace_substring_regex(days, "^(29|30|31)/02/", "01/03/")


def _writes(given: GivenTable) -> Any:
    with tempfile.TemporaryFile() as file:
        file.write(b"rows")
    return given.table


def _takes_all(_head: FileHead) -> Match:
    return Match(score=20, reasons=("it has columns",))


TestSound = _importer()
TestUnsound = _importer("the_declaration_is_sound", reading={"columns": {"Card": "customer.nickname"}})
TestNoReason = _importer(
    "it_knows_its_own_samples", identify=lambda head: Match(score=90) if "Card" in head.header else None
)
TestTakesAll = _importer("it_takes_nobody_elses_files", identify=_takes_all)
TestUndeclared = _importer("its_events_go_into_the_book", emits=("note_added",))
TestInventsNumbers = _importer(
    *("what_it_finds_is_what_is_expected", "it_says_the_same_again", "importing_twice_adds_nothing"),
    "french_variants_say_the_same",
    reading={"reshape": _numbered},
)
TestSilent = _importer(
    *("what_it_finds_is_what_is_expected", "every_row_is_accounted_for"), reading={"reshape": _without_second}
)
TestUntyped = _importer(
    *("what_it_finds_is_what_is_expected", "a_bad_row_is_told_with_line_and_code"),
    reading={"columns": {"Card": "customer.external_id", "Remark": "event.text"}},
)
TestLenient = _importer("an_impossible_date_is_refused", reading={"reshape": _with("Day", _lenient)})
TestNoZeros = _importer(
    *("what_it_finds_is_what_is_expected", "zeros_in_front_are_kept"),
    reading={"reshape": _with("Card", lambda cards: pc.utf8_ltrim(cards, "0"))},
)
TestWrites = _importer("it_reads_what_it_is_given_and_nothing_else", reading={"reshape": _writes})
