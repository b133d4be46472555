"""One customer: the profile, and in tabs what happened, what was bought, what was agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static, TabbedContent, TabPane

from clientbook.i18n import N_, _
from clientbook.tui.actions import bindings
from clientbook.tui.errors import CustomerGone, SnapshotLost, describe
from clientbook.tui.messages import CardReady, CustomerMissing, FilesGone, QueryTrouble
from clientbook.tui.model import Card, TableData
from clientbook.tui.widgets.error_bar import ErrorBar
from clientbook.tui.widgets.offer import Offer
from clientbook.tui.widgets.preview import field_table, two_field_tables

if TYPE_CHECKING:
    from clientbook.query.views import View
    from clientbook.tui.app import ClientbookApp
    from clientbook.tui.service import QueryService

WIDE: Final = 120
"""From so many columns the card stands beside the tabs."""
TWO_TABLES: Final = 70
"""From so many columns a card above the tabs has its fields side by side."""

TABS: Final = {
    "timeline": (N_("Timeline"), N_("Nothing happened with this customer yet.")),
    "orders": (N_("Orders"), N_("No orders yet.")),
    "consent": (N_("Consent"), N_("Nothing was asked, agreed or refused.")),
    "identifiers": (N_("Identifiers"), N_("Nothing recognises this customer but the id.")),
}
"""The tabs: title and what stands there when it is empty, as msgids."""


class CustomerScreen(Screen["int | None"]):
    """A customer of the list beneath; dismissed with the row of the customer that was looked at last."""

    BINDINGS = bindings("customer")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = ""

    app: ClientbookApp

    def __init__(self, service: QueryService, customer_id: str, *, view: View | None, row: int | None, count: int) -> None:
        """Show `customer_id`, which is `row` of `view`'s `count` rows; without a view there is no next one."""
        super().__init__()
        self.customer_id = customer_id
        self.row = row
        self.card: Card | None = None
        self._service = service
        self._view = view
        self._count = count
        self._generation = 0

    def compose(self) -> ComposeResult:
        from clientbook.tui.widgets.record_table import RecordTable

        with Horizontal(id="title-line"):
            yield Static(id="title", markup=False)
            yield Offer()
        yield ErrorBar(id="error")
        with Container(id="customer-body"):
            with VerticalScroll(id="card"):
                yield Static(id="card-text", markup=False)
            with TabbedContent(id="tabs"):
                for key, (title, empty) in TABS.items():
                    with TabPane(_(title), id=key):
                        yield Static(_(empty), classes="nothing", markup=False)
                        yield RecordTable(id=f"{key}-table")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._request(self.customer_id, self.row)

    def show_book(self, service: QueryService, view: View, count: int) -> None:
        """Show the same customer in another snapshot; `view` is what the list beneath shows of it now."""
        self._service = service
        if self._view is not None:
            self._view, self._count, self.row = view, count, None
        self._request(self.customer_id, None)

    def show_failure(self, text: str) -> None:
        """Say that the book cannot be read."""
        self.query_one(ErrorBar).show(text)

    def action_back(self) -> None:
        self.dismiss(self.row)

    def action_step(self, step: int) -> None:
        """Go to another customer of the list beneath."""
        if self._view is None or self.row is None:
            self.app.notify(_("This customer is not in the list."), markup=False)
        elif 0 <= self.row + step < self._count:
            self._request(None, self.row + step)

    def action_turn(self, step: int) -> None:
        """Go to another tab."""
        keys = list(TABS)
        tabs = self.query_one("#tabs", TabbedContent)
        tabs.active = keys[(keys.index(tabs.active) + step) % len(keys)]

    def action_copy_id(self) -> None:
        self.app.copy_text(self.customer_id)

    def action_copy_command(self) -> None:
        self.app.copy_text(self._service.show_command(self.customer_id))

    @on(CardReady)
    def on_card_ready(self, message: CardReady) -> None:
        if message.generation != self._generation:
            return
        card = message.card
        is_same, self.card = self.card is not None and self.customer_id == card.customer_id, card
        self.customer_id, self.row = card.customer_id, message.row
        self.query_one(ErrorBar).clear()
        self._show_title(card)
        self._show_fields()
        if not is_same:
            self.query_one("#card").scroll_home(animate=False)
        for key, data in (
            ("timeline", card.timeline),
            ("orders", card.orders),
            ("consent", card.consent),
            ("identifiers", card.identifiers),
        ):
            self._show_tab(key, data, stay=is_same)
        self._focus_tab()

    @on(CustomerMissing)
    def on_customer_missing(self, message: CustomerMissing) -> None:
        """Whoever was erased leaves nothing on the screen."""
        if message.generation != self._generation:
            return
        self.card = self.row = None
        self.query_one("#title", Static).update("")
        self.query_one("#card-text", Static).update("")
        for key in TABS:
            self._show_tab(key, None)
        self.query_one(ErrorBar).show(message.text)

    @on(QueryTrouble)
    def on_query_trouble(self, message: QueryTrouble) -> None:
        if message.generation == self._generation:
            self.query_one(ErrorBar).show(message.text)

    @on(TabbedContent.TabActivated)
    def on_tab_activated(self) -> None:
        self._focus_tab()

    def on_resize(self) -> None:
        self._show_fields()

    def _show_fields(self) -> None:
        if self.card is not None:
            grid = field_table if self.size.width >= WIDE or self.size.width < TWO_TABLES else two_field_tables
            self.query_one("#card-text", Static).update(grid(self.card.fields))

    def _focus_tab(self) -> None:
        from clientbook.tui.widgets.record_table import RecordTable

        table = self.query_one(f"#{self.query_one('#tabs', TabbedContent).active}-table", RecordTable)
        if table.display:
            table.focus()
        else:
            self.set_focus(None)

    def _show_title(self, card: Card) -> None:
        title = Text(card.name, style="bold")
        title.append(f"  {card.customer_id}", style="not bold dim")
        if self._view is not None and self.row is not None:
            place = _("{number} of {count}").format(number=f"{self.row + 1:,}", count=f"{self._count:,}")
            title.append(f"  {place}", style="not bold dim")
        title.append(f"  {self._service.moment_text()}", style="not bold dim")
        title.no_wrap, title.overflow = True, "ellipsis"
        self.query_one("#title", Static).update(title)

    def _show_tab(self, key: str, data: TableData | None, *, stay: bool = False) -> None:
        from clientbook.tui.widgets.record_table import RecordTable

        rows = data.rows if data else ()
        table = self.query_one(f"#{key}-table", RecordTable)
        table.display = bool(rows)
        self.query_one(f"#{key} .nothing").display = not rows
        table.show_all(data or TableData(columns=(), rows=()), row=table.cursor_row if stay else 0)
        count = f"{len(rows):,}{'+' if data and data.is_cut else ''}"
        self.query_one("#tabs", TabbedContent).get_tab(key).label = f"{_(TABS[key][0])} {count}"

    def _request(self, customer_id: str | None, row: int | None) -> None:
        """Ask for a customer, for the one at a row, or for both where they are known."""
        self._generation += 1
        self._service.interrupt("detail")
        self._load(self._service, self._view, customer_id, row, self._generation)

    @work(thread=True, exclusive=True, exit_on_error=False, group="detail")
    def _load(
        self, service: QueryService, view: View | None, customer_id: str | None, row: int | None, generation: int
    ) -> None:
        from clientbook.engine.duckdb import QueryCancelled

        try:
            if customer_id is None and view is not None and row is not None:
                customer_id = service.customer_at(view, row)
            if customer_id is not None:
                card = service.card(customer_id)
                if view is not None and row is None:
                    row = service.row_of(view, card.customer_id)
                self.post_message(CardReady(card, row, generation))
        except QueryCancelled:
            return
        except SnapshotLost:
            self.app.post_message(FilesGone(service))
        except CustomerGone as error:
            self.post_message(CustomerMissing(describe(error), generation))
        except Exception as error:
            self.post_message(QueryTrouble(describe(error), generation))
