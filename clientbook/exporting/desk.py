"""Exports of one book: prepared, noted, listed, made again. What `Book.exports` gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from clientbook.consent.desk import ConsentDesk
from clientbook.consent.permissions import Ask, Setting
from clientbook.errors import ClientbookError, WrongUse
from clientbook.events.actions import Manifest
from clientbook.exporting.audience import Audience, Rule, find_audience, table_digest
from clientbook.exporting.destinations import destination, written
from clientbook.exporting.manifest import Export, campaign_name, exports, new_manifest_id, outcomes
from clientbook.hooks.declarations import Exporter
from clientbook.hooks.manager import Plugins
from clientbook.i18n import _
from clientbook.importing.noting import Decision, Noted
from clientbook.policy import SERVICE_PURPOSES, ConsentPolicy, MessageProfile, stored_policy
from clientbook.projection.moment import Moment
from clientbook.projection.snapshots import Projector, Snapshot
from clientbook.query.parameters import free_value, stored
from clientbook.reading import Reading
from clientbook.segments.catalogue import Catalogue
from clientbook.settings import Settings


class BookMoved(ClientbookError):
    """Something was recorded while an audience was computed: somebody may have said no meanwhile."""


class CannotAudit(ClientbookError):
    """An export cannot be made again."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be exported."""

    destination: str
    segment: str | None = None
    where: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    channel: str | None = None
    purpose: str | None = None
    message: str | None = None
    """A message profile of book.toml; it says channel and purpose where these are left out."""
    columns: tuple[str, ...] = ()
    campaign: str | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An export that can be handed over, and is to be noted then."""

    audience: Audience
    manifest: Manifest
    exporter: Exporter
    data: bytes
    book_recorded_at: datetime | None
    """When the book's last event was recorded."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """An export made again."""

    export: Export
    audience: Audience
    data: bytes
    digest: str
    erased_since: int
    """People erased since; the one reason for which a past answer changes."""

    @property
    def is_same(self) -> bool:
        """Whether the bytes are the same."""
        return self.digest == self.export.manifest.digest

    @property
    def has_same_rows(self) -> bool:
        """Whether the rows are, even if the file is not."""
        return table_digest(self.audience.table) == self.export.manifest.table_digest


@dataclass(frozen=True, kw_only=True)
class ExportDesk:
    """What makes exports, and tells of those that were made."""

    projector: Projector
    settings: Settings
    plugins: Plugins
    read: Callable[[], Reading]
    note: Callable[..., Any]
    erased_since: Callable[[datetime | None], int]
    clock: Callable[[], datetime]

    def prepare(self, wish: Wish) -> Prepared:
        """Who is written to now, and the file for the destination; nothing is noted yet.

        Raises:
            WrongUse: the destination, the segment, the rule or the message is none, or they do not fit.
            ExportFailed: the destination's exporter failed.
        """
        exporter = destination(self.plugins, wish.destination)
        with self.read() as reading:
            ask = self._ask(reading.consent, wish, exporter)
            rule = _rule(reading, wish)
            made = exports(reading.snapshot)
            setting = reading.consent.setting(reading.snapshot, reading.at)
            campaign = wish.campaign or campaign_name(
                reading.day, wish.segment or _named(exporter), (one.campaign for one in made)
            )
            audience = find_audience(reading, setting, ask, rule, campaign=campaign, columns=wish.columns)
            head = reading.snapshot.head
        data = written(self.plugins, exporter, audience.table)
        manifest = Manifest(
            manifest_id=new_manifest_id(setting.at),
            destination=exporter.id,
            destination_version=self.plugins.version(exporter.id) or None,
            rule=rule.text,
            rule_version=rule.version,
            segment_id=rule.segment_id,
            parameters={name: stored(value) for name, value in rule.params.items()},
            columns=list(wish.columns),
            as_of=setting.at,
            known_at=head.recorded_at,
            position=head.position,
            policy=setting.policy.digest(),
            rule_pack=setting.pack_id,
            channel=ask.profile.channel,
            purpose=ask.profile.purpose,
            message=ask.message,
            profile=msgspec.json.encode(ask.profile, order="sorted").decode(),
            counts=audience.counts,
            campaign=campaign,
            digest=sha256(data).hexdigest(),
            table_digest=table_digest(audience.table),
        )
        return Prepared(
            audience=audience, manifest=manifest, exporter=exporter, data=data, book_recorded_at=head.recorded_at
        )

    def record(self, prepared: Prepared, *, actor: str | None = None) -> int:
        """Note that the audience leaves the book; the position of the event that says so.

        Raises:
            BookMoved: something was recorded since it was prepared.
        """
        _customer, outcome = self.note(_exported(prepared.manifest), occurred_at=self.clock(), actor=actor)
        position: int = outcome.position
        return position

    def made(self) -> list[Export]:
        """Every export, the oldest first."""
        with self.projector.snapshot() as snapshot:
            return exports(snapshot)

    def made_with_outcomes(self) -> list[tuple[Export, dict[str, int]]]:
        """Every export with what came of its campaign."""
        with self.projector.snapshot() as snapshot:
            found = outcomes(snapshot)
            return [(one, found.get(one.campaign or "", {})) for one in exports(snapshot)]

    def audit(self, export: Export) -> Audit:
        """Make an export again: the rule, the policy and the book of that moment.

        Raises:
            CannotAudit: the manifest says too little, or its policy or destination is not known here.
        """
        manifest = export.manifest
        if manifest.as_of is None or manifest.position is None or manifest.profile is None:
            raise CannotAudit(_("{id}: its manifest says too little to make it again").format(id=manifest.manifest_id))
        exporter = destination(self.plugins, manifest.destination)
        profile = msgspec.json.decode(manifest.profile, type=MessageProfile)
        settings = msgspec.structs.replace(self.settings, consent=self._policy(manifest))
        setting = Setting(at=manifest.as_of, policy=settings.consent, adopted_at=None, timezone=settings.timezone)
        params = {name: free_value(text) for name, text in manifest.parameters.items()}
        with self._reading_at(manifest.as_of, manifest.position, settings) as reading:
            audience = find_audience(
                reading,
                setting,
                Ask(profile=profile, message=manifest.message),
                Rule(text=manifest.rule, params=params),
                campaign=manifest.campaign or "",
                columns=manifest.columns,
            )
        data = written(self.plugins, exporter, audience.table)
        return Audit(
            export=export,
            audience=audience,
            data=data,
            digest=sha256(data).hexdigest(),
            erased_since=self.erased_since(export.recorded_at),
        )

    def _reading_at(self, at: datetime, position: int, settings: Settings) -> Reading:
        snapshot = self.projector.snapshot(Moment(position=position))
        consent = ConsentDesk(projector=self.projector, settings=settings, now=at)
        return Reading(snapshot=snapshot, at=at, settings=settings, plugins=self.plugins, consent=consent)

    def _policy(self, manifest: Manifest) -> ConsentPolicy:
        with self.projector.snapshot() as snapshot:
            adopted = snapshot.engine.table("select policy from policies order by position")["policy"].to_pylist()
        for policy in (*map(stored_policy, adopted), ConsentPolicy(), self.settings.consent):
            if policy.digest() == manifest.policy:
                return policy
        raise CannotAudit(_("{id}: the consent policy of then is not in the book").format(id=manifest.manifest_id))

    def _ask(self, consent: ConsentDesk, wish: Wish, exporter: Exporter) -> Ask:
        """What is to be sent.

        Raises:
            WrongUse: channel or purpose is missing, or the destination does not send by that channel.
        """
        channel, purpose = wish.channel, wish.purpose
        profile = self.settings.messages.get(wish.message) if wish.message else None
        if profile is not None:
            channel, purpose = channel or profile.channel, purpose or profile.purpose
        if channel is None or purpose is None:
            raise WrongUse(_("say what is sent: --channel and --purpose, or --message NAME of book.toml"))
        known = {*self.settings.consent.tree(), "consent_refresh"}
        ask = consent.ask(channel, purpose, wish.message)
        if exporter.channels and channel not in exporter.channels:
            said = _("{destination} sends by {channels}, not by {channel}")
            listed = ", ".join(exporter.channels)
            raise WrongUse(said.format(destination=_(exporter.label), channels=listed, channel=channel))
        if purpose not in known and purpose not in SERVICE_PURPOSES:
            raise WrongUse(_("there is no purpose {purpose!r}").format(purpose=purpose))
        return ask


def _rule(reading: Reading, wish: Wish) -> Rule:
    """Whom the wish means.

    Raises:
        WrongUse: not exactly one of segment and filter is given, or the segment is none.
    """
    if (wish.segment is None) == (wish.where is None):
        raise WrongUse(_("say who is meant, either with --segment or with --where"))
    if wish.where is not None:
        return Rule(text=wish.where, params={name: free_value(text) for name, text in wish.params.items()})
    segment = Catalogue(reading).one(str(wish.segment), wish.params)
    expression = segment.sound
    defined = reading.engine.rows("select position from segments_defined where segment_id = $id", {"id": segment.id})
    version = str(defined[0]["position"]) if defined else reading.plugins.version(segment.id)
    if segment.rule is None:
        return Rule(text=f"in_segment('{segment.id}')", segment_id=segment.id, version=version)
    return Rule(text=expression.text, params=segment.params, segment_id=segment.id, version=version)


def _exported(manifest: Manifest) -> Decision:
    def decide(snapshot: Snapshot) -> Noted:
        if snapshot.position != manifest.position:
            raise BookMoved(_("events were recorded while the audience was computed; run the export again"))
        data = msgspec.to_builtins(manifest)
        return Noted(customer_id=None, events=[("audience_exported", {"manifest": data})])

    return decide


def _named(exporter: Exporter) -> str:
    return exporter.id.partition(".")[2]
