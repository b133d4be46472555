"""What goes into a book: files, edits and notes, each of which becomes events that are appended as one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import msgspec
import pyarrow as pa

from clientbook import __version__
from clientbook.errors import ClientbookError
from clientbook.events.base import AMOUNT_LIMIT
from clientbook.events.book import ImportCompleted
from clientbook.events.envelope import Envelope, make
from clientbook.events.registry import Registry
from clientbook.fields import declared
from clientbook.hooks.declarations import AppendedBatch, Finding, Importer, ImportPlan
from clientbook.hooks.manager import Plugins
from clientbook.importing.attributes import without_misfits
from clientbook.importing.commit import Outcome, RejectLimit, closing_row, commit, nothing_used
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import Draft, struct_column
from clientbook.importing.editing import Change
from clientbook.importing.effects import Effects, effects_on, speaks_of_permission
from clientbook.importing.extracting import Extraction, extract, seen_events
from clientbook.importing.foretelling import foretelling
from clientbook.importing.jsonl import draft_events, draft_lines, natural_key, with_lines
from clientbook.importing.mapping import Mapping
from clientbook.importing.memory import MAPPINGS, remember_mapping, remembered_mapping
from clientbook.importing.noting import Decision, happened
from clientbook.importing.plan import FilePlan, draft_file, plan_file
from clientbook.importing.readings import plan_reading
from clientbook.importing.rejects import without_named, write_rejects
from clientbook.log.base import Clock, DamagedLog
from clientbook.log.files import shared
from clientbook.log.parquet import ParquetLog
from clientbook.log.sealing import SealPolicy, seal_if_due
from clientbook.projection.snapshots import Projector
from clientbook.settings import Settings
from clientbook.suppression import ERASED, names_erased, without_erased, without_kept_sales

Completion = Callable[[Outcome], pa.Table]
"""Makes the event that ends a batch."""


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What an import did."""

    batch: str | None
    """None where nothing was new."""
    outcome: Outcome
    rejects_file: Path | None
    findings: tuple[tuple[str, Finding], ...] = ()
    """What plugins say of it: name of the plugin, and finding."""


class PersonErased(ClientbookError):
    """What was to be noted names somebody who was erased."""


@dataclass(kw_only=True)
class Intake:
    """The one way in: whatever is appended has passed the erasure ledger, and plugins hear of it."""

    folder: Path
    log: ParquetLog
    projector: Projector
    settings: Settings
    seal_policy: SealPolicy
    registry: Registry
    plugins: Plugins
    secret: bytes
    clock: Clock

    def plan(self, file: GivenFile, *, mapping: Mapping | None = None, source: str | None = None) -> FilePlan:
        """How a file would be read: its table and a mapping, given or proposed.

        Raises:
            UnreadableFile: it cannot be read.
        """
        with self.projector.snapshot() as snapshot:
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
        with self.projector.snapshot() as snapshot:
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
            with self.projector.snapshot() as snapshot:
                draft = draft_file(snapshot.engine, plan, imported_at=self.clock(), catalogue=self.registry)
            importer, mapping, source = plan.importer or f"table.{plan.mapping.kind}", plan.mapping, plan.mapping.source
            version = self.plugins.version(importer) if plan.importer else __version__
        batch = self._new_batch()
        completion = partial(
            self._completion,
            batch=batch,
            importer=importer,
            importer_version=version,
            source_name=source,
            file_sha256=file.sha256,
            mapping_sha256=mapping.digest() if mapping else None,
        )
        if self.settings.fields and not dry_run:
            self._record_fields()
        effects = None
        if speaks_of_permission(draft):
            with self.projector.snapshot() as snapshot:
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
        rejects = tuple(reject for reject in rejects if reject.code != ERASED)
        if suppressed:
            table = plan.table if plan else None
            rejects = without_named(rejects, table, lambda named: names_erased(named, source, suppressed, self.secret))
        with shared(self.log.folder / "maintenance.lock"):  # an erasure looks through the rejects files
            rejects_file = write_rejects(self.folder / "rejects", batch, rejects, plan.table if plan else None)
        kept = batch if outcome.events else None
        return ImportResult(batch=kept, outcome=outcome, rejects_file=rejects_file, findings=findings)

    def append(self, envelopes: list[Envelope], *, allow_erased: bool = False) -> Outcome:
        """Append checked events; what cannot go in is in the outcome's rejects."""
        return self._commit(self._draft(envelopes), batch=None, allow_erased=allow_erased)

    def append_lines(self, lines: Iterable[bytes], *, allow_erased: bool = False) -> Outcome:
        """Append events given as JSON Lines; bad ones are in the outcome's rejects, the rest goes in."""
        return self._commit(draft_lines(lines, self.registry), batch=None, allow_erased=allow_erased)

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
            outcome = commit(draft, writer=writer, snapshot=snapshot, secret=self.secret, batch=None, region=region)
        self.log.ledger.readmit(came_back)
        self._tell_plugins(outcome)
        self._seal_if_due()
        return noted.customer_id, outcome

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
        batch = self._new_batch()
        completion = partial(
            self._completion,
            batch=batch,
            importer="edit",
            importer_version=__version__,
            source_name="hand",
            file_sha256=sha256(repr([(change.customer_id, change.events) for change in found]).encode()).hexdigest(),
        )
        outcome = self._commit(draft, batch=batch, completion=completion)
        if outcome.rejects:
            raise PersonErased(outcome.rejects[0].message)
        return (batch if outcome.events else None), outcome

    def _new_batch(self) -> str:
        return f"{self.clock():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"

    def _completion(self, outcome: Outcome, *, batch: str, source_name: str, **of: str | None) -> pa.Table:
        """The row that ends a batch: whence it came, and its counts."""
        counted = ("rows_read", "rows_used", "rows_duplicate", "rows_skipped", "rows_rejected", "events", "corrections")
        totals = ("amount_read", "amount_used", "amount_rejected")
        done = {
            "batch": batch,
            "source_name": source_name,
            **of,
            **{name: getattr(outcome, name) for name in counted},
            **{name: _storable(getattr(outcome, name)) for name in totals},
        }
        struct = struct_column(ImportCompleted, {name: pa.array([value]) for name, value in done.items()}, 1)
        return closing_row("import_completed", struct, at=self.clock(), source=source_name, batch=batch)

    def _record_fields(self) -> None:
        """Record the custom fields of `book.toml` where they are not those recorded last."""
        said = "select settings_changed.fields as fields from events where settings_changed.fields is not null"
        with self.projector.snapshot() as snapshot:
            last = snapshot.table(f"{said} order by position desc limit 1")["fields"].to_pylist()
        now = declared(self.settings.fields)
        if now != (last[0] if last else "{}"):
            self.note(happened(None, [("settings_changed", {"fields": now})]), occurred_at=self.clock())

    def _findings(self, draft: Draft, importer: str, source: str, file: GivenFile) -> tuple[tuple[str, Finding], ...]:
        """What plugins say of an import before it is made."""
        if not self.plugins.hears("check_import"):
            return ()
        seen = seen_events(draft)
        return tuple(
            self.plugins.check_import(ImportPlan(importer=importer, source=source, file=Path(file.name), events=seen))
        )

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
        completion: Completion | None = None,
        dry_run: bool = False,
        allow_erased: bool = False,
        limit: RejectLimit | None = None,
        effects: Effects | None = None,
    ) -> Outcome:
        foretell = foretelling(self.projector, self.registry, currency=self.settings.currency) if dry_run else None
        draft = without_misfits(draft, self.settings.fields)
        draft, came_back = self._admitted(draft, allow_erased=allow_erased)
        if not len(draft.events):
            outcome = nothing_used(draft)
            if limit is not None and not dry_run:
                limit.check(outcome)
            return replace(outcome, book=foretell(draft.events)) if foretell else outcome
        with self.log.writer() as writer, self.projector.identities() as snapshot:
            outcome = commit(
                draft,
                writer=writer,
                snapshot=snapshot,
                secret=self.secret,
                batch=batch,
                region=self.settings.country,
                completion=completion,
                dry_run=dry_run,
                limit=limit,
                effects=effects,
                foretell=foretell,
            )
        if not dry_run:
            self.log.ledger.readmit(came_back)
            self._tell_plugins(outcome)
            self._seal_if_due()
        return outcome

    def _admitted(self, draft: Draft, *, allow_erased: bool) -> tuple[Draft, set[str]]:
        """The draft without people who were erased, or with them and the identifiers by which they come back."""
        if allow_erased:
            draft = without_kept_sales(draft, self.log.ledger, self.secret)
            return draft, without_erased(draft, self.log.ledger, self.secret)[1]
        return without_erased(draft, self.log.ledger, self.secret)[0], set()

    def _tell_plugins(self, outcome: Outcome) -> None:
        """What was appended is safe; a plugin that fails now is named and undoes nothing."""
        if outcome.events and self.plugins.hears("log_appended"):
            first = outcome.position - outcome.events + 1
            types = MappingProxyType(outcome.event_counts)
            self.plugins.appended(AppendedBatch(first_position=first, last_position=outcome.position, types=types))

    def _seal_if_due(self) -> None:
        """What was appended is safe; a seal that cannot be made now is made later, and `verify` says what is in its way."""
        with suppress(OSError, DamagedLog):
            seal_if_due(self.log, self.seal_policy)


def _storable(total: Decimal | None) -> Decimal | None:
    """A control total, unless it is greater than an event can hold."""
    return None if total is None or abs(total) >= AMOUNT_LIMIT else total
