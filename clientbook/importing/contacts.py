"""Files about people: each row is a customer, what it says of them and of permission, and the event it is, if it is one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import Engine
from clientbook.events.arrow import INSTANT, broken_rows, conform, faults, struct_type
from clientbook.events.personal import CustomerRegistered, NoteAdded, ProfileUpdated, TagAdded
from clientbook.i18n import _
from clientbook.importing.consents import draft_consents
from clientbook.importing.draft import CONTENT_KEY, Draft, at, draft_rows, occurrence, struct_column, together
from clientbook.importing.mapping import Mapping, MappingError
from clientbook.importing.occasions import group_occasions, occasion_events
from clientbook.importing.table import TextTable
from clientbook.importing.targets import Catalogue
from clientbook.importing.typed import reject_faulty, rejects, sql, type_rows
from clientbook.log.digest import canonical

COLLECTED_BY: Final = {
    "contest_entered": "contest",
    "survey_answered": "survey",
    "quote_requested": "quote",
    "call_made": "phone",
    "cart_abandoned": "checkout",
    "social_interaction": "social",
}
"""How the shop came to know people whom a file of such events brings, unless the mapping says otherwise."""

_LISTS: Final = ("rented_list", "bought_list")


def draft_contacts(
    engine: Engine, file: TextTable, mapping: Mapping, catalogue: Catalogue, *, imported_at: datetime
) -> Draft:
    """Turn a file about people into draft events.

    A row without a date of its own is known since the import; the same row of the same file is known by its content.

    Raises:
        MappingError: it is a rented or bought list, and the book has no licence and proof for it.
    """
    _check_list(engine, mapping, imported_at)
    type_rows(engine, file, mapping, catalogue)
    is_contacts = mapping.kind == "contacts"
    occasions = None if is_contacts else group_occasions(engine, mapping, catalogue)
    contacts = engine.table(sql("contacts"))
    if occasions is not None:
        contacts = _at_their_event(contacts, occasions)
    profile = conform(contacts["profile"].combine_chunks(), struct_type(ProfileUpdated))
    found = faults(profile, ProfileUpdated)
    broken = {unit: fault for fault in reversed(found) for unit in contacts["unit"].filter(fault.rows).to_pylist()}
    sound = contacts.filter(pc.invert(broken_rows(found, len(contacts))))
    if occasions is None:  # what happened is sound whatever is wrong with an address
        reject_faulty(engine, [(unit, fault.path, f"{fault.path}: {fault.rule}") for unit, fault in broken.items()])
        engine.register("speaking", sound.select(["unit"]))
        engine.execute("create or replace table speakers as select unit as row, unit from speaking")
    events = _events(sound, mapping, imported_at, COLLECTED_BY.get(mapping.kind, "import"))
    events += draft_consents(engine, mapping, imported_at=imported_at)
    if occasions is not None:
        event = catalogue[mapping.kind]
        events.append(occasion_events(occasions, mapping, event, pa.scalar(imported_at, INSTANT)))
    rows = engine.table("select unit, line from speakers inner join typed using (row) order by row")
    return Draft(
        events=together(events),
        row_units=rows["unit"].combine_chunks(),
        row_lines=rows["line"].combine_chunks(),
        rejects=tuple(rejects(engine)),
        rows_read=file.rows_read,
        rows_skipped=file.empty_rows,
    )


def _check_list(engine: Engine, mapping: Mapping, imported_at: datetime) -> None:
    """A list of somebody else's addresses comes in with its licence and proof only."""
    rules = mapping.contacts
    if rules.collected_via not in _LISTS:
        return
    known = engine.rows("select proof, licence_until from lists where list_id = $list_id", {"list_id": rules.list_id})
    if not known or not known[0]["proof"] or not known[0]["licence_until"]:
        raise MappingError(
            _(
                "a rented or bought list needs its licence and proof: record a list_acquired event with proof and"
                " licence_until (`clientbook append`), and name its list_id in the mapping's [contacts]"
            )
        )
    if known[0]["licence_until"] < imported_at.date():
        raise MappingError(
            _("the licence of list {list_id!r} ended on {day}: nothing was imported").format(
                list_id=rules.list_id, day=known[0]["licence_until"]
            )
        )


def _at_their_event(contacts: pa.Table, occasions: pa.Table) -> pa.Table:
    """The people of events, known since the event; those nothing names are guests."""
    is_named = pc.is_valid(pc.coalesce(contacts["external"], contacts["email"], contacts["phone"]))
    place = pc.index_in(contacts["unit"].combine_chunks(), value_set=occasions["unit"].combine_chunks())
    contacts = contacts.append_column("place", place).filter(pc.and_(is_named, pc.is_valid(place)))
    when = occasions["occurred_at"].combine_chunks().take(contacts["place"].combine_chunks())
    return contacts.append_column("event_at", when.cast(INSTANT)).drop_columns(["place"])


def _events(contacts: pa.Table, mapping: Mapping, imported_at: datetime, collected_via: str) -> list[pa.Table]:
    when = at(imported_at, len(contacts))
    if "event_at" in contacts.schema.names:
        when = pc.coalesce(contacts["event_at"].combine_chunks(), when)
    contacts = contacts.append_column("when", when)
    ref = pc.coalesce(contacts["external"], contacts["email"], contacts["phone"])
    registered = _registered(contacts, mapping, collected_via)
    profile = conform(contacts["profile"].combine_chunks(), struct_type(ProfileUpdated))
    profiles = _rows(contacts, mapping, "profile_updated", profile, key=_content_key(contacts))
    return [
        *_registrations(contacts, mapping, registered, ref),
        profiles if mapping.kind == "contacts" else profiles.filter(_says_something(profile)),
        _tags(contacts, mapping),
        _notes(contacts, mapping),
    ]


def _registered(contacts: pa.Table, mapping: Mapping, collected_via: str) -> pa.StructArray:
    rules, length = mapping.contacts, len(contacts)
    kinds = pc.if_else(contacts["is_company"], "company", "person").combine_chunks()
    via = collected_via if rules.collected_via == "import" else rules.collected_via
    stated = {
        "collected_via": pa.scalar(via),
        "list_id": pa.scalar(rules.list_id, pa.string()),
        "notice_id": pa.scalar(rules.notice_id, pa.string()),
        "informed": pa.scalar(rules.informed, pa.bool_()),
        "from_person": pa.scalar(rules.from_person, pa.bool_()),
    }
    values = {"kind": kinds} | {name: pa.repeat(value, length) for name, value in stated.items()}
    return struct_column(CustomerRegistered, values, length)


def _says_something(struct: pa.StructArray) -> pa.BooleanArray:
    said = pa.array([False] * len(struct), pa.bool_())
    for child in struct.flatten():
        said = pc.or_(said, pc.is_valid(child))
    return said


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
