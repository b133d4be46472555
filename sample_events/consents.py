"""What people agree to and refuse: sign-ups, single and double opt-ins, boxes at collection, contests, other channels."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Final

from buying import Order
from notices import sha256, version_on
from shop_calendar import OPT_OUT_BOX_FROM, days, local, local_day, minutes, office_moment, store_moment, web_moment
from story import Customer, Data, Grant, Story

SHOP_URL: Final = "https://www.maison-verlune.example"

SIGN_UP_SHARES: Final = {
    "newsletter_form": 1.0,
    "popup": 1.0,
    "checkout": 0.45,
    "account": 0.45,
    "survey": 0.4,
    "referral": 0.3,
    "social": 0.5,
}
"""Share of those who came this way that sign up for the newsletter by double opt-in."""
CONFIRMS: Final = 0.84
"""Share of double opt-ins that are confirmed."""


def collect(story: Story, customers: list[Customer]) -> None:
    """What is asked and answered when people come into the book."""
    rng = story.rng("consents")
    for customer in customers:
        _offer_refusal(story, rng, customer)
        if customer.role == "company" or customer.email is None:
            continue
        chance = 0.25 if customer.role == "contact" else SIGN_UP_SHARES.get(customer.origin, 0.0)
        if rng.random() < chance:
            double_opt_in(story, rng, customer, customer.registered_at + timedelta(seconds=20))
        elif customer.origin == "counter" and customer.number % 3:
            _sign_at_counter(story, rng, customer)
        elif customer.origin == "fair" and rng.random() < 0.6:
            _give_on_paper(story, customer, "salon-2024", "fair")
        elif customer.origin == "import" and rng.random() < 0.45:
            _take_over_old_consent(story, customer)
        elif customer.origin in ("rented_list", "bought_list"):
            _take_over_list_consent(story, customer)
        elif customer.origin == "checkout" and rng.random() < 0.06:
            asked = act(customer, customer.registered_at, "newsletter", notice="avis-commande", surface="checkout")
            at = customer.registered_at + timedelta(seconds=20)
            story.add(at, "consent_requested", asked, source="boutique-en-ligne", customer=customer)
    _sign_up_again(story, rng, customers)
    _spring_contest(story, rng, customers)
    _christmas_contest(story, rng, customers)


def act(customer: Customer, at: datetime, *purposes: str, notice: str, surface: str, channel: str = "email") -> Data:
    """The fields every act of consent shares."""
    data: Data = {"channel": channel, "purposes": list(purposes)}
    address = customer.email_at(at) if channel == "email" else customer.mobile_at(at)
    if address:
        data["address"] = address
    return data | {"notice_id": notice, "notice_version": version_on(notice, local_day(at)), "surface": surface}


def double_opt_in(story: Story, rng: random.Random, customer: Customer, at: datetime, *, surface: str = "") -> None:
    """Sign-up for the newsletter: the confirmation mail, and mostly the confirmation."""
    surface = surface or {"newsletter_form": "footer", "popup": "popup"}.get(customer.origin, "checkout")
    ticked = act(customer, at, "newsletter", notice="lettre-boutique", surface=surface)
    form: Data = {"box_default": "unticked", "url": f"{SHOP_URL}/lettre", "form_id": f"lettre-{surface}"}
    ip = "192.0.2.0/24" if rng.random() < 0.5 else "198.51.100.0/24"
    asked = ticked | {"method": "double_opt_in"} | form | {"ip_truncated": ip, "confirmation": True}
    story.add(at, "consent_requested", asked, source="newsletter", customer=customer, actor="automate")
    if rng.random() > CONFIRMS:
        return
    confirmed_at = at + (minutes(rng, 1, 90) if rng.random() < 0.9 else days(rng, 1, 9))
    confirmed = ticked | {"method": "double_opt_in", "opt_in_level": "CONFIRMED_OPT_IN", "box_default": "unticked"}
    story.add(confirmed_at, "consent_confirmed", confirmed | {"ip_truncated": ip}, source="newsletter", customer=customer)
    grant(customer, confirmed_at, confirmed=True)


def grant(customer: Customer, at: datetime, *, confirmed: bool) -> None:
    """Keep that the newsletter may be mailed from now on."""
    address = customer.email_at(at)
    assert address is not None
    customer.grants.append(Grant(address=address, start=at, confirmed=confirmed, renewed_at=at))


def _offer_refusal(story: Story, rng: random.Random, customer: Customer) -> None:
    """At the till, at account opening and on quotes, people may refuse mailings at once."""
    at = customer.registered_at + timedelta(seconds=10)
    is_informed = customer.origin in ("counter", "quote", "order_form", "account", "appointment", "phone")
    is_late_enough = customer.origin != "account" or local_day(at) >= OPT_OUT_BOX_FROM
    if not is_informed or not is_late_enough or rng.random() < 0.15:
        return
    channels = ["email"] if customer.email else []
    channels += ["post"] if customer.origin == "counter" else []
    channels += ["phone"] if customer.origin in ("quote", "order_form") and rng.random() < 0.7 else []
    ticked = rng.random() < 0.12
    notice = {"counter": "formulaire-comptoir", "account": "avis-commande"}.get(customer.origin, "devis-pro")
    for channel in channels:
        data: Data = {"channel": channel, "ticked": ticked, "notice_id": notice}
        story.add(at, "opt_out_offered", data, source=customer.source, customer=customer)
    if customer.email and ticked:
        customer.offers_until = at
    elif customer.email and customer.offers_from is None:
        first = customer.ordered_at[0] if customer.ordered_at else None
        customer.offers_from = at if customer.company or customer.kind == "company" else first


def _sign_at_counter(story: Story, rng: random.Random, customer: Customer) -> None:
    """The paper form has boxes for the letter and for text messages."""
    if rng.random() < 0.45:
        _give_on_paper(story, customer, "formulaire-comptoir", "store_paper")
    elif rng.random() < 0.2:
        at = customer.registered_at + timedelta(seconds=30)
        refused = act(customer, at, "newsletter", notice="formulaire-comptoir", surface="store_paper")
        story.add(at, "consent_refused", refused | {"recorded_by": "vendeuse"}, source=customer.source, customer=customer)
    if customer.profile.mobile and rng.random() < 0.3:
        at = customer.registered_at + timedelta(seconds=40)
        shared = act(customer, at, "own_offers", notice="formulaire-comptoir", surface="store_paper", channel="sms")
        kind = "consent_given" if rng.random() < 0.75 else "consent_refused"
        extra: Data = {"method": "signature", "box_default": "unticked"} if kind == "consent_given" else {}
        story.add(at, kind, shared | extra, source=customer.source, customer=customer)


def _give_on_paper(story: Story, customer: Customer, notice: str, surface: str) -> None:
    at = customer.registered_at + timedelta(seconds=30)
    data = act(customer, at, "newsletter", notice=notice, surface=surface) | {
        "method": "signature",
        "opt_in_level": "SINGLE_OPT_IN",
        "box_default": "unticked",
        "evidence_sha256": sha256(f"bulletin {customer.external}"),
        "recorded_by": "vendeuse",
    }
    story.add(at, "consent_given", data, source=customer.source, customer=customer)
    grant(customer, at, confirmed=False)


def _take_over_list_consent(story: Story, customer: Customer) -> None:
    """A list's consents, as its supplier states them."""
    at = customer.registered_at + timedelta(seconds=2)
    data: Data = {"channel": "email", "purposes": ["own_offers"], "address": customer.email, "surface": "partner_form"}
    data |= {"opt_in_level": "SINGLE_OPT_IN" if customer.origin == "rented_list" else "UNKNOWN"}
    if customer.origin == "rented_list":
        data |= {"method": "checkbox", "box_default": "unticked", "valid_until": "2025-09-16T23:59:59+02:00"}
    story.add(at, "consent_given", data, source="marketing", customer=customer)


def _take_over_old_consent(story: Story, customer: Customer) -> None:
    """The tool before knew a bare yes to the newsletter and no more."""
    at = customer.registered_at + timedelta(seconds=30)
    data: Data = {"channel": "email", "purposes": ["newsletter"], "address": customer.email, "opt_in_level": "UNKNOWN"}
    reason: Data = {"reason": "repris de l'ancien outil"}
    story.add(at, "consent_given", data | reason, source="newsletter", customer=customer, actor="reprise")
    grant(customer, at, confirmed=False)


def _sign_up_again(story: Story, rng: random.Random, customers: list[Customer]) -> None:
    """Single opt-ins are asked to confirm before the strict policy; new addresses start without consent."""
    for customer in customers:
        unconfirmed = [one for one in customer.grants if not one.confirmed and one.start < local(date(2024, 11, 30), 0)]
        if unconfirmed and rng.random() < 0.8:
            at = local(date(2024, 12, 3), 10) + minutes(rng, 0, 30)
            double_opt_in(story, rng, customer, at, surface="preference_centre")
        if customer.new_email and customer.email_changed_at and customer.grants and rng.random() < 0.6:
            at = customer.email_changed_at + minutes(rng, 5, 400)
            double_opt_in(story, rng, customer, at, surface="account")


def _spring_contest(story: Story, rng: random.Random, customers: list[Customer]) -> None:
    """The form came with a ticked box; in June all consents it brought are declared void."""
    found_void = local(date(2024, 6, 14), 9)
    known = [one for one in customers if one.email and one.role == "person" and not one.grants]
    known = [one for one in known if one.registered_at < local(date(2024, 4, 1), 0)]
    players = [one for one in customers if one.origin == "contest"] + rng.sample(known, 24)
    winner = players[len(players) // 3]
    for rank, customer in enumerate(players):
        at = customer.registered_at if customer.origin == "contest" else web_moment(rng, date(2024, 4, 8) + days(rng, 0, 12))
        at += timedelta(seconds=15)
        entered: Data = {"contest": "jeu-printemps-2024", "won": customer is winner}
        story.add(at, "contest_entered", entered, source="marketing", customer=customer)
        data = act(customer, at, "newsletter", "partner_offers", notice="jeu-printemps-2024", surface="contest")
        ticked: Data = {"method": "checkbox", "box_default": "ticked", "bundled": True}
        story.add(at + timedelta(seconds=1), "consent_given", data | ticked, source="marketing", customer=customer)
        reason: Data = {"reason": "case cochée d'avance, accord lié à la participation"}
        voided_at = found_void + timedelta(seconds=rank)
        actor = "responsable données"
        story.add(voided_at, "consent_invalidated", data | reason, source="marketing", customer=customer, actor=actor)


def _christmas_contest(story: Story, rng: random.Random, customers: list[Customer]) -> None:
    """The second contest asks with an empty box."""
    before = local(date(2025, 11, 1), 0)
    known = [one for one in customers if one.email and one.role == "person" and one.registered_at < before]
    players = rng.sample(known, 70)
    for customer in players:
        at = web_moment(rng, date(2025, 11, 26) + days(rng, 0, 24))
        entered: Data = {
            "contest": "jeu-noel-2025",
            "score": rng.randrange(0, 101, 20),
            "won": customer in players[:3],
            "answers": {"Quelle plante parfume notre plus vieux savon ?": rng.choice(("la lavande", "la verveine"))},
        }
        story.add(at, "contest_entered", entered, source="marketing", customer=customer)
        if rng.random() < 0.35 and not any(one.holds(at) for one in customer.grants):
            double_opt_in(story, rng, customer, at + timedelta(seconds=20), surface="contest")


def ask_for_other_channels(story: Story, customers: list[Customer], orders: list[Order]) -> None:
    """Partner offers, advertising audiences, telephone and a child's newsletter: each with a question of its own."""
    rng = story.rng("other channels")
    online = [one for one in customers if one.has_account and one.email and one.role == "person"]
    for customer in rng.sample(online, 110):
        at = web_moment(rng, max(local_day(customer.registered_at), date(2024, 2, 2)) + days(rng, 1, 120))
        data = act(customer, at, "partner_offers", notice="partenaires", surface="preference_centre")
        kind = "consent_given" if rng.random() < 0.22 else "consent_refused"
        story.add(at, kind, data | {"method": "checkbox", "box_default": "unticked"}, source="newsletter", customer=customer)
    for customer in rng.sample(online, 40):
        at = web_moment(rng, local_day(customer.registered_at) + days(rng, 1, 200))
        shown: Data = {"channel": "ad_audience", "purposes": ["own_offers"], "surface": "preference_centre"}
        kind = "consent_given" if rng.random() < 0.3 else "consent_refused"
        story.add(at, kind, shown | {"method": "checkbox"}, source="boutique-en-ligne", customer=customer)
    _ask_on_the_phone(story, rng, customers)
    _child(story, rng, orders)


def _ask_on_the_phone(story: Story, rng: random.Random, customers: list[Customer]) -> None:
    """From spring 2026 the shop asks callers for the consent that the law of August will want."""
    before = local(date(2026, 2, 1), 0)
    people = [one for one in customers if one.role == "person" and one.email and one.registered_at < before]
    callers = [one for one in people if one.profile.mobile and one.orders_before(before) > 1 and one.reachable(before)]
    for customer in rng.sample(callers, 60):
        at = office_moment(rng, date(2026, 3, 3) + days(rng, 0, 110))
        call: Data = {"direction": "inbound", "outcome": "reached", "duration_seconds": rng.randrange(90, 500)}
        story.add(at, "call_made", call, source="standard", customer=customer, actor="standard")
        data = act(customer, at, "own_offers", notice="script-telephone", surface="phone_script", channel="phone")
        data |= {"recorded_by": "standard"}
        if rng.random() < 0.58:
            evidence = sha256(f"enregistrement {customer.external}")
            data |= {"method": "oral_recording", "opt_in_level": "SINGLE_OPT_IN", "evidence_sha256": evidence}
            story.add(at, "consent_given", data, source="standard", customer=customer, actor="standard")
        else:
            story.add(at, "consent_refused", data, source="standard", customer=customer, actor="standard")


def _child(story: Story, rng: random.Random, orders: list[Order]) -> None:
    """A child comes to workshops and gets the letter with a parent's consent."""
    buyers = [order.customer for order in orders if order.customer and order.customer.origin == "counter"]
    free = [one for one in buyers if one.role == "person" and one.email and not one.grants and not one.profile.birth_date]
    customer = free[0]
    at = store_moment(rng, local_day(customer.registered_at) + timedelta(days=30))
    story.add(at, "profile_updated", {"birth_date": "2011-09-14"}, source=customer.source, customer=customer)
    data = act(customer, at, "newsletter", notice="formulaire-comptoir", surface="store_paper")
    proof: Data = {"method": "signature", "parental": True, "box_default": "unticked", "recorded_by": "vendeuse"}
    story.add(at + timedelta(minutes=2), "consent_given", data | proof, source=customer.source, customer=customer)
