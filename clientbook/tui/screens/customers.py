"""The customers: a filter, a table in pages, a preview, and a line that says what one sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Center, Horizontal, Middle
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Input, Static
from textual.worker import get_current_worker

from clientbook.i18n import _
from clientbook.tui.actions import bindings
from clientbook.tui.errors import CustomerGone, SnapshotLost, describe
from clientbook.tui.messages import (
    CardReady,
    CustomerMissing,
    FilesGone,
    FilterRefused,
    HeaderPicked,
    PageReady,
    QueryTrouble,
    RowMoved,
    RowOpened,
    ViewOpened,
)
from clientbook.tui.model import OpenedView
from clientbook.tui.screens.customer import CustomerScreen
from clientbook.tui.widgets.error_bar import ErrorBar
from clientbook.tui.widgets.filter_bar import FilterBar
from clientbook.tui.widgets.preview import Preview
from clientbook.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from clientbook.query.views import Sort, View
    from clientbook.tui.app import ClientbookApp
    from clientbook.tui.service import QueryService
    from clientbook.tui.widgets.record_table import RecordTable

PREVIEW_SECONDS: Final = 0.08
WIDE: Final = 120
"""From so many columns there is room for the preview."""


class CustomersScreen(Screen[None]):
    """The list of customers. A message of a generation other than the newest is dropped."""

    BINDINGS = bindings("customers")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = ""

    app: ClientbookApp

    def __init__(self) -> None:
        super().__init__()
        self.sort: Sort | None = None
        self.opened: OpenedView | None = None
        """What the table shows."""
        self._service: QueryService | None = None
        self._table: RecordTable | None = None
        self._generation = 0
        """Of the view that was asked for last."""
        self._answered_generation = 0
        """Of the newest view that was opened or refused."""
        self._shown_generation = 0
        """Of the view in the table, which a refused filter leaves there."""
        self._shown: tuple[QueryService, View] | None = None
        self._shown_text = ""
        """The filter of the view in the table, as it was typed."""
        self._detail_generation = 0
        self._preview_timer: Timer | None = None
        self._sort_presses: tuple[bool, str, int] | None = None

    def compose(self) -> ComposeResult:
        yield Static("clientbook", id="title", markup=False)
        yield FilterBar(id="filter")
        yield ErrorBar(id="error")
        with Horizontal(id="body"):
            with Middle(id="empty"), Center():
                yield Static(_("Opening the book…"), id="empty-text", markup=False)
            yield Preview(id="preview")
        yield StatusLine(id="status")
        yield Footer(show_command_palette=False)

    @property
    def is_settled(self) -> bool:
        """Whether the table shows what was asked for and nothing is on the way."""
        return self._service is not None and self._generation == self._answered_generation and self._preview_timer is None

    @property
    def filter_text(self) -> str:
        """The filter as typed."""
        return self.query_one(FilterBar).text

    @property
    def table(self) -> RecordTable | None:
        """The table, once there is a book."""
        return self._table

    async def show_book(self, service: QueryService) -> None:
        """Show a book that was opened, or opened again: the same filter and sort, the cursor on the same customer."""
        self._service = service
        self.query_one("#title", Static).update(Text(f"clientbook  {service.name}".rstrip()))
        self.query_one(ErrorBar).clear()
        if self._table is None:
            from clientbook.tui.widgets.record_table import RecordTable

            self._table = RecordTable(id="customers")
            await self.query_one("#body").mount(self._table, before="#preview")
            self._table.display = False
        if self._shown is None:
            self._request_view()
        else:
            # What is being typed may be no filter yet; then the rows of the old snapshot would stay.
            self._request_view(text=self._shown_text, stay=True)

    def show_failure(self, text: str) -> None:
        """Say that the book cannot be opened."""
        self.query_one(ErrorBar).show(text)
        if self._service is None:
            self._show_empty(_("The book could not be opened. q quits, r tries again."))
            self.query_one(StatusLine).show_note("")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A slash typed into the filter is a slash."""
        if action == "filter" and isinstance(self.focused, Input):
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()

    def action_clear(self) -> None:
        if self.query_one(FilterBar).display:
            self.on_filter_bar_cleared()

    def action_sort(self, descending: bool) -> None:
        """Sort by the current column: first as asked, then the other way round, then not at all."""
        column = self._table.current_column if self._table else None
        if column is None:
            return
        presses = 1
        if self._sort_presses and self._sort_presses[:2] == (descending, column) and self.sort:
            presses = self._sort_presses[2] + 1
        self._sort_presses = (descending, column, presses)
        if presses == 3:
            self.sort_by(None)
        else:
            self.sort_by(column, descending=descending == (presses == 1))

    def sort_by(self, column: str | None, *, descending: bool = False) -> None:
        """Sort by a column; None for the order by name."""
        if self._service is None:
            return
        from clientbook.query.views import Sort

        self.sort = Sort(column=column, descending=descending) if column else None
        if column is None:
            self._sort_presses = None
        self._request_view()

    def action_copy_id(self) -> None:
        customer_id = self._table.current_id if self._table else None
        if customer_id:
            self.app.copy_text(customer_id)

    def action_copy_command(self) -> None:
        if self._service is None:
            return
        try:
            command = self._service.command(self.filter_text, self._sorts())
        except Exception as error:
            self.query_one(FilterBar).show_error(describe(error), getattr(error, "place", None))
        else:
            self.app.copy_text(command)

    def open_customer(self, customer_id: str, row: int | None = None) -> None:
        """Show one customer; `row` is its place in the list, None if it was not found there."""
        if self._shown is None or self.opened is None:
            return
        service, view = self._shown
        self.app.push_screen(
            CustomerScreen(service, customer_id, view=None if row is None else view, row=row, count=self.opened.count),
            callback=self._came_back,
        )

    @on(FilterBar.Typed)
    def on_filter_bar_typed(self) -> None:
        self._request_view()

    @on(FilterBar.Kept)
    def on_filter_bar_kept(self) -> None:
        bar = self.query_one(FilterBar)
        if bar.settle():
            self._request_view()
        if not bar.text:
            bar.empty()
        self._focus_table()

    @on(FilterBar.Cleared)
    def on_filter_bar_cleared(self) -> None:
        bar = self.query_one(FilterBar)
        had_text = bool(bar.text)
        bar.empty()
        if had_text:
            self._request_view()
        self._focus_table()

    @on(HeaderPicked)
    def on_header_picked(self, message: HeaderPicked) -> None:
        """A click sorts upwards, the next downwards, the third not at all."""
        if self.sort is None or self.sort.column != message.key:
            self.sort_by(message.key)
        elif not self.sort.descending:
            self.sort_by(message.key, descending=True)
        else:
            self.sort_by(None)

    @on(RowMoved)
    def on_row_moved(self) -> None:
        self._detail_generation += 1
        if self._preview_timer:
            self._preview_timer.stop()
        self._preview_timer = self.set_timer(PREVIEW_SECONDS, self._request_preview)

    @on(RowOpened)
    def on_row_opened(self, message: RowOpened) -> None:
        customer_id = self._table.current_id if self._table else None
        if customer_id:
            self.open_customer(customer_id, message.row)

    @on(ViewOpened)
    def on_view_opened(self, message: ViewOpened) -> None:
        """Show the rows; of another snapshot with the cursor on the same line of the screen."""
        opened, service = message.opened, self._service
        if message.generation != self._generation or service is None or self._table is None:
            self._forget(message.service, opened.view)
            return
        left, self._shown = self._shown, (service, opened.view)
        self._shown_text = message.text
        self.opened = opened
        self._answered_generation = self._shown_generation = message.generation
        self.query_one(FilterBar).clear_error()
        self.query_one(ErrorBar).clear()
        lines_above = self._table.cursor_row - self._table.scroll_offset.y
        arrow = {self.sort.column: "↓" if self.sort.descending else "↑"} if self.sort else {}
        self._show_table(opened, arrow)
        self.query_one(StatusLine).show_view(
            count=opened.count,
            total=opened.total,
            sort=" ".join(f"{self._label(column)} {sign}" for column, sign in arrow.items()),
            moment=service.moment_text(),
            milliseconds=opened.milliseconds,
        )
        if left is not None and left[0] is service:
            self._forget(*left)
        elif left is not None:
            self._table.scroll_to(y=opened.row - lines_above, animate=False)
            self._book_changed(service, opened)

    def _book_changed(self, service: QueryService, opened: OpenedView) -> None:
        """The table shows another snapshot now: so does the customer over it, and the earlier one is let go."""
        if self.app.customer:
            self.app.customer.show_book(service, opened.view, opened.count)
        self.app.release()
        if self.filter_text != self._shown_text:
            self._request_view(stay=True)

    @on(FilterRefused)
    def on_filter_refused(self, message: FilterRefused) -> None:
        if message.generation == self._generation:
            self._answered_generation = message.generation
            self.query_one(FilterBar).show_error(message.text, message.place)
            if self.query_one("#empty").display:
                self._show_empty(_("The filter cannot be read yet."))
            if self._shown and self._shown[0] is not self._service and self._shown_text != self.filter_text:
                self._request_view(text=self._shown_text, stay=True)

    @on(PageReady)
    def on_page_ready(self, message: PageReady) -> None:
        if message.generation == self._shown_generation and self._table:
            waited = self._table.current_id is None
            self._table.page_arrived(message.rows)
            if waited and self._table.current_id is not None:
                self.on_row_moved()

    @on(CardReady)
    def on_card_ready(self, message: CardReady) -> None:
        if message.generation == self._detail_generation:
            self.query_one(Preview).show(message.card)

    @on(QueryTrouble)
    def on_query_trouble(self, message: QueryTrouble) -> None:
        self._answered_generation = max(self._answered_generation, message.generation)
        self.query_one(ErrorBar).show(message.text)

    @on(CustomerMissing)
    def on_customer_missing(self, message: CustomerMissing) -> None:
        if message.generation == self._detail_generation:
            self.query_one(Preview).show(None)

    def on_resize(self) -> None:
        self.on_row_moved()

    def _came_back(self, row: int | None) -> None:
        """From a customer: the cursor stands on the customer that was looked at last."""
        if row is not None and self._table:
            self._table.move_cursor(row=row)
        self._focus_table()

    def _focus_table(self) -> None:
        if self._table and self._table.display:
            self.set_focus(self._table, scroll_visible=False)
        else:
            self.set_focus(None)

    def _label(self, column: str) -> str:
        assert self._service is not None
        return next((layout.label for layout in self._service.columns if layout.key == column), column)

    def _sorts(self) -> tuple[Sort, ...]:
        return (self.sort,) if self.sort else ()

    def _show_table(self, opened: OpenedView, arrows: dict[str, str]) -> None:
        assert self._table is not None
        assert self._service is not None
        generation, service, view = self._shown_generation, self._service, opened.view

        def request(number: int) -> None:
            self.call_later(self._load_page, service, view, number, generation)

        self._table.show(
            self._service.columns,
            opened.count,
            request,
            first=opened.first,
            row=opened.row,
            arrows=arrows,
        )
        if opened.count:
            self.query_one("#empty").display = False
            self._table.display = True
            if self.focused is None:
                self.set_focus(self._table, scroll_visible=False)
        elif opened.total:
            self._show_empty(_("No customer matches.\n\nesc clears the filter."))
        else:
            self._show_empty(
                _("This book is empty.\n\nclientbook import FILE\n\nputs a file into it; then r reads it again.")
            )

    def _show_empty(self, text: str) -> None:
        self.query_one("#empty-text", Static).update(Text(text, justify="center"))
        self.query_one("#empty").display = True
        self.query_one(Preview).show(None)
        if self._table:
            self._table.display = False

    def _request_view(self, *, text: str | None = None, stay: bool = False) -> None:
        """Ask for the rows of a filter, the one that is typed if none is given; `stay` at the customer under the cursor."""
        if self._service is None:
            return
        keep, near = None, 0
        if stay and self._table:
            keep, near = self._table.current_id, self._table.cursor_row
            if self.app.customer and self.app.customer.row is not None:
                keep, near = self.app.customer.customer_id, self.app.customer.row
        self._generation += 1
        self._service.interrupt("open")
        asked = self.filter_text if text is None else text
        self._open_view(self._service, asked, self._sorts(), self._generation, keep, near)

    def _request_preview(self) -> None:
        self._preview_timer = None
        customer_id = self._table.current_id if self._table and self._table.display else None
        if self._shown and customer_id and self.size.width >= WIDE:
            service = self._shown[0]
            service.interrupt("detail")
            self._load_preview(service, customer_id, self._detail_generation)

    @work(thread=True, exclusive=True, exit_on_error=False, group="open")
    def _open_view(
        self, service: QueryService, text: str, sort: tuple[Sort, ...], generation: int, keep: str | None, near: int
    ) -> None:
        from clientbook.engine.duckdb import QueryCancelled
        from clientbook.query.views import InvalidExpression

        worker = get_current_worker()
        try:
            opened = service.open_view(text, sort, is_wanted=lambda: not worker.is_cancelled, keep=keep, near=near)
        except QueryCancelled:
            return
        except InvalidExpression as error:
            self.post_message(FilterRefused(describe(error), error.place, generation))
        except RecursionError:
            self.post_message(FilterRefused(_("this filter is too deep"), None, generation))
        except Exception as error:
            self._tell(error, service, generation)
        else:
            self.post_message(ViewOpened(opened, service, text, generation))

    @work(thread=True, exit_on_error=False, group="page")
    def _load_page(self, service: QueryService, view: View, number: int, generation: int) -> None:
        if generation != self._shown_generation:
            return
        try:
            rows = service.page(view, number)
        except Exception as error:
            self._tell(error, service, generation)
        else:
            self.post_message(PageReady(rows, generation))

    @work(thread=True, exit_on_error=False, group="page")
    def _forget(self, service: QueryService, view: View) -> None:
        try:
            service.close_view(view)
        except Exception as error:
            self._tell(error, service, self._generation)

    @work(thread=True, exclusive=True, exit_on_error=False, group="detail")
    def _load_preview(self, service: QueryService, customer_id: str, generation: int) -> None:
        try:
            card = service.preview(customer_id)
        except CustomerGone as error:
            self.post_message(CustomerMissing(describe(error), generation))
        except Exception as error:
            self._tell(error, service, self._generation)
        else:
            self.post_message(CardReady(card, None, generation))

    def _tell(self, error: Exception, service: QueryService, generation: int) -> None:
        """Post what went wrong, unless the query was only interrupted or nobody looks at its view any more."""
        from clientbook.engine.duckdb import QueryCancelled

        if isinstance(error, SnapshotLost):
            self.app.post_message(FilesGone(service))
        elif not isinstance(error, QueryCancelled) and generation in (self._generation, self._shown_generation):
            self.post_message(QueryTrouble(describe(error), generation))
