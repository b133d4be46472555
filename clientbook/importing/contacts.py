"""Contact files: each row is a customer and what it says of them."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import Engine
from clientbook.events.arrow import INSTANT, broken_rows, conform, faults, struct_type
from clientbook.events.personal import CustomerRegistered, NoteAdded, ProfileUpdated, TagAdded
from clientbook.importing.draft import CONTENT_KEY, Draft, at, draft_rows, occurrence, struct_column, together
from clientbook.importing.mapping import Mapping
from clientbook.importing.table import TextTable
from clientbook.importing.typed import reject_faulty, rejects, sql, type_rows
from clientbook.log.digest import canonical


def draft_contacts(engine: Engine, file: TextTable, mapping: Mapping, *, imported_at: datetime) -> Draft:
    """Turn a contact file into draft events.

    A row without a date of its own is known since the import; the same row of the same file is known by its content.
    """
    type_rows(engine, file, mapping)
    contacts = engine.table(sql("contacts"))
    profile = conform(contacts["profile"].combine_chunks(), struct_type(ProfileUpdated))
    found = faults(profile, ProfileUpdated)
    broken = {unit: fault for fault in reversed(found) for unit in contacts["unit"].filter(fault.rows).to_pylist()}
    reject_faulty(engine, [(unit, fault.path, f"{fault.path}: {fault.rule}") for unit, fault in broken.items()])
    sound = contacts.filter(pc.invert(broken_rows(found, len(contacts))))
    return Draft(
        events=together(_events(sound, mapping, imported_at)),
        row_units=sound["unit"].combine_chunks(),
        row_lines=sound["line"].combine_chunks(),
        rejects=tuple(rejects(engine)),
        rows_read=file.rows_read,
        rows_skipped=file.empty_rows,
    )


def _events(contacts: pa.Table, mapping: Mapping, imported_at: datetime) -> list[pa.Table]:
    contacts = contacts.append_column("when", at(imported_at, len(contacts)))
    ref = pc.coalesce(contacts["external"], contacts["email"], contacts["phone"])
    kinds = pc.if_else(contacts["is_company"], "company", "person").combine_chunks()
    registered = struct_column(
        CustomerRegistered, {"kind": kinds, "collected_via": pa.repeat(pa.scalar("import"), len(contacts))}, len(contacts)
    )
    profile = conform(contacts["profile"].combine_chunks(), struct_type(ProfileUpdated))
    return [
        *_registrations(contacts, mapping, registered, ref),
        _rows(contacts, mapping, "profile_updated", profile, key=_content_key(contacts)),
        _tags(contacts, mapping),
        _notes(contacts, mapping),
    ]


def _registrations(contacts: pa.Table, mapping: Mapping, registered: pa.StructArray, ref: pa.Array) -> list[pa.Table]:
    """A row that says since when the person is known registers it then; any other only where the book does not know it."""
    is_dated = pc.is_valid(contacts["registered_at"]).combine_chunks()
    dated = contacts.filter(is_dated)
    place = dated.schema.get_field_index("when")
    dated = dated.set_column(place, "when", dated["registered_at"].cast(INSTANT))
    others = pc.invert(is_dated)
    key = ref.combine_chunks() if isinstance(ref, pa.ChunkedArray) else ref
    return [
        _rows(dated, mapping, "customer_registered", registered.filter(is_dated), key=key.filter(is_dated)),
        _rows(
            contacts.filter(others),
            mapping,
            "customer_registered",
            registered.filter(others),
            key=key.filter(others),
            only_if_new=True,
        ),
    ]


def _rows(
    contacts: pa.Table, mapping: Mapping, type: str, struct: pa.StructArray, key: pa.Array, *, only_if_new: bool = False
) -> pa.Table:
    return draft_rows(
        type=type,
        struct=struct,
        occurred_at=contacts["when"].combine_chunks(),
        source=mapping.source,
        refs=contacts,
        key=key,
        unit=contacts["unit"],
        only_if_new=only_if_new,
    )


def _tags(contacts: pa.Table, mapping: Mapping) -> pa.Table:
    lists = contacts["tags"].combine_chunks()
    owners = contacts.take(pc.list_parent_indices(lists))
    tags = pc.list_flatten(lists)
    struct = struct_column(TagAdded, {"tag": tags}, len(tags))
    ref = pc.coalesce(owners["external"], owners["email"], owners["phone"]).combine_chunks()
    key = pc.binary_join_element_wise(pa.scalar(CONTENT_KEY), ref, tags, pa.scalar("\x1f"))
    return _rows(owners, mapping, "tag_added", struct, key=key)


def _notes(contacts: pa.Table, mapping: Mapping) -> pa.Table:
    noted = contacts.filter(pc.is_valid(contacts["note"]))
    struct = struct_column(NoteAdded, {"text": noted["note"].combine_chunks()}, len(noted))
    return _rows(noted, mapping, "note_added", struct, key=_content_key(noted))


def _content_key(contacts: pa.Table) -> pa.Array:
    """A key made of everything the row says, so that the import's own date does not matter."""
    columns = contacts.select(["external", "email", "phone", "note", "profile"])
    said = canonical(
        pa.StructArray.from_arrays([column.combine_chunks() for column in columns.columns], columns.schema.names)
    )
    joined = pc.binary_join_element_wise(said, occurrence(said), pa.scalar(b"#", pa.binary()))
    return pc.binary_join_element_wise(pa.scalar(CONTENT_KEY), joined.cast(pa.string()), pa.scalar(""))
