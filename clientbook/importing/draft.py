"""Events on their way into the log: typed and checked, their customers still named by the source's identifiers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from clientbook.events.arrow import EVENT_ID, INSTANT, struct_type
from clientbook.log.digest import canonical_rows

ID_KEY: Final = "id "
"""What a key begins with that a JSON line gave itself. 32 hexadecimal digits are the event's id as another book wrote it."""

CONTENT_KEY: Final = "content "
"""What a key begins with that an importer made of the row's content, because its events have no date of their own."""

DRAFT: Final = pa.schema(
    [
        ("unit", pa.int64()),
        ("key", pa.string()),
        ("type", pa.string()),
        ("occurred_at", INSTANT),
        ("source", pa.string()),
        ("actor", pa.string()),
        ("given_id", pa.string()),
        ("external", pa.string()),
        ("number_source", pa.string()),
        ("email", pa.string()),
        ("phone", pa.string()),
        ("only_if_new", pa.bool_()),
    ]
)
"""Columns of a draft besides the struct of each type.

unit: the document of the source that the event stands for; NULL for events that only go with one.
key: the source's own number; NULL where the event is known by its content.
given_id, external, email, phone: how the source names the customer, e-mail normalised; all NULL for a guest.
number_source: whose number `external` is, where it is not the source's own but of a plugin's kind.
only_if_new: true for a registration that is dropped where the book knows the customer already.
"""


_EXPORTED_ID: Final = re.compile(rb"id ([0-9a-f]{32})")


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A row set aside."""

    line: int
    code: str
    message: str
    column: str = ""
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What an importer made of a file."""

    events: pa.Table
    """Columns as in `DRAFT` and one struct column for each type used."""
    row_units: pa.Array
    """For each row that is not set aside, its unit."""
    row_lines: pa.Array
    """For each of these rows, its line."""
    row_amounts: pa.Array | None = None
    """For each of these rows, its signed amount; None where the file has no amounts."""
    rejects: tuple[Reject, ...] = ()
    rejected_amount: Decimal | None = None
    rows_read: int
    rows_skipped: int = 0
    remarks: tuple[str, ...] = field(default=())


def event_ids(events: pa.Table, secret: bytes) -> pa.Table:
    """Add `event_id`: a keyed hash of source, type and the source's number, else of the content and its occurrence.

    Two identical rows of one file are two events; the same file again gives the same ids.
    """
    key = events["key"].combine_chunks().cast(pa.binary())
    if key.null_count:
        places = pc.indices_nonzero(pc.is_null(key))
        key = pc.replace_with_mask(key, pc.is_null(key), _content_keys(events.take(places)))
    parts = [events[name].combine_chunks().cast(pa.binary()) for name in ("source", "type")]
    texts = pc.binary_join_element_wise(*parts, key, pa.scalar(b"\x1f", pa.binary())).to_pylist()
    digests = [sha256(secret + sha256(secret + text).digest()).digest()[:16] for text in texts]
    for place in pc.indices_nonzero(pc.starts_with(key, ID_KEY)).to_pylist():
        digests[place] = _stated_id(key[place].as_py()) or digests[place]
    return events.append_column(
        "event_id", pa.Array.from_buffers(EVENT_ID, len(texts), [None, pa.py_buffer(b"".join(digests))])
    )


def _stated_id(key: bytes) -> bytes | None:
    """The event id that a line from another book's export carries."""
    match = _EXPORTED_ID.fullmatch(key)
    return bytes.fromhex(match[1].decode()) if match else None


def _content_keys(events: pa.Table) -> pa.BinaryArray:
    structs = [name for name in events.schema.names if name not in DRAFT.names and name != "customer_id"]
    said = canonical_events(
        events.select(["type", "occurred_at", "actor", "given_id", "external", "email", "phone", *structs])
    )
    return pc.binary_join_element_wise(said, occurrence(said), pa.scalar(b"#", pa.binary()))


def canonical_events(rows: pa.Table) -> pa.BinaryArray:
    """Canonical bytes of each draft event."""
    return pa.array(canonical_rows(rows), pa.binary())


def occurrence(texts: pa.BinaryArray) -> pa.BinaryArray:
    """For each text, how many equal ones stand before it, as digits."""
    if pc.count_distinct(texts).as_py() == len(texts):
        return pa.repeat(pa.scalar(b"0", pa.binary()), len(texts))
    counts: dict[bytes, int] = {}
    numbers = []
    for text in texts.to_pylist():
        numbers.append(str(counts.get(text, 0)).encode())
        counts[text] = counts.get(text, 0) + 1
    return pa.array(numbers, pa.binary())


def struct_column(event: type[msgspec.Struct], values: Mapping[str, pa.Array], length: int) -> pa.StructArray:
    """A struct column with these fields, the others NULL."""
    kind = struct_type(event)
    unknown = set(values) - {item.name for item in kind}
    if unknown:
        raise KeyError(f"{event.__name__} has no field {sorted(unknown)[0]!r}")
    children = [values[item.name].cast(item.type) if item.name in values else pa.nulls(length, item.type) for item in kind]
    return pa.StructArray.from_arrays(children, fields=list(kind))


def draft_rows(
    *,
    type: str,
    struct: pa.StructArray,
    occurred_at: pa.Array,
    source: str,
    refs: pa.Table,
    key: pa.Array,
    unit: pa.Array,
    only_if_new: bool = False,
) -> pa.Table:
    """Draft events of one type. `refs` has the columns external, email and phone."""
    length = len(struct)
    nothing = pa.nulls(length, pa.string())
    columns = {
        "unit": unit,
        "key": key,
        "type": pa.repeat(pa.scalar(type), length),
        "occurred_at": occurred_at,
        "source": pa.repeat(pa.scalar(source), length),
        "actor": nothing,
        "given_id": nothing,
        "external": refs["external"],
        "number_source": nothing,
        "email": refs["email"],
        "phone": refs["phone"],
        "only_if_new": pa.repeat(pa.scalar(only_if_new), length),
    }
    return pa.table({name: columns[name] for name in DRAFT.names}, schema=DRAFT).append_column(type, struct)


def together(parts: Sequence[pa.Table]) -> pa.Table:
    """Draft events of several types as one table."""
    filled = [part for part in parts if len(part)]
    return pa.concat_tables(filled, promote_options="default") if filled else DRAFT.empty_table()


def at(moment: datetime, length: int) -> pa.Array:
    """One instant, repeated."""
    return pa.repeat(pa.scalar(moment, INSTANT), length)


def set_aside(draft: Draft, events: pa.BooleanArray, *, code: str, message: str) -> Draft:
    """The draft without these events, and without all that came from the same rows; the rows are rejects."""
    units = pc.unique(draft.events["unit"].combine_chunks().filter(events)).drop_null()
    gone = pc.fill_null(pc.is_in(draft.events["unit"].combine_chunks(), value_set=units), False)
    rows = pc.fill_null(pc.is_in(draft.row_units, value_set=units), False)
    stay = pc.invert(rows)
    rejects = [Reject(line=line, code=code, message=message) for line in draft.row_lines.filter(rows).to_pylist()]
    amounts, rejected = draft.row_amounts, draft.rejected_amount
    if amounts is not None:
        rejected = (rejected or Decimal(0)) + Decimal(pc.sum(amounts.filter(rows), min_count=0).as_py() or 0)
        amounts = amounts.filter(stay)
    return replace(
        draft,
        events=draft.events.filter(pc.invert(pc.or_(events, gone))),
        row_units=draft.row_units.filter(stay),
        row_lines=draft.row_lines.filter(stay),
        row_amounts=amounts,
        rejected_amount=rejected,
        rejects=(*draft.rejects, *rejects),
    )
