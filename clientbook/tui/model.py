"""What the query service hands to the screens: display strings that are already harmless, and nothing to compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clientbook.query.views import View

PAGE_ROWS: Final = 256
"""Rows a page: `clientbook.query.views.PAGE_ROWS`, which would bring Arrow along (a test compares them)."""

Cells = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ColumnLayout:
    """A column of a table on the screen. Widths are in cells, without padding."""

    key: str
    label: str
    natural: int
    """Wide enough for nearly every value."""
    minimum: int
    """Narrower than this it is left out."""
    rank: int
    """The highest rank goes first where there is no room."""
    is_number: bool = False


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Page `number` of a view: the customers' ids, and their cells in the view's columns."""

    number: int
    ids: tuple[str, ...]
    cells: tuple[Cells, ...]


@dataclass(frozen=True, kw_only=True)
class OpenedView:
    """A view that was opened, with its first page."""

    view: View
    count: int
    total: int
    first: Rows
    row: int
    """Where the cursor goes."""
    milliseconds: int


@dataclass(frozen=True, kw_only=True)
class TableData:
    """A small table, whole."""

    columns: tuple[ColumnLayout, ...]
    rows: tuple[Cells, ...]
    is_cut: bool = False
    """Whether there are more rows than these."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One customer: the filled fields, the time line, and what else was asked for."""

    customer_id: str
    name: str
    fields: tuple[tuple[str, str], ...]
    timeline: TableData
    orders: TableData | None = None
    consent: TableData | None = None
    identifiers: TableData | None = None


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A customer offered by the command palette."""

    customer_id: str
    text: str
