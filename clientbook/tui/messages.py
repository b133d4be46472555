"""What workers and tables tell the screens. A message of a worker carries the generation that asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from clientbook.tui.model import Card, OpenedView, Rows

if TYPE_CHECKING:
    from clientbook.tui.service import QueryService


class BookOpened(Message):
    """The book is there, or was read again."""

    def __init__(self, service: QueryService, generation: int) -> None:
        super().__init__()
        self.service = service
        self.generation = generation


class BookFailed(Message):
    """The book cannot be opened."""

    def __init__(self, text: str, generation: int) -> None:
        super().__init__()
        self.text = text
        self.generation = generation


class ViewOpened(Message):
    """A filter or a sort has its result. `text` is the filter as it was typed."""

    def __init__(self, opened: OpenedView, service: QueryService, text: str, generation: int) -> None:
        super().__init__()
        self.text = text
        self.opened = opened
        self.service = service
        self.generation = generation


class FilterRefused(Message):
    """What was typed is no filter. `place` is the offset of the trouble, where it is known."""

    def __init__(self, text: str, place: int | None, generation: int) -> None:
        super().__init__()
        self.text = text
        self.place = place
        self.generation = generation


class PageReady(Message):
    """A page of the view on the screen."""

    def __init__(self, rows: Rows, generation: int) -> None:
        super().__init__()
        self.rows = rows
        self.generation = generation


class CardReady(Message):
    """A customer, at a row of the list beneath (None where there is no list)."""

    def __init__(self, card: Card, row: int | None, generation: int) -> None:
        super().__init__()
        self.card = card
        self.row = row
        self.generation = generation


class QueryTrouble(Message):
    """A query failed; the text is harmless and for the person who reads it."""

    def __init__(self, text: str, generation: int) -> None:
        super().__init__()
        self.text = text
        self.generation = generation


class CustomerMissing(Message):
    """The customer that was asked for is not in the book."""

    def __init__(self, text: str, generation: int) -> None:
        super().__init__()
        self.text = text
        self.generation = generation


class BookChecked(Message):
    """What other processes did to the book since a service opened it."""

    def __init__(self, service: QueryService, *, new_events: int | None, is_lost: bool) -> None:
        super().__init__()
        self.service = service
        self.new_events = new_events
        """None where it could not be told this time."""
        self.is_lost = is_lost
        """Whether the tables that were kept on disk are gone, as an erasure leaves it."""


class FilesGone(Message):
    """A query of a service found that files of its snapshot are gone."""

    def __init__(self, service: QueryService) -> None:
        super().__init__()
        self.service = service


class RowMoved(Message):
    """The cursor of a table stands on another row."""

    def __init__(self, row: int) -> None:
        super().__init__()
        self.row = row


class RowOpened(Message):
    """Somebody wants to see a row whole."""

    def __init__(self, row: int) -> None:
        super().__init__()
        self.row = row


class HeaderPicked(Message):
    """A column's header was clicked."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
