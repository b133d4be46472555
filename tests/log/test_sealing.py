"""Sealing: other files, sorted by customer, that say the same."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs import copied, digests, foreign, grown, mixed, rows_of, sealed_files, small_parts, state, widened

from clientbook.book import Book
from clientbook.log.base import DamagedLog
from clientbook.log.files import ORPHAN_SECONDS
from clientbook.log.parquet import ParquetLog, read_footer
from clientbook.log.sealing import SealPolicy, seal, seal_if_due
from clientbook.log.verifying import verify_log
from clientbook.testing.log_contract import outcome, tags
from clientbook.testing.rows import log_rows, tag

POLICY = SealPolicy()


@pytest.fixture
def log(tmp_path: Path) -> ParquetLog:
    return ParquetLog.create(tmp_path / "log")


def everything(log: ParquetLog) -> tuple[Any, ...]:
    """All that sealing must leave as it is."""
    return rows_of(log), digests(log), log.head(), log.commits().marks


def assert_sound(log: ParquetLog) -> None:
    found = verify_log(log)
    assert found.faults == []
    assert (found.position, found.digest) == (log.head().position, log.head().digest)
    assert found.events == log.head().position
    assert found.commits == log.head().commit


def assert_sorted(files: list[Path]) -> None:
    """By customer and position, those without a customer last, from one file to the next."""
    rows = [row for path in files for row in pq.read_table(path, columns=["customer_id", "position"]).to_pylist()]
    keys = [(row["customer_id"] is None, row["customer_id"] or "", row["position"]) for row in rows]
    assert keys == sorted(keys)


def left_over(log: ParquetLog) -> list[Path]:
    return list((log.folder / "tmp").iterdir())


def test_a_sealed_log_says_what_it_said(log: ParquetLog):
    grown(log, [1, 9, 4, 30])
    before = everything(log)
    done = seal(log, POLICY)
    assert (done.commits, done.rows, done.files) == (4, 44, 1)
    for one in (log, ParquetLog(log.folder)):
        assert everything(one) == before
    assert [path.name for path in log.files()] == [f"sealed-{1:020}-{4:020}-0001.parquet"]
    assert_sound(log)
    assert_sorted(log.files())
    assert left_over(log) == []


@pytest.mark.parametrize(
    ("group", "part", "run_bytes"),
    [(9, 20, 3000), pytest.param(7, 14, 1, marks=pytest.mark.slow), (50, 1000, 4000)],
)
def test_several_files_and_runs_keep_one_order(
    log: ParquetLog, monkeypatch: pytest.MonkeyPatch, group: int, part: int, run_bytes: int
):
    grown(log, [1, 2, 30, 5, 9, 13])
    log.append(foreign(8))
    log.append(widened(6))
    before = everything(log)
    with small_parts(monkeypatch, group=group, part=part, run_bytes=run_bytes):
        done = seal(log, POLICY)
        assert everything(log) == before
        assert_sound(log)
        assert rows_of(log, after=11, through=47) == [row for row in before[0] if 11 < row["position"] <= 47]
    assert everything(log) == before
    assert (done.rows, done.files) == (74, -(-74 // (-(-part // group) * group)))
    assert_sorted(log.files())
    assert max(pq.read_metadata(path).row_group(0).num_rows for path in log.files()) <= group
    parts = [read_footer(path) for path in log.files()]
    assert [one["clientbook.part"] for one in parts] == [str(number) for number in range(1, done.files + 1)]
    assert [one.get("clientbook.parts") for one in parts] == [None] * (done.files - 1) + [str(done.files)]
    assert left_over(log) == []


def test_columns_that_nobody_registers_survive(log: ParquetLog):
    grown(log, [6])
    log.append(foreign(4))
    log.append(foreign(3, start=10, extra=True))
    grown(log, [2], start=50)
    before = everything(log)
    seal(log, POLICY)
    assert everything(log) == before
    kind = pq.read_schema(log.files()[0]).field("acme.loyalty_changed").type
    assert [one.name for one in kind.field("steps").type.value_type] == ["at", "why"]
    said = [row["acme.loyalty_changed"] for row in rows_of(log) if row["type"] == "acme.loyalty_changed"]
    assert [one["points"] for one in said] == [0, 1, 2, 3, 10, 11, 12]
    assert [one["steps"][0].get("why") for one in said] == [None] * 4 + ["x"] * 3
    assert outcome(log.append(foreign(4))) == ["duplicate"] * 4
    assert_sound(log)


def test_reading_a_part_of_a_sealed_log_loses_nothing(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    """A stretch of a sealed file in which no row is wanted makes an empty run among those to be merged."""
    grown(log, [60])
    with small_parts(monkeypatch):
        seal(log, POLICY)
        for after, through in ((11, 47), (30, 31), (55, 90)):
            wanted = list(range(after + 1, min(through, 60) + 1))
            assert [row["position"] for row in rows_of(log, after=after, through=through)] == wanted


@pytest.mark.parametrize("order", ["old first", "new first", "between"])
def test_files_of_older_and_newer_schemas_become_one(log: ParquetLog, order: str, monkeypatch: pytest.MonkeyPatch):
    older, newer = log_rows(mixed(0, 12)), widened(6)
    for rows in {"old first": [older, newer], "new first": [newer, older], "between": [newer, older, widened(3, start=9)]}[
        order
    ]:
        log.append(rows)
    before = everything(log)
    with small_parts(monkeypatch):
        seal(log, POLICY)
        assert everything(log) == before
    lines = {
        row["order_placed"]["order_id"]: row["order_placed"].get("lines")
        for row in rows_of(log)
        if row["type"] == "order_placed"
    }
    assert lines["w0"] == [{"colour": "red", "sku": "s0"}, {"colour": "red", "sku": "s1"}]
    assert lines["3"] == [{"sku": "s0"}, {"sku": "s1"}, {"sku": "s2"}]
    assert {str(pq.read_schema(path).field("order_placed").type) for path in log.files()} == {
        str(pq.read_schema(log.files()[0]).field("order_placed").type)
    }
    assert_sound(log)


def test_a_field_or_a_column_added_later_changes_no_old_digest(log: ParquetLog):
    grown(log, [12])
    before, head = digests(log), log.head()
    log.append(widened(4))
    log.append(foreign(2, extra=True))
    assert {position: digest for position, digest in digests(log).items() if position <= 12} == before
    seal(log, POLICY)
    after = digests(log)
    assert {position: digest for position, digest in after.items() if position <= 12} == before
    assert log.commits().marks[0].digest == head.digest[:8]
    assert_sound(log)


def test_commits_after_a_seal_and_a_second_seal(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    with small_parts(monkeypatch, run_bytes=5000):
        grown(log, [4, 40])
        seal(log, POLICY)
        grown(log, [3, 2], start=44)
        before = everything(log)
        assert [path.name.split("-")[0] for path in log.files()][-2:] == ["commit", "commit"]
        assert_sound(log)
        done = seal(log, POLICY)
        assert done.rows == 5  # the first seal is more than four times as large
        assert everything(log) == before
        assert [segment.is_sealed for segment in log.segments()] == [True, True]
        assert_sound(log)
        done = seal(log, POLICY, everything=True)
        assert (done.commits, done.rows) == (4, 49)
        assert everything(log) == before
        assert len(log.segments()) == 1
        assert_sorted(log.files())
        assert_sound(log)
        unchanged = state(log.folder / "current")
        for again in (False, True):
            done = seal(log, POLICY, everything=again)
            assert (done.commits, done.rows, done.files) == (0, 0, 0)
        assert state(log.folder / "current") == unchanged


def test_an_earlier_seal_is_taken_along_while_it_is_not_much_larger(log: ParquetLog):
    def segments() -> list[tuple[int, int]]:
        return [(one.first_commit, one.last_commit) for one in log.segments()]

    grown(log, [50, 50])
    seal(log, POLICY)
    grown(log, [10, 14], start=100)
    assert seal(log, POLICY).rows == 24  # 100 > 4 · 24
    assert segments() == [(1, 2), (3, 4)]
    grown(log, [6], start=124)
    assert seal(log, POLICY).rows == 130  # 24 ≤ 4 · 6, and then 100 ≤ 4 · 30
    assert segments() == [(1, 5)]
    grown(log, [32], start=130)
    assert seal(log, POLICY).rows == 32  # 130 > 4 · 32
    grown(log, [1], start=162)
    assert seal(log, POLICY).rows == 1
    assert segments() == [(1, 5), (6, 6), (7, 7)]
    assert_sound(log)


def test_a_seal_that_nobody_asked_for_stays_short(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    from clientbook.log import sealing

    monkeypatch.setattr(sealing, "UNHURRIED_ROWS", 25)
    grown(log, [20])
    seal(log, POLICY)
    grown(log, [5, 5], start=20)
    done = seal_if_due(log, SealPolicy(commits=2))
    assert done
    assert done.rows == 10
    grown(log, [5], start=30)
    assert seal(log, POLICY).rows == 35
    assert seal_if_due(log, SealPolicy(commits=1)) is None


def test_the_log_seals_itself_after_so_many_commits(tmp_path: Path, lines: Any):
    book = configured(tmp_path, "seal_commits = 3\nkeep_hours = 1")
    for number in range(5):
        book.append_lines(lines(a_tag(number)))
    assert [(one.first_commit, one.is_sealed) for one in book.log.segments()] == [(1, True), (4, False), (5, False)]
    assert_sound(book.log)
    assert not book.verify().faults
    assert len(generations(book.log)) == 2


@pytest.mark.slow
def test_the_log_seals_itself_after_so_many_bytes(tmp_path: Path, lines: Any):
    book = configured(tmp_path, "seal_commits = 1000\nseal_megabytes = 1")
    texts = [random.Random(number).randbytes(9900).hex() for number in range(160)]
    notes = [{"type": "note_added", "customer": {"email": "a@example.com"}, "data": {"text": text}} for text in texts]
    for start in range(0, 160, 40):
        assert book.append_lines(lines(*notes[start : start + 40])).rows_rejected == 0
        sizes = [path.stat().st_size for one in book.log.segments() if not one.is_sealed for path in one.files]
        assert sum(sizes) < 1 << 20
        if book.log.segments()[0].is_sealed:
            break
    else:
        pytest.fail("nothing was sealed")
    assert_sound(book.log)


@pytest.mark.slow
def test_a_seal_that_cannot_be_made_does_not_fail_the_import(tmp_path: Path, lines: Any):
    book = configured(tmp_path, "seal_commits = 2")
    book.append_lines(lines(a_tag(0)))
    damage(book.log.files()[0])
    for number in (1, 2, 3):
        assert book.append_lines(lines({"type": "segment_retired", "data": {"segment_id": str(number)}})).events == 1
    assert [one.is_sealed for one in book.log.segments()] == [False] * 4
    with pytest.raises(DamagedLog):
        book.seal()


def test_merged_files_stay_for_their_readers_and_then_go(log: ParquetLog):
    grown(log, [3, 4])
    pinned = log.pin()
    seal(log, SealPolicy(keep_hours=2))
    assert len(generations(log)) == 2
    assert [pq.read_metadata(path).num_rows for path in pinned.files] == [3, 4]
    assert [mark.position for mark in log.commits(pinned).marks] == [3, 7]
    grown(log, [2], start=7)
    assert seal(log, SealPolicy(keep_hours=2)).generations_removed == 0
    old = generations(log)[0]
    os.utime(old, (time.time() - 7300, time.time() - 7300))
    assert seal(log, SealPolicy(keep_hours=2)).generations_removed == 1
    assert [path.name for path in generations(log)] == ["000002", "000003"]
    assert not pinned.files[0].exists()
    assert seal(log, SealPolicy(keep_hours=0)).generations_removed == 1
    assert generations(log) == [log.generation()]
    assert tags(log) == [f"t{n}" for n in (2, 4, 5, 7)]


def test_a_reader_that_began_before_a_seal_reads_to_the_end(log: ParquetLog):
    grown(log, [30, 30])
    before = rows_of(log)
    reading = log.read()
    got = next(reading).to_pylist()
    other = ParquetLog(log.folder)
    seal(other, POLICY)
    got += [row for batch in reading for row in batch.to_pylist()]
    assert [row["position"] for row in got] == [row["position"] for row in before]


def test_a_log_copied_without_links_can_be_sealed(log: ParquetLog, tmp_path: Path):
    grown(log, [3, 4])
    seal(log, POLICY)
    grown(log, [2], start=7)
    before = everything(log)
    subprocess.run(["cp", "-rL", log.folder, tmp_path / "copy"], check=True)
    copy = ParquetLog(tmp_path / "copy")
    assert (copy.folder / "current").is_dir()
    assert not (copy.folder / "current").is_symlink()
    assert everything(copy) == before
    grown(copy, [3], start=9)
    whole = everything(copy)
    assert seal(copy, POLICY).files == 1
    assert (copy.folder / "current").is_symlink()
    assert everything(copy) == whole == everything(ParquetLog(copy.folder))
    assert_sound(copy)
    assert everything(log) == before


def test_a_copy_whose_folder_was_just_renamed_is_whole(log: ParquetLog, tmp_path: Path):
    """Somebody was killed between making the folder a generation and making the link."""
    grown(log, [3, 4])
    before = everything(log)
    subprocess.run(["cp", "-rL", log.folder, tmp_path / "copy"], check=True)
    (tmp_path / "copy" / "current").rename(tmp_path / "copy" / "generations" / "000002")
    copy = ParquetLog(tmp_path / "copy")
    assert everything(copy) == before
    grown(copy, [2], start=7)
    whole = everything(copy)
    seal(copy, POLICY)
    assert everything(copy) == whole
    assert_sound(copy)


def damage(path: Path, offset: int = 60) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_damaged_commit_is_not_sealed_in(log: ParquetLog, which: int):
    grown(log, [3, 4, 5])
    damage(log.files()[which])
    before = state(log.folder)
    with pytest.raises(DamagedLog, match=f"commit-{which + 1:020}"):
        seal(log, POLICY)
    assert state(log.folder) == before


def test_rows_that_do_not_fit_the_chain_are_not_sealed_in(log: ParquetLog):
    """The file's own digest is right, the chain is not: a seal would make it look sound."""
    from logs import rewritten

    grown(log, [3, 4, 5])
    other = pa.array(["x", "y", "z", "w"])
    place = pq.read_table(log.files()[1]).schema.get_field_index("source")
    rewritten(log.files()[1], lambda rows, told: (rows.set_column(place, rows.schema.field(place), other), told))
    before = state(log.folder)
    with pytest.raises(DamagedLog, match=r"position 4: .*chain\.digest"):
        seal(log, POLICY)
    assert state(log.folder) == before


@pytest.mark.parametrize("step", ["link", "symlink", "rename", "fsync"])
def test_a_seal_that_fails_leaves_the_log_as_it_was_or_sealed(log: ParquetLog, monkeypatch: pytest.MonkeyPatch, step: str):
    grown(log, [3, 4])
    before = everything(log)
    true = getattr(os, step)

    def failing(*args: Any, **named: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, failing)
    with pytest.raises(OSError, match="No space left"):
        seal(log, POLICY)
    monkeypatch.setattr(os, step, true)
    for one in (log, ParquetLog(log.folder)):
        assert everything(one) == before
    log.append(log_rows([tag("after")]))
    seal(log, POLICY)
    assert_sound(log)
    assert tags(log)[-1] == "after"


def test_a_link_left_by_a_killed_seal_stops_nobody(log: ParquetLog):
    """Between symlink and rename: what is left points nowhere."""
    grown(log, [3])
    left = log.folder / "tmp" / "current-1234.tmp"
    os.symlink("generations/000009", left)
    grown(log, [2], start=3)
    assert left.is_symlink()  # younger than an hour
    long_ago = time.time() - ORPHAN_SECONDS - 60
    os.utime(left, (long_ago, long_ago), follow_symlinks=False)
    grown(log, [2], start=5)
    assert left_over(log) == []
    seal(log, POLICY)
    assert_sound(log)


def test_a_generation_of_a_killed_seal_is_thrown_away(log: ParquetLog):
    grown(log, [3])
    half = log.folder / "generations" / "000002"
    half.mkdir()
    shutil.copy(log.files()[0], half / "commit-00000000000000000009.parquet")
    before = everything(log)
    seal(log, POLICY)
    assert everything(log) == before
    assert_sound(log)


def test_another_process_appends_while_sealing_goes_on(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    """What is appended after the files were chosen stays a commit of its own."""
    from clientbook.log import sealing

    grown(log, [3, 4])
    true = sealing.rows_faults

    def slow(*args: Any) -> Any:
        ParquetLog(log.folder).append(log_rows([tag("meanwhile")]))
        return true(*args)

    monkeypatch.setattr(sealing, "rows_faults", slow)
    assert seal(log, POLICY).rows == 7
    assert [one.is_sealed for one in log.segments()] == [True, False]
    assert tags(log)[-1] == "meanwhile"
    assert_sound(log)


def test_outside_readers_find_each_event_once_after_a_seal(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    import duckdb

    with small_parts(monkeypatch):
        grown(log, [30, 5])
        log.append(foreign(2))
        seal(log, POLICY)
        grown(log, [3], start=35)
    pattern = f"{log.folder}/current/*.parquet"
    (found,) = duckdb.sql(
        f"select count(*), count(distinct position), count(distinct event_id), max(position),"
        f" max(\"acme.loyalty_changed\".points) from read_parquet('{pattern}', union_by_name = true)"
    ).fetchall()
    assert found == (40, 40, 40, 40, 1)


def test_sealed_files_are_private(log: ParquetLog):
    before = os.umask(0)
    try:
        grown(log, [3, 4])
        seal(log, POLICY)
    finally:
        os.umask(before)
    modes = {str(path.relative_to(log.folder)): path.lstat().st_mode & 0o777 for path in log.folder.rglob("*")}
    wrong = {
        name: oct(mode)
        for name, mode in modes.items()
        if mode != (0o700 if (log.folder / name).is_dir() else 0o600) and name != "current"
    }
    assert wrong == {}
    assert len(sealed_files(log)) == 1


def test_a_copy_of_a_sealed_log_goes_its_own_way(log: ParquetLog, tmp_path: Path):
    grown(log, [3, 4])
    seal(log, POLICY)
    other = copied(log, tmp_path / "other")
    grown(other, [2], start=7)
    assert other.head().position == 9
    assert log.head().position == 7


def configured(tmp_path: Path, text: str) -> Book:
    Book.create(tmp_path / "book", currency="EUR", timezone="Europe/Paris")
    (tmp_path / "book" / "book.toml").write_text(f'currency = "EUR"\ntimezone = "Europe/Paris"\n[log]\n{text}\n')
    return Book(tmp_path / "book")


def a_tag(number: int) -> dict[str, Any]:
    return {"type": "tag_added", "customer": {"email": f"c{number % 3}@example.com"}, "data": {"tag": f"t{number}"}}


def generations(log: ParquetLog) -> list[Path]:
    return sorted((log.folder / "generations").iterdir())
