"""What importers have to keep to: they know their own files, say the same each time, and guess nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from clientbook.book import Book
from clientbook.hooks.declarations import FileHead, GivenSource, GivenTable, Importer, Match, NewEvent, Reject
from clientbook.importing.decode import GivenFile, decode, open_file
from clientbook.importing.extracting import Rows, candidates, file_head, recognised
from clientbook.importing.mapping import column_keys
from clientbook.importing.table import read_table
from clientbook.importing.targets import TABLES, targets_of
from clientbook.projection.snapshots import Snapshot
from clientbook.testing.conformance.base import Conformance
from clientbook.testing.conformance.drafted import Found, draft_of, drafted, types_of
from clientbook.testing.watching import watched
from clientbook.testing.workbench import namespace_of

EXPECTED: Final = ".expected.jsonl"
"""Beside `x.csv` lies `x.csv.expected.jsonl`: what is found in it, a line for each event and reject."""

FOREIGN: Final[Mapping[str, bytes]] = {
    "orders.csv": b"Order number,Order date,Email,Total\n1001,2026-03-12,zoe@example.com,19.80\n",
    "clients.csv": "Nom;Prénom;Email;Code postal\nLefèvre;Zoé;zoe@example.com;01000\n".encode("cp1252"),
    "bank.csv": b"Date;Libell\xe9;D\xe9bit;Cr\xe9dit\n12/03/2026;REMISE CB;;231,40\n",
    "events.jsonl": b'{"type": "note_added", "occurred_at": "2026-03-12T10:00:00Z", "data": {"text": "x"}}\n',
    "letter.txt": b"Dear Sir,\n\nplease send me your catalogue.\n",
    "empty.csv": b"",
    "blank.csv": b"\n\n\n",
    "picture.csv": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
    "page.csv": b"<!doctype html><title>Sign in</title>\n",
}
"""Files of others, by name; an importer that takes one would take a shop's files from the importer they belong to."""

_CODE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_DAYS: Final[tuple[tuple[re.Pattern[str], Callable[[str], str]], ...]] = (
    (re.compile(r"[0-9]{2}([/.-])[0-9]{2}\1[0-9]{4}"), lambda cell: f"30{cell[2]}02{cell[5:]}"),
    (re.compile(r"[0-9]{4}([/-])[0-9]{2}\1[0-9]{2}"), lambda cell: f"{cell[:5]}02{cell[7]}30"),
)
"""What a cell with a day looks like, and the same year's 30 February."""

_PROBES: Final[tuple[tuple[re.Pattern[str], Callable[[str], str]], ...]] = (
    (_DAYS[0][0], lambda cell: f"{'12' if cell[:2] == '11' else '11'}{cell[2]}01{cell[5:]}"),
    (_DAYS[1][0], lambda cell: f"{cell[:5]}01{cell[7]}{'12' if cell[8:] == '11' else '11'}"),
)
"""The same cell with another day that exists: where it makes no difference, the column is not read."""

_JUNK: Final = "?!"
"""No amount, no day, no address, neither yes nor no."""


class ImporterConformance(Conformance):
    """What reads a kind of file."""

    hook = "register_importers"
    attribute = "importers"

    samples: ClassVar[Path]
    """The folder with files of this kind, and beside each what is expected to be found in it."""
    pattern: ClassVar[str] = "*"
    """Which of them are this importer's own, where the folder has other files too: `orders*`."""
    skipped: ClassVar[int] = 0
    """Rows of all samples together that stand for nothing, such as a total below."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """What `[plugins.<namespace>]` of book.toml says."""

    @pytest.fixture(autouse=True)
    def _options(self, request: pytest.FixtureRequest) -> None:
        self._update = bool(request.config.getoption("--update-expected"))

    @cached_property
    def files(self) -> list[GivenFile]:
        suffixes = self.given.suffixes
        paths = sorted(path for path in self.samples.glob(self.pattern) if path.name.removesuffix(".gz").endswith(suffixes))
        assert paths, f"there is no sample in {self.samples}"
        return [open_file(str(path)) for path in paths if not path.name.endswith(EXPECTED)]

    @property
    def tables(self) -> list[GivenFile]:
        """The samples that are tables as text, of which variants can be made."""
        found = [file for file in self.files if file.suffix in (".csv", ".tsv", ".txt")]
        if not found:
            pytest.skip("no sample is a table as text")
        return found

    def _found_faults(self) -> list[str]:
        """Also what a reading says of columns: each goes to a target that its kind of table has."""
        faults = super()._found_faults()
        reading = None if faults else self.given.reading
        if reading is None:
            return faults
        registry = self.bench.book(self.plugin).registry
        if reading.kind not in TABLES and reading.kind not in registry:
            return [f"{self.id}: there is no kind of table {reading.kind!r}"]
        targets = targets_of(reading.kind, registry)
        named = {*reading.columns.values(), *reading.constants, *reading.values}
        return [f"{self.id}: there is no target {name!r}" for name in sorted(named - set(targets))]

    def book(self) -> Book:
        assert self.declared is not None
        return self.bench.book(self.plugin, settings=self.settings and {namespace_of(self.plugin): dict(self.settings)})

    def found_in(self, file: GivenFile) -> list[Found]:
        """What the importer itself says of a file; where it declares a `reading`, the events and rejects drafted by it."""
        if self.declared.extract:
            return list(self.declared.extract(self.source_of(file)))
        return list(drafted(self._snapshot, self._book, file, self.given).found)

    def lines_of(self, file: GivenFile) -> frozenset[int]:
        """The lines of which it says something."""
        if self.declared.extract:
            return frozenset(one.line for one in self.found_in(file))
        return drafted(self._snapshot, self._book, file, self.given).lines

    def match_of(self, head: FileHead) -> Match | None:
        """How sure it is that a file is its own, by itself or by the columns that its reading needs."""
        importer: Importer = self.declared
        if importer.identify:
            return importer.identify(head)
        assert importer.reading is not None
        return recognised(importer.reading, head)

    def source_of(self, file: GivenFile) -> GivenSource:
        return GivenSource(name=file.name, data=file.data, rows=Rows(file), settings=self._book.plugins.settings(self.id))

    @cached_property
    def _book(self) -> Book:
        """A book for whatever writes nothing into it."""
        return self.book()

    @cached_property
    def _snapshot(self) -> Snapshot:
        """That book as it stays: empty."""
        return self._book.snapshot()

    def rows_of(self, file: GivenFile) -> dict[int, dict[str, str]]:
        """The file's rows by line."""
        return dict(Rows(file)())

    def test_it_knows_its_own_samples(self) -> None:
        """Of each sample it says that the file is its own, with a score from 1 to 100 and at least one reason."""
        plugins = self._book.plugins
        for file in self.files:
            matches = {one.importer.id: one.match for one in candidates(plugins, file)}
            assert self.id in matches, f"{file.name}: not known"
            assert 1 <= matches[self.id].score <= 100, f"{file.name}: the score is {matches[self.id].score}"
            assert any(matches[self.id].reasons), f"{file.name}: it gives no reason"

    def test_it_takes_nobody_elses_files(self) -> None:
        """Of files that are not its own it says so, and does not fail: orders, contacts, a bank's, a letter, a picture."""
        for name, data in FOREIGN.items():
            match = self.match_of(file_head(_file(name, data)))
            assert match is None or (isinstance(match, Match) and match.score == 0), f"it takes {name} for its own"

    def test_what_it_finds_is_what_is_expected(self) -> None:
        """In each sample it finds what the file beside it says; `pytest --update-expected` writes that file."""
        for file in self.files:
            found = [plain(one) for one in self.found_in(file)]
            path = self.samples / f"{file.name}{EXPECTED}"
            if self._update:
                text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found)
                path.write_text(text, encoding="utf-8")
            assert path.exists(), f"{path.name} is missing: look at what `pytest --update-expected` writes"
            assert found == [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def test_it_says_the_same_again(self) -> None:
        """Asked twice, it finds the same, in the same order."""
        for file in self.files:
            first = [plain(one) for one in self.found_in(file)]
            assert [plain(one) for one in self.found_in(file)] == first, file.name

    def test_its_events_go_into_the_book(self) -> None:
        """clientbook takes each event that it finds: of a type that it declares, complete, with a time and its offset."""
        for file in self.files:
            draft = draft_of(self._snapshot, self._book, file, self.declared)
            refused = [one for one in draft.rejects if one.code in ("event.invalid", "value.limits")]
            assert refused == [], f"{file.name}: {[(one.line, one.column, one.message) for one in refused]}"
            undeclared = types_of(draft) - {*self.given.emits}
            assert not undeclared, f"{file.name}: it makes {', '.join(sorted(undeclared))}, which `emits` does not name"

    def test_importing_twice_adds_nothing(self) -> None:
        """The same file imported again adds no event."""
        for file in self.files:
            book = self.book()
            first = book.import_file(file, book.extract(file, self.given)).outcome
            again = book.import_file(file, book.extract(file, self.given)).outcome
            assert first.rows_used, f"{file.name}: nothing of it is new to an empty book"
            assert (again.events, again.rows_used) == (0, 0), f"{file.name}: {again.events} events the second time"

    def test_two_rows_alike_are_two_events(self) -> None:
        """Two equal rows of one file are two events, unless they are one person, or a number of the source's own says so."""
        for file in self.tables:
            row, events = self._first_good(file)
            if self._is_about_people or any(self._has_number(event) for event in events):
                continue
            book = self.book()
            doubled = _with_rows(file, [row, row])
            outcome = book.import_file(doubled, book.extract(doubled, self.given)).outcome
            kept = {name: count for name, count in outcome.event_counts.items() if name in self.given.emits}
            assert sum(kept.values()) == 2 * len(events), f"{file.name}: two equal rows made {kept}"

    def test_every_row_is_accounted_for(self) -> None:
        """Each row is an event or a reject: none is dropped in silence, but those that the test says are nothing."""
        silent = []
        for file in self.tables:
            spoken = self.lines_of(file)
            lines = set(self.rows_of(file))
            assert spoken <= lines, f"{file.name}: it speaks of lines that hold no row: {sorted(spoken - lines)}"
            silent += [f"{file.name}, line {line}" for line in sorted(lines - spoken)]
        assert len(silent) == self.skipped, f"rows of which it says nothing: {silent}; skipped = {self.skipped}"

    def test_a_bad_row_is_told_with_line_and_code(self) -> None:
        """A bad row is rejected: each reject names its line, a code such as amount.format, and says what was expected.

        An importer that extracts has a bad row in a sample; into those of a reading the check puts one.
        """
        rejects = [(file, one) for file in self._with_bad_rows() for one in self.found_in(file) if isinstance(one, Reject)]
        assert rejects, "put a row that cannot be taken into a sample, or let the reading map a column to something typed"
        for file, one in rejects:
            assert _CODE.fullmatch(one.code), f"{file.name}, line {one.line}: the code is {one.code!r}"
            assert one.message.strip(), f"{file.name}, line {one.line}: it says nothing"
            assert 1 <= one.line <= len(file.data.splitlines()) + 1, f"{file.name}: there is no line {one.line}"

    def test_a_message_names_no_value(self) -> None:
        """What a reject says does not quote the row: messages go where personal data must not."""
        for file in self._with_bad_rows():
            rows = self.rows_of(file) if file.suffix in (".csv", ".tsv", ".txt") else {}
            for one in (one for one in self.found_in(file) if isinstance(one, Reject) and one.line in rows):
                quoted = [cell for cell in rows[one.line].values() if len(cell) >= 4 and cell in one.message]
                assert quoted == [], f"{file.name}, line {one.line}: the message quotes a cell"

    def test_french_variants_say_the_same(self) -> None:
        """Saved by another program the file says the same: semicolons, commas or tabs; cp1252, UTF-8 with or without BOM."""
        for file in self.tables:
            expected = [plain(one) for one in self.found_in(file)]
            for name, variant in _variants(file):
                assert [plain(one) for one in self.found_in(variant)] == expected, f"{file.name} as {name}"
                match = self.match_of(file_head(variant))
                assert match and match.score, f"{file.name} as {name} is not known any more"

    def test_an_impossible_date_is_refused(self) -> None:
        """30 February is refused, not taken for 2 March."""
        tried = False
        for file in self.tables:
            row, _events = self._first_good(file)
            for column, cell in row.items():
                for (pattern, impossible), (_pattern, probe) in zip(_DAYS, _PROBES, strict=True):
                    shaped = pattern.match(cell)
                    if not shaped or not self._reads(file, row, column, probe(shaped[0]) + cell[shaped.end() :]):
                        continue
                    tried = True
                    changed = row | {column: impossible(shaped[0]) + cell[shaped.end() :]}
                    found = self.found_in(_with_rows(file, [changed]))
                    assert found, f"{file.name}, {column}: 30 February is dropped in silence"
                    assert all(isinstance(one, Reject) for one in found), f"{file.name}, {column}: 30 February is taken"
        if not tried:
            pytest.skip("no column holds days")

    def test_zeros_in_front_are_kept(self) -> None:
        """A number that is a text, such as a card's or a postcode, keeps the zeros it begins with."""
        tried = False
        for file in self.tables:
            row, events = self._first_good(file)
            for column, cell in row.items():
                if not (cell.isascii() and cell.isdigit() and len(cell) > 1) or not _says(events, cell, exactly=False):
                    continue
                tried = True
                zeros = "0" + cell[1:]
                found = self.found_in(_with_rows(file, [row | {column: zeros}]))
                made = [one for one in found if isinstance(one, NewEvent)]
                assert not made or _says(made, zeros, exactly=True), f"{file.name}, {column}: the zeros in front are lost"
        if not tried:
            pytest.skip("no column holds numbers that are texts")

    def test_it_reads_what_it_is_given_and_nothing_else(self) -> None:
        """It writes no file, starts no process and uses no network."""
        for file in self.files:
            self.found_in(file)  # whatever is imported on the way is imported now
            head, importer = file_head(file), self.given
            source = self.source_of(file)
            source = replace(source, rows=partial(iter, list(source.rows())))
            table = self._table_of(file)
            with watched() as seen:
                self.match_of(head)
                if importer.extract:
                    list(importer.extract(source))
                elif importer.reading.reshape:
                    importer.reading.reshape(table)
            assert seen == [], file.name

    @property
    def _is_about_people(self) -> bool:
        return self.given.reading is not None and self.given.reading.kind == "contacts"

    def _table_of(self, file: GivenFile) -> GivenTable:
        """The file as a `reshape` is given it."""
        table = read_table(file)
        keys = column_keys(table.header)
        columns = table.columns.rename_columns(keys).add_column(0, "line", table.lines)
        settings = self._book.plugins.settings(self.id)
        return GivenTable(name=file.name, header=tuple(keys), table=columns, settings=settings)

    def _with_bad_rows(self) -> list[GivenFile]:
        """The samples; of a reading also files with one row each, one cell of which is no value of its column."""
        if self.declared.extract:
            return self.files
        made = []
        for file in self.tables:
            row, _events = self._first_good(file)
            made += [_with_rows(file, [row | {name: _JUNK}]) for name, cell in row.items() if cell]
        return [*self.files, *made]

    def _reads(self, file: GivenFile, row: Mapping[str, str], column: str, other: str) -> bool:
        """Whether what is found depends on the column."""
        first, second = (_with_rows(file, [dict(row) | changed]) for changed in ({}, {column: other}))
        return [plain(one) for one in self.found_in(first)] != [plain(one) for one in self.found_in(second)]

    def _first_good(self, file: GivenFile) -> tuple[dict[str, str], list[NewEvent]]:
        """The first row that makes events, and these."""
        by_line: dict[int, list[NewEvent]] = {}
        for one in self.found_in(file):
            if isinstance(one, NewEvent):
                by_line.setdefault(one.line, []).append(one)
        rows = self.rows_of(file)
        for line, events in by_line.items():
            if line in rows:
                return rows[line], events
        pytest.fail(f"{file.name}: no row of it makes an event")

    def _has_number(self, event: NewEvent) -> bool:
        registry = self._book.registry
        return event.key is not None or (event.type in registry and bool(registry[event.type].natural_key))


def _file(name: str, data: bytes) -> GivenFile:
    return GivenFile(name=name, data=data, sha256=sha256(data).hexdigest())


def _with_rows(file: GivenFile, rows: Iterable[Mapping[str, str]]) -> GivenFile:
    """A file with other rows, as UTF-8 with semicolons."""
    return _file(f"{Path(file.name).stem}.csv", _table([dict(row) for row in rows], ";").encode())


def _variants(file: GivenFile) -> Iterator[tuple[str, GivenFile]]:
    """The file's own text, its cells unchanged, as other programs would save it."""
    text = decode(file).text
    first = text.partition("\n")[0]
    delimiter = max(";,\t|", key=first.count)
    records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    for other, name in ((";", "semicolons"), (",", "commas"), ("\t", "tabs")):
        out = io.StringIO()
        csv.writer(out, delimiter=other, lineterminator="\r\n").writerows(records)
        table = out.getvalue()
        yield f"UTF-8, {name}", _file(file.name, table.encode())
        yield f"UTF-8 with BOM, {name}", _file(file.name, b"\xef\xbb\xbf" + table.encode())
        try:
            yield f"cp1252, {name}", _file(file.name, table.encode("cp1252"))
        except UnicodeEncodeError:
            continue


def _table(rows: list[dict[str, str]], delimiter: str) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def plain(found: Found) -> dict[str, Any]:
    """An event or reject as JSON would have it, without what is left out."""
    if isinstance(found, Reject):
        plain: dict[str, Any] = {"line": found.line, "reject": found.code, "column": found.column}
    else:
        moment = found.occurred_at.isoformat() if isinstance(found.occurred_at, datetime) else str(found.occurred_at)
        plain = {
            "line": found.line,
            "type": found.type,
            "occurred_at": moment,
            "customer": dict(found.customer) if found.customer else None,
            "data": json.loads(json.dumps(dict(found.data), default=str)),
            "key": found.key,
        }
    return {name: value for name, value in plain.items() if value is not None}


def _says(events: Iterable[NewEvent], number: str, *, exactly: bool) -> bool:
    """Whether an event holds the number as a text; unless `exactly` also without the zeros in front."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            for one in value.values():
                yield from texts(one)
        elif isinstance(value, list | tuple):
            for one in value:
                yield from texts(one)

    found = {text for one in events for text in texts([one.data, one.customer, one.key])}
    return number in found if exactly else number.lstrip("0") in {text.lstrip("0") for text in found}
