"""Commands about the past: each read command at each moment; imports, undo, replay, diff."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from clientbook.book import Book
from clientbook.importing.decode import GivenFile
from clientbook.importing.noting import happened, merged

HEADER = "Order number;Order date;Email;City;Order total\n"
ANNA, BERT = "anna@example.com", "bert@example.com"
MARCH = HEADER + f"1;10/01/2026;{ANNA};Lyon;10,00\n2;15/02/2026;{ANNA};Lyon;20,00\n"
APRIL = HEADER + f"3;20/01/2026;{BERT};Nice;40,00\n4;20/03/2026;{BERT};Nice;80,00\n"
OWNERS = {"1": ANNA, "2": ANNA, "3": BERT, "4": BERT}


class Clock:
    """Says what it was told."""

    now = datetime(2026, 2, 28, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def set(self, month: int, day: int = 1) -> None:
        self.now = datetime(2026, month, day, 12, tzinfo=UTC)


def bring(book: Book, text: str) -> str:
    data = text.encode()
    file = GivenFile(name="orders.csv", data=data, sha256=sha256(data).hexdigest())
    batch = book.import_file(file, book.plan(file)).batch
    assert batch
    return batch


@pytest.fixture(scope="module")
def past_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book: orders 1 and 2 imported in March, 3 and 4 in April, the first import undone in May."""
    folder, clock = tmp_path_factory.mktemp("past") / "b", Clock()
    book = Book.create(folder, clock=clock)
    with (folder / "book.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[engine]\nthreads = 1\n")
    book = Book(folder, clock=clock)
    clock.set(3)
    first = bring(book, MARCH)
    clock.set(4)
    bring(book, APRIL)
    clock.set(5)
    book.undo(first, reason="wrong shop")
    return folder


Ask = Callable[..., Any]


def asking(folder: Path) -> Ask:
    from click.testing import CliRunner

    from clientbook.cli.diagnostics import guard
    from clientbook.cli.main import cli

    def ask(*arguments: str | Path, code: int = 0) -> Any:
        given = ["--book", str(folder), *map(str, arguments)]
        with CliRunner().isolation() as (out, err, _both):
            ended = guard(lambda: cli.main(given, prog_name="clientbook", standalone_mode=False))
        printed, said = out.getvalue().decode(), err.getvalue().decode()
        assert ended == code, (arguments, printed[-2000:], said[-2000:])
        return subprocess.CompletedProcess(given, ended, printed, said)

    return ask


@pytest.fixture
def ask(past_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run clientbook on the book that tests only read."""
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")
    return asking(past_folder)


@pytest.fixture
def change(past_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run clientbook on a copy of the book."""
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")
    shutil.copytree(past_folder, tmp_path / "b", symlinks=True)
    return asking(tmp_path / "b")


# Every command that reads, at every moment.

MOMENTS = [
    # as_of, known_at, the orders that had happened and were known, imports made by then
    (None, None, "34", 2),
    ("2026-03-31", None, "34", 1),
    (None, "2026-04-15", "1234", 2),
    ("2026-01-31", "2026-04-15", "13", 0),
    ("2026-01-31", "2026-03-15", "1", 0),
    ("2026-02-15T00:30", "2026-03-15", "12", 0),
    ("2026-01-31", "2026-02-01", "", 0),
]


@pytest.mark.parametrize(("as_of", "known_at", "orders", "imports"), MOMENTS)
def test_every_read_command_answers_for_the_moment(
    ask: Ask, tmp_path: Path, as_of: str | None, known_at: str | None, orders: str, imports: int
) -> None:
    moment = [*(("--as-of", as_of) if as_of else ()), *(("--known-at", known_at) if known_at else ())]

    def told(*command: str | Path, **options: Any) -> Any:
        return json.loads(ask(*command, "--json", *moment, **options).stdout)

    counts = {email: sum(OWNERS[order] == email for order in orders) for email in (ANNA, BERT)}
    known = {email: count for email, count in counts.items() if count}
    assert {row["email"]: row["order_count"] for row in told("customers")} == known
    assert [row["order_id"] for row in told("query", "select order_id from orders order by 1")] == list(orders)
    listed = told("events", "--type", "order_placed")
    assert [event["data"]["order_id"] for event in listed] == list(orders)
    info = told("info")
    assert (info["orders"], info["customers"], info["event_counts"].get("order_placed", 0)) == (
        len(orders),
        len(known),
        len(orders),
    )
    assert told("project", "--out", tmp_path, "--tables", "orders,customers")["tables"] == {
        "orders": len(orders),
        "customers": len(known),
    }
    assert sorted(pq.read_table(tmp_path / "orders.parquet")["order_id"].to_pylist()) == list(orders)
    assert len(told("imports")) == imports
    for email, count in counts.items():
        if count:
            assert len(told("show", email)["orders"]) == count
        else:
            assert "no customer" in ask("show", email, *moment, code=1).stderr
    replayed = json.loads(
        ask("replay", "--until", known_at or "now", *(("--as-of", as_of) if as_of else ()), "--json").stdout
    )
    assert (replayed["orders"], replayed["customers"], replayed["revenue"]) == (len(orders), len(known), info["revenue"])


# imports


def test_the_list_of_imports(ask: Ask) -> None:
    newest, first = json.loads(ask("imports", "--json").stdout)
    assert (newest["state"], first["state"], first["undone_reason"]) == ("in_force", "undone", "wrong shop")
    assert (newest["imported_at"], first["undone_at"]) == ("2026-04-01T12:00:00Z", "2026-05-01T12:00:00Z")
    assert first["file_sha256"] == sha256(MARCH.encode()).hexdigest()
    assert (first["rows_read"], first["rows_used"], first["importer"]) == (2, 2, "table.orders")
    table = ask("imports")
    assert "2 imports" in table.stderr
    header, *lines = table.stdout.splitlines()
    assert header.split()[:4] == ["Import", "When", "Importer", "Source"]
    assert [line.split()[0] for line in lines] == [newest["batch"], first["batch"]]
    assert first["file_sha256"][:12] in table.stdout
    assert first["file_sha256"] not in table.stdout
    assert lines[0].endswith("in force")
    assert lines[1].endswith("undone 2026-05-01 14:00")
    assert len(json.loads(ask("imports", "--limit", "1", "--json").stdout)) == 1
    rows = list(csv.DictReader(ask("imports", "--format", "csv").stdout.splitlines()))
    assert [row["batch"] for row in rows] == [newest["batch"], first["batch"]]
    then = json.loads(ask("imports", "--known-at", "2026-04-15", "--json").stdout)
    assert [row["state"] for row in then] == ["in_force", "in_force"]


# undo


def test_an_undo_shows_what_it_comes_to_and_wants_a_yes(change: Ask) -> None:
    before = change("info", "--json").stdout
    asked = change("undo", "last", code=4)
    assert "--yes" in asked.stderr
    shown = dict(line.rsplit("  ", 1) for line in asked.stdout.splitlines() if not line.startswith("  "))
    shown = {name.strip(): value.strip() for name, value in shown.items()}
    assert (shown["Orders that go"], shown["Revenue that goes"], shown["Customers that leave"]) == ("2", "120.00", "1")
    assert change("undo", "last", "--dry-run").stdout == asked.stdout
    assert change("info", "--json").stdout == before
    done = json.loads(change("undo", "last", "--yes", "--json").stdout)
    assert (done["state"], done["orders"], done["revenue"], done["customers"], done["dry_run"]) == (
        "undone",
        2,
        120,
        1,
        False,
    )
    assert done["events"]["order_placed"] == 2
    assert done["position"] == json.loads(change("info", "--json").stdout)["position"]
    assert json.loads(change("customers", "--json").stdout) == []
    assert "no import to undo" in change("undo", "last", "--yes", code=1).stderr


def test_an_undo_asks_on_a_terminal(change: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    answers = iter([False, True])
    monkeypatch.setattr("clientbook.cli.history._can_ask", lambda: True)
    monkeypatch.setattr(click, "confirm", lambda *_arguments, **_options: next(answers))
    assert "stopped" in change("undo", "last", code=1).stderr
    assert json.loads(change("info", "--json").stdout)["orders"] == 2
    change("undo", "last")
    assert json.loads(change("info", "--json").stdout)["orders"] == 0


def test_an_import_comes_back(change: Ask) -> None:
    said = change("undo", "last", "--restore", code=4)
    assert "Orders that come back" in said.stdout
    done = json.loads(change("undo", "last", "--restore", "--yes", "--json").stdout)
    assert (done["state"], done["orders"]) == ("in_force", 2)
    assert json.loads(change("info", "--json").stdout)["revenue"] == 150
    assert {row["state"] for row in json.loads(change("imports", "--json").stdout)} == {"in_force"}
    assert "no import is undone" in change("undo", "last", "--restore", code=1).stderr


def test_what_cannot_be_undone_is_said(ask: Ask) -> None:
    newest, first = (row["batch"] for row in json.loads(ask("imports", "--json").stdout))
    assert "clientbook imports" in ask("undo", "nope", code=1).stderr
    assert f"undo {first} --restore" in ask("undo", first, "--yes", code=1).stderr
    assert "nothing to restore" in ask("undo", newest, "--restore", "--yes", code=1).stderr
    assert newest in ask("undo", "2026", code=1).stderr
    ask("undo", code=2)


# replay


def test_a_position_inside_a_commit_is_rounded_down(ask: Ask) -> None:
    whole = json.loads(ask("replay", "--until", "2026-03-01", "--json").stdout)
    end = whole["position"]
    assert (whole["commit"], whole["asked_position"], whole["recorded_at"]) == (1, None, "2026-03-01T12:00:00Z")
    assert json.loads(ask("replay", "--until", str(end), "--json").stdout) == whole
    inside = json.loads(ask("replay", "--until", str(end + 1), "--json").stdout)
    assert inside == whole | {"asked_position": end + 1}
    assert f"position {end}" in ask("replay", "--until", str(end + 1)).stderr
    empty = json.loads(ask("replay", "--until", str(end - 1), "--json").stdout)
    assert (empty["position"], empty["commit"], empty["recorded_at"], empty["events"]) == (0, 0, None, 0)
    assert json.loads(ask("replay", "--until", "0", "--json").stdout) == empty | {"asked_position": None}
    assert "the log ends at" in ask("replay", "--until", "999999", code=2).stderr
    assert "is no date" in ask("replay", "--until", "yesterday", code=2).stderr


def test_digests_tell_whether_two_states_hold_the_same(change: Ask) -> None:
    def digests(until: str) -> dict[str, str]:
        tables: dict[str, str] = json.loads(change("replay", "--until", until, "--json").stdout)["tables"]
        return tables

    now = digests("now")
    assert now == digests("2999-01-01") != digests("2026-04-15")
    assert set(now) >= {"customers", "orders", "consent_history", "batches"}
    change("order", ANNA if ANNA in change("customers").stdout else BERT, "--total", "5")
    assert {name for name, digest in digests("now").items() if digest != now[name]} == {
        "customers",
        "orders",
        "interactions",
    }
    printed = change("replay", "--until", "now").stdout
    assert digests("now")["orders"] in printed


# diff


def differences(ask: Ask, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask("diff", *arguments, "--json").stdout)
    return found


def types(row: dict[str, Any]) -> list[str]:
    return [event["type"] for event in row["events"]]


def test_nothing_differs_between_a_state_and_itself(ask: Ask) -> None:
    for arguments in (("--from", "now"), ("--from", "2026-04-15", "--to", "2026-04-20"), ("--from", "0", "--to", "0")):
        found = differences(ask, *arguments)
        totals = found["totals"]
        assert totals.pop("revenue_before") == totals.pop("revenue_after")
        assert set(totals.values()) == {0}


def test_what_an_import_added(ask: Ask) -> None:
    found = differences(ask, "--from", "2026-03-15", "--to", "2026-04-15")
    (bert,) = found["customers_added"]
    assert set(types(bert)) == {"customer_registered", "identifier_linked", "profile_updated", "order_placed"}
    assert [order["order_id"] for order in found["orders_added"]] == ["3", "4"]
    assert types(found["orders_added"][0]) == ["order_placed"]
    assert found["customers_changed"] == found["customers_gone"] == found["orders_gone"] == []
    totals = found["totals"]
    assert (totals["customers_added"], totals["orders_added"]) == (1, 2)
    assert (totals["revenue_before"], totals["revenue_after"]) == (30, 150)
    first, last = found["from"]["position"], found["to"]["position"]
    assert totals["events"] == last - first
    assert all(first < event["position"] <= last for event in bert["events"])


def test_what_an_undo_took_and_which_event_did_it(ask: Ask) -> None:
    found = differences(ask, "--from", "2026-04-15")
    (anna,) = found["customers_gone"]
    assert (anna["why"], anna["into"], types(anna)) == ("undone", None, ["import_reverted"])
    assert [(order["order_id"], types(order)) for order in found["orders_gone"]] == [
        ("1", ["import_reverted"]),
        ("2", ["import_reverted"]),
    ]
    assert found["totals"]["events"] == 1
    printed = ask("diff", "--from", "2026-04-15").stdout
    assert "import undone" in printed
    assert f"import_reverted {anna['events'][0]['position']}" in printed


def test_what_hand_entries_changed(past_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")
    folder, clock = tmp_path / "b", Clock()
    shutil.copytree(past_folder, folder, symlinks=True)
    book, ask = Book(folder, clock=clock), asking(tmp_path / "b")
    clock.set(6)
    batch = json.loads(ask("imports", "--json").stdout)[1]["batch"]
    book.undo(batch, restore=True)
    (before,) = [mark.position for mark in book.log.commits().marks][-1:]
    clock.set(7)
    book.note(happened(BERT, [("tag_added", {"tag": "vip"})]), occurred_at=clock())
    book.note(
        happened(BERT, [("order_placed", {"order_id": "5", "total": Decimal(7), "currency": "EUR"})]), occurred_at=clock()
    )
    voided = book.query("select position from orders where order_id = '3'")["position"][0].as_py()
    book.append_lines(
        [json.dumps({"type": "event_voided", "occurred_at": "2026-07-01T12:00:00Z", "data": {"position": voided}}).encode()]
    )
    found = differences(ask, "--from", str(before))
    (bert,) = found["customers_changed"]
    changes = {change["column"]: (change["before"], change["after"]) for change in bert["changes"]}
    assert changes["tags"] == ([], ["vip"])
    assert (changes["revenue"], changes["first_order_at"][1]) == ((120, 87), "2026-03-19T23:00:00Z")
    assert {"email", "city", "customer_id"} & set(changes) == set()
    assert types(bert) == ["tag_added", "order_placed", "event_voided"]
    assert [order["order_id"] for order in found["orders_added"]] == ["5"]
    assert [(order["order_id"], types(order)) for order in found["orders_gone"]] == [("3", ["event_voided"])]
    assert (found["totals"]["revenue_before"], found["totals"]["revenue_after"]) == (150, 117)
    merge_from = str(json.loads(ask("info", "--json").stdout)["position"])
    book.note(merged(ANNA, [BERT], reason=None), occurred_at=clock())
    found = differences(ask, "--from", merge_from)
    (gone,), (kept,) = found["customers_gone"], found["customers_changed"]
    assert (gone["why"], gone["into"], types(gone)) == ("merged", kept["customer_id"], ["customers_merged"])
    assert {(order["order_id"], order["changes"][0]["column"], *types(order)) for order in found["orders_changed"]} == {
        ("4", "customer_id", "customers_merged"),
        ("5", "customer_id", "customers_merged"),
    }
    by_name = differences(ask, "--from", merge_from, "--customer", BERT)
    assert (by_name["totals"]["customers_gone"], by_name["totals"]["customers_changed"]) == (1, 1)
    assert (by_name["totals"]["revenue_before"], by_name["totals"]["revenue_after"], by_name["totals"]["events"]) == (
        117,
        117,
        1,
    )
    printed = ask("diff", "--from", merge_from, "--limit", "1").stdout
    assert f"merged into {kept['customer_id']}" in printed
    assert "… and 1 more" in printed
    clock.set(8)
    ask("undo", batch, "--yes")
    one = differences(ask, "--from", merge_from, "--customer", ANNA)
    assert one["totals"]["orders_gone"] == 2


def test_what_had_happened_between_two_dates(ask: Ask) -> None:
    found = differences(ask, "--from", "2026-01-31", "--to", "2026-03-31", "--axis", "occurred")
    assert [order["order_id"] for order in found["orders_added"]] == ["4"]
    (bert,) = found["customers_changed"]
    assert "order_placed" in types(bert)
    assert (found["from"]["as_of"], found["totals"]["orders_added"]) == ("2026-01-31T22:59:59.999999Z", 1)
    assert differences(ask, "--from", "2026-01-31", "--axis", "occurred")["totals"]["revenue_after"] == 120


def test_bad_states_are_refused(ask: Ask) -> None:
    for arguments, said in (
        (("--from", "now", "--to", "2026-04-15"), "later"),
        (("--from", "2026-03-31", "--to", "2026-01-31", "--axis", "occurred"), "later"),
        (("--from", "now", "--to", "2026-01-31", "--axis", "occurred"), "later"),
        (("--from", "7", "--axis", "occurred"), "is a position"),
        (("--from", "999999"), "the log ends at"),
        (("--from", "soon"), "is no date"),
    ):
        assert said in ask("diff", *arguments, code=2).stderr
    ask("diff", code=2)
    assert "nobody@example.com" not in ask("diff", "--from", "0", "--customer", "nobody@example.com", code=1).stderr
