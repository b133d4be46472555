"""How the shop and its customers deal with each other: calls, visits, notes, tags, networks, site and stores."""

from __future__ import annotations

import random
from datetime import date, timedelta

from buying import STORES
from catalogue import BY_CATEGORY, CATEGORIES
from consents import SHOP_URL
from shop_calendar import LAST_DAY, days, draw_day, local, local_day, minutes, office_moment, store_moment, web_moment
from story import Customer, Data, Story, iso

TRADE_SELLER = "responsable pro"
SELLERS = {"caisse-lyon": "vendeuse Lyon", "caisse-vienne": "vendeuse Vienne"}
CALL_SUMMARIES = (
    "Demande où en est la livraison.",
    "Cherche un savon sans parfum.",
    "Veut changer l'adresse de livraison.",
    "Réserve deux places à l'atelier.",
    "Signale un flacon qui fuit.",
    "Demande les horaires du magasin.",
)
NOTES = (
    "Préfère être prévenue par e-mail.",
    "Prend toujours la lessive en deux litres.",
    "Demande l'emballage cadeau en décembre.",
    "Attend le retour du savon au lait d'ânesse.",
    "Vient en voiture, retrait plutôt le samedi.",
    "A suivi l'atelier savon, très intéressée.",
)
TAGS = ("vip", "sans-parfum", "atelier", "presse", "zéro-déchet", "cadeaux-entreprise")
SOCIAL_SUMMARIES = (
    "Question sur la composition.",
    "Photo de la table de Noël.",
    "Remercie pour le colis.",
    "Recette partagée.",
)
OUTCOMES = {"reached": 8, "no_answer": 6, "voicemail": 3, "sale": 2, "refused": 3, "wrong_number": 1}


def deal(story: Story, customers: list[Customer]) -> None:
    """All dealings that are neither orders nor mailings."""
    rng = story.rng("relations")
    people = [one for one in customers if one.role == "person"]
    reached = [one for one in people if one.email]
    _serve_companies(story, rng, customers)
    _take_calls(story, rng, [one for one in reached if one.ordered_at])
    _call_campaign(story, rng, reached)
    _keep_notes(story, rng, people)
    _keep_tags(story, rng, people)
    _close_accounts(story, rng, [one for one in reached if one.has_account])
    _talk_on_networks(story, rng, reached)
    _come_by(story, rng, people)


def _serve_companies(story: Story, rng: random.Random, customers: list[Customer]) -> None:
    """The trade seller calls, meets and visits; contacts are who is spoken to."""
    for customer in customers:
        if customer.company is None:
            continue
        for _ in range(rng.randrange(4)):
            at = office_moment(rng, local_day(customer.registered_at) + days(rng, 3, 400))
            outcome = rng.choices(("reached", "no_answer", "voicemail", "sale", "callback"), weights=(6, 3, 2, 1, 1))[0]
            data: Data = {"direction": "outbound", "outcome": outcome}
            if outcome in ("reached", "sale"):
                data |= {"duration_seconds": rng.randrange(60, 900), "summary": "Point sur les besoins du trimestre."}
            story.add(at, "call_made", data, source="standard", customer=customer, actor=TRADE_SELLER)
        if rng.random() < 0.3:
            at = office_moment(rng, local_day(customer.registered_at) + days(rng, 5, 60))
            met: Data = {
                "direction": "inbound",
                "place": rng.choice(("Lyon Croix-Rousse", "visioconférence", "salon")),
                "outcome": rng.choice(("devis à envoyer", "à rappeler", "commande prévue")),
                "duration_seconds": rng.randrange(900, 4500),
                "summary": "Présentation de la gamme et des formats professionnels.",
            }
            story.add(at, "meeting_held", met, source="standard", customer=customer, actor=TRADE_SELLER)
        if rng.random() < 0.25:
            at = office_moment(rng, local_day(customer.registered_at) + days(rng, 30, 300))
            visited: Data = {"direction": "outbound", "place": "chez le client", "outcome": "échantillons déposés"}
            story.add(at, "visit_made", visited, source="standard", customer=customer, actor=TRADE_SELLER)


def _take_calls(story: Story, rng: random.Random, buyers: list[Customer]) -> None:
    for customer in rng.sample(buyers, 210):
        at = office_moment(rng, local_day(rng.choice(customer.ordered_at)) + days(rng, 1, 8))
        data: Data = {"direction": "inbound", "outcome": "reached", "duration_seconds": rng.randrange(40, 420)}
        data["summary"] = rng.choice(CALL_SUMMARIES)
        story.add(at, "call_made", data, source="standard", customer=customer, actor="standard")


def _call_campaign(story: Story, rng: random.Random, reached: list[Customer]) -> None:
    """In October 2025 good customers are invited to workshops by telephone, after a look at the do-not-call register."""
    start = local(date(2025, 10, 6), 0)
    invited = [one for one in reached if one.profile.mobile and one.orders_before(start) >= 2 and one.reachable(start)]
    invited = [one for one in invited if not one.refuses("phone", start)]
    for customer in rng.sample(invited, 75):
        checked_at = local(date(2025, 10, 6), 9) + minutes(rng, 0, 10)
        is_listed = rng.random() < 0.14
        checked: Data = {"register": "bloctel", "listed": is_listed, "checked_at": iso(checked_at)}
        story.add(checked_at, "do_not_call_checked", checked, source="standard", customer=customer, actor="standard")
        if is_listed:
            continue
        at = office_moment(rng, date(2025, 10, 7) + days(rng, 0, 15))
        outcome = rng.choices(list(OUTCOMES), weights=list(OUTCOMES.values()))[0]
        data: Data = {"direction": "outbound", "outcome": outcome}
        if outcome in ("reached", "sale", "refused"):
            data["duration_seconds"] = rng.randrange(20, 300)
        story.add(at, "call_made", data, source="standard", customer=customer, actor="vendeuse Lyon")
        if outcome == "refused":
            reason: Data = {"reason": "ne veut pas être appelé"}
            story.add(at + timedelta(minutes=2), "call_refused", reason, source="standard", customer=customer)
        if outcome == "no_answer" and rng.random() < 0.5:
            again = office_moment(rng, local_day(at) + timedelta(days=1))
            voicemail: Data = {"direction": "outbound", "outcome": "voicemail"}
            story.add(again, "call_made", voicemail, source="standard", customer=customer, actor="vendeuse Lyon")


def _keep_notes(story: Story, rng: random.Random, people: list[Customer]) -> None:
    for customer in rng.sample(people, 230):
        source = customer.source if customer.source in SELLERS else "standard"
        at = store_moment(rng, local_day(customer.registered_at) + days(rng, 1, 500))
        text: Data = {"text": rng.choice(NOTES)}
        story.add(at, "note_added", text, source=source, customer=customer, actor=SELLERS.get(source, "standard"))


def _keep_tags(story: Story, rng: random.Random, people: list[Customer]) -> None:
    for customer in rng.sample(people, 260):
        source = customer.source if customer.source in SELLERS else "standard"
        at = store_moment(rng, local_day(customer.registered_at) + days(rng, 2, 400))
        tag: Data = {"tag": rng.choice(TAGS)}
        actor = SELLERS.get(source, "standard")
        story.add(at, "tag_added", tag, source=source, customer=customer, actor=actor)
        if rng.random() < 0.12:
            removed_at = store_moment(rng, local_day(at) + days(rng, 20, 200))
            story.add(removed_at, "tag_removed", tag, source=source, customer=customer, actor=actor)


def _close_accounts(story: Story, rng: random.Random, holders: list[Customer]) -> None:
    for customer in rng.sample(holders, 34):
        last = customer.ordered_at[-1] if customer.ordered_at else customer.registered_at
        at = web_moment(rng, local_day(last) + days(rng, 40, 200))
        data: Data = {"external_id": customer.external, "reason": rng.choice(("demande du client", "inutilisé"))}
        story.add(at, "account_closed", data, source="boutique-en-ligne", customer=customer)


def _talk_on_networks(story: Story, rng: random.Random, reached: list[Customer]) -> None:
    for customer in rng.sample(reached, 150):
        at = web_moment(rng, local_day(customer.registered_at) + days(rng, 1, 500))
        data: Data = {
            "network": rng.choice(("instagram", "instagram", "facebook", "pinterest")),
            "kind": rng.choice(("message", "comment", "mention")),
            "direction": "inbound",
            "summary": rng.choice(SOCIAL_SUMMARIES),
        }
        story.add(at, "social_interaction", data, source="reseaux-sociaux", customer=customer)


def _come_by(story: Story, rng: random.Random, people: list[Customer]) -> None:
    """Visits that end without an order, on the site and in the stores."""
    browsing = [one for one in people if one.has_account and one.email]
    strolling = [one for one in people if one.source in STORES]
    for customer in rng.choices(browsing, k=1500):
        category = rng.choices(list(customer.tastes), weights=list(customer.tastes.values()))[0]
        product = rng.choice(BY_CATEGORY[category])
        at = web_moment(rng, draw_day(rng, min(local_day(customer.registered_at) + timedelta(days=1), LAST_DAY)))
        if at > customer.registered_at:
            data: Data = {"page": f"{SHOP_URL}/produits/{product.sku.lower()}", "category": category}
            story.add(at, "site_visited", data, source="boutique-en-ligne", customer=customer)
    for customer in rng.choices(strolling, k=480):
        at = store_moment(rng, draw_day(rng, min(local_day(customer.registered_at) + timedelta(days=1), LAST_DAY)))
        if at > customer.registered_at:
            seen: Data = {"store": STORES[customer.source], "category": rng.choice(CATEGORIES)}
            story.add(at, "store_visited", seen, source=customer.source, customer=customer)
