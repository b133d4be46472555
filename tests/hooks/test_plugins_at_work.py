"""What plugins add works in the whole program, and what they leave behind outlives them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from plugin_shop import LOYALTY, Shop

TICKETS = "Ticket;Card;Points\n1;0042;12\n2;7;many\n3;42;9\n;8;5\n;8;5\n"


def line(card: str, points: int, **more: Any) -> str:
    event = {"type": "loyalty.points_earned", "occurred_at": "2026-03-01T10:00:00Z", "data": {"points": points}}
    return json.dumps(event | {"customer": {"loyalty.card": card}} | more) + "\n"


@pytest.fixture
def loyal(shop: Shop) -> Shop:
    shop.install("loyalty", LOYALTY)
    return shop


def events(shop: Shop, *options: str) -> list[dict[str, Any]]:
    done = shop.run(*options, "events", "--type", "loyalty.points_earned", "--format", "jsonl")
    return [json.loads(one) for one in done.stdout.splitlines()]


def test_a_type_of_events_is_in_the_catalogue_and_on_the_time_line(loyal: Shop) -> None:
    types = {one["type"]: one for one in json.loads(loyal.run("events", "--types", "--json").stdout)}
    assert types["loyalty.points_earned"]["summary"] == "Points were put on a card."
    loyal.run("append", input=line("0042", 5))
    shown = loyal.run("show", "42").stdout
    assert "Points earned" in shown and "reaction" in shown
    refused = loyal.run("append", input=line("0042", -5), code=1).stderr
    assert refused.startswith("line 1: $.data.points: ")


def test_a_kind_of_number_finds_one_customer_however_it_is_written(loyal: Shop) -> None:
    loyal.run("append", input=line("0042", 5) + line("42", 6) + line("7", 6, source="till"))
    loyal.run("append", input=line(" 42", 1, source="till", customer={"loyalty.card": " 42", "email": "zoe@example.com"}))
    customers = [one["customer"] for one in events(loyal)]
    assert customers[0] == customers[1] == customers[3] != customers[2]
    assert {one["source"] for one in events(loyal)} == {"hand", "till"}
    shown = json.loads(loyal.run("show", "zoe@example.com", "--json").stdout)
    assert {(one["kind"], one["source"], one["value"]) for one in shown["identifiers"]} >= {
        ("external", "loyalty.card", "42")
    }
    assert "this is no loyalty.card" in loyal.run("append", input=line("000", 5), code=1).stderr
    named_twice = line("1", 5, customer={"loyalty.card": "1", "external": "2"})
    assert "named by one number; here are external, loyalty.card" in loyal.run("append", input=named_twice, code=1).stderr


def test_somebody_erased_does_not_come_back_by_their_card(loyal: Shop) -> None:
    loyal.run("append", input=line("0042", 5))
    loyal.run("erase", "42", "--yes")
    assert events(loyal) == []
    assert loyal.run("append", input=line("042", 5, source="till"), code=1).stderr.startswith("line 1")
    (loyal.folder / "t.csv").write_text(TICKETS)
    loyal.run("import", "t.csv", "--yes")
    rejects = "".join(path.read_text() for path in (loyal.folder / "book" / "rejects").iterdir())
    assert "many" in rejects and "42" not in rejects


def test_an_importer_reads_its_files_and_twice_adds_nothing(loyal: Shop) -> None:
    (loyal.folder / "t.csv").write_text(TICKETS)
    stopped = loyal.run("import", "t.csv", code=4).stderr
    assert "read by loyalty.tickets (Loyalty tickets), 80 of 100; it has a column Card" in stopped
    done = json.loads(loyal.run("import", "t.csv", "--yes", "--json").stdout)
    assert (done["importer"], done["rows_read"], done["rows_used"], done["rows_rejected"]) == ("loyalty.tickets", 5, 4, 1)
    assert len(events(loyal)) == 4
    again = json.loads(loyal.run("import", "t.csv", "--yes", "--json").stdout)
    assert (again["rows_used"], again["rows_duplicate"], again["events"]) == (0, 4, 0)
    imports = json.loads(loyal.run("imports", "--json").stdout)
    assert [(one["importer"], one["importer_version"]) for one in imports] == [("loyalty.tickets", "1.0")]


def test_rows_set_aside_are_corrected_in_their_file_and_imported(loyal: Shop) -> None:
    (loyal.folder / "t.csv").write_text(TICKETS)
    done = json.loads(loyal.run("import", "t.csv", "--yes", "--json").stdout)
    path = loyal.folder / done["rejects_file"]
    assert path.read_text().splitlines()[0].startswith("Ticket;Card;Points;_line;_code")
    path.write_text(path.read_text().replace("2;7;many", "2;7;70"))
    fixed = json.loads(loyal.run("import", str(path), "--yes", "--json").stdout)
    assert (fixed["rows_read"], fixed["rows_used"], fixed["rows_rejected"]) == (1, 1, 0)


def test_no_importer_is_chosen_by_order(loyal: Shop) -> None:
    loyal.install("kiosk", LOYALTY.replace("loyalty.", "kiosk.").replace("score=80", "score=75"))
    (loyal.folder / "t.csv").write_text(TICKETS)
    said = loyal.run("import", "t.csv", "--yes", code=4).stderr
    assert "several importers take it for theirs: loyalty.tickets (80: it has a column Card); kiosk.tickets (75:" in said
    done = json.loads(loyal.run("import", "t.csv", "--importer", "kiosk.tickets", "--json").stdout)
    assert done["importer"] == "kiosk.tickets"
    assert (
        "there are events, table, kiosk.tickets, loyalty.tickets"
        in loyal.run("import", "t.csv", "--importer", "x", code=2).stderr
    )


def test_a_file_that_no_plugin_knows_is_read_as_before(loyal: Shop) -> None:
    (loyal.folder / "c.csv").write_text("Email,City\nzoe@example.com,Lyon\n")
    loyal.run("import", "c.csv", "--yes")
    assert "zoe@example.com" in loyal.run("customers").stdout


def test_an_importer_that_fails_halfway_writes_nothing(loyal: Shop) -> None:
    loyal.uninstall("loyalty")
    loyal.install("loyalty", LOYALTY.replace('row["Points"].isdigit()', 'int(row["Points"]) < 0'))
    (loyal.folder / "t.csv").write_text(TICKETS)
    said = loyal.run("import", "t.csv", "--yes", code=1).stderr
    assert "plugin loyalty, loyalty.tickets failed: ValueError (clientbook_loyalty.py:" in said
    assert said.endswith("nothing was imported\n") and "many" not in said
    assert events(loyal) == []


def test_an_importer_of_another_kind_of_file_numbers_its_events_itself(loyal: Shop) -> None:
    loyal.install(
        "till",
        """
        from datetime import UTC, datetime
        def extract(source):
            for number, text in enumerate(source.data.decode().splitlines(), 1):
                ref, _, points = text.partition("#")
                if not points.isdigit():
                    yield Reject(line=number, code="till.points", message="expected a number")
                    continue
                yield NewEvent(
                    type="note_added", line=number, key=ref, occurred_at=datetime.now(UTC),
                    customer={"email": f"k{ref}@example.com"}, data={"text": f"{points} points"},
                )
        @hookimpl
        def register_importers():
            return [Importer(
                id="till.log", label="Till", suffixes=(".till",), emits=("note_added",), source="till",
                identify=lambda head: Match(score=90) if b"#" in head.data else None, extract=extract,
            )]
        """,
    )
    (loyal.folder / "day.till").write_text("1#5\n2#?\n3#7\n")
    done = json.loads(loyal.run("import", "day.till", "--yes", "--json").stdout)
    assert (done["rows_read"], done["rows_used"], done["rows_rejected"]) == (3, 2, 1)
    (rejected,) = (loyal.folder / done["rejects_file"]).read_text().splitlines()
    assert json.loads(rejected)["_reject"] == {
        "line": 2, "code": "till.points", "column": "", "message": "expected a number", "text": "2#?",
    }  # fmt: skip
    again = json.loads(loyal.run("import", "day.till", "--yes", "--json").stdout)
    assert (again["rows_used"], again["events"]) == (0, 0)


def test_plugins_see_an_import_before_and_the_log_after(loyal: Shop) -> None:
    loyal.install(
        "watch",
        """
        import pathlib
        @hookimpl
        def check_import(plan):
            yield Finding(severity="warning", code="many", message=f"{plan.events.num_rows} events", rows=2)
        @hookimpl
        def log_appended(batch):
            pathlib.Path("seen").write_text(f"{batch.first_position}-{batch.last_position} {dict(batch.types)}")
            raise RuntimeError("Zoé")
        """,
    )
    (loyal.folder / "t.csv").write_text(TICKETS)
    assert "watch: 4 events (2)" in loyal.run("import", "t.csv", "--dry-run").stderr
    assert not (loyal.folder / "seen").exists()
    done = loyal.run("import", "t.csv", "--yes", "--json")
    assert json.loads(done.stdout)["findings"] == [
        {"plugin": "watch", "severity": "warning", "code": "many", "message": "4 events", "rows": 2}
    ]
    assert "plugin watch failed: RuntimeError (clientbook_watch.py:" in done.stderr and "Zoé" not in done.stderr
    assert len(events(loyal)) == 4
    info = json.loads(loyal.run("info", "--json").stdout)
    assert (loyal.folder / "seen").read_text() == f"1-{info['position']} {info['event_counts']}"


def test_a_report_reads_its_settings_and_its_parameters(loyal: Shop) -> None:
    loyal.run("append", input=line("0042", 5))
    loyal.settings("\n[plugins.loyalty]\nrate = 7\n")
    assert json.loads(loyal.run("reports", "--json").stdout) == [
        {"id": "loyalty.points", "label": "Points", "description": ""}
    ]
    printed = loyal.run("report", "loyalty.points", "--param", "times=2", "--json").stdout
    assert json.loads(printed) == [{"points": 10, "rate": 7}]
    assert loyal.run("report", "loyalty.points").stdout.startswith("Points in all")
    assert "times: expected at most 9" in loyal.run("report", "loyalty.points", "--param", "times=10", code=2).stderr


def test_an_exporter_writes_a_whole_file_of_its_owner(loyal: Shop) -> None:
    loyal.run("append", input=line("0042", 5) + line("7", 5))
    loyal.run("customers", "--export", "out.cards")
    path = loyal.folder / "out.cards"
    assert len(path.read_text().split()) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    broken = LOYALTY.replace("loyalty.", "kiosk.").replace("lambda table, file:", "lambda table, file: file.write(b'x') and")
    loyal.install("kiosk", broken)
    said = loyal.run("customers", "--export", "out.cards", code=4).stderr
    assert "several exporters write such files: kiosk.cards (Card printer); loyalty.cards (Card printer)" in said
    before = path.read_bytes()
    loyal.run("customers", "--where", "order_count > 5", "--export", "out.cards", "--exporter", "loyalty.cards")
    assert path.read_bytes() == b"" != before
    assert "nothing writes files with the suffix '.doc'" in loyal.run("customers", "--export", "a.doc", code=2).stderr


@pytest.mark.parametrize("how", ["uninstalled", "--no-plugins", "disabled"])
def test_events_of_a_plugin_that_is_gone_stay_readable_counted_and_whole(loyal: Shop, how: str) -> None:
    loyal.run("append", input=line("0042", 5) + line("7", 6))
    before = events(loyal)
    options = ()
    if how == "uninstalled":
        loyal.uninstall("loyalty")
    elif how == "disabled":
        loyal.run("plugins", "disable", "loyalty")
    else:
        options = ("--no-plugins",)
    assert events(loyal, *options) == before
    assert json.loads(loyal.run(*options, "info", "--json").stdout)["event_counts"]["loyalty.points_earned"] == 2
    assert "loyalty.points_earned" in loyal.run(*options, "show", "42").stdout
    assert "points: 5" in loyal.run(*options, "events").stdout
    assert "no fault" in loyal.run(*options, "verify").stderr
    loyal.run(*options, "seal", "--all")
    loyal.run(*options, "rebuild")
    assert events(loyal, *options) == before
    assert (
        "unknown event type"
        in loyal.run(*options, "append", input=line("1", 1, customer={"email": "a@b.fr"}), code=1).stderr
    )
    if how == "uninstalled":
        loyal.install("loyalty", LOYALTY)
    elif how == "disabled":
        loyal.run("plugins", "enable", "loyalty")
    assert "Points earned" in loyal.run("show", "42").stdout


def test_the_list_of_names_says_who_is_loaded(loyal: Shop) -> None:
    loyal.install("acme", "import nowhere_to_be_found\n")
    assert "acme" in loyal.run("info").stderr
    assert loyal.run("info", CLIENTBOOK_PLUGINS="loyalty").stderr == ""
    for off in ({"CLIENTBOOK_PLUGINS": ""}, {"CLIENTBOOK_PLUGINS": "other"}):
        assert "points_earned" not in loyal.run("events", "--types", **off).stdout
    assert "CLIENTBOOK_PLUGINS names other, which is not installed" in loyal.run("info", CLIENTBOOK_PLUGINS="other").stderr
    assert "points_earned" in loyal.run("events", "--types", CLIENTBOOK_PLUGINS="loyalty").stdout
    listed = json.loads(loyal.run("plugins", "--json").stdout)
    assert [(one["name"], one["state"]) for one in listed] == [("acme", "broken"), ("loyalty", "ok")]


def test_without_what_comes_with_the_program_the_hooks_are_enough(loyal: Shop) -> None:
    loyal.run("--no-builtin", "append", input=line("0042", 5))
    assert "Points earned" in loyal.run("--no-builtin", "show", "42").stdout
    script = (
        "from clientbook.hooks.manager import Plugins\n"
        "p = Plugins.load()\np.load_all()\nprint(sorted(p.known), len(p.traits))"
    )
    done = run_python(loyal, script, CLIENTBOOK_NO_BUILTIN="1")
    assert done == "['loyalty'] 0\n"


def test_disabling_changes_one_entry_of_the_settings_and_keeps_the_rest(loyal: Shop) -> None:
    path = loyal.folder / "book" / "book.toml"
    more = (
        "\n[plugins.loyalty]\nrate = 4 # as agreed\n"
        '\n[plugins] # who is in\ndisabled = [ # out\n  "gone", # long\n]\n'
        '\n[consent]\nstale_mode = "warn"\n'
    )
    path.write_text(path.read_text() + more)
    loyal.run("plugins", "disable", "loyalty")
    assert '[plugins] # who is in\ndisabled = ["gone", "loyalty"]\n\n[consent]\nstale_mode = "warn"\n' in path.read_text()
    assert "rate = 4 # as agreed" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loyal.run("plugins", "enable", "loyalty")
    assert 'disabled = ["gone"]' in path.read_text()
    assert "did you mean loyalty?" in loyal.run("plugins", "disable", "loyalti", code=2).stderr


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("plugins",), ("plugins", "--json"), ("plugins", "--all")]
)
def test_listing_and_help_load_neither_plugins_nor_what_is_heavy(loyal: Shop, arguments: tuple[str, ...]) -> None:
    script = (
        "import sys, atexit\n"
        f"sys.argv = ['clientbook', '--book', 'book', *{list(arguments)!r}]\n"
        "heavy = ('textual', 'duckdb', 'pyarrow', 'numpy', 'sqlglot', 'clientbook_loyalty')\n"
        "atexit.register(lambda: print([one for one in heavy if one in sys.modules]))\n"
        "from clientbook.cli.main import run\n"
        "run()\n"
    )
    assert run_python(loyal, script).splitlines()[-1] == "[]"


def run_python(shop: Shop, script: str, **env: str) -> str:
    import subprocess
    import sys

    import clientbook

    path = os.pathsep.join([str(Path(clientbook.__file__).parents[1]), str(shop.site)])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTBOOK")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=shop.folder,
        env=clean | {"PYTHONPATH": path, "CLIENTBOOK_LANG": "en"} | env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
