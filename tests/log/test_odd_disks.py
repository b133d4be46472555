"""Disks that are full, may only be read or cannot link, clocks that go back, cut-off files: said, and not guessed."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fault_scenarios import ANNA, FIRST, NEW, SECOND, THIRD, a_book, rows

from clientbook.book import Book, BookExists
from clientbook.cli.diagnostics import guard
from clientbook.cli.main import cli
from clientbook.log.base import DamagedLog
from clientbook.log.files import FORMAT, UnfitFileSystem
from clientbook.log.sealing import SealPolicy, seal
from clientbook.log.verifying import _Digests, verify_log


def mount(*arguments: str) -> None:
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=4m,mode=700", "none", str(disk))
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Fill the disk but for so many bytes; the file to delete."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(max(file.tell() - leave, 0))
    return filler


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command printed."""

    stdout: str
    stderr: str


def run_in(folder: Path, *arguments: str | Path, code: int = 0, language: str = "en") -> Said:
    """Run clientbook in this process and in a folder; its exit code is asserted."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _stream in range(2))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setenv("CLIENTBOOK_LANG", language)
        ended = guard(lambda: cli.main([str(one) for one in arguments], standalone_mode=False))
    said = Said(**{name: stream.buffer.getvalue().decode() for name, stream in (("stdout", out), ("stderr", err))})  # type: ignore[attr-defined]
    assert ended == code, (arguments, said)
    return said


def runner(folder: Path, book: Path) -> Callable[..., Said]:
    """Run commands on a book with scratch files beside it."""

    def run(*arguments: str | Path, **options: Any) -> Said:
        return run_in(folder, "--book", book, *arguments, **options)

    return run


# Full disks.


def test_on_a_full_disk_nothing_is_lost_and_everybody_is_told_what_to_do(small_disk: Path, tmp_path: Path) -> None:
    book = small_disk / "book"
    a_book(book)
    before = rows(book)
    (tmp_path / "new.jsonl").write_bytes(b"\n".join(NEW))
    run = runner(tmp_path, book)
    filler = fill(small_disk)
    assert json.loads(run("info", "--json").stdout)["events"] == len(before), "what was computed can be looked at"
    refused = [["append", "new.jsonl"], ["import", "new.jsonl"], ["seal", "--all"], ["verify"]]
    for command in refused:
        said = run(*command, code=1).stderr
        assert "the disk is full" in said, command
        assert "free some space, then do it again" in said, command
    assert "disque est plein" in run("append", "new.jsonl", code=1, language="fr").stderr
    shutil.rmtree(book / "state" / "tables")
    fill(small_disk)
    assert "the disk is full" in run("info", code=1).stderr
    filler.unlink()
    assert json.loads(run("verify", "--json").stdout)["faults"] == []
    assert rows(book) == before
    run("append", "new.jsonl")
    run("seal", "--all")
    assert json.loads(run("verify", "--json").stdout)["events"] == len(before) + len(NEW)


@pytest.mark.slow
def test_folding_that_fills_the_disk_says_so_and_leaves_the_earlier_tables(small_disk: Path, tmp_path: Path) -> None:
    """DuckDB meets the full disk here, not Python."""
    book = a_book(small_disk / "book")
    shutil.rmtree(small_disk / "book" / "state" / "tables")
    book.append_lines(NEW)
    run = runner(tmp_path, small_disk / "book")
    said = []
    for leave in (12288, 40960):
        fill(small_disk, leave=leave)
        said.append(run("info", code=1).stderr)
    assert all("the disk is full" in text for text in said), said
    (small_disk / "filler").unlink()
    assert json.loads(run("info", "--json").stdout)["events"] == len(rows(small_disk / "book"))


@pytest.mark.slow
def test_a_backup_onto_a_full_disk_can_be_made_when_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    a_book(tmp_path / "book")
    run = runner(tmp_path, tmp_path / "book")
    filler = fill(small_disk, leave=16384)
    target = small_disk / "copy"
    assert "the disk is full" in run("backup", target, code=1).stderr
    filler.unlink()
    run("backup", target)
    assert json.loads(run_in(tmp_path, "verify", target, "--json").stdout)["ok"]
    Book(tmp_path / "book").append_lines(NEW)
    fill(small_disk, leave=8192)
    assert "the disk is full" in run("backup", target, code=1).stderr
    filler.unlink()
    assert json.loads(run_in(tmp_path, "verify", target, "--json").stdout)["ok"], "the earlier copy is whole"
    assert not json.loads(run("verify", "--json").stdout)["faults"]


def test_rejects_files_that_a_killed_import_left_empty_or_half_written_stop_no_erasure(tmp_path: Path) -> None:
    book = a_book(tmp_path / "book")
    rejects = tmp_path / "book" / "rejects"
    (rejects / "20260101-000000-aaaaaa.csv").touch()
    (rejects / "20260101-000000-bbbbbb.tmp").write_text("email\nanna@example.com\n")
    book.eraser.erase(ANNA, ground="request")
    assert not list(rejects.glob("*.tmp"))
    assert not [path for path in rejects.iterdir() if "anna@example.com" in path.read_text()]


def test_a_full_disk_does_not_kill_who_verifies(small_disk: Path) -> None:
    """A map of a file with holes would: the process gets SIGBUS when it writes where no block is left."""
    fill(small_disk, leave=1 << 20)
    with pytest.raises(OSError, match="No space left"), _Digests(1, 1_000_000, small_disk):
        pass


# Disks that may only be read.


READS = [
    ["info"],
    ["info", "--as-of", "2026-06-01"],
    ["customers"],
    ["show", "bert@example.com"],
    ["events"],
    ["query", "select count(*) from all_events"],
    ["project", "--out", "tables", "--tables", "customers"],
    ["rebuild"],
    ["verify"],
    ["verify", "--quick"],
    ["erasures"],
    ["backup", "copy"],
]
WRITES = [
    ["add", "--email", "x@example.com"],
    ["append", "new.jsonl"],
    ["import", "new.jsonl"],
    ["tag", "bert@example.com", "vip"],
    ["seal"],
    ["erase", "anna@example.com", "--yes"],
]


@pytest.mark.parametrize("has_tables", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_book_that_may_only_be_read_is_read_and_never_written(small_disk: Path, tmp_path: Path, has_tables: bool) -> None:
    book = small_disk / "book"
    a_book(book)
    (tmp_path / "new.jsonl").write_bytes(b"\n".join(NEW))
    if not has_tables:
        shutil.rmtree(book / "state")
        (book / "log" / "maintenance.lock").unlink()
    mount("-o", "remount,ro", str(small_disk))
    run = runner(tmp_path, book)
    for command in READS if has_tables else [READS[0], READS[5], READS[8], READS[11]]:
        run(*command)
    for command in WRITES if has_tables else [WRITES[1], WRITES[4]]:
        said = run(*command, code=1).stderr
        assert "may not be written" in said, (command, said)
        assert "unexpected" not in said
    assert json.loads(run_in(tmp_path, "verify", "copy", "--json").stdout)["ok"]


# File systems that cannot keep a book.


@pytest.mark.parametrize(
    ("module", "name", "number"),
    [
        (os, "link", errno.EPERM),
        (os, "symlink", errno.EOPNOTSUPP),
        (fcntl, "flock", errno.ENOLCK),
        (fcntl, "flock", errno.ENOTSUP),
    ],
)
def test_a_file_system_without_links_or_locks_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, number: int
) -> None:
    def refused(*_args: Any, **_named: Any) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(module, name, refused)
    for folder in (tmp_path / "new", tmp_path / "empty"):
        with pytest.raises(UnfitFileSystem, match=r"hard links.*Choose a local disk.*`clientbook backup` can copy"):
            Book.create(folder)
    monkeypatch.undo()
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"], "nothing is left on a disk that will not do"
    Book.create(tmp_path / "empty")


def test_what_an_interrupted_init_left_is_named_as_such(tmp_path: Path) -> None:
    book = a_book(tmp_path / "book").folder
    (book / "book.toml").unlink()
    with pytest.raises(BookExists, match=r"without its book\.toml.*interrupted.*delete.*else put book\.toml back"):
        Book.create(book)


# Clocks.


def test_a_clock_that_goes_back_between_processes_and_seals_records_no_time_before_the_last(tmp_path: Path) -> None:
    Book.create(tmp_path / "book")
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    for number, hours in enumerate([0, -9600, 48, -1]):
        seconds = count()
        start = noon + timedelta(hours=hours)
        book = Book(tmp_path / "book", clock=lambda start=start, seconds=seconds: start + timedelta(seconds=next(seconds)))
        book.append_lines([FIRST, SECOND, THIRD, NEW][number])
        if number % 2:
            seal(book.log, SealPolicy(), everything=True)
    seen = [mark.recorded_at for mark in book.log.commits().marks]
    assert seen == sorted(seen)
    assert len(seen) == 4
    assert verify_log(book.log).faults == []
    recorded = [row["recorded_at"] for batch in book.log.read() for row in batch.to_pylist()]
    assert recorded == sorted(recorded)


# Files that were cut off, and others that are not what was written.


@pytest.fixture(scope="module")
def whole_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seal and three commits after it."""
    book = a_book(tmp_path_factory.mktemp("whole") / "book")
    book.append_lines(NEW)
    book.append_lines([NEW[0], FIRST[0].replace(ANNA.encode(), b"c3" * 10)])
    return book.folder


@pytest.fixture
def broken(whole_book: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    shutil.copytree(whole_book, tmp_path / "broken", symlinks=True)
    shutil.rmtree(tmp_path / "broken" / "state")
    return tmp_path / "broken"


def test_a_file_that_was_cut_off_is_named_with_its_first_event_and_never_read_as_less(broken: Path) -> None:
    log = Book(broken).log
    files = log.files()
    assert len(files) == 4
    first_positions = {path: min(row["position"] for row in _rows_of(path)) for path in files}
    for path in files:
        data = path.read_bytes()
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        for size in (0, 3, footer // 2, footer, footer + 40, len(data) - 8, len(data) - 1):
            path.write_bytes(data[:size])
            found = verify_log(Book(broken).log).faults
            assert (found[0].file or "").endswith(path.name), (size, found)
            assert found[0].position == first_positions[path], (size, found)
            assert {fault.file for fault in found} == {found[0].file}, "only the file that was cut off is blamed"
            assert verify_log(Book(broken).log, quick=True).faults, size
            with pytest.raises((DamagedLog, OSError, ValueError)):
                list(Book(broken).log.read())
        with pytest.raises(Exception, match=r"damaged|Parquet|parquet|footer|magic|small"):
            Book(broken).snapshot()
        path.write_bytes(data)
    assert verify_log(Book(broken).log).faults == []


def _rows_of(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return list(pq.read_table(path, columns=["position"]).to_pylist())


def test_a_cut_off_file_makes_verify_end_with_3_and_reading_with_1(broken: Path, tmp_path: Path) -> None:
    path = Book(broken).log.files()[1]
    path.write_bytes(path.read_bytes()[:-1])
    run = runner(tmp_path, broken)
    said = run("verify", code=3)
    assert path.name in said.stdout + said.stderr
    for command in (["info"], ["customers"], ["append", "new.jsonl"]):
        (tmp_path / "new.jsonl").write_bytes(b"\n".join(NEW))
        shutil.rmtree(broken / "state", ignore_errors=True)
        run(*command, code=1)


def test_a_commit_that_is_missing_in_the_middle_is_named(broken: Path, tmp_path: Path) -> None:
    Book(broken).log.files()[2].unlink()
    run = runner(tmp_path, broken)
    said = json.loads(run("verify", "--json", code=3).stdout)
    assert "commit 4 is missing" in said["faults"][0]["message"]
    for command in (["info"], ["query", "select count(*) from events"], ["seal"], ["backup", "copy"]):
        assert "commit 4 is missing" in run(*command, code=1).stderr


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (json.dumps({"format": FORMAT + 1}), 1, "install a newer one"),
        ("\x00garbage", 3, "put it back from a backup"),
        ("[]", 3, "put it back from a backup"),
        ('{"format": "one"}', 3, "put it back from a backup"),
        ("", 3, "put it back from a backup"),
    ],
)
def test_a_format_that_is_newer_or_no_format_is_refused(
    broken: Path, tmp_path: Path, text: str, code: int, said: str
) -> None:
    (broken / "log" / "FORMAT.json").write_text(text)
    run = runner(tmp_path, broken)
    assert said in run("info", code=1).stderr
    shown = run("verify", code=code)
    assert said in shown.stdout + shown.stderr
