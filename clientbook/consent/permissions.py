"""States and permissions as tables, at an instant: for every customer, or for a few of whom copies are made."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
import pyarrow as pa

from clientbook.consent.reasons import REASONS
from clientbook.consent.rules import is_calling_time, pack_on
from clientbook.engine.duckdb import Engine, identifier, quoted
from clientbook.policy import ConsentPolicy, MessageProfile
from clientbook.projection.fold import names_from
from clientbook.projection.snapshots import Snapshot

CONSENT_TABLES: Final = ("consents", "permissions", "ending_consents")
"""The tables of this module that a query may name."""

_READ: Final = ("customers", "orders", "order_lines", "interactions", "consent_history")
"""Tables with rows of customers that a decision reads."""

ASKED: Final = pa.schema(
    [
        ("ask_id", pa.int32()),
        ("message", pa.string()),
        ("channel", pa.string()),
        ("purpose", pa.string()),
        ("promotional", pa.bool_()),
        ("third_party_content", pa.bool_()),
        ("categories", pa.list_(pa.string())),
        ("products_similar", pa.bool_()),
        ("unsubscribe", pa.bool_()),
        ("names_sender", pa.bool_()),
        ("names_source", pa.bool_()),
        ("related_to_occupation", pa.bool_()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is to be sent."""

    profile: MessageProfile
    message: str | None = None
    """The profile's name; None for one that the shop did not declare."""

    @property
    def pair(self) -> tuple[str, str]:
        """Channel and purpose."""
        return self.profile.channel, self.profile.purpose


@dataclass(frozen=True, kw_only=True)
class Setting:
    """All that a decision depends on besides the person."""

    at: datetime
    policy: ConsentPolicy
    adopted_at: datetime | None
    """When the policy was adopted; None where none was by then."""
    timezone: str

    @property
    def local(self) -> datetime:
        return self.at.astimezone(zoneinfo.ZoneInfo(self.timezone))

    @property
    def pack_id(self) -> str:
        return pack_on(self.local.date(), self.policy.country).id

    def row(self, *, calls: bool) -> dict[str, Any]:
        """The row of the table `decision`; whether it is a time to call costs a calendar, so only where that is asked."""
        pack, policy = pack_on(self.local.date(), self.policy.country), self.policy
        return {
            "at": self.at.astimezone(UTC),
            "day": self.local.date(),
            "timezone": self.timezone,
            "is_calling_time": calls and is_calling_time(self.local, pack, policy.calling_hours),
            "phone_needs_consent": pack.phone_needs_consent,
            "phone_max_calls": pack.phone_max_calls,
            "phone_days": pack.phone_days,
            "phone_cooldown_days": pack.phone_cooldown_days,
            "consent_age": pack.consent_age,
            "adult_age": pack.adult_age,
            "require_double_opt_in": policy.require_double_opt_in,
            "pending_days": policy.pending_days,
            "reconfirm_months": policy.reconfirm_months,
            "stale_blocks": policy.stale_mode == "block",
            "retention_months": policy.retention_months,
            "account_counts_as_customer": policy.account_counts_as_customer,
            "minimum_proof_grade": policy.minimum_proof_grade,
        }


@cache
def sql(name: str) -> str:
    """The text of one of this package's `.sql` files."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def configured(policy: ConsentPolicy, messages: Mapping[str, MessageProfile]) -> list[Ask]:
    """The pairs of channel and purpose that the policy names, each with the first message profile for it."""
    profiles = {(one.channel, one.purpose): (name, one) for name, one in reversed(list(messages.items()))}
    asks = []
    for channel in policy.channels:
        for purpose in policy.used_purposes:
            name, profile = profiles.get((channel, purpose), (None, MessageProfile(channel=channel, purpose=purpose)))
            asks.append(Ask(profile=profile, message=name))
    return asks


def open_consents(snapshot: Snapshot, setting: Setting, asks: Sequence[Ask] = (), *, schema: str = "main") -> None:
    """Make the table `consents` in a schema, from the tables there and in the main one."""
    engine = snapshot.engine
    _put(engine, schema, "decision", pa.Table.from_pylist([setting.row(calls=_has_calls(asks))]))
    _put(engine, schema, "purpose_tree", _pairs(("ancestor", "descendant"), setting.policy.descendants()))
    with names_from(engine, schema):
        engine.execute(f"create or replace table {schema}.current_addresses as {sql('current_addresses')}")
        engine.execute(f"create or replace view {schema}.acts as {sql('acts')}")
        engine.execute(f"create or replace view {schema}.judged_acts as select * exclude (merged_at) from {schema}.acts")
        if engine.value(f"select count(*) from (select 1 from {schema}.acts where merged_at is not null limit 1)"):
            _enter_strands(engine, schema)
        engine.execute(f"create or replace view {schema}.standing as {sql('standing')}")
        engine.execute(f"create or replace table {schema}.states as {sql('states')}")
        engine.execute(f"create or replace view {schema}.consents as {sql('consents')}")
        engine.execute(f"create or replace view {schema}.ending_consents as {sql('ending_consents')}")


def open_permissions(snapshot: Snapshot, setting: Setting, asks: Sequence[Ask], *, schema: str = "main") -> None:
    """Make the view `permissions` in a schema, and what it needs."""
    engine = snapshot.engine
    open_consents(snapshot, setting, asks, schema=schema)
    rows = [
        {"ask_id": number, "message": ask.message} | msgspec.to_builtins(ask.profile) for number, ask in enumerate(asks, 1)
    ]
    _put(engine, schema, "asked", pa.Table.from_pylist(rows, ASKED))
    similar = setting.policy.similar or _similar_of_shop(snapshot)
    _put(engine, schema, "similar_categories", _pairs(("category", "neighbour"), _neighbours(similar)))
    reasons = [(reason.code, reason.basis) for reason in REASONS.values()]
    _put(engine, schema, "reasons", _pairs(("reason_code", "legal_basis"), reasons))
    future = "future_known" if snapshot.moment.as_of is None else "future_recorded"
    snapshot.prepare(sql(future))
    with names_from(engine, schema):
        engine.execute(f"create or replace table {schema}.future_consents as {sql(future)}")
        for name in ("grants", "facts", "objections", "suppressions", "bought_categories", "similarity"):
            engine.execute(f"create or replace table {schema}.{name} as {sql(name)}")
        engine.execute(f"create or replace view {schema}.permissions as {_each(asks)}")


@contextmanager
def copies_of(snapshot: Snapshot, customer_ids: Iterable[str]) -> Iterator[str]:
    """A schema with only these customers' rows, those of whoever shares an address, and acts on these addresses.

    What is read of one customer from sorted files takes a few milliseconds, and each further decision on it little more.
    """
    engine, schema = snapshot.engine, "few"
    engine.execute(f"drop schema if exists {schema} cascade")
    engine.execute(f"create schema {schema}")
    listed = ", ".join(map(quoted, customer_ids)) or "''"
    with names_from(engine, schema):
        engine.execute(f"create table {schema}.customers as select * from main.customers where customer_id in ({listed})")
        engine.execute(f"create table {schema}.own_addresses as {sql('current_addresses')}")
    addresses = engine.table(f"select distinct address from {schema}.own_addresses where address is not null")
    named = ", ".join(map(quoted, addresses["address"].to_pylist())) or "''"
    sharing = engine.table(
        f"select customer_id from main.customers where customer_id not in ({listed})"
        f" and (lower(trim(email)) in ({named}) or right(regexp_replace(phone, '[^0-9]', '', 'g'), 9) in ({named}))"
    )["customer_id"].to_pylist()
    if sharing:
        others = ", ".join(map(quoted, sharing))
        engine.execute(f"insert into {schema}.customers select * from main.customers where customer_id in ({others})")
        listed = f"{listed}, {others}"
    for table in _READ[1:]:
        nameless = f" or customer_id is null and subject_address in ({named})" if table == "consent_history" else ""
        engine.execute(
            f"create table {schema}.{identifier(table)} as select * from main.{table}"
            f" where customer_id in ({listed}){nameless}"
        )
    try:
        yield schema
    finally:
        engine.execute(f"drop schema {schema} cascade")


def _each(asks: Sequence[Ask]) -> str:
    """The statement for each pair, one after the other: so a join looks at one channel's rows only."""
    statements = []
    for number, ask in enumerate(asks, 1):
        statement = sql("permissions")
        literals = {"ask_id": str(number), "channel": quoted(ask.profile.channel), "purpose": quoted(ask.profile.purpose)}
        for name, literal in literals.items():
            statement = statement.replace(f"{{{name}}}", literal)
        statements.append(f"({statement})")
    return " union all ".join(statements)


def _enter_strands(engine: Engine, schema: str) -> None:
    """Let what stood in merged entries enter the entry they were merged into."""
    acts = f"{schema}.acts"
    engine.execute(
        f"create or replace view {schema}.judged_acts as"
        f" select * exclude (merged_at) from {acts} where merged_at is not null"
    )
    engine.execute(f"create or replace table {schema}.strand_standing as {sql('standing')}")
    engine.execute(f"create or replace table {schema}.strand_acts as {sql('strands')}")
    engine.execute(
        f"create or replace view {schema}.judged_acts as select * exclude (merged_at) from {acts} where merged_at is null"
        f" union all by name select * from {schema}.strand_acts"
    )


def _similar_of_shop(snapshot: Snapshot) -> dict[str, list[str]]:
    said = snapshot.engine.value("select similar_products from main.similar_products")
    try:
        return msgspec.json.decode(said, type=dict[str, list[str]]) if said else {}
    except msgspec.DecodeError:
        return {}  # not in a form that can be read: nothing is known to be similar


def _neighbours(similar: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Each category that may be offered, with each that the customer may have bought for it."""
    return sorted({(offered, bought) for bought, others in similar.items() for offered in others})


def _has_calls(asks: Sequence[Ask]) -> bool:
    return any(ask.profile.channel == "phone" for ask in asks)


def _pairs(names: tuple[str, str], rows: Sequence[tuple[str, str | None]]) -> pa.Table:
    return pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)})


def _put(engine: Engine, schema: str, name: str, table: pa.Table) -> None:
    """Make a small table of what Python knows."""
    engine.register(f"{schema}_{name}", table)
    engine.execute(f"create or replace table {schema}.{name} as select * from {schema}_{name}")
