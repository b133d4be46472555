"""What the program makes of a file by an importer's `reading`, told as an importer that extracts would tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow.compute as pc

from clientbook.book import Book
from clientbook.hooks.declarations import Importer, NewEvent, Reject
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import CONTENT_KEY, Draft
from clientbook.importing.extracting import extract
from clientbook.importing.plan import draft_file
from clientbook.importing.readings import plan_reading
from clientbook.projection.snapshots import Snapshot

IMPORTED_AT: Final = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
"""When the kit's imports are made: what a file does not date bears this time, the same whenever the checks run."""

Found = NewEvent | Reject


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """What is found in a file."""

    found: tuple[Found, ...]
    """By line; within one in the order of the draft."""
    lines: frozenset[int]
    """Lines that became part of an event, or a reject."""


def draft_of(empty: Snapshot, book: Book, file: GivenFile, importer: Importer) -> Draft:
    """The draft of an importer of either kind. `empty` is the book's, in which nothing has happened."""
    if importer.reading is None:
        return extract(book.plugins, importer, file, book.registry).draft
    plan = plan_reading(
        empty.engine,
        book.plugins,
        importer,
        file,
        currency=book.settings.currency,
        timezone=book.settings.timezone,
        catalogue=book.registry,
    )
    return draft_file(empty.engine, plan, imported_at=IMPORTED_AT, catalogue=book.registry)


def drafted(empty: Snapshot, book: Book, file: GivenFile, importer: Importer) -> Drafted:
    """Events and rejects of a file that the program reads.

    An event without a row of its own, such as the profile that goes with an order, stands on line 0.
    """
    draft = draft_of(empty, book, file, importer)
    line_of: dict[int, int] = {}
    for unit, line in zip(draft.row_units.to_pylist(), draft.row_lines.to_pylist(), strict=True):
        line_of[unit] = min(line, line_of.get(unit, line))
    events: list[Found] = [_event(row, line_of) for row in draft.events.to_pylist()]
    rejects = [Reject(line=one.line, code=one.code, column=one.column or None, message=one.message) for one in draft.rejects]
    told = sorted([*events, *rejects], key=lambda one: one.line)
    lines = {*draft.row_lines.to_pylist(), *(one.line for one in draft.rejects)}
    return Drafted(found=tuple(told), lines=frozenset(lines))


def _event(row: Mapping[str, Any], line_of: Mapping[int, int]) -> NewEvent:
    key = row["key"]
    named = {name: row[name] for name in ("external", "email", "phone") if row[name]}
    return NewEvent(
        type=row["type"],
        data=_told(row[row["type"]] or {}),
        occurred_at=row["occurred_at"],
        customer=named or None,
        key=None if key is None or key.startswith(CONTENT_KEY) else key,
        line=line_of.get(row["unit"], 0),
    )


def _told(value: Any) -> Any:
    """A value without what is left out; amounts without the zeros behind."""
    if isinstance(value, Mapping):
        return {name: _told(one) for name, one in value.items() if one is not None and one != []}
    if isinstance(value, list):
        return [_told(one) for one in value]
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def types_of(draft: Draft) -> set[str]:
    """The types of a draft's events."""
    return set(pc.unique(draft.events["type"]).to_pylist())
