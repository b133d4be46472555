"""Decisions: what never may happen, whatever was recorded, and how long an answer holds."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import CliRunner

from clientbook.book import Book
from clientbook.cli.main import cli
from clientbook.consent.permissions import configured, open_permissions
from clientbook.policy import MessageProfile
from clientbook.projection.moment import NOW as EVERYTHING
from clientbook.settings import InvalidSettings

NOW = datetime(2026, 9, 2, 9, 0, tzinfo=UTC)
"""A Wednesday, eleven o'clock in Paris."""

MESSAGES = {
    "letter": {"channel": "email", "purpose": "newsletter"},
    "offers": {"channel": "email", "purpose": "own_offers", "categories": ["Soap"]},
    "survey": {"channel": "email", "purpose": "satisfaction_survey"},
    "refresh": {"channel": "email", "purpose": "consent_refresh"},
    "short": {"channel": "sms", "purpose": "own_offers", "products_similar": True, "related_to_occupation": True},
    "call": {"channel": "phone", "purpose": "own_offers", "categories": ["Soap"]},
    "card": {"channel": "post", "purpose": "own_offers"},
    "partners": {"channel": "email", "purpose": "partner_offers", "third_party_content": True},
    "order": {"channel": "email", "purpose": "order_service"},
    "notice": {"channel": "email", "purpose": "legal_notice"},
}
POLICY = {
    "channels": ["email", "sms", "phone", "post"],
    "used_purposes": [
        "newsletter", "own_offers", "satisfaction_survey", "consent_refresh", "partner_offers", "order_service",
        "legal_notice",
    ],
    "similar": {"Soap": ["Soap", "Towels"], "Tea": ["Biscuits"]},
}  # fmt: skip

Line = dict[str, Any]


def make(folder: Path, **more: Any) -> Book:
    Book.create(folder, timezone="Europe/Paris")
    settings = {"currency": "EUR", "timezone": "Europe/Paris", "consent": POLICY | more, "messages": MESSAGES}
    (folder / "book.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    return Book(folder, clock=lambda: NOW)


def line(type: str, days: float, who: str | None, **data: Any) -> Line:
    """Something that happened so many days ago."""
    at = (NOW - timedelta(days=days)).isoformat()
    found: Line = {"type": type, "occurred_at": at, "source": "web", "data": data}
    return found | ({"customer": {"email": who}} if who else {})


def add(book: Book, lines: list[Line]) -> None:
    done = book.append_lines([json.dumps(one).encode() for one in lines])
    assert not done.rows_rejected, done.rejects


def person(chance: random.Random, number: int) -> list[Line]:
    """Somebody of whom some things are known."""
    who = f"p{number}@example.com"
    some = chance.random
    via = chance.choice(["checkout", "newsletter_form", "contest", "marketplace", "import", "scraped", "counter", "account"])
    registered: Line = {"kind": chance.choice(["person", "person", "person", "company"]), "collected_via": via}
    registered |= {"informed": some() < 0.8} if some() < 0.9 else {}
    registered |= {"from_person": some() < 0.8} if some() < 0.7 else {}
    lines = [line("customer_registered", 900, who, **registered)]
    profile: Line = {"email": who, "mobile": f"+336399{number:05}"}
    if some() < 0.3:
        profile["birth_date"] = f"{chance.randint(2007, 2015)}-02-28"
    lines.append(line("profile_updated", 900, who, **profile))
    if some() < 0.7:
        goods = [{"sku": "S", "category": chance.choice(["Soap", "Tea"]), "quantity": "1"}]
        sale = {"order_id": f"O{number}", "total": "10", "currency": "EUR", "lines": goods}
        lines.append(line("order_placed", chance.choice([1, 100, 700, 1094, 1095, 1096]), who, **sale))
    for channel in ("email", "sms", "phone", "post"):
        if some() < 0.6:
            lines.append(line("opt_out_offered", 800, who, channel=channel, ticked=some() < 0.2))
    if some() < 0.3:
        lines.append(line("contract_opened", 50, who, contract_id=f"C{number}", category="Soap"))
    for _number in range(chance.randint(0, 4)):
        lines.append(consent(chance, who))
    return lines


def consent(chance: random.Random, who: str) -> Line:
    kind = chance.choice(["given", "given", "given", "requested", "renewed", "refused", "withdrawn"])
    data: Line = {"channel": chance.choice(["email", "sms", "phone", "post"])}
    data["purposes"] = [chance.choice(["newsletter", "own_offers", "partner_offers", "marketing"])]
    if kind == "given" and chance.random() < 0.7:
        level = chance.choice(["SINGLE_OPT_IN", "CONFIRMED_OPT_IN"])
        data |= {"notice_id": "n", "notice_version": "1", "method": "checkbox", "opt_in_level": level}
    if kind == "requested":
        data["confirmation"] = True
    days = chance.choice([1, 20, 29.9, 30, 100, 364, 365, 366, 500])
    return line(f"consent_{kind}", days, who, **data)


def restrictive(chance: random.Random, who: str) -> Line:
    """Something that can only take permission away, dated now."""
    channel = chance.choice(["email", "sms", "phone", "post"])
    purpose = chance.choice(["newsletter", "own_offers", "marketing", "partner_offers"])
    given: list[tuple[str, Line]] = [
        ("consent_withdrawn", {"channel": channel, "purposes": [purpose]}),
        ("consent_refused", {"channel": channel, "purposes": [purpose]}),
        ("consent_invalidated", {"channel": channel, "purposes": [purpose]}),
        ("objection_raised", {"scope": "all"}),
        ("objection_raised", {"scope": "channel", "channel": channel}),
        ("objection_raised", {"scope": "purpose", "purpose": purpose}),
        ("address_suppressed", {"channel": "email", "cause": "complaint"}),
        ("processing_restricted", {}),
        ("death_reported", {}),
        ("call_refused", {}),
        ("do_not_call_checked", {"register": "bloctel", "listed": True}),
        ("opt_out_offered", {"channel": channel, "ticked": True}),
        ("message_bounced", {"channel": "email", "kind": "hard"}),
    ]
    type, data = chance.choice(given)
    return line(type, 0, who, **data)


Answers = dict[tuple[str, str], tuple[str, str]]


def answers(book: Book) -> Answers:
    """Decision and reason by customer's e-mail and message."""
    rows = book.query(
        "select customers.email, permissions.channel || ' ' || permissions.purpose as pair, permissions.decision,"
        " permissions.reason_code from permissions join customers using (customer_id)"
    ).to_pylist()
    return {(row["email"], row["pair"]): (row["decision"], row["reason_code"]) for row in rows}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Book:
    book = make(tmp_path_factory.mktemp("crowd") / "book")
    chance = random.Random(7)
    add(book, [one for number in range(300) for one in person(chance, number)])
    return book


def test_many_reasons_are_met(crowd: Book) -> None:
    """Else what the tests below say of all decisions would say little."""
    reasons = {reason for _decision, reason in answers(crowd).values()}
    assert len(reasons) > 30, sorted(reasons)
    assert {
        "OK_CONSENT",
        "OK_SOFT_OPTIN",
        "OK_LI_POST",
        "OK_PHONE_CONTRACT",
        "CONSENT_STALE",
        "MINOR_NO_PARENTAL_CONSENT",
    } <= (reasons)


def test_a_restrictive_act_never_permits_what_was_denied(tmp_path: Path) -> None:
    book, chance = make(tmp_path / "book"), random.Random(8)
    add(book, [one for number in range(150) for one in person(chance, number)])
    for _round in range(4):
        before = answers(book)
        add(book, [restrictive(chance, f"p{number}@example.com") for number in range(150)])
        after = answers(book)
        lifted = {key: (before[key], after[key]) for key in before if (before[key][0], after[key][0]) == ("deny", "allow")}
        assert lifted == {}
    assert sum(one[0] == "allow" for one in after.values()) < sum(one[0] == "allow" for one in before.values())


def test_somebody_else_changes_nothing(tmp_path: Path) -> None:
    book, chance = make(tmp_path / "book"), random.Random(9)
    add(book, [one for number in range(80) for one in person(chance, number)])
    before = answers(book)
    add(book, [one for number in range(1000, 1080) for one in person(chance, number)])
    add(book, [restrictive(chance, f"p{number}@example.com") for number in range(1000, 1080)])
    after = answers(book)
    assert {key: after[key] for key in before} == before


def test_what_is_not_known_never_permits(crowd: Book) -> None:
    """Where an address came from is no such fact: that it was bought or scraped must be known to matter."""
    facts = ["informed_at_collection", "collected_from_person", "names_us"]
    asked = ["unsubscribe", "names_sender", "names_source", "related_to_occupation", "products_similar"]
    with crowd.snapshot(EVERYTHING) as snapshot:
        engine = snapshot.engine
        setting = crowd.consent.setting(snapshot, NOW)
        asks = configured(setting.policy, crowd.settings.messages)
        open_permissions(snapshot, setting, asks)
        allowed = "select customer_id, ask_id from permissions where decision = 'allow'"
        for table, names in (("facts", facts), ("asked", asked)):
            for name in names:
                engine.execute("create or replace table allowed as " + allowed)
                engine.execute(f"create or replace table kept as select * from {table}")
                engine.execute(f"update {table} set {name} = null")
                lifted = engine.value(f"select count(*) from ({allowed} except select * from allowed)")
                engine.execute(f"create or replace table {table} as select * from kept")
                assert lifted == 0, f"{name} unknown"


def test_an_answer_holds_until_the_moment_that_it_names(crowd: Book) -> None:
    chance = random.Random(10)
    flips = 0
    for _number in range(12):
        who, message = f"p{chance.randrange(300)}@example.com", chance.choice(["letter", "offers", "call", "short", "card"])
        profile = crowd.settings.messages[message]

        def asked(
            at: datetime, who: str = who, message: str = message, profile: MessageProfile = profile
        ) -> tuple[Any, ...]:
            found = crowd.consent.check(who, channel=profile.channel, purpose=profile.purpose, message=message, at=at)
            return (found.decision, found.reason_code, found.legal_basis, *found.warnings), found.valid_until

        now, until = asked(NOW)
        if until is None:
            assert asked(NOW + timedelta(days=9000))[0] == now
            continue
        flips += 1
        for share in (0.3, 0.97, 1):
            assert asked(NOW + (until - NOW) * share)[0] == now, (who, message)
        assert asked(until + timedelta(microseconds=1))[0] != now, (who, message)
    assert flips > 5


def check(book: Book, who: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    runner = CliRunner(env={"CLIENTBOOK_LANG": "en"})
    done = runner.invoke(cli, ["--book", str(book.folder), "consent", "check", who, *arguments, "--json"])
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout) if code == 0 else {}
    return found


@pytest.fixture
def book(tmp_path: Path) -> Book:
    book = make(tmp_path / "book")
    add(
        book,
        [
            line("customer_registered", 900, "zoe@example.com", kind="person", collected_via="checkout", informed=True),
            line("opt_out_offered", 900, "zoe@example.com", channel="email", ticked=False),
            line(
                "order_placed", 100, "zoe@example.com", order_id="1", total="5", currency="EUR",
                lines=[{"sku": "T", "category": "Towels", "quantity": "1"}],
            ),
        ],
    )  # fmt: skip
    return book


AT = ("--at", "2026-09-02T11:00")


def test_products_are_similar_by_the_map_of_the_shop(book: Book) -> None:
    found = check(book, "zoe@example.com", "--message", "offers", *AT)
    assert found["reason_code"] == "SOFT_NOT_SIMILAR", "soap is said to go with soap and towels; towels with nothing"
    settings = {"currency": "EUR", "timezone": "Europe/Paris", "messages": MESSAGES}
    similar = {"consent": POLICY | {"similar": {"Towels": ["Soap"]}}}
    (book.folder / "book.toml").write_text(tomli_w.dumps(settings | similar), encoding="utf-8")
    found = check(book, "zoe@example.com", "--message", "offers", "--at", "2027-01-01")
    assert found["reason_code"] == "OK_SOFT_OPTIN"
    assert found["evidence"] == [2, 3]
    assert "unsubscribe_link" in found["obligations"]


def test_an_objection_binds_everybody_at_the_same_address(book: Book) -> None:
    second = {"customer": {"external": "K2"}}
    registered = line("customer_registered", 900, None, kind="person", collected_via="checkout") | second
    add(book, [registered])
    add(book, [line("profile_updated", 800, None, email="zoe@example.com") | second])
    ids = book.query("select customer_id, external_id from customers order by external_id nulls first").to_pylist()
    assert [row["external_id"] for row in ids] == [None, "K2"]
    add(book, [line("objection_raised", 1, None, scope="all") | second])
    assert check(book, ids[0]["customer_id"], "--message", "letter", *AT)["reason_code"] == "OBJECTED_ALL"


def test_a_bounced_address_is_not_written_to_until_it_is_lifted_by_hand(book: Book) -> None:
    add(book, [line("consent_given", 20, "zoe@example.com", channel="email", purposes=["newsletter"], method="checkbox")])
    add(book, [line("message_bounced", 10, "zoe@example.com", channel="email", kind="soft")])
    assert check(book, "zoe@example.com", "--message", "letter", *AT)["decision"] == "allow"
    add(book, [line("message_bounced", 9, "zoe@example.com", channel="email", kind="hard")])
    assert check(book, "zoe@example.com", "--message", "letter", *AT)["reason_code"] == "SUPPRESSED_HARD_BOUNCE"
    add(book, [line("suppression_lifted", 8, "zoe@example.com", channel="email", address="ZOE@example.com ")])
    assert check(book, "zoe@example.com", "--message", "letter", *AT)["decision"] == "allow"


def test_the_policy_of_then_decides_what_was_asked_of_then(book: Book) -> None:
    add(book, [line("consent_given", 500, "zoe@example.com", channel="email", purposes=["newsletter"], method="checkbox")])
    assert check(book, "zoe@example.com", "--message", "letter", *AT)["reason_code"] == "CONSENT_STALE"
    loose = {"policy": json.dumps({"stale_mode": "warn"}), "digest": "0" * 64}
    add(book, [line("policy_adopted", 30, None, **loose)])
    found = check(book, "zoe@example.com", "--message", "letter", *AT)
    assert (found["reason_code"], found["warnings"]) == ("OK_CONSENT", ["CONSENT_STALE"])
    assert check(book, "zoe@example.com", "--message", "letter", "--at", "2026-07-01")["reason_code"] == "CONSENT_STALE"


def test_a_policy_that_changed_is_recorded_once(book: Book) -> None:
    for _time in range(2):
        check(book, "zoe@example.com", "--message", "letter", *AT)
    rows = book.query("select policy, digest from policies").to_pylist()
    assert len(rows) == 1
    assert json.loads(rows[0]["policy"])["similar"] == POLICY["similar"]


def test_questions_that_cannot_be_answered_say_so(book: Book) -> None:
    runner = CliRunner(env={"CLIENTBOOK_LANG": "en"})
    for arguments, said in (
        (["zoe@example.com"], "say --channel and --purpose, or --message"),
        (["zoe@example.com", "--message", "lettre"], "book.toml declares no message 'lettre'; it declares: letter, offers"),
        (["zoe@example.com", "--message", "letter", "--channel", "sms"], "is declared for --channel email"),
        (["nobody@example.com", "--message", "letter"], "no customer has this"),
        (["zoe@example.com", "--message", "letter", "--at", "soon"], "is no date"),
    ):
        done = runner.invoke(cli, ["--book", str(book.folder), "consent", "check", *arguments])
        assert done.exit_code != 0
        assert said in str(done.exception), done.exception


def test_a_withdrawal_with_a_wrong_date_holds_at_once(book: Book) -> None:
    """Somebody mistyped the year: that is no reason to go on writing."""
    consent = {"channel": "email", "purposes": ["newsletter"]}
    later = NOW + timedelta(minutes=1)  # commits of one moment are recorded a microsecond apart

    def reason() -> str:
        return book.consent.check("zoe@example.com", channel="email", purpose="newsletter", at=later).reason_code

    add(book, [line("consent_given", 20, "zoe@example.com", method="checkbox", **consent)])
    assert reason() == "OK_CONSENT"
    add(book, [line("consent_withdrawn", -1500, "zoe@example.com", **consent)])
    assert reason() == "CONSENT_WITHDRAWN"
    add(book, [line("objection_raised", -900, "zoe@example.com", scope="all")])
    assert reason() == "OBJECTED_ALL"


def test_an_act_at_the_end_of_the_calendar_stops_no_answer(book: Book) -> None:
    far = {"type": "consent_given", "occurred_at": "9999-12-31T10:00:00Z", "source": "web"}
    far |= {"customer": {"email": "zoe@example.com"}, "data": {"channel": "email", "purposes": ["newsletter"]}}
    add(book, [far])
    assert check(book, "zoe@example.com", "--message", "letter", *AT)["reason_code"] == "CONSENT_NOT_YET"
    assert check(book, "zoe@example.com", "--message", "letter", "--at", "9999-12-31T23:59")["decision"] in ("allow", "deny")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"purposes": {"a": "b", "b": "a"}}, "lies above itself"),
        ({"purposes": {"a": "zzz"}}, "no purpose 'zzz'"),
        ({"used_purposes": ["nonesuch"]}, "no purpose 'nonesuch'"),
        ({"calling_hours": ["20:00-10:00"]}, "ends before it begins"),
    ],
)
def test_a_policy_that_says_nonsense_is_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        make(tmp_path / "book", **given)


def test_a_purpose_of_the_shops_own_may_stand_by_itself(tmp_path: Path) -> None:
    book = make(tmp_path / "book", purposes={"club": "", "wine_club": "club"})
    add(book, [line("consent_given", 9, "a@example.com", channel="email", purposes=["wine_club"])])
    add(book, [line("consent_withdrawn", 8, "a@example.com", channel="email", purposes=["club"])])
    states = book.consent.states("a@example.com")["states"]
    assert {row["purpose"]: row["state"] for row in states} == {"club": "withdrawn", "wine_club": "withdrawn"}


def test_what_has_not_happened_is_not_recorded(book: Book) -> None:
    runner = CliRunner(env={"CLIENTBOOK_LANG": "en"})
    arguments = ["consent", "record", "zoe@example.com", "withdrawn", "--channel", "email", "--purpose", "newsletter"]
    done = runner.invoke(cli, ["--book", str(book.folder), *arguments, "--at", "2999-01-01"])
    assert "lies in the future" in str(done.exception)
