"""Certificates: what the book knew about a person's permission, bound to a position of the log so that it can be checked.

`certify` states it, `certificate_text` writes it for people, `check` holds a statement against the book.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from clientbook.consent.deciding import decide
from clientbook.consent.desk import ConsentDesk
from clientbook.consent.permissions import Ask, Setting, configured
from clientbook.consent.rules import pack_digest
from clientbook.i18n import _, language
from clientbook.log.ledger import Erased
from clientbook.log.parquet import ParquetLog
from clientbook.log.proof import chain_digest_at, row_digests_at
from clientbook.policy import ConsentPolicy, MessageProfile, stored_policy
from clientbook.projection.moment import Moment
from clientbook.projection.snapshots import Snapshot
from clientbook.query.customers import CustomerNotFound, find_customer

LAYOUT: Final = 1
"""Number of the form of certificates; a reader refuses another one."""

_ACTS: Final = """
select
    occurred_at, recorded_at, position, act, channel, purpose, address, scope, cause, opt_in_level, notice_id,
    notice_version, method, surface, form_id, url, box_default, bundled, evidence_sha256, parental, undated, valid_until,
    opt_out_ticked, do_not_call_listed, recorded_by, source, actor, batch
from consent_history
where customer_id = $id
order by occurred_at, position, channel, purpose
"""
_NOTICES: Final = """
select notice_id, version, language, published_at, position, sha256, text
from notices
where exists (
    select 1 from consent_history as history
    where history.customer_id = $id and history.notice_id = notices.notice_id
        and coalesce(history.notice_version, notices.version) = notices.version
)
order by notice_id, version, language
"""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a certificate; what is not known is left out."""


class Person(_Part, frozen=True, kw_only=True):
    """Whom it is about."""

    customer_id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Act(_Part, frozen=True, kw_only=True):
    """One act about permission, for one channel and purpose."""

    occurred_at: datetime
    recorded_at: datetime
    position: int
    act: str
    channel: str | None = None
    purpose: str | None = None
    address: str | None = None
    scope: str | None = None
    cause: str | None = None
    opt_in_level: str | None = None
    notice_id: str | None = None
    notice_version: str | None = None
    method: str | None = None
    surface: str | None = None
    form_id: str | None = None
    url: str | None = None
    box_default: str | None = None
    bundled: bool | None = None
    evidence_sha256: str | None = None
    parental: bool | None = None
    undated: bool | None = None
    valid_until: datetime | None = None
    opt_out_ticked: bool | None = None
    do_not_call_listed: bool | None = None
    recorded_by: str | None = None
    source: str | None = None
    actor: str | None = None
    batch: str | None = None


class Notice(_Part, frozen=True, kw_only=True):
    """A wording that the person was shown."""

    notice_id: str
    version: str
    language: str
    published_at: datetime
    position: int
    sha256: str
    text: str


class Decided(_Part, frozen=True, kw_only=True):
    """What the decision was for one channel and purpose."""

    channel: str
    purpose: str
    message: str | None = None
    decision: str
    reason_code: str
    legal_basis: str | None = None
    obligations: list[str] = []
    warnings: list[str] = []
    evidence: list[int] = []


class Adopted(_Part, frozen=True, kw_only=True):
    """The policy that decided."""

    digest: str
    text: str
    adopted_at: datetime | None = None
    """Left out where none had been adopted by then."""


class Evidence(_Part, frozen=True, kw_only=True):
    """An event that the certificate rests on, and the SHA-256 of its salted canonical text."""

    position: int
    digest: str


class Asked(_Part, frozen=True, kw_only=True):
    """What was to be sent. A declared message stands in `book.toml`, not in the log."""

    message: str | None = None
    profile: MessageProfile


class Certificate(_Part, frozen=True, kw_only=True):
    """All that a certificate says. What `clientbook consent certificate --json` prints."""

    certificate: int
    language: str
    made_at: datetime
    book: str
    controller: str
    timezone: str
    customer: Person
    at: datetime
    as_of: datetime | None = None
    """Later events were left out, unless `at` was not past when it was made."""
    known_at: datetime | None = None
    position: int
    commit: int
    recorded_at: datetime
    """When that commit was."""
    chain_digest: str
    rule_pack: str
    rule_pack_sha256: str
    policy: Adopted
    asked: list[Asked]
    facts: dict[str, Any]
    """What was known of the person, by name."""
    decisions: list[Decided]
    acts: list[Act]
    notices: list[Notice]
    evidence: list[Evidence]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that the book does not say as the certificate does."""

    what: str
    message: str


@dataclass(kw_only=True)
class Checked:
    """What holding a certificate against the book gave."""

    position: int
    digest: str
    differences: list[Difference] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    """Entries of the erasure ledger that took events it rests on out of the book."""
    remarks: list[str] = field(default_factory=list)

    @property
    def is_confirmed(self) -> bool:
        return not self.differences and not self.erased

    def differs(self, what: str, message: str) -> None:
        self.differences.append(Difference(what=what, message=message))


@dataclass(frozen=True, kw_only=True)
class Certifier:
    """Makes and checks certificates of one book."""

    desk: ConsentDesk
    log: ParquetLog

    def certify(
        self,
        customer: str,
        *,
        channel: str | None = None,
        purpose: str | None = None,
        message: str | None = None,
        at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> Certificate:
        """What the book knew of a customer's permission: for one channel and purpose, or for those of the policy.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            UnknownMessage: the message is not declared.
        """
        desk, instant = self.desk, at or self.desk.now
        known_at = known_at if known_at and known_at < desk.now else None  # all that is known now, else
        with desk.snapshot(instant, known_at) as snapshot:
            customer_id = find_customer(snapshot.engine, customer)
            setting = desk.setting(snapshot, instant)
            asks = (
                [desk.ask(channel, purpose, message)]
                if channel and purpose
                else configured(setting.policy, desk.settings.messages)
            )
            said = _said(snapshot, setting, customer_id, asks)
            head = snapshot.head
        assert head.recorded_at is not None  # somebody stands in it
        return Certificate(
            certificate=LAYOUT,
            language=language(),
            made_at=_utc(max(desk.now, head.recorded_at)),
            book=desk.settings.name,
            controller=setting.policy.controller or desk.settings.name,
            timezone=desk.settings.timezone,
            at=_utc(instant),
            as_of=_utc(snapshot.moment.as_of) if snapshot.moment.as_of else None,
            known_at=_utc(known_at) if known_at else None,
            position=head.position,
            commit=head.commit,
            recorded_at=_utc(head.recorded_at),
            chain_digest=head.digest.hex(),
            rule_pack=setting.pack_id,
            rule_pack_sha256=pack_digest(setting.pack_id),
            policy=Adopted(
                digest=setting.policy.digest(),
                text=setting.policy.text(),
                adopted_at=_utc(setting.adopted_at) if setting.adopted_at else None,
            ),
            asked=[Asked(message=ask.message, profile=ask.profile) for ask in asks],
            evidence=self._evidence(said),
            **parts_of(said),
        )

    def check(self, stated: Certificate) -> Checked:
        """Hold a certificate against the book: the chain, the events, then everything computed anew from them.

        Raises:
            DamagedLog: the log cannot be read.
        """
        found = Checked(position=stated.position, digest=stated.chain_digest)
        erased = self.log.ledger.erased()
        self._check_chain(stated, erased, found)
        self._check_evidence(stated, erased, found)
        if not any(one.what == "position" for one in found.differences):
            self._check_said(stated, found)
        self._compare_settings(stated, found)
        return found

    def _evidence(self, said: _Said) -> list[Evidence]:
        positions = _positions(said)
        digests = row_digests_at(self.log, positions)
        return [Evidence(position=one, digest=digests[one].hex()) for one in sorted(positions) if one in digests]

    def _check_chain(self, stated: Certificate, erased: Erased, found: Checked) -> None:
        commits = self.log.commits()
        mark = commits.at(stated.position)
        if mark is None or mark.commit != stated.commit:
            said = _("no commit {commit} of this book ends at position {position}")
            found.differs("position", said.format(commit=stated.commit, position=stated.position))
            return
        digest = (chain_digest_at(self.log, stated.position, erased) or mark.digest).hex()
        if len(stated.chain_digest) < len(mark.digest.hex()) or not digest.startswith(stated.chain_digest):
            found.differs("chain_digest", _("the chain of this book has another digest at that position"))
        if mark.recorded_at != stated.recorded_at:
            found.differs("recorded_at", _("that commit was recorded at another time"))
        later = next((one.recorded_at for one in commits.marks if one.position > stated.position), None)
        if stated.made_at < stated.recorded_at or (stated.known_at is None and later and stated.made_at >= later):
            found.differs("made_at", _("it cannot have been made then: the book held less, or more"))
        known = commits.known_at(stated.known_at) if stated.known_at else mark
        if known != mark:
            found.differs("known_at", _("that is not what was known then"))

    def _check_evidence(self, stated: Certificate, erased: Erased, found: Checked) -> None:
        now = row_digests_at(self.log, [one.position for one in stated.evidence])
        entries = set()
        for one in stated.evidence:
            digest = now.get(one.position)
            original = erased.original.get(one.position)
            if original is not None and original.hex() == one.digest and digest != original:
                entries.add(erased.number[one.position])
            elif digest is None or digest.hex() != one.digest:
                said = _("the event at position {position} is not the one that was certified")
                found.differs(f"evidence {one.position}", said.format(position=one.position))
        found.erased = sorted(entries)

    def _check_said(self, stated: Certificate, found: Checked) -> None:
        try:
            policy = stored_policy(stated.policy.text)
            asks = [Ask(profile=one.profile, message=one.message) for one in stated.asked]
            with self.desk.projector.snapshot(Moment(as_of=stated.as_of, position=stated.position)) as snapshot:
                self._check_policy(snapshot, stated, policy, found)
                setting = Setting(
                    at=stated.at, policy=policy, adopted_at=stated.policy.adopted_at, timezone=self.desk.settings.timezone
                )
                said = _said(snapshot, setting, find_customer(snapshot.engine, stated.customer.customer_id), asks)
        except CustomerNotFound:
            if not found.erased:
                found.differs("customer", _("this book knew no such customer then"))
            return
        except (msgspec.MsgspecError, OverflowError):
            found.differs("policy", _("it is not a policy"))
            return
        if stated.as_of not in (None, stated.at) or (stated.as_of is None) != (stated.at >= stated.made_at):
            found.differs("as_of", _("that is not how it is made"))
        if (stated.rule_pack, stated.rule_pack_sha256) != (setting.pack_id, pack_digest(setting.pack_id)):
            found.differs("rule_pack", _("this program has other rules for that day"))
        for what, message in _compared(msgspec.to_builtins(_stated(stated)), msgspec.to_builtins(said)):
            found.differs(what, message)
        positions = _positions(said)
        if positions != {one.position for one in stated.evidence}:
            found.differs("evidence", _("it rests on other events"))

    def _check_policy(self, snapshot: Snapshot, stated: Certificate, policy: ConsentPolicy, found: Checked) -> None:
        adopted_at = stated.policy.adopted_at
        adopted = snapshot.engine.rows(
            "select policy, adopted_at from policies where adopted_at <= $at"
            " order by adopted_at desc, position desc limit 1",
            {"at": stated.at},
        )
        if sha256(stated.policy.text.encode()).hexdigest() != stated.policy.digest:
            found.differs("policy", _("its digest is not that of its text"))
        elif adopted and (adopted[0]["adopted_at"], stored_policy(adopted[0]["policy"])) != (adopted_at, policy):
            found.differs("policy", _("another policy was in force then"))
        elif not adopted and (adopted_at or policy not in (ConsentPolicy(), self.desk.settings.consent)):
            found.differs("policy", _("no policy had been adopted then, and this one is not the one that holds without"))

    def _compare_settings(self, stated: Certificate, found: Checked) -> None:
        """What stands in `book.toml`, which the log cannot prove."""
        settings = self.desk.settings
        names = {"book": settings.name, "timezone": settings.timezone}
        changed = [name for name, now in names.items() if getattr(stated, name) != now]
        if stated.controller not in (stored_controller(stated) or settings.name, stated.book):
            found.differs("controller", _("the policy names somebody else"))
        changed += [
            f"messages.{one.message}"
            for one in stated.asked
            if one.message and settings.messages.get(one.message) != one.profile
        ]
        said = _("book.toml says otherwise today, and the log cannot tell what it said then: {entry}")
        found.remarks += [said.format(entry=one) for one in changed]


class _Said(_Part, frozen=True, kw_only=True):
    """What can be computed anew."""

    customer: Person
    facts: dict[str, Any]
    decisions: list[Decided]
    acts: list[Act]
    notices: list[Notice]


def parts_of(said: _Said) -> dict[str, Any]:
    """Its parts by name, as they are."""
    return {name: getattr(said, name) for name in said.__struct_fields__}


def stored_controller(stated: Certificate) -> str | None:
    """Who is responsible by the policy in a certificate."""
    try:
        return stored_policy(stated.policy.text).controller
    except msgspec.MsgspecError:
        return None


def _said(snapshot: Snapshot, setting: Setting, customer_id: str, asks: Sequence[Ask]) -> _Said:
    person = snapshot.engine.rows(
        "select customer_id, name, email, phone from customers where customer_id = $id", {"id": customer_id}
    )
    acts = snapshot.engine.rows(_ACTS, {"id": customer_id})
    notices = snapshot.engine.rows(_NOTICES, {"id": customer_id})
    decided = [decide(snapshot, setting, customer_id, ask, until=False) for ask in asks]
    return _Said(
        customer=_made(Person, person[0]),
        facts={name: _plain(value) for name, value in decided[0].facts.items() if value is not None},
        decisions=[_made(Decided, {name: getattr(one, name) for name in Decided.__struct_fields__}) for one in decided],
        acts=[_made(Act, row) for row in acts],
        notices=[_made(Notice, row) for row in notices],
    )


def _stated(stated: Certificate) -> _Said:
    return _Said(**{name: getattr(stated, name) for name in _Said.__struct_fields__})


def _made(part: type[Any], row: dict[str, Any]) -> Any:
    return part(**{name: _utc(one) if isinstance(one, datetime) else one for name, one in row.items() if one is not None})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


def _positions(said: _Said) -> set[int]:
    """Events that a certificate rests on: acts, wordings, and what decided."""
    decided = {position for one in said.decisions for position in one.evidence}
    return decided | {one.position for one in said.acts} | {one.position for one in said.notices}


def _compared(stated: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each field in which two statements differ: a path such as `acts 2 occurred_at`; and what is wrong, without values."""
    message = _("the book says otherwise")
    for name, there in now.items():
        here = stated.get(name)
        if not isinstance(there, list) or not isinstance(here, list):
            yield from ((f"{name} {one}", message) for one in _fields(here, there))
            continue
        if len(here) != len(there):
            yield name, _("it states {stated}, the book has {count}").format(stated=len(here), count=len(there))
            continue
        for number, (one, other) in enumerate(zip(here, there, strict=True), 1):
            yield from ((f"{name} {number} {what}", message) for what in _fields(one, other))


def _fields(one: Any, other: Any) -> Iterable[str]:
    names = {**one, **other} if isinstance(one, dict) and isinstance(other, dict) else {}
    return [name for name in names if one.get(name) != other.get(name)]
