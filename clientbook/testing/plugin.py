"""The pytest plugin for authors of clientbook plugins: fixtures, and options of the conformance kit.

pytest loads this module wherever clientbook is installed, so it imports nothing of clientbook until a fixture is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clientbook.book import Book
    from clientbook.testing.workbench import Workbench

pytest.register_assert_rewrite("clientbook.testing.conformance")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--explain-conformance` and `--update-expected`."""
    group = parser.getgroup("clientbook", "clientbook's conformance kit")
    group.addoption("--explain-conformance", action="store_true", help="print what the conformance kit checks, and stop")
    group.addoption(
        "--update-expected", action="store_true", help="write what importers find in their samples as what is expected"
    )


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Print the checks instead of running tests, where that is asked."""
    if config.getoption("--update-expected") and os.environ.get("CI"):
        raise pytest.UsageError("--update-expected is for authors: in CI what is expected has to be there already")
    if not config.getoption("--explain-conformance"):
        return None
    from clientbook.testing.explaining import explained

    print(explained())  # noqa: T201  # what was asked for
    return 0


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """Makes books in a temporary folder, with the plugins that are given and no others."""
    from clientbook.testing.workbench import Workbench

    for name in [name for name in os.environ if name.startswith("CLIENTBOOK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLIENTBOOK_PLUGINS", "")
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")
    yield Workbench(tmp_path / "workbench")


@pytest.fixture
def book(workbench: Workbench) -> Book:
    """An empty book in euros and Paris time, without any installed plugin. Its clock stands still: `book.clock.now = …`."""
    return workbench.book()


@pytest.fixture
def load_plugin(workbench: Workbench) -> Callable[..., Book]:
    """`load_plugin(module)`: an empty book with that plugin and no other; a fault of the plugin is an error."""

    def load(*plugins: Any, **settings: Any) -> Book:
        return workbench.book(*plugins, **settings)

    return load


@pytest.fixture
def sample_book(workbench: Workbench) -> Callable[..., Book]:
    """`sample_book(module)`: the sample shop, three years of a fictional soap maker's, with that plugin and no other."""
    return workbench.sample_book
