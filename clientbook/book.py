"""The book: what the command line and the terminal application both call. Neither of them holds logic."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import tomli_w

from clientbook import __version__
from clientbook.backup import RESTORED, Backup, back_up, in_the_way
from clientbook.consent.certificate import Certifier
from clientbook.consent.desk import ConsentDesk
from clientbook.consent.register import record
from clientbook.consent.retention import Retention
from clientbook.consent.rights import RightsDesk
from clientbook.engine.duckdb import Limits, quoted
from clientbook.erasure import Eraser, Erasure
from clientbook.errors import ClientbookError, WrongUse
from clientbook.events.base import AMOUNT_LIMIT
from clientbook.events.book import ImportCompleted
from clientbook.events.envelope import Envelope, make
from clientbook.events.registry import Registry
from clientbook.exporting.desk import ExportDesk
from clientbook.exporting.results import Layout, read_results
from clientbook.fields import declared
from clientbook.hooks.declarations import AppendedBatch, Finding, Importer, ImportPlan
from clientbook.hooks.discovery import Found
from clientbook.hooks.manager import Plugins
from clientbook.hooks.remembering import MEMORY
from clientbook.hooks.states import Switches
from clientbook.i18n import _
from clientbook.importing.attributes import without_misfits
from clientbook.importing.commit import Outcome, RejectLimit, closing_row, commit, nothing_used
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import Draft, struct_column
from clientbook.importing.editing import Change, Edit, changes
from clientbook.importing.effects import Effects, effects_on, speaks_of_permission
from clientbook.importing.extracting import Extraction, extract, seen_events
from clientbook.importing.jsonl import draft_events, draft_lines, natural_key, with_lines
from clientbook.importing.mapping import Mapping
from clientbook.importing.memory import MAPPINGS, remember_mapping, remembered_mapping
from clientbook.importing.noting import Decision, OneAlready, happened, merged_by_age, told_apart
from clientbook.importing.plan import FilePlan, draft_file, plan_file
from clientbook.importing.readings import plan_reading
from clientbook.importing.rejects import without_named, write_rejects
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
from clientbook.log.base import Clock, DamagedLog, system_clock
from clientbook.log.files import publish, shared, sync, temporary_in, whole_or_nothing
from clientbook.log.parquet import ParquetLog
from clientbook.log.sealing import Sealed, SealPolicy, seal, seal_if_due
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
from clientbook.suppression import ERASED, names_erased, without_erased, without_kept_sales
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


class PersonErased(ClientbookError):
    """What was to be noted names somebody who was erased."""


class BookExists(ClientbookError):
    """The folder cannot become a book."""


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What an import did."""

    batch: str | None
    """None where nothing was new."""
    outcome: Outcome
    rejects_file: Path | None
    findings: tuple[tuple[str, Finding], ...] = ()
    """What plugins say of it: name of the plugin, and finding."""


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
        self.eraser.finish()

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
                remembered=partial(remembered_mapping, self.folder / MAPPINGS, source=source, catalogue=self.registry),
                source=source or "shop",
                currency=self.settings.currency,
                timezone=self.settings.timezone,
                catalogue=self.registry,
                fields=self.settings.fields,
            )

    def remember(self, plan: FilePlan) -> None:
        """Keep the mapping that a person gave or said yes to, for the next file with these columns."""
        remember_mapping(self.folder / MAPPINGS, plan.table.header, plan.mapping)

    def extract(self, file: GivenFile, importer: Importer) -> Extraction | FilePlan:
        """What an importer of a plugin finds in a file, or how the program reads the file as the importer declares.

        Raises:
            ImporterFailed: it raised.
            UnreadableFile: the file is not what the importer asked for.
        """
        if importer.reading is None:
            return extract(self.plugins, importer, file, self.registry)
        with self.snapshot() as snapshot:
            return plan_reading(
                snapshot.engine,
                self.plugins,
                importer,
                file,
                currency=self.settings.currency,
                timezone=self.settings.timezone,
                catalogue=self.registry,
            )

    def import_file(
        self,
        file: GivenFile,
        plan: FilePlan | Extraction | None = None,
        *,
        dry_run: bool = False,
        allow_erased: bool = False,
        limit: RejectLimit | None = None,
    ) -> ImportResult:
        """Put a file's events into the log as one batch: all of it, or after a crash nothing.

        `plan` is what `plan()` or `extract()` gave; JSON Lines need none. Rows of people who were erased are set
        aside, unless they came back (`allow_erased`).

        Raises:
            MappingError: the mapping does not fit the file.
            TooManyRejects: more rows would be set aside than `limit` allows.
        """
        lines = file.data.splitlines() if plan is None else []
        mapping, version = None, __version__
        if plan is None:
            draft = draft_lines(lines, self.registry)
            importer, source = "events", "events"
        elif isinstance(plan, Extraction):
            draft, importer, source = plan.draft, plan.importer.id, plan.importer.source
            version = self.plugins.version(importer)
        else:
            with self.snapshot() as snapshot:
                draft = draft_file(snapshot.engine, plan, imported_at=self.clock(), catalogue=self.registry)
            importer, mapping, source = plan.importer or f"table.{plan.mapping.kind}", plan.mapping, plan.mapping.source
            version = self.plugins.version(importer) if plan.importer else __version__
        batch = f"{self.clock():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"

        def completion(outcome: Outcome) -> pa.Table:
            done = ImportCompleted(
                batch=batch,
                importer=importer,
                importer_version=version,
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
                amount_read=_storable(outcome.amount_read),
                amount_used=_storable(outcome.amount_used),
                amount_rejected=_storable(outcome.amount_rejected),
            )
            values = {name: pa.array([getattr(done, name)]) for name in done.__struct_fields__}
            struct = struct_column(ImportCompleted, values, 1)
            return closing_row("import_completed", struct, at=self.clock(), source=source, batch=batch)

        if self.settings.fields and not dry_run:
            self._record_fields()
        effects = None
        if speaks_of_permission(draft):
            with self.snapshot() as snapshot:
                effects = effects_on(snapshot)
        findings = self._findings(draft, importer, source, file)
        outcome = self._commit(
            draft,
            batch=batch,
            completion=completion,
            dry_run=dry_run,
            allow_erased=allow_erased,
            limit=limit,
            effects=effects,
        )
        if dry_run:
            return ImportResult(batch=None, outcome=outcome, rejects_file=None, findings=findings)
        rejects = outcome.rejects if plan else with_lines(outcome.rejects, lines)
        suppressed = self.log.ledger.suppressed()
        rejects = without_named(
            (reject for reject in rejects if reject.code != ERASED),
            plan.table if plan else None,
            lambda named: bool(suppressed) and names_erased(named, source, suppressed, self._secret),
        )
        with shared(self.log.folder / "maintenance.lock"):  # an erasure looks through the rejects files
            rejects_file = write_rejects(self.folder / "rejects", batch, rejects, plan.table if plan else None)
        kept = batch if outcome.events else None
        return ImportResult(batch=kept, outcome=outcome, rejects_file=rejects_file, findings=findings)

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

    def _findings(self, draft: Draft, importer: str, source: str, file: GivenFile) -> tuple[tuple[str, Finding], ...]:
        """What plugins say of an import before it is made."""
        if not self.plugins.hears("check_import"):
            return ()
        seen = seen_events(draft)
        return tuple(
            self.plugins.check_import(ImportPlan(importer=importer, source=source, file=Path(file.name), events=seen))
        )

    def append(self, envelopes: list[Envelope], *, allow_erased: bool = False) -> Outcome:
        """Append checked events; what cannot go in is in the outcome's rejects."""
        return self._commit(self._draft(envelopes), batch=None, allow_erased=allow_erased)

    def append_lines(self, lines: Iterable[bytes], *, allow_erased: bool = False) -> Outcome:
        """Append events given as JSON Lines; bad ones are in the outcome's rejects, the rest goes in."""
        return self._commit(draft_lines(lines, self.registry), batch=None, allow_erased=allow_erased)

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

    def note(
        self, decide: Decision, *, occurred_at: datetime, actor: str | None = None, allow_erased: bool = False
    ) -> tuple[str | None, Outcome]:
        """Note something by hand; whose it was, and what became of it. `importing.noting` has the decisions.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            InvalidEvent: a value breaks a constraint.
            PersonErased: it names somebody who was erased, and nothing says that they came back.
        """
        region = self.settings.country
        with self.log.writer() as writer, self.projector.identities() as snapshot:
            noted = decide(snapshot)
            made = [
                make(type, data, self.registry, occurred_at=occurred_at, customer=noted.customer_id, actor=actor)
                for type, data in noted.events
            ]
            draft = self._draft(
                [one if natural_key(one) else msgspec.structs.replace(one, id=secrets.token_hex(16)) for one in made]
            )
            draft, came_back = self._admitted(draft, allow_erased=allow_erased)
            if draft.rejects:
                raise PersonErased(draft.rejects[0].message)
            outcome = commit(draft, writer=writer, snapshot=snapshot, secret=self._secret, batch=None, region=region)
        self.log.ledger.readmit(came_back)
        self._tell_plugins(outcome)
        self._seal_if_due()
        return noted.customer_id, outcome

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

    def edit(self, found: Sequence[Change], *, actor: str | None = None) -> tuple[str | None, Outcome]:
        """Write what `foresee_edit` told, as one batch that can be undone: its number, and what became of it.

        Raises:
            InvalidEvent: a value breaks a constraint; nothing was written.
        """
        self._record_fields()
        at = self.clock()
        made = [
            make(type, data, self.registry, occurred_at=at, customer=change.customer_id, actor=actor)
            for change in found
            for type, data in change.events
        ]
        draft = self._draft([msgspec.structs.replace(one, id=secrets.token_hex(16)) for one in made])
        batch = f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        digest = sha256(repr([(change.customer_id, change.events) for change in found]).encode()).hexdigest()

        def completion(outcome: Outcome) -> pa.Table:
            done = {
                "batch": batch,
                "importer": "edit",
                "importer_version": __version__,
                "source_name": "hand",
                "file_sha256": digest,
                "rows_read": outcome.rows_read,
                "rows_used": outcome.rows_used,
                "rows_duplicate": outcome.rows_duplicate,
                "rows_skipped": outcome.rows_skipped,
                "rows_rejected": outcome.rows_rejected,
                "events": outcome.events,
            }
            struct = struct_column(ImportCompleted, {name: pa.array([value]) for name, value in done.items()}, 1)
            return closing_row("import_completed", struct, at=self.clock(), source="hand", batch=batch)

        outcome = self._commit(draft, batch=batch, completion=completion)
        if outcome.rejects:
            raise PersonErased(outcome.rejects[0].message)
        return (batch if outcome.events else None), outcome

    def _opened(self, reading: Reading, where: str) -> Columns:
        reading.expression(where)
        return reading.columns

    def _record_fields(self) -> None:
        """Record the custom fields of `book.toml` where they are not those recorded last."""
        said = "select settings_changed.fields as fields from events where settings_changed.fields is not null"
        with self.snapshot() as snapshot:
            last = snapshot.table(f"{said} order by position desc limit 1")["fields"].to_pylist()
        now = declared(self.settings.fields)
        if now != (last[0] if last else "{}"):
            self.note(happened(None, [("settings_changed", {"fields": now})]), occurred_at=self.clock())

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

    def _admitted(self, draft: Draft, *, allow_erased: bool) -> tuple[Draft, set[str]]:
        """The draft without people who were erased, or with them and the identifiers by which they come back."""
        if allow_erased:
            draft = without_kept_sales(draft, self.log.ledger, self._secret)
            return draft, without_erased(draft, self.log.ledger, self._secret)[1]
        return without_erased(draft, self.log.ledger, self._secret)[0], set()

    def _seal_if_due(self) -> None:
        """What was appended is safe; a seal that cannot be made now is made later, and `verify` says what is in its way."""
        with suppress(OSError, DamagedLog):
            seal_if_due(self.log, self._seal_policy())

    def _draft(self, envelopes: list[Envelope]) -> Draft:
        length = len(envelopes)
        return Draft(
            events=draft_events(envelopes, self.registry),
            row_units=pa.array(range(length), pa.int64()),
            row_lines=pa.array(range(1, length + 1), pa.int64()),
            rows_read=length,
        )

    def _commit(
        self,
        draft: Draft,
        *,
        batch: str | None,
        completion: Any = None,
        dry_run: bool = False,
        allow_erased: bool = False,
        limit: RejectLimit | None = None,
        effects: Effects | None = None,
    ) -> Outcome:
        draft = without_misfits(draft, self.settings.fields)
        draft, came_back = self._admitted(draft, allow_erased=allow_erased)
        if not len(draft.events):
            outcome = nothing_used(draft)
            if limit is not None and not dry_run:
                limit.check(outcome)
            return outcome
        with self.log.writer() as writer, self.projector.identities() as snapshot:
            outcome = commit(
                draft,
                writer=writer,
                snapshot=snapshot,
                secret=self._secret,
                batch=batch,
                region=self.settings.country,
                completion=completion,
                dry_run=dry_run,
                limit=limit,
                effects=effects,
            )
        if not dry_run:
            self.log.ledger.readmit(came_back)
            self._tell_plugins(outcome)
            self._seal_if_due()
        return outcome

    def _tell_plugins(self, outcome: Outcome) -> None:
        """What was appended is safe; a plugin that fails now is named and undoes nothing."""
        if outcome.events and self.plugins.hears("log_appended"):
            first = outcome.position - outcome.events + 1
            types = MappingProxyType(outcome.event_counts)
            self.plugins.appended(AppendedBatch(first_position=first, last_position=outcome.position, types=types))


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


def _storable(total: Decimal | None) -> Decimal | None:
    """A control total, unless it is greater than an event can hold."""
    return None if total is None or abs(total) >= AMOUNT_LIMIT else total


def _cannot_be_made(folder: Path, error: Exception) -> str:
    return _("{folder} cannot be made: {error}").format(folder=folder, error=getattr(error, "strerror", error))


def _write_private(path: Path, text: str) -> None:
    """Write a new file, whole or not at all."""
    temporary = temporary_in(path.parent)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    publish(temporary, path)
