"""The list of customers: filtering, sorting, opening, copying, and what arrives meanwhile."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Static
from tui_book import make_book, person

from clientbook.tui.app import ClientbookApp
from clientbook.tui.screens.customer import CustomerScreen
from clientbook.tui.widgets.filter_bar import FilterBar, FilterInput
from clientbook.tui.widgets.preview import Preview
from clientbook.tui.widgets.status_line import StatusLine


def names(app: ClientbookApp) -> list[str]:
    table = app.customers.table
    assert table is not None
    return [table.get_row_at(row)[0].plain for row in range(table.row_count)]


def status(app: ClientbookApp) -> str:
    return app.customers.query_one(StatusLine).text


async def type_filter(pilot, ready, text: str) -> None:
    await pilot.press("slash")
    pilot.app.customers.query_one(FilterInput).value = text
    await pilot.pause(0.2)
    await ready(pilot)


async def test_lists_everybody_by_name_and_names_the_moment(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert len(names(app)) == 6
        assert names(app)[0] == "Ada Lovelace"
        assert status(app) == "6 of 6 · now · 0 ms"


async def test_filter_follows_words_while_typing_and_ignores_accents(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash", *"DUPONT")
        await pilot.pause(0.2)
        await ready(pilot)
        assert names(app) == ["Chloé Dùpont"]
        await pilot.press("enter")
        await ready(pilot)
        assert app.focused is app.customers.table
        assert app.customers.query_one(FilterBar).display
        await pilot.press("escape")
        await ready(pilot)
        assert len(names(app)) == 6
        assert not app.customers.query_one(FilterBar).display


async def test_filter_by_expression(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_filter(pilot, ready, "order_count >= 2 and city = 'Lyon'")
        assert names(app) == ["Ada Lovelace"]
        assert status(app).startswith("1 of 6 · ")


async def test_a_filter_names_traits_segments_labels_and_other_tables(app, ready):
    asked = (
        "recency_days >= 0 and in_segment('core.orders_above_mean') and Ville = 'Lyon'",
        "customer_id in (select customer_id from orders where gross > 0) and Commandes > 1 and Town = 'Lyon'",
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for text in asked:
            await type_filter(pilot, ready, text)
            assert names(app) == ["Ada Lovelace"], app.customers.query_one(FilterBar).message
        await type_filter(pilot, ready, "in_segment('core.orders_above_maen')")
        assert "did you mean core.orders_above_mean" in app.customers.query_one(FilterBar).message


async def test_bad_expression_shows_what_and_where_and_keeps_the_rows(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_filter(pilot, ready, "revenu > 3")
        bar = app.customers.query_one(FilterBar)
        assert "did you mean revenue" in bar.message
        assert bar.query_one("#filter-error", Static).display
        assert len(names(app)) == 6
        await type_filter(pilot, ready, "1 = 1 or or revenu > 3")
        assert bar.message
        await pilot.press("escape")
        await ready(pilot)
        assert not bar.message


async def test_deep_nesting_is_an_error_and_no_crash(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_filter(pilot, ready, "(" * 400 + "revenue > 3" + ")" * 400)
        assert app.customers.query_one(FilterBar).message or app.customers.opened.count < 6
        assert app.return_code is None


async def test_nobody_matches(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await type_filter(pilot, ready, "zzz")
        assert app.customers.query_one("#empty").display
        await pilot.press("enter", "escape")
        await ready(pilot)
        assert not app.customers.query_one("#empty").display


async def test_third_press_unsorts(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        by_name = names(app)
        await pilot.press("right", "right", "right")
        await pilot.press("right_square_bracket")
        await ready(pilot)
        assert names(app)[0] == "Bob [/bold] Smith"
        assert "Revenue ↓" in status(app)
        assert "↓" in app.customers.table.ordered_columns[3].label.plain
        await pilot.press("right_square_bracket")
        await ready(pilot)
        assert "Revenue ↑" in status(app)
        await pilot.press("right_square_bracket")
        await ready(pilot)
        assert names(app) == by_name
        assert "Revenue" not in status(app)
        await pilot.press("left_square_bracket")
        await ready(pilot)
        assert "Revenue ↑" in status(app)


async def test_click_on_a_header_sorts(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.click("#customers", offset=(2, 0))
        await ready(pilot)
        assert "Name ↑" in status(app)
        await pilot.click("#customers", offset=(2, 0))
        await ready(pilot)
        assert "Name ↓" in status(app)


async def test_click_moves_the_cursor_and_a_second_click_opens(app, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.click("#customers", offset=(2, 2))
        assert app.customers.table.cursor_row == 1
        assert not app.customer
        await pilot.click("#customers", offset=(2, 2))
        await wait(pilot, lambda: app.customer)


async def test_open_and_back_with_the_cursor_kept(app, ready, wait):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("down", "down", "enter")
        await wait(pilot, lambda: isinstance(app.screen, CustomerScreen) and app.screen.card)
        assert app.screen.customer_id == "chloe003"
        await pilot.press("escape")
        await wait(pilot, lambda: not app.customer)
        assert app.customers.table.cursor_row == 2
        assert app.focused is app.customers.table


async def test_preview_follows_the_cursor_where_there_is_room(app, ready, wait):
    async with app.run_test(size=(140, 40)) as pilot:
        await ready(pilot)
        preview = app.customers.query_one(Preview)
        await wait(pilot, lambda: preview.customer_id == "ada00001")
        await pilot.press("down")
        await wait(pilot, lambda: preview.customer_id == "bob00002")


async def test_copies_the_id_and_the_command(app, ready):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("y")
        assert app.clipboard == "ada00001"
        await type_filter(pilot, ready, "city = 'Lyon'")
        await pilot.press("enter", "right_square_bracket")
        await ready(pilot)
        await pilot.press("Y")
        assert app.clipboard.startswith("clientbook customers --where ")
        assert app.clipboard.endswith("--sort -name")


async def test_an_empty_book_says_how_to_begin(tmp_path, ready):
    app = ClientbookApp(make_book(tmp_path / "empty", []).folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert "clientbook import FILE" in str(app.customers.query_one("#empty-text", Static).render())


async def test_no_book_is_said_and_is_no_crash(tmp_path: Path, wait):
    app = ClientbookApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait(pilot, lambda: app.customers.query_one("#error").display)
        assert "no customer book" in app.customers.query_one("#error").message
        await pilot.press("q")
    assert app.return_code == 1


async def test_a_failing_query_is_an_error_bar(app, ready, wait, monkeypatch):
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)

        def broken(*_given: object, **_named: object) -> None:
            raise ZeroDivisionError("Ada Lovelace")

        monkeypatch.setattr(app.service, "open_view", broken)
        await pilot.press("right_square_bracket")
        await wait(pilot, lambda: app.customers.query_one("#error").display)
        assert "ZeroDivisionError" in app.customers.query_one("#error").message
        assert "Lovelace" not in app.customers.query_one("#error").message


async def test_pages_are_loaded_as_they_come_into_sight(tmp_path, ready, wait):
    lines = [
        line for number in range(600) for line in person(f"p{number:07}", "P", f"{number:04}", f"p{number}@x.org", "Lyon")
    ]
    app = ClientbookApp(make_book(tmp_path / "many", lines).folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("end")
        await wait(pilot, lambda: app.customers.table.current_id == "p0000599")
        await ready(pilot)
        assert names(app)[599] == "P 0599"
        await type_filter(pilot, ready, "oops >")
        await pilot.press("enter", "home", "pagedown")
        await ready(pilot)
        assert app.customers.table.current_id is not None
        await pilot.press("end", "enter")
        await wait(pilot, lambda: isinstance(app.screen, CustomerScreen) and app.screen.card)
        await pilot.press("n", "p")
        await wait(pilot, lambda: app.screen.row == 598)


async def test_moment_is_always_named(book, ready):
    from datetime import UTC, datetime

    from clientbook.projection.fold import Moment

    app = ClientbookApp(book.folder, Moment(as_of=datetime(2026, 2, 28, 22, 0, tzinfo=UTC)))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert "as of 2026-02-28 23:00 (Europe/Paris)" in status(app)
