"""One customer, the help, the palette, hostile values, leaving."""

from __future__ import annotations

import threading

import pytest
from textual.binding import Binding
from textual.command import CommandList
from textual.widgets import Input, TabbedContent
from tui_book import event, make_book, person

from clientbook.query.views import PAGE_ROWS as QUERY_PAGE_ROWS
from clientbook.tui.actions import ACTIONS, bindings
from clientbook.tui.app import ClientbookApp, run
from clientbook.tui.errors import NoTerminal, crash_report
from clientbook.tui.model import PAGE_ROWS
from clientbook.tui.screens.customer import CustomerScreen
from clientbook.tui.screens.customers import CustomersScreen
from clientbook.tui.screens.help import HelpScreen
from clientbook.tui.widgets.filter_bar import FilterInput
from clientbook.tui.widgets.record_table import RecordTable


def shown(app: ClientbookApp) -> str:
    """The characters on the screen."""
    lines = app.screen._compositor.render_strips(None)
    return "\n".join(strip.text for strip in lines)


async def open_first(pilot, ready, wait):
    await ready(pilot)
    await pilot.press("enter")
    await wait(pilot, lambda: isinstance(pilot.app.screen, CustomerScreen) and pilot.app.screen.card)
    await ready(pilot)


async def choose(pilot, wait):
    """Run the palette's first hit; where its list was still filling, the first `enter` only marks one."""
    palette = pilot.app.screen
    commands = palette.query_one(CommandList)
    await wait(pilot, lambda: not pilot.app.workers and commands.option_count)
    if commands.highlighted is None:
        await pilot.press("down")
    await pilot.press("enter")
    await wait(pilot, lambda: pilot.app.screen is not palette)


async def test_profile_timeline_orders_and_consent(app, ready, wait):
    async with app.run_test(size=(100, 40)) as pilot:
        await open_first(pilot, ready, wait)
        text = shown(app)
        assert "ada@example.org" in text
        assert "Note" in text and "wants [/b]" in text
        assert "Occupation" not in text
        await pilot.press("right_square_bracket")
        await wait(pilot, lambda: "0-2" in shown(app))
        assert "7.25 EUR" in shown(app)
        await pilot.press("right_square_bracket")
        await wait(pilot, lambda: "newsletter" in shown(app))
        await pilot.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert app.screen.query_one(TabbedContent).active == "identifiers"


async def test_next_and_previous_of_the_list_beneath(app, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await open_first(pilot, ready, wait)
        screen = app.screen
        await pilot.press("n")
        await wait(pilot, lambda: screen.customer_id == "bob00002")
        assert "2 of 6" in shown(app)
        await pilot.press("n")
        await wait(pilot, lambda: screen.customer_id == "chloe003")
        await pilot.press("p")
        await wait(pilot, lambda: screen.customer_id == "bob00002")
        await pilot.press("N")
        await wait(pilot, lambda: screen.customer_id == "ada00001")
        await pilot.press("p")
        await ready(pilot)
        assert screen.customer_id == "ada00001"
        await pilot.press("n")
        await wait(pilot, lambda: screen.customer_id == "bob00002")
        await pilot.press("escape")
        await wait(pilot, lambda: not app.customer)
        assert app.customers.table.current_id == "bob00002"


async def test_help_lists_every_action_and_can_be_searched(app, ready):
    async with app.run_test(size=(100, 200)) as pilot:
        await ready(pilot)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        text = shown(app)
        for action in ACTIONS:
            assert action.label in text, action.id
        app.screen.query_one(Input).value = "unsorts"
        await pilot.pause()
        assert [action.id for action in app.screen.listed] == ["customers.sort_up", "customers.sort_down"]
        await pilot.press("escape")
        assert isinstance(app.screen, CustomersScreen)


def test_every_binding_comes_from_the_registry():
    ids = [action.id for action in ACTIONS]
    assert len(ids) == len(set(ids))
    for scope, owner in (
        ("app", ClientbookApp),
        ("customers", CustomersScreen),
        ("customer", CustomerScreen),
        ("table", RecordTable),
        ("filter", FilterInput),
        ("help", HelpScreen),
    ):
        own = [binding.id for binding in owner.BINDINGS if isinstance(binding, Binding)]
        assert own == [binding.id for binding in bindings(scope) if isinstance(binding, Binding)]


async def test_keys_can_be_changed_by_the_id_of_an_action(app, ready):
    app.set_keymap({"customers.filter": "f7"})
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f7")
        assert isinstance(app.focused, FilterInput)


async def test_palette_sorts_and_opens_customers(app, ready, wait):
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p")
        await pilot.press(*"sakura@")
        await wait(pilot, lambda: "dai00004" in shown(app))
        await choose(pilot, wait)
        await wait(pilot, lambda: isinstance(app.screen, CustomerScreen) and app.screen.card)
        assert app.screen.customer_id == "dai00004"
        await pilot.press("escape")
        await wait(pilot, lambda: not app.customer)
        await pilot.press("ctrl+p")
        await pilot.press(*"revenue, largest")
        await wait(pilot, lambda: "Sort by Revenue, largest first" in shown(app))
        await choose(pilot, wait)
        await wait(pilot, lambda: app.customers.sort is not None)
        await ready(pilot)
        assert app.customers.table.current_id == "bob00002"


async def test_ctrl_c_never_quits(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+c", "slash", "a", "ctrl+c", "escape", "ctrl+c")
        assert app.is_running


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quits_while_a_slow_query_runs(book, ready, wait, key):
    app = ClientbookApp(book.folder)
    running = threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        service = app.service

        def slow(*_given: object, **_named: object) -> None:
            with service._using("open") as engine:
                running.set()
                engine.value("select count(*) from range(100000000000) a where hash(a.range) = 1")

        service.open_view = slow
        await pilot.press("right_square_bracket")
        await wait(pilot, running.is_set)
        await pilot.press(key)
        await wait(pilot, lambda: not service._locks["open"].locked())
    assert app.return_code == 0


async def test_hostile_values_are_harmless_everywhere(tmp_path, ready, wait):
    evil = "\x1b]52;c;aGFjaw==\x07[/bold][red]\u202e\u2066[@click=app.bell]x[/]\x9b31m"
    lines = [
        *person("evil0001", "A", evil, "evil@example.org", evil),
        event("note_added", "evil0001", "2026-04-01T12:00:00+02:00", text=evil * 3),
        event("tag_added", "evil0001", "2026-04-01T12:00:00+02:00", tag="[/x]"),
        event(
            "order_placed", "evil0001", "2026-04-02T12:00:00+02:00", order_id="[/b]1", total="5", currency="EUR", store=evil
        ),
    ]
    app = ClientbookApp(make_book(tmp_path / "evil", lines).folder)
    async with app.run_test(size=(140, 40)) as pilot:
        await ready(pilot)
        await wait(pilot, lambda: "evil0001" in shown(app))
        seen = [shown(app)]
        await pilot.press("right", "ctrl+c", "y")
        await pilot.pause()
        seen.append(shown(app))
        await pilot.press("ctrl+p", *"evil")
        await wait(pilot, lambda: "evil@example.org · evil0001" in shown(app))
        seen.append(shown(app))
        await pilot.press("escape", "slash", *"[/red]")
        await ready(pilot)
        seen.append(shown(app))
        await pilot.press("escape", "enter")
        await wait(pilot, lambda: isinstance(app.screen, CustomerScreen) and app.screen.card)
        for _turn in range(4):
            await pilot.pause()
            seen.append(shown(app))
            await pilot.press("right_square_bracket")
        assert "[/bold][red]" in seen[0]
        for text in seen:
            assert not set(text) & set("\x1b\x07\x9b\u202e\u2066")


async def test_wide_characters_stay_aligned(app, ready):
    from rich.cells import cell_len

    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        rows = [line for line in shown(app).split("\n") if "EUR" not in line][2:8]
        # the towns of all rows begin in the same cell
        places = {
            cell_len(row[: row.index(town)]) for row in rows for town in ("Lyon", "Nice", "東京", "[link=x]") if town in row
        }
        assert len(places) == 1


def test_no_terminal_is_refused(book, monkeypatch):
    with pytest.raises(NoTerminal):
        run(book.folder)

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(NoTerminal, match="dumb"):
        run(book.folder)


async def test_a_crash_prints_no_data(app, ready, capsys):
    def fail() -> None:
        customer = "Ada Lovelace"
        raise ValueError(customer)

    with pytest.raises(ValueError, match="Ada"):
        async with app.run_test(size=(80, 24)) as pilot:
            await ready(pilot)
            app.call_later(fail)
            await pilot.pause()
    printed = "".join(capsys.readouterr())
    assert "Lovelace" not in printed
    try:
        fail()
    except ValueError as error:
        report = crash_report(error)
    assert "ValueError" in report and "test_tui_customer.py" in report
    assert "Lovelace" not in report


def test_pages_are_as_large_as_the_query_layer_makes_them():
    assert PAGE_ROWS == QUERY_PAGE_ROWS
