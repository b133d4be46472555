"""Any table that a command prints can be a file: as it is seen, harmless for people, as it is for machines."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import click
import pyarrow.parquet as pq
import pytest
from installed_command import Run

from clientbook.cli.main import cli

TABLES = (
    ("customers",),
    ("show", "z@example.com"),
    ("events",),
    ("query", "select * from orders"),
    ("segments",),
    ("segments", "members", "core.one_order"),
    ("segments", "diff", "core.one_order", "--from", "2026-01-01"),
    ("segments", "overlap"),
    ("segments", "backtest", "core.one_order", "--months", "2"),
    ("metrics",),
    ("metrics", "--by", "month", "--months", "2"),
    ("priorities",),
    ("reports",),
    ("exports",),
    ("exports", "--destinations"),
    ("imports",),
    ("duplicates",),
    ("edit", "--where", "order_count > 0", "--tag", "vip", "--dry-run"),
    ("consent", "matrix"),
    ("consent", "expiring"),
    ("consent", "history", "z@example.com"),
    ("consent", "notices"),
    ("consent", "lists"),
    ("retention", "--all"),
    ("rights", "due"),
    ("diff", "--from", "0"),
)


def lines_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter=";"))


@pytest.mark.parametrize("arguments", TABLES, ids=" ".join)
def test_a_table_goes_to_a_file_and_nothing_to_stdout(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, "--export", tmp_path / "table.csv")
    assert done.stdout == ""
    header, *rows = lines_of(tmp_path / "table.csv")
    assert header
    assert all(len(row) == len(header) for row in rows)
    assert (tmp_path / "table.csv").stat().st_mode & 0o077 == 0
    run(*arguments, "--export", tmp_path / "table.parquet")
    assert pq.read_table(tmp_path / "table.parquet").num_rows == len(rows)


def test_every_command_with_a_choice_of_formats_can_write_a_file() -> None:
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    for name, command in list(commands.items()):
        commands |= {f"{name} {sub}": one for sub, one in getattr(command, "commands", {}).items()}
    options = {name: {one.name for one in command.params} for name, command in commands.items() if command}
    assert {name for name, found in options.items() if "format_" in found and "export_path" not in found} == {"project"}
    assert {name for name, found in options.items() if "export_path" in found} - {"report", "segments profile"} == {
        next(name for name in (" ".join(arguments[:2]), arguments[0]) if name in options) for arguments in TABLES
    }


def test_a_formula_is_harmless_in_files_for_people_and_as_it_is_for_machines(run: Run, tmp_path: Path) -> None:
    asked = ("edit", "--where", "city = 'Lyon'", "--set", "city==1+1", "--dry-run")
    run(*asked, "--export", tmp_path / "a.csv")
    assert lines_of(tmp_path / "a.csv")[1][-1] == "'=1+1"
    run(*asked, "--export", tmp_path / "a.csv", "--exporter", "csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[1].endswith(",=1+1")
    run(*asked, "--export", tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text())["after"] == "=1+1"


def test_numbers_and_ids_are_whole_in_the_file(run: Run, tmp_path: Path) -> None:
    run("segments", "--export", tmp_path / "s.jsonl")
    listed = {row["id"]: row for row in map(json.loads, (tmp_path / "s.jsonl").read_text().splitlines())}
    shown = {row["id"]: row for row in json.loads(run("segments", "--json").stdout)}
    assert listed["core.one_order"]["count"] == shown["core.one_order"]["count"]
    assert listed["core.one_order"]["share"] == pytest.approx(shown["core.one_order"]["share"])


def test_several_tables_are_one_with_their_titles(run: Run, tmp_path: Path) -> None:
    run("diff", "--from", "0", "--export", tmp_path / "d.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    assert {row["section"] for row in rows} == {"Customers added", "Orders added"}


def test_what_prints_no_table_or_goes_elsewhere_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    assert "--export out" in run("metrics", "--explain", "--export", file, code=2).stderr
    assert "--format" in run("imports", "--export", file, "--json", code=2).stderr
    assert "--export FILE" in run("exports", "--exporter", "csv", code=2).stderr
    wording = tmp_path / "wording.txt"
    wording.write_text("Yes")
    notice = ("consent", "notices", "--publish", wording, "--id", "card", "--version", "1")
    run(*notice, "--export", file, code=2)
    assert json.loads(run("consent", "notices", "--json").stdout) == []
    assert not file.exists()
