"""States of consent: the laws one by one, then random histories against the same laws in plain Python."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sequential import PARENTS, RESTRICTIVE, Act, state_of

from clientbook.book import Book
from clientbook.importing.decode import GivenFile
from clientbook.importing.noting import merged

ZOE = "zoe@example.com"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Desk:
    """A book, and what is said to it."""

    def __init__(self, folder: Path) -> None:
        self.book = Book.create(folder, timezone="Europe/Paris", clock=lambda: NOW)

    def say(self, type: str, at: str = "2026-05-01", who: str | None = ZOE, **data: Any) -> None:
        """By hand."""
        self._add(self.line(type, at, who, **data))

    def bring(self, *lines: dict[str, Any]) -> None:
        """By a file."""
        data = "".join(json.dumps(one) + "\n" for one in lines).encode()
        done = self.book.import_file(GivenFile(name="a.jsonl", data=data, sha256=sha256(data).hexdigest()))
        assert not done.outcome.rows_rejected, done.outcome.rejects

    def line(self, type: str, at: str = "2026-05-01", who: str | None = ZOE, **data: Any) -> dict[str, Any]:
        if type.startswith("consent_"):
            data = {"channel": "email", "purposes": ["newsletter"]} | data
        day = at if "T" in at else f"{at}T12:00:00+02:00"
        return {"type": type, "occurred_at": day, "source": "web", "data": data} | (
            {"customer": {"email": who}} if who else {}
        )

    def _add(self, line: dict[str, Any]) -> None:
        done = self.book.append_lines([json.dumps(line).encode()])
        assert not done.rows_rejected, done.rejects

    def states(self, who: str = ZOE, **when: Any) -> dict[tuple[str, str, str], dict[str, Any]]:
        found = self.book.consent.states(who, **when)["states"]
        return {(row["channel"], row["address"], row["purpose"]): row for row in found}

    def state(self, purpose: str = "newsletter", who: str = ZOE, **when: Any) -> str:
        return str(self.states(who, **when)["email", who, purpose]["state"])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "book")


def test_a_withdrawal_reaches_the_purposes_below_and_a_grant_does_not(desk: Desk) -> None:
    desk.say("consent_given", purposes=["marketing"])
    assert list(desk.states()) == [("email", ZOE, "marketing")]
    desk.say("consent_given", purposes=["birthday_offer"])
    desk.say("consent_withdrawn", at="2026-05-02", purposes=["own_offers"])
    assert desk.state("birthday_offer") == "withdrawn"
    assert desk.state("marketing") == "granted"


def test_an_import_does_not_lift_a_withdrawal_and_a_new_act_of_the_person_does(desk: Desk) -> None:
    desk.say("consent_withdrawn")
    desk.bring(desk.line("consent_given", at="2026-05-20"))
    assert desk.state() == "withdrawn"
    desk.say("consent_given", at="2026-05-21")
    assert desk.state() == "granted"


def test_an_import_fills_a_gap_and_restricts(desk: Desk) -> None:
    desk.bring(desk.line("consent_given"))
    assert desk.state() == "granted"
    desk.bring(desk.line("consent_withdrawn", at="2026-05-02"))
    assert desk.state() == "withdrawn"


def test_a_request_changes_nothing(desk: Desk) -> None:
    desk.say("consent_requested")
    assert desk.state() == "requested"
    desk.say("consent_refused", at="2026-05-02")
    desk.say("consent_requested", at="2026-05-03")
    assert desk.state() == "refused"


def test_a_confirmation_needs_a_mail_that_still_waits(desk: Desk) -> None:
    desk.say("consent_confirmed", at="2026-03-01", method="one_click_post")
    assert desk.state() == "never_asked"
    desk.say("consent_requested", at="2026-03-02", confirmation=True)
    desk.say("consent_confirmed", at="2026-04-02", method="one_click_post")
    assert desk.state() == "never_asked", "31 days later"
    desk.say("consent_requested", at="2026-05-10", confirmation=True)
    assert desk.state() == "pending"
    desk.say("consent_confirmed", at="2026-05-11", method="get")
    assert desk.state() == "pending", "a mail scanner looks at every link"
    desk.say("consent_confirmed", at="2026-05-12", method="one_click_post")
    row = desk.states()["email", ZOE, "newsletter"]
    assert (row["state"], row["opt_in_level"]) == ("granted", "CONFIRMED_OPT_IN")


def test_at_the_same_time_the_restrictive_act_counts(desk: Desk) -> None:
    desk.say("consent_withdrawn")
    desk.say("consent_given")
    assert desk.state() == "withdrawn"


def test_a_new_address_starts_without_consent_and_a_withdrawal_follows_the_person(desk: Desk) -> None:
    desk.say("profile_updated", at="2026-01-01", email=ZOE)
    desk.say("consent_given")
    desk.say("consent_withdrawn", at="2026-05-02", purposes=["partner_offers"])
    desk.say("profile_updated", at="2026-05-10", email="new@example.com")
    states = desk.states()
    assert states["email", ZOE, "newsletter"]["state"] == "granted"
    assert not states["email", ZOE, "newsletter"]["is_current"]
    assert ("email", "new@example.com", "newsletter") not in states
    assert states["email", "new@example.com", "partner_offers"]["state"] == "withdrawn"


def test_a_merge_takes_the_most_restrictive(desk: Desk) -> None:
    """Two entries of one person: what stood in the one enters the other as an import would."""
    desk.say("consent_withdrawn", at="2026-05-04", who="other@example.com", address=ZOE)
    desk.say("consent_given", at="2026-05-05", address=ZOE)
    desk.say("consent_given", at="2026-05-05", purposes=["own_offers"], who="other@example.com", address=ZOE)
    desk.book.note(merged(ZOE, ["other@example.com"], reason=None), occurred_at=datetime(2026, 5, 10, tzinfo=UTC))
    assert desk.state() == "withdrawn", "the grant of the one entry does not lift the withdrawal of the other"
    assert desk.state("own_offers") == "granted", "a gap is filled"
    assert desk.state(at=datetime(2026, 5, 8, tzinfo=UTC)) == "granted", "before the merge they were two"
    desk.say("consent_given", at="2026-05-20", address=ZOE)
    assert desk.state() == "granted", "a new act of the person"


def test_a_consent_that_was_pre_ticked_or_bundled_is_void(desk: Desk) -> None:
    desk.say("consent_given", box_default="ticked")
    assert desk.state() == "invalidated"
    desk.say("consent_given", at="2026-05-02", box_default="unticked", bundled=True)
    assert desk.state() == "invalidated"
    desk.say("consent_given", at="2026-05-03", box_default="unticked")
    assert desk.state() == "granted"


def test_a_box_ticked_at_the_checkout_refuses_own_offers(desk: Desk) -> None:
    sale = {"order_id": "1", "total": "10", "currency": "EUR"}
    desk.say("order_placed", opt_out_offered=True, opt_out_ticked=True, **sale)
    assert desk.state("own_offers") == "refused"
    assert desk.state("birthday_offer") == "refused"
    assert "newsletter" not in {purpose for _channel, _address, purpose in desk.states()}


def test_what_was_known_then_stays_answerable(desk: Desk) -> None:
    desk.say("consent_given", at="2026-03-01")
    known = NOW + timedelta(days=1)
    late = Book(desk.book.folder, clock=lambda: NOW + timedelta(days=30))
    withdrawn = desk.line("consent_withdrawn", at="2026-05-30")
    late.append_lines([json.dumps(withdrawn).encode()])
    at = NOW - timedelta(days=1)
    states = {
        name: late.consent.states(ZOE, at=at, known_at=when)["states"][0]["state"]
        for name, when in {"as known then": known, "as known now": None}.items()
    }
    assert states == {"as known then": "granted", "as known now": "withdrawn"}


@pytest.mark.parametrize(
    ("proof", "grade"),
    [
        ({"notice_id": "n", "notice_version": "1", "method": "checkbox"}, "B"),
        ({"evidence_sha256": "a" * 64, "surface": "store_paper"}, "B"),
        ({"opt_in_level": "CONFIRMED_OPT_IN", "notice_id": "n", "notice_version": "1", "method": "double_opt_in"}, "A"),
        ({"opt_in_level": "CONFIRMED_OPT_IN", "notice_id": "n", "notice_version": "2", "method": "double_opt_in"}, "B"),
        ({"opt_in_level": "UNKNOWN"}, "C"),
        ({"opt_in_level": "CONFIRMED_OPT_IN", "undated": True}, "D"),
    ],
)
def test_the_grade_of_a_proof(desk: Desk, proof: dict[str, Any], grade: str) -> None:
    text = "I agree."
    notice = {"notice_id": "n", "version": "1", "language": "en", "text": text, "sha256": sha256(text.encode()).hexdigest()}
    desk.say("notice_published", at="2026-01-01", who=None, **notice)
    desk.say("consent_given", **proof)
    assert desk.states()["email", ZOE, "newsletter"]["proof_grade"] == grade


def history_of(chance: random.Random) -> list[Act]:
    """Up to eight acts, some of them at one time, though never two restrictive ones: between these only their ids decide."""
    kinds = ["given", "given", "confirmed", "renewed", "pending", "requested", "refused", "withdrawn", "invalidated"]
    acts = [
        Act(
            kind=chance.choice(kinds),
            purpose=chance.choice(list(PARENTS)),
            at=NOW - timedelta(days=chance.choice([1, 2, 10, 29, 30, 31, 60, 90])),
            number=number,
            by_import=chance.random() < 0.4,
        )
        for number in range(chance.randint(1, 8))
    ]
    return [replace(act, at=act.at + timedelta(seconds=act.number)) if act.kind in RESTRICTIVE else act for act in acts]


def event_of(act: Act, who: str) -> dict[str, Any]:
    type = "consent_requested" if act.kind == "pending" else f"consent_{act.kind}"
    data: dict[str, Any] = {"channel": "email", "purposes": [act.purpose], "address": who, "form_id": str(act.number)}
    if act.kind == "pending":
        data["confirmation"] = True
    return {"type": type, "occurred_at": act.at.isoformat(), "source": "web", "customer": {"email": who}, "data": data}


@pytest.mark.parametrize("seed", range(3))
def test_random_histories_come_out_as_the_laws_say(
    desk: Desk, seed: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(seed)
    histories = {f"p{number}@example.com": history_of(chance) for number in range(400)}
    by_hand = [event_of(act, who) for who, acts in histories.items() for act in acts if not act.by_import]
    chance.shuffle(by_hand)  # the order of recording does not matter
    desk.bring(*(event_of(act, who) for who, acts in histories.items() for act in acts if act.by_import))
    desk.book.append_lines([json.dumps(line).encode() for line in by_hand])
    rows = desk.book.query("select address, purpose, state, consented_at from consents").to_pylist()
    found = {
        (row["address"], row["purpose"]): (row["state"], row["consented_at"] if row["state"] == "granted" else None)
        for row in rows
    }
    expected = {
        (who, purpose): state_of(acts, purpose, NOW)
        for who, acts in histories.items()
        for purpose in PARENTS
        if (who, purpose) in found
    }
    assert {key: (found[key], expected[key]) for key in found if key in expected and found[key] != expected[key]} == {}
    silent = [key for key in found if key not in expected and key[1] in PARENTS]
    assert silent == []
    unseen = [
        (who, purpose)
        for who, acts in histories.items()
        for purpose in PARENTS
        if (who, purpose) not in found and state_of(acts, purpose, NOW)[0] != "never_asked"
    ]
    assert unseen == [], "the tables leave somebody out"
    counts = {state: sum(one[0] == state for one in found.values()) for state in sorted({one[0] for one in found.values()})}
    record_property("counts", counts)
