"""`clientbook new-plugin` writes plugins that install, pass their tests and work; so does the tutorial."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from clientbook import __version__
from clientbook.authoring import KINDS, new_plugin
from clientbook.cli.main import cli
from clientbook.errors import WrongUse

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial" / "write-a-plugin.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"<!-- (?P<kind>run|at work) -->\s*```sh\n(?P<script>.*?)```", re.DOTALL)


def test_each_kind_has_its_hook_and_its_test(tmp_path: Path) -> None:
    folder = new_plugin("acme", ["metric", "importer"], tmp_path)
    assert folder == tmp_path / "clientbook-acme"
    package = folder / "src" / "clientbook_acme"
    assert {path.name for path in package.iterdir()} == {"__init__.py", "metric.py", "importer.py"}
    assert {path.name for path in (folder / "tests").iterdir()} == {"test_metric.py", "test_importer.py"}
    assert (folder / "samples" / "visits.csv.expected.jsonl").exists()
    assert f"clientbook>={'.'.join(__version__.split('.')[:2])},<" in (folder / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", ["core", "Acme", "9lives", "a", "my-shop", "../up", "clientbook", "a__b", "é"])
def test_a_name_that_cannot_be_a_plugins_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUse):
        new_plugin(name, ["metric"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "clientbook-acme").mkdir()
    with pytest.raises(WrongUse, match="there already"):
        new_plugin("acme", ["metric"], tmp_path)


def test_a_plugin_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="--metric"):
        new_plugin("acme", [], tmp_path)


def test_the_command_says_what_comes_next(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["new-plugin", "acme", "--trait", "--dir", str(tmp_path)])
    assert done.exit_code == 0
    assert done.stderr.splitlines()[1:] == [f"  cd {tmp_path}/clientbook-acme", '  pip install -e ".[test]"', "  pytest"]


class Installed:
    """Plugins in a folder of their own, which Python finds after the environment that the tests run in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site"

    def install(self, *sources: Path) -> None:
        self.run(
            *(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"),
            *("--disable-pip-version-check", "--target", str(self.site), *map(str, sources)),
        )

    def run(self, *command: str, cwd: Path | None = None, code: int = 0, **more: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLIENTBOOK_", "PYTEST_"))}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = kept | {"PYTHONPATH": f"{self.site}:{ROOT}", "CLIENTBOOK_LANG": "en", "PATH": path} | more
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=env, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def clientbook(self, *arguments: str) -> Any:
        printed = self.run("clientbook", "--book", "book", *arguments)
        return json.loads(printed) if "--json" in arguments else printed


@pytest.mark.slow
def test_every_variant_installs_passes_its_tests_and_is_at_work(tmp_path: Path) -> None:
    variants = Installed(tmp_path)
    folders = [new_plugin(f"one_{kind}", [kind], tmp_path) for kind in KINDS]
    folders.append(new_plugin("acme", list(KINDS), tmp_path))
    variants.install(*folders, ROOT / "plugins" / "clientbook-loyalty")

    # Those of one kind hold the same code as the one of all kinds; that they load and work is seen below.
    tests = [str(folder / "tests") for folder in (folders[-1], folders[0])]
    variants.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *tests)

    variants.clientbook("init", "book")
    sample = variants.folder / "clientbook-acme" / "samples" / "visits.csv"
    variants.clientbook("import", str(sample), "--importer", "acme.visits", "--yes")
    assert {one["name"]: one["state"] for one in variants.clientbook("plugins", "--json")} == dict.fromkeys(
        ["acme", "loyalty", *(f"one_{kind}" for kind in KINDS)], "ok"
    )
    types = {one["type"] for one in variants.clientbook("events", "--types", "--json")}
    assert {"acme.workshop_booked", "one_event.workshop_booked"} <= types
    metrics = {one["id"] for one in variants.clientbook("metrics", "acme.came_back", "one_metric.came_back", "--json")}
    assert metrics == {"acme.came_back", "one_metric.came_back"}
    customers = variants.clientbook("customers", "--columns", "acme_largest_order,one_trait_largest_order", "--json")
    assert len(customers) == 1
    till = ROOT / "plugins" / "clientbook-loyalty" / "samples" / "cartes-2026-03.csv"
    variants.clientbook("import", str(till), "--yes")
    cards = variants.clientbook("customers", "--columns", "loyalty_points", "--where", "loyalty_points > 0", "--json")
    assert sorted(card["loyalty_points"] for card in cards) == [12, 24, 31]
    assert variants.clientbook("customers", "--where", "in_segment('acme.regulars')", "--json") == []
    assert {one["id"] for one in variants.clientbook("reports", "--json")} == {"acme.months", "one_report.months"}
    variants.clientbook("customers", "--export", "out.csv", "--exporter", "acme.csv")
    assert (variants.folder / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.slow
def test_the_tutorial_leads_to_a_plugin_at_work(tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    blocks = list(_BLOCK.finditer(TUTORIAL))
    written = "".join(block["script"] for block in blocks if block["kind"] == "run")
    installed.run("bash", "-e", "-c", written)
    plugin = tmp_path / "clientbook-stores"
    installed.install(plugin)
    installed.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=plugin)
    shown = installed.run("bash", "-e", "-c", next(block["script"] for block in blocks if block["kind"] == "at work"))
    assert "Buyers in several stores" in shown
    assert re.search(r"stores\s+clientbook-stores\s+0\.1\.0\s+fine", shown)
