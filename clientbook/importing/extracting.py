"""Files that importers of plugins read: whose a file is, and its events as a draft."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.errors import ClientbookError, WrongUse
from clientbook.events.envelope import Envelope, InvalidEvent, customer_ref, make
from clientbook.events.registry import Registry
from clientbook.hooks import declarations as api
from clientbook.hooks.declarations import FileHead, Importer, Match, NewEvent, TableReading
from clientbook.hooks.manager import Plugins
from clientbook.i18n import _
from clientbook.importing.decode import Decoded, GivenFile, UnreadableFile, decode
from clientbook.importing.draft import Draft, Reject
from clientbook.importing.jsonl import draft_events, with_lines
from clientbook.importing.mapping import column_keys
from clientbook.importing.plan import without_reasons
from clientbook.importing.rejects import REASONS
from clientbook.importing.table import TextTable, read_table

HEAD_BYTES: Final = 65_536
"""How much of a file an importer sees when it is asked whether the file is its own."""

HEAD_ROWS: Final = 50
"""How many rows of a table it sees then."""

AHEAD: Final = 10
"""How many points surer than any other an importer has to be, to be chosen without asking."""


SURE: Final = 90
"""Score of an importer all of whose columns are there."""


class ImporterFailed(ClientbookError):
    """An importer of a plugin failed on a file; the message names the plugin. Nothing was imported."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An importer that takes a file for its own."""

    importer: Importer
    match: Match


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """What an importer found in a file."""

    importer: Importer
    draft: Draft
    table: TextTable | None
    """Where it read the file as a table: rejects keep its columns."""


def candidates(plugins: Plugins, file: GivenFile) -> list[Candidate]:
    """The importers that take the file for theirs, the surest first. They see the beginning of the file only."""
    asked = [one for one in plugins.importers.values() if not file.suffix or file.suffix in one.suffixes]
    found = [one for one in _asked(plugins, asked, file) if one.match.score > 0]
    return sorted(found, key=lambda one: (-one.match.score, one.importer.id))


def why_not(plugins: Plugins, file: GivenFile) -> list[tuple[str, Match]]:
    """What every importer says of the file, the surest first: id, score and reasons."""
    fitting = [one for one in plugins.importers.values() if not file.suffix or file.suffix in one.suffixes]
    said = {one.importer.id: one.match for one in _asked(plugins, fitting, file)}
    for importer in plugins.importers.values():
        reason = _("it reads files that end in {suffixes}").format(suffixes=", ".join(importer.suffixes))
        if importer in fitting:
            reason = _("it does not take the file for its own, and does not say why")
        said.setdefault(importer.id, Match(score=0, reasons=(reason,)))
    return sorted(said.items(), key=lambda one: (-one[1].score, one[0]))


def _asked(plugins: Plugins, importers: list[Importer], file: GivenFile) -> Iterator[Candidate]:
    """The answers of these importers; one that fails is told of and left out."""
    head = file_head(file) if importers else None
    for importer in importers:
        match, fault = plugins.call(importer.id, importer.identify or partial(_by_columns, importer), head)
        if fault is not None:
            plugins.tell(fault)
        elif isinstance(match, Match):
            yield Candidate(importer=importer, match=match)


def _by_columns(importer: Importer, head: FileHead) -> Match:
    assert importer.reading is not None
    return recognised(importer.reading, head)


def recognised(reading: TableReading, head: FileHead) -> Match:
    """How sure it is that the file is one of these, by its columns; with a score of 0 the reasons say what is missing."""
    missing = [" / ".join(names) for names in reading.needs if not set(names) & set(head.header)]
    if missing:
        said = _("there is no column {columns}").format(columns=", ".join(missing))
        return Match(score=0, reasons=(said,))
    found = [next(name for name in names if name in head.header) for names in reading.needs]
    return Match(score=SURE, reasons=(_("it has the columns {columns}").format(columns=", ".join(found)),))


def surest(found: list[Candidate]) -> Candidate | None:
    """The importer that is far enough ahead of any other; None where a person has to choose."""
    second = found[1].match.score if len(found) > 1 else 0
    return found[0] if found and found[0].match.score - second >= AHEAD else None


def named_importer(plugins: Plugins, name: str) -> Importer:
    """The importer with this id.

    Raises:
        WrongUse: there is none.
    """
    if name in plugins.importers:
        return plugins.importers[name]
    listed = ", ".join(["events", "table", *plugins.importers])
    raise WrongUse(_("there is no importer {name!r}; there are {names}").format(name=name, names=listed))


def file_head(file: GivenFile) -> FileHead:
    """The beginning of a file, with what can be told of it."""
    data = file.data[:HEAD_BYTES]
    if len(file.data) > HEAD_BYTES and b"\n" in data:
        data = data[: data.rindex(b"\n") + 1]  # a character that is cut in two is in no encoding
    is_workbook = file.data[:2] in (b"PK", b"\xd0\xcf")
    beginning = file if is_workbook else GivenFile(name=file.name, data=data, sha256="")
    try:
        table = read_table(beginning)
        encoding, delimiter, header = table.dialect.encoding, table.dialect.delimiter or None, table.header
        keys = column_keys(header)
        cells = table.columns.slice(0, HEAD_ROWS).to_pylist()
    except UnreadableFile:
        encoding, delimiter, header, keys, cells = _decoded(beginning).encoding, None, (), [], []
    names = tuple(name for name in header if name not in REASONS)
    rows = tuple({key: value or "" for key, value in zip(keys, row.values(), strict=True)} for row in cells)
    return FileHead(
        name=file.name, data=file.data[:HEAD_BYTES], encoding=encoding, delimiter=delimiter, header=names, rows=rows
    )


def _decoded(file: GivenFile) -> Decoded:
    try:
        return decode(file)
    except UnreadableFile:
        return Decoded(text="", encoding="", is_guess=True)


def extract(plugins: Plugins, importer: Importer, file: GivenFile, registry: Registry) -> Extraction:
    """What the importer finds in the file; a row that it rejects, or whose events break their type, is set aside.

    Raises:
        ImporterFailed: it raised.
        UnreadableFile: it asked for a table, and the file holds none.
    """
    rows = Rows(file)
    given = api.GivenSource(name=file.name, data=file.data, rows=rows, settings=plugins.settings(importer.id))

    def drawn() -> list[Any]:
        try:
            return list(importer.extract(given)) if importer.extract else []
        except UnreadableFile as error:
            return [error]

    found, fault = plugins.call(importer.id, drawn)
    if fault is not None:
        raise ImporterFailed(_("{file}: {fault}; nothing was imported").format(file=file.name, fault=fault))
    for one in found:
        if isinstance(one, UnreadableFile):
            raise one
    draft = _draft(found, importer, registry, rows.table)
    if rows.table is None:
        draft = _with_lines(draft, file)
    return Extraction(importer=importer, draft=draft, table=rows.table)


class Rows:
    """The rows of a file as a table, read when they are asked for."""

    def __init__(self, file: GivenFile) -> None:
        self._file = file
        self.table: TextTable | None = None

    def __call__(self) -> Iterator[tuple[int, dict[str, str]]]:
        if self.table is None:
            self.table = without_reasons(read_table(self._file))
        table = self.table
        names = column_keys(table.header)
        for batch_start in range(0, len(table.columns), 8192):
            cells = table.columns.slice(batch_start, 8192).to_pylist()
            lines = table.lines.slice(batch_start, 8192).to_pylist()
            for line, row in zip(lines, cells, strict=True):
                yield line, {name: value or "" for name, value in zip(names, row.values(), strict=True)}


def _with_lines(draft: Draft, file: GivenFile) -> Draft:
    lines = [] if b"\0" in file.data else file.data.splitlines()
    has_line = [one for one in draft.rejects if 1 <= one.line <= len(lines)]
    others = [one for one in draft.rejects if not 1 <= one.line <= len(lines)]
    rejects = sorted([*with_lines(has_line, lines), *others], key=lambda one: one.line)
    return replace(draft, rejects=tuple(rejects))


def _draft(found: Iterable[Any], importer: Importer, registry: Registry, table: TextTable | None) -> Draft:
    """Events and rejects as a draft. A line is one row of the source: with a reject, none of its events goes in."""
    rejects: dict[int, Reject] = {}
    made: list[tuple[int, Envelope]] = []
    for one in found:
        if isinstance(one, api.Reject):
            rejected = Reject(
                line=one.line, code=one.code, column=one.column or "", message=_(one.message) if one.message else ""
            )
            rejects.setdefault(one.line, rejected)
        elif isinstance(one, NewEvent):
            try:
                made.append((one.line, _envelope(one, importer, registry)))
            except InvalidEvent as error:
                rejected = Reject(line=one.line, code="event.invalid", column=error.field, message=str(error))
                rejects.setdefault(one.line, rejected)
        else:
            said = _("importer {importer}: expected NewEvent or Reject, found {kind}; nothing was imported")
            raise ImporterFailed(said.format(importer=importer.id, kind=type(one).__name__))
    for broken in table.broken if table else ():
        value = table.dialect.delimiter.join(broken.cells) if table else ""
        rejects.setdefault(broken.line, Reject(line=broken.line, code=broken.code, message=broken.message, value=value))
    made = [(line, envelope) for line, envelope in made if line not in rejects]
    lines = sorted({line for line, _envelope in made})
    unit_of = {line: unit for unit, line in enumerate(lines)}
    events = draft_events([envelope for _line, envelope in made], registry)
    units = pa.array([unit_of[line] for line, _envelope in made], pa.int64())
    events = events.set_column(events.schema.get_field_index("unit"), "unit", units)
    spoken_of = len(lines) + len(rejects)
    read = max(table.rows_read, spoken_of) if table else spoken_of
    return Draft(
        events=events,
        row_units=pa.array(range(len(lines)), pa.int64()),
        row_lines=pa.array(lines, pa.int64()),
        rejects=tuple(sorted(rejects.values(), key=lambda one: one.line)),
        rows_read=read,
        rows_skipped=read - spoken_of,
    )


def _envelope(found: NewEvent, importer: Importer, registry: Registry) -> Envelope:
    """An event that an importer found, checked like any other.

    Raises:
        InvalidEvent: its type is none that the importer declares, or a value breaks a constraint.
    """
    if found.type not in importer.emits or found.type not in registry:
        said = _("the importer declares no events of type {type!r}").format(type=found.type)
        raise InvalidEvent(said, field="type")
    if not isinstance(found.occurred_at, datetime) or found.occurred_at.tzinfo is None:
        raise InvalidEvent(_("expected a time with its offset"), field="occurred_at")
    customer, number_source = customer_ref(found.customer, registry) if found.customer else (None, None)
    return make(
        found.type,
        dict(found.data),
        registry,
        occurred_at=found.occurred_at,
        customer=customer,
        source=importer.source,
        id=found.key,
        number_source=number_source,
    )


def seen_events(draft: Draft) -> pa.Table:
    """The draft's events as `check_import` sees them: type, time and data, without how the customers are named."""
    hidden = {"unit", "key", "source", "actor", "given_id", "external", "number_source", "email", "phone", "only_if_new"}
    events = draft.events
    if "only_if_new" in events.schema.names:
        events = events.filter(pc.invert(pc.fill_null(events["only_if_new"].combine_chunks(), False)))
    return events.select([name for name in events.schema.names if name not in hidden])
