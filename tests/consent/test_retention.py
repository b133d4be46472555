"""Retention: who is beyond which limit, and that applying it erases them and nobody else."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ticking import START, TickingClock

from clientbook.book import Book
from clientbook.cli.main import cli


def lines(
    person: str, *events: tuple[str, str, dict[str, Any]], via: str = "counter", since: str = "2020-01-15"
) -> list[bytes]:
    said = [("customer_registered", since, {"kind": "person", "collected_via": via}), *events]
    customer = {"email": f"{person}@example.com"}
    return [
        json.dumps(
            {"type": type, "occurred_at": f"{at}T10:00:00Z", "source": "shop", "customer": customer, "data": data}
        ).encode()
        for type, at, data in said
    ]


def sale(number: str, at: str) -> tuple[str, str, dict[str, Any]]:
    return ("order_placed", at, {"order_id": number, "total": "10", "currency": "EUR"})


AGREED = {"channel": "email", "purposes": ["newsletter"]}
PEOPLE = [
    *lines("old.prospect"),
    *lines("clicking", ("message_clicked", "2024-01-01", {"channel": "email", "campaign": "c"})),
    *lines("opening", ("message_opened", "2026-01-01", {"channel": "email", "campaign": "c"})),
    *lines("agreeing", ("consent_given", "2024-01-01", AGREED)),
    *lines("last.day", ("site_visited", "2023-07-01", {"page": "/"})),
    *lines("day.after", ("site_visited", "2023-06-30", {"page": "/"})),
    *lines("old.buyer", sale("1", "2022-05-01")),
    *lines("buyer", sale("2", "2025-05-01")),
    *lines("contracted", sale("3", "2019-05-01"), ("contract_opened", "2019-05-01", {"contract_id": "C"})),
    *lines(
        "account", ("account_opened", "2023-03-01", {"external_id": "A1"}), ("site_visited", "2024-03-01", {"page": "/"})
    ),
    *lines("contest", ("contest_entered", "2026-01-01", {"contest": "noel"}), via="contest", since="2026-01-01"),
    *lines("met", ("contest_entered", "2026-01-01", {"contest": "noel"})),
    *lines(
        "unconfirmed", ("consent_requested", "2026-05-01", AGREED | {"confirmation": True}), via="popup", since="2026-05-01"
    ),
    *lines("restricted", ("processing_restricted", "2021-01-01", {})),
    *lines("asking", ("access_requested", "2021-01-01", {})),
]


@pytest.fixture
def shop(tmp_path: Path) -> Book:
    book = Book.create(tmp_path / "book", clock=TickingClock(START))
    assert not book.append_lines(PEOPLE).rejects
    return book


def name(row: dict[str, Any]) -> str:
    return str(row["name"]).partition("@")[0]


def test_each_person_has_the_class_that_fits_and_only_signs_of_life_count(shop: Book) -> None:
    people = shop.retention.everybody().to_pylist()
    assert {name(row): (row["retention_class"], row["limit_on"]) for row in people} == {
        "old.prospect": ("prospect", date(2023, 1, 15)),
        "clicking": ("prospect", date(2027, 1, 1)),
        "opening": ("prospect", date(2023, 1, 15)),
        "agreeing": ("prospect", date(2027, 1, 1)),
        "last.day": ("prospect", date(2026, 7, 1)),
        "day.after": ("prospect", date(2026, 6, 30)),
        "old.buyer": ("customer", date(2025, 5, 1)),
        "buyer": ("customer", date(2028, 5, 1)),
        "contracted": ("contract", None),
        "account": ("account", date(2026, 3, 1)),
        "contest": ("contest", date(2026, 4, 1)),
        "met": ("prospect", date(2029, 1, 1)),
        "unconfirmed": ("unconfirmed", date(2026, 5, 31)),
        "restricted": ("restricted", None),
        "asking": ("request", None),
    }


BEYOND = {"old.prospect", "opening", "day.after", "old.buyer", "account", "contest", "unconfirmed"}


def test_the_last_day_is_still_allowed(shop: Book) -> None:
    assert {name(row) for row in shop.retention.beyond().to_pylist()} == BEYOND


def test_the_limits_are_those_of_book_toml(shop: Book) -> None:
    settings = shop.folder / "book.toml"
    settings.write_text(settings.read_text() + "\n[consent.retention]\nprospect_months = 1200\ncustomer_months = 1\n")
    found = Book(shop.folder, clock=TickingClock(START)).retention.beyond().to_pylist()
    assert {name(row) for row in found} == (BEYOND - {"old.prospect", "opening", "day.after"}) | {"buyer"}


def test_applying_it_erases_them_one_by_one_and_may_be_run_again(shop: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")
    real_now_is_later = Book(shop.folder)  # the command has no clock of its own: compare with what it sees
    beyond = real_now_is_later.retention.beyond()["customer_id"].to_pylist()
    assert real_now_is_later.retire(beyond[0]) is not None  # as far as a killed run came
    revenue = real_now_is_later.info()["revenue"]

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["--book", str(shop.folder), "retention", *arguments])

    assert run("--apply").exit_code != 0  # nobody said yes
    done = run("--apply", "--yes", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["beyond"], found["erased"], found["spared"]) == (len(beyond) - 1, len(beyond) - 1, 0)
    after = Book(shop.folder)
    assert after.retention.beyond().num_rows == 0
    assert {entry.ground for entry in after.log.ledger.entries()} == {"retention"}
    assert after.info()["revenue"] == revenue
    assert after.verify().faults == []
    assert json.loads(run("--apply", "--yes", "--json").stdout)["erased"] == 0


def test_somebody_who_came_back_meanwhile_is_spared(shop: Book) -> None:
    with shop.snapshot() as snapshot:
        buyer = shop.find(snapshot, "old.buyer@example.com")
    assert shop.retention.is_beyond(buyer)
    shop.append_lines(lines("old.buyer", sale("9", "2026-06-30"))[1:])
    assert shop.retire(buyer) is None
