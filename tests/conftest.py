"""What tests of several rooms share: a book in a temporary folder, a clock that ticks, lines of events."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ticking import START, TickingClock

from clientbook.book import Book

pytest.register_assert_rewrite("clientbook.testing.log_contract")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-seconds", type=float, default=30, help="how long writers are killed and started again")
    parser.addoption("--fault-step", type=int, default=5, help="let every n-th change to files fail; 1 tries all of them")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what tests counted (`record_property("counts", …)`), also of those that pass."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, counts in getattr(report, "user_properties", ()):
                if name == "counts" and report.when == "call":
                    terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {counts}")


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def book(tmp_path: Path, clock: TickingClock) -> Book:
    """An empty book in euros and Paris time."""
    return Book.create(tmp_path / "book", currency="EUR", timezone="Europe/Paris", clock=clock)


@pytest.fixture
def lines() -> Callable[..., list[bytes]]:
    """`lines({"type": …, "data": {…}}, …)`: events as JSON Lines; `occurred_at` is START where it is left out."""

    def encode(*events: dict[str, Any]) -> list[bytes]:
        return [json.dumps({"occurred_at": START.isoformat(), **event}).encode() for event in events]

    return encode
