"""The lines of the story and the customers in it: what every other module reads and adds to."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Final

from shop_calendar import LAST_DAY, PARIS, local, local_day

Data = dict[str, object]

EMAIL_ONLY_SOURCES: Final = ("newsletter", "marketing", "reseaux-sociaux")
"""Tools that know a person by e-mail address alone."""

NUMBERED_BY_SHOP: Final = frozenset(
    {
        "order_placed",
        "order_cancelled",
        "order_refunded",
        "balance_adjusted",
        "contract_opened",
        "contract_closed",
        "cart_abandoned",
        "quote_requested",
        "voucher_issued",
        "voucher_redeemed",
        "notice_published",
        "list_acquired",
        "customer_erased",
    }
)
"""Types whose data carry a number of the shop's own; every other line gets an `id`."""

ID_PREFIXES: Final = {"call_made": "call", "message_sent": "msg", "customer_registered": "reg", "profile_updated": "profile"}
"""Short forms for the most frequent types; the others use the type itself."""


@dataclass(frozen=True, kw_only=True)
class Town:
    """A real town with one of its postal codes."""

    city: str
    postal_code: str
    region: str
    country: str = "FR"

    @property
    def is_near(self) -> bool:
        """Whether its people come to the stores."""
        return self.country == "FR" and self.postal_code[:2] in ("69", "38", "42", "01")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What the shop could know of a person or a company; how much of it the shop learns depends on the form."""

    civility: str = ""
    given_name: str = ""
    family_name: str = ""
    sex: str = ""
    birth_date: date | None = None
    town: Town
    street: str
    mobile: str | None = None
    landline: str | None = None
    language: str = "fr"
    trade: str = ""
    legal_name: str = ""


@dataclass(kw_only=True)
class Grant:
    """A consent to the newsletter, on one address, from `start` until `end`."""

    address: str
    start: datetime
    confirmed: bool
    renewed_at: datetime
    end: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it was given and not yet taken back."""
        return self.start <= at and (self.end is None or at < self.end)


@dataclass(kw_only=True)
class Customer:
    """A person or a company as the simulation goes along. `id` is set where lines name the customer by it."""

    external: str
    number: int
    kind: str
    role: str
    origin: str
    source: str
    registered_at: datetime
    profile: Profile
    email: str | None
    id: str | None = None
    company: Customer | None = None
    new_email: str | None = None
    email_changed_at: datetime | None = None
    new_mobile: str | None = None
    mobile_changed_at: datetime | None = None
    has_account: bool = False
    tastes: dict[str, float] = field(default_factory=dict)
    ordered_at: list[datetime] = field(default_factory=list)
    bought: dict[str, datetime] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    offers_from: datetime | None = None
    offers_until: datetime | None = None
    stops: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    refusals: dict[str, datetime] = field(default_factory=dict)
    gone_at: datetime | None = None

    @property
    def told_birth_date(self) -> bool:
        """Whether the form on which the customer came asked for the birth date and got it."""
        return self.origin in ("account", "counter") and self.profile.birth_date is not None and self.number % 10 > 2

    def email_at(self, at: datetime) -> str | None:
        """The e-mail address in use."""
        if self.email_changed_at is not None and at > self.email_changed_at:
            return self.new_email
        return self.email

    def reachable(self, at: datetime) -> bool:
        """Whether nothing stops all mail: no suppression, general objection, restriction or death."""
        return not any(start <= at and (end is None or at < end) for start, end in self.stops)

    def mobile_at(self, at: datetime) -> str | None:
        """The mobile number in use."""
        if self.mobile_changed_at is not None and at > self.mobile_changed_at:
            return self.new_mobile
        return self.profile.mobile

    def refuses(self, what: str, at: datetime) -> bool:
        """Whether the customer objected to this channel or purpose."""
        return what in self.refusals and self.refusals[what] <= at

    def takes_offers(self, at: datetime, purpose: str = "own_offers") -> bool:
        """Whether offers of similar products may be mailed: bought, was offered to refuse, did not."""
        started = self.offers_from is not None and self.offers_from <= at
        is_open = started and (self.offers_until is None or at < self.offers_until)
        return is_open and self.reachable(at) and not self.refuses(purpose, at)

    def orders_before(self, at: datetime) -> int:
        """How many orders the customer had placed, without those cancelled later."""
        return sum(moment < at for moment in self.ordered_at)

    def source_for(self, source: str) -> str:
        """A person without e-mail is known only where the loyalty card was made out."""
        return source if self.email or self.id else self.source

    def reference(self, at: datetime, source: str) -> str | dict[str, str]:
        """How `source` names the customer on a line."""
        if self.id is not None:
            return self.id
        email, phone = self.email_at(at), self.mobile_at(at)
        if email is None:
            return {"external": self.external} | ({"phone": phone} if phone and at == self.registered_at else {})
        if source in EMAIL_ONLY_SOURCES:
            return {"email": email}
        if source == "standard" and phone:
            return {"email": email, "external": self.external, "phone": phone}
        scans_card = self.number % 3 == 0 and source == self.source and source.startswith("caisse-")
        if scans_card and at > self.registered_at:
            return {"external": self.external}
        return {"email": email, "external": self.external}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the files, before it has its `id`."""

    at: datetime
    type: str
    source: str
    data: Data
    customer: str | dict[str, str] | None
    actor: str | None
    owner: Customer | None


class Story:
    """Collects lines in any order and hands them out in the order of time."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lines: list[Line] = []
        self._end = local(LAST_DAY + timedelta(days=1), 0)

    def rng(self, concern: str) -> random.Random:
        """A random stream of its own for each concern, so that a change in one leaves the others as they were."""
        return random.Random(f"{self._seed}/{concern}")

    def add(
        self, at: datetime, kind: str, data: Data, *, source: str, customer: Customer | None = None, actor: str | None = None
    ) -> None:
        """Add a line, unless it lies after the last day of the story."""
        if at >= self._end:
            return
        at = at.replace(microsecond=0)
        named = customer.source_for(source) if customer else source
        reference = customer.reference(at, named) if customer else None
        self._lines.append(Line(at=at, type=kind, source=named, data=data, customer=reference, actor=actor, owner=customer))

    def quarters(self) -> dict[str, list[bytes]]:
        """The JSON lines of each quarter, by file name without its ending, in the order of time."""
        files: dict[str, list[bytes]] = {}
        numbers: dict[str, Iterator[int]] = {}
        for line in sorted(self._lines, key=lambda line: line.at):
            if line.owner is not None and line.owner.gone_at is not None and line.at > line.owner.gone_at:
                continue
            day = local_day(line.at)
            name = f"{day.year}-q{(day.month + 2) // 3}"
            prefix = ID_PREFIXES.get(line.type, line.type.replace("_", "-"))
            number = "" if line.type in NUMBERED_BY_SHOP else f"{prefix}-{next(numbers.setdefault(prefix, count(1))):06d}"
            files.setdefault(name, []).append(_encode(line, number))
        return files


def _encode(line: Line, number: str) -> bytes:
    fields: Data = {"type": line.type, "occurred_at": _instant(line.at, line.source)}
    if line.customer is not None:
        fields["customer"] = line.customer
    fields["source"] = line.source
    if number:
        fields["id"] = number
    if line.actor is not None:
        fields["actor"] = line.actor
    fields["data"] = line.data
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _instant(at: datetime, source: str) -> str:
    """Mailing tools write UTC, everything else the time on the shop's clock."""
    if source in EMAIL_ONLY_SOURCES:
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return at.astimezone(PARIS).isoformat()


def iso(at: datetime) -> str:
    """An instant inside an event's data."""
    return at.astimezone(PARIS).isoformat(timespec="seconds")
