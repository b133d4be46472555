"""What a mailing tool says of a campaign comes back: sent, opened, clicked, bounced, unsubscribed, complained.

An unsubscription withdraws the consents to marketing by that channel. Who had been written to without a consent, by soft
opt-in or legitimate interest, objects to the channel.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa

from clientbook.consent.permissions import Setting, open_consents
from clientbook.events.actions import Manifest
from clientbook.events.envelope import Envelope, InvalidEvent, make
from clientbook.events.registry import Registry
from clientbook.exporting.manifest import RESULTS_SOURCE, exports, find_export
from clientbook.exporting.result_columns import EVENTS, KINDS, CellMisfit, columns_of, plain, read_time, told
from clientbook.hooks.declarations import Importer, Match
from clientbook.i18n import N_, _
from clientbook.importing.decode import GivenFile
from clientbook.importing.draft import Draft, Reject
from clientbook.importing.extracting import Extraction
from clientbook.importing.jsonl import draft_events
from clientbook.importing.mapping import column_keys
from clientbook.importing.plan import without_reasons
from clientbook.importing.table import TextTable, read_table
from clientbook.policy import OWN_PURPOSES
from clientbook.projection.snapshots import Snapshot
from clientbook.settings import Settings

IMPORTER: Final = "core.campaign_results"

_REASONS: Final = {
    "address.missing": N_("there is no address"),
    "address.unknown": N_("nobody in the book has this address"),
    "event.unknown": N_("this is no event that is known: {known}"),
    "date.missing": N_("there is no date; say when with --at"),
    "date.format": N_("this is no date"),
    "cell.format": N_("this is no date, no number and no yes or no"),
}
_NO: Final = ("bounced", "unsubscribed", "complained")
_PHONES: Final = ("sms", "phone", "auto_call")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a file of results is read."""

    event: str | None = None
    """What every row says."""
    at: datetime | None = None
    """When, for rows without a date."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Which header is address, event, date or url, where it is not recognised."""


@dataclass(frozen=True, kw_only=True)
class _People:
    """Who has which address, and who had agreed when the audience was exported."""

    by_address: Mapping[str, str]
    consenting: frozenset[str]


def read_results(
    snapshot: Snapshot,
    registry: Registry,
    settings: Settings,
    campaign: str,
    file: GivenFile,
    how: Layout,
    *,
    now: datetime,
) -> tuple[str, Extraction]:
    """The campaign's name, and what a tool says of it as events to import; a row that cannot be taken is set aside.

    Raises:
        NoSuchExport: no export was made for this campaign.
        WrongUse: the file has no column of addresses, or none that says what happened.
        UnreadableFile: it is no table.
    """
    export = find_export(exports(snapshot), campaign)
    name = export.campaign or export.manifest.manifest_id
    people = _people(snapshot, export.manifest, settings)
    table = without_reasons(read_table(file))
    found = _Results(
        manifest=export.manifest,
        campaign=name,
        people=people,
        how=how,
        zone=zoneinfo.ZoneInfo(settings.timezone),
        table=table,
        registry=registry,
        now=now,
    )
    return name, found.extraction()


def _people(snapshot: Snapshot, manifest: Manifest, settings: Settings) -> _People:
    is_phone = manifest.channel in _PHONES
    column = "right(regexp_replace(phone, '[^0-9]', '', 'g'), 9)" if is_phone else "lower(trim(email))"
    rows = snapshot.engine.rows(
        f"select {column} as address, customer_id from customers"
        " order by order_count, registered_at desc, customer_id desc"  # the last one named is kept: who ordered most
    )
    consenting: frozenset[str] = frozenset()
    if manifest.as_of is not None and manifest.channel:
        zone = settings.timezone
        open_consents(snapshot, Setting(at=manifest.as_of, policy=settings.consent, adopted_at=None, timezone=zone))
        agreed = snapshot.engine.rows(
            "select distinct customer_id from states where channel = $channel and state = 'granted'",
            {"channel": manifest.channel},
        )
        consenting = frozenset(row["customer_id"] for row in agreed)
    named = {row["customer_id"]: row["customer_id"] for row in rows}
    return _People(
        by_address=named | {row["address"]: row["customer_id"] for row in rows if row["address"]}, consenting=consenting
    )


@dataclass(frozen=True, kw_only=True)
class _Results:
    """The rows of one file."""

    manifest: Manifest
    campaign: str
    people: _People
    how: Layout
    zone: zoneinfo.ZoneInfo
    table: TextTable
    registry: Registry
    now: datetime

    def extraction(self) -> Extraction:
        """The rows as events; a row that cannot be taken is set aside."""
        columns = columns_of(column_keys(self.table.header), chosen=self.how.columns, event=self.how.event)
        rejects: list[Reject] = []
        events: list[tuple[int, Envelope]] = []
        names = column_keys(self.table.header)
        skipped = 0
        cells = zip(self.table.lines.to_pylist(), self.table.columns.to_pylist(), strict=True)
        for line, values in cells:
            row = dict(zip(names, values.values(), strict=True))
            given = {name: (row.get(header) or "").strip() for name, header in columns.fields.items()}
            told_of = {header: (row.get(header) or "").strip() for header in columns.events}
            if not any(given.values()) and not any(told_of.values()):
                skipped += 1
                continue
            try:
                customer = self._customer(given)
                happened = self._told(columns.events, told_of, given) if columns.events else [self._said(given)]
                events += [(line, one) for kind, at in happened for one in self._made(kind, given, customer, at)]
                skipped += not happened
            except _Unfit as error:
                message = _(_REASONS[error.code]).format(known=", ".join(KINDS))
                column = columns.fields.get(error.field, error.field if error.field in columns.events else "")
                rejects.append(Reject(line=line, code=error.code, column=column, message=message))
            except InvalidEvent as error:
                rejects.append(Reject(line=line, code="event.invalid", column=error.field, message=str(error)))
        rejects += [Reject(line=one.line, code=one.code, column="", message=one.message) for one in self.table.broken]
        return Extraction(importer=_importer(), draft=self._draft(events, rejects, skipped), table=self.table)

    def _made(self, kind: str, given: Mapping[str, str], customer: str, at: datetime) -> Iterator[Envelope]:
        for type, data in self._events(kind, given, customer):
            yield make(
                type,
                data,
                self.registry,
                occurred_at=self._placed(kind, at),
                customer=customer,
                source=RESULTS_SOURCE,
                id=self._key(type, customer, at, given),
            )

    def _placed(self, kind: str, at: datetime) -> datetime:
        """When it happened, by a clock that may go wrong: not later than now, and a no to a mailing not before the export,
        so that no consent it rests upon comes after.
        """
        exported_at = self.manifest.as_of
        if kind in _NO and exported_at is not None:
            at = max(at, exported_at)
        return min(at, self.now)

    def _draft(self, events: list[tuple[int, Envelope]], rejects: list[Reject], skipped: int) -> Draft:
        lines = sorted({line for line, _envelope in events})
        unit_of = {line: unit for unit, line in enumerate(lines)}
        table = draft_events([envelope for _line, envelope in events], self.registry)
        units = pa.array([unit_of[line] for line, _envelope in events], pa.int64())
        return Draft(
            events=table.set_column(table.schema.get_field_index("unit"), "unit", units),
            row_units=pa.array(range(len(lines)), pa.int64()),
            row_lines=pa.array(lines, pa.int64()),
            rejects=tuple(sorted(rejects, key=lambda one: one.line)),
            rows_read=len(lines) + len(rejects) + skipped,
            rows_skipped=skipped,
        )

    def _customer(self, given: Mapping[str, str]) -> str:
        text = given["address"]
        if not text:
            raise _Unfit("address.missing", "address")
        address = re.sub(r"[^0-9]", "", text)[-9:] if self.manifest.channel in _PHONES else text.lower()
        found = self.people.by_address.get(text) or self.people.by_address.get(address)
        if found is None:
            raise _Unfit("address.unknown", "address")
        return found

    def _said(self, given: Mapping[str, str]) -> tuple[str, datetime]:
        """What a row of a file with one row an event says."""
        return self._kind(given), self._at(given)

    def _told(
        self, kinds: Mapping[str, str], cells: Mapping[str, str], given: Mapping[str, str]
    ) -> list[tuple[str, datetime]]:
        """What a row of a file with one row a recipient says; each kind at its dates, and where it has none when the row or
        the message is dated.
        """
        dated: dict[str, list[datetime]] = {}
        for header, text in cells.items():
            try:
                found = told(kinds[header], text)
            except CellMisfit:
                raise _Unfit("cell.format", header) from None
            if found is not None:
                kind, at = found
                dated.setdefault(kind, []).extend([self._zoned(at)] if at else [])
        if not dated:
            return []
        sent = dated.get("sent", [])
        return [
            (kind, at)
            for kind, times in dated.items()
            for at in (sorted(set(times)) or (sent[:1] if not given.get("date") else []) or [self._at(given)])
        ]

    def _kind(self, given: Mapping[str, str]) -> str:
        word = plain(self.how.event or given.get("event", ""))
        if word not in EVENTS:
            raise _Unfit("event.unknown", "event")
        return EVENTS[word]

    def _at(self, given: Mapping[str, str]) -> datetime:
        text = given.get("date", "")
        if not text:
            if self.how.at is None:
                raise _Unfit("date.missing", "date")
            return self.how.at
        found = read_time(text)
        if found is None:
            raise _Unfit("date.format", "date")
        return self._zoned(found)

    def _zoned(self, at: datetime) -> datetime:
        return at if at.tzinfo else at.replace(tzinfo=self.zone)

    def _key(self, type: str, customer: str, at: datetime, given: Mapping[str, str]) -> str:
        """What makes a result the same when its file comes again. It stays as it is, so it names nobody but by id.

        A message is sent once: what tools call sent and what they call delivered is one.
        """
        if type == "message_sent":
            return f"{self.campaign}|{type}|{customer}"
        return f"{self.campaign}|{type}|{customer}|{at.isoformat()}|{_without_query(given.get('url', ''))}"

    def _events(self, kind: str, given: Mapping[str, str], customer: str) -> Iterator[tuple[str, dict[str, Any]]]:
        channel = self.manifest.channel or "email"
        common = {"channel": channel, "campaign": self.campaign}
        address = given["address"] if given["address"] != customer else None
        if kind == "sent":
            sent = {"purpose": self.manifest.purpose or "newsletter", "message_profile": self.manifest.message}
            yield "message_sent", common | sent | {"manifest": self.manifest.manifest_id}
        elif kind == "opened":
            yield "message_opened", common | {"address": address}
        elif kind == "clicked":
            yield "message_clicked", common | {"address": address, "url": _without_query(given.get("url", "")) or None}
        elif kind in ("bounced", "soft_bounced"):
            hard = "soft" if kind == "soft_bounced" else "hard"
            yield "message_bounced", common | {"address": address, "kind": hard}
        elif kind == "complained":
            yield "complaint_made", common | {"address": address}
        else:
            purpose = self.manifest.purpose or "newsletter"
            withdrawn = "marketing" if purpose in OWN_PURPOSES else purpose
            said = {"channel": channel, "purposes": [withdrawn], "method": "link", "reason": self.campaign}
            yield "consent_withdrawn", said
            if customer not in self.people.consenting:
                yield "objection_raised", {"scope": "channel", "channel": channel, "method": "link"}


class _Unfit(Exception):
    """A row that cannot be taken: why, and which field."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code = code
        self.field = field


def _importer() -> Importer:
    return Importer(
        id=IMPORTER,
        label=N_("Results of a campaign"),
        suffixes=(".csv",),
        emits=(),
        source=RESULTS_SOURCE,
        identify=lambda _head: Match(score=0),
        extract=lambda _source: (),
    )


def _without_query(url: str) -> str:
    """The link without what may tell whose it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
