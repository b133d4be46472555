"""People who use their rights: what they get, by when, and what is noted of it."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from shop_with_people import created, line

from clientbook.book import Book
from clientbook.cli.diagnostics import guard
from clientbook.cli.main import cli
from clientbook.consent.requests import TooLateToExtend, deadline
from clientbook.consent.rights import RightsDesk
from clientbook.importing.noting import happened, merged

ZOE, ZED, PAUL = "zoe@example.com", "zoe.second@example.com", "paul@example.com"
Run = Callable[..., Result]


@pytest.fixture
def shop(filled: Path, tmp_path: Path) -> Book:
    shutil.copytree(filled, tmp_path / "shop", symlinks=True)
    return Book(tmp_path / "shop")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zoé bought, agreed, was called; another entry of hers was merged. Paul is somebody else. Empty has an entry only."""
    book = created(tmp_path_factory.mktemp("rights") / "shop")
    with (book.folder / "book.toml").open("r+") as settings:
        text = settings.read().replace('name = ""', 'name = "Savonnerie"')
        settings.seek(0)
        settings.write(text)
    sale = {"order_id": "W-1", "total": "20", "currency": "EUR"}
    notice = {"notice_id": "letter", "version": "1", "language": "fr", "text": "Oui, la lettre.", "sha256": "0" * 64}
    events = [
        line("notice_published", None, **notice),
        line("customer_registered", ZOE, kind="person", collected_via="checkout"),
        line("profile_updated", ZOE, email=ZOE, given_name="Zoé", address={"lines": ["1 rue A", "bât. B"], "city": "Lyon"}),
        line(
            "consent_given",
            ZOE,
            channel="email",
            purposes=["newsletter"],
            address=ZOE,
            notice_id="letter",
            notice_version="1",
        ),
        line("order_placed", ZOE, **sale, lines=[{"sku": "S-1", "product": "=Savon", "quantity": "2", "amount": "20"}]),
        line("call_made", ZOE, summary="asks for soap") | {"actor": "Claire Vendeuse"},
        line("message_sent", ZOE, channel="email", purpose="newsletter", manifest="m-1", subject="Mars"),
        line("message_clicked", ZOE, channel="email", url="https://shop.example/"),
        line("survey_answered", ZOE, survey="s", answers={"ok": "yes"}),
        line("tag_added", ZOE, tag="grumpy"),
        line("note_added", ZED, text="<b>her</b> other entry"),
        line("profile_updated", PAUL, email=PAUL, family_name="Martin"),
        line("tag_added", "empty@example.com", tag="x"),
        *(
            line("audience_exported", None, at, manifest={"manifest_id": name, "destination": "mailer", "rule": "all"})
            for name, at in (("m-0", "2020-01-01T10:00:00Z"), ("m-1", "2026-03-01T10:00:00Z"))
        ),
    ]
    done = book.append_lines([json.dumps(one).encode() for one in events])
    assert done.rows_rejected == 0, done.rejects
    book.note(merged(ZOE, [ZED], reason=None), occurred_at=datetime(2026, 3, 1, tzinfo=UTC))
    company = customer(book, PAUL)
    book.note(happened(ZOE, [("profile_updated", {"company_id": company})]), occurred_at=datetime(2026, 3, 2, tzinfo=UTC))
    book.snapshot().close()
    return book.folder


@pytest.fixture
def run(shop: Book) -> Run:
    runner = CliRunner(env={"CLIENTBOOK_LANG": "en"})

    def invoke(*arguments: str, code: int = 0) -> Result:
        done = runner.invoke(_guarded, ["--book", str(shop.folder), "rights", *arguments])
        assert done.exit_code == code, done.output
        return done

    return invoke


class _Guarded:
    """The command as the installed program runs it: errors become a message and an exit code."""

    name = "clientbook"

    def main(self, args: Any = None, prog_name: Any = None, **more: Any) -> None:
        raise SystemExit(guard(lambda: cli.main(args, prog_name=prog_name, standalone_mode=False)))


_guarded: Any = _Guarded()


def customer(book: Book, text: str) -> str:
    with book.snapshot() as snapshot:
        return book.find(snapshot, text)


def types(book: Book) -> list[str]:
    with book.snapshot() as snapshot:
        found: list[str] = snapshot.table("select type from events order by position")["type"].to_pylist()
    return found


def unpacked(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}


def at(book: Book, now: datetime) -> RightsDesk:
    """The desk as it is at another time."""
    return Book(book.folder, clock=lambda: now).rights


# Access


def test_the_bundle_holds_everything_of_the_person_and_of_merged_entries(shop: Book, run: Run, tmp_path: Path):
    run("access", ZOE, "--out", str(tmp_path / "a.zip"))
    files = unpacked(tmp_path / "a.zip")
    events = [json.loads(one) for one in files["events.jsonl"].splitlines()]
    assert {"order_placed", "consent_given", "note_added", "tag_added", "access_requested"} <= {
        one["type"] for one in events
    }
    assert json.loads(files["profile.json"])["customer"]["given_name"] == "Zoé"
    assert len(json.loads(files["profile.json"])["merged_entries"]) == 1
    assert [one["text"] for one in json.loads(files["consents.json"])["notices"]] == ["Oui, la lettre."]
    assert {(one["channel"], one["purpose"]) for one in json.loads(files["decisions.json"])} >= {("email", "newsletter")}
    assert [row["what"] for row in csv.DictReader(io.StringIO(files["messages.csv"]))] == ["message_sent", "message_clicked"]
    assert [row["product"] for row in csv.DictReader(io.StringIO(files["orders.csv"]))] == ["=Savon"]
    page = files["index.html"]
    assert "cnil.fr" in page and "Savonnerie" in page and "mailer" in page
    assert "<b>her</b>" not in page and "&lt;b&gt;her&lt;/b&gt;" in page


def test_the_bundle_says_nothing_of_others(shop: Book, run: Run, tmp_path: Path):
    run("access", ZOE, "--out", str(tmp_path / "a.zip"))
    text = "".join(unpacked(tmp_path / "a.zip").values())
    assert "Claire" not in text and PAUL not in text and customer(shop, PAUL) not in text
    assert '"actor":"staff"' in text


def test_what_no_longer_counts_is_held_all_the_same(shop: Book, tmp_path: Path):
    shop.append_lines([json.dumps(line("note_added", ZOE, text="taken back")).encode()])
    voided = {"position": shop.log.head().position}
    shop.append_lines([json.dumps(line("event_voided", None, **voided)).encode()])
    shop.rights.access(ZOE, tmp_path / "a.zip")
    events = [json.loads(one) for one in unpacked(tmp_path / "a.zip")["events.jsonl"].splitlines()]
    assert [one["counts"] for one in events if one["data"].get("text") == "taken back"] == [False]


def test_the_request_and_its_answer_are_noted_once(shop: Book, run: Run, tmp_path: Path):
    run("receive", ZOE, "access")
    run("access", ZOE, "--out", str(tmp_path / "a.zip"))
    assert types(shop)[-2:] == ["access_requested", "access_answered"]
    assert json.loads(run("due", "--json").stdout) == []


def test_the_file_is_the_owners_and_its_name_says_nothing_of_whom(shop: Book, run: Run, tmp_path: Path):
    done = json.loads(run("access", ZOE, "--out", str(tmp_path / "answers"), "--json").stdout)
    (path,) = (tmp_path / "answers").iterdir()
    assert str(path) == done["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "zoe" not in path.name.lower() and done["customer_id"] not in path.name


def test_a_file_that_is_there_is_not_written_over_and_nothing_is_noted(shop: Book, run: Run, tmp_path: Path):
    (tmp_path / "a.zip").write_text("mine")
    before = shop.log.head().position
    done = run("access", ZOE, "--out", str(tmp_path / "a.zip"), code=1)
    assert "there already" in done.stderr and ZOE not in done.stderr
    assert (tmp_path / "a.zip").read_text() == "mine"
    assert shop.log.head().position == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "shop"]


@pytest.mark.parametrize("out", ["shop/book.toml/a.zip", "nowhere/there/a.zip", "shop/book.toml"])
def test_a_place_that_cannot_be_written_is_said_and_nothing_is_noted(shop: Book, run: Run, tmp_path: Path, out: str):
    before = shop.log.head().position
    assert "cannot be written" in run("access", ZOE, "--out", str(tmp_path / out), code=1).stderr
    assert shop.log.head().position == before


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_permission_is_said(run: Run, tmp_path: Path):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "cannot be written" in run("access", ZOE, "--out", str(tmp_path / "closed"), code=1).stderr


def test_somebody_of_whom_hardly_anything_is_held_gets_an_answer_too(run: Run, tmp_path: Path):
    run("access", "empty@example.com", "--out", str(tmp_path / "a.zip"))
    files = unpacked(tmp_path / "a.zip")
    assert files["orders.csv"].splitlines() == [files["orders.csv"].strip()]
    assert "Nothing." in files["index.html"]
    run("portability", "empty@example.com", "--out", str(tmp_path / "p.zip"))


def test_an_unknown_customer_is_not_repeated(run: Run, tmp_path: Path):
    for command in (
        ("access", "--out", str(tmp_path / "a.zip")),
        ("portability", "--out", str(tmp_path / "a.zip")),
        ("receive", "erasure"),
        ("extend", "--ground", "x"),
        ("rectify", "--email", "other@example.com"),
        ("restrict", "--ground", "x"),
        ("object",),
        ("erase", "--yes"),
    ):
        done = run(command[0], "nobody@example.com", *command[1:], code=1)
        assert "nobody" not in done.output
    assert not (tmp_path / "a.zip").exists()


# Portability


def test_what_the_person_provided_can_be_taken_elsewhere_without_what_the_shop_made_of_it(run: Run, tmp_path: Path):
    run("portability", ZOE, "--out", str(tmp_path / "p.zip"))
    files = unpacked(tmp_path / "p.zip")
    data = json.loads(files["data.json"])
    assert data["profile"]["email"] == ZOE and data["profile"]["street"] == "1 rue A, bât. B"
    assert [one["sku"] for one in data["orders"]] == ["S-1"]
    assert len(data["clicks"]) == len(data["surveys"]) == 1
    text = "".join(files.values())
    assert "grumpy" not in text and "asks for soap" not in text and "average_basket" not in text


# Rectification, restriction, objection


def test_a_new_address_starts_without_consent(shop: Book, run: Run):
    done = json.loads(run("rectify", ZOE, "--email", "zoe.new@example.com", "--json").stdout)
    assert [(one["channel"], one["purpose"]) for one in done["consents_left_behind"]] == [("email", "newsletter")]
    assert [one["manifest_id"] for one in done["exports"]] == ["m-1"]
    decision = Book(shop.folder).consent.check(ZOE, channel="email", purpose="newsletter")
    assert decision.decision == "deny"


def test_a_correction_elsewhere_leaves_consents_alone(run: Run):
    done = run("rectify", ZOE, "--city", "Villeurbanne")
    assert "old address" not in done.stderr


def test_parts_of_an_address_that_are_not_named_stay(shop: Book, run: Run):
    run("rectify", ZOE, "--postal-code", "69001")
    with shop.snapshot() as snapshot:
        row = snapshot.engine.rows("select street, postal_code, city from customers where given_name = 'Zoé'")[0]
    assert row == {"street": "1 rue A, bât. B", "postal_code": "69001", "city": "Lyon"}


def test_a_field_can_be_emptied(shop: Book, run: Run):
    run("rectify", ZOE, "--clear", "given_name")
    with shop.snapshot() as snapshot:
        assert snapshot.engine.value("select count(*) from customers where given_name = 'Zoé'") == 0


def test_an_address_of_somebody_else_is_refused(shop: Book, run: Run):
    before = shop.log.head().position
    assert PAUL not in run("rectify", ZOE, "--email", PAUL.upper(), code=1).output
    assert shop.log.head().position == before
    run("rectify", ZOE, code=2)
    run("rectify", ZOE, "--email", "no address", code=1)
    run("rectify", ZOE, "--email", ZOE, "--clear", "email", code=2)


def test_restricted_data_are_not_used_until_the_restriction_is_lifted(shop: Book, run: Run):
    run("restrict", ZOE, "--lift", "--ground", "x", code=1)
    run("restrict", ZOE, "--ground", "accuracy contested")
    check = lambda: Book(shop.folder).consent.check(ZOE, channel="email", purpose="newsletter").reason_code  # noqa: E731
    assert check() == "RESTRICTED"
    run("restrict", ZOE, "--lift", "--ground", "corrected")
    assert check() != "RESTRICTED"
    run("restrict", ZOE, "--lift", "--ground", "again", code=1)


@pytest.mark.parametrize(
    ("options", "scope", "codes"),
    [
        ((), "all", {"email": "OBJECTED_ALL", "sms": "OBJECTED_ALL"}),
        (("--channel", "email"), "channel", {"email": "OBJECTED_CHANNEL"}),
        (("--purpose", "newsletter"), "purpose", {"email": "OBJECTED_PURPOSE", "sms": "OBJECTED_PURPOSE"}),
        (("--purpose", "newsletter", "--channel", "sms"), "purpose", {"sms": "OBJECTED_PURPOSE"}),
    ],
)
def test_an_objection_holds_at_once_as_far_as_it_reaches(
    shop: Book, run: Run, options: tuple[str, ...], scope: str, codes: dict[str, str]
):
    assert json.loads(run("object", ZOE, *options, "--json").stdout)["scope"] == scope
    for channel in ("email", "sms"):
        decision = Book(shop.folder).consent.check(ZOE, channel=channel, purpose="newsletter")
        assert (decision.reason_code == codes.get(channel)) is (channel in codes)


# Terms


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)), st.sampled_from([1, 3]))
def test_an_answer_is_due_on_the_same_day_of_the_month_or_its_last(received: datetime, months: int):
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Europe/Paris")
    first, last = received.astimezone(zone).date(), deadline(received, "Europe/Paris", months=months).astimezone(zone)
    assert (last.year * 12 + last.month) - (first.year * 12 + first.month) == months
    assert last.day == first.day or (last.day < first.day and (last + timedelta(days=1)).day == 1)
    assert (last.hour, last.minute, last.second) == (23, 59, 59)


def test_a_month_ends_with_the_shorter_month_and_with_the_calendar():
    assert deadline(datetime(2026, 1, 30, 23, 30, tzinfo=UTC), "Europe/Paris").isoformat() == "2026-02-28T22:59:59+00:00"
    assert deadline(datetime(2027, 12, 31, tzinfo=UTC), "UTC", months=3).isoformat() == "2028-03-31T23:59:59+00:00"
    assert deadline(datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "Europe/Paris").year == 9998


def test_open_requests_are_listed_the_overdue_first(shop: Book, run: Run):
    shop.append_lines(
        [
            json.dumps(line("erasure_requested", PAUL, "2026-01-31T10:00:00Z", ground="letter")).encode(),
            json.dumps(line("access_requested", ZOE, "2026-02-01T10:00:00Z", due_at="2026-02-10T10:00:00Z")).encode(),
            json.dumps(line("access_requested", PAUL, "2026-01-01T10:00:00Z")).encode(),
            json.dumps(line("access_answered", PAUL, "2026-01-09T10:00:00Z")).encode(),
        ]
    )
    found = at(shop, datetime(2026, 2, 20, 8, tzinfo=UTC)).due()
    assert [(one.right, one.overdue, one.days_left) for one in found] == [("access", True, -10), ("erasure", False, 8)]
    assert found[1].due_at.isoformat() == "2026-02-28T22:59:59+00:00"
    assert "2 are overdue" in run("due").stderr


def test_a_request_is_noted_once_and_not_from_the_future(run: Run):
    done = json.loads(run("receive", ZOE, "access", "--at", "2026-03-01", "--json").stdout)
    assert done["due_at"] == "2026-04-01T21:59:59Z"
    assert "2026-03-01" in run("receive", ZOE, "access", code=1).stderr
    run("receive", ZOE, "erasure", "--at", "2999-01-01", code=2)


def test_a_request_that_was_answered_since_is_not_noted(shop: Book, run: Run, tmp_path: Path):
    run("access", ZOE, "--out", str(tmp_path))
    before = shop.log.head().position
    run("receive", ZOE, "access", "--at", "2026-03-01", code=1)
    assert shop.log.head().position == before


def test_a_term_is_extended_once_and_only_within_the_first_month(shop: Book):
    received = datetime(2026, 3, 15, 9, tzinfo=UTC)
    at(shop, received).receive(ZOE, "access", at=None, ground=None)
    with pytest.raises(TooLateToExtend):
        at(shop, datetime(2026, 4, 15, 22, 0, tzinfo=UTC)).extend(ZOE, None, ground="complex")
    extended = at(shop, datetime(2026, 4, 15, 21, 59, tzinfo=UTC)).extend(ZOE, None, ground="complex")
    assert extended.extended and extended.received_at == received
    assert extended.due_at.isoformat() == "2026-06-15T21:59:59+00:00"


def test_extending_needs_one_open_request(run: Run):
    run("extend", ZOE, "--ground", "complex", code=1)
    run("receive", ZOE, "access")
    run("receive", ZOE, "erasure")
    run("extend", ZOE, "--ground", "complex", code=2)
    run("extend", ZOE, "erasure", "--ground", "complex")
    run("extend", ZOE, "erasure", "--ground", "complex", code=1)
    due = json.loads(run("due", "--json").stdout)
    assert {one["right"]: one["extended"] for one in due} == {"access": False, "erasure": True}


# Erasure


def test_grounds_are_shown_before_anything_is_asked(shop: Book, run: Run):
    recent = datetime.now(UTC) - timedelta(days=30)
    sale = line("order_placed", ZOE, recent.isoformat(), order_id="W-2", total="5", currency="EUR")
    more = [line("contract_opened", ZOE, contract_id="C-1"), line("tag_added", ZOE, tag="Litige"), sale]
    shop.append_lines([json.dumps(one).encode() for one in more])
    done = json.loads(run("erase", ZOE, "--dry-run", "--json").stdout)
    assert [(one["code"], one["may_refuse"]) for one in done["grounds"]][:2] == [
        ("OPEN_CONTRACT", True),
        ("OPEN_CLAIM", True),
    ]
    assert {one["code"]: one["count"] for one in done["grounds"]}["GUARANTEE"] >= 1
    assert done["outcome"] == "foreseen"
    assert [(one["manifest_id"], one["message_sent"]) for one in done["exports"]] == [("m-1", True)]
    assert "each may hold" in run("erase", ZOE, "--dry-run").stderr
    run("erase", ZOE, code=4)
    assert "customer_erased" not in types(shop)


def test_an_erased_person_is_gone_and_so_is_the_request(shop: Book, run: Run, tmp_path: Path):
    run("receive", ZOE, "erasure")
    shop.back_up(tmp_path / "backup")
    done = run("erase", ZOE, "--yes", "--json")
    assert json.loads(done.stdout)["outcome"] == "erased"
    assert "still holds the person" in done.stderr
    assert json.loads(run("due", "--json").stdout) == []
    run("access", ZOE, "--out", str(tmp_path / "a.zip"), code=1)
    assert "customer_erased" in types(shop)


def test_a_refusal_is_noted_with_the_request_and_erases_nobody(shop: Book, run: Run):
    done = run("erase", ZOE, "--refuse", "a claim is open", "--json")
    assert json.loads(done.stdout)["outcome"] == "refused"
    assert "CNIL" in done.stderr
    assert types(shop)[-2:] == ["erasure_requested", "erasure_refused"]
    assert json.loads(run("due", "--json").stdout) == []
    run("erase", ZOE, "--refuse", "x", "--yes", code=2)
