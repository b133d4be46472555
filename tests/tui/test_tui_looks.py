"""How the screens look: `pytest --snapshot-update` writes the pictures again after a change that was meant."""

from __future__ import annotations

import pytest
from tui_book import event

from clientbook.tui.screens.customer import CustomerScreen
from clientbook.tui.widgets.filter_bar import FilterInput

SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((140, 40), id="140x40")]


@pytest.mark.parametrize("size", SIZES)
def test_customers(snap_compare, app, ready, size):
    async def look(pilot):
        await ready(pilot)
        await pilot.press("down", "right")
        await ready(pilot)

    assert snap_compare(app, terminal_size=size, run_before=look)


@pytest.mark.parametrize("size", SIZES)
def test_filter_error_and_sort(snap_compare, app, ready, size):
    async def look(pilot):
        await ready(pilot)
        await pilot.press("right", "right", "right", "right_square_bracket", "slash")
        field = pilot.app.customers.query_one(FilterInput)
        field.cursor_blink = False
        field.value = "order_count > 0 and revenu > 3"
        await pilot.pause(0.2)
        await ready(pilot)

    assert snap_compare(app, terminal_size=size, run_before=look)


@pytest.mark.parametrize("size", SIZES)
def test_customer(snap_compare, app, ready, wait, size):
    async def look(pilot):
        await ready(pilot)
        await pilot.press("enter")
        await wait(pilot, lambda: isinstance(pilot.app.screen, CustomerScreen) and pilot.app.screen.card)
        await ready(pilot)

    assert snap_compare(app, terminal_size=size, run_before=look)


@pytest.mark.parametrize("size", SIZES)
def test_new_events_are_offered(snap_compare, app, book, ready, wait, size):
    async def look(pilot):
        await ready(pilot)
        book.append_lines([event("note_added", "bob00002", "2026-05-01T12:00:00+02:00", text="one")])
        await wait(pilot, lambda: pilot.app.offer)

    assert snap_compare(app, terminal_size=size, run_before=look)


def test_help(snap_compare, app, ready):
    async def look(pilot):
        await ready(pilot)
        await pilot.press("question_mark")
        pilot.app.screen.query_one("#help-filter").cursor_blink = False
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=look)
