"""Parquet files as columns of text: typed values are written as a spreadsheet would show them."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clientbook.i18n import _
from clientbook.importing.decode import MOST_BYTES, GivenFile, UnreadableFile


def parquet_columns(file: GivenFile) -> tuple[list[str], list[pa.Array]]:
    """The names of the columns, and their cells.

    Raises:
        UnreadableFile: it is damaged, too big, or a column holds lists or records.
    """
    try:
        opened = pq.ParquetFile(io.BytesIO(file.data))
        sizes = (opened.metadata.row_group(place).total_byte_size for place in range(opened.num_row_groups))
        if sum(sizes) > MOST_BYTES:
            raise UnreadableFile(_("{file}: unpacked it is more than this program takes").format(file=file.name))
        table = opened.read().combine_chunks()
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(_("{file}: this is no readable Parquet file; write it again").format(file=file.name)) from None
    for name, column in zip(table.schema.names, table.columns, strict=True):
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            said = _("{file}: column {name!r} holds {type}, which is no cell; leave it out or write it as text")
            raise UnreadableFile(said.format(file=file.name, name=name, type=column.type))
    return list(table.schema.names), [_as_text(column) for column in table.columns]


def _as_text(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
    if pa.types.is_timestamp(kind):
        values = pc.cast(values, pa.timestamp("s", tz=kind.tz), safe=False)
    return values.cast(pa.string())
