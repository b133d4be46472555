"""The doctor names what is wrong with a book, also with one that does not open, and changes nothing unasked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from clientbook.book import Book
from clientbook.cli.main import cli
from clientbook.doctor import examine
from clientbook.log.files import exclusive


def states(folder: Path, **options: Any) -> dict[str, str]:
    return {one.check: one.state for one in examine(folder, **options)}


@pytest.fixture
def shop(book: Book) -> Book:
    said = {
        "type": "note_added",
        "occurred_at": "2026-03-01T10:00:00Z",
        "customer": {"email": "a@b.fr"},
        "data": {"text": "x"},
    }
    assert not book.append_lines([json.dumps(said).encode()]).rejects
    book.snapshot().close()
    return book


def wrong(folder: Path) -> set[str]:
    return {name for name, state in states(folder).items() if state == "wrong"}


def test_a_sound_book_has_nothing_wrong(shop: Book) -> None:
    assert states(shop.folder) == {
        "permissions": "ok",
        "disk": "ok",
        "settings": "ok",
        "plugins": "ok",
        "lock": "ok",
        "erasures": "ok",
        "book": "ok",
        "policy": "note",
    }


def test_files_that_others_can_read_are_found_and_mended_when_asked(shop: Book) -> None:
    settings = shop.folder / "book.toml"
    settings.chmod(0o644)
    shop.folder.chmod(0o755)
    assert wrong(shop.folder) == {"permissions"}
    assert settings.stat().st_mode & 0o777 == 0o644
    assert states(shop.folder, fix=True)["permissions"] == "ok"
    assert settings.stat().st_mode & 0o777 == 0o600
    assert wrong(shop.folder) == set()


def test_a_book_that_does_not_open_is_examined_all_the_same(shop: Book) -> None:
    settings = shop.folder / "book.toml"
    said = settings.read_text()
    settings.write_text(said + "\nnonsense = 1\n")
    assert wrong(shop.folder) == {"settings"}
    settings.write_text(said)
    (shop.folder / "log" / "key").write_text("lost")
    assert wrong(shop.folder) == {"book"}


def test_an_erasure_that_was_begun_is_found_and_not_finished_by_looking(shop: Book) -> None:
    with shop.snapshot() as snapshot:
        person = shop.find(snapshot, "a@b.fr")
    shop.eraser.erase(person, ground="request")
    (done,) = (shop.folder / "ledger").glob("*.done")
    done.unlink()
    assert wrong(shop.folder) == {"erasures"}
    assert not done.exists()
    Book(shop.folder)
    assert wrong(shop.folder) == set()


def test_somebody_who_writes_is_no_fault(shop: Book) -> None:
    with exclusive(shop.folder / "log" / "lock"):
        assert states(shop.folder)["lock"] == "note"


def test_the_command_ends_with_3_when_something_is_wrong(shop: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["--book", str(shop.folder), "doctor", *arguments])

    assert run().exit_code == 0
    os.chmod(shop.folder / "book.toml", 0o604)
    done = run("--json")
    assert done.exit_code == 3
    found = json.loads(done.stdout)
    assert (found["ok"], found["findings"][0]["paths"]) == (False, ["book.toml"])
    assert run("--fix").exit_code == 0
