"""Mailings and what came of them: newsletters, offers, refreshes of consent, surveys, cards, text messages.

Every mailing goes only to those it may go to at that moment, as the shop understood it; bounces, complaints, refusals and
withdrawals that one mailing brings count for the next.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from book import policy_digest_on
from buying import Order, Voucher
from catalogue import BOXES, CANDLES, CATEGORIES, SIMILAR, SOAPS, TEA
from consents import SHOP_URL
from receipts import Cart
from shop_calendar import FIRST_DAY, LAST_DAY, STRICT_POLICY_FROM, days, local, local_day, minutes, web_moment
from story import Customer, Data, Grant, Story, iso

OPEN_RATE: Final = (2.2, 3.2)
"""Beta parameters of how often a reader opens."""


@dataclass(frozen=True, kw_only=True)
class Mailing:
    """An e-mail to many. `wanted` tells who may have it at that moment."""

    at: datetime
    campaign: str
    purpose: str
    subject: str
    rule: str
    url: str
    wanted: Callable[[Customer, datetime], bool]


def newsletter_grant(customer: Customer, at: datetime) -> Grant | None:
    """The consent the newsletter may be sent on: to the address in use, and as strict as the policy of the day."""
    if not customer.reachable(at):
        return None
    for one in reversed(customer.grants):
        if one.holds(at) and one.address == customer.email_at(at):
            is_fresh = one.confirmed and at < one.renewed_at + timedelta(days=365)
            return one if is_fresh or local_day(at) < STRICT_POLICY_FROM else None
    return None


def run(story: Story, customers: list[Customer], vouchers: list[Voucher], orders: list[Order], carts: list[Cart]) -> None:
    """All mailings in the order of time, then what goes to single people."""
    rng = story.rng("campaigns")
    readers = {one.external: rng.betavariate(*OPEN_RATE) for one in customers}
    mailable = [one for one in customers if one.email and one.role != "company"]
    for mailing in sorted([*_newsletters(), *_offers(), *_refreshes(), *_surveys()], key=lambda mailing: mailing.at):
        _send(story, rng, mailing, mailable, readers)
    _remind_of_carts(story, rng, carts)
    _birthdays(story, rng, vouchers, customers)
    _cards_and_texts(story, rng, customers, orders)


def _newsletters() -> list[Mailing]:
    """The first Tuesday of each month at ten."""
    mailings = []
    for month in range(36):
        first = date(2023 + (month + 6) // 12, (month + 6) % 12 + 1, 1)
        day = first + timedelta(days=(1 - first.weekday()) % 7)
        if day <= FIRST_DAY + timedelta(days=20):
            continue
        mailings.append(
            Mailing(
                at=local(day, 10),
                campaign=f"lettre-{day:%Y-%m}",
                purpose="newsletter",
                subject=f"La lettre de Maison Verlune, n° {month}",
                rule="lettre mensuelle",
                url=f"{SHOP_URL}/journal/{day:%Y-%m}",
                wanted=lambda customer, at: newsletter_grant(customer, at) is not None,
            )
        )
    return mailings


def _offers() -> list[Mailing]:
    """Offers to customers who did not refuse them, on what is similar to what they bought; one to the rented list."""

    def to_buyers_of(category: str) -> Callable[[Customer, datetime], bool]:
        def wanted(customer: Customer, at: datetime) -> bool:
            bought = [name for name, since in customer.bought.items() if since < at]
            is_similar = any(name == category or category in SIMILAR[name] for name in bought)
            return customer.takes_offers(at) and (is_similar or customer.company is not None)

        return wanted

    plan = (
        (date(2023, 11, 14), "Coffrets de Noël", BOXES),
        (date(2024, 2, 6), "Les savons du moment", SOAPS),
        (date(2024, 5, 14), "Pour la fête des mères", BOXES),
        (date(2024, 9, 24), "Les thés de la rentrée", TEA),
        (date(2024, 11, 19), "Coffrets de Noël", BOXES),
        (date(2025, 2, 4), "Les savons du moment", SOAPS),
        (date(2025, 5, 13), "Pour la fête des mères", BOXES),
        (date(2025, 9, 23), "Les thés de la rentrée", TEA),
        (date(2025, 11, 18), "Bougies et lumières", CANDLES),
        (date(2026, 2, 10), "Les savons du moment", SOAPS),
        (date(2026, 5, 12), "Pour la fête des mères", BOXES),
    )
    mailings = [
        Mailing(
            at=local(day, 9, 30),
            campaign=f"offre-{day:%Y-%m}",
            purpose="own_offers",
            subject=subject,
            rule=f"a acheté {category} ou une famille voisine",
            url=f"{SHOP_URL}/categories/{CATEGORIES.index(category) + 1}",
            wanted=to_buyers_of(category),
        )
        for day, subject, category in plan
    ]
    rented = Mailing(
        at=local(date(2024, 9, 19), 9, 30),
        campaign="offre-liste-2024-09",
        purpose="own_offers",
        subject="Découvrez Maison Verlune",
        rule="liste louée foyers-2024",
        url=f"{SHOP_URL}/bienvenue",
        wanted=lambda customer, at: customer.origin == "rented_list" and customer.reachable(at),
    )
    return [*mailings, rented]


def _refreshes() -> list[Mailing]:
    """Each month, readers whose consent is almost a year old are asked to renew it."""

    def wanted(customer: Customer, at: datetime) -> bool:
        held = [one for one in customer.grants if one.holds(at) and one.address == customer.email_at(at)]
        ages = [at - one.renewed_at for one in held if one.confirmed]
        return customer.reachable(at) and any(timedelta(days=315) <= age < timedelta(days=346) for age in ages[-1:])

    months = [(2024 + month // 12, month % 12 + 1) for month in range(5, 30)]
    return [
        Mailing(
            at=local(date(year, month, 15), 11),
            campaign=f"renouvellement-{year}-{month:02d}",
            purpose="consent_refresh",
            subject="Souhaitez-vous garder notre lettre ?",
            rule="accord de dix mois et demi",
            url=f"{SHOP_URL}/lettre/garder",
            wanted=wanted,
        )
        for year, month in months
    ]


def _surveys() -> list[Mailing]:
    """Every February, those who ordered in the four months before are asked how it was."""

    def wanted(customer: Customer, at: datetime) -> bool:
        recent = any(timedelta(0) < at - moment < timedelta(days=120) for moment in customer.ordered_at)
        return recent and customer.takes_offers(at, "satisfaction_survey")

    return [
        Mailing(
            at=local(date(year, 2, 20), 9),
            campaign=f"satisfaction-{year}",
            purpose="satisfaction_survey",
            subject="Votre avis en deux minutes",
            rule="commande depuis moins de 120 jours",
            url=f"{SHOP_URL}/avis-clients",
            wanted=wanted,
        )
        for year in (2025, 2026)
    ]


def _send(story: Story, rng: random.Random, mailing: Mailing, mailable: list[Customer], readers: dict[str, float]) -> None:
    known = [one for one in mailable if one.registered_at < mailing.at]
    recipients = [one for one in known if mailing.wanted(one, mailing.at)]
    manifest = f"manifeste-{mailing.campaign}"
    if recipients:
        _record_manifest(story, mailing, manifest, recipients, len(known) - len(recipients))
    for rank, customer in enumerate(recipients):
        at = mailing.at + timedelta(seconds=rank // 4)
        data: Data = {
            "channel": "email",
            "purpose": mailing.purpose,
            "campaign": mailing.campaign,
            "subject": mailing.subject,
            "manifest": manifest,
        }
        story.add(at, "message_sent", data, source="marketing", customer=customer, actor="automate")
        _react(story, rng, mailing, customer, at, readers[customer.external])


def _record_manifest(story: Story, mailing: Mailing, name: str, recipients: list[Customer], left_out: int) -> None:
    at = mailing.at - timedelta(minutes=30)
    rows = "".join(f"{customer.email_at(at)}\n" for customer in recipients)
    manifest: Data = {
        "manifest_id": name,
        "destination": "outil-emailing",
        "rule": mailing.rule,
        "as_of": iso(at),
        "known_at": iso(at),
        "policy": policy_digest_on(local_day(at)),
        "counts": {"included": len(recipients), "excluded": left_out},
        "digest": hashlib.sha256(rows.encode()).hexdigest(),
    }
    story.add(at, "audience_exported", {"manifest": manifest}, source="marketing", actor="marketing")


def _react(story: Story, rng: random.Random, mailing: Mailing, customer: Customer, at: datetime, openness: float) -> None:
    """Bounce, or open, click, refuse, complain: each at its usual rate."""
    address = customer.email_at(at)
    about: Data = {"channel": "email", "address": address, "campaign": mailing.campaign}
    chance = rng.random()
    if chance < 0.008:
        _bounce(story, rng, customer, at + minutes(rng, 1, 20), about, is_hard=chance < 0.0028)
        return
    if rng.random() > openness:
        return
    opened_at = at + timedelta(minutes=min(rng.lognormvariate(5.2, 1.5), 9000.0))
    story.add(opened_at, "message_opened", about, source="marketing", customer=customer)
    chance, click_rate = rng.random(), 0.8 if mailing.purpose == "consent_refresh" else 0.13
    read_at = opened_at + minutes(rng, 1, 4)
    if chance < click_rate:
        story.add(read_at, "message_clicked", about | {"url": mailing.url}, source="marketing", customer=customer)
        _follow(story, rng, mailing, customer, read_at + timedelta(seconds=40))
    elif chance > 0.999:
        _complain(story, customer, read_at, about)
    elif chance > 0.985:
        _refuse(story, mailing, customer, read_at)


def _follow(story: Story, rng: random.Random, mailing: Mailing, customer: Customer, at: datetime) -> None:
    """What a click leads to."""
    if mailing.purpose == "consent_refresh":
        grants = [one for one in customer.grants if one.holds(at) and one.confirmed]
        if not grants:
            return
        data: Data = {"channel": "email", "purposes": ["newsletter"], "address": grants[-1].address}
        data |= {"surface": "preference_centre", "method": "link", "opt_in_level": "CONFIRMED_OPT_IN"}
        story.add(at, "consent_renewed", data, source="newsletter", customer=customer)
        grants[-1].renewed_at = at
    elif mailing.purpose == "satisfaction_survey":
        score = rng.choices(range(11), weights=(1, 1, 1, 1, 2, 4, 6, 12, 22, 26, 24))[0]
        answers = {"Le délai": rng.choice(("bien", "trop long")), "Les parfums": rng.choice(("bien", "à varier"))}
        data = {"survey": mailing.campaign, "score": score, "answers": answers}
        story.add(at + timedelta(minutes=2), "survey_answered", data, source="marketing", customer=customer)
    elif rng.random() < 0.7:
        story.add(at, "site_visited", {"page": mailing.url}, source="boutique-en-ligne", customer=customer)


def _bounce(story: Story, rng: random.Random, customer: Customer, at: datetime, about: Data, *, is_hard: bool) -> None:
    bounced = about | {"kind": "hard" if is_hard else "soft"}
    story.add(at, "message_bounced", bounced, source="marketing", customer=customer)
    if is_hard:
        data: Data = {"channel": "email", "cause": "bounce", "address": about["address"]}
        at += minutes(rng, 1, 5)
        story.add(at, "address_suppressed", data, source="marketing", customer=customer, actor="automate")
        customer.stops.append((at, None))


def _complain(story: Story, customer: Customer, at: datetime, about: Data) -> None:
    story.add(at, "complaint_made", about, source="marketing", customer=customer)
    data: Data = {"channel": "email", "cause": "complaint", "address": about["address"]}
    at += timedelta(minutes=1)
    story.add(at, "address_suppressed", data, source="marketing", customer=customer, actor="automate")
    customer.stops.append((at, None))


def _refuse(story: Story, mailing: Mailing, customer: Customer, at: datetime) -> None:
    """One click ends the newsletter; in an offer it is an objection to all mail."""
    if mailing.purpose in ("newsletter", "consent_refresh"):
        held = [one for one in customer.grants if one.holds(at)]
        if held:
            held[-1].end = at
            data: Data = {"channel": "email", "purposes": ["newsletter"], "address": held[-1].address}
            data["method"] = "one_click_post"
            story.add(at, "consent_withdrawn", data, source="newsletter", customer=customer)
    elif customer.reachable(at):
        objected: Data = {"scope": "channel", "channel": "email", "method": "one_click_post"}
        story.add(at, "objection_raised", objected, source="marketing", customer=customer)
        customer.stops.append((at, None))


def _remind_of_carts(story: Story, rng: random.Random, carts: list[Cart]) -> None:
    for left_at, owner, _ in carts:
        at = left_at + timedelta(hours=4)
        if owner and owner.takes_offers(at, "abandoned_cart") and rng.random() < 0.6:
            data: Data = {"channel": "email", "purpose": "abandoned_cart", "subject": "Votre panier vous attend"}
            story.add(at, "message_sent", data, source="marketing", customer=owner, actor="automate")


def _birthdays(story: Story, rng: random.Random, vouchers: list[Voucher], customers: list[Customer]) -> None:
    """The birthday voucher is mailed to those who take offers."""
    owners = {customer.external: customer for customer in customers}
    for voucher in vouchers:
        owner, at = owners[voucher.number.split("-")[1]], voucher.issued_at + timedelta(minutes=5)
        if voucher.reason == "birthday" and owner.takes_offers(at, "birthday_offer"):
            data: Data = {"channel": "email", "purpose": "birthday_offer", "subject": "Bon anniversaire"}
            story.add(at, "message_sent", data, source="marketing", customer=owner, actor="automate")
            if rng.random() < 0.5:
                opened: Data = {"channel": "email", "address": owner.email_at(at)}
                story.add(at + minutes(rng, 5, 900), "message_opened", opened, source="marketing", customer=owner)


def _cards_and_texts(story: Story, rng: random.Random, customers: list[Customer], orders: list[Order]) -> None:
    """A Christmas card to the best customers, and a text when an order is ready to be fetched."""
    people = [one for one in customers if one.role == "person"]
    for year in (2024, 2025):
        at = local(date(year, 12, 2), 8)
        welcome = [one for one in people if one.reachable(at) and not one.refuses("post", at)]
        ranked = sorted(((-one.orders_before(at), one.number, one) for one in welcome), key=lambda row: row[:2])
        for _, _, customer in ranked[:60]:
            data: Data = {"channel": "post", "purpose": "own_offers", "campaign": f"carte-noel-{year}"}
            story.add(at, "message_sent", data, source="boutique-en-ligne", customer=customer, actor="marketing")
    for order in orders:
        buyer = order.customer
        if buyer and buyer.profile.mobile and order.collection == "pickup" and not order.cancelled_at:
            at = web_moment(rng, local_day(order.at) + days(rng, 1, 2))
            text: Data = {"channel": "sms", "purpose": "order_service", "subject": "Votre commande est prête"}
            if local_day(at) <= LAST_DAY:
                story.add(at, "message_sent", text, source="boutique-en-ligne", customer=buyer, actor="automate")
