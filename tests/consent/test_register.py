"""The record of processing activities says what the book is set to and holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from clientbook.book import Book
from clientbook.cli.main import cli
from clientbook.consent.register import personal_fields
from clientbook.events.personal import ProfileUpdated
from clientbook.settings import InvalidSettings

SETTINGS = """
[consent]
controller = "Savonnerie SARL"
used_purposes = ["newsletter", "club"]
channels = ["email", "post"]
[consent.purposes]
club = "own_offers"
[consent.retention]
prospect_months = 18
[messages.letter]
channel = "email"
purpose = "newsletter"
[register]
contact = "3 rue du Pont | Lyon"
dpo = "Nora Petit"
security = ["the shop's disk is encrypted"]
[[register.recipients]]
name = "Routeur <SA>"
service = "mailing"
country = "US"
transfer = "standard clauses"
"""


@pytest.fixture
def run(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")
    settings = book.folder / "book.toml"
    kept = [one for one in settings.read_text().splitlines() if not one.startswith("name")]
    settings.write_text('name = "Savonnerie"\n' + "\n".join(kept) + SETTINGS)
    said = {
        "type": "profile_updated",
        "occurred_at": "2026-03-01T10:00:00Z",
        "source": "till",
        "customer": {"email": "a@b.fr"},
    }
    assert not book.append_lines([json.dumps(said | {"data": {"family_name": "Lefèvre"}}).encode()]).rejects

    def go(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["--book", str(book.folder), "register", *arguments])

    return go


def test_it_names_what_the_book_is_set_to(run: Any) -> None:
    said = json.loads(run("--json").stdout)
    assert said["controller"]["name"] == "Savonnerie SARL"
    purposes = {one["purpose"]: one for one in said["purposes"]}
    assert purposes["newsletter"]["messages"] == ["letter"]
    assert "L34-5" in purposes["club"]["legal_basis"]
    assert purposes["club"]["channels"] == ["email", "post"]
    assert said["retention"]["prospect_months"] == 18
    assert said["recipients"][0]["transfer"] == "standard clauses"
    assert [one["source"] for one in said["sources"]] == ["till"]
    assert {one["type"] for one in said["data"]} >= {"profile_updated", "identifier_linked"}


def test_the_document_has_it_all_and_no_cell_breaks_the_table(run: Any, tmp_path: Path) -> None:
    text = run().stdout
    for part in (
        "Savonnerie SARL",
        "3 rue du Pont \\| Lyon",
        "Nora Petit",
        "Routeur \\<SA>",
        "18 months",
        "disk is encrypted",
    ):
        assert part in text
    assert "Lefèvre" not in text  # categories, never people
    file = tmp_path / "register.md"
    assert run("--out", str(file)).exit_code == 0
    assert file.read_text().split("\n", 4)[4] == text.split("\n", 4)[4]


def test_personal_fields_are_those_that_erasure_removes() -> None:
    found = personal_fields(ProfileUpdated)
    assert {"family_name", "email", "address.city", "siren"} <= set(found)
    assert not {"sector", "headcount", "cleared"} & set(found)


def test_an_unknown_entry_is_refused(book: Book) -> None:
    settings = book.folder / "book.toml"
    settings.write_text(settings.read_text() + "\n[register]\ndpd = 'x'\n")
    with pytest.raises(InvalidSettings):
        Book(book.folder)
