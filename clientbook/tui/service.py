"""The query service: owns one snapshot of the book and a cursor for each group of workers.

Every method that asks the database blocks and belongs in a thread. `interrupt` and `stop` may be called from anywhere.
Imported after the first frame only: it brings DuckDB and Arrow along.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import duckdb

from clientbook.book import Book
from clientbook.engine.duckdb import Engine, QueryCancelled, QueryFailed
from clientbook.i18n import _
from clientbook.projection.moment import Moment
from clientbook.projection.snapshots import Snapshot
from clientbook.query import customers as one
from clientbook.query.labels import STATUSES, event_label
from clientbook.query.text import display
from clientbook.query.views import (
    Sort,
    View,
    ViewSpec,
    close_view,
    customers_sql,
    interpret,
    open_view,
    page,
)
from clientbook.tui.errors import CustomerGone, SnapshotLost
from clientbook.tui.held_folder import HeldFolder
from clientbook.tui.model import PAGE_ROWS, Card, OpenedView, Rows, Suggestion, TableData
from clientbook.tui.tables import customer_columns, money, page_cells, profile_fields, small_table

GROUPS: Final = ("open", "page", "detail", "palette")
NATIVE_ROWS: Final = 1_000_000
"""Up to so many customers are copied into a native table, which answers a page some ten times faster than Parquet."""
TIMELINE_ROWS: Final = 1_000
"""The newest events shown of one customer; more would have to become Python objects, which stalls the screen."""
PREVIEW_EVENTS: Final = 12
SUGGESTIONS: Final = 10
OPENINGS: Final = 5
"""How often opening is tried while another process swaps or deletes files under it."""
OPENING_PAUSE_SECONDS: Final = 0.1
_PREVIEWED: Final = (
    "email",
    "phone",
    "street",
    "postal_code",
    "city",
    "tags",
    "order_count",
    "revenue",
    "average_basket",
    "first_order_at",
    "last_order_at",
    "registered_at",
)

stopwatch: Callable[[], float] = time.perf_counter
"""Seconds from some start; tests replace it."""


class QueryService:
    """One snapshot of a book, and everything the screens ask of it."""

    def __init__(self, book: Book, snapshot: Snapshot, kept: HeldFolder | None) -> None:
        """`kept` is the folder of the tables on disk, None where there is none."""
        self.name = display(book.settings.name, book.settings.timezone)
        self.timezone = book.settings.timezone
        self.moment = snapshot.moment
        self.position = snapshot.position
        self._book = book
        self._snapshot = snapshot
        self._kept = kept
        engine = snapshot.engine
        self.total: int = engine.value("select count(*) from customers")
        if self.total <= NATIVE_ROWS:
            _load_customers(engine)
        self._reading = book.reading_of(snapshot)
        self.types = self._reading.columns
        self.columns = customer_columns(engine, self.types, self.timezone)
        self._cursors = {group: engine.cursor() for group in GROUPS}
        self._locks = {group: threading.Lock() for group in GROUPS}
        self._stopped = threading.Event()

    @classmethod
    def open(cls, folder: Path, moment: Moment) -> QueryService:
        """Open the book at a moment. Takes as long as folding the log takes.

        Raises:
            NoBook, InvalidSettings, LogError, QueryFailed: it cannot be opened.
        """
        book = Book(folder)
        for attempt in range(OPENINGS):
            try:
                return cls._opened(book, moment)
            except (FileNotFoundError, QueryFailed) as error:
                if attempt == OPENINGS - 1 or not _is_about_files(error):
                    raise
            time.sleep(OPENING_PAUSE_SECONDS)
        raise AssertionError

    @classmethod
    def _opened(cls, book: Book, moment: Moment) -> QueryService:
        path = book.folder / "state" / "tables"
        kept = HeldFolder.hold(path)  # before the snapshot, or its files could go between the two
        snapshot = None
        try:
            snapshot = book.snapshot(moment)
            kept = kept or HeldFolder.hold(path)
            return cls(book, snapshot, kept)
        except Exception:
            if snapshot is not None:
                snapshot.close()
            if kept is not None:
                kept.close()
            raise

    def moment_text(self) -> str:
        """The moment that every figure is for, in the book's time zone."""
        parts = []
        if self.moment.as_of:
            parts.append(_("as of {moment}").format(moment=display(self.moment.as_of, self.timezone)))
        if self.moment.known_at:
            parts.append(_("as known at {moment}").format(moment=display(self.moment.known_at, self.timezone)))
        return f"{', '.join(parts)} ({self.timezone})" if parts else _("now")

    def command(self, text: str, sort: Sequence[Sort]) -> str:
        """The command line that prints what the filter and sort show.

        Raises:
            InvalidExpression: the text is no filter.
        """
        return self._spec(text, sort).command()

    def show_command(self, customer_id: str) -> str:
        """The command line that prints a customer at the same moment."""
        return ViewSpec(moment=self.moment).command().replace("customers", f"show {customer_id}", 1)

    def open_view(
        self,
        text: str,
        sort: Sequence[Sort],
        *,
        is_wanted: Callable[[], bool],
        keep: str | None = None,
        near: int = 0,
    ) -> OpenedView:
        """Filter and sort; the cursor goes to the row of customer `keep`, else as far down as row `near`.

        Raises:
            InvalidExpression: the text is no filter, or a segment that it names cannot be computed.
            QueryCancelled: it was interrupted, or nobody wants it any more.
            QueryFailed: DuckDB refused it.
        """
        started = stopwatch()
        with self._using("open") as engine:
            if not is_wanted():
                raise QueryCancelled
            spec = self._spec(text, sort)
            if spec.where:
                self._reading.expression(spec.where)
            view = open_view(engine, spec, self.types)
            row = None if keep is None else _place(engine, view, keep)
            if row is None:
                row = max(0, min(near, view.count - 1))
            first = self._rows(engine, view, row // PAGE_ROWS)
            elapsed = stopwatch() - started
        return OpenedView(
            view=view, count=view.count, total=self.total, first=first, row=row, milliseconds=round(elapsed * 1000)
        )

    def close_view(self, view: View) -> None:
        """Forget a view."""
        with self._using("page") as engine:
            close_view(engine, view)

    def page(self, view: View, number: int) -> Rows:
        """A page of a view."""
        with self._using("page") as engine:
            return self._rows(engine, view, number)

    def customer_at(self, view: View, row: int) -> str | None:
        """The customer at a row of a view, or None past its ends."""
        with self._using("detail") as engine:
            found: str | None = engine.value(f"select customer_id from {view.name} where place = {row:d}")
            return found

    def row_of(self, view: View, customer_id: str) -> int | None:
        """The row of a customer in a view, or None where the view leaves the customer out."""
        with self._using("detail") as engine:
            return _place(engine, view, customer_id)

    def preview(self, customer_id: str) -> Card:
        """A customer in short.

        Raises:
            CustomerGone: the book has no such customer.
        """
        with self._using("detail") as engine:
            profile = _profile(engine, customer_id)
            events = one.timeline(engine, customer_id, limit=PREVIEW_EVENTS)
        fields = profile_fields({name: profile[name] for name in _PREVIEWED}, self.timezone)
        return Card(
            customer_id=customer_id,
            name=display(profile["name"], self.timezone),
            fields=fields,
            timeline=self._timeline(events),
        )

    def card(self, customer_id: str) -> Card:
        """A customer with everything the customer screen shows; of one that was merged, the customer it is now.

        Raises:
            CustomerGone: the book has no such customer.
        """
        with self._using("detail") as engine:
            customer_id = _current(engine, customer_id)
            profile = _profile(engine, customer_id)
            events = one.timeline(engine, customer_id, limit=TIMELINE_ROWS + 1)
            orders = one.orders(engine, customer_id)
            acts = one.consent_acts(engine, customer_id)
            identifiers = one.identifiers(engine, customer_id)
        return Card(
            customer_id=customer_id,
            name=display(profile["name"], self.timezone),
            fields=profile_fields(profile, self.timezone),
            timeline=self._timeline(events[:TIMELINE_ROWS], is_cut=len(events) > TIMELINE_ROWS),
            orders=self._orders(orders[:TIMELINE_ROWS], is_cut=len(orders) > TIMELINE_ROWS),
            consent=self._consent(acts[:TIMELINE_ROWS], is_cut=len(acts) > TIMELINE_ROWS),
            identifiers=small_table(identifiers, ("kind", "value", "source", "strength", "linked_at"), self.timezone),
        )

    def suggestions(self, text: str) -> tuple[Suggestion, ...]:
        """Some customers that the words of a text are found in."""
        spec = ViewSpec(columns=("customer_id", "name", "email"), search=text)
        query, parameters = customers_sql(spec, self.types)
        with self._using("palette") as engine:
            found = engine.rows(f"{query} limit {SUGGESTIONS}", parameters)
        return tuple(
            Suggestion(
                customer_id=row["customer_id"],
                text=" · ".join(display(row[name], self.timezone) for name in ("name", "email", "customer_id") if row[name]),
            )
            for row in found
        )

    def new_events(self) -> int:
        """How many events the log got since the book was opened, of those that belong to the moment."""
        return 0 if self.moment.known_at else self._book.newer_than(self.position)

    def is_lost(self) -> bool:
        """Whether the tables that were kept on disk were deleted as a whole: after an erasure what is shown must go."""
        return self._kept is not None and self._kept.is_gone()

    def interrupt(self, group: str) -> None:
        """Stop what runs for a group of workers."""
        if self._locks[group].locked():
            self._cursors[group].interrupt()
            if group == "open":
                self._snapshot.engine.interrupt()  # where what a filter names is made ready

    def stop(self) -> None:
        """Stop everything for good, at once and without waiting.

        An interrupt between two statements is lost, so a thread repeats it until every worker has let go.
        """
        self._stopped.set()
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        while any(lock.locked() for lock in self._locks.values()):
            for group in GROUPS:
                self.interrupt(group)
            time.sleep(0.01)
        with suppress(Exception):
            self._snapshot.close()
        if self._kept is not None:
            self._kept.close()

    @contextmanager
    def _using(self, group: str) -> Iterator[Engine]:
        with self._locks[group]:
            if self._stopped.is_set():
                raise QueryCancelled
            try:
                yield self._cursors[group]
            except QueryFailed as error:
                # The tables are read from their files when they are asked, and other processes may delete these.
                raise SnapshotLost if _is_about_files(error) else error from None

    def _spec(self, text: str, sort: Sequence[Sort]) -> ViewSpec:
        where, search = interpret(text, self.types)
        return ViewSpec(where=where, search=search, sort=tuple(sort), moment=self.moment)

    def _rows(self, engine: Engine, view: View, number: int) -> Rows:
        table = page(engine, view, number, customers=self._reading.customers(view.spec.columns))
        return Rows(
            number=number,
            ids=tuple(table.column("customer_id").to_pylist()),
            cells=page_cells(table, view.spec.columns, self.timezone),
        )

    def _timeline(self, events: list[dict[str, Any]], *, is_cut: bool = False) -> TableData:
        rows = [
            {
                **event,
                "type": event_label(event["type"], self._book.plugins.event_labels),
                "amount": money(event["amount"], event["currency"], self.timezone),
            }
            for event in events
        ]
        names = ("occurred_at", "type", "summary", "amount", "channel", "reference", "campaign", "score", "source", "actor")
        return small_table(rows, names, self.timezone, numbers={"amount", "score"}, is_cut=is_cut)

    def _orders(self, orders: list[dict[str, Any]], *, is_cut: bool) -> TableData:
        rows = [
            {
                **order,
                "status": _(STATUSES.get(order["status"], order["status"])),
                "revenue": money(order["revenue"], order["currency"], self.timezone),
            }
            for order in orders
        ]
        names = (
            "placed_at",
            "order_id",
            "status",
            "revenue",
            "articles",
            "gross",
            "refunded",
            "channel",
            "store",
            "source",
        )
        numbers = {"gross", "refunded", "revenue", "line_count"}
        return small_table(rows, names, self.timezone, numbers=numbers, is_cut=is_cut)

    def _consent(self, acts: list[dict[str, Any]], *, is_cut: bool) -> TableData:
        rows = [{**act, "act": event_label(act["act"])} for act in acts]
        names = (
            "occurred_at",
            "act",
            "channel",
            "purpose",
            "opt_in_level",
            "method",
            "surface",
            "scope",
            "cause",
            "notice_id",
            "source",
            "actor",
        )
        return small_table(rows, names, self.timezone, is_cut=is_cut)


def _is_about_files(error: Exception) -> bool:
    """Whether files could not be read; behind the engine's own error stands DuckDB's, which has a class for that."""
    return isinstance(error, FileNotFoundError) or isinstance(error.__context__, duckdb.IOException)


def _profile(engine: Engine, customer_id: str) -> dict[str, Any]:
    try:
        return one.profile(engine, customer_id)
    except IndexError:
        raise CustomerGone from None


def _current(engine: Engine, customer_id: str) -> str:
    """The id that a customer goes by now, which a merge changes."""
    found: str | None = engine.value("select root_id from customer_roots where customer_id = $id", {"id": customer_id})
    return found or customer_id


def _place(engine: Engine, view: View, customer_id: str) -> int | None:
    sql = f"select place from {view.name} where customer_id = $id"
    place: int | None = engine.value(sql, {"id": _current(engine, customer_id)})
    return place


def _load_customers(engine: Engine) -> None:
    if engine.value("select count(*) from duckdb_views() where view_name = 'customers' and not internal"):
        engine.execute("create table native_customers as select * from customers order by customer_id")
        engine.execute("drop view customers")
        engine.execute("alter table native_customers rename to customers")
