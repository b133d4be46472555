"""Certificates: what they say, and that whoever changes one, or the book, is found out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ticking import TickingClock

from clientbook.book import Book
from clientbook.consent.certificate import Certificate, Checked
from clientbook.consent.certificate_text import UnreadableCertificate, read, written
from clientbook.i18n import speaking

ZOE = "zoe@example.com"
WORDING = "[ ] I want the letter.\n```json\n{}\n```\n<script>alert('x')</script> | a cell & more"
NAME = "<b>Zoé</b> | *Lefèvre*"


def line(type: str, at: str, customer: str | None = ZOE, **data: Any) -> bytes:
    said: dict[str, Any] = {"type": type, "occurred_at": f"{at}T10:00:00Z", "source": "shop", "data": data}
    return json.dumps(said | ({"customer": {"email": customer}} if customer else {})).encode()


def made_in(folder: Path) -> Book:
    """Zoé agreed to the letter in March 2026 and took it back in June; Nora is somebody else."""
    book = Book.create(folder, clock=TickingClock())
    wording = {"notice_id": "letter", "version": "2", "language": "en", "text": WORDING}
    wording["sha256"] = sha256(WORDING.encode()).hexdigest()
    agreed = {"channel": "email", "purposes": ["newsletter"], "notice_id": "letter", "notice_version": "2"}
    commits = (
        [
            line("notice_published", "2026-01-01", None, **wording),
            line("customer_registered", "2026-03-01", kind="person", collected_via="newsletter_form"),
            line("profile_updated", "2026-03-01", family_name=NAME, email=ZOE),
            line("consent_requested", "2026-03-01", **agreed, surface="footer", confirmation=True),
            line("consent_confirmed", "2026-03-02", **agreed, method="one_click_post"),
        ],
        [line("note_added", "2026-04-01", "nora@example.com", text="hello")],
        [line("consent_withdrawn", "2026-06-01", channel="email", purposes=["newsletter"], method="link")],
    )
    for lines in commits:
        assert not book.append_lines(lines).rejects
    return book


@pytest.fixture
def shop(tmp_path: Path) -> Book:
    """A book that the test may change."""
    return made_in(tmp_path / "shop")


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The same book, which tests only read."""
    return made_in(tmp_path_factory.mktemp("still") / "shop")


@pytest.fixture(scope="module")
def true(still: Book) -> Certificate:
    return in_may(still)


def certified(book: Book, **asked: Any) -> Certificate:
    return book.certifier.certify(ZOE, **asked)


def checked(book: Book, stated: Certificate) -> Checked:
    return Book(book.folder).certifier.check(stated)


def what(found: Checked) -> list[str]:
    return [one.what for one in found.differences]


def in_may(book: Book) -> Certificate:
    return certified(book, channel="email", purpose="newsletter", at=datetime(2026, 5, 1, 12, tzinfo=UTC))


def test_it_says_the_acts_with_their_wording_and_the_decision_of_that_day(still: Book) -> None:
    shop, stated = still, in_may(still)
    assert [act.act for act in stated.acts] == ["consent_requested", "consent_confirmed"]
    assert [notice.text for notice in stated.notices] == [WORDING]
    (decided,) = stated.decisions
    assert (decided.decision, decided.reason_code) == ("allow", "OK_CONSENT")
    assert certified(shop, channel="email", purpose="newsletter").decisions[0].reason_code == "CONSENT_WITHDRAWN"
    assert len(certified(shop).decisions) == len(shop.settings.consent.channels) * len(shop.settings.consent.used_purposes)


def test_the_book_confirms_it_in_any_language_also_after_sealing_and_more_events(shop: Book) -> None:
    documents = []
    for language, form in (("en", "html"), ("fr", "md")):
        with speaking(language):
            documents += [written(one, form) for one in (in_may(shop), certified(shop))]  # type: ignore[arg-type]
    shop.append_lines([line("consent_given", "2026-06-20", channel="sms", purposes=["own_offers"])])
    shop.seal()
    for document in documents:
        stated, changed = read(document.encode())
        assert (changed, checked(shop, stated)) == ([], Checked(position=stated.position, digest=stated.chain_digest))


def test_a_certificate_of_what_was_known_earlier_is_confirmed_too(still: Book) -> None:
    marks = still.log.commits().marks
    for known_at in (marks[0].recorded_at, marks[1].recorded_at + timedelta(microseconds=1)):
        stated = certified(still, known_at=known_at)
        assert stated.position < still.log.head().position
        assert len(stated.acts) == 2
        assert checked(still, stated).is_confirmed


@pytest.mark.parametrize("form", ["md", "html"])
def test_any_changed_character_is_found(true: Certificate, form: Any) -> None:
    document = written(true, form)
    unseen = []
    for place in range(0, len(document), 61):
        other = document[:place] + ("x" if document[place] != "x" else "y") + document[place + 1 :]
        try:
            _stated, changed = read(other.encode())
        except UnreadableCertificate:
            continue
        if not changed:
            unseen.append((place, document[place - 20 : place + 20]))
    assert unseen == []
    for other in (document + "\n", document.replace("\n", "\r\n"), "\ufeff" + document):
        try:
            assert read(other.encode())[1]
        except UnreadableCertificate:
            continue


ACT = {"occurred_at": datetime(2026, 3, 3, tzinfo=UTC)}
FORGERIES: dict[str, tuple[Any, str]] = {
    "a date": (lambda one: {"acts": [*one.acts[:1], replaced(one.acts[1], **ACT)]}, "acts 2 occurred_at"),
    "a source": (lambda one: {"acts": [replaced(one.acts[0], source="crm"), *one.acts[1:]]}, "acts 1 source"),
    "an act less": (lambda one: {"acts": one.acts[:1]}, "acts"),
    "an act more": (lambda one: {"acts": [*one.acts, one.acts[1]]}, "acts"),
    "a wording": (lambda one: {"notices": [replaced(one.notices[0], text="I agree to all.")]}, "notices 1 text"),
    "a decision": (lambda one: {"decisions": [replaced(one.decisions[0], decision="deny")]}, "decisions 1 decision"),
    "a fact": (lambda one: {"facts": one.facts | {"age": 40}}, "facts age"),
    "the person": (lambda one: {"customer": replaced(one.customer, name="Nora")}, "customer name"),
    "another person": (lambda one: {"customer": replaced(one.customer, customer_id="nobody00")}, "customer"),
    "the day": (lambda one: {"at": datetime(2027, 5, 1, tzinfo=UTC)}, "as_of"),
    "the position": (lambda one: {"position": 5}, "position"),
    "no position": (lambda one: {"position": 99}, "position"),
    "the chain": (lambda one: {"chain_digest": "0" * 64}, "chain_digest"),
    "the chain's end": (lambda one: {"chain_digest": one.chain_digest[:-1] + "?"}, "chain_digest"),
    "a short chain": (lambda one: {"chain_digest": one.chain_digest[:4]}, "chain_digest"),
    "the commit's time": (lambda one: {"recorded_at": one.recorded_at - timedelta(days=9)}, "recorded_at"),
    "made too early": (lambda one: {"made_at": one.recorded_at - timedelta(days=9)}, "made_at"),
    "an event": (lambda one: {"evidence": [replaced(one.evidence[0], digest="0" * 64), *one.evidence[1:]]}, "evidence 1"),
    "fewer events": (lambda one: {"evidence": one.evidence[1:]}, "evidence"),
    "a rule": (lambda one: {"rule_pack": "fr@2026-08-11"}, "rule_pack"),
    "the policy": (lambda one: {"policy": replaced(one.policy, text=one.policy.text.replace("36", "99"))}, "policy"),
    "no policy": (lambda one: {"policy": replaced(one.policy, text="{")}, "policy"),
    "its adoption": (lambda one: {"policy": replaced(one.policy, adopted_at=one.at)}, "policy"),
    "who is responsible": (lambda one: {"controller": "Somebody else"}, "controller"),
    "what was known": (lambda one: {"known_at": datetime(2026, 1, 1, tzinfo=UTC)}, "known_at"),
}


def replaced(part: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(part, **changes)


@pytest.mark.parametrize("name", FORGERIES)
def test_a_certificate_forged_in_text_and_data_alike_is_not_confirmed(still: Book, true: Certificate, name: str) -> None:
    forge, named = FORGERIES[name]
    stated, changed = read(written(replaced(true, **forge(true)), "md").encode())
    assert changed == []  # it agrees with itself; only the book knows better
    assert named in what(still.certifier.check(stated))


def test_a_policy_adopted_since_changes_nothing_about_the_past(shop: Book) -> None:
    stated = certified(shop)
    settings = shop.folder / "book.toml"
    settings.write_text(settings.read_text() + "\n[consent]\nreconfirm_months = 1\nchannels = ['post']\n")
    assert checked(shop, stated).is_confirmed


def test_another_book_does_not_confirm_it(shop: Book, tmp_path: Path) -> None:
    other = Book.create(tmp_path / "other", clock=shop.clock)
    other.append_lines([line("note_added", "2026-04-01", text="hello")])
    assert what(checked(other, in_may(shop)))[0] == "position"


def test_after_an_erasure_it_names_the_ledgers_entry(shop: Book) -> None:
    stated = in_may(shop)
    with shop.snapshot() as snapshot:
        zoe = shop.find(snapshot, ZOE)
    number = shop.eraser.erase(zoe, ground="request").number
    found = checked(shop, stated)
    assert (found.erased, found.differences, found.is_confirmed) == ([number], [], False)
    shop.seal()
    assert checked(shop, stated).erased == [number]


def test_erasing_somebody_else_does_not_matter(shop: Book) -> None:
    stated = in_may(shop)
    with shop.snapshot() as snapshot:
        nora = shop.find(snapshot, "nora@example.com")
    shop.eraser.erase(nora, ground="request")
    assert checked(shop, stated).is_confirmed
    shop.seal()  # the digest at the position is then computed from what is left and the ledger
    assert checked(shop, stated).is_confirmed


def test_nothing_a_person_or_a_wording_says_becomes_markup(true: Certificate) -> None:
    page = written(true, "html")
    assert page.count("<script") == 1
    assert "<b>" not in page
    text = written(true, "md")
    assert r"\<b\>Zoé\</b\> \| \*Lefèvre\*" in text


def test_the_command_says_what_differs_and_never_whom(still: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from clientbook.cli.main import cli

    monkeypatch.setenv("CLIENTBOOK_LANG", "en")
    file = tmp_path / "zoe.md"

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["--book", str(still.folder), *arguments])

    assert run("consent", "certificate", ZOE, "--out", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("verify", "--certificate", str(file)).exit_code == 0
    file.write_text(file.read_text().replace("2026-03-01 11:00", "2026-03-04 11:00"))
    done = run("verify", "--certificate", str(file))
    assert done.exit_code == 3
    assert "line " in done.stderr
    assert ZOE not in done.stderr
    found = json.loads(run("verify", "--certificate", str(file), "--json").stdout)
    assert found["ok"] is False
    file.write_bytes(b"\xff nothing")
    with pytest.raises(UnreadableCertificate):
        read(file.read_bytes())
