"""Put any number of rows in order without holding them: sorted runs on disk, merged by boundaries.

Rows of a log are wide and nearly empty, a struct column a type of event. So the envelope and each type's structs are sorted
as tables of their own, all by the same key, and are put side by side again a slice at a time.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.events.arrow import ENVELOPE

BY_CUSTOMER: Final = ("customer_id", "position")
"""Events of one customer together, those without one last."""
BY_POSITION: Final = ("position",)

_RUN_BYTES: Final = 48 << 20
"""Size of a run in memory. Sorting holds it twice."""
_PIECE_BYTES: Final = 1 << 19
"""Size of what is read of a run at once; merging holds one such piece of each run."""
_RUNS_AT_ONCE: Final = 64
_KEY: Final = ("customer_id", "position")


def in_order(batches: Iterable[pa.RecordBatch], order: Sequence[str], folder: Path, *, rows: int) -> Iterator[pa.Table]:
    """The rows sorted by `order`, `rows` at a time. Temporary files go to `folder` and are deleted.

    Each slice has the columns that it needs and, of the struct columns of all `batches` together, no others.
    """
    with ExitStack() as stack:
        runs = _Runs(folder, order, stack)
        for batch in batches:
            runs.add(batch)
        runs.finish()
        yield from _side_by_side(runs, rows)


class _Runs:
    """Sorted runs of the envelope (under the name "") and of each type's structs."""

    def __init__(self, folder: Path, order: Sequence[str], stack: ExitStack) -> None:
        self.order = order
        self._folder = folder
        self._stack = stack
        self._waiting: dict[str, list[pa.Table]] = {}
        self._bytes = 0
        self._files: dict[str, list[Path]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        names = [name for name in batch.schema.names if name in ENVELOPE.names]
        self._keep("", pa.table(batch.select(names)))
        for name in batch.schema.names:
            if name in ENVELOPE.names or batch[name].null_count == len(batch):
                continue
            own = batch.select([*_KEY, name]).filter(pc.is_valid(batch[name]))
            self._keep(name, pa.table(own))
        if self._bytes > _RUN_BYTES:
            self._write()

    def finish(self) -> None:
        self._write()
        for name, files in self._files.items():
            while len(files) > 1:  # many runs of one type are merged to one, so that few files are open at a time
                some, files = files[:_RUNS_AT_ONCE], files[_RUNS_AT_ONCE:]
                merged = self._new_file()
                _write_stream(merged, _merged([_stream(path) for path in some], self.order))
                for path in some:
                    path.unlink()
                files.append(merged)
            self._files[name] = files

    def types(self) -> list[str]:
        """The struct columns that have a value."""
        return sorted(name for name in self._files if name)

    def stream(self, name: str) -> Iterator[pa.Table]:
        (path,) = self._files.get(name) or (None,)
        return _stream(path) if path else iter(())

    def _keep(self, name: str, table: pa.Table) -> None:
        self._waiting.setdefault(name, []).append(table)
        self._bytes += table.nbytes

    def _write(self) -> None:
        for name, tables in self._waiting.items():
            path = self._new_file()
            _write_stream(path, [_sorted(together(tables), self.order)])
            self._files.setdefault(name, []).append(path)
        self._waiting, self._bytes = {}, 0

    def _new_file(self) -> Path:
        path = self._folder / f"sort-{secrets.token_hex(8)}.tmp"
        self._stack.callback(path.unlink, missing_ok=True)
        return path


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one below the other; a column or a nested field that one lacks is NULL there.

    Raises:
        pa.ArrowTypeError: two of them give a field different types.
    """
    schema = pa.unify_schemas([table.schema for table in tables])
    return pa.concat_tables([fitted(table, schema) for table in tables])


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the schema's columns and nested fields, NULL where it lacks one."""
    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(pa.nulls(len(table), field.type))
        elif table.schema.field(field.name).type == field.type:
            columns.append(table[field.name])
        else:
            columns.append(table[field.name].cast(field.type))
    return pa.table(columns, schema=schema)


def _side_by_side(runs: _Runs, rows: int) -> Iterator[pa.Table]:
    structs = {name: _Reel(runs.stream(name)) for name in runs.types()}
    envelopes = _Reel(runs.stream(""))
    while len(envelope := envelopes.take(rows)):
        kinds = envelope["type"]
        columns = {name: envelope[name] for name in envelope.schema.names}
        for name in runs.types():
            own = pc.equal(kinds, pa.scalar(name, pa.string()))
            count = pc.sum(own, min_count=0).as_py()
            if count:
                values = structs[name].take(count)[name].combine_chunks()
                place = pc.subtract(pc.cumulative_sum(own.combine_chunks().cast(pa.int64())), 1)
                columns[name] = values.take(pc.if_else(own.combine_chunks(), place, pa.scalar(None, pa.int64())))
        yield pa.table(columns)


class _Reel:
    """A stream of tables, unwound by as many rows as are asked for."""

    def __init__(self, tables: Iterator[pa.Table]) -> None:
        self._tables = tables
        self._left: pa.Table | None = None

    def take(self, rows: int) -> pa.Table:
        got: list[pa.Table] = []
        while rows:
            if self._left is None or not len(self._left):
                self._left = next(self._tables, None)
                if self._left is None:
                    break
            part = self._left.slice(0, rows)
            self._left = self._left.slice(len(part))
            rows -= len(part)
            got.append(part)
        return together(got).combine_chunks() if got else ENVELOPE.empty_table()


def _merged(streams: Sequence[Iterator[pa.Table]], order: Sequence[str]) -> Iterator[pa.Table]:
    """One sorted stream of several: all rows up to the nearest end of a run's present table can be given out."""
    firsts = ((number, next(stream, None)) for number, stream in enumerate(streams))
    waiting = {number: table for number, table in firsts if table is not None}
    while waiting:
        ends = together([table.slice(len(table) - 1).select(list(order)) for table in waiting.values()])
        end = _sorted(ends, order).slice(0, 1).to_pylist()[0]
        ready = []
        for number, table in list(waiting.items()):
            count = pc.sum(_up_to(table, order, end), min_count=0).as_py()
            ready.append(table.slice(0, count))
            waiting[number] = table.slice(count)
            if count == len(table):
                after = next(streams[number], None)
                if after is None:
                    del waiting[number]
                else:
                    waiting[number] = after
        yield _sorted(together([table for table in ready if len(table)]), order)


def _up_to(table: pa.Table, order: Sequence[str], end: dict[str, Any]) -> pa.ChunkedArray:
    """Which rows sort no later than `end`, NULL being the last of its column."""
    name, rest = order[0], order[1:]
    value, column = end[name], table[name]
    if value is None:
        before, same = pc.is_valid(column), pc.is_null(column)
    else:
        scalar = pa.scalar(value, column.type)
        before = pc.fill_null(pc.less(column, scalar), False)
        same = pc.fill_null(pc.equal(column, scalar), False)
    return pc.or_(before, pc.and_(same, _up_to(table, rest, end)) if rest else same)


def _sorted(table: pa.Table, order: Sequence[str]) -> pa.Table:
    keys = [(name, "ascending", "at_end") for name in order]
    return table.take(pc.sort_indices(table, sort_keys=keys)).combine_chunks()


def _write_stream(path: Path, tables: Iterable[pa.Table]) -> None:
    """Tables that may widen as they go: where the schema changes, another stream begins in the same file."""
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with open(path, "xb") as sink, ExitStack() as stack:
        path.chmod(0o600)
        writer, schema = None, None
        for table in tables:
            if writer is None or table.schema != schema:
                stack.close()
                writer, schema = stack.enter_context(pa.ipc.new_stream(sink, table.schema, options=options)), table.schema
            writer.write_table(table, max_chunksize=max(1, len(table) * _PIECE_BYTES // max(table.nbytes, _PIECE_BYTES)))


def _stream(path: Path) -> Iterator[pa.Table]:
    with pa.OSFile(str(path)) as source:
        size = source.size()
        while source.tell() < size:
            with pa.ipc.open_stream(source) as reader:
                for batch in reader:
                    yield pa.table(batch)
