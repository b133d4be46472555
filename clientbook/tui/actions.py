"""The one registry of actions: keys, the footer, the help screen and the command palette all come from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from textual.binding import Binding, BindingType

from clientbook.i18n import N_, _

Scope = Literal["app", "customers", "customer", "filter", "table", "help"]

SCOPES: Final[dict[Scope, str]] = {
    "app": N_("Everywhere"),
    "customers": N_("Customers"),
    "filter": N_("Filter"),
    "customer": N_("One customer"),
    "table": N_("In a table"),
    "help": N_("Help"),
}
"""Where an action works, as msgids, in the order of the help screen."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something a person can do. `id` is stable: a key map names it."""

    id: str
    scope: Scope
    keys: str
    """Textual's names, separated by commas."""
    run: str
    """Textual's action."""
    label: str
    """A word or two, as msgid."""
    help: str
    """A sentence, as msgid."""
    key_display: str
    in_footer: bool = False
    in_palette: bool = False
    has_priority: bool = False


ACTIONS: Final = (
    Action(
        id="app.help",
        scope="app",
        keys="question_mark,f1",
        run="app.help",
        label=N_("Help"),
        help=N_("List every key; type to look for one."),
        key_display="?",
        in_footer=True,
        in_palette=True,
    ),
    Action(
        id="app.palette",
        scope="app",
        keys="ctrl+p",
        run="app.command_palette",
        label=N_("Commands"),
        help=N_("Look for a command, or for a customer by name, id or e-mail."),
        key_display="ctrl+p",
        in_footer=True,
        has_priority=True,
    ),
    Action(
        id="app.theme",
        scope="app",
        keys="f2",
        run="app.change_theme",
        label=N_("Theme"),
        help=N_("Choose other colours."),
        key_display="f2",
        in_palette=True,
    ),
    Action(
        id="app.no_quit",
        scope="app",
        keys="ctrl+c",
        run="app.no_quit",
        label=N_("Copy"),
        help=N_("Copy what is selected; it never quits."),
        key_display="ctrl+c",
    ),
    Action(
        id="app.quit",
        scope="app",
        keys="ctrl+q",
        run="app.quit",
        label=N_("Quit"),
        help=N_("Leave at once, also while a query runs."),
        key_display="ctrl+q",
        in_palette=True,
        has_priority=True,
    ),
    Action(
        id="customers.filter",
        scope="customers",
        keys="slash",
        run="screen.filter",
        label=N_("Filter"),
        help=N_("Type words, or an expression such as order_count > 3 and city = 'Lyon'."),
        key_display="/",
        in_footer=True,
        in_palette=True,
        has_priority=True,  # what is typed right after it must find the bar open
    ),
    Action(
        id="customers.sort_up",
        scope="customers",
        keys="left_square_bracket",
        run="screen.sort(False)",
        label=N_("Sort ↑"),
        help=N_("Sort by the current column, smallest first; again turns round, a third time unsorts."),
        key_display="[",
        in_footer=True,
    ),
    Action(
        id="customers.sort_down",
        scope="customers",
        keys="right_square_bracket",
        run="screen.sort(True)",
        label=N_("Sort ↓"),
        help=N_("Sort by the current column, largest first; again turns round, a third time unsorts."),
        key_display="]",
        in_footer=True,
    ),
    Action(
        id="customers.copy_id",
        scope="customers",
        keys="y",
        run="screen.copy_id",
        label=N_("Copy id"),
        help=N_("Copy the customer's id."),
        key_display="y",
        in_palette=True,
    ),
    Action(
        id="customers.copy_command",
        scope="customers",
        keys="Y",
        run="screen.copy_command",
        label=N_("Copy command"),
        help=N_("Copy the command line that prints this list."),
        key_display="Y",
        in_palette=True,
    ),
    Action(
        id="customers.reload",
        scope="customers",
        keys="r",
        run="app.reload",
        label=N_("Reload"),
        help=N_("Read the book again, with what others added; filter, order and cursor stay."),
        key_display="r",
        in_footer=True,
        in_palette=True,
    ),
    Action(
        id="customers.clear",
        scope="customers",
        keys="escape",
        run="screen.clear",
        label=N_("Clear filter"),
        help=N_("Show all customers again."),
        key_display="esc",
    ),
    Action(
        id="customers.quit",
        scope="customers",
        keys="q",
        run="app.quit",
        label=N_("Quit"),
        help=N_("Leave."),
        key_display="q",
        in_footer=True,
    ),
    Action(
        id="filter.keep",
        scope="filter",
        keys="enter,down",
        run="keep",
        label=N_("Keep"),
        help=N_("Keep the filter and go back to the table."),
        key_display="enter",
        in_footer=True,
    ),
    Action(
        id="filter.clear",
        scope="filter",
        keys="escape",
        run="clear",
        label=N_("Clear"),
        help=N_("Drop the filter and go back to the table."),
        key_display="esc",
        in_footer=True,
    ),
    Action(
        id="customer.back",
        scope="customer",
        keys="escape,backspace",
        run="screen.back",
        label=N_("Back"),
        help=N_("Go back to the list."),
        key_display="esc",
        in_footer=True,
    ),
    Action(
        id="customer.next",
        scope="customer",
        keys="n",
        run="screen.step(1)",
        label=N_("Next"),
        help=N_("Show the next customer of the list."),
        key_display="n",
        in_footer=True,
    ),
    Action(
        id="customer.previous",
        scope="customer",
        keys="p,N",
        run="screen.step(-1)",
        label=N_("Previous"),
        help=N_("Show the customer before in the list."),
        key_display="p",
        in_footer=True,
    ),
    Action(
        id="customer.previous_tab",
        scope="customer",
        keys="left_square_bracket",
        run="screen.turn(-1)",
        label=N_("Tab ←"),
        help=N_("Show the tab before."),
        key_display="[",
        in_footer=True,
    ),
    Action(
        id="customer.next_tab",
        scope="customer",
        keys="right_square_bracket",
        run="screen.turn(1)",
        label=N_("Tab →"),
        help=N_("Show the next tab."),
        key_display="]",
        in_footer=True,
    ),
    Action(
        id="customer.copy_id",
        scope="customer",
        keys="y",
        run="screen.copy_id",
        label=N_("Copy id"),
        help=N_("Copy the customer's id."),
        key_display="y",
    ),
    Action(
        id="customer.copy_command",
        scope="customer",
        keys="Y",
        run="screen.copy_command",
        label=N_("Copy command"),
        help=N_("Copy the command line that prints this customer."),
        key_display="Y",
    ),
    Action(
        id="customer.reload",
        scope="customer",
        keys="r",
        run="app.reload",
        label=N_("Reload"),
        help=N_("Read the book again, with what others added; the customer stays on the screen."),
        key_display="r",
    ),
    Action(
        id="table.open",
        scope="table",
        keys="enter",
        run="select_cursor",
        label=N_("Open"),
        help=N_("Open the customer; so does a click on the current row."),
        key_display="enter",
    ),
    Action(
        id="table.up",
        scope="table",
        keys="up,k",
        run="cursor_up",
        label=N_("Up"),
        help=N_("Go up one row."),
        key_display="↑ k",
    ),
    Action(
        id="table.down",
        scope="table",
        keys="down,j",
        run="cursor_down",
        label=N_("Down"),
        help=N_("Go down one row."),
        key_display="↓ j",
    ),
    Action(
        id="table.left",
        scope="table",
        keys="left,h",
        run="cursor_left",
        label=N_("Column ←"),
        help=N_("Go to the column before, to sort by it."),
        key_display="← h",
    ),
    Action(
        id="table.right",
        scope="table",
        keys="right,l",
        run="cursor_right",
        label=N_("Column →"),
        help=N_("Go to the next column, to sort by it."),
        key_display="→ l",
    ),
    Action(
        id="table.page_up",
        scope="table",
        keys="pageup,ctrl+b",
        run="page_up",
        label=N_("Page up"),
        help=N_("Go up one screenful."),
        key_display="PgUp",
    ),
    Action(
        id="table.page_down",
        scope="table",
        keys="pagedown,ctrl+f",
        run="page_down",
        label=N_("Page down"),
        help=N_("Go down one screenful."),
        key_display="PgDn",
    ),
    Action(
        id="table.first",
        scope="table",
        keys="home,g,ctrl+home",
        run="scroll_home",
        label=N_("First row"),
        help=N_("Go to the first row."),
        key_display="Home g",
    ),
    Action(
        id="table.last",
        scope="table",
        keys="end,G,ctrl+end",
        run="scroll_end",
        label=N_("Last row"),
        help=N_("Go to the last row."),
        key_display="End G",
    ),
    Action(
        id="table.copy",
        scope="table",
        keys="ctrl+c,super+c",
        run="copy_selection",
        label=N_("Copy value"),
        help=N_("Copy the value in the current column."),
        key_display="ctrl+c",
    ),
    Action(
        id="help.close",
        scope="help",
        keys="escape,f1",
        run="screen.close",
        label=N_("Close"),
        help=N_("Go back."),
        key_display="esc",
    ),
    Action(
        id="help.down",
        scope="help",
        keys="down",
        run="screen.scroll_list(1)",
        label=N_("Down"),
        help=N_("Scroll the list down."),
        key_display="↓",
    ),
    Action(
        id="help.up",
        scope="help",
        keys="up",
        run="screen.scroll_list(-1)",
        label=N_("Up"),
        help=N_("Scroll the list up."),
        key_display="↑",
    ),
)


def bindings(scope: Scope) -> list[BindingType]:
    """The bindings of a widget, a screen or the application."""
    return [
        Binding(
            action.keys,
            action.run,
            _(action.label),
            show=action.in_footer,
            key_display=action.key_display,
            priority=action.has_priority,
            tooltip=_(action.help),
            id=action.id,
        )
        for action in ACTIONS
        if action.scope == scope
    ]
