"""The record of processing activities (GDPR article 30), from what the book is set to and holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from clientbook.events.base import Event, unwrap
from clientbook.i18n import N_, _
from clientbook.policy import SERVICE_PURPOSES, Recipient
from clientbook.projection.snapshots import Projector
from clientbook.settings import Settings

_BASES: Final = {
    "service": N_("contract or legal obligation (GDPR 6(1)(b), 6(1)(c))"),
    "partner_offers": N_("consent (GDPR 6(1)(a))"),
    "newsletter": N_("consent (GDPR 6(1)(a))"),
    "satisfaction_survey": N_("legitimate interest (GDPR 6(1)(f)); with an offer in it, consent or an earlier sale"),
    "marketing": N_("consent (GDPR 6(1)(a)); an earlier sale of similar products (CPCE L34-5); legitimate interest by post"),
}
"""By purpose; those of the shop's own have the basis of the one above them."""

_SECURITY: Final = (
    N_("files are the owner's alone (0600, folders 0700); `clientbook doctor` checks it"),
    N_("the log is append-only and chained by SHA-256; `clientbook verify` finds any change"),
    N_("error messages name no customer"),
    N_("erasure rewrites the files and deletes the old ones; a restored backup opens once later erasures are replayed"),
    N_("identifiers of erased people are kept as keyed hashes only, so that an import does not bring them back"),
)

_KINDS: Final = (
    ("customers", N_("people and companies in the book")),
    ("buyers", N_("of them with a purchase")),
    ("accounts", N_("of them with an account")),
    ("contests", N_("of them collected by a contest")),
    ("lists", N_("of them from a bought or rented list")),
)
_COUNTS: Final = """
select
    count(*) as customers,
    count(*) filter (where order_count > 0) as buyers,
    count(*) filter (where has_account) as accounts,
    count(*) filter (where collected_via = 'contest') as contests,
    count(*) filter (where collected_via in ('bought_list', 'rented_list')) as lists
from customers
"""


def record(
    settings: Settings, projector: Projector, types: Mapping[str, type[Event]], *, made_at: datetime
) -> dict[str, Any]:
    """What the record says: the documented shape of `clientbook register --json`."""
    policy, register = settings.consent, settings.register
    with projector.snapshot() as snapshot:
        counts = snapshot.engine.rows(_COUNTS)[0]
        used = snapshot.table("select type, count(*) as events from events group by 1 order by 1").to_pylist()
        sources = snapshot.table(
            "select source, min(occurred_at) as first_at, max(occurred_at) as last_at, count(*) as events"
            " from events where type <> 'import_completed' group by 1 order by 1"
        ).to_pylist()
    terms = policy.retention
    return {
        "made_at": made_at,
        "controller": {
            "name": policy.controller or settings.name,
            "contact": register.contact,
            "representative": register.representative,
            "dpo": register.dpo,
        },
        "purposes": list(_purposes(settings)),
        "people": counts,
        "data": [
            {"type": row["type"], "events": row["events"], "personal_fields": personal_fields(types[row["type"]])}
            for row in used
            if row["type"] in types and types[row["type"]].customer != "none"
        ],
        "recipients": msgspec.to_builtins(register.recipients),
        "retention": {
            "prospect_months": terms.prospect_months,
            "customer_months": terms.customer_months,
            "account_months": terms.account_months,
            "contest_months": terms.contest_months,
            "unconfirmed_days": policy.pending_days,
            "invoice_years": terms.invoice_years,
            "proof_years": terms.proof_years,
        },
        "security": [*map(_, _SECURITY), *register.security],
        "sources": sources,
    }


def personal_fields(event: type[msgspec.Struct], prefix: str = "") -> list[str]:
    """The fields of an event type that erasure removes, groups of fields included: `profile_updated` has `address.city`."""
    found = []
    for field in msgspec.inspect.type_info(event).fields:  # type: ignore[attr-defined]  # always a StructType
        plain, marks = unwrap(field.type)
        name = prefix + field.encode_name
        if isinstance(plain, msgspec.inspect.ListType):
            plain = unwrap(plain.item_type)[0]
        if marks.get("personal"):
            found.append(name)
        elif isinstance(plain, msgspec.inspect.StructType):
            found += personal_fields(plain.cls, f"{name}.")
    return found


def _purposes(settings: Settings) -> Iterator[dict[str, Any]]:
    policy = settings.consent
    tree = policy.tree()
    for name in (*SERVICE_PURPOSES, *policy.used_purposes):
        above = name
        while above not in _BASES and above in tree and tree[above]:
            above = tree[above]
        basis = _BASES["service"] if name in SERVICE_PURPOSES else _BASES.get(above, _BASES["marketing"])
        channels = [] if name in SERVICE_PURPOSES else list(policy.channels)
        messages = [key for key, one in settings.messages.items() if one.purpose == name]
        yield {"purpose": name, "legal_basis": _(basis), "channels": channels, "messages": messages}


def markdown(said: Mapping[str, Any]) -> str:
    """The record as a document."""
    return "\n".join(_lines(said)) + "\n"


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    none = _("to be filled in: the table [register] of book.toml")
    controller, terms = said["controller"], said["retention"]
    yield f"# {_('Record of processing activities (GDPR article 30)')}\n"
    yield (
        _("Made on {day} from the settings and the contents of the customer book.").format(day=said["made_at"].date()) + "\n"
    )
    yield f"## {_('Controller')}\n"
    yield f"- {_('Name')}: {_plain(controller['name'] or none)}"
    yield f"- {_('Contact')}: {_plain(controller['contact'] or none)}"
    if controller["representative"]:
        yield f"- {_('Representative')}: {_plain(controller['representative'])}"
    yield f"- {_('Data protection officer')}: {_plain(controller['dpo'] or _('none named'))}\n"
    yield f"## {_('Purposes and legal bases')}\n"
    yield from _table(
        (_("Purpose"), _("Legal basis"), _("Channels"), _("Messages")),
        [
            (one["purpose"], one["legal_basis"], ", ".join(one["channels"]), ", ".join(one["messages"]))
            for one in said["purposes"]
        ],
    )
    yield f"## {_('Categories of people')}\n"
    for name, means in _KINDS:
        yield f"- {_(means)}: {said['people'][name]}"
    yield f"\n## {_('Categories of data')}\n"
    data = [(one["type"], str(one["events"]), ", ".join(one["personal_fields"])) for one in said["data"]]
    yield from _table((_("Type of event"), _("Events"), _("Personal fields")), data)
    yield f"## {_('Recipients, processors, transfers')}\n"
    yield from _recipients(said["recipients"])
    yield f"## {_('Retention')}\n"
    for line in _terms(terms):
        yield f"- {line}"
    yield f"\n## {_('Security')}\n"
    for measure in said["security"]:
        yield f"- {_plain(measure)}"
    yield f"\n## {_('Sources')}\n"
    sources = [
        (one["source"], str(one["events"]), f"{one['first_at']:%Y-%m-%d}", f"{one['last_at']:%Y-%m-%d}")
        for one in said["sources"]
    ]
    yield from _table((_("Source"), _("Events"), _("First"), _("Last")), sources)


def _recipients(recipients: list[dict[str, Any]]) -> Iterator[str]:
    if not recipients:
        yield _("None named in book.toml.") + "\n"
        return
    labels = (_("Name"), _("Role"), _("Service"), _("Country"), _("Transfer outside the EU"))
    fields = Recipient.__struct_fields__
    roles = {"processor": _("processor"), "recipient": _("recipient")}
    rows = [
        tuple(roles[one[name]] if name == "role" else one[name] or "" for name in ("name", "role", *fields[2:]))
        for one in recipients
    ]
    yield from _table(labels, rows)


def _terms(terms: Mapping[str, int]) -> Iterator[str]:
    yield _("prospects: {months} months after the last sign of life").format(months=terms["prospect_months"])
    yield _("customers: {months} months after the last purchase or sign of life").format(months=terms["customer_months"])
    yield _("accounts without a purchase: {months} months after the last sign of life").format(
        months=terms["account_months"]
    )
    yield _("people known by a contest only: {months} months").format(months=terms["contest_months"])
    yield _("double opt-ins never confirmed: {days} days").format(days=terms["unconfirmed_days"])
    yield _("sales of erased people, without the person: {years} years or longer").format(years=terms["invoice_years"])
    yield _("certificates of consent that the shop files, after their last use: {years} years").format(
        years=terms["proof_years"]
    )


def _table(labels: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(labels) + " |"
    yield "|" + "---|" * len(labels)
    for row in rows:
        yield "| " + " | ".join(map(_plain, row)) + " |"
    yield ""


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<")
