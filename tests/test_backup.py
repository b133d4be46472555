"""Backup and restore: a copy that is whole, that shares nothing with the book, and that keeps erased people erased."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from shop_with_people import (
    ANA,
    ANAS_WORDS,
    ANNA,
    append,
    assert_proved,
    bring,
    created,
    customer,
    figures,
    fill,
    line,
    order,
    rows,
    traces,
)

from clientbook import backup
from clientbook.backup import BackupFailed, DamagedBackup
from clientbook.book import Book, RestoredBook
from clientbook.log.base import DamagedLog
from clientbook.log.verifying import verify_log
from clientbook.projection.digest import tables_digest


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of two people and two orders in two commits, made once and copied."""
    made = created(tmp_path_factory.mktemp("small") / "book")
    who = {"email": ANA, "external": "C-7700"}
    append(made, line("tag_added", who, tag="x"), order("ORD-1001", ANA, "5", "2026-01-31T23:30:00Z"))
    append(made, line("tag_added", ANNA, tag="y"), line("order_placed", None, order_id="G", total="1", currency="EUR"))
    made.snapshot().close()
    return made.folder


@pytest.fixture
def book(small: Path, tmp_path: Path) -> Book:
    shutil.copytree(small, tmp_path / "book", symlinks=True)
    return Book(tmp_path / "book")


@pytest.fixture(scope="session")
def erased_twice(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("erased") / "book"
    shutil.copytree(small, folder, symlinks=True)
    made = Book(folder)
    for who in (ANNA, ANA):
        made.eraser.erase(customer(made, who), ground="request")
    assert_proved(made)
    return folder


def restored(source: Path, folder: Path) -> Book:
    backup.restore(source, folder)
    backup.no_later_erasures(folder)
    return Book(folder)


def contents(book: Book) -> dict[str, str]:
    with book.snapshot() as snapshot:
        return tables_digest(snapshot)


def test_only_new_files_are_copied(book: Book, tmp_path: Path):
    target = tmp_path / "stick" / "copy"
    first = book.back_up(target)
    assert first.files_copied == first.files == 5  # settings, format, key, two commits
    again = book.back_up(target)
    assert (again.files_copied, again.bytes_copied, again.files, again.files_removed) == (0, 0, 5, 0)
    append(book, line("tag_added", ANNA, tag="z"))
    later = book.back_up(target)
    assert (later.files_copied, later.files) == (1, 6)
    size = (book.log.files()[-1]).stat().st_size
    assert later.bytes_copied == size
    book.seal()
    sealed = book.back_up(target)
    assert (sealed.files_copied, sealed.files, sealed.files_removed) == (1, 4, 3)
    assert len(list((target / "files").iterdir())) == 4
    assert backup.read_manifest(target).position == book.log.head().position
    assert [one["folder"] for one in backup.known_backups(book.folder)] == [str(target)]


def test_a_copy_shares_no_file_with_the_book(book: Book, tmp_path: Path):
    book.seal()
    append(book, line("tag_added", ANNA, tag="z"))
    book.back_up(tmp_path / "copy")
    copied = [path.stat() for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    own = {path.stat().st_ino for path in book.folder.rglob("*") if path.is_file()}
    assert {one.st_nlink for one in copied} == {1}
    assert not {one.st_ino for one in copied} & own
    back = restored(tmp_path / "copy", tmp_path / "back")
    there = {path.stat().st_ino for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert not {path.stat().st_ino for path in back.folder.rglob("*") if path.is_file()} & there


def test_a_copy_and_what_comes_back_of_it_are_private(book: Book, tmp_path: Path):
    before = os.umask(0)
    try:
        book.eraser.erase(customer(book, ANNA), ground="request")
        book.back_up(tmp_path / "copy")
        book.eraser.erase(customer(book, ANA), ground="request")
        restored(tmp_path / "copy", tmp_path / "back")
    finally:
        os.umask(before)
    for folder in (tmp_path / "copy", tmp_path / "back"):
        for path in (folder, *folder.rglob("*")):
            if "state/" not in str(path) and not path.is_symlink():
                assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_what_comes_back_is_the_same_book(book: Book, tmp_path: Path):
    orders = f"numéro,date,e-mail,total\n1,no date,{ANNA},6\n2,01/06/2026,{ANNA},7\n"
    assert bring(book, orders, "orders.csv").rejects_file
    book.seal()
    append(book, line("tag_added", ANNA, tag="z"))
    book.back_up(tmp_path / "copy")
    back = restored(tmp_path / "copy", tmp_path / "back")
    assert contents(back) == contents(book)
    assert (back.log.head(), back.log.commits().marks) == (book.log.head(), book.log.commits().marks)
    assert rows(back) == rows(book)
    for name in ("book.toml", "log/key", "log/FORMAT.json"):
        assert (back.folder / name).read_bytes() == (book.folder / name).read_bytes()
    assert [one.read_bytes() for one in sorted((back.folder / "rejects").iterdir())] == [
        one.read_bytes() for one in sorted((book.folder / "rejects").iterdir())
    ]
    assert_proved(back)
    assert append(back, line("tag_added", ANNA, tag="z")).rows_duplicate == 1
    assert append(back, line("tag_added", ANNA, tag="zz")).rows_used == 1
    back.seal(everything=True)
    assert_proved(back)


def test_a_target_that_holds_something_else_is_refused(book: Book, tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    other = Book.create(tmp_path / "other", currency="EUR", timezone="Europe/Paris")
    other.back_up(tmp_path / "theirs")
    before = sorted(path.name for path in tmp_path.rglob("*") if path.suffix != ".lock")
    for target in (tmp_path / "full", tmp_path / "theirs", tmp_path / "other", book.folder, book.folder / "log" / "x"):
        with pytest.raises(BackupFailed):
            book.back_up(target)
    os.symlink(book.folder, tmp_path / "link")
    with pytest.raises(BackupFailed):
        book.back_up(tmp_path / "link" / "copy")
    (tmp_path / "link").unlink()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.suffix != ".lock") == before


def test_a_copy_of_a_later_state_is_not_overwritten(book: Book, tmp_path: Path):
    book.back_up(tmp_path / "early")
    append(book, line("tag_added", ANNA, tag="z"))
    book.back_up(tmp_path / "copy")
    back = restored(tmp_path / "early", tmp_path / "back")
    before = {path.name: path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    with pytest.raises(BackupFailed, match="does not have"):
        back.back_up(tmp_path / "copy")
    append(back, line("tag_added", ANNA, tag="another"))  # now as far as the copy, but other events
    with pytest.raises(BackupFailed, match="does not have"):
        back.back_up(tmp_path / "copy")
    append(back, line("tag_added", ANNA, tag="more"))
    with pytest.raises(BackupFailed, match="does not have"):
        back.back_up(tmp_path / "copy")
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file()} == before
    assert back.back_up(tmp_path / "early").position == back.log.head().position
    with pytest.raises(BackupFailed, match="does not have"):
        book.back_up(tmp_path / "early")


def test_damage_in_a_copy_is_found_and_not_put_back(book: Book, tmp_path: Path):
    book.back_up(tmp_path / "copy")
    pool = sorted((tmp_path / "copy" / "files").iterdir())
    for path in [*pool, tmp_path / "copy" / "backup.json"]:
        good = path.read_bytes()
        for wrong in (good[:-1], bytes([good[0] ^ 1]) + good[1:], None):
            path.unlink() if wrong is None else path.write_bytes(wrong)
            with pytest.raises(BackupFailed), backup.opened(tmp_path / "copy"):
                pass
            with pytest.raises(BackupFailed):
                backup.restore(tmp_path / "copy", tmp_path / "back")
            shutil.rmtree(tmp_path / "back", ignore_errors=True)
            path.write_bytes(good)
    with backup.opened(tmp_path / "copy") as folder:
        assert Book(folder).verify().faults == []
    restored(tmp_path / "copy", tmp_path / "back")


@pytest.mark.parametrize("path", ["../evil", "/tmp/evil", "log/../../evil"])
def test_a_manifest_cannot_write_outside(book: Book, tmp_path: Path, path: str):
    book.back_up(tmp_path / "copy")
    manifest = tmp_path / "copy" / "backup.json"
    manifest.write_text(manifest.read_text().replace("log/FORMAT.json", path))
    with pytest.raises(DamagedBackup):
        backup.restore(tmp_path / "copy", tmp_path / "in" / "back")
    assert not (tmp_path / "evil").exists()


def test_a_folder_that_is_not_empty_is_not_restored_into(book: Book, tmp_path: Path):
    book.back_up(tmp_path / "copy")
    with pytest.raises(BackupFailed, match="not empty"):
        backup.restore(tmp_path / "copy", book.folder)
    with pytest.raises(BackupFailed, match="no backup"):
        backup.restore(book.folder, tmp_path / "back")


def test_a_restored_book_opens_when_somebody_said_what_became_of_erasures(book: Book, tmp_path: Path):
    book.back_up(tmp_path / "copy")
    backup.restore(tmp_path / "copy", tmp_path / "back")
    for _time in range(2):
        with pytest.raises(RestoredBook, match="none-later"):
            Book(tmp_path / "back")
    with pytest.raises(BackupFailed):
        backup.replay_erasures(tmp_path / "back", tmp_path)
    with pytest.raises(RestoredBook):
        Book(tmp_path / "back")
    assert backup.replay_erasures(tmp_path / "back", book.folder) == 0
    assert_proved(Book(tmp_path / "back"))


@pytest.mark.slow
def test_a_ledger_of_another_book_is_refused(book: Book, tmp_path: Path):
    book.back_up(tmp_path / "copy")
    book.eraser.erase(customer(book, ANNA), ground="request")
    other = Book.create(tmp_path / "other", currency="EUR", timezone="Europe/Paris")
    append(other, line("tag_added", ANA, tag="x"))
    other.eraser.erase(customer(other, ANA), ground="request")
    book.back_up(tmp_path / "copy")
    backup.restore(tmp_path / "copy", tmp_path / "back")
    with pytest.raises(BackupFailed, match="no ledger of this book"):
        backup.replay_erasures(tmp_path / "back", other.folder)
    with pytest.raises(RestoredBook):
        Book(tmp_path / "back")


@pytest.mark.slow
@pytest.mark.parametrize("by", ["book", "ledger", "later copy", "told copy"])
def test_somebody_erased_after_the_copy_stays_erased(tmp_path: Path, by: str):
    book = created(tmp_path / "book")
    ids = fill(book, seals=by in ("book", "told copy"))
    copy = tmp_path / "copy"
    book.back_up(copy)
    if by != "told copy":
        shutil.move(copy, tmp_path / "away")
        copy = tmp_path / "away"
    append(book, line("tag_added", ANNA, tag="after"), order("ORD-1009", ANA, "3", "2026-06-09T10:00:00Z"))
    words = [*ANAS_WORDS, ids["ana"], ids["second"]]
    before = rows(book)
    earned = figures(book)
    done = book.eraser.erase(ids["ana"], ground="request")
    assert figures(book) == earned
    assert [one["told"] for one in done.backups] == [by == "told copy"]
    if by == "later copy":
        book.back_up(tmp_path / "later")

    backup.restore(copy, tmp_path / "back")
    assert traces(tmp_path / "back", [ANA])
    if by == "told copy":
        backup.no_later_erasures(tmp_path / "back")
    else:
        other = {"book": book.folder, "ledger": book.folder / "ledger", "later copy": tmp_path / "later"}[by]
        if by == "ledger":
            shutil.copytree(other, tmp_path / "usb" / "ledger")
            other = tmp_path / "usb" / "ledger"
        assert backup.replay_erasures(tmp_path / "back", other) == 1
    back = Book(tmp_path / "back")

    assert traces(back.folder, words) == []
    assert [path.read_bytes() for path in sorted((back.folder / "ledger").glob("*.json"))] == [
        path.read_bytes() for path in sorted((book.folder / "ledger").glob("*.json"))
    ]
    touched = {row.position for row in book.log.ledger.entries()[0].rows}
    after, here = rows(back), rows(book)
    last = backup.read_manifest(copy).position
    assert {one: row for one, row in after.items() if one <= last} == {one: row for one, row in here.items() if one <= last}
    assert {one: row for one, row in after.items() if one not in touched and one <= last} == {
        one: row for one, row in before.items() if one not in touched and one <= last
    }
    assert_proved(back)
    assert (back.folder / "ledger" / "suppression.txt").read_text() == (
        book.folder / "ledger" / "suppression.txt"
    ).read_text()
    assert append(back, line("tag_added", {"email": ANA}, tag="x"), refused=1).events == 0


@pytest.mark.parametrize("told", [True, False])
def test_somebody_who_was_not_in_the_copy_yet_does_not_come_back_either(tmp_path: Path, told: bool):
    book = created(tmp_path / "book")
    append(book, line("tag_added", ANNA, tag="x"))
    book.back_up(tmp_path / "copy")
    append(book, line("tag_added", ANA, tag="x"))
    book.eraser.erase(customer(book, ANA), ground="request")
    backup.restore(tmp_path / "copy", tmp_path / "back")
    if told:
        backup.no_later_erasures(tmp_path / "back")
    else:
        shutil.rmtree(tmp_path / "copy" / "later")
        shutil.rmtree(tmp_path / "back")
        backup.restore(tmp_path / "copy", tmp_path / "back")
        backup.replay_erasures(tmp_path / "back", book.folder)
    back = Book(tmp_path / "back")
    assert append(back, line("tag_added", ANA, tag="x"), refused=1).events == 0
    assert_proved(back)


def test_a_copy_made_between_a_refund_and_its_order(tmp_path: Path):
    """The order's new name must not depend on rows that the older state has not got."""
    book = created(tmp_path / "book")
    append(book, line("order_refunded", ANA, order_id="ORD-1", amount="2", currency="EUR"))
    book.back_up(tmp_path / "copy")
    append(book, order("ORD-1", ANA, "5", "2026-01-31T23:30:00Z"))
    book.eraser.erase(customer(book, ANA), ground="request")
    back = restored(tmp_path / "copy", tmp_path / "back")
    assert_proved(back)
    assert_proved(book)
    last = backup.read_manifest(tmp_path / "copy").position
    there, here = ({one: row for one, row in rows(each).items() if one <= last} for each in (back, book))
    assert there == here


@pytest.mark.slow
def test_a_new_copy_forgets_who_was_erased(book: Book, tmp_path: Path):
    book.back_up(tmp_path / "copy")
    gone = customer(book, ANA)
    warned = book.eraser.erase(gone, ground="request").backups
    assert [one["folder"] for one in warned] == [str(tmp_path / "copy")]
    assert traces(tmp_path / "copy", [ANA])
    assert (tmp_path / "copy" / "later" / "000001.json").exists()
    book.back_up(tmp_path / "copy")
    assert traces(tmp_path / "copy", [ANA, gone, "ORD-1001", "C-7700"]) == []
    assert not (tmp_path / "copy" / "later").exists()
    back = restored(tmp_path / "copy", tmp_path / "back")
    assert back.log.ledger.unfinished() == []
    assert_proved(back)


@pytest.mark.slow
def test_erasures_of_a_copy_and_of_what_came_back_add_up(book: Book, tmp_path: Path):
    append(book, line("tag_added", "c@example.com", tag="c"))
    book.eraser.erase(customer(book, ANNA), ground="request")
    book.back_up(tmp_path / "copy")
    book.eraser.erase(customer(book, ANA), ground="objection")
    book.eraser.erase(customer(book, "c@example.com"), ground="child")
    back = restored(tmp_path / "copy", tmp_path / "back")
    assert [entry.ground for entry in back.log.ledger.entries()] == ["request", "objection", "child"]
    assert traces(back.folder, [ANA, ANNA, "c@example.com"]) == []
    assert set(back.verify().erased) == {1, 2, 3}
    assert_proved(back)
    with back.snapshot() as snapshot:
        said = snapshot.table("select customer_erased.ledger_number as n from events where customer_erased is not null")
    assert sorted(said["n"].to_pylist()) == [1, 2, 3]


@pytest.mark.parametrize("change", ["ground", "removed", "row", "first", "truncated"])
def test_a_ledger_that_was_changed_is_found(erased_twice: Path, tmp_path: Path, change: str):
    shutil.copytree(erased_twice, tmp_path / "book", symlinks=True)
    first, last = sorted((tmp_path / "book" / "ledger").glob("*.json"))
    if change == "ground":
        last.write_text(last.read_text().replace('"request"', '"child"'))
    elif change == "first":
        first.write_text(first.read_text().replace('"request"', '"child"'))
    elif change == "row":
        last.write_text(last.read_text().replace('"removed"', '"kept"', 1))
    elif change == "truncated":
        last.write_bytes(last.read_bytes()[:-3])
    else:
        last.unlink()
    for quick in (False, True):
        try:
            found = verify_log(Book(tmp_path / "book").log, quick=quick).faults
        except DamagedLog as error:
            assert "ledger" in str(error)
            continue
        assert "ledger" in [fault.code for fault in found]
        assert found[0].file == "ledger"


def test_an_entry_that_was_taken_out_with_its_mark_leaves_a_gap(erased_twice: Path, tmp_path: Path):
    shutil.copytree(erased_twice, tmp_path / "book", symlinks=True)
    for path in (tmp_path / "book" / "ledger").glob("000002.*"):
        path.unlink()
    assert "rows.count" in [fault.code for fault in Book(tmp_path / "book").verify(quick=True).faults]


@pytest.mark.slow
def test_a_copy_that_broke_off_is_still_the_copy_before(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    book.back_up(tmp_path / "copy")
    position = book.log.head().position
    append(book, line("tag_added", ANNA, tag="z"))
    book.seal()
    true = os.rename

    def failing(source: Any, target: Any, **named: Any) -> None:
        if "backup.json" in str(target):
            raise OSError(28, "No space left on device")
        true(source, target, **named)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="No space"):
        book.back_up(tmp_path / "copy")
    monkeypatch.undo()
    with backup.opened(tmp_path / "copy") as folder:
        found = Book(folder).verify()
    assert (found.faults, found.position) == ([], position)
    book.back_up(tmp_path / "copy")
    assert len(list((tmp_path / "copy" / "files").iterdir())) == len(backup.read_manifest(tmp_path / "copy").files)


def test_a_damaged_book_is_not_copied_over_a_good_copy(book: Book, tmp_path: Path):
    book.back_up(tmp_path / "copy")
    path = book.log.files()[0]
    data = bytearray(path.read_bytes())
    data[80] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedLog, match="damaged"):
        book.back_up(tmp_path / "copy")
    restored(tmp_path / "copy", tmp_path / "back")


# Whose word counts.


def test_only_a_later_state_of_this_book_can_say_who_was_erased_since(book: Book, tmp_path: Path):
    copy = tmp_path / "copy"
    book.back_up(copy)
    shutil.move(copy, tmp_path / "away")
    stranger = created(tmp_path / "stranger")
    append(stranger, line("tag_added", ANA, tag="x"))
    stranger.eraser.erase(customer(stranger, ANA), ground="request")
    book.eraser.erase(customer(book, ANA), ground="request")
    back = tmp_path / "back"
    backup.restore(tmp_path / "away", back)
    for other in (stranger.folder, stranger.folder / "ledger", tmp_path / "away", back, back / "ledger"):
        with pytest.raises(BackupFailed):
            backup.replay_erasures(back, other)
        with pytest.raises(RestoredBook):
            Book(back)
    assert backup.replay_erasures(back, book.folder / "ledger") == 1
    Book(back)
    assert traces(back, ANAS_WORDS) == []


def test_a_log_that_lost_its_newest_commit_is_noticed_where_a_copy_was_made(book: Book, tmp_path: Path):
    book.back_up(tmp_path / "copy")
    book.log.files()[-1].unlink()
    (fault,) = Book(book.folder).verify().faults
    assert (fault.code, fault.position) == ("log.short", Book(book.folder).log.head().position + 1)


def test_a_book_whose_ledger_lost_a_file_is_not_copied_over_a_good_copy(book: Book, tmp_path: Path):
    book.eraser.erase(customer(book, ANA), ground="request")
    book.back_up(tmp_path / "copy")
    (book.folder / "ledger" / "suppression.txt").unlink()
    assert [fault.file for fault in book.verify(quick=True).faults] == ["ledger/suppression.txt"]
    with pytest.raises(BackupFailed, match=r"suppression\.txt"):
        book.back_up(tmp_path / "copy")
    assert restored(tmp_path / "copy", tmp_path / "back").log.ledger.suppressed()
