"""The book: what the command line and the terminal application both call. Neither of them holds logic."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import tomli_w

from clientbook.backup import RESTORED, Backup, back_up, in_the_way
from clientbook.consent.certificate import Certifier
from clientbook.consent.desk import ConsentDesk
from clientbook.consent.register import record
from clientbook.consent.retention import Retention
from clientbook.consent.rights import RightsDesk
from clientbook.engine.duckdb import Limits, quoted
from clientbook.erasure import Eraser, Erasure
from clientbook.errors import ClientbookError, WrongUse
from clientbook.events.registry import Registry
from clientbook.exporting.desk import ExportDesk
from clientbook.exporting.results import Layout, read_results
from clientbook.hooks.discovery import Found
from clientbook.hooks.manager import Plugins
from clientbook.hooks.remembering import MEMORY
from clientbook.hooks.states import Switches
from clientbook.i18n import _
from clientbook.importing.decode import GivenFile
from clientbook.importing.editing import Change, Edit, changes
from clientbook.importing.noting import OneAlready, happened, merged_by_age, told_apart
from clientbook.importing.undoing import (
    Undoing,
    check_restorable,
    find_batch,
    imports,
    restored,
    undoing,
    undoing_row,
    undone,
)
from clientbook.intake import ImportResult, Intake
from clientbook.log.base import Clock, system_clock
from clientbook.log.files import publish, sync, temporary_in, whole_or_nothing
from clientbook.log.parquet import ParquetLog
from clientbook.log.sealing import Sealed, SealPolicy, seal
from clientbook.log.verifying import Verification
from clientbook.policy import ConsentPolicy, stored_policy
from clientbook.projection.digest import tables_digest
from clientbook.projection.fold import TABLES, BookFacts
from clientbook.projection.moment import NOW, Moment
from clientbook.projection.snapshots import Projector, Snapshot, ordered
from clientbook.query.customers import find_customer, profile
from clientbook.query.differences import Axis, differences
from clientbook.query.duplicates import Pair, duplicates
from clientbook.query.expressions import Columns
from clientbook.query.overview import holdings, summary
from clientbook.query.points import Point, point_at, point_now, point_of
from clientbook.query.views import ViewSpec, customers_sql
from clientbook.reading import Reading
from clientbook.settings import SETTINGS_FILE, InvalidSettings, Settings, check_timezone, settings_of
from clientbook.verification import verify_book

KEY_FILE: Final = "key"
_CHOSEN_AT_FIRST: Final = ("currency", "timezone", "name", "log")


class DamagedBook(ClientbookError):
    """A file that the book cannot do without is missing or damaged."""


class RestoredBook(ClientbookError):
    """The book comes from a backup, and nobody has said yet what became of erasures made since."""

    exit_code = 4

    def __init__(self, folder: Path) -> None:
        super().__init__(
            _(
                "{folder} was put back from a backup; people erased since must be erased here too. Name the ledger that"
                " knows of them: `clientbook --book {name} erasures --replay BOOK`, or say that there were none:"
                " `clientbook --book {name} erasures --none-later`"
            ).format(folder=folder, name=quote(str(folder)))
        )


class BookExists(ClientbookError):
    """The folder cannot become a book."""


class Book:
    """One customer book on disk."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock = system_clock,
        switches: Switches | None = None,
        installed: Sequence[Found] | None = None,
    ) -> None:
        """Open the book in `folder`; `switches` decide which plugins are loaded, else the environment does.

        `installed` are the plugins there are, unless those that distributions bring.

        Raises:
            NoBook: there is none.
            InvalidSettings: its `book.toml` is broken.
            LogError: its log is missing or newer than this program.
            PluginFailed: a plugin is broken, and that is to be an error.
        """
        self.folder = folder
        self.clock = clock
        self.settings = settings_of(folder)
        memory = folder / "state" / MEMORY
        self.plugins = Plugins.load(entries=self.settings.plugins, switches=switches, installed=installed, memory=memory)
        self.registry = Registry()
        self.plugins.add_event_types(self.registry)
        self.plugins.add_identifiers(self.registry)
        self.log = ParquetLog(folder / "log", clock=clock)
        self._secret = _read_key(folder / "log" / KEY_FILE)
        if (folder / "ledger" / RESTORED).exists():
            raise RestoredBook(folder)
        self.projector = self._projector(folder / "state" / "tables")
        self._intake()
        self.eraser.finish()

    def _intake(self) -> None:
        """What goes into the book goes through its intake; these are the doors."""
        intake = Intake(
            folder=self.folder,
            log=self.log,
            projector=self.projector,
            settings=self.settings,
            seal_policy=self._seal_policy(),
            registry=self.registry,
            plugins=self.plugins,
            secret=self._secret,
            clock=self.clock,
        )
        self.plan, self.remember, self.extract = intake.plan, intake.remember, intake.extract
        self.import_file, self.edit = intake.import_file, intake.edit
        self.append, self.append_lines, self.note = intake.append, intake.append_lines, intake.note

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
            raise InvalidSettings(
                _("{currency!r} is no currency; use an ISO 4217 code such as EUR").format(currency=currency)
            ) from None
        check_timezone(timezone)
        try:
            taken = in_the_way(folder)
        except (OSError, ValueError) as error:
            raise BookExists(_cannot_be_made(folder, error)) from None
        if taken:
            raise BookExists(taken)
        was_there = folder.exists()
        with whole_or_nothing(folder):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
                for name_ in ("ledger", "rejects", "state"):
                    (folder / name_).mkdir(mode=0o700)
            except (OSError, ValueError) as error:
                raise BookExists(_cannot_be_made(folder, error)) from None
            ParquetLog.create(folder / "log", clock=clock)
            _write_private(folder / "log" / KEY_FILE, secrets.token_hex(32) + "\n")
            entries = {name: value for name, value in msgspec.to_builtins(settings).items() if name in _CHOSEN_AT_FIRST}
            _write_private(folder / SETTINGS_FILE, tomli_w.dumps(entries))  # comes last: what has none is no book yet
            if not was_there:
                sync(folder.parent)
        return cls(folder, clock=clock)

    def snapshot(self, moment: Moment = NOW) -> Snapshot:
        """The read model at a moment; close it, or use it as a context manager."""
        return self.projector.snapshot(moment)

    def reading(self, moment: Moment = NOW) -> Reading:
        """The read model at a moment, with traits, permissions and segments; close it, or use it as a context manager."""
        return self.reading_of(self.snapshot(moment))

    def today(self) -> date:
        """The day it is at the shop."""
        return self.clock().astimezone(ZoneInfo(self.settings.timezone)).date()

    def reading_of(self, snapshot: Snapshot) -> Reading:
        """A snapshot with traits, permissions and segments; to close it closes the snapshot."""
        at = snapshot.moment.as_of or self.clock()
        desk = ConsentDesk(projector=self.projector, settings=self.settings, now=self.clock())
        return Reading(snapshot=snapshot, at=at, settings=self.settings, plugins=self.plugins, consent=desk)

    @cached_property
    def consent(self) -> ConsentDesk:
        """What answers about permission. The shop's policy is recorded first, where it changed."""
        self._adopt_policy()
        return ConsentDesk(projector=self.projector, settings=self.settings, now=self.clock())

    @property
    def rights(self) -> RightsDesk:
        """What answers people who use their rights. The shop's policy is recorded first, where it changed."""
        self._adopt_policy()
        return RightsDesk(
            note=self.note, projector=self.projector, settings=self.settings, eraser=self.eraser, clock=self.clock
        )

    @property
    def exports(self) -> ExportDesk:
        """What makes exports of audiences. The shop's policy is recorded first, where it changed."""
        self._adopt_policy()
        return ExportDesk(
            projector=self.projector,
            settings=self.settings,
            plugins=self.plugins,
            read=self.reading,
            note=self.note,
            erased_since=self.erased_since,
            clock=self.clock,
        )

    @property
    def certifier(self) -> Certifier:
        """What makes certificates of permission, and checks them."""
        return Certifier(desk=self.consent, log=self.log)

    @property
    def retention(self) -> Retention:
        """What tells until when people may be kept."""
        settings = self.settings
        return Retention(projector=self.projector, policy=settings.consent, timezone=settings.timezone, now=self.clock())

    def retire(self, customer_id: str) -> Erasure | None:
        """Erase somebody who is beyond the time of retention; None where that is no longer so, or they are gone already."""
        return self.eraser.erase(customer_id, ground="retention") if self.retention.is_beyond(customer_id) else None

    def record_of_processing(self) -> dict[str, Any]:
        """What the register of GDPR article 30 says: the documented shape of `clientbook register --json`."""
        return record(self.settings, self.projector, self.registry, made_at=self.clock())

    @property
    def eraser(self) -> Eraser:
        """What erases people from this book."""
        zone = self.settings.timezone
        return Eraser(folder=self.folder, log=self.log, projector=self.projector, secret=self._secret, timezone=zone)

    def newer_than(self, position: int) -> int:
        """How many events the log holds beyond a position; where none came, that costs a look for one file name."""
        return max(0, self.log.head().position - position)

    def take_results(
        self, campaign: str, file: GivenFile, how: Layout, *, dry_run: bool = False
    ) -> tuple[str, ImportResult]:
        """Put what a mailing tool says of a campaign into the log, as one batch; the campaign's name, and what it did.

        Raises:
            NoSuchExport, WrongUse, UnreadableFile: see `exporting.results.read_results`.
        """
        with self.snapshot() as snapshot:
            name, found = read_results(snapshot, self.registry, self.settings, campaign, file, how, now=self.clock())
        return name, self.import_file(file, found, dry_run=dry_run)

    def find(self, snapshot: Snapshot, text: str) -> str:
        """The customer that a person means by an id, the beginning of one, an e-mail, a phone or a number.

        Raises:
            CustomerNotFound: nobody, or several.
        """
        return find_customer(snapshot.engine, text)

    def info(self, moment: Moment = NOW) -> dict[str, Any]:
        """Counts that describe the book: the documented shape of `clientbook info --json`."""
        with self.snapshot(moment) as snapshot:
            counted = holdings(snapshot, self.registry, self.settings.currency)
            log = {"commits": snapshot.head.commit, "position": snapshot.head.position}
        counts = {"event_counts": counted.pop("event_counts")}
        settings = {"currency": self.settings.currency, "timezone": self.settings.timezone}
        return {"name": self.settings.name} | counted | log | counts | settings

    def summary(self) -> dict[str, Any]:
        """What a shopkeeper asks first: the documented shape of `clientbook demo --json`."""
        with self.snapshot() as snapshot:
            return self.info() | summary(snapshot, self.settings.currency)

    def query(self, sql: str, moment: Moment = NOW) -> pa.Table:
        """Run one SELECT on the read model. It can read this book's tables and log, and nothing else.

        Raises:
            WrongUse: it is not exactly one SELECT.
            QueryFailed: DuckDB refused it.
        """
        with self.snapshot(moment) as snapshot:
            if not snapshot.engine.is_query(sql):
                raise WrongUse(_("one SELECT is expected; clientbook never changes the book by a query"))
            snapshot.prepare(sql)
            if re.search(r"\b(consents|permissions)\b", sql, re.IGNORECASE):
                self.consent.open_tables(snapshot, moment.as_of)
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
            raise WrongUse(
                _("there is no table {unknown!r}; the tables are {tables}").format(
                    unknown=unknown[0], tables=", ".join(TABLES)
                )
            )
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

    def duplicates(self, *, min_score: float, limit: int | None = None) -> list[Pair]:
        """Pairs of customers that are probably one person, the surest first."""
        with self.snapshot() as snapshot:
            return duplicates(snapshot, min_score=min_score, limit=limit)

    def merge_pair(self, a: str, b: str, *, reason: str, actor: str | None = None) -> bool:
        """Merge two customers into the one the book has known longer; False where they are one already."""
        try:
            self.note(merged_by_age(a, b, reason=reason), occurred_at=self.clock(), actor=actor)
        except OneAlready:
            return False
        return True

    def tell_apart(self, a: str, b: str, *, actor: str | None = None) -> bool:
        """Record that two customers are two, so that nobody is asked again."""
        self.note(told_apart(a, b), occurred_at=self.clock(), actor=actor)
        return True

    def profiles(self, customer_ids: list[str]) -> list[dict[str, Any]]:
        """The rows of these customers, or of who they were merged into since; in the order asked."""
        with self.snapshot() as snapshot:
            return [profile(snapshot.engine, find_customer(snapshot.engine, id)) for id in customer_ids]

    def names(self, customer_ids: Collection[str]) -> dict[str, str]:
        """What to call these customers."""
        ids = pa.table({"customer_id": pa.array(customer_ids, pa.string())})
        with self.snapshot() as snapshot:
            snapshot.engine.register("asked_for", ids)
            rows = snapshot.engine.rows("select customer_id, name from customers semi join asked_for using (customer_id)")
            return {row["customer_id"]: row["name"] for row in rows}

    def foresee_edit(self, edit: Edit, *, customer: str | None = None, where: str | None = None) -> list[Change]:
        """What an edit of one customer, or of all that an expression tells, comes to; nothing is written.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            InvalidExpression: the expression cannot run.
            WrongUse: several customers would get what belongs to one.
        """
        with self.reading() as reading:
            if where is None:
                return changes(reading.engine, edit, quoted(find_customer(reading.engine, customer or "")))
            query, _parameters = customers_sql(
                ViewSpec(columns=(), where=where), self._opened(reading, where), select="customers.customer_id"
            )
            return changes(reading.engine, edit, f"select customer_id from ({query})")

    def _opened(self, reading: Reading, where: str) -> Columns:
        reading.expression(where)
        return reading.columns

    def seal(self, *, everything: bool = False) -> Sealed:
        """Merge commits into files sorted by customer; `everything` merges earlier seals too.

        Raises:
            DamagedLog: a file is not what was written; nothing was changed.
        """
        return seal(self.log, self._seal_policy(), everything=everything)

    def verify(self, *, quick: bool = False) -> Verification:
        """Check the log; unless `quick` also every row, that ids are given once, and the kept tables against new ones."""
        return verify_book(self.folder, self.log, self.projector, self._projector, quick=quick)

    def erased_since(self, known_at: datetime | None) -> int:
        """Erasures after that time: the one way in which an answer about the past changes. 0 where it is about now."""
        if known_at is None:
            return 0
        return sum(entry.erased_at > known_at for entry in self.log.ledger.entries())

    def back_up(self, target: Path) -> Backup:
        """Bring a copy of the book in another folder up to date.

        Raises:
            BackupFailed: the folder holds something else.
        """
        return back_up(self.folder, self.log, target, now=self.clock())

    def imports(self, moment: Moment = NOW) -> pa.Table:
        """The imports made by then, the newest first: rows of the table `batches`."""
        with self.snapshot(moment) as snapshot:
            return imports(snapshot)

    def foresee_undo(self, batch: str, *, restore: bool = False) -> Undoing:
        """What undoing an import would take out of the book, or restoring it bring back; nothing is written.

        Raises:
            BatchNotFound: no import, or several, are meant.
            AlreadyUndone, NotUndone: it is in that state already.
            RecordedAgain: it cannot be restored.
        """
        with self.snapshot() as snapshot:
            found = find_batch(snapshot, batch, restore=restore)
            if restore:
                check_restorable(snapshot, found["batch"])
            with self.projector.supposing(undoing_row(found["batch"], restore=restore, at=self.clock())) as supposed:
                return undoing(
                    found,
                    counted=supposed if restore else snapshot,
                    left_out=snapshot if restore else supposed,
                    registry=self.registry,
                    currency=self.settings.currency,
                )

    def undo(self, batch: str, *, reason: str | None = None, restore: bool = False, actor: str | None = None) -> int:
        """Undo an import, or restore one; the position of the event that says so. Raises what `foresee_undo` raises."""
        decision = restored(batch, reason=reason) if restore else undone(batch, reason=reason)
        return self.note(decision, occurred_at=self.clock(), actor=actor)[1].position

    def point(self, asked: int | datetime | None = None) -> Point:
        """The state of the book at a position, by what had been recorded at a time, or now.

        Raises:
            WrongUse: the log does not reach that position.
        """
        if asked is None:
            return point_now(self.log.head())
        commits = self.log.commits()
        return point_of(commits, asked) if isinstance(asked, int) else point_at(commits, asked)

    def replay(self, point: Point) -> dict[str, Any]:
        """The book as it was, in figures, with a digest of each table: the documented shape of `replay --json`."""
        with self.snapshot(point.moment) as snapshot:
            counted = holdings(snapshot, self.registry, self.settings.currency)
            return point.described() | counted | {"tables": tables_digest(snapshot)}

    def differences(
        self, first: Point, last: Point, *, axis: Axis = "recorded", customer: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """What differs between two states of the book: the documented shape of `diff --json`.

        Raises:
            WrongUse: `first` is later than `last`.
            CustomerNotFound: nobody, or several, are meant.
        """
        with self.snapshot(first.moment) as earlier, self.snapshot(last.moment) as later:
            if last.moment.is_now:
                last = point_now(later.head)  # somebody may have appended since the point was made
            return differences(
                earlier,
                later,
                points=(first, last),
                axis=axis,
                registry=self.registry,
                currency=self.settings.currency,
                customer=customer,
                limit=limit,
            )

    def rebuild(self) -> Snapshot:
        """Throw the kept tables away and fold the whole log again."""
        self.projector.forget()
        return self.snapshot()

    def _projector(self, state: Path) -> Projector:
        facts = BookFacts(currency=self.settings.currency, timezone=self.settings.timezone)
        limits = Limits(
            memory=self.settings.engine.memory_limit,
            threads=self.settings.engine.threads,
            spill=self.folder / "state" / "spill",
        )
        return Projector(log=self.log, state=state, registry=self.registry, facts=facts, limits=limits)

    def _seal_policy(self) -> SealPolicy:
        chosen = self.settings.log
        return SealPolicy(commits=chosen.seal_commits, megabytes=chosen.seal_megabytes, keep_hours=chosen.keep_hours)

    def _adopt_policy(self) -> None:
        """Record the policy of `book.toml` where it is not the one recorded last; where none was, the defaults hold."""
        policy = self.settings.consent
        with self.snapshot() as snapshot:
            last = snapshot.engine.value("select policy from policies order by adopted_at desc, position desc limit 1")
        if policy == (stored_policy(last) if last else ConsentPolicy()):
            return
        data = {"policy": policy.text(), "digest": policy.digest()}
        with suppress(OSError):  # a book that may only be read answers all the same
            self.note(happened(None, [("policy_adopted", data)]), occurred_at=self.clock())


def _read_key(path: Path) -> bytes:
    """The book's own key. Events imported with another key would not be known again.

    Raises:
        DamagedBook: it is missing, or not what `create` wrote.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != 32:
        raise DamagedBook(_("{path} is missing or damaged; put it back from a backup of the book").format(path=path))
    return key


def _cannot_be_made(folder: Path, error: Exception) -> str:
    return _("{folder} cannot be made: {error}").format(folder=folder, error=getattr(error, "strerror", error))


def _write_private(path: Path, text: str) -> None:
    """Write a new file, whole or not at all."""
    temporary = temporary_in(path.parent)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    publish(temporary, path)
