"""Digests that prove what the log said: canonical bytes of a row, its SHA-256, the chain over commits.

The canonical bytes of a row come from its file's own schema: fields sorted by name, `name=value`, NULL left out, so that a
field or a plugin column added later changes no old digest. Text is a netstring (`byte length:text`), numbers and times
(epoch, µs or days) end in `;`, a struct is `{…}`, a list `[…]` and a map `<…>` in stored (key) order, both with
`~` for a NULL item or value.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

BLOCK_ROWS: Final = 1024
"""Rows whose digests are hashed together before they enter the chain; part of the file format."""

SLICE_ROWS: Final = 65_536
"""Rows turned into text at once, which bounds memory."""

_SLICES_AT_ONCE: Final = 2

_NOTHING: Final = pa.scalar(b"", pa.binary())
_TILDE: Final = pa.scalar(b"~", pa.binary())
_NULL: Final = pa.scalar(None, pa.binary())

_Part: TypeAlias = pa.BinaryArray | bytes
"""A piece of text of each value, or one that is the same for all."""

GENESIS: Final = bytes(32)
"""What the first commit's chain digest builds on."""


def canonical(array: pa.Array) -> pa.BinaryArray:
    """Canonical bytes of each value; NULL where the value is NULL."""
    parts = _parts(array)
    return _join(*parts, length=len(array))


def _parts(array: pa.Array) -> list[_Part]:
    """What the canonical bytes of each value are joined of, NULL where the value is NULL.

    The parts of nested values stand in one list with those around them, and are put together once.
    """
    kind = array.type
    if pa.types.is_struct(kind):
        return _struct_parts(array)
    if pa.types.is_map(kind):
        pairs = array.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
        keys, values = pc.list_flatten(pairs).flatten()
        items = _join(*_parts(keys), pc.fill_null(canonical(values), _TILDE), length=len(keys))
        return [b"<", _rejoin(pairs, items), b">"]
    if pa.types.is_list(kind):
        items = pc.fill_null(canonical(pc.list_flatten(array)), _TILDE)
        return [b"[", _rejoin(array, items), b"]"]
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        data = array.cast(pa.binary())
        return [_digits(pc.binary_length(data)), b":", data]
    return [_digits(array), b";"]


def canonical_rows(rows: pa.Table) -> list[bytes]:
    """Canonical bytes of each event, in the order given. A row has data in the column of its type and nowhere else."""
    texts: list[bytes] = []
    for batch in rows.to_batches(max_chunksize=SLICE_ROWS):
        texts += _batch_texts(batch)
    return texts


def row_digests(rows: pa.Table) -> list[bytes]:
    """SHA-256 of salt and canonical bytes of each row, in the order given. `salt` itself is no part of the text."""
    batches = rows.to_batches(max_chunksize=SLICE_ROWS)
    if len(batches) == 1:
        return _batch_digests(batches[0])
    # The texts of a slice are gone when its digests are there; Arrow puts those of two slices together at once.
    with ThreadPoolExecutor(max_workers=_SLICES_AT_ONCE) as pool:
        return list(itertools.chain.from_iterable(pool.map(_batch_digests, batches)))


def _batch_digests(batch: pa.RecordBatch) -> list[bytes]:
    texts = _batch_texts(batch.drop_columns("salt"))
    salts = batch.column("salt").to_pylist()
    return [sha256((salt or b"") + text).digest() for salt, text in zip(salts, texts, strict=True)]


def contents(rows: pa.Table) -> pa.Array:
    """Canonical bytes of what an event says: not who it was resolved to, nor when and in which batch it was recorded."""
    left_out = {"position", "event_id", "customer_id", "recorded_at", "batch", "salt"}
    said = rows.select([name for name in rows.schema.names if name not in left_out])
    return pa.array(canonical_rows(said), pa.binary())


def _batch_texts(batch: pa.RecordBatch) -> list[bytes]:
    """Type by type, so that a row costs its own type's fields and not those of all types."""
    kinds = batch.column("type").dictionary_encode()
    structs = [name for name in batch.schema.names if pa.types.is_struct(batch.schema.field(name).type)]
    shared = [name for name in batch.schema.names if name not in structs]
    if len(kinds.dictionary) == 1:
        return _of_one_type(batch.select([*shared, *({kinds.dictionary[0].as_py()} & set(structs))]))
    texts: list[bytes] = [b""] * len(batch)
    for code, kind in enumerate(kinds.dictionary.to_pylist()):
        places = pc.indices_nonzero(pc.equal(kinds.indices, pa.scalar(code, kinds.indices.type)))
        names = [*shared, kind] if kind in structs else shared
        part = batch.select(names).take(places)
        for place, text in zip(places.to_pylist(), _of_one_type(part), strict=True):
            texts[place] = text
    return texts


def _of_one_type(batch: pa.RecordBatch) -> list[bytes]:
    texts: list[bytes] = canonical(batch.to_struct_array()).to_pylist()
    return texts


def chain(previous: bytes, digests: Sequence[bytes]) -> bytes:
    """The digest of a commit: over the commit before and its own rows' digests in position order, by blocks."""
    blocks = (b"".join(digests[start : start + BLOCK_ROWS]) for start in range(0, len(digests), BLOCK_ROWS))
    return sha256(previous + b"".join(sha256(block).digest() for block in blocks)).digest()


def _struct_parts(array: pa.StructArray) -> list[_Part]:
    children = dict(zip((field.name for field in array.type), array.flatten(), strict=True))
    parts: list[_Part] = [b"{"]
    for name in sorted(children):
        child = children[name]
        if child.null_count < len(array):
            said = [name.encode() + b"=", *_parts(child)]
            parts += [pc.fill_null(_join(*said, length=len(array)), _NOTHING)] if child.null_count else said
    parts.append(b"}")
    if not array.null_count:
        return parts
    return [pc.if_else(pc.is_valid(array), _join(*parts, length=len(array)), _NULL)]


def _digits(array: pa.Array) -> pa.BinaryArray:
    kind = array.type
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.int64())
    elif pa.types.is_date32(kind):
        array = array.cast(pa.int32())
    return array.cast(pa.string()).cast(pa.binary())


def _rejoin(lists: pa.ListArray, items: pa.BinaryArray) -> pa.BinaryArray:
    """Join `items` (one for each flattened value) back to one text a list."""
    lengths = pc.fill_null(pc.list_value_length(lists), pa.scalar(0, pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, items), _NOTHING)
    return pc.if_else(pc.is_valid(lists), joined, _NULL) if lists.null_count else joined


def _join(*parts: _Part, length: int) -> pa.BinaryArray:
    """The parts one after the other, each as long as `length` or the same for all; NULL where one of them is NULL."""
    together: list[_Part] = []
    for part in parts:
        before = together[-1] if together else None
        if isinstance(part, bytes) and isinstance(before, bytes):
            together[-1] = before + part
        else:
            together.append(part)
    if len(together) == 1:
        return pa.repeat(pa.scalar(together[0], pa.binary()), length) if isinstance(together[0], bytes) else together[0]
    said = (pa.scalar(part, pa.binary()) if isinstance(part, bytes) else part for part in together)
    return pc.binary_join_element_wise(*said, _NOTHING)
