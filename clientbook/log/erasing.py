"""Erasure: the files that hold a person's rows are written anew without them, and the old ones are deleted at once.

The rows' digests stay in the ledger, so that the chain can still be checked. An entry of the ledger is enough to do it:
after a crash, or on an older backup that was put back, `carry_out` brings the log to the same end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clientbook.events.remains import kept_sale, stripped
from clientbook.i18n import _
from clientbook.log.base import DamagedLog, Writer
from clientbook.log.digest import row_digests
from clientbook.log.files import exclusive, is_sound, own_digest, parquet_file, sync, temporary_in
from clientbook.log.generations import make_current, numbered_folders
from clientbook.log.ledger import Entry, ErasedRow, Fate, key_digest
from clientbook.log.parquet import ParquetLog, read_footer
from clientbook.log.sorting import fitted, together

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Purges:
    """What else forgets the person."""

    before: Callable[[Rows], None]
    """Called with the rows while they are still in the log; it may be called again after a crash."""
    after: Callable[[], None]
    """Called when they are gone."""


@contextmanager
def held(log: ParquetLog) -> Iterator[Writer]:
    """Keep everybody else from sealing, copying and appending."""
    with exclusive(log.folder / "maintenance.lock"), log.writer() as writer:
        yield writer


def plan_entry(log: ParquetLog, fates: Mapping[int, Fate], *, ground: str, timezone: str) -> Entry:
    """The ledger entry for these rows. The log must be `held`; nothing is changed."""
    files = _holding(log, fates)
    found = _found(files, fates)
    after = _remains(found, fates, timezone)
    number, previous = log.ledger.next()
    head = log.head()
    return Entry(
        number=number,
        erased_at=log.now(),
        ground=ground,
        timezone=timezone,
        position=head.position,
        digest=head.digest.hex(),
        files=[(path.name, own_digest(path)) for path in files],
        rows=[
            ErasedRow(
                position=position,
                action=fates[position].action,
                old=digest.hex(),
                new=_digest(after[position], schema),
                order=fates[position].order,
            )
            for position, (digest, _row, schema) in sorted(found.items())
        ],
        previous=previous,
        key_sha256=key_digest(log.folder),
    )


def carry_out(log: ParquetLog, entry: Entry, purges: Purges) -> int:
    """Do what an entry says, as far as it is not done; returns how many rows were still there. The log must be `held`.

    A row whose digest is not the entry's is another one: it stays. `Ledger.finish` is for the caller.
    """
    fates = {row.position: Fate(action=row.action, order=row.order) for row in entry.rows}
    wanted = {row.position: bytes.fromhex(row.old) for row in entry.rows}
    files = _holding(log, fates)
    found = {position: one for position, one in _found(files, fates).items() if one[0] == wanted[position]}
    if found:
        purges.before(_own(found, fates))
        _rewrite(log, files, found, _remains(found, fates, entry.timezone), entry.number)
    _delete_old(log)
    purges.after()
    return len(found)


_Found = dict[int, tuple[bytes, dict[str, Any], pa.Schema]]
"""By position: digest, row, and the schema of its file."""


def _own(found: _Found, fates: Mapping[int, Fate]) -> list[dict[str, Any]]:
    """The rows of the person, not those of others that name the person."""
    return [row for position, (_digest, row, _schema) in found.items() if fates[position].action != "stripped"]


def _holding(log: ParquetLog, positions: Mapping[int, Fate]) -> list[Path]:
    """The files that have one of these rows.

    Raises:
        DamagedLog: one that may have them is not what was written.
    """
    if not positions:
        return []
    wanted = pa.array(sorted(positions), pa.int64())
    files = []
    for segment in log.segments():
        footer = read_footer(segment.files[0])
        first, last = int(footer["clientbook.first_position"]), int(footer["clientbook.last_position"])
        if pc.any(pc.and_(pc.greater_equal(wanted, first), pc.less_equal(wanted, last))).as_py():
            for path in segment.files:
                if not is_sound(path):
                    raise DamagedLog(_("{file} is damaged: `clientbook verify` says more").format(file=path))
            files += [path for path in segment.files if _has(path, wanted)]
    return files


def _has(path: Path, wanted: pa.Array) -> bool:
    found: bool = pc.any(
        pc.is_in(pq.read_table(path, columns=["position"])["position"], value_set=wanted), min_count=0
    ).as_py()
    return found


def _found(files: Sequence[Path], fates: Mapping[int, Fate]) -> _Found:
    wanted = pa.array(sorted(fates), pa.int64())
    found: _Found = {}
    for path in files:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                here = pc.is_in(file.read_row_group(group, columns=["position"])["position"], value_set=wanted)
                if pc.any(here, min_count=0).as_py():
                    rows = file.read_row_group(group).filter(here)
                    for digest, row in zip(row_digests(rows), rows.to_pylist(), strict=True):
                        found[row["position"]] = (digest, row, rows.schema)
    return found


def _remains(found: _Found, fates: Mapping[int, Fate], timezone: str) -> dict[int, dict[str, Any] | None]:
    """What is left of each row."""
    ids = {row["customer_id"] for row in _own(found, fates) if row["customer_id"]}
    remains: dict[int, dict[str, Any] | None] = {}
    for position, (digest, row, _schema) in found.items():
        fate = fates[position]
        if fate.action == "kept":
            remains[position] = kept_sale(row, fate.order, timezone, digest)
        else:
            remains[position] = stripped(row, ids, fate.order, digest) if fate.action == "stripped" else None
    return remains


def _digest(row: dict[str, Any] | None, schema: pa.Schema) -> str | None:
    return row_digests(pa.Table.from_pylist([row], schema=schema))[0].hex() if row else None


def _rewrite(
    log: ParquetLog, files: Sequence[Path], found: _Found, remains: Mapping[int, dict[str, Any] | None], number: int
) -> None:
    """Put generations without the rows in the place of the present one."""
    with ExitStack() as stack:
        live = {path.name: path for path in log.files()}
        for path in files:
            written = temporary_in(log.folder / "tmp")
            stack.callback(written.unlink, missing_ok=True)
            if _write_without(path, written, found, remains, number):
                sync(written)
                live[path.name] = written
        make_current(log.folder, log.generation(), live)


def _write_without(
    path: Path, written: Path, found: _Found, remains: Mapping[int, dict[str, Any] | None], number: int
) -> bool:
    gone = pa.array(sorted(found), pa.int64())
    changed = False
    with pq.ParquetFile(path) as file, parquet_file(written, file.schema_arrow) as writer:
        schema = file.schema_arrow
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group)
            here = pc.is_in(rows["position"], value_set=gone)
            if pc.any(here, min_count=0).as_py():
                changed = True
                left = [remains[position] for position in rows["position"].filter(here).to_pylist()]
                new = pa.Table.from_pylist([row for row in left if row], schema=schema)
                in_order = rows["position"].equals(rows["position"].take(pc.sort_indices(rows["position"])))
                rows = fitted(together([rows.filter(pc.invert(here)), new]), schema)
                rows = rows.sort_by("position") if in_order else rows
            writer.write_table(rows, row_group_size=max(len(rows), 1))
        marks = {name: text for name, text in read_footer(path).items() if name.startswith("clientbook.")}
        marks.pop("clientbook.file_sha256")
        before = marks.get("clientbook.erasures")
        marks["clientbook.erasures"] = f"{before} {number}" if before else str(number)
        writer.add_key_value_metadata(marks)
    return changed


def _delete_old(log: ParquetLog) -> None:
    """Delete what still has the rows: generations before this one, and whatever was being written."""
    current = log.generation()
    for folder in numbered_folders(log.folder / "generations"):
        if folder.resolve() != current:
            shutil.rmtree(folder)
    for path in (log.folder / "tmp").iterdir():
        path.unlink(missing_ok=True)  # a reader may have been quicker to take its own away
    sync(log.folder / "tmp")
    sync(log.folder / "generations")
