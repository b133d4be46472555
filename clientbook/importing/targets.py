"""Where the columns of a file can go: the vocabulary, and for a file of one type of events that type's own fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec.inspect as mi

from clientbook.events.base import Event, unwrap
from clientbook.importing.vocabulary import TARGETS, CellType, Target

TABLES: Final = ("orders", "contacts")
"""Kinds of files that have rules of their own; any other kind is a type of events."""

OCCURRED_AT: Final = Target(name="event.occurred_at", type="instant", words=("date",))
FIELD: Final = "field."
"""What targets begin with that are custom fields: `field.size` is the field `size`, declared in `book.toml` or not."""
ATTRIBUTES: Final = "customer_attributes"
"""The typed column that holds all of them, by name."""
ANSWERS: Final = "answers"
"""Type of a target that many columns may go to: the header is the question."""

Catalogue = Mapping[str, type[Event]]


def field_of(target: str) -> str | None:
    """The custom field that a target is; None where it is another."""
    name = target.removeprefix(FIELD)
    return name if name != target and re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) else None


def targets_of(kind: str, catalogue: Catalogue) -> dict[str, Target]:
    """The targets of a kind of file, by name."""
    if kind in TABLES:
        return TARGETS
    return TARGETS | {OCCURRED_AT.name: OCCURRED_AT} | {target.name: target for target in _event_targets(catalogue[kind])}


def has_lines(event: type[Event]) -> bool:
    """Whether events of this type list articles, so that several rows can be one event."""
    return "lines" in event.__struct_fields__


def _event_targets(event: type[Event]) -> list[Target]:
    info = mi.type_info(event)
    assert isinstance(info, mi.StructType)
    found = []
    for field in info.fields:
        plain, _extra = unwrap(field.type)
        kind = _cell_type(plain)
        if kind:
            choices = tuple(map(str, plain.values)) if isinstance(plain, mi.LiteralType) else ()
            found.append(Target(name=f"event.{field.encode_name}", type=kind, words=(), choices=choices))
    return found


def _cell_type(plain: mi.Type) -> CellType | None:
    match plain:
        case mi.LiteralType():
            return "word"
        case mi.StrType():
            return "code" if (plain.max_length or 0) <= 120 and not plain.pattern else "word" if _is_word(plain) else "text"
        case mi.IntType():
            return "count"
        case mi.BoolType():
            return "flag"
        case mi.DecimalType():
            return "amount"
        case mi.DateTimeType():
            return "instant"
        case mi.DateType():
            return "date"
        case mi.ListType() if isinstance(unwrap(plain.item_type)[0], mi.StrType):
            return "tags"
        case mi.DictType():
            return "answers"
    return None


def _is_word(plain: mi.StrType) -> bool:
    return (plain.pattern or "").startswith("^[a-z][a-z0-9_]")
