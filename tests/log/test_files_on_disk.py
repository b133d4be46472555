"""What the Parquet log leaves on disk: whole files, private ones, that prove themselves and that others can read."""

from __future__ import annotations

import fcntl
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import clientbook
from clientbook.log.base import LogError, UnknownFormat
from clientbook.log.digest import GENESIS, chain, row_digests
from clientbook.log.files import FORMAT, HASH_KEY, ORPHAN_SECONDS, file_digest, hash_place
from clientbook.log.parquet import ParquetLog
from clientbook.testing.log_contract import read, tags
from clientbook.testing.rows import Row, log_rows, tag

PERSONAL_ROWS = [
    Row(
        type="profile_updated",
        data={"given_name": "Anna", "email": "anna@example.com", "address": {"city": "Lyon"}, "children": 2},
    ),
    Row(type="note_added", data={"text": "has a dog"}, actor="Bert"),
    Row(
        type="order_placed",
        data={"order_id": "1", "total": "3.50", "currency": "EUR", "lines": [{"sku": "x", "quantity": 1}]},
    ),
]


@pytest.fixture
def log(tmp_path: Path) -> ParquetLog:
    return ParquetLog.create(tmp_path / "log")


def commits(log: ParquetLog) -> list[Path]:
    return sorted((log.folder / "current").resolve().glob("*.parquet"))


def proves_itself(path: Path) -> bool:
    """Whether the digest in a file's footer is the one of its bytes."""
    fd = os.open(path, os.O_RDONLY)
    try:
        place = hash_place(fd)
        return os.pread(fd, 64, place) == file_digest(fd, place).encode()
    except ValueError:
        return False
    finally:
        os.close(fd)


def assert_whole(log: ParquetLog) -> None:
    """Dense positions, one chain over all commits, every file as it was written."""
    assert [row["position"] for row in read(log)] == list(range(1, log.head().position + 1))
    digest = GENESIS
    for number, path in enumerate(commits(log), 1):
        assert path.name == f"commit-{number:020}.parquet"
        assert proves_itself(path)
        digest = chain(digest, row_digests(pq.read_table(path)))
    assert digest == log.head().digest


# Several writers.

WRITER = """
import sys
from pathlib import Path
from clientbook.log.parquet import ParquetLog
from clientbook.testing.rows import log_rows, tag
log, name, count = ParquetLog(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for number in range(count):
    done = log.append(log_rows([tag(f"{name}-{number}-a"), tag(f"{name}-{number}-b")]))
    print(done.first_position, f"{name}-{number}", flush=True)
"""


def writer(log: ParquetLog, name: str, count: int) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(clientbook.__file__).parent.parent)}
    command = [sys.executable, "-c", WRITER, str(log.folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def acknowledged(output: str) -> dict[int, str]:
    """What the writer was told is in the log, by position; a line that was cut off by the kill says nothing."""
    lines = (line.split() for line in output.splitlines(keepends=True) if line.endswith("\n"))
    return {int(words[0]): words[1] for words in lines if words[0] != "ready"}


def test_processes_that_append_at_once_lose_and_repeat_nothing(log: ParquetLog):
    processes = [writer(log, name, 25) for name in "abcd"]
    told: dict[int, str] = {}
    for process in processes:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        mine = acknowledged(output)
        assert len(mine) == 25
        assert not told.keys() & mine.keys()
        told |= mine
    rows = {row["position"]: row["tag_added"]["tag"] for row in read(log)}
    assert sorted(rows) == list(range(1, 201))
    for position, name in told.items():
        assert (rows[position], rows[position + 1]) == (f"{name}-a", f"{name}-b")
    assert_whole(log)


FAULTS = [("fsync", 0), ("fsync", 1), ("link", 0), ("unlink", 0), ("pwrite", 0)]


@pytest.mark.parametrize(("name", "call"), FAULTS)
def test_an_append_that_fails_at_any_step_is_there_whole_or_not_at_all(
    log: ParquetLog, monkeypatch: pytest.MonkeyPatch, name: str, call: int
):
    log.append(log_rows([tag("a")]))
    true, calls = getattr(os, name), 0

    def failing(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call + 1:
            raise OSError(28, "No space left on device")
        return true(*args, **named)

    monkeypatch.setattr(os, name, failing)
    with pytest.raises(OSError, match="No space left"):
        log.append(log_rows([tag("b"), tag("c")]))
    monkeypatch.undo()
    for one in (log, ParquetLog(log.folder)):
        assert tags(one) in (["a"], ["a", "b", "c"])
        assert one.head().position == len(tags(one))
    log.append(log_rows([tag("b"), tag("c"), tag("d")]))
    assert tags(log) == ["a", "b", "c", "d"]
    assert_whole(log)


@pytest.mark.skipif(hasattr(fcntl, "F_FULLFSYNC"), reason="macOS makes files durable by fcntl")
def test_an_append_is_durable_before_it_is_visible_and_visible_before_it_is_acknowledged(
    log: ParquetLog, monkeypatch: pytest.MonkeyPatch
):
    done: list[tuple[str, Any]] = []

    def recording(name: str, note: Callable[..., Any]) -> None:
        true = getattr(os, name)

        def record(*args: Any, **named: Any) -> Any:
            subject = note(*args)
            result = true(*args, **named)
            done.append((name, subject))
            return result

        monkeypatch.setattr(os, name, record)

    recording("pwrite", lambda fd, *_: os.fstat(fd).st_ino)
    recording("fsync", lambda fd: os.fstat(fd).st_ino)
    recording("link", lambda source, target, **_: Path(target).name)
    log.append(log_rows([tag("a")]))
    done.append(("acknowledge", None))
    monkeypatch.undo()
    (commit,) = commits(log)
    assert done == [
        ("pwrite", commit.stat().st_ino),
        ("fsync", commit.stat().st_ino),
        ("link", commit.name),
        ("fsync", commit.parent.stat().st_ino),
        ("acknowledge", None),
    ]


@pytest.mark.skipif(hasattr(fcntl, "F_FULLFSYNC"), reason="macOS makes files durable by fcntl")
def test_a_new_log_is_durable_with_all_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced: set[int] = set()
    true = os.fsync

    def record(fd: int) -> None:
        true(fd)
        synced.add(os.fstat(fd).st_ino)

    monkeypatch.setattr(os, "fsync", record)
    log = ParquetLog.create(tmp_path / "log")
    assert {path.stat().st_ino for path in (log.folder, log.folder / "generations", log.folder / "FORMAT.json")} <= synced
    assert tmp_path.stat().st_ino in synced


# Files.


def test_only_the_owner_can_read_the_log(tmp_path: Path):
    before = os.umask(0)
    try:
        log = ParquetLog.create(tmp_path / "log")
        log.append(log_rows(PERSONAL_ROWS))
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in [log.folder, *log.folder.rglob("*")]}
    assert {path.name: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}
    assert sum(path.suffix == ".parquet" for path in modes) == 1


def test_any_byte_that_changes_is_found(log: ParquetLog):
    log.append(log_rows(PERSONAL_ROWS))
    (path,) = commits(log)
    assert proves_itself(path)
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    place = data.index(HASH_KEY)
    chance = random.Random(1)
    offsets = {
        *chance.sample(range(footer), 80),
        *chance.sample(range(footer, len(data)), 100),
        *range(place - 4, place + len(HASH_KEY) + 70, 4),
        *range(len(data) - 9, len(data)),
        *range(5),
    }
    copy = path.with_name("copy")
    for offset in sorted(offsets):
        changed = bytearray(data)
        changed[offset] ^= 1 << chance.randrange(8)
        copy.write_bytes(changed)
        assert not proves_itself(copy), offset
    for size in (0, 7, 8, footer, place, len(data) - 1):
        copy.write_bytes(data[:size])
        assert not proves_itself(copy), size
    copy.write_bytes(data + b"\x00")
    assert not proves_itself(copy)


def test_a_large_file_proves_itself_too(log: ParquetLog):
    """More bytes than are hashed in one go."""
    texts = [random.Random(number).randbytes(9000).hex() for number in range(150)]
    log.append(log_rows([Row(type="note_added", data={"text": text}) for text in texts]))
    (path,) = commits(log)
    assert path.stat().st_size > 1 << 20
    assert proves_itself(path)


def test_no_footer_says_the_least_or_greatest_of_a_personal_column(log: ParquetLog):
    log.append(log_rows(PERSONAL_ROWS))
    metadata = pq.read_metadata(commits(log)[0])
    with_statistics = {
        metadata.row_group(group).column(column).path_in_schema
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
        if metadata.row_group(group).column(column).is_stats_set
    }
    assert with_statistics == {"position", "customer_id", "occurred_at", "recorded_at", "type"}
    footer = commits(log)[0].read_bytes()
    footer = footer[-8 - int.from_bytes(footer[-8:-4], "little") :]
    for value in (b"Anna", b"anna@example.com", b"Lyon", b"dog", b"Bert"):
        assert value not in footer


def test_a_log_of_a_newer_clientbook_is_refused(log: ParquetLog):
    path = log.folder / "FORMAT.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | {"format": FORMAT + 1}))
    with pytest.raises(UnknownFormat, match=f"format {FORMAT + 1}.*install a newer"):
        ParquetLog(log.folder)
    path.write_text(json.dumps(described | {"a_new_entry": 1}))
    assert ParquetLog(log.folder).head().position == 0


def test_a_folder_without_a_log_is_named(tmp_path: Path):
    with pytest.raises(LogError, match=str(tmp_path)):
        ParquetLog(tmp_path)


def test_a_log_is_never_made_over_another(log: ParquetLog):
    log.append(log_rows([tag("a")]))
    with pytest.raises(FileExistsError):
        ParquetLog.create(log.folder)
    assert tags(log) == ["a"]


def test_outside_readers_see_all_rows(log: ParquetLog):
    log.append(log_rows(PERSONAL_ROWS))
    log.append(log_rows([tag("a"), Row(type="order_placed", data={"order_id": "2", "total": "1", "currency": "EUR"})]))
    found = duckdb.sql(
        f"select position, type, order_placed.total as total, tag_added.tag as tag, occurred_at at time zone 'UTC' as at"
        f" from read_parquet('{log.folder}/current/*.parquet', union_by_name = true) order by position"
    ).fetchall()
    assert [(row[0], row[1], row[2] and str(row[2]), row[3]) for row in found] == [
        (1, "profile_updated", None, None),
        (2, "note_added", None, None),
        (3, "order_placed", "3.5000", None),
        (4, "tag_added", None, "a"),
        (5, "order_placed", "1.0000", None),
    ]
    assert {row[4] for row in found} == {datetime(2026, 3, 1, 12, 0, 0, 123456)}
    assert pc.max(pq.read_table(log.folder / "current" / commits(log)[0].name)["position"]).as_py() == 3


def test_what_was_pinned_does_not_change_with_later_appends(log: ParquetLog):
    log.append(log_rows([tag("a")]))
    pinned = log.pin()
    log.append(log_rows([tag("b")]))
    assert pinned.head.position == 1
    assert len(pinned.files) == 1
    assert len(log.pin().files) == log.pin().head.position == 2


def test_only_old_leftovers_of_killed_writers_are_removed(log: ParquetLog):
    log.append(log_rows([tag("a")]))
    old, young = log.folder / "tmp" / "1-x.tmp", log.folder / "tmp" / "2-x.tmp"
    for path in (old, young):
        path.write_bytes(b"half a file")
    long_ago = datetime.now(UTC).timestamp() - ORPHAN_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    assert log.remove_orphans() == 1
    assert (old.exists(), young.exists()) == (False, True)
    assert tags(log) == ["a"]


def test_a_link_that_a_killed_sealer_left_and_a_file_that_goes_meanwhile_stop_no_append(
    log: ParquetLog, monkeypatch: pytest.MonkeyPatch
):
    """The link leads from tmp/ to nowhere; a sealer deletes its own files while an append looks for old ones."""
    left = log.folder / "tmp" / "current-0123abcd.tmp"
    left.symlink_to("generations/000002")
    log.append(log_rows([tag("a")]))
    true = Path.glob
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: [folder / "gone.tmp", *true(folder, pattern)])
    log.append(log_rows([tag("b")]))
    long_ago = datetime.now(UTC).timestamp() - ORPHAN_SECONDS - 60
    os.utime(left, (long_ago, long_ago), follow_symlinks=False)
    log.append(log_rows([tag("c")]))
    assert not left.is_symlink()
    assert tags(log) == ["a", "b", "c"]


def test_an_append_leaves_nothing_behind(log: ParquetLog):
    log.append(log_rows([tag("a")]))
    log.append(log_rows([tag("a")]))
    assert list((log.folder / "tmp").iterdir()) == []
    assert len(commits(log)) == 1
