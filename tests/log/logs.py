"""Small logs that tests of the proof share: many customers, some rows without one, types that nobody registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clientbook.events.arrow import ENVELOPE, EVENT_ID
from clientbook.log import files, generations, marks
from clientbook.log.digest import chain, row_digests
from clientbook.log.parquet import ParquetLog, read_footer, read_marks
from clientbook.testing.log_contract import put
from clientbook.testing.rows import Row, event_id, log_rows, tag

PEOPLE = ("dora", "anna", None, "carl", "bert")


def order(name: str, customer_id: str | None, *, lines: int = 1) -> Row:
    said = {"order_id": name, "total": "9.90", "currency": "EUR", "lines": [{"sku": f"s{one}"} for one in range(lines)]}
    return Row(type="order_placed", data=said, id=event_id(f"o {name}"), customer_id=customer_id)


def mixed(start: int, count: int) -> list[Row]:
    """Rows of three types, of five people in turn (one of them nobody)."""
    made = []
    for number in range(start, start + count):
        who = PEOPLE[number % len(PEOPLE)]
        if number % 3 == 0:
            made.append(order(str(number), who, lines=number % 4))
        elif number % 7 == 1:
            interests = {"given_name": f"n{number}", "interests": ["a"] * (number % 3), "attributes": {"k": str(number)}}
            made.append(Row(type="profile_updated", data=interests, id=event_id(f"p{number}"), customer_id=who))
        else:
            made.append(tag(f"t{number}", customer_id=who))
    return made


def grown(log: ParquetLog, sizes: list[int], *, start: int = 0) -> ParquetLog:
    """Append commits of so many rows each."""
    for size in sizes:
        log.append(log_rows(mixed(start, size)))
        start += size
    return log


def foreign(count: int, *, start: int = 0, extra: bool = False) -> pa.Table:
    """Rows of a type that no registry knows, with a list of structs; `extra` has one nested field more."""
    steps: list[dict[str, Any]] = [{"at": 1, "why": "x"} if extra else {"at": 1}, {"at": None}]
    line = pa.struct([("at", pa.int64()), *([("why", pa.string())] if extra else [])])
    kind = pa.struct([("points", pa.int64()), ("steps", pa.list_(line)), ("tags", pa.map_(pa.string(), pa.string()))])
    data = [{"points": start + one, "steps": steps, "tags": [("k", "v")]} for one in range(count)]
    rows = log_rows([Row(id=event_id(f"f{start + one}"), customer_id=PEOPLE[one % 5]) for one in range(count)])
    rows = put(rows.drop_columns(["tag_added"]), "type", pa.array(["acme.loyalty_changed"] * count))
    return rows.append_column("acme.loyalty_changed", pa.array(data, kind))


def widened(count: int, *, start: int = 0) -> pa.Table:
    """Orders whose lines have a field that a later version added."""
    rows = log_rows([order(f"w{start + one}", PEOPLE[one % 5], lines=2) for one in range(count)])
    old = rows.schema.field("order_placed").type
    line = pa.struct([*old.field("lines").type.value_type, pa.field("colour", pa.string())])
    kind = pa.struct([pa.field(one.name, pa.list_(line) if one.name == "lines" else one.type) for one in old])
    said = [row | {"lines": [one | {"colour": "red"} for one in row["lines"]]} for row in rows["order_placed"].to_pylist()]
    return put(rows, "order_placed", pa.array(said, kind))


def pruned(value: Any) -> Any:
    """A value without what is NULL in it: two schemas of the same fact look the same."""
    if isinstance(value, dict):
        return {name: pruned(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [pruned(one) for one in value]
    return value


def rows_of(log: ParquetLog, **bounds: Any) -> list[dict[str, Any]]:
    return [pruned(row) for batch in log.read(**bounds) for row in batch.to_pylist()]


def digests(log: ParquetLog) -> dict[int, bytes]:
    """The digest of each row, computed from the file it stands in."""
    found: dict[int, bytes] = {}
    for path in log.files():
        table = pq.read_table(path)
        found |= dict(zip(table["position"].to_pylist(), row_digests(table), strict=True))
    return found


def state(folder: Path) -> dict[str, Any]:
    """Every file and link below a folder, with what is in it."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and not path.name.endswith("lock"):
            found[name] = sha256(path.read_bytes()).hexdigest()
    return found


def copied(log: ParquetLog, folder: Path) -> ParquetLog:
    """The log once more, file by file."""
    import shutil

    shutil.copytree(log.folder, folder / "log", symlinks=True)
    return ParquetLog(folder / "log")


def rewritten(path: Path, change: Callable[[pa.Table, dict[str, str]], tuple[pa.Table, dict[str, str]]]) -> None:
    """Write a file of the log anew with other rows or marks and a digest of its own that is right."""
    table, footer = pq.read_table(path), read_footer(path)
    told = {name: text for name, text in footer.items() if name.startswith("clientbook.") and "file_sha256" not in name}
    table, told = change(table, told)
    group = pq.read_metadata(path).row_group(0).num_rows if pq.read_metadata(path).num_row_groups else 1
    temporary = path.with_suffix(".new")
    with files.parquet_file(temporary, table.schema) as writer:
        writer.write_table(table, row_group_size=max(group, 1))
        writer.add_key_value_metadata(told)
    temporary.replace(path)


def rechained(path: Path, table: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """Rows for a commit file, with marks that fit them and the commit before."""
    before = read_marks(path)
    rows = table.sort_by("position")
    positions = rows["position"].to_pylist()
    head = generations_head(before, positions[-1], chain(before.previous_digest, row_digests(rows)))
    told = marks.FileMarks(
        first_commit=before.first_commit,
        first_position=positions[0],
        previous_digest=before.previous_digest,
        head=head,
    )
    return rows, told.footer(files.FORMAT)


def generations_head(before: marks.FileMarks, position: int, digest: bytes) -> Any:
    from dataclasses import replace

    return replace(before.head, position=position, digest=digest)


@contextmanager
def small_parts(monkeypatch: Any, *, group: int = 7, part: int = 20, run_bytes: int = 1) -> Iterator[None]:
    """Files, row groups and runs so small that a few rows fill several of each."""
    from clientbook.log import parquet, sealing, sorting

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "ROW_GROUP_ROWS", group)
        patch.setattr(sealing, "PART_ROWS", part)
        patch.setattr(sealing, "READ_ROWS", 5)
        patch.setattr(parquet, "READ_ROWS", 5)
        patch.setattr(sorting, "_RUN_BYTES", run_bytes)
        patch.setattr(sorting, "_RUNS_AT_ONCE", 3)
        patch.setattr(sorting, "_PIECE_BYTES", 400)
        yield


def sealed_files(log: ParquetLog) -> list[Path]:
    return [path for path in log.files() if path.name.startswith("sealed-")]


__all__ = ["ENVELOPE", "EVENT_ID", "generations"]
