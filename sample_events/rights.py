"""Rights that people use and limits they set: objections, requests, restriction, death, suppressions; identity put right."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

from shop_calendar import local, office_moment, web_moment
from story import Customer, Data, Story, iso

DATA_OFFICER = "responsable données"


class Cast:
    """Picks people for single parts so that nobody plays two."""

    def __init__(self, rng: random.Random, customers: list[Customer]) -> None:
        self._rng = rng
        self._free = [one for one in customers if one.role == "person" and one.email and not one.new_email]

    def pick(self, before: date, *, orders: int = 0, last_order_before: date | None = None) -> Customer:
        """Somebody registered well before the day, with at least so many orders by then, and none later if asked."""
        at = local(before, 0)
        end = local(last_order_before, 0) if last_order_before else None
        fitting = [
            one
            for one in self._free
            if one.registered_at < at - timedelta(days=40)
            and one.orders_before(at) >= orders
            and (end is None or all(moment < end for moment in one.ordered_at))
        ]
        chosen = self._rng.choice(fitting)
        self._free.remove(chosen)
        return chosen


def exercise(story: Story, customers: list[Customer]) -> None:
    """Every right at least once."""
    rng = story.rng("rights")
    cast = Cast(rng, customers)
    _objections(story, rng, cast)
    _restrictions(story, rng, cast)
    _requests(story, rng, cast)
    _erasure(story, rng)
    _suppression_lifted(story, rng, cast)
    late = cast.pick(date(2025, 9, 9), orders=3, last_order_before=date(2025, 8, 1))
    late.gone_at = office_moment(rng, date(2025, 9, 9))
    late.stops.append((late.gone_at, None))
    data: Data = {"ground": "acte transmis par la famille"}
    story.add(late.gone_at, "death_reported", data, source="standard", customer=late, actor="standard")
    _withdrawals(story, rng, customers)


def _objections(story: Story, rng: random.Random, cast: Cast) -> None:
    for number in range(7):
        at = web_moment(rng, date(2023, 11, 6) + timedelta(days=130 * number))
        customer = cast.pick(at.date(), orders=1)
        data: Data = {"scope": "all", "method": rng.choice(("letter", "email", "counter"))}
        story.add(at, "objection_raised", data, source="standard", customer=customer, actor=DATA_OFFICER)
        lifted_at = at + timedelta(days=200) if number == 1 else None
        customer.stops.append((at, lifted_at))
        if lifted_at:
            lifted: Data = {"scope": "all", "method": "counter"}
            story.add(lifted_at, "objection_lifted", lifted, source="standard", customer=customer, actor=DATA_OFFICER)
    for number, channel in enumerate(("phone", "post", "phone", "sms", "post", "phone", "phone", "post")):
        at = office_moment(rng, date(2024, 1, 15) + timedelta(days=100 * number))
        data = {"scope": "channel", "channel": channel, "method": "phone"}
        customer = cast.pick(at.date(), orders=1)
        customer.refusals[channel] = at
        story.add(at, "objection_raised", data, source="standard", customer=customer, actor="standard")
    for number, purpose in enumerate(("birthday_offer", "abandoned_cart", "satisfaction_survey", "abandoned_cart")):
        at = web_moment(rng, date(2024, 2, 20) + timedelta(days=190 * number))
        customer = cast.pick(at.date(), orders=1)
        customer.refusals[purpose] = at
        data = {"scope": "purpose", "purpose": purpose, "method": "preference_centre"}
        story.add(at, "objection_raised", data, source="newsletter", customer=customer)


def _restrictions(story: Story, rng: random.Random, cast: Cast) -> None:
    """One lasts until the address is checked, one goes on."""
    for day, span in ((date(2024, 10, 1), 45), (date(2026, 5, 11), 0)):
        at = office_moment(rng, day)
        customer = cast.pick(day, orders=1, last_order_before=day)
        ground: Data = {"ground": "exactitude contestée"}
        story.add(at, "processing_restricted", ground, source="standard", customer=customer, actor=DATA_OFFICER)
        lifted_at = at + timedelta(days=span) if span else None
        customer.stops.append((at, lifted_at))
        if lifted_at:
            checked: Data = {"ground": "adresse vérifiée"}
            story.add(lifted_at, "restriction_lifted", checked, source="standard", customer=customer, actor=DATA_OFFICER)


def _requests(story: Story, rng: random.Random, cast: Cast) -> None:
    for day, due, answer_days in (
        (date(2024, 3, 12), date(2024, 4, 12), 9),
        (date(2025, 6, 17), date(2025, 7, 17), 21),
        (date(2026, 6, 22), date(2026, 7, 22), 30),
    ):
        at, customer = office_moment(rng, day), cast.pick(day, orders=1)
        due_at: Data = {"due_at": iso(local(due, 23, 59))}
        asked: Data = {"ground": "copie des données"}
        story.add(at, "access_requested", due_at | asked, source="standard", customer=customer, actor=DATA_OFFICER)
        answered: Data = {"ground": "copie envoyée par courrier"}
        answered_at = at + timedelta(days=answer_days)
        story.add(
            answered_at, "access_answered", due_at | answered, source="standard", customer=customer, actor=DATA_OFFICER
        )
    at = office_moment(rng, date(2025, 2, 4))
    customer = cast.pick(date(2025, 2, 4), orders=2, last_order_before=date(2025, 2, 1))
    due_at = {"due_at": iso(local(date(2025, 3, 4), 23, 59))}
    story.add(
        at, "erasure_requested", due_at | {"ground": "retrait"}, source="standard", customer=customer, actor=DATA_OFFICER
    )
    ground = {"ground": "factures à conserver dix ans ; plus aucun envoi"}
    customer.stops.append((at, None))
    answered_at = at + timedelta(days=14)
    story.add(answered_at, "erasure_refused", due_at | ground, source="standard", customer=customer, actor=DATA_OFFICER)
    story.add(answered_at, "objection_raised", {"scope": "all", "method": "letter"}, source="standard", customer=customer)


def _erasure(story: Story, rng: random.Random) -> None:
    """All that is left of a person: the ledger's number, and a keyed hash that keeps the address from coming back."""
    at = local(date(2025, 4, 8), 15, 20)
    story.add(at, "customer_erased", {"ledger_number": 1}, source="standard", actor=DATA_OFFICER)
    kept: Data = {"channel": "email", "cause": "request", "keyed_hash": f"{rng.getrandbits(256):064x}"}
    story.add(at, "address_suppressed", kept, source="standard", actor=DATA_OFFICER)


def _suppression_lifted(story: Story, rng: random.Random, cast: Cast) -> None:
    """A full mailbox is taken for a dead one until its owner says that it works."""
    at = office_moment(rng, date(2024, 8, 20))
    customer = cast.pick(date(2024, 8, 20), orders=1)
    lifted_at = at + timedelta(days=17)
    customer.stops.append((at, lifted_at))
    address: Data = {"channel": "email", "address": customer.email}
    story.add(at, "message_bounced", address | {"kind": "hard"}, source="marketing", customer=customer)
    story.add(at, "address_suppressed", address | {"cause": "bounce"}, source="marketing", customer=customer)
    lifted = address | {"reason": "boîte de nouveau ouverte, dit la personne"}
    story.add(lifted_at, "suppression_lifted", lifted, source="standard", customer=customer, actor="standard")


def _withdrawals(story: Story, rng: random.Random, customers: list[Customer]) -> None:
    """Some take the newsletter back at the counter or on the site, apart from any mailing."""
    readers = [one for one in customers if one.grants and one.role != "company" and one.id is None]
    for customer in rng.sample(readers, 45):
        held = customer.grants[-1]
        at = held.start + timedelta(days=rng.randint(15, 500), seconds=rng.randrange(3600))
        if customer.email_at(at) != held.address:
            continue
        method = rng.choices(("preference_centre", "counter", "letter", "phone"), weights=(6, 2, 1, 1))[0]
        data: Data = {"channel": "email", "purposes": ["newsletter"], "address": held.address, "method": method}
        held.end = at
        story.add(at, "consent_withdrawn", data, source="newsletter", customer=customer)


def merge(story: Story, customers: list[Customer]) -> None:
    """One woman entered twice becomes one customer; two namesakes are taken for one, which is undone."""
    first, second = (one for one in customers if one.role == "twin")
    _merge(story, local(date(2025, 1, 14), 11), first, second, "même personne, deux adresses")
    father, son = _namesakes(customers)
    together = max(father.registered_at, son.registered_at) + timedelta(days=12)
    _merge(story, together, father, son, "même nom, même entreprise")
    data: Data = {"into": father.id, "merged": [son.id], "roots": [son.id], "reason": "père et fils"}
    apart = together + timedelta(days=5)
    story.add(apart, "customers_unmerged", data, source="standard", customer=father, actor=DATA_OFFICER)


def _merge(story: Story, at: datetime, into: Customer, other: Customer, reason: str) -> None:
    data: Data = {"into": into.id, "merged": [other.id], "reason": reason}
    story.add(at, "customers_merged", data, source="standard", customer=into, actor=DATA_OFFICER)


def _namesakes(customers: list[Customer]) -> tuple[Customer, Customer]:
    """The two contacts of one company who share a name."""
    seen: dict[tuple[str, str, str], Customer] = {}
    for customer in customers:
        if customer.company is None:
            continue
        key = (customer.company.external, customer.profile.given_name, customer.profile.family_name)
        if key in seen:
            return seen[key], customer
        seen[key] = customer
    raise LookupError("people.py makes two contacts of one company share a name; none were found")
