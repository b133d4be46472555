"""From rows handed in to rows of the log: checks, duplicates, positions, salts."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clientbook.events.arrow import DECIMAL, ENVELOPE, EVENT_ID, INSTANT
from clientbook.log.base import Head, MalformedRows, Released
from clientbook.log.digest import contents

GIVEN = ("event_id", "type", "customer_id", "occurred_at", "source", "actor", "batch")
"""Envelope columns that the caller hands in; the log adds position, recorded_at and salt."""

ADDED, DUPLICATE, CORRECTION = "added", "duplicate", "correction"
_STORABLE = (pa.string(), pa.int64(), pa.bool_(), pa.date32(), DECIMAL, INSTANT)
ADDED_SCALAR = pa.scalar(ADDED, pa.string())


def checked(rows: pa.Table) -> pa.Table:
    """The rows with the envelope's types, in a known order of columns.

    Raises:
        MalformedRows: a column is missing, or a row does not hold exactly the struct that its type names.
    """
    missing = [name for name in GIVEN if name not in rows.schema.names]
    if missing:
        raise MalformedRows(f"the rows lack the column {missing[0]!r}")
    types = [name for name in rows.schema.names if name not in ENVELOPE.names and rows[name].null_count < len(rows)]
    columns = {name: rows[name].cast(ENVELOPE.field(name).type) for name in GIVEN}
    for name in ("type", "occurred_at", "source"):
        if columns[name].null_count:
            raise MalformedRows(f"a row has no {name}")
    for name in types:
        if not _storable(rows.schema.field(name).type):
            raise MalformedRows(f"the column {name!r} has a type that does not read back from Parquet as it was written")
        misplaced = pc.not_equal(pc.is_valid(rows[name]), pc.equal(columns["type"], pa.scalar(name, pa.string())))
        if pc.any(misplaced, min_count=0).as_py():
            raise MalformedRows(f"a row of type {name!r} has no data, or a row of another type has {name!r} data")
    unknown = pc.invert(pc.is_in(columns["type"], value_set=pa.array(types, pa.string())))
    if pc.any(unknown, min_count=0).as_py():
        first = columns["type"].filter(unknown)[0].as_py()
        raise MalformedRows(f"a row of type {first!r} has no data")
    return pa.table(columns | {name: rows[name] for name in sorted(types)})


def _storable(kind: pa.DataType) -> bool:
    """Whether Parquet gives the type back as it is, so that digests computed before writing hold after reading."""
    if pa.types.is_struct(kind):
        return all(_storable(field.type) for field in kind)
    if pa.types.is_map(kind):
        return _storable(kind.key_type) and _storable(kind.item_type)
    if pa.types.is_list(kind):
        return _storable(kind.value_type)
    return kind in _STORABLE


def only(rows: pa.Table, mask: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The rows where `mask` is true; where that is all of them nothing is copied."""
    return rows if pc.all(mask, skip_nulls=False, min_count=0).as_py() else rows.filter(mask)


def with_ids(rows: pa.Table) -> pa.Table:
    """The rows with random ids where none was given."""
    if not rows["event_id"].null_count:
        return rows
    ids = pc.coalesce(rows["event_id"], random_ids(len(rows)))
    return rows.set_column(rows.schema.get_field_index("event_id"), ENVELOPE.field("event_id"), ids)


def outcomes(rows: pa.Table, known: Callable[[pa.Array], pa.Table], released: Released | None = None) -> pa.StringArray:
    """What becomes of each row: `added`, `duplicate` or `correction`.

    `known(ids)` returns the log's rows with these ids; those that `released` names are passed over. Within `rows`, the first
    with an id stands for the log's.
    """
    if rows["event_id"].null_count == len(rows):
        return pa.repeat(ADDED_SCALAR, len(rows))
    ids = with_ids(rows)["event_id"].combine_chunks()
    before = known(ids)
    if released is not None and len(before):
        before = before.filter(pc.invert(pc.fill_null(released(before), False)))
    if not len(before) and _all_differ(ids):
        return pa.repeat(ADDED_SCALAR, len(rows))
    firsts = _first_of_each(ids)
    rows = rows.set_column(rows.schema.get_field_index("event_id"), ENVELOPE.field("event_id"), ids)
    in_log = pc.is_in(ids, value_set=before["event_id"].combine_chunks())
    is_first = pc.is_in(pa.array(range(len(rows)), pa.int64()), value_set=firsts)
    added = pc.and_(is_first, pc.invert(in_log))
    references = pa.concat_tables([_id_and_content(before), _id_and_content(rows.filter(added))])
    place = pc.index_in(ids, value_set=references["event_id"].combine_chunks())
    same = pc.equal(contents(rows), references["content"].combine_chunks().take(place))
    return pc.if_else(added, ADDED, pc.if_else(same, DUPLICATE, CORRECTION))


def numbered(rows: pa.Table, head: Head, recorded_at: datetime) -> pa.Table:
    """The rows as the log keeps them: positions after `head`, one recording time, a salt for each customer."""
    first = head.position + 1
    columns = {
        "position": pa.array(range(first, first + len(rows)), pa.int64()),
        "recorded_at": pa.repeat(pa.scalar(recorded_at, INSTANT), len(rows)),
        "salt": _salts(rows["customer_id"].combine_chunks()),
    }
    names = [*ENVELOPE.names, *(name for name in rows.schema.names if name not in ENVELOPE.names)]
    data = {name: columns[name] if name in columns else rows[name] for name in names}
    fields = [ENVELOPE.field(name) if name in ENVELOPE.names else rows.schema.field(name) for name in names]
    return pa.table(data, schema=pa.schema(fields))


def random_ids(count: int) -> pa.Array:
    """Random 16-byte ids."""
    return pa.Array.from_buffers(EVENT_ID, count, [None, pa.py_buffer(os.urandom(16 * count))])


def _salts(customers: pa.StringArray) -> pa.Array:
    """One random salt a customer, and one for the rows without; erasing a row takes its salt with it."""
    encoded = customers.dictionary_encode()
    salts = random_ids(len(encoded.dictionary) + 1)
    return salts.take(pc.fill_null(encoded.indices, pa.scalar(len(encoded.dictionary), encoded.indices.type)))


def _all_differ(ids: pa.Array) -> bool:
    """Whether no two are equal, as far as their first eight bytes tell: False may be wrong, True is not."""
    halves = np.sort(np.frombuffer(ids.buffers()[1], np.uint64)[2 * ids.offset : 2 * (ids.offset + len(ids)) : 2])
    return not bool((halves[1:] == halves[:-1]).any())


def _first_of_each(ids: pa.Array) -> pa.Array:
    """Indices of the first row of each id."""
    table = pa.table({"id": ids, "row": pa.array(range(len(ids)), pa.int64())})
    return table.group_by("id").aggregate([("row", "min")])["row_min"].combine_chunks()


def _id_and_content(rows: pa.Table) -> pa.Table:
    return pa.table({"event_id": rows["event_id"], "content": contents(rows) if len(rows) else pa.array([], pa.binary())})
