"""An application on a small book, and a way to wait that is no sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from tui_book import make_book, shop_lines

from clientbook.book import Book
from clientbook.tui import service as service_module
from clientbook.tui.app import ClientbookApp

Wait = Callable[[Pilot[None], Callable[[], Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on the screen depends on the clock, the locale or the terminal."""
    monkeypatch.setattr(service_module, "stopwatch", lambda: 0.0)
    monkeypatch.setenv("CLIENTBOOK_LANG", "en")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return make_book(tmp_path / "shop", shop_lines())


@pytest.fixture
def app(book: Book) -> ClientbookApp:
    return ClientbookApp(book.folder)


@pytest.fixture
def wait() -> Wait:
    """`await wait(pilot, condition)`: until it holds, 20 seconds at most."""

    async def until(pilot: Pilot[None], condition: Callable[[], Any]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, "waited too long"
            await pilot.pause()
            await asyncio.sleep(0.005)
        await pilot.pause()

    return until


@pytest.fixture
def ready(wait: Wait) -> Callable[[Pilot[None]], Awaitable[None]]:
    """`await ready(pilot)`: until the list shows what was asked for and the preview has caught up."""

    async def until(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, ClientbookApp)
        await wait(pilot, lambda: app.service is not None and app.customers.is_settled and not app.workers)

    return until
