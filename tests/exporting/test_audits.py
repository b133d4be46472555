"""An export of the past is made again: the same bytes after everything that may change but an erasure."""

from __future__ import annotations

import pytest
from exporting_books import agreed, fill, person, shop, withdrew

from clientbook.book import Book
from clientbook.exporting.desk import Audit, Wish
from clientbook.exporting.manifest import NoSuchExport, campaign_name, find_export
from clientbook.importing.noting import happened


def exported(book: Book, **wish: str) -> str:
    asked = {"destination": "brevo", "segment": "friends", "channel": "email", "purpose": "newsletter"} | wish
    prepared = book.exports.prepare(Wish(**asked))
    book.exports.record(prepared)
    return prepared.manifest.manifest_id


def audited(book: Book, manifest: str) -> Audit:
    desk = book.exports
    return desk.audit(find_export(desk.made(), manifest))


def defined(book: Book, rule: str) -> None:
    data = {"segment_id": "friends", "rule": rule, "parameters": {"n": "0"}}
    book.note(happened(None, [("segment_defined", data)]), occurred_at=book.clock())


@pytest.fixture
def friends(book: Book) -> Book:
    shop(book)
    defined(book, "event_count > $n")
    return book


def test_the_same_bytes_after_everything_has_changed(friends: Book) -> None:
    manifest = exported(friends)
    defined(friends, "false")
    fill(friends, [withdrew("anna@example.com"), *person("new@example.com", "Nina", "Neuf"), agreed("new@example.com")])
    settings = friends.folder / "book.toml"
    settings.write_text(settings.read_text() + '\n[consent]\nminimum_proof_grade = "A"\nreconfirm_months = 1\n')
    later = Book(friends.folder, clock=friends.clock)
    assert later.exports.made()
    later.rebuild()
    audit = audited(later, manifest)
    assert audit.is_same
    assert audit.audience.counts == audit.export.manifest.counts


def test_the_manifest_says_what_the_export_was(friends: Book) -> None:
    exported(friends)
    manifest = friends.exports.made()[0].manifest
    assert (manifest.segment_id, manifest.rule, manifest.parameters) == ("friends", "event_count > $n", {"n": "0"})
    assert manifest.rule_version and manifest.digest and manifest.policy and manifest.rule_pack
    assert manifest.campaign == "2026-07-01-friends"
    exported(friends)
    assert friends.exports.made()[1].manifest.campaign == "2026-07-01-friends-2"


def test_an_erasure_is_the_one_thing_that_changes_the_past_and_is_said(friends: Book) -> None:
    manifest = exported(friends)
    with friends.snapshot() as snapshot:
        customer = friends.find(snapshot, "anna@example.com")
    friends.eraser.erase(customer, ground="request")
    audit = audited(friends, manifest)
    assert not audit.is_same
    assert audit.erased_since == 1
    assert b"anna" not in audit.data


def test_an_export_is_named_by_its_number_the_beginning_of_it_or_its_campaign(friends: Book) -> None:
    manifest = exported(friends, campaign="été")
    made = friends.exports.made()
    assert find_export(made, "été") == find_export(made, manifest) == find_export(made, manifest[:17])
    with pytest.raises(NoSuchExport):
        find_export(made, "hiver")


def test_a_campaign_is_named_after_day_and_segment() -> None:
    from datetime import date

    day = date(2026, 3, 31)
    assert campaign_name(day, "Bons clients été", []) == "2026-03-31-bons-clients-ete"
    assert campaign_name(day, "x", ["2026-03-31-x", "2026-03-31-x-2"]) == "2026-03-31-x-3"
    assert campaign_name(day, "…", []) == "2026-03-31-audience"
