"""An audience: the members of a rule who may be written to, and the others with the reason why not.

The decision is the consent room's own statement, run once for all; nobody is in who is not in the allowed part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from typing import Final

import msgspec
import pyarrow as pa

from clientbook.consent.permissions import Ask, Setting, open_permissions
from clientbook.consent.reasons import REASONS, obligations
from clientbook.engine.duckdb import identifier
from clientbook.hooks.declarations import Value
from clientbook.i18n import N_, _
from clientbook.policy import SERVICE_PURPOSES
from clientbook.query.expressions import inlined
from clientbook.query.views import checked_columns
from clientbook.reading import Reading

OWN_REASONS: Final = {
    "NO_ADDRESS": N_("there is no address for this channel"),
    "DOUBTFUL_ADDRESS": N_("the address cannot be right"),
    "ADDRESS_REFUSED": N_("somebody else with the same address said no"),
    "SAME_ADDRESS": N_("somebody else in the audience has the same address"),
}
"""Why somebody is left out who may be written to, beside the reason codes of decisions. Texts are msgids."""

ADDRESS_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("email",),
    "sms": ("phone",),
    "phone": ("phone",),
    "auto_call": ("phone",),
    "post": ("street", "postal_code", "city", "region", "country"),
    "ad_audience": ("email", "phone"),
    "push": (),
}
"""What of an address an audience has, by channel: no more than the message needs."""

NAME_COLUMNS: Final = ("name", "civility", "given_name", "family_name", "legal_name", "language")
CONSENT_COLUMNS: Final = (
    "channel",
    "purpose",
    "reason_code",
    "legal_basis",
    "consented_at",
    "opt_in_level",
    "proof_grade",
    "campaign",
)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="string", enc_hook=str)
_FOUND: Final = ("email", "phone")
"""Columns in the form in which they are sent to, not as the book has them."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who is meant, before anybody is left out."""

    text: str
    params: Mapping[str, Value] = field(default_factory=dict)
    segment_id: str | None = None
    version: str | None = None
    """Of the segment: the position of its definition, or the version of the plugin that declares it."""


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who is written to."""

    table: pa.Table
    """One row per customer who is in, by customer_id. Its schema's metadata: channel, purpose, campaign, added columns."""
    excluded: pa.Table
    """One row per member who is left out: customer_id, name, reason_code."""
    warnings: Mapping[str, int]
    """Codes of warnings about those who are in, and how many."""
    obligations: list[str]
    """What the permission asks of the message."""

    @property
    def members(self) -> int:
        """How many the rule is true of."""
        return len(self.table) + len(self.excluded)

    @property
    def reasons(self) -> dict[str, int]:
        """Those who are left out, counted by reason, the most frequent first."""
        counted: dict[str, int] = {}
        for code in self.excluded["reason_code"].to_pylist():
            counted[code] = counted.get(code, 0) + 1
        return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))

    @property
    def counts(self) -> dict[str, int]:
        """What the manifest says: members, included, and each reason."""
        return {"members": self.members, "included": len(self.table)} | self.reasons


def find_audience(
    reading: Reading, setting: Setting, ask: Ask, rule: Rule, *, campaign: str, columns: Sequence[str] = ()
) -> Audience:
    """Who is written to; `columns` are added to those that every audience has.

    Raises:
        InvalidExpression: the rule cannot run, or there is no such column.
    """
    engine, channel = reading.engine, ask.profile.channel
    expression = reading.expression(rule.text, rule.params)
    added = checked_columns(tuple(dict.fromkeys(columns)), reading.columns)
    reading.open(columns=added)
    (condition,) = inlined(engine, [expression])
    engine.execute(f"create or replace table audience_members as select customer_id from customers where {condition}")
    base = (*ADDRESS_COLUMNS[channel], *NAME_COLUMNS)
    kept = ("customer_id", *base, *(name for name in added if name not in (*base, "customer_id", *CONSENT_COLUMNS)))
    profiles = ", ".join(identifier(name) for name in kept)
    engine.execute(
        f"create or replace table audience_profiles as select {profiles} from customers semi join audience_members"
        " using (customer_id)"
    )
    open_permissions(reading.snapshot, setting, [ask])
    said = {"channel": channel, "purpose": ask.profile.purpose}
    engine.execute(f"create or replace table decided as {_sql('decided')}", said)
    engine.execute(f"create or replace table audience as {_sql('audience')}")
    shown = ", ".join(f"{'audience' if name in _FOUND else 'audience_profiles'}.{identifier(name)}" for name in kept)
    table = engine.table(
        f"select {shown}, $channel as channel, $purpose as purpose, reason_code, legal_basis, consented_at, opt_in_level,"
        " proof_grade, $campaign as campaign from audience inner join audience_profiles using (customer_id)"
        " where excluded is null order by customer_id",
        said | {"campaign": campaign},
    )
    excluded = engine.table(
        "select audience.customer_id, audience_profiles.name, audience.excluded as reason_code from audience"
        " inner join audience_profiles using (customer_id) where excluded is not null order by reason_code, customer_id"
    )
    warned = engine.rows(
        "select warning, count(*) as n from (select unnest(warnings) as warning from audience where excluded is null)"
        " group by warning order by warning"
    )
    return Audience(
        table=table.replace_schema_metadata(said | {"campaign": campaign, "added": ",".join(added)}),
        excluded=excluded,
        warnings={row["warning"]: row["n"] for row in warned},
        obligations=obligations(
            channel,
            is_marketing=ask.profile.purpose not in SERVICE_PURPOSES,
            is_bought=bool(engine.value("select coalesce(bool_or(is_bought), false) from audience where excluded is null")),
        ),
    )


def meaning(code: str) -> str:
    """What a reason means, in the reader's language."""
    return _(OWN_REASONS[code]) if code in OWN_REASONS else _(REASONS[code].means)


def table_digest(table: pa.Table) -> str:
    """SHA-256 of the rows as JSON Lines: the same whatever file they are written to."""
    digest = sha256()
    for batch in table.to_batches(max_chunksize=8192):
        for row in batch.to_pylist():
            digest.update(_ENCODER.encode(row) + b"\n")
    return digest.hexdigest()


def _sql(name: str) -> str:
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
