"""The documentation is true: its commands run, its links lead somewhere, its generated parts are what the code says."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pyarrow as pa
import pytest
from click.testing import CliRunner

from clientbook.cli.main import cli
from clientbook.events.arrow import ENVELOPE, struct_type, to_arrow
from clientbook.events.reactions import Line, OrderPlaced
from clientbook.importing.mapping import load_mapping
from clientbook.log.digest import GENESIS, canonical_rows, chain, row_digests

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
RUNNABLE = sorted((DOCS / "tutorial").glob("*.md")) + sorted((DOCS / "how-to").glob("*.md"))
PROGRAM = Path(sys.executable).with_name("clientbook")

_BLOCK = re.compile(
    r"<!-- run(?:: (?P<code>\d))? -->\s*```sh\n(?P<script>.*?)```(?:\s*<!-- output -->\s*```text\n(?P<output>.*?)```)?",
    re.DOTALL,
)
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLIENTBOOK_")}
    return kept | {"CLIENTBOOK_LANG": "en", "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"} | more


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


# Commands


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, tuple[subprocess.Popen[bytes], Path]]]:
    """The commands of all pages, started at once, each page in a folder of its own; and where their outputs go."""
    started = {}
    for page in RUNNABLE:
        outputs, work = tmp_path_factory.mktemp("outputs"), tmp_path_factory.mktemp("work")
        script = "".join(
            f"{{\n{block['script']}\n}} > {outputs}/{number} 2>&1\necho $? > {outputs}/{number}.code\n"
            for number, block in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8")))
        )
        run = subprocess.Popen(["bash", "-c", script], cwd=work, env=environment(), stdin=subprocess.DEVNULL)
        started[page] = (run, outputs)
    yield started
    for run, _outputs in started.values():
        run.kill()
        run.wait()


@pytest.mark.skipif(shutil.which("bash") is None, reason="the examples are written for bash")
@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_the_commands_of_a_page_print_what_it_shows(
    page: Path, followed: dict[Path, tuple[subprocess.Popen[bytes], Path]]
) -> None:
    blocks = list(_BLOCK.finditer(page.read_text(encoding="utf-8")))
    assert blocks, "a page to be followed has commands that run"
    run, outputs = followed[page]
    run.wait(timeout=300)
    for number, block in enumerate(blocks):
        printed = (outputs / str(number)).read_text(encoding="utf-8")
        code = int((outputs / f"{number}.code").read_text())
        assert code == int(block["code"] or 0), f"{block['script']}\n{printed}"
        if block["output"] is not None:
            assert re.fullmatch(shown_as_pattern(block["output"]), trimmed(printed)), (
                f"{block['script']}\nprinted:\n{printed}\nthe page shows:\n{block['output']}"
            )


def shown_as_pattern(shown: str) -> str:
    """`…` stands for anything within a line, a line of its own for any lines."""
    parts = []
    for line in trimmed(shown).splitlines():
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(map(re.escape, line.split("…"))) + r"\n")
    return "".join(parts)


def trimmed(text: str) -> str:
    return "".join(line.rstrip() + "\n" for line in text.strip().splitlines())


def test_every_option_is_named_somewhere_in_the_documentation() -> None:
    said = "\n".join(page.read_text(encoding="utf-8") for page in [*PAGES, ROOT / "README.md"])
    unnamed = [
        f"{command}: {option}"
        for command, option in all_options()
        if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", said)
    ]
    assert unnamed == []


def all_options() -> Iterator[tuple[str, str]]:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield name, max(parameter.opts, key=len)


# Links


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


@functools.cache
def anchors(page: Path) -> frozenset[str]:
    titles = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles)


# Generated parts


@functools.cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "reference" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_are_up_to_date() -> None:
    for path, parts in generator().pages().items():
        assert path.read_text(encoding="utf-8") == generator().current(path, parts), (
            f"{name_of(path)} is out of date: run python docs/reference/generate.py"
        )


# Mappings


def test_the_mappings_shown_can_be_read(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "import-a-file.md").read_text(encoding="utf-8")
    shown = [text for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if text.lstrip("# ").startswith("kind")]
    assert shown
    for number, text in enumerate(shown):
        path = tmp_path / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        load_mapping(path)


# JSON shapes


@functools.cache
def json_sections() -> dict[str, tuple[dict[str, str], list[Any]]]:
    """For each command of the page: the type of each key by its path, and the examples."""
    page = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    sections = {}
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0].strip()
        keys = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section, re.MULTILINE))
        examples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]
        sections[title] = ({path: kind.strip() for path, kind in keys.items()}, examples)
    return sections


def faults(value: Any, keys: dict[str, str], path: str = "") -> Iterator[str]:
    """What in `value` is not as the page says."""
    is_item = path.endswith("[]") and path not in keys and bool(children(path, keys))  # its keys say that it is an object
    if path and path not in keys and not is_item:
        yield f"{path} is not on the page"
        return
    if path and not is_item and not any(is_a(value, kind) for kind in re.split(r" or |, may be absent", keys[path]) if kind):
        yield f"{path} is {value!r}, the page says {keys[path]}"
    if keys.get(path, "object") == "any":
        return
    if isinstance(value, list):
        for item in value:
            yield from faults(item, keys, f"{path}[]")
    elif isinstance(value, dict):
        names = children(path, keys)
        for name, item in value.items():
            yield from faults(item, keys, joined(path, name if name in names else "*"))
        for name in names - {"*"} - set(value):
            if "may be absent" not in keys[joined(path, name)]:
                yield f"{joined(path, name)} is missing"


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def children(path: str, keys: dict[str, str]) -> set[str]:
    start = path + "." if path else ""
    below = [key.removeprefix(start) for key in keys if key.startswith(start)]
    return {name for name in below if not re.search(r"[.\[]", name)}


def is_a(value: Any, kind: str) -> bool:
    if kind in ("instant", "date"):
        read = datetime.fromisoformat if kind == "instant" else date.fromisoformat
        try:
            return bool(isinstance(value, str) and read(value))
        except ValueError:
            return False
    kinds: dict[str, Any] = {
        "text": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "list": list,
        "object": dict,
    }
    if kind == "any":
        return True
    if kind == "null":
        return value is None
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))


def write_files(folder: Path) -> None:
    """What the commands import: orders with a line that cannot go in, contacts, events with one that cannot."""
    (folder / "orders.csv").write_text(
        "Order number;Order date;Customer number;Email;City;SKU;Quantity;Unit price\n"
        "1;12/03/2026;K1;zoe@example.com;Lyon;SAV-500;2;9,90\n"
        "2;13/03/2026;K1;zoe@example.com;Lyon;SAV-500;-1;9,90\n"
        "3;;K2;paul@example.com;Nice;SAV-500;1;9,90\n",
        encoding="utf-8",
    )
    (folder / "contacts.csv").write_text("Email,City\nnora@example.com,Lyon\n", encoding="utf-8")
    consent = {"channel": "email", "purposes": ["newsletter"]}
    lines: list[dict[str, Any]] = [
        {
            "type": "consent_given",
            "occurred_at": "2026-03-12T10:00:00Z",
            "customer": {"email": "zoe@example.com"},
            "data": consent,
        },
        {"type": "note_added", "occurred_at": "2026-03-12", "data": {"text": "?"}},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each command prints."""
    folder = tmp_path_factory.mktemp("json")
    write_files(folder)
    runner = CliRunner(env={"CLIENTBOOK_LANG": "en"})

    def run(*arguments: str, code: int = 0) -> Any:
        given = [str(folder / one) if (folder / one).exists() else one for one in arguments]
        done = runner.invoke(cli, ["--book", str(folder / "book"), *given])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if done.stdout else None

    run("init", str(folder / "book"))
    (folder / "book" / ".sample").touch()  # enough for `demo` to take it for its own
    written = printed_writing(run)
    read = printed_reading(run, folder, before_merge=written["log"][2]["position"])
    return written | read | printed_rights(run, folder)


def printed_writing(run: Callable[..., Any]) -> dict[str, list[Any]]:
    """Of the commands that fill the book, in their order."""
    return {
        "import --dry-run": [
            run("import", "orders.csv", "--dry-run", "--json"),
            run("import", "events.jsonl", "--dry-run", "--json"),
        ],
        "import": [
            run("import", "orders.csv", "--yes", "--json"),
            *run("import", "orders.csv", "contacts.csv", "--yes", "--json"),
        ],
        "import --why": [run("import", "orders.csv", "--why", "--json")],
        "append": [run("append", "events.jsonl", "--json", code=1)],
        "add": [run("add", "--company", "Aux Thés", "--json"), run("add", "--company", "Aux Thés", "--json")],
        "log": [
            run("log", "K1", "call", "hello", "--json"),
            run("order", "--guest", "--total", "5,10", "--json"),
            run("tag", "K1", "vip", "--json"),
            run("merge", "K1", "nora@example.com", "--json"),
        ],
        "edit": [
            run("edit", "K1", "--set", "city=Villeurbanne", "--json"),
            run("edit", "--where", "kind = 'company'", "--set", "sector=tea", "--dry-run", "--json"),
        ],
        "duplicates": [run("duplicates", "--min-score", "0", "--json")],
    }


def printed_reading(run: Callable[..., Any], folder: Path, *, before_merge: int) -> dict[str, list[Any]]:
    """Of the commands that read it, then of `demo` and those that undo."""
    return {
        "info": [run("info", "--json"), run("info", "--json", "--as-of", "2020-01-01")],
        "customers": [run("customers", "--json")],
        "customers --columns help": [run("customers", "--columns", "help", "--json")],
        "show": [run("show", "K1", "--json")],
        "events": [run("events", "--json")],
        "events --types": [run("events", "--types", "--json")],
        "query": [run("query", "select * from orders", "--json")],
        **printed_segments(run),
        **printed_exports(run, folder),
        **printed_consent(run, folder),
        "consent certificate": [
            run("consent", "certificate", "K1", "--json", "--out", str(folder / "proof.md")),
            run("consent", "certificate", "K1", "--json", "--at", "2026-03-20"),
        ],
        "verify --certificate": [
            run("verify", "--certificate", str(folder / "proof.md"), "--json"),
        ],
        "metrics": [run("metrics", "--json"), run("metrics", "revenue", "--by", "city", "--json")],
        "metrics --explain": [run("metrics", "--explain", "--json")],
        "priorities": [run("priorities", "--json")],
        "retention": [run("retention", "--json"), run("retention", "--all", "--json")],
        "retention --apply": [run("retention", "--apply", "--yes", "--json")],
        "register": [run("register", "--json")],
        "plugins": [run("plugins", "--json"), run("plugins", "--all", "--json")],
        "reports": [run("reports", "--json")],
        "doctor": [run("doctor", "--fix", "--json")],
        "project": [run("project", "--out", str(folder / "tables"), "--tables", "orders,refunds", "--json")],
        "rebuild": [run("rebuild", "--json")],
        "demo": [run("demo", "--json", "--dir", "book")],
        "imports": [run("imports", "--json")],
        "undo": [
            run("undo", "last", "--yes", "--json"),
            run("undo", "last", "--restore", "--dry-run", "--json"),
        ],
        "replay": [
            run("replay", "--until", "now", "--json"),
            run("replay", "--until", "3", "--as-of", "2026-03-12", "--json"),
        ],
        "diff": [
            run("diff", "--from", "0", "--json"),
            run("diff", "--from", str(before_merge), "--json"),
            run("diff", "--from", "2026-01-01", "--to", "2026-03-12", "--axis", "occurred", "--json"),
        ],
    }


def printed_segments(run: Callable[..., Any]) -> dict[str, list[Any]]:
    """Of the commands about segments."""
    segments = functools.partial(run, "segments")
    return {
        "segments define": [segments("define", "good", "--where", "revenue > $least", "--param", "least=5", "--json")],
        "segments": [segments("--json"), segments("--json", "--as-of", "2026-03-13")],
        "segments freeze": [segments("freeze", "good", "--as", "kept", "--json")],
        "segments retire": [segments("retire", "kept", "--json")],
        "segments why": [
            segments("why", "good", "K1", "--json"),
            segments("why-not", "core.gone", "K1", "--json"),
        ],
        "segments diff": [
            segments("diff", "core.one_order", "--from", "2026-03-01", "--json"),
            segments("diff", "core.inactive", "--from", "2026-03-13", "--to", "2027-04-01", "--json"),
        ],
        "segments profile": [segments("profile", "good", "--json")],
        "segments overlap": [segments("overlap", "--json"), segments("overlap", "good", "one_order", "--json")],
        "segments backtest": [segments("backtest", "core.one_order", "--months", "3", "--as-of", "2026-05-15", "--json")],
    }


def printed_exports(run: Callable[..., Any], folder: Path) -> dict[str, list[Any]]:
    """Of the commands about audiences."""
    letter = ("--where", "event_count > $n", "--param", "n=0", "--channel", "email", "--purpose", "order_service")
    (folder / "results.csv").write_text(
        "email,event\nnora@example.com,opened\nnobody@example.com,opened\n", encoding="utf-8"
    )
    return {
        "export": [
            run("export", "csv", *letter, "--dry-run", "--json"),
            run("export", "brevo", *letter, "--campaign", "may", "--out", str(folder / "may.csv"), "--json"),
        ],
        "export --audit": [run("export", "--audit", "may", "--json")],
        "results": [run("results", "may", str(folder / "results.csv"), "--at", "2026-03-30", "--json")],
        "exports": [run("exports", "--json")],
        "exports --destinations": [run("exports", "--destinations", "--json")],
    }


def printed_consent(run: Callable[..., Any], folder: Path) -> dict[str, list[Any]]:
    """Of the commands about permission."""
    (folder / "wording.txt").write_text("J’accepte de recevoir la lettre.", encoding="utf-8")
    proof = ("--notice", "w/1", "--surface", "counter", "--method", "signature")
    record = ("consent", "record", "nora@example.com")
    adds = ("--add", "l-1", "--supplier", "S", "--kind", "bought", "--proof", "p", "--names-us")
    return {
        "consent record": [
            run("consent", "notices", "--publish", "wording.txt", "--id", "w", "--version", "1", "--json"),
            run("consent", "lists", *adds, "--licence-until", "2030-01-01", "--json"),
            run(*record, "given", "--channel", "email", "--purpose", "newsletter", *proof, "--json"),
            run(*record, "objection", "--channel", "sms", "--json"),
        ],
        "consent check": [
            run("consent", "check", "nora@example.com", "--channel", "email", "--purpose", "newsletter", "--json"),
            run("consent", "check", "K1", "--channel", "phone", "--purpose", "own_offers", "--at", "2026-07-01", "--json"),
        ],
        "consent history": [run("consent", "history", one, "--json") for one in ("nora@example.com", "zoe@example.com")],
        "consent matrix": [run("consent", "matrix", "--json")],
        "consent expiring": [run("consent", "expiring", "--within", "900d", "--json")],
        "consent notices": [run("consent", "notices", "--json")],
        "consent lists": [run("consent", "lists", "--json")],
    }


def printed_rights(run: Callable[..., Any], folder: Path) -> dict[str, list[Any]]:
    """Of the commands that answer people who use their rights: of one who is added first, and erased at last."""
    who = run("add", "--given-name", "Léo", "--email", "leo@example.com", "--json")["customer_id"]
    consent = ("--channel", "email", "--purpose", "newsletter", "--notice", "n/1", "--surface", "s", "--method", "m")
    run("consent", "record", who, "given", *consent, "--json")
    (folder / "exported.jsonl").write_text(
        json.dumps(
            {
                "type": "audience_exported",
                "occurred_at": "2199-01-01T10:00:00Z",
                "data": {"manifest": {"manifest_id": "m-1", "destination": "mailer", "rule": "all"}},
            }
        ),
        encoding="utf-8",
    )
    run("append", "exported.jsonl", "--json")
    return {
        "rights receive": [
            run("rights", "receive", who, "access", "--at", "2026-01-05", "--json"),
            run("rights", "receive", who, "erasure", "--ground", "letter", "--json"),
            run("rights", "extend", who, "erasure", "--ground", "complex", "--json"),
        ],
        "rights due": [run("rights", "due", "--json")],
        "rights access": [run("rights", "access", who, "--out", str(folder / "access.zip"), "--json")],
        "rights portability": [run("rights", "portability", who, "--out", str(folder / "elsewhere"), "--json")],
        "rights rectify": [run("rights", "rectify", who, "--email", "leo.new@example.com", "--json")],
        "rights restrict": [
            run("rights", "restrict", who, "--ground", "contested", "--json"),
            run("rights", "restrict", who, "--lift", "--ground", "corrected", "--json"),
        ],
        "rights object": [
            run("rights", "object", who, "--channel", "sms", "--json"),
            run("rights", "object", who, "--json"),
        ],
        "rights erase": [
            run("rights", "erase", who, "--dry-run", "--json"),
            run("rights", "erase", who, "--refuse", "a claim", "--json"),
            run("rights", "erase", who, "--yes", "--json"),
        ],
    }


def test_every_command_prints_the_json_that_the_page_describes(printed: dict[str, list[Any]]) -> None:
    assert set(printed) == set(json_sections())
    for title, documents in printed.items():
        for document in documents:
            assert list(faults(document, json_sections()[title][0])) == [], title


@pytest.mark.parametrize("title", json_sections())
def test_the_examples_are_what_the_page_describes(title: str) -> None:
    keys, examples = json_sections()[title]
    assert examples
    for example in examples:
        assert list(faults(example, keys)) == []


# File format


@pytest.fixture
def format_page() -> str:
    return (DOCS / "reference" / "format.md").read_text(encoding="utf-8")


def test_the_snippet_verifies_a_commit_and_finds_a_change(book: Any, lines: Any, tmp_path: Path, format_page: str) -> None:
    noted: list[tuple[str, dict[str, Any]]] = [
        ("note_added", {"text": "thé"}),
        ("survey_answered", {"survey": "s", "answers": {"b": "1", "a": ""}}),
        ("order_placed", {"order_id": "1", "total": "5.10", "currency": "EUR", "lines": [{"sku": "x"}, {}]}),
        ("opt_out_offered", {"channel": "email", "ticked": True}),
        ("profile_updated", {"birth_date": "1960-05-02", "interests": ["tea", "soap"]}),
    ]
    customer = {"email": "a@example.com"}
    book.append_lines(lines(*({"type": kind, "customer": customer, "data": data} for kind, data in noted)))
    book.append_lines(lines({"type": "note_added", "customer": customer, "data": {"text": "more"}}))
    code = re.search(r"<!-- verify -->\s*```python\n(.*?)```", format_page, re.DOTALL)
    assert code
    script = tmp_path / "verify.py"
    script.write_text(code[1], encoding="utf-8")
    said = run_python(script, *book.log.files())
    assert [line.rpartition(" ")[2] for line in said] == ["ok", "ok"]

    changed = tmp_path / "changed.parquet"
    first = pa.parquet.ParquetFile(book.log.files()[0])
    place = first.schema_arrow.get_field_index("source")
    rows = first.read().set_column(place, "source", [["other"] * first.metadata.num_rows])
    with pa.parquet.ParquetWriter(changed, rows.schema) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata(first.metadata.metadata)
    assert run_python(script, changed)[0].endswith("NOT what was recorded")


def run_python(script: Path, *arguments: Path) -> list[str]:
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_snippet_finds_a_changed_byte(book: Any, lines: Any, tmp_path: Path, format_page: str) -> None:
    book.append_lines(lines({"type": "note_added", "customer": {"email": "a@example.com"}, "data": {"text": "thé"}}))
    code = re.search(r"```python\n(from hashlib.*?)```", format_page, re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)
    path = book.log.files()[0]
    assert names["is_sound"](path)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    changed = tmp_path / "changed.parquet"
    changed.write_bytes(data)
    assert not names["is_sound"](changed)


def test_the_worked_example_of_the_canonical_text_is_right(format_page: str) -> None:
    section = format_page.partition("### An example")[2].partition("### Checking")[0]
    text = "".join(re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)).encode()
    order = OrderPlaced(order_id="C-7", total="9.90", currency="EUR", lines=[Line(sku="Thé", quantity=1)])  # type: ignore[arg-type]
    values = {
        "position": 7,
        "event_id": b"0123456789abcdef",
        "type": "order_placed",
        "customer_id": "751ffabc94016e29440f",
        "occurred_at": datetime.fromisoformat("2026-03-01T09:00:00Z"),
        "recorded_at": datetime.fromisoformat("2026-03-01T09:00:01Z"),
        "source": "hand",
        "actor": None,
        "batch": None,
        "salt": b"fedcba9876543210",
    }
    columns = {name: pa.array([value], ENVELOPE.field(name).type) for name, value in values.items()}
    rows = pa.table(columns | {"order_placed": to_arrow([order], struct_type(OrderPlaced))})
    assert canonical_rows(rows.drop_columns("salt")) == [text]
    assert f"{len(text)} bytes" in section
    row, commit = re.findall(r"^[0-9a-f]{64}$", section, re.MULTILINE)
    assert row_digests(rows) == [bytes.fromhex(row)]
    assert chain(GENESIS, [bytes.fromhex(row)]).hex() == commit


def test_the_event_id_is_made_as_the_page_says(book: Any, lines: Any) -> None:
    order = {"type": "order_placed", "source": "web", "data": {"order_id": "C-1", "total": "1", "currency": "EUR"}}
    book.append_lines(lines(order, order | {"id": "x"}))
    key = bytes.fromhex((book.folder / "log" / "key").read_text())

    def expected(number: str) -> bytes:
        text = "\x1f".join(["web", "order_placed", number]).encode()
        return sha256(key + sha256(key + text).digest()).digest()[:16]

    found = [row for batch in book.log.read() for row in batch.column("event_id").to_pylist()]
    assert found == [expected("C-1"), expected("id x")]
