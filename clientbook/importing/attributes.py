"""Custom fields on their way into the log: each value held against its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.fields import CustomField, FieldMisfit
from clientbook.importing.draft import Draft, set_aside

Entries = list[tuple[str, str]]


def without_misfits(draft: Draft, fields: Mapping[str, CustomField]) -> Draft:
    """The draft without rows whose custom fields hold what they were not declared for, and the values of the others as the
    log keeps them. Fields nobody declared may hold any text. Each different value is looked at once.
    """
    if not fields or "profile_updated" not in draft.events.schema.names:
        return draft
    profiles = draft.events["profile_updated"].combine_chunks()
    attributes = pc.struct_field(profiles, "attributes")
    if attributes.null_count == len(attributes):
        return draft
    seen: dict[tuple[str, str], tuple[str, str | None]] = {}
    faults: dict[str, list[int]] = {}
    rows = attributes.to_pylist()
    for place, entries in enumerate(rows):
        for name, value in entries or ():
            if name in fields:
                if (name, value) not in seen:
                    seen[name, value] = _read(fields[name], name, value)
                if message := seen[name, value][1]:
                    faults.setdefault(message, []).append(place)
    if any(form != value for (_name, value), (form, _message) in seen.items()):
        draft = _with_attributes(draft, [_formed(entries, seen) for entries in rows])
    units = draft.events["unit"].combine_chunks()
    broken = {message: pc.unique(units.take(pa.array(found, pa.int64()))) for message, found in faults.items()}
    for message, theirs in broken.items():
        mask = pc.is_in(draft.events["unit"].combine_chunks(), value_set=theirs)
        draft = set_aside(draft, mask, code="field.value", message=message)
    return draft


def _formed(entries: Entries | None, seen: Mapping[tuple[str, str], tuple[str, str | None]]) -> Entries | None:
    return None if entries is None else [(name, seen.get((name, value), (value,))[0]) for name, value in entries]


def _with_attributes(draft: Draft, rows: list[Entries | None]) -> Draft:
    place = draft.events.schema.get_field_index("profile_updated")
    profiles = draft.events["profile_updated"].combine_chunks()
    written = pa.array(rows, profiles.type.field("attributes").type)
    children = [written if one.name == "attributes" else pc.struct_field(profiles, one.name) for one in profiles.type]
    column = pa.StructArray.from_arrays(children, fields=list(profiles.type), mask=pc.is_null(profiles))
    return replace(draft, events=draft.events.set_column(place, draft.events.schema.field(place), column))


def _read(field: CustomField, name: str, value: str | None) -> tuple[str, str | None]:
    """The value as the log keeps it, and what is wrong with it."""
    try:
        return field.text(name, value or ""), None
    except FieldMisfit as error:
        return value or "", str(error)
