"""The table of records: textual-fastdatatable over pages that are loaded when they come into sight.

The one module that knows textual-fastdatatable, whose private attributes it needs; imported after the first frame.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rich.text import Text
from textual import events, on
from textual.coordinate import Coordinate
from textual_fastdatatable import DataTable
from textual_fastdatatable.backend import DataTableBackend
from textual_fastdatatable.column import CELL_X_PADDING, Column

from clientbook.i18n import _
from clientbook.query.text import harmless
from clientbook.tui.actions import bindings
from clientbook.tui.messages import HeaderPicked, RowMoved, RowOpened
from clientbook.tui.model import PAGE_ROWS, Cells, ColumnLayout, Rows, TableData

PAGES_KEPT: Final = 24
PREFETCH_ROWS: Final = 64
"""So close to the end of a page its neighbour is asked for."""
_WAITING: Final = "…"


class WindowedBackend(DataTableBackend[None]):
    """Rows by number, from the pages that are here; a missing one is asked for and shown as `…` meanwhile."""

    def __init__(self, columns: Sequence[ColumnLayout], count: int, request: Callable[[int], None]) -> None:
        super().__init__(None)
        self._layouts = tuple(columns)
        self._count = count
        self._request = request
        self._pages: OrderedDict[int, Rows] = OrderedDict()
        self._pending: set[int] = set()
        self.shown: tuple[int, ...] = tuple(range(len(columns)))
        """Which columns stand on the screen."""

    @classmethod
    def from_pydict(
        cls, data: Mapping[str, Sequence[Any]], max_rows: int | None = None, column_names: Sequence[str] | None = None
    ) -> WindowedBackend:
        raise NotImplementedError

    @property
    def source_data(self) -> None:
        return None

    @property
    def source_row_count(self) -> int:
        return self._count

    @property
    def row_count(self) -> int:
        return self._count

    @property
    def columns(self) -> Sequence[str]:
        return [self._layouts[index].label for index in self.shown]

    @property
    def column_content_widths(self) -> Sequence[int]:
        return [self._layouts[index].natural for index in self.shown]

    def get_row_at(self, index: int) -> Sequence[Any]:
        return [self.get_cell_at(index, column) for column in range(len(self.shown))]

    def get_column_at(self, index: int) -> Sequence[Any]:  # noqa: ARG002
        return []

    def get_cell_at(self, row_index: int, column_index: int) -> Any:
        place = self.shown[column_index]
        cells = self.cells(row_index)
        return _text(_WAITING if cells is None else cells[place], self._layouts[place])

    def cells(self, row: int) -> Cells | None:
        """A row's values in all columns; None while its page is on the way."""
        rows = self._page_of(row)
        return rows.cells[row % PAGE_ROWS] if rows else None

    def id_at(self, row: int) -> str | None:
        """The id of the row's customer; None while its page is on the way."""
        rows = self._page_of(row)
        return rows.ids[row % PAGE_ROWS] if rows and rows.ids else None

    def put(self, rows: Rows) -> None:
        """A page arrived."""
        self._pages[rows.number] = rows
        self._pages.move_to_end(rows.number)
        self._pending.discard(rows.number)
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)

    def append_column(self, label: str, default: Any | None = None) -> int:
        raise NotImplementedError

    def append_rows(self, records: Iterable[Iterable[Any]]) -> list[int]:
        raise NotImplementedError

    def drop_row(self, row_index: int) -> None:
        raise NotImplementedError

    def update_cell(self, row_index: int, column_index: int, value: Any) -> None:
        raise NotImplementedError

    def sort(self, by: Any) -> None:
        raise NotImplementedError

    def _page_of(self, row: int) -> Rows | None:
        if not 0 <= row < self._count:
            raise IndexError(row)
        number, offset = divmod(row, PAGE_ROWS)
        if offset >= PAGE_ROWS - PREFETCH_ROWS:
            self._ask(number + 1)
        elif offset < PREFETCH_ROWS:
            self._ask(number - 1)
        rows = self._pages.get(number)
        if rows is None:
            self._ask(number)
        else:
            self._pages.move_to_end(number)
        return rows

    def _ask(self, number: int) -> None:
        if number in self._pending or number in self._pages or not 0 <= number * PAGE_ROWS < self._count:
            return
        self._pending.add(number)
        self._request(number)


class RecordTable(DataTable, inherit_bindings=False):
    """A table with a row cursor and a current column, told by its header."""

    BINDINGS = bindings("table")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            backend=WindowedBackend((), 0, _no_page),
            column_labels=[],
            cursor_type="row",
            cursor_background_priority="css",
            zebra_stripes=True,
            render_markup=False,
            id=id,
        )
        self._arrows: dict[str, str] = {}
        self._pressed_current = False

    def show(
        self,
        columns: Sequence[ColumnLayout],
        count: int,
        request: Callable[[int], None],
        *,
        first: Rows | None = None,
        row: int = 0,
        arrows: Mapping[str, str] | None = None,
    ) -> None:
        """Show other rows. `request` is called with the number of a page that comes into sight."""
        backend = WindowedBackend(columns, count, request)
        backend.render_markup = False
        if first is not None:
            backend.put(first)
        column = self.current_column
        self.backend = backend
        self._arrows = dict(arrows or {})
        self._fit()
        keys = [backend._layouts[index].key for index in backend.shown]
        self.move_cursor(row=row, column=keys.index(column) if column in keys else 0)
        self.post_message(RowMoved(row))

    def show_all(self, data: TableData, *, row: int = 0) -> None:
        """Show a small table, whole, with the cursor as far down as `row`."""
        self.show(data.columns, len(data.rows), _no_page, row=max(0, min(row, len(data.rows) - 1)))
        for number in range(-(-len(data.rows) // PAGE_ROWS)):
            part = data.rows[number * PAGE_ROWS : (number + 1) * PAGE_ROWS]
            self.windowed.put(Rows(number=number, ids=(), cells=part))
        self.notify_style_update()

    def page_arrived(self, rows: Rows) -> None:
        """Take a page that was asked for."""
        self.windowed.put(rows)
        self.notify_style_update()

    @property
    def windowed(self) -> WindowedBackend:
        """The backend, which is always ours."""
        assert isinstance(self.backend, WindowedBackend)
        return self.backend

    @property
    def current_column(self) -> str | None:
        """The key of the column that the cursor stands in."""
        shown = self.windowed.shown
        return self.windowed._layouts[shown[min(self.cursor_column, len(shown) - 1)]].key if shown else None

    @property
    def current_id(self) -> str | None:
        """The id of the row that the cursor stands on."""
        return self.windowed.id_at(self.cursor_row) if self.row_count else None

    def action_cursor_right(self, select: bool = False) -> None:  # noqa: ARG002
        self._set_hover_cursor(False)
        self.cursor_coordinate = self.cursor_coordinate.right()
        self._reveal_column()

    def action_cursor_left(self, select: bool = False) -> None:  # noqa: ARG002
        self._set_hover_cursor(False)
        self.cursor_coordinate = self.cursor_coordinate.left()
        self._reveal_column()

    def action_select_cursor(self) -> None:
        if self.row_count:
            self.post_message(RowOpened(self.cursor_row))

    def action_copy_selection(self) -> None:
        """Copy the value in the current column."""
        if self.row_count:
            value = self.windowed.get_cell_at(self.cursor_row, self.cursor_column)
            self.app.copy_to_clipboard(value.plain)
            self.app.notify(_("Copied: {value}").format(value=harmless(value.plain)), markup=False)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self.post_message(RowMoved(event.cursor_row))

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        shown = self.windowed.shown
        if 0 <= event.column_index < len(shown):
            self.post_message(HeaderPicked(self.windowed._layouts[shown[event.column_index]].key))

    @on(events.MouseDown)
    def note_press(self, event: events.MouseDown) -> None:
        """A click puts the cursor on a row; only a click on the current row opens it."""
        self._pressed_current = event.style.meta.get("row") == self.cursor_row

    @on(events.Click)
    def open_on_click(self, event: events.Click) -> None:
        if self._pressed_current and event.style.meta.get("row") == self.cursor_row:
            self.action_select_cursor()

    def _on_resize(self, event: events.Resize) -> None:
        super()._on_resize(event)
        self._fit()

    def _should_highlight(self, cursor: Coordinate, target_cell: Coordinate, type_of_cursor: Any) -> bool:
        if target_cell.row == -1:
            return cursor.column == target_cell.column
        return super()._should_highlight(cursor, target_cell, type_of_cursor)

    def _reveal_column(self) -> None:
        """The header shows the current column, and it is scrolled into sight."""
        self.notify_style_update()
        region = self._get_cell_region(self.cursor_coordinate)
        self.scroll_to_region(region, animate=False, spacing=self._get_fixed_offset())

    def _fit(self) -> None:
        backend = self.windowed
        fitted = fit(backend._layouts, self.scrollable_content_region.width)
        backend.shown = tuple(fitted)
        labels = [_header(backend._layouts[index], self._arrows) for index in fitted]
        self._column_labels = list(labels)
        self._column_widths = list(fitted.values())
        self._ordered_columns = [
            Column(label, width, content_width=width) for label, width in zip(labels, fitted.values(), strict=True)
        ]
        self._update_count += 1
        self._clear_caches()
        self._update_dimensions([])
        self.refresh(layout=True)


def fit(columns: Sequence[ColumnLayout], room: int) -> dict[int, int]:
    """Which columns to show and how wide: the highest ranks go where there is no room, texts take what is left."""
    shown = list(range(len(columns)))
    while len(shown) > 1 and sum(columns[index].minimum + CELL_X_PADDING for index in shown) > room:
        shown.remove(max(shown, key=lambda index: columns[index].rank))
    widths = {index: columns[index].minimum for index in shown}
    spare = room - sum(width + CELL_X_PADDING for width in widths.values())
    while spare > 0:
        growing = [index for index in shown if widths[index] < columns[index].natural]
        if not growing:
            break
        for index in growing[:spare]:
            widths[index] += 1
        spare -= len(growing[:spare])
    return widths


def _no_page(number: int) -> None:
    """All pages are here."""


def _header(column: ColumnLayout, arrows: Mapping[str, str]) -> Text:
    label = f"{column.label} {arrows[column.key]}" if column.key in arrows else column.label
    return Text(label, justify="right" if column.is_number else "left", no_wrap=True, overflow="ellipsis")


def _text(value: str, column: ColumnLayout) -> Text:
    return Text(value, justify="right" if column.is_number else "left", no_wrap=True, overflow="ellipsis")
