"""Two doors at once: the application is open while the installed command, in another process, adds to the same book.

Sealing and erasing are played here as files change hands in them; the commands themselves have their own tests.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from installed_command import run_in
from textual.pilot import Pilot
from textual.widgets import TabbedContent
from tui_book import event, make_book, person

from clientbook.book import Book
from clientbook.projection.moment import Moment
from clientbook.tui import app as app_module
from clientbook.tui import service as service_module
from clientbook.tui.app import RECOVERIES, ClientbookApp
from clientbook.tui.screens.customer import CustomerScreen
from clientbook.tui.screens.help import HelpScreen
from clientbook.tui.widgets.filter_bar import FilterBar, FilterInput
from clientbook.tui.widgets.offer import Offer
from clientbook.tui.widgets.preview import Preview
from clientbook.tui.widgets.status_line import StatusLine

AAA = person("aaa00007", "Aaa", "Aa", "aaa@example.org", "Lyon")
OFFERED = "2 new events · r shows them"
LEAVING_SECONDS = 0.5
"""The budget on a quiet machine; the test allows three times that, since it shares its cores."""


CHECK_SECONDS = app_module.CHECK_SECONDS


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application looks more often than for people, so that nobody waits for these tests."""
    monkeypatch.setattr(app_module, "CHECK_SECONDS", 0.1)


async def other_door(book: Book, *arguments: str, lines: list[bytes] | None = None) -> None:
    """Run the installed command on the book, off the event loop."""
    given = b"\n".join(lines) + b"\n" if lines else None
    await asyncio.to_thread(run_in, book.folder, "--book", str(book.folder), *arguments, input=given)


async def append(book: Book, lines: list[bytes]) -> None:
    await other_door(book, "append", "-", lines=lines)


async def press_until_read_again(pilot: Pilot[None], wait: Any, ready: Any, *keys: str) -> None:
    before = pilot.app.service
    await pilot.press(*keys)
    await wait(pilot, lambda: pilot.app.service is not before)
    await ready(pilot)


async def offered(pilot: Pilot[None], wait: Any, text: str) -> None:
    """Wait for the application's own check to say something."""
    await wait(pilot, lambda: pilot.app.offer == text)
    chip = pilot.app.screen.query_one(Offer)
    assert chip.display == bool(text)
    assert text in shown(pilot.app)


async def open_current(pilot: Pilot[None], wait: Any) -> CustomerScreen:
    await pilot.press("enter")
    await wait(pilot, lambda: isinstance(pilot.app.screen, CustomerScreen) and pilot.app.screen.card)
    assert isinstance(pilot.app.screen, CustomerScreen)
    return pilot.app.screen


def names(app: ClientbookApp) -> list[str]:
    table = app.customers.table
    assert table is not None
    return [table.get_row_at(row)[0].plain for row in range(table.row_count)]


def status(app: ClientbookApp) -> str:
    return app.customers.query_one(StatusLine).text


def shown(app: ClientbookApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips(None))


def generation(book: Book) -> tuple[Path, Path]:
    """The log's folder of files, and where the next one would be."""
    current = book.log.generation()
    return current, current.with_name(f"{int(current.name) + 1:06}")


def swap(book: Book, old: Path, new: Path) -> None:
    """Make `new` the log's generation, and delete the one before."""
    link = book.folder / "log" / "next"
    link.symlink_to(Path("generations") / new.name)
    os.replace(link, book.folder / "log" / "current")
    shutil.rmtree(old)


def seal(book: Book) -> None:
    old, new = generation(book)
    shutil.copytree(old, new)
    swap(book, old, new)


def erase(book: Book, customer: str) -> None:
    """Rewrite the log without a customer's rows, say so in it, and delete the state."""
    old, new = generation(book)
    new.mkdir()
    for path in old.iterdir():
        rows = pq.ParquetFile(path).read()
        kept = rows.filter(pc.not_equal(pc.fill_null(rows["customer_id"], ""), customer))
        pq.write_table(kept.replace_schema_metadata(rows.schema.metadata), new / path.name)
    swap(book, old, new)
    Book(book.folder).append_lines([event("customer_erased", None, "2026-05-01T12:00:00+02:00", ledger_number=1)])
    shutil.rmtree(book.folder / "state")


def prune(book: Book) -> None:
    """Delete the tables that are kept, one position after the other, as readers of newer ones do."""
    for kept in (book.folder / "state" / "tables").glob("*/*"):
        if kept.is_dir():
            shutil.rmtree(kept)


async def test_the_open_list_keeps_its_rows_and_offers_what_came(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        before, said = names(app), status(app)
        await append(book, AAA)
        await offered(pilot, wait, OFFERED)
        assert names(app) == before
        assert status(app) == said
        await press_until_read_again(pilot, wait, ready, "r")
        assert names(app)[0] == "Aaa Aa"
        assert status(app).startswith("7 of 7")
        await offered(pilot, wait, "")


async def test_the_offer_comes_within_two_seconds(app, book, ready, monkeypatch):
    monkeypatch.setattr(app_module, "CHECK_SECONDS", CHECK_SECONDS)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        Book(book.folder).append_lines(AAA)
        appended = time.monotonic()
        while not app.offer:
            assert time.monotonic() < appended + 4  # twice the budget, for a machine that is shared
            await asyncio.sleep(0.01)
    assert CHECK_SECONDS < 2


async def test_one_event_is_said_in_the_singular_and_more_add_up(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        book.append_lines([event("note_added", "bob00002", "2026-05-01T12:00:00+02:00", text="one")])
        await offered(pilot, wait, "1 new event · r shows it")
        book.append_lines(AAA)
        await offered(pilot, wait, "3 new events · r shows them")


async def test_an_import_in_another_process_is_offered(app, book, ready, wait, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("first name;last name;email;city\nZoé;Zola;zoe@example.org;Lille\n")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        before = names(app)
        await other_door(book, "import", str(file), "--yes")
        await wait(pilot, lambda: "new events · r shows them" in app.offer)
        assert names(app) == before
        await press_until_read_again(pilot, wait, ready, "r")
        assert "Zoé Zola" in names(app)


async def test_filter_sort_and_cursor_stay_when_the_book_is_read_again(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash", *"lyon")
        await pilot.pause(0.2)
        await pilot.press("enter", "right_square_bracket", "down")
        await ready(pilot)
        assert names(app) == ["Chloé Dùpont", "Ada Lovelace"]
        await append(book, [*AAA, *person("zzz00008", "Zzz", "Zz", "zzz@example.org", "Lyon")])
        await offered(pilot, wait, "4 new events · r shows them")
        await press_until_read_again(pilot, wait, ready, "r")
        assert names(app) == ["Zzz Zz", "Chloé Dùpont", "Ada Lovelace", "Aaa Aa"]
        assert app.customers.filter_text == "lyon"
        assert "Name ↓" in status(app)
        assert app.customers.table.current_id == "ada00001"


async def test_half_a_filter_stays_typed_and_the_rows_are_new_ones(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        app.customers.query_one(FilterInput).value = "revenu >"
        await pilot.pause(0.2)
        await ready(pilot)
        bar = app.customers.query_one(FilterBar)
        assert bar.message
        await append(book, AAA)
        await offered(pilot, wait, OFFERED)
        before = app.service
        app.action_reload()
        await wait(pilot, lambda: app.service is not before)
        await ready(pilot)
        await wait(pilot, lambda: bar.message)
        assert names(app)[0] == "Aaa Aa"
        assert app.customers.filter_text == "revenu >"
        assert not app._left


async def test_the_row_of_the_cursor_stays_on_its_line_of_the_screen(tmp_path, ready, wait):
    lines = [
        line for number in range(400) for line in person(f"p{number:07}", "P", f"{number:04}", f"p{number}@x.org", "Lyon")
    ]
    book = make_book(tmp_path / "many", lines)
    app = ClientbookApp(book.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        table = app.customers.table
        table.move_cursor(row=320)
        await pilot.press(*["up"] * 5)
        await ready(pilot)
        line = table.cursor_row - table.scroll_offset.y
        assert table.current_id == "p0000315"
        book.append_lines(AAA)
        await press_until_read_again(pilot, wait, ready, "r")
        assert table.current_id == "p0000315"
        assert table.cursor_row == 316
        assert table.cursor_row - table.scroll_offset.y == line


async def test_a_customer_on_the_screen_is_read_again_in_place(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("down")
        screen = await open_current(pilot, wait)
        await pilot.press("right_square_bracket")
        await ready(pilot)
        order = {"order_id": "new-1", "total": "9.99", "currency": "EUR"}
        await append(book, [*AAA, event("order_placed", "bob00002", "2026-05-01T12:00:00+02:00", **order)])
        await offered(pilot, wait, "3 new events · r shows them")
        assert "new-1" not in shown(app)
        await press_until_read_again(pilot, wait, ready, "r")
        await wait(pilot, lambda: "new-1" in shown(app))
        assert app.screen is screen
        assert screen.query_one("#tabs", TabbedContent).active == "orders"
        assert "3 of 7" in shown(app)
        await pilot.press("p")
        await wait(pilot, lambda: screen.customer_id == "ada00001")
        await pilot.press("n", "escape")
        await wait(pilot, lambda: not app.customer)
        assert not app._left


async def test_a_merged_customer_is_shown_as_the_one_it_is_now(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("down")
        screen = await open_current(pilot, wait)
        merged = event("customers_merged", "ada00001", "2026-05-01T12:00:00+02:00", into="ada00001", merged=["bob00002"])
        await append(book, [merged])
        await press_until_read_again(pilot, wait, ready, "r")
        await wait(pilot, lambda: screen.customer_id == "ada00001")
        assert app.customers.table.current_id == "ada00001"


async def test_what_a_past_knew_is_not_added_to(book, ready, wait):
    from datetime import UTC, datetime

    app = ClientbookApp(book.folder, Moment(known_at=datetime.now(UTC)))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        book.append_lines(AAA)
        assert app.service.new_events() == 0
        assert book.newer_than(app.service.position) == 2


async def test_a_failed_reading_keeps_the_rows_and_offers_again(app, book, ready, wait):
    toml = book.folder / "book.toml"
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        before, text = names(app), toml.read_text()
        book.append_lines(AAA)
        toml.write_text("currency = 3")
        await pilot.press("r")
        await wait(pilot, lambda: app.customers.query_one("#error").display)
        await offered(pilot, wait, OFFERED)
        assert names(app) == before
        toml.write_text(text)
        await press_until_read_again(pilot, wait, ready, "r")
        assert not app.customers.query_one("#error").display
        assert "Aaa Aa" in names(app)


async def test_pruned_tables_are_read_again_when_a_query_misses_them(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        before = names(app)
        await append(book, AAA)
        await offered(pilot, wait, OFFERED)
        prune(book)
        app.check_book()
        await wait(pilot, lambda: not app._is_checking)
        assert names(app) == before, "tables that nobody asked for may be missing"
        screen = await open_current(pilot, wait)
        assert screen.customer_id == "ada00001"
        await offered(pilot, wait, "the book moved on: 2 new events shown")
        await ready(pilot)
        assert "2 of 7" in shown(app)
        assert not screen.query_one("#error").display
        await pilot.press("escape")
        await wait(pilot, lambda: not app.customer)
        assert names(app)[0] == "Aaa Aa"


async def test_readers_next_door_prune_what_the_list_was_read_from(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for number in range(3):
            await append(book, person(f"new0000{number}", "New", str(number), f"new{number}@example.org", "Lyon"))
            await other_door(book, "customers")
        assert len(names(app)) == 6
        await open_current(pilot, wait)
        await ready(pilot)
        await pilot.press("escape")
        await wait(pilot, lambda: not app.customer)
        await ready(pilot)
        await pilot.press("down", "enter")
        await wait(pilot, lambda: isinstance(app.screen, CustomerScreen) and app.screen.card)
        assert not app.screen.query_one("#error").display


async def test_the_preview_recovers_too(app, book, ready, wait):
    async with app.run_test(size=(140, 40)) as pilot:
        await ready(pilot)
        book.append_lines(AAA)
        prune(book)
        await pilot.press("down")
        await wait(pilot, lambda: app.offer == "the book moved on: 2 new events shown")
        await wait(pilot, lambda: app.customers.query_one(Preview).customer_id == "bob00002")
        assert not app.customers.query_one("#error").display


async def test_a_sealed_log_goes_unnoticed(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        opened = app.service
        seal(book)
        app.check_book()
        await wait(pilot, lambda: not app._is_checking)
        await open_current(pilot, wait)
        assert app.service is opened
        assert app.offer == ""
        await append(book, AAA)
        await offered(pilot, wait, OFFERED)
        await press_until_read_again(pilot, wait, ready, "r")
        assert "Aaa Aa" in names(app)


async def test_a_rebuilt_book_is_read_again_by_itself(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        before, opened = names(app), app.service
        await other_door(book, "rebuild")
        await wait(pilot, lambda: app.service is not opened)
        await offered(pilot, wait, "the book was rewritten and read again")
        assert names(app) == before


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_whoever_is_erased_leaves_the_list_without_a_key(app, book, ready, wait, size):
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        opened = app.service
        await pilot.press("down")
        await ready(pilot)
        erase(book, "bob00002")
        await wait(pilot, lambda: app.service is not opened)
        await offered(pilot, wait, "the book moved on: 1 new event shown")
        await ready(pilot)
        assert "Smith" not in shown(app)
        assert len(names(app)) == 5
        assert app.customers.table.cursor_row == 1
        assert not app.customers.query_one("#error").display
        await pilot.press("slash", *"bob@")
        await pilot.pause(0.2)
        await ready(pilot)
        assert status(app).startswith("0 of 5")


async def test_whoever_is_erased_leaves_the_screen_too(app, book, ready, wait):
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("down")
        screen = await open_current(pilot, wait)
        opened = app.service
        erase(book, "bob00002")
        await wait(pilot, lambda: app.service is not opened)
        await wait(pilot, lambda: screen.query_one("#error").display)
        assert screen.query_one("#error").message == "this customer is not in the book any more"
        for _tab in range(4):
            assert "ob@example" not in shown(app)
            assert "Smith" not in shown(app)
            assert "1,200" not in shown(app)
            await pilot.press("right_square_bracket")
        await pilot.press("n", "escape")
        await wait(pilot, lambda: not app.customer)
        assert "Smith" not in shown(app)


async def test_the_book_is_read_again_beneath_the_help(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("question_mark")
        opened = app.service
        erase(book, "bob00002")
        await wait(pilot, lambda: app.service is not opened)
        await ready(pilot)
        assert isinstance(app.screen, HelpScreen)
        assert len(names(app)) == 5


async def test_what_stays_broken_is_said_and_not_tried_for_ever(app, ready, wait, monkeypatch):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        openings = []
        open_book = app.open_book
        monkeypatch.setattr(app, "open_book", lambda: (openings.append(1), open_book()))
        for _time in range(RECOVERIES + 2):
            app.recover(app.service)
            await wait(pilot, lambda: not app._is_opening)
            await ready(pilot)
        assert len(openings) == RECOVERIES
        assert "r reads the book again" in app.customers.query_one("#error").message
        await pilot.press("r")
        await wait(pilot, lambda: not app._is_opening and len(openings) == RECOVERIES + 1)
        await ready(pilot)
        assert not app.customers.query_one("#error").display


async def test_a_look_that_goes_wrong_is_no_trouble(app, book, ready, wait, monkeypatch):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)

        def in_between() -> int:
            raise FileNotFoundError(book.folder)

        with monkeypatch.context() as patched:
            patched.setattr(app.service, "new_events", in_between)
            app.check_book()
            await wait(pilot, lambda: not app._is_checking)
        assert not app.customers.query_one("#error").display
        book.append_lines(AAA)
        await offered(pilot, wait, OFFERED)


async def test_quitting_does_not_wait_for_the_check(app, ready, wait, monkeypatch, record_property):
    looking, let_go = threading.Event(), threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)

        def hang() -> int:
            looking.set()
            return int(let_go.wait(20))

        await wait(pilot, lambda: not app._is_checking)
        monkeypatch.setattr(app.service, "new_events", hang)
        app.check_book()
        await wait(pilot, looking.is_set)
        left = time.monotonic()
        await pilot.press("q")
        await wait(pilot, lambda: not app.is_running)
    took = time.monotonic() - left
    let_go.set()
    record_property("leaving_seconds", took)
    assert took < 3 * LEAVING_SECONDS
    assert app.return_code == 0


async def test_a_look_lists_no_folder_where_nothing_came(app, book, ready, monkeypatch):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert app.service.new_events() == 0

        def listed(*_given: Any) -> Any:
            raise AssertionError("a folder was listed")

        for name in ("scandir", "listdir"):
            monkeypatch.setattr(os, name, listed)
        assert app.service.new_events() == 0
        assert not app.service.is_lost()
        monkeypatch.undo()


async def test_the_chip_can_be_clicked(app, book, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        book.append_lines(AAA)
        await offered(pilot, wait, OFFERED)
        before = app.service
        await pilot.click(Offer)
        await wait(pilot, lambda: app.service is not before)
        await ready(pilot)
        assert "Aaa Aa" in names(app)


async def test_an_empty_book_that_is_filled_next_door(tmp_path, ready, wait):
    book = make_book(tmp_path / "empty", [])
    app = ClientbookApp(book.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await append(book, AAA)
        await offered(pilot, wait, OFFERED)
        await press_until_read_again(pilot, wait, ready, "r")
        assert names(app) == ["Aaa Aa"]


async def test_a_list_too_long_for_memory_recovers_while_it_is_filtered(app, book, ready, wait, monkeypatch):
    monkeypatch.setattr(service_module, "NATIVE_ROWS", 0)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        opened = app.service
        book.append_lines(AAA)
        prune(book)
        await pilot.press("slash", *"lyon")
        await wait(pilot, lambda: app.service is not opened)
        await ready(pilot)
        await wait(pilot, lambda: names(app) == ["Aaa Aa", "Ada Lovelace", "Chloé Dùpont"])
        assert app.customers.filter_text == "lyon"
        assert not app.customers.query_one("#error").display
        assert not app._left
