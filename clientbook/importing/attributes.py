"""Custom fields on their way into the log: each value held against its declaration."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.fields import CustomField, FieldMisfit
from clientbook.importing.draft import Draft, set_aside


def without_misfits(draft: Draft, fields: Mapping[str, CustomField]) -> Draft:
    """The draft without rows whose custom fields hold what they were not declared for; fields nobody declared may hold any
    text. Each different value is looked at once.
    """
    if not fields or "profile_updated" not in draft.events.schema.names:
        return draft
    profiles = draft.events["profile_updated"].combine_chunks()
    attributes = pc.struct_field(profiles, "attributes")
    if attributes.null_count == len(attributes):
        return draft
    seen: dict[tuple[str, str], str | None] = {}
    faults: dict[str, list[int]] = {}
    for row, entries in enumerate(attributes.to_pylist()):
        for name, value in entries or ():
            if name in fields:
                if (name, value) not in seen:
                    seen[name, value] = _fault(fields[name], name, value)
                if message := seen[name, value]:
                    faults.setdefault(message, []).append(row)
    units = draft.events["unit"].combine_chunks()
    broken = {message: pc.unique(units.take(pa.array(rows, pa.int64()))) for message, rows in faults.items()}
    for message, theirs in broken.items():
        mask = pc.is_in(draft.events["unit"].combine_chunks(), value_set=theirs)
        draft = set_aside(draft, mask, code="field.value", message=message)
    return draft


def _fault(field: CustomField, name: str, value: str | None) -> str | None:
    try:
        field.text(name, value or "")
    except FieldMisfit as error:
        return str(error)
    return None
