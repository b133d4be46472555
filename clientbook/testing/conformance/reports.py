"""What reports have to keep to: tables with a label for each column, the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa

from clientbook.book import Book
from clientbook.projection.moment import Moment
from clientbook.testing.conformance.base import Conformance
from clientbook.testing.workbench import append


class ReportConformance(Conformance):
    """A table of figures."""

    hook = "register_reports"
    attribute = "reports"

    events: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    """A small history that the report has something to say of."""

    def _table(self, book: Book) -> Any:
        report = self.declared
        params = {param.name: param.default for param in report.params}
        with book.reading(Moment(as_of=book.clock())) as reading:
            return report.compute(reading.context(params, owner=report.id))

    def _filled(self) -> Book:
        assert self.events, "give the report something to tell of: events = ({…}, …)"
        book = self.book()
        append(book, self.events)
        return book

    def test_it_gives_a_table(self) -> None:
        """It gives an Arrow table, and of the events it is given here one with rows."""
        table = self._table(self._filled())
        assert isinstance(table, pa.Table)
        assert table.num_rows, "of these events it tells nothing"

    def test_every_column_has_a_label(self) -> None:
        """Each column of the table has a label, and each label has a column."""
        declared, names = set(self.declared.columns), set(self._table(self._filled()).column_names)
        assert names - declared == set(), "columns without a label"
        assert declared - names == set(), "labels without a column"

    def test_the_empty_book_is_told(self) -> None:
        """Of an empty book it gives a table with the same columns, and does not fail."""
        empty, filled = self._table(self.book()), self._table(self._filled())
        assert empty.column_names == filled.column_names

    def test_it_tells_the_same_again(self) -> None:
        """Asked twice of the same book, it gives the same rows in the same order."""
        book = self._filled()
        first = self._table(book).to_pylist()
        assert self._table(book).to_pylist() == first

    def test_the_order_of_events_is_irrelevant(self) -> None:
        """Events recorded in another order, each at the time when it happened, give the same rows."""
        turned = self.book()
        append(turned, self.events[::-1])
        assert self._table(turned).to_pylist() == self._table(self._filled()).to_pylist()
