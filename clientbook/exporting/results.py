"""What a mailing tool says of a campaign comes back: sent, opened, clicked, bounced, unsubscribed, complained.

An unsubscription withdraws the consents to marketing by that channel. Who had been written to without a consent, by soft
opt-in or legitimate interest, objects to the channel.
"""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa

from clientbook.consent.permissions import Setting, open_consents
from clientbook.errors import WrongUse
from clientbook.events.actions import Manifest
from clientbook.events.envelope import Envelope, InvalidEvent, make
from clientbook.events.registry import Registry
from clientbook.exporting.manifest import RESULTS_SOURCE, exports, find_export
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

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "address": (
        *("email", "emailaddress", "adresseemail", "email_address", "mail", "courriel", "recipient", "destinataire", "to"),
        *("subscriber", "contact", "phone", "phonenumber", "sms", "telephone", "mobile"),
    ),
    "event": ("event", "eventtype", "type", "status", "statut", "action", "evenement", "activity", "metric"),
    "date": ("date", "time", "timestamp", "datetime", "eventdate", "occurredat", "at", "sentat", "ts", "horodatage"),
    "url": ("url", "link", "lien", "clickedurl", "linkurl"),
}
"""Headers that are recognised, without accents, blanks and signs."""

EVENTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("sent", "send", "delivered", "delivery", "envoye", "delivre", "processed", "request"), "sent"),
    **dict.fromkeys(("opened", "open", "opens", "uniqueopened", "firstopening", "ouvert", "ouverture", "lu"), "opened"),
    **dict.fromkeys(("clicked", "click", "clicks", "clic", "clique"), "clicked"),
    **dict.fromkeys(
        ("hardbounce", "bounced", "bounce", "invalid", "invalidemail", "blocked", "rebond", "cleaned"), "bounced"
    ),
    **dict.fromkeys(("softbounce", "soft", "deferred", "rebondtemporaire"), "soft_bounced"),
    **dict.fromkeys(
        ("unsubscribed", "unsubscribe", "unsub", "optout", "desinscrit", "desinscription", "desabonne"), "unsubscribed"
    ),
    **dict.fromkeys(("complaint", "complained", "spam", "spamcomplaint", "abuse", "spamreport", "plainte"), "complained"),
}
"""What tools call what happened, without accents, blanks and signs."""

KINDS: Final = ("sent", "opened", "clicked", "bounced", "soft_bounced", "unsubscribed", "complained")

_REASONS: Final = {
    "address.missing": N_("there is no address"),
    "address.unknown": N_("nobody in the book has this address"),
    "event.unknown": N_("this is no event that is known: {known}"),
    "date.missing": N_("there is no date; say when with --at"),
    "date.format": N_("this is no date"),
}
_PHONES: Final = ("sms", "phone", "auto_call")
_DATES: Final = (
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S",
)


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
        columns = self._columns()
        rejects: list[Reject] = []
        events: list[tuple[int, Envelope]] = []
        names = column_keys(self.table.header)
        skipped = 0
        cells = zip(self.table.lines.to_pylist(), self.table.columns.to_pylist(), strict=True)
        for line, values in cells:
            row = dict(zip(names, values.values(), strict=True))
            given = {name: (row.get(header) or "").strip() for name, header in columns.items()}
            if not any(given.values()):
                skipped += 1
                continue
            try:
                customer, kind, at = self._customer(given), self._kind(given), self._at(given)
                events += [(line, one) for one in self._made(kind, given, customer, at)]
            except _Unfit as error:
                message = _(_REASONS[error.code]).format(known=", ".join(KINDS))
                column = columns.get(error.field, "")
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
                occurred_at=min(at, self.now),  # a tool with another clock: who said no says so now, not later
                customer=customer,
                source=RESULTS_SOURCE,
                id=self._key(type, customer, at, given),
            )

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

    def _columns(self) -> dict[str, str]:
        """Which header is what.

        Raises:
            WrongUse: there is no such header, or none for the address or what happened.
        """
        headers = column_keys(self.table.header)
        found: dict[str, str] = {}
        known = {_plain(header): header for header in reversed(headers)}
        for name, words in FIELDS.items():
            fitting = [known[word] for word in map(_plain, words) if word in known]
            found |= {name: fitting[0]} if fitting else {}
        for name, header in self.how.columns.items():
            if name not in FIELDS:
                raise WrongUse(_("--column takes {names}, not {name!r}").format(names=", ".join(FIELDS), name=name))
            if header not in headers:
                raise WrongUse(_("the file has no column {header!r}").format(header=header))
            found[name] = header
        if "address" not in found:
            raise WrongUse(_("no column is known to hold the address; name it with --column address=HEADER"))
        if "event" not in found and self.how.event is None:
            said = _(
                "no column says what happened; name it with --column event=HEADER, or say with --event what all rows are"
            )
            raise WrongUse(said)
        if self.how.event is not None and _plain(self.how.event) not in EVENTS:
            raise WrongUse(_("--event is one of {known}").format(known=", ".join(KINDS)))
        return found

    def _customer(self, given: Mapping[str, str]) -> str:
        text = given["address"]
        if not text:
            raise _Unfit("address.missing", "address")
        address = re.sub(r"[^0-9]", "", text)[-9:] if self.manifest.channel in _PHONES else text.lower()
        found = self.people.by_address.get(text) or self.people.by_address.get(address)
        if found is None:
            raise _Unfit("address.unknown", "address")
        return found

    def _kind(self, given: Mapping[str, str]) -> str:
        word = _plain(self.how.event or given.get("event", ""))
        if word not in EVENTS:
            raise _Unfit("event.unknown", "event")
        return EVENTS[word]

    def _at(self, given: Mapping[str, str]) -> datetime:
        text = given.get("date", "")
        if not text:
            if self.how.at is None:
                raise _Unfit("date.missing", "date")
            return self.how.at
        found = _read_time(text)
        if found is None:
            raise _Unfit("date.format", "date")
        return found if found.tzinfo else found.replace(tzinfo=self.zone)

    def _key(self, type: str, customer: str, at: datetime, given: Mapping[str, str]) -> str:
        """What makes a result the same when its file comes again. It stays as it is, so it names nobody but by id."""
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


def _read_time(text: str) -> datetime | None:
    """A date and time as mailing tools write them; a day alone is its noon."""
    try:
        found = datetime.fromisoformat(text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else ""))
    except ValueError:
        for form in _DATES:
            try:
                found = datetime.strptime(text, form)
                break
            except ValueError:
                continue
        else:
            return None
    is_day = re.fullmatch(r"[0-9/-]+", text) is not None
    return datetime.combine(date(found.year, found.month, found.day), time(12)) if is_day else found


def _without_query(url: str) -> str:
    """The link without what may tell whose it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", folded)
