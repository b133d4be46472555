"""One decision: may we write to this person, by this channel, for this purpose, at this instant, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from clientbook.consent.permissions import Ask, Setting, copies_of, open_permissions
from clientbook.consent.reasons import REASONS, obligations
from clientbook.consent.rules import calling_bounds, pack_on, rule_packs
from clientbook.engine.duckdb import Engine
from clientbook.i18n import _
from clientbook.policy import SERVICE_PURPOSES
from clientbook.projection.fold import names_from
from clientbook.projection.snapshots import Snapshot

LAST_YEAR: Final = 9000
"""Dates after it are slips of the pen; months are added to those before."""

DAYS_OF_HOURS: Final = 10
"""Calling hours change within so many days: no weekend with holidays around it is longer."""

_AFTER: Final = timedelta(microseconds=1)
_BEFORE_HOURS: Final = frozenset({"PHONE_COOLDOWN", "PHONE_FREQUENCY", "OK_CONSENT"})


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether a message may be sent, and why. What `clientbook consent check --json` prints."""

    decision: str
    """allow or deny."""
    reason_code: str
    reason: str
    legal_basis: str | None
    obligations: list[str]
    warnings: list[str]
    next_action: str | None
    evidence: list[int]
    """Positions of the events that decided."""
    rule_source: str
    certainty: str
    rule_pack: str
    policy: str
    """Digest of the policy."""
    policy_adopted_at: datetime | None
    """None: none was adopted by then, and today's decided."""
    customer_id: str
    channel: str
    purpose: str
    message: str | None
    at: datetime
    known_at: datetime | None
    valid_until: datetime | None
    """With no new event the answer is the same until then, and another one just after; None: for ever."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What was known of the person, by name; None is unknown."""


def decide(snapshot: Snapshot, setting: Setting, customer_id: str, ask: Ask, *, until: bool = True) -> Decision:
    """The decision for one customer; `until` also finds when it changes, by asking for each date that matters."""
    with copies_of(snapshot, [customer_id]) as schema:
        row = _answer(snapshot, setting, ask, customer_id, schema)
        facts = _facts(snapshot.engine, schema, customer_id)
        flips = _valid_until(snapshot, setting, ask, customer_id, schema, row) if until else None
    reason = REASONS[row["reason_code"]]
    needed = obligations(
        ask.profile.channel,
        is_marketing=ask.profile.purpose not in SERVICE_PURPOSES,
        is_bought=row["collected_via"] == "bought",
    )
    return Decision(
        decision=row["decision"],
        reason_code=reason.code,
        reason=_(reason.means),
        legal_basis=reason.basis,
        obligations=needed if reason.allows else [],
        warnings=row["warnings"],
        next_action=_(reason.next) if reason.next else None,
        evidence=row["evidence"],
        rule_source=reason.source,
        certainty=_(reason.certainty),
        rule_pack=setting.pack_id,
        policy=setting.policy.digest(),
        policy_adopted_at=setting.adopted_at,
        customer_id=customer_id,
        channel=ask.profile.channel,
        purpose=ask.profile.purpose,
        message=ask.message,
        at=setting.at,
        known_at=snapshot.moment.known_at,
        valid_until=flips,
        facts=facts,
    )


def _answer(snapshot: Snapshot, setting: Setting, ask: Ask, customer_id: str, schema: str) -> dict[str, Any]:
    open_permissions(snapshot, setting, [ask], schema=schema)
    with names_from(snapshot.engine, schema):
        found = snapshot.engine.rows("select * from permissions where customer_id = $customer", {"customer": customer_id})
    return found[0]


def _facts(engine: Engine, schema: str, customer_id: str) -> dict[str, Any]:
    columns = (
        "person_kind, status, age, last_purchase, has_account, has_open_contract, last_positive_act, collected_via,"
        " collected_from_person, informed_at_collection, bloctel_listed, calls as calls_last_30_days, call_refused_on"
    )
    found = engine.rows(f"select {columns} from {schema}.facts where customer_id = $id", {"id": customer_id})
    return found[0]


def _valid_until(
    snapshot: Snapshot, setting: Setting, ask: Ask, customer_id: str, schema: str, now: dict[str, Any]
) -> datetime | None:
    """The last instant at which the answer is the same."""

    def is_other(at: datetime) -> bool:
        return _said(_answer(snapshot, replace(setting, at=at), ask, customer_id, schema)) != _said(now)

    for instant in _instants(snapshot.engine, setting, ask, customer_id, schema, now["reason_code"]):
        if is_other(instant + _AFTER):
            return instant - _AFTER if is_other(instant) else instant
    return None


def _said(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["decision"], row["reason_code"], row["legal_basis"], tuple(row["warnings"])


def _instants(engine: Engine, setting: Setting, ask: Ask, customer_id: str, schema: str, reason: str) -> list[datetime]:
    """Every instant after which something that a decision depends on may be different, in order."""
    zone, policy = ZoneInfo(setting.timezone), setting.policy
    pack = pack_on(setting.local.date(), policy.country)
    days: set[date] = {one.valid_from for one in rule_packs(policy.country)}
    instants: set[datetime] = set()
    for row in engine.rows(f"select occurred_at, valid_until from {schema}.consent_history"):
        instants |= {row["occurred_at"], *([row["valid_until"]] if row["valid_until"] else [])}
    customer = engine.rows(f"select * from {schema}.customers where customer_id = $id", {"id": customer_id})[0]
    happened = {one for one in (customer["last_reaction_at"], customer["last_order_at"]) if one}
    for table, column in (("orders", "placed_at"), ("interactions", "occurred_at")):
        chosen = " and type in ('call_made', 'contract_opened', 'contract_closed')" if table == "interactions" else ""
        found = engine.rows(
            f"select distinct {column} as t from {schema}.{table} where customer_id = '{customer_id}'{chosen}"
        )
        happened |= {row["t"] for row in found}
    happened |= instants
    for instant in happened:
        day = instant.astimezone(zone).date()
        instants.add(instant)
        if day.year > LAST_YEAR:
            continue  # what such a date would lead to lies beyond the calendar
        instants |= {instant + timedelta(days=policy.pending_days), instant + timedelta(days=pack.phone_days)}
        days |= {_after_months(day, months) for months in (policy.reconfirm_months, policy.retention_months)}
        days.add(day + timedelta(days=pack.phone_cooldown_days))
    days |= _birthdays(customer, (pack.consent_age, pack.adult_age))
    licence = engine.value(f"select licence_until from {schema}.facts where customer_id = '{customer_id}'")
    days |= {licence + timedelta(days=1)} if licence else set()
    instants |= {datetime.combine(day, time(), zone) for day in days if day.year <= LAST_YEAR}
    if ask.profile.channel == "phone" and reason not in _BEFORE_HOURS:
        today = setting.local.date()
        for number in range(DAYS_OF_HOURS):
            bounds = calling_bounds(today + timedelta(days=number), pack, policy.calling_hours)
            instants |= {bound.replace(tzinfo=zone) for bound in bounds}
    return sorted(found.astimezone(UTC) for found in instants if found >= setting.at and found.year <= LAST_YEAR)


def _after_months(day: date, months: int) -> date:
    """The day after the one so many months later, which is the month's last where it has no such day."""
    month = day.month - 1 + months
    first = date(day.year + month // 12, month % 12 + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1)) + timedelta(days=1)


def _birthdays(customer: dict[str, Any], ages: Iterable[int]) -> set[date]:
    born, year = customer["birth_date"], customer["birth_year"]
    if born:
        # Who was born on 29 February comes of age on the 28th where there is none, as the SQL has it.
        return {_after_months(born, 12 * age) - timedelta(days=1) for age in ages}
    return {date(year + age + 1, 1, 1) for age in ages} if year else set()
