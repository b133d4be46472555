"""The book: what the command line and the terminal application both call. Neither of them holds logic."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import tomli_w

from clientbook import __version__
from clientbook.engine.duckdb import Limits, quoted
from clientbook.errors import ClientbookError, WrongUse
from clientbook.events.book import ImportCompleted
from clientbook.events.envelope import Envelope, make
from clientbook.events.registry import Registry
from clientbook.importing.commit import Outcome, closing_row, commit
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import Draft, struct_column
from clientbook.importing.identity import random_customer_ids
from clientbook.importing.jsonl import draft_events, draft_lines, looks_like_events
from clientbook.importing.mapping import Mapping
from clientbook.importing.plan import FilePlan, draft_file, plan_file
from clientbook.importing.rejects import write_rejects
from clientbook.log.base import Clock, system_clock
from clientbook.log.parquet import ParquetLog
from clientbook.projection.fold import TABLES, BookFacts
from clientbook.projection.moment import NOW, Moment
from clientbook.projection.snapshots import Projector, Snapshot, ordered
from clientbook.query.customers import find_customer
from clientbook.settings import InvalidSettings, Settings, check_timezone, load_settings

SETTINGS_FILE: Final = "book.toml"
KEY_FILE: Final = "key"


class NoBook(ClientbookError):
    """The folder holds no book."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is no customer book; `clientbook init {folder}` makes one, `--book DIR` names another")


class CustomerExists(ClientbookError):
    """Somebody has this e-mail already."""

    def __init__(self, customer_id: str) -> None:
        super().__init__(f"customer {customer_id} has this e-mail already; `clientbook show {customer_id}` shows it")


class BookExists(ClientbookError):
    """The folder cannot become a book."""


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What an import did."""

    batch: str | None
    """None where nothing was new."""
    outcome: Outcome
    rejects_file: Path | None


class Book:
    """One customer book on disk."""

    def __init__(self, folder: Path, *, clock: Clock = system_clock) -> None:
        """Open the book in `folder`.

        Raises:
            NoBook: there is none.
            InvalidSettings: its `book.toml` is broken.
            LogError: its log is missing or newer than this program.
        """
        self.folder = folder
        self.clock = clock
        try:
            self.settings = load_settings(folder / SETTINGS_FILE)
        except (FileNotFoundError, NotADirectoryError):
            raise NoBook(folder) from None
        self.registry = Registry()
        self.log = ParquetLog(folder / "log", clock=clock)
        self._secret = bytes.fromhex((folder / "log" / KEY_FILE).read_text().strip())
        facts = BookFacts(currency=self.settings.currency, timezone=self.settings.timezone)
        limits = Limits(
            memory=self.settings.engine.memory_limit,
            threads=self.settings.engine.threads,
            spill=folder / "state" / "spill",
        )
        self.projector = Projector(
            log=self.log, state=folder / "state" / "tables", registry=self.registry, facts=facts, limits=limits
        )

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        currency: str = "EUR",
        timezone: str = "Europe/Paris",
        name: str = "",
        clock: Clock = system_clock,
    ) -> Book:
        """Make an empty book; the folder may exist if it is empty.

        Raises:
            BookExists: the folder is not empty, or cannot be made.
            InvalidSettings: no such currency or time zone.
        """
        try:
            settings = msgspec.convert({"currency": currency, "timezone": timezone, "name": name}, Settings)
        except msgspec.ValidationError:
            raise InvalidSettings(f"{currency!r} is no currency; use an ISO 4217 code such as EUR") from None
        check_timezone(timezone)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            if any(folder.iterdir()):
                raise BookExists(f"{folder} is not empty; name another folder")
            for name_ in ("ledger", "rejects", "state"):
                (folder / name_).mkdir(mode=0o700)
        except (OSError, ValueError) as error:
            raise BookExists(f"{folder} cannot be made: {getattr(error, 'strerror', error)}") from None
        ParquetLog.create(folder / "log", clock=clock)
        _write_private(folder / "log" / KEY_FILE, secrets.token_hex(32) + "\n")
        entries = {key: value for key, value in msgspec.to_builtins(settings).items() if key != "engine"}
        _write_private(folder / SETTINGS_FILE, tomli_w.dumps(entries))
        return cls(folder, clock=clock)

    def snapshot(self, moment: Moment = NOW) -> Snapshot:
        """The read model at a moment; close it, or use it as a context manager."""
        return self.projector.snapshot(moment)

    def plan(self, file: GivenFile, *, mapping: Mapping | None = None, source: str | None = None) -> FilePlan:
        """How a file would be read: its table and a mapping, given or proposed.

        Raises:
            UnreadableFile: it cannot be read.
        """
        with self.snapshot() as snapshot:
            return plan_file(
                snapshot.engine,
                file,
                mapping=mapping,
                source=source or "shop",
                currency=self.settings.currency,
                timezone=self.settings.timezone,
            )

    def import_file(self, file: GivenFile, plan: FilePlan | None = None, *, dry_run: bool = False) -> ImportResult:
        """Put a file's events into the log as one batch: all of it, or after a crash nothing.

        `plan` is what `plan()` gave for a table; JSON Lines need none.

        Raises:
            MappingError: the mapping does not fit the file.
        """
        if plan is None:
            draft = draft_lines(file.data.splitlines(), self.registry)
            importer, mapping, source = "events", None, "events"
        else:
            with self.snapshot() as snapshot:
                draft = draft_file(snapshot.engine, plan, imported_at=self.clock())
            importer, mapping, source = f"table.{plan.mapping.kind}", plan.mapping, plan.mapping.source
        batch = f"{self.clock():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"

        def completion(outcome: Outcome) -> pa.Table:
            done = ImportCompleted(
                batch=batch,
                importer=importer,
                importer_version=__version__,
                source_name=source,
                file_sha256=file.sha256,
                mapping_sha256=mapping.digest() if mapping else None,
                rows_read=outcome.rows_read,
                rows_used=outcome.rows_used,
                rows_duplicate=outcome.rows_duplicate,
                rows_skipped=outcome.rows_skipped,
                rows_rejected=outcome.rows_rejected,
                events=outcome.events,
                corrections=outcome.corrections,
                amount_read=outcome.amount_read,
                amount_used=outcome.amount_used,
                amount_rejected=outcome.amount_rejected,
            )
            values = {name: pa.array([getattr(done, name)]) for name in done.__struct_fields__}
            struct = struct_column(ImportCompleted, values, 1)
            return closing_row("import_completed", struct, at=self.clock(), source=source, batch=batch)

        outcome = self._commit(draft, batch=batch, completion=completion, dry_run=dry_run)
        if dry_run:
            return ImportResult(batch=None, outcome=outcome, rejects_file=None)
        rejects_file = write_rejects(self.folder / "rejects", batch, outcome.rejects, plan.table if plan else None)
        return ImportResult(batch=batch if outcome.events else None, outcome=outcome, rejects_file=rejects_file)

    def append(self, envelopes: list[Envelope]) -> Outcome:
        """Append checked events, such as one noted by hand; what cannot go in is in the outcome's rejects."""
        length = len(envelopes)
        draft = Draft(
            events=draft_events(envelopes, self.registry),
            row_units=pa.array(range(length), pa.int64()),
            row_lines=pa.array(range(1, length + 1), pa.int64()),
            rows_read=length,
        )
        return self._commit(draft, batch=None)

    def append_lines(self, lines: Iterable[bytes]) -> Outcome:
        """Append events given as JSON Lines; bad ones are in the outcome's rejects, the rest goes in."""
        return self._commit(draft_lines(lines, self.registry), batch=None)

    def find(self, snapshot: Snapshot, text: str) -> str:
        """The customer that a person means by an id, the beginning of one, an e-mail, a phone or a number.

        Raises:
            CustomerNotFound: nobody, or several.
        """
        return find_customer(snapshot.engine, text)

    def info(self, moment: Moment = NOW) -> dict[str, Any]:
        """Counts that describe the book: the documented shape of `clientbook info --json`."""
        with self.snapshot(moment) as snapshot:
            facts = snapshot.table(
                "select count(*) as events, min(occurred_at) filter (where not about_book) as first_occurred_at,"
                " max(occurred_at) filter (where not about_book) as last_occurred_at"
                " from (select occurred_at, list_contains($book_types, type) as about_book from events)",
                {"book_types": [name for name, event in self.registry.items() if event.customer == "none"]},
            ).to_pylist()[0]
            counts = snapshot.table("select type, count(*) as n from events group by 1 order by 1").to_pylist()
            totals = snapshot.engine.rows(
                "select (select count(*) from customers) as customers, count(*) as orders,"
                " count(*) filter (where is_guest) as guest_orders,"
                " coalesce(sum(revenue) filter (where currency = $currency), 0) as order_revenue,"
                " (select coalesce(sum(amount), 0) from refunds where not is_linked and currency = $currency)"
                " as loose_refunds"
                " from orders",
                {"currency": self.settings.currency},
            )[0]
            head = snapshot.head
        return {
            "name": self.settings.name,
            "events": facts["events"],
            "customers": totals["customers"],
            "orders": totals["orders"],
            "guest_orders": totals["guest_orders"],
            "revenue": totals["order_revenue"] - totals["loose_refunds"],
            "first_occurred_at": facts["first_occurred_at"],
            "last_occurred_at": facts["last_occurred_at"],
            "commits": head.commit,
            "position": head.position,
            "event_counts": {row["type"]: row["n"] for row in counts},
            "currency": self.settings.currency,
            "timezone": self.settings.timezone,
        }

    def summary(self) -> dict[str, Any]:
        """What a shopkeeper asks first: the documented shape of `clientbook demo --json`."""
        info = self.info()
        currency = {"currency": self.settings.currency}
        with self.snapshot() as snapshot:
            engine = snapshot.engine
            baskets = engine.rows(
                "select round(sum(revenue) / count(*), 2) as average_basket, round(median(revenue), 2) as median_basket"
                " from orders where currency = $currency and status <> 'cancelled'",
                currency,
            )[0]
            people = engine.rows(
                "select count(*) filter (where kind = 'company') as companies,"
                " count(*) filter (where order_count > 0) as buyers,"
                " count(*) filter (where order_count = 1) as one_time_buyers from customers"
            )[0]
            best = engine.rows("select customer_id, name, revenue from customers order by revenue desc, customer_id limit 5")
            years = engine.rows(
                "select year(order_date) as year, sum(revenue) as revenue from orders where currency = $currency"
                " group by 1 order by 1",
                currency,
            )
        return info | baskets | people | {"best_customers": best, "revenue_by_year": years}

    def query(self, sql: str, moment: Moment = NOW) -> pa.Table:
        """Run one SELECT on the read model. It can read this book's tables and log, and nothing else.

        Raises:
            WrongUse: it is not exactly one SELECT.
            QueryFailed: DuckDB refused it.
        """
        with self.snapshot(moment) as snapshot:
            if not snapshot.engine.is_query(sql):
                raise WrongUse("one SELECT is expected; clientbook never changes the book by a query")
            snapshot.prepare(sql)
            snapshot.engine.confine(snapshot.folders())
            return snapshot.engine.table(sql)

    def project(
        self, out: Path, *, tables: tuple[str, ...] | None = None, format: str = "parquet", moment: Moment = NOW
    ) -> dict[str, int]:
        """Write tables of the read model to `out`, one file each; the rows written by table.

        Raises:
            WrongUse: there is no such table.
        """
        chosen = tables or TABLES
        unknown = [name for name in chosen if name not in TABLES]
        if unknown:
            raise WrongUse(f"there is no table {unknown[0]!r}; the tables are {', '.join(TABLES)}")
        options = {"parquet": "format parquet, compression zstd", "csv": "format csv, header", "jsonl": "format json"}[
            format
        ]
        out.mkdir(parents=True, exist_ok=True)
        written = {}
        with self.snapshot(moment) as snapshot:
            for name in chosen:
                path = out / f"{name}.{format}"
                temporary = path.with_name(f".{path.name}.tmp")
                snapshot.engine.execute(f"copy ({ordered(name)}) to {quoted(str(temporary))} ({options})")
                temporary.replace(path)
                written[name] = snapshot.engine.value(f"select count(*) from {name}")
        return written

    def add_customer(
        self, profile: dict[str, Any], *, kind: str, collected_via: str, occurred_at: datetime, actor: str | None = None
    ) -> str:
        """Add a customer by hand; the new id.

        Raises:
            CustomerExists: somebody has this e-mail already.
            InvalidEvent: a field breaks a constraint.
        """
        customer_id: str = random_customer_ids(1)[0].as_py()
        with self.snapshot() as snapshot:
            taken = snapshot.engine.value(
                "select customer_id from identifiers where kind = 'email' and value = lower($email) limit 1",
                {"email": profile.get("email") or ""},
            )
        if taken:
            raise CustomerExists(taken)
        registered = {"kind": kind, "collected_via": collected_via, "from_person": True}
        events = [("customer_registered", registered), ("profile_updated", profile)]
        outcome = self._append_made(events, customer=customer_id, occurred_at=occurred_at, actor=actor)
        assert not outcome.rejects
        return customer_id

    def note(
        self,
        customer: str | None,
        events: list[tuple[str, dict[str, Any]]],
        *,
        occurred_at: datetime,
        actor: str | None = None,
    ) -> Outcome:
        """Note what happened with a customer, named in any way `find` understands, or with nobody in particular.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            InvalidEvent: a value breaks a constraint.
        """
        customer_id = None
        if customer is not None:
            with self.snapshot() as snapshot:
                customer_id = self.find(snapshot, customer)
        return self._append_made(events, customer=customer_id, occurred_at=occurred_at, actor=actor)

    def merge(
        self, into: str, others: list[str], *, occurred_at: datetime, reason: str | None = None, actor: str | None = None
    ) -> Outcome:
        """Say that several entries are one customer. The event carries every id that resolves to it from now on.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            WrongUse: they are one customer already.
        """
        with self.snapshot() as snapshot:
            root = self.find(snapshot, into)
            merged = {self.find(snapshot, other) for other in others}
            if root in merged:
                raise WrongUse("these are one customer already")
            listed = ", ".join(quoted(one) for one in sorted(merged))
            followers = snapshot.engine.rows(f"select customer_id from customer_roots where root_id in ({listed})")
        ids = sorted(merged | {row["customer_id"] for row in followers})
        data = {"into": root, "merged": ids, "reason": reason}
        return self._append_made([("customers_merged", data)], customer=root, occurred_at=occurred_at, actor=actor)

    def unmerge(
        self, entries: list[str], *, occurred_at: datetime, reason: str | None = None, actor: str | None = None
    ) -> Outcome:
        """Set entries free that were merged into another; each is its own customer again.

        Raises:
            WrongUse: one of them is not merged into another, or not all into the same.
        """
        listed = ", ".join(quoted(entry) for entry in entries)
        with self.snapshot() as snapshot:
            found = snapshot.engine.rows(
                f"select customer_id, root_id from customer_roots where customer_id in ({listed}) and root_id <> customer_id"
            )
        roots = {row["root_id"] for row in found}
        if len(found) != len(set(entries)) or len(roots) != 1:
            raise WrongUse(
                "these entries are not merged into one customer; `clientbook events --type customers_merged` lists merges"
            )
        ids = [row["customer_id"] for row in found]
        data = {"into": roots.pop(), "merged": ids, "roots": ids, "reason": reason}
        return self._append_made([("customers_unmerged", data)], customer=data["into"], occurred_at=occurred_at, actor=actor)

    def rebuild(self) -> Snapshot:
        """Throw the kept tables away and fold the whole log again."""
        self.projector.forget()
        return self.snapshot()

    def _append_made(
        self, events: list[tuple[str, dict[str, Any]]], *, customer: str | None, occurred_at: datetime, actor: str | None
    ) -> Outcome:
        made = [
            make(type, data, self.registry, occurred_at=occurred_at, customer=customer, actor=actor) for type, data in events
        ]
        return self.append([msgspec.structs.replace(one, id=secrets.token_hex(16)) for one in made])

    def _commit(self, draft: Draft, *, batch: str | None, completion: Any = None, dry_run: bool = False) -> Outcome:
        if not len(draft.events):
            return Outcome(
                rows_read=draft.rows_read,
                rows_used=0,
                rows_duplicate=0,
                rows_skipped=draft.rows_skipped,
                rows_rejected=len(draft.rejects),
                events=0,
                rejects=draft.rejects,
                remarks=draft.remarks,
            )
        with self.log.writer() as writer, self.projector.identities() as snapshot:
            return commit(
                draft,
                writer=writer,
                engine=snapshot.engine,
                secret=self._secret,
                batch=batch,
                completion=completion,
                dry_run=dry_run,
            )


def is_event_file(file: GivenFile) -> bool:
    """Whether a file holds events as JSON Lines rather than a table."""
    return looks_like_events(file)


def _write_private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
