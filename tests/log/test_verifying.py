"""The proof: whatever is changed in the files of a log is found, and the file and a position are named."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from logs import copied, foreign, grown, mixed, order, rechained, rewritten, sealed_files, small_parts, state

from clientbook.book import Book
from clientbook.log.digest import GENESIS
from clientbook.log.parquet import ParquetLog, read_marks
from clientbook.log.sealing import SealPolicy, seal
from clientbook.log.verifying import Fault, verify_log
from clientbook.testing.log_contract import put
from clientbook.testing.rows import Row, event_id, log_rows, tag

POLICY = SealPolicy()


@pytest.fixture
def log(tmp_path: Path) -> ParquetLog:
    return ParquetLog.create(tmp_path / "log")


@pytest.fixture
def partly_sealed(log: ParquetLog, monkeypatch: pytest.MonkeyPatch) -> ParquetLog:
    """Three commits in two sealed files of several row groups, two commits behind them."""
    with small_parts(monkeypatch, group=8, part=16):
        grown(log, [2, 10, 9])
        seal(log, POLICY)
    return grown(log, [4, 5], start=21)


def faults(log: ParquetLog, *, quick: bool = False) -> list[Fault]:
    return verify_log(ParquetLog(log.folder), quick=quick).faults


def codes(log: ParquetLog, *, quick: bool = False) -> list[str]:
    return [fault.code for fault in faults(log, quick=quick)]


def assert_named(found: list[Fault], path: Path, log: ParquetLog) -> None:
    """Only this file is at fault, and with a position that it has."""
    assert found, path
    name = str(path.resolve().relative_to(log.folder.parent.resolve()))
    marks = read_marks_of_good_copy[path.name]
    for fault in found:
        assert fault.file == name
        assert fault.message
        assert fault.position is not None
        assert marks[0] <= fault.position <= marks[1], fault


read_marks_of_good_copy: dict[str, tuple[int, int]] = {}


def remember(log: ParquetLog) -> None:
    for path in log.files():
        marks = read_marks(path)
        read_marks_of_good_copy[path.name] = (marks.first_position, marks.head.position)


def flipped(path: Path, offsets: list[int], chance: random.Random) -> Iterator[int]:
    """The file with one bit changed at each of the offsets in turn; in the end as it was."""
    data = path.read_bytes()
    descriptor = os.open(path, os.O_RDWR)
    try:
        for offset in offsets:
            os.pwrite(descriptor, bytes([data[offset] ^ (1 << chance.randrange(8))]), offset)
            yield offset
            os.pwrite(descriptor, data[offset : offset + 1], offset)
    finally:
        os.close(descriptor)
    assert path.read_bytes() == data


def footer_start(path: Path) -> int:
    data = path.read_bytes()
    return len(data) - 8 - int.from_bytes(data[-8:-4], "little")


def chunks(path: Path) -> list[tuple[int, int]]:
    """Where each column chunk lies."""
    metadata = pq.read_metadata(path)
    found = []
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            one = metadata.row_group(group).column(column)
            places = [place for place in (one.dictionary_page_offset, one.data_page_offset) if place]
            found.append((min(places), one.total_compressed_size))
    return found


def small_log(log: ParquetLog, monkeypatch: pytest.MonkeyPatch) -> ParquetLog:
    """One commit file and one sealed file with several row groups, of few columns."""
    with small_parts(monkeypatch, group=2, part=100):
        log.append(log_rows([tag(name, customer_id=name) for name in "abcde"]))
        seal(log, POLICY)
    log.append(log_rows([tag("f", customer_id=None)]))
    remember(log)
    assert [pq.read_metadata(path).num_row_groups for path in log.files()] == [3, 1]
    return log


def test_a_byte_changed_in_a_footer_is_found(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    """Every 13th byte; the slow run has them all."""
    assert_footers_are_proved(small_log(log, monkeypatch), step=13)


@pytest.mark.slow
def test_every_byte_changed_in_a_footer_is_found(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    assert_footers_are_proved(small_log(log, monkeypatch), step=1)


def assert_footers_are_proved(log: ParquetLog, step: int) -> None:
    chance = random.Random(11)
    for path in log.files():
        size = path.stat().st_size
        offsets = sorted({*range(footer_start(path) + chance.randrange(step), size, step), *range(size - 8, size)})
        for offset in flipped(path, offsets, chance):
            found = verify_log(log).faults
            assert found, (path.name, offset, size)
            assert_named(found, path, log)


def test_a_byte_changed_in_a_column_is_found(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    assert_columns_are_proved(small_log(log, monkeypatch), count=3)


@pytest.mark.slow
def test_fifty_bytes_changed_in_each_column_are_found(partly_sealed: ParquetLog):
    remember(partly_sealed)
    assert_columns_are_proved(partly_sealed, count=3)
    shutil.rmtree(partly_sealed.folder)
    log = grown(ParquetLog.create(partly_sealed.folder), [40])
    remember(log)
    assert_columns_are_proved(log, count=50)


def assert_columns_are_proved(log: ParquetLog, count: int) -> None:
    chance = random.Random(12)
    for path in log.files():
        places = {start + chance.randrange(size) for start, size in chunks(path) for _time in range(count)}
        for offset in flipped(path, sorted({*places, 0, 3, 4}), chance):
            found = verify_log(log).faults
            assert found, (path.name, offset)
            assert_named(found, path, log)


def test_a_file_cut_short_or_made_longer_is_found(partly_sealed: ParquetLog):
    for path in partly_sealed.files():
        data = path.read_bytes()
        for wrong in (b"", data[:4], data[:-1], data[: len(data) // 2], data + b"\0", data + data):
            path.write_bytes(wrong)
            found = faults(partly_sealed)
            assert found[0].code in ("file.digest", "file.unreadable")
            assert found[0].file
            assert found[0].file.endswith(path.name)
        path.write_bytes(data)
    assert faults(partly_sealed) == []


def test_several_faults_are_all_told(partly_sealed: ParquetLog):
    sealed, _second, _first, second = partly_sealed.files()
    for path in (sealed, second):
        data = bytearray(path.read_bytes())
        data[40] ^= 1
        path.write_bytes(data)
    assert [fault.file and fault.file.rsplit("/", 1)[1] for fault in faults(partly_sealed)] == [sealed.name, second.name]


# Files that are whole, in the wrong place.


def test_files_that_were_swapped(partly_sealed: ParquetLog):
    *_sealed, one, other = partly_sealed.files()
    data = one.read_bytes(), other.read_bytes()
    one.write_bytes(data[1])
    other.write_bytes(data[0])
    for quick in (False, True):
        found = faults(partly_sealed, quick=quick)
        assert {fault.code for fault in found} >= {"file.name", "chain.position", "chain.link"}
        assert found[0].file is not None
        assert found[0].file.endswith(one.name)
        assert found[0].position == 22


def test_parts_of_a_seal_that_were_swapped(partly_sealed: ParquetLog):
    one, other, *_commits = partly_sealed.files()
    data = one.read_bytes(), other.read_bytes()
    one.write_bytes(data[1])
    other.write_bytes(data[0])
    found = faults(partly_sealed)
    assert found
    assert found[0].file
    assert found[0].file.endswith(one.name)


def test_a_part_of_another_seal_in_the_place_of_this_one(partly_sealed: ParquetLog, tmp_path: Path, monkeypatch: Any):
    (tmp_path / "two").mkdir()
    other = copied(partly_sealed, tmp_path / "two")
    with small_parts(monkeypatch, group=6, part=6):
        seal(other, POLICY, everything=True)
    shutil.copy(other.files()[1], partly_sealed.files()[1])
    assert [fault.file and fault.file.endswith(partly_sealed.files()[0].name) for fault in faults(partly_sealed)] == [True]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_file_that_is_missing(partly_sealed: ParquetLog, which: int):
    path = partly_sealed.files()[which]
    path.unlink()
    for quick in (False, True):
        found = faults(partly_sealed, quick=quick)
        assert [fault.code for fault in found] == (["rows.count"] if which == 1 else ["file.missing"])
        assert which == 1 or "missing" in found[0].message


def test_a_file_under_a_later_number(partly_sealed: ParquetLog):
    last = partly_sealed.files()[-1]
    last.rename(last.with_name(last.name.replace("005.", "006.")))
    assert codes(partly_sealed, quick=True) == ["file.missing"]


def test_a_file_under_a_wrong_number(log: ParquetLog):
    grown(log, [3])
    (path,) = log.files()
    shutil.copy(path, path.with_name(path.name.replace("001.", "002.")))
    assert {"file.name", "chain.position", "chain.link"} <= set(codes(log, quick=True))


@pytest.mark.parametrize(
    "name", ["copy.parquet", "commit-1.parquet", "commit-00000000000000000001 (1).parquet", ".x.parquet"]
)
def test_a_foreign_file_is_named_because_other_programs_count_it(partly_sealed: ParquetLog, name: str):
    before = verify_log(partly_sealed)
    path = partly_sealed.files()[2]
    shutil.copy(path, path.with_name(name))
    for quick in (False, True):
        (fault,) = faults(partly_sealed, quick=quick)
        assert fault.code == "file.foreign"
        assert fault.file is not None
        assert fault.file.endswith(name)
    assert verify_log(partly_sealed).digest == before.digest


def test_a_commit_that_stands_beside_its_seal(partly_sealed: ParquetLog, tmp_path: Path):
    first = partly_sealed.folder / "generations" / "000001" / "commit-00000000000000000002.parquet"
    shutil.copy(first, partly_sealed.generation() / first.name)
    assert codes(partly_sealed, quick=True) == ["file.missing"]
    assert "other files hold too" in faults(partly_sealed)[0].message


def test_the_log_put_on_the_commits_of_another(log: ParquetLog, tmp_path: Path):
    """An older version of a file put back: the same log went on differently after it."""
    grown(log, [3, 4])
    (tmp_path / "other").mkdir()
    other = copied(log, tmp_path / "other")
    log.append(log_rows([tag("here")]))
    grown(log, [2], start=60)
    other.append(log_rows([tag("there")]))
    shutil.copy(other.files()[2], log.files()[2])
    for quick in (False, True):
        fault = faults(log, quick=quick)[0]
        assert (fault.code, fault.position) == ("chain.link", 9)
        assert fault.file is not None
        assert fault.file.endswith(log.files()[3].name)


def test_a_whole_commit_replaced_by_a_well_formed_one(log: ParquetLog):
    """Its own digest and its marks are right; the commit after it tells."""
    grown(log, [3, 4, 5])
    path = log.files()[1]
    rewritten(path, lambda rows, told: rechained(path, put(rows, "source", pa.array(["mine"] * 4))))
    for quick in (False, True):
        (fault,) = faults(log, quick=quick)
        assert (fault.code, fault.position) == ("chain.link", 8)


def test_a_row_changed_in_a_file_with_a_right_digest(log: ParquetLog, monkeypatch: pytest.MonkeyPatch):
    grown(log, [3, 4, 5])
    rewritten(log.files()[1], lambda rows, told: (put(rows, "source", pa.array(["shop", "mine", "shop", "shop"])), told))
    (fault,) = faults(log)
    assert (fault.code, fault.position) == ("chain.digest", 4)
    assert codes(log, quick=True) == []  # it leaves out the rows


def test_a_row_changed_in_a_sealed_file_names_the_commit(log: ParquetLog):
    grown(log, [3, 4, 5])
    seal(log, POLICY)

    def change(rows: pa.Table, told: dict[str, str]) -> tuple[pa.Table, dict[str, str]]:
        source = pc.if_else(pc.equal(rows["position"], 6), "mine", rows["source"])
        return put(rows, "source", source.combine_chunks()), told

    rewritten(log.files()[0], change)
    (fault,) = faults(log)
    assert (fault.code, fault.position) == ("chain.digest", 4)
    assert "commit 2" in fault.message


def test_rows_taken_out_or_put_in(log: ParquetLog):
    grown(log, [3, 6, 5])
    good = log.files()[1].read_bytes()

    def without(position: int) -> Callable[..., Any]:
        return lambda rows, told: (rows.filter(pc.not_equal(rows["position"], position)), told)

    def twice(rows: pa.Table, told: dict[str, str]) -> Any:
        return pa.concat_tables([rows, rows.slice(2, 1)]), told

    def instead(rows: pa.Table, told: dict[str, str]) -> Any:
        return pa.concat_tables([rows.slice(0, 5), rows.slice(2, 1)]), told

    def elsewhere(rows: pa.Table, told: dict[str, str]) -> Any:
        return put(rows, "position", pa.array([4, 5, 6, 7, 8, 30], pa.int64())), told

    for change, expected, seen_quickly in (
        (without(6), ("rows.count", 4), True),
        (twice, ("rows.count", 4), True),
        (instead, ("rows.repeated", 6), False),
        (elsewhere, ("rows.foreign", 30), False),
    ):
        rewritten(log.files()[1], change)
        (fault,) = faults(log)
        assert (fault.code, fault.position) == expected
        assert codes(log, quick=True) == ([expected[0]] if seen_quickly else [])
        log.files()[1].write_bytes(good)
    assert faults(log) == []


def test_two_structs_in_a_row_or_a_wrong_one(log: ParquetLog):
    log.append(log_rows([tag("a"), Row(type="note_added", data={"text": "x"}), tag("b")]))
    good = log.files()[0].read_bytes()
    kind = pq.read_schema(log.files()[0]).field("tag_added").type
    two = pa.array([{"tag": "a"}, {"tag": "x"}, {"tag": "b"}], kind)
    none = pa.array([{"tag": "a"}, None, None], kind)
    wrong = pa.array(["tag_added", "tag_added", "tag_added"])
    unknown = pa.array(["tag_added", "note_added", "tag_gone"])
    for name, column, position in (("tag_added", two, 2), ("tag_added", none, 3), ("type", wrong, 2), ("type", unknown, 3)):
        rewritten(log.files()[0], lambda rows, told, name=name, column=column: (put(rows, name, column), told))
        (fault,) = faults(log)
        assert (fault.code, fault.position) == ("struct.type", position)
        log.files()[0].write_bytes(good)


@pytest.mark.parametrize("change", ["position", "time", "link", "genesis"])
def test_marks_that_do_not_fit_the_file_before(log: ParquetLog, change: str):
    grown(log, [3, 4, 5])
    which = 0 if change == "genesis" else 1

    def wrong(rows: pa.Table, told: dict[str, str]) -> Any:
        if change == "position":
            return put(rows, "position", pa.array([5, 6, 7, 8], pa.int64())), told | {
                "clientbook.first_position": "5",
                "clientbook.last_position": "8",
            }
        if change == "time":
            return rows, told | {"clientbook.recorded_at": "2001-01-01T00:00:00+00:00"}
        return rows, told | {"clientbook.previous_digest": "ab" * 32}

    rewritten(log.files()[which], wrong)
    expected = {"position": "chain.position", "time": "chain.time", "link": "chain.link", "genesis": "chain.link"}[change]
    for quick in (False, True):
        found = faults(log, quick=quick)
        assert found[0].code == expected
        assert found[0].position == (1 if change == "genesis" else 4)


def test_marks_that_make_no_sense(log: ParquetLog):
    """A file whose own digest is right may still say anything."""
    grown(log, [3, 4])
    seal(log, POLICY)
    grown(log, [2], start=7)
    for which, name, text in (
        (0, "clientbook.commits", "AAAA"),
        (0, "clientbook.commits", "é"),
        (0, "clientbook.first_commit", "-3"),
        (1, "clientbook.digest", "xyz"),
        (1, "clientbook.last_position", "many"),
        (1, "clientbook.first_position", "20"),
        (1, "clientbook.last_position", "0"),
        (1, "clientbook.recorded_at", "noon"),
        (1, "clientbook.commit", "99999999999999999999999"),
    ):
        path = log.files()[which]
        good = path.read_bytes()
        rewritten(path, lambda rows, told, name=name, text=text: (rows, told | {name: text}))
        for quick in (False, True):
            found = faults(log, quick=quick)
            assert found, (name, text)
            assert any(fault.file and fault.file.endswith(path.name) for fault in found)
        path.write_bytes(good)
    assert faults(log) == []


def test_a_row_group_statistic_that_lies(log: ParquetLog):
    """Readers skip rows by it in silence, and page checksums do not cover it."""
    log.append(log_rows([tag(f"t{number}", customer_id=f"c{number}") for number in range(9)]))
    (path,) = log.files()
    data = path.read_bytes()
    start = footer_start(path)
    place = data.index(b"c8", start)
    path.write_bytes(data[:place] + b"c1" + data[place + 2 :])
    (fault,) = faults(log)
    assert fault.code == "file.digest"


def test_a_log_that_is_whole_has_no_fault_and_is_not_changed(partly_sealed: ParquetLog):
    partly_sealed.append(foreign(3))
    before = state(partly_sealed.folder)
    for quick in (False, True):
        found = verify_log(partly_sealed, quick=quick)
        assert found.faults == []
        assert (found.files, found.commits, found.events, found.position) == (5, 6, 33, 33)
        assert found.digest == partly_sealed.head().digest
        assert found.erased == {}
    assert state(partly_sealed.folder) == before


def test_an_empty_log_is_sound(log: ParquetLog):
    found = verify_log(log)
    assert (found.faults, found.files, found.events, found.position, found.digest) == ([], 0, 0, 0, GENESIS)


# What only the book sees.


def test_an_event_recorded_twice_under_two_positions(book: Book, lines: Any):
    book.append_lines(lines({"type": "tag_added", "id": "1", "customer": {"email": "a@example.com"}, "data": {"tag": "x"}}))
    rows = book.log.folder.parent
    again = next(iter(book.log.read())).to_pylist()[-1]
    known = log_rows([tag("again", id=None, customer_id=again["customer_id"])])
    book.log.append(known)
    path = book.log.files()[-1]
    same = pa.array([again["event_id"]], pa.binary(16))
    rewritten(path, lambda table, told: rechained(path, put(table, "event_id", same)))
    assert verify_log(book.log).faults == []
    (fault,) = Book(rows).verify().faults
    assert (fault.code, fault.position) == ("ids.repeated", again["position"])
    assert Book(rows).verify(quick=True).faults == []


def test_a_kept_table_that_is_not_what_the_log_says(book: Book, lines: Any):
    book.append_lines(
        lines(
            {
                "type": "order_placed",
                "customer": {"email": "a@example.com"},
                "data": {"order_id": "1", "total": "5", "currency": "EUR"},
            }
        )
    )
    assert book.verify().faults == []
    (path,) = book.folder.glob("state/tables/*/*/orders-*.parquet")
    table = pq.read_table(path)
    pq.write_table(put(table, "gross", pa.array([6], table["gross"].type)), path)
    (fault,) = book.verify().faults
    assert fault.code == "state.differs"
    assert fault.file
    assert fault.file.startswith("state/")
    assert book.verify(quick=True).faults == []
    book.rebuild().close()
    assert book.verify().faults == []


__all__ = ["event_id", "mixed", "order", "sealed_files"]
