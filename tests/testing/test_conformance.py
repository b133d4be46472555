"""The conformance kit catches what it says it catches: each broken plugin fails the checks that it breaks, and no others."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clientbook.testing import conformance, hostile
from clientbook.testing.explaining import checks_of, explained

FOLDER = Path(hostile.__file__).parent
MODULES = ("event_types", "exporters", "figures", "importers", "readings", "reports")


def broken_plugins() -> Iterator[tuple[str, str, Any]]:
    """Module, name and class of each."""
    for name in MODULES:
        module = importlib.import_module(f"clientbook.testing.hostile.{name}")
        for attribute, kind in vars(module).items():
            if attribute.startswith("Test"):
                yield name, attribute, kind


BROKEN = {f"{module}.{name}": kind for module, name, kind in broken_plugins()}


def run_pytest(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLIENTBOOK_", "PYTEST_", "CI"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=kept | more, capture_output=True, text=True, timeout=900, check=False)


def outcomes(module: str, folder: Path) -> dict[str, dict[str, str]]:
    """For each broken plugin of a module the checks that ran, and how they ended."""
    arguments = ("-c", os.devnull, "--rootdir", str(FOLDER), "--junitxml", "told.xml", str(FOLDER / f"{module}.py"))
    done = run_pytest(*arguments, folder=folder)
    found: dict[str, dict[str, str]] = {}
    for case in ElementTree.parse(folder / "told.xml").iter("testcase"):
        ended = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        plugin = ".".join(case.attrib["classname"].rsplit(".", 2)[-2:])
        found.setdefault(plugin, {})[case.attrib["name"]] = ended
    assert found, done.stdout + done.stderr
    return found


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_a_broken_plugin_fails_the_checks_that_it_breaks_and_no_others(module: str, tmp_path: Path) -> None:
    failed = {
        name: {check for check, ended in checks.items() if ended in ("failure", "error")}
        for name, checks in outcomes(module, tmp_path).items()
    }
    assert failed == {name: set(kind.breaks) for name, kind in BROKEN.items() if name.startswith(f"{module}.")}


def test_every_check_has_a_plugin_that_breaks_it() -> None:
    for kind in map(conformance.__dict__.__getitem__, conformance.__all__):
        ours = [one for one in BROKEN.values() if issubclass(one, kind)]
        caught = {f"{check}" for one in ours for check in one.breaks}
        shared = {
            check
            for other in BROKEN.values()
            for check in other.breaks
            if getattr(other, check, None) is getattr(kind, check, None)
        }
        assert {name for name, _sentence in checks_of(kind)} - caught - shared == set(), kind.__name__


def test_every_check_says_what_it_asks() -> None:
    for name in conformance.__all__:
        for check, sentence in checks_of(getattr(conformance, name)):
            assert sentence.endswith("."), f"{name}.{check}"


def test_pytest_explains_the_checks(tmp_path: Path) -> None:
    done = run_pytest("--explain-conformance", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.strip() == explained().strip()


def test_what_is_expected_is_not_written_in_ci(tmp_path: Path) -> None:
    done = run_pytest("--update-expected", folder=tmp_path, CI="true")
    assert done.returncode == 4
    assert "for authors" in done.stderr


def test_the_pytest_plugin_loads_nothing_of_clientbook(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n"
        "def test_nothing():\n"
        "    heavy = {'duckdb', 'pyarrow', 'clientbook.book', 'clientbook.hooks', 'clientbook.testing.workbench'}\n"
        "    assert heavy & set(sys.modules) == set()\n"
    )
    done = run_pytest("test_nothing.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout
