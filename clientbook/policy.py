"""What the shop declares in `book.toml` about permission: its consent policy, and the messages it sends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from clientbook.events.base import LongText, Text, Word
from clientbook.events.consent import Channel
from clientbook.i18n import _

Grade = Literal["A", "B", "C", "D"]
Hours = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-4]):[0-5][0-9]\Z")]
Months = Annotated[int, Meta(ge=1, le=1200)]

SERVICE_PURPOSES: Final = ("order_service", "contest_admin", "legal_notice", "doi_confirmation")
"""What is no marketing: it needs no consent, and may promote nothing."""

OWN_PURPOSES: Final = {
    "marketing": "",
    "newsletter": "marketing",
    "own_offers": "marketing",
    "birthday_offer": "own_offers",
    "abandoned_cart": "own_offers",
    "satisfaction_survey": "marketing",
    "partner_offers": "marketing",
}
"""Purposes that every book knows, each with the one above it. A withdrawal reaches those below; a grant never does."""


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long data are kept, in months unless it says years (see `docs/reference/retention.md`)."""

    prospect_months: Months = 36
    """After the last positive act of somebody who never bought."""
    customer_months: Months = 36
    """After the last purchase or contract."""
    account_months: Months = 24
    """After the last sign of life of an account without purchases."""
    contest_months: Months = 3
    """After a contest, of people known by nothing else."""
    invoice_years: Annotated[int, Meta(ge=1, le=100)] = 10
    """Sales of an erased customer stay so long, without the person."""
    proof_years: Annotated[int, Meta(ge=1, le=100)] = 5
    """Proof of consent after its last use, and files of requests."""


class ConsentPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[consent]` table: choices that the law leaves to the shop."""

    controller: Text | None = None
    """Who is responsible, as notices name it; None: the book's name."""
    country: Literal["FR"] = "FR"
    """Whose rule packs apply."""
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1)] = ("email", "sms", "phone", "post")
    """What the shop writes by; with `used_purposes`, the pairs of `permissions`."""
    used_purposes: Annotated[tuple[Word, ...], Meta(min_length=1)] = ("newsletter", "own_offers")
    """What it writes for."""
    purposes: dict[Word, str] = {}
    """Purposes of its own, each with the one above it; "" for none."""
    require_double_opt_in: bool = True
    """Whether e-mail consents from forms and contests count only once confirmed."""
    pending_days: Annotated[int, Meta(ge=1, le=365)] = 30
    """How long a double opt-in can be confirmed."""
    reconfirm_months: Months = 12
    """A consent older than this is stale."""
    stale_mode: Literal["block", "warn"] = "block"
    """What becomes of a stale consent."""
    retention_months: Months = 36
    """Silence after which nobody is written to."""
    account_counts_as_customer: bool = False
    """Whether a free account is a sale (CJEU C-654/23) or not (CNIL)."""
    minimum_proof_grade: Grade = "C"
    """Consents proven worse do not count."""
    calling_hours: tuple[Hours, ...] = ("10:00-13:00", "14:00-20:00")
    """When the shop calls; outside the law's hours it may not anyway."""
    similar: dict[Text, list[Text]] = {}
    """Which categories of products are similar; none: as `settings_changed` said last."""
    retention: RetentionPolicy = RetentionPolicy()

    def __post_init__(self) -> None:
        known = {*OWN_PURPOSES, *self.purposes}
        for name, above in self.purposes.items():
            if above and above not in known:
                raise ValueError(
                    _("purpose {name!r}: there is no purpose {above!r} above it").format(name=name, above=above)
                )
            if _is_circular(name, OWN_PURPOSES | self.purposes):
                raise ValueError(_("purpose {name!r} lies above itself").format(name=name))
        for name in self.used_purposes:
            if name not in known and name not in (*SERVICE_PURPOSES, "consent_refresh"):
                raise ValueError(_("used_purposes: there is no purpose {name!r}").format(name=name))
        for hours in self.calling_hours:
            first, last = minutes(hours)
            if first >= last:
                raise ValueError(_("calling_hours: {hours!r} ends before it begins").format(hours=hours))

    def tree(self) -> dict[str, str]:
        """Every purpose with the one above it, "" for none."""
        return OWN_PURPOSES | self.purposes

    def descendants(self) -> list[tuple[str, str]]:
        """Every purpose with itself and with each below it."""
        tree = self.tree()
        found = []
        for name in tree:
            above = name
            while above:
                found.append((above, name))
                above = tree.get(above, "")
        return found

    def text(self) -> str:
        """The policy as JSON with sorted keys: what `policy_adopted` records."""
        return msgspec.json.encode(msgspec.to_builtins(self), order="sorted").decode()

    def digest(self) -> str:
        """SHA-256 of that text."""
        return sha256(self.text().encode()).hexdigest()


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who gets personal data from the shop: a `[[register.recipients]]` table."""

    name: Text
    role: Literal["processor", "recipient"] = "processor"
    """Whether it works on the shop's behalf or for itself."""
    service: Text | None = None
    """What it does: mailing, hosting, delivery, …"""
    country: Text | None = None
    transfer: Text | None = None
    """Outside the EU: by what safeguard (adequacy decision, standard clauses)."""


class RegisterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[register]` table: what the record of processing activities (GDPR art. 30) says beyond the book itself."""

    contact: LongText | None = None
    """Postal address, e-mail or phone of the controller."""
    representative: Text | None = None
    dpo: Text | None = None
    """The data protection officer, where there is one."""
    recipients: list[Recipient] = []
    security: list[LongText] = []
    """Measures of the shop's own, beside those of the program."""


class MessageProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[messages.NAME]` table: what is sent. What a profile leaves open is unknown, and unknown is not permitted."""

    channel: Channel
    purpose: Word
    promotional: bool | None = None
    """Whether it offers anything for sale."""
    third_party_content: bool = False
    """Whether it advertises somebody else."""
    categories: list[Text] = []
    """Categories of the products it is about."""
    products_similar: bool | None = None
    """Whether these are similar to what each recipient bought; None: found by the categories."""
    unsubscribe: bool = True
    """Whether it carries a link, or STOP, that ends it."""
    names_sender: bool = True
    names_source: bool = False
    """Whether it says where a bought or rented address came from."""
    related_to_occupation: bool | None = None
    """For people written to at work: whether it has to do with their job."""


def stored_policy(text: str) -> ConsentPolicy:
    """A policy as an event holds it; entries that this version does not know are left out.

    Raises:
        msgspec.ValidationError: a known entry has an impossible value.
    """
    given: dict[str, Any] = msgspec.json.decode(text, type=dict)
    known = {field.name for field in msgspec.structs.fields(ConsentPolicy)}
    return msgspec.convert({name: value for name, value in given.items() if name in known}, ConsentPolicy)


def _is_circular(name: str, tree: Mapping[str, str]) -> bool:
    above, seen = tree[name], {name}
    while above and above not in seen:
        seen.add(above)
        above = tree.get(above, "")
    return bool(above)


def minutes(hours: str) -> tuple[time, time]:
    """`10:00-13:00` as its two ends; 24:00 is the last microsecond of the day."""
    first, last = hours.split("-")
    return time.fromisoformat(first), time.max if last.startswith("24") else time.fromisoformat(last)
