"""Commands that read: data on stdout in every format, narration on stderr, the moment and the book from where they say."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from installed_command import installed

RUN_HELP = """
import sys
from clientbook.cli.main import cli
sys.argv = ["clientbook", *sys.argv[1:]]
try:
    cli.main(standalone_mode=False)
except SystemExit:
    pass
heavy = {"textual", "duckdb", "pyarrow", "sqlglot", "python_calamine"} & set(sys.modules)
print("heavy:", sorted(heavy), file=sys.stderr)
"""


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_nothing_heavy(argument: str) -> None:
    done = subprocess.run([sys.executable, "-c", RUN_HELP, argument], capture_output=True, text=True, timeout=60)
    assert "heavy: []" in done.stderr, done.stderr
    assert "clientbook" in done.stdout.lower() or "Usage" in done.stdout


def test_every_format_says_the_same_and_only_data_goes_to_stdout(run: Any) -> None:
    arguments = ("customers", "--columns", "email,revenue,city", "--sort", "-revenue")
    as_json = json.loads(run(*arguments, "--json").stdout)
    assert [(row["email"], row["revenue"]) for row in as_json] == [("z@example.com", 24.8), ("m@example.com", 9.9)]
    as_lines = [json.loads(line) for line in run(*arguments, "--format", "jsonl").stdout.splitlines()]
    assert as_lines == as_json
    as_csv = list(csv.DictReader(io.StringIO(run(*arguments, "--format", "csv").stdout)))
    assert [(row["email"], float(row["revenue"]), row["city"]) for row in as_csv] == [tuple(row.values()) for row in as_json]
    packed = run(*arguments, "--format", "parquet", input=b"").stdout
    assert pq.read_table(io.BytesIO(packed)).column("email").to_pylist() == ["z@example.com", "m@example.com"]
    table = run(*arguments)
    assert "z@example.com" in table.stdout
    assert "2 customers" in table.stderr
    assert "2 customers" not in table.stdout


def test_hostile_names_are_harmless_in_a_table_and_whole_in_data(run: Any) -> None:
    for command in (("customers",), ("show", "m@example.com"), ("events",)):
        shown = run(*command).stdout
        assert not {"\x1b", "\x07", "\u202e"} & set(shown), command
        assert "[red]M[/red]" in shown
    assert "\x1b]52;c;aGk=\x07\u202e" in json.loads(run("show", "m@example.com", "--json").stdout)["customer"]["name"]


def test_the_figures_of_info(run: Any) -> None:
    info = json.loads(run("info", "--json").stdout)
    assert (info["customers"], info["orders"], info["guest_orders"], info["revenue"]) == (2, 3, 1, 44.6)
    assert (info["currency"], info["timezone"], info["name"]) == ("EUR", "Europe/Paris", "Savonnerie")
    assert info["events"] == sum(info["event_counts"].values())
    assert info["first_occurred_at"] == "2026-01-31T23:00:00Z"
    assert "Savonnerie" in run("info").stdout


def test_the_shape_of_one_customer(run: Any) -> None:
    shown = json.loads(run("show", "Z@example.com", "--json").stdout)
    assert set(shown) == {"customer", "identifiers", "orders", "consent", "timeline"}
    assert [(order["order_id"], order["revenue"], order["line_count"]) for order in shown["orders"]] == [("1", 24.8, 2)]
    assert [one["value"] for one in shown["identifiers"]] == ["z@example.com"]
    by_prefix = run("show", shown["customer"]["customer_id"][:8], "--json").stdout
    assert json.loads(by_prefix) == shown


@pytest.mark.parametrize(
    "command",
    [
        ("info", "--json"),
        ("customers", "--json"),
        ("events", "--json"),
        ("query", "select count(*) as n from orders", "--json"),
        ("show", "z@example.com", "--json"),
    ],
)
def test_every_read_command_can_look_back(run: Any, command: tuple[str, ...]) -> None:
    now = json.loads(run(*command).stdout)
    assert json.loads(run(*command, "--as-of", "2999-12-31").stdout) == now
    if command[0] == "show":
        assert "no customer" in run(*command, "--as-of", "2026-01-01", code=1).stderr
        return
    before = json.loads(run(*command, "--as-of", "2026-02-01").stdout)
    unknown = json.loads(run(*command, "--known-at", "2020-01-01").stdout)
    match command[0]:
        case "info":
            assert (before["orders"], unknown["events"]) == (1, 0)
        case "customers":
            assert ([row["email"] for row in before], unknown) == (["z@example.com"], [])
        case "events":
            assert (sum(row["type"] == "order_placed" for row in before), unknown) == (1, [])
        case "query":
            assert (before, unknown) == ([{"n": 1}], [{"n": 0}])


def test_tables_can_be_written_to_files_as_they_stood(run: Any, tmp_path: Path) -> None:
    written = json.loads(run("project", "--out", tmp_path, "--tables", "customers,orders", "--json").stdout)
    assert written["tables"] == {"customers": 2, "orders": 3}
    assert pq.read_table(tmp_path / "orders.parquet").num_rows == 3
    run("project", "--out", tmp_path, "--tables", "orders", "--format", "csv", "--as-of", "2026-02-01")
    assert len((tmp_path / "orders.csv").read_text().splitlines()) == 2
    assert "there is no table" in run("project", "--out", tmp_path, "--tables", "secrets", code=2).stderr


def test_events_are_listed_filtered_and_cut(run: Any) -> None:
    lines = [
        json.loads(line)
        for line in run("events", "--type", "order_placed", "--limit", "2", "--format", "jsonl").stdout.splitlines()
    ]
    assert [line["data"]["order_id"] for line in lines] == ["1", "2"]
    flat = list(csv.DictReader(io.StringIO(run("events", "--customer", "z@example.com", "--format", "csv").stdout)))
    assert {row["customer_id"] for row in flat} == {flat[0]["customer_id"]}
    assert all(len(row["event_id"]) == 32 for row in flat)
    assert all(row["occurred_at"].endswith("Z") for row in flat)
    assert "order_placed" in run("events", "--types").stdout
    run("events", "--type", "order_eaten", code=2)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "from '/etc/passwd'",
        "select * from read_text('{book}/log/key')",
        "select * from read_text('{book}/book.toml')",
        "select * from glob('/etc/*')",
        "select getenv('HOME')",
        "attach '{book}/x.db'",
        "copy customers to '{book}/x.csv'",
        "create table t as select 1",
        "drop table customers",
        "set enable_external_access = true",
        "install httpfs",
        "load httpfs",
        "pragma database_list",
        "export database '{book}/x'",
        "select 1; select 2",
        "delete from customers",
        "update customers set name = 'x'",
        "call pragma_version()",
    ],
)
def test_a_query_reads_this_book_and_nothing_else(shop_folder: Path, sql: str) -> None:
    from clientbook.book import Book
    from clientbook.errors import ClientbookError

    before = sorted(path.name for path in (shop_folder / "b").iterdir())
    with pytest.raises(ClientbookError):
        Book(shop_folder / "b").query(sql.replace("{book}", str(shop_folder / "b")))
    assert sorted(path.name for path in (shop_folder / "b").iterdir()) == before


def test_a_query_is_refused_by_the_command_too(run: Any, shop_folder: Path) -> None:
    done = run("query", f"select * from read_text('{shop_folder}/b/log/key')", code=1)
    assert (shop_folder / "b" / "log" / "key").read_text().strip() not in done.stdout + done.stderr
    assert "one SELECT" in run("query", "drop table customers", code=2).stderr
    assert run("query", "-", "--format", "csv", input="select 1 + 1 as two").stdout == '"two"\n2\n'


def test_values_of_any_kind_are_data(run: Any) -> None:
    sql = (
        "select 'nan'::double as nan, interval 90 minute as span, uuid() as id, time '10:00' as t, {'a': 1} as s,"
        " timestamp '2026-07-01 08:00' as local, timestamptz '2026-07-01 08:00+00' as moment, map {'k': 'v'} as m,"
        " [1, 2] as l, 'x'::blob as b"
    )
    (row,) = json.loads(run("query", sql, "--json").stdout, parse_constant=pytest.fail)
    assert (row["nan"], row["local"], row["moment"]) == (None, "2026-07-01T08:00:00", "2026-07-01T08:00:00Z")
    assert (row["s"], row["m"], row["l"], row["b"]) == ({"a": 1}, {"k": "v"}, [1, 2], "78")
    run("query", sql)
    (flat,) = csv.DictReader(io.StringIO(run("query", sql, "--format", "csv").stdout))
    assert flat["moment"].startswith("2026-07-01T08:00:00")
    assert flat["b"] == "78"


def test_two_columns_of_one_name_are_both_printed(run: Any) -> None:
    sql = "select c.name, o.name from customers c join customers o using (customer_id) limit 1"
    for format in ("csv", "json", "table", "parquet"):
        run("query", sql, "--format", format, input=b"")
    assert len(json.loads(run("query", sql, "--json").stdout)[0]) == 2


@pytest.mark.parametrize("format", ["table", "csv", "jsonl", "json"])
def test_a_reader_that_stops_early_gets_no_traceback(shop_folder: Path, format: str) -> None:
    sql = "select i, 'some words to fill the pipe' as words from range(6000) as t(i)"
    process = subprocess.Popen(
        [installed(), "--book", "b", "query", sql, "--format", format],
        cwd=shop_folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdout
    assert process.stderr
    process.stdout.read(64)
    process.stdout.close()
    said = process.stderr.read().decode()
    process.wait(timeout=60)
    process.stderr.close()
    assert (said, process.returncode) == ("", 0)


def test_wrong_use_is_2_and_a_failure_is_1(run: Any, run_here: Any) -> None:
    assert "did you mean" in run("custmers", code=2).stderr
    assert "did you mean revenue" in run("customers", "--where", "revenu > 3", code=2).stderr
    run("customers", "--sort", "nothing", code=2)
    run("customers", "--format", "csv", "--json", code=2)
    run("info", "--as-of", "yesterday", code=2)
    run("show", "nobody@example.com", code=1)
    assert "no customer book" in run_here("info", code=1).stderr
    assert "nope" in run("query", "select nope from customers", code=1).stderr


def test_the_book_is_the_option_then_the_variable_then_the_folder(run_here: Any, tmp_path: Path) -> None:
    for name in ("option", "variable", "here"):
        run_here("init", tmp_path / name, "--name", name)

    def which(*arguments: str, **options: Any) -> str:
        name: str = json.loads(run_here(*arguments, "info", "--json", **options).stdout)["name"]
        return name

    variable = {"CLIENTBOOK_BOOK": str(tmp_path / "variable")}
    assert which("--book", "option", **variable) == "option"
    assert which(**variable) == "variable"
    (tmp_path / "here" / "log").rename(tmp_path / "log")
    (tmp_path / "here" / "book.toml").rename(tmp_path / "book.toml")
    assert which() == "here"


def test_an_unforeseen_error_does_not_quote_the_book(shop_folder: Path) -> None:
    program = (
        "import sys; from clientbook.cli import diagnostics\n"
        "def main(): raise RuntimeError('z@example.com bought soap')\n"
        "sys.exit(diagnostics.guard(main))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "RuntimeError" in done.stderr
    assert "example.com" not in done.stderr + done.stdout
    assert "CLIENTBOOK_DEBUG" in done.stderr
