"""Who comes to the shop: arrivals over three years, invented people and companies, and what their forms tell."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from catalogue import draw_tastes
from names import COMPANY_KINDS
from profiles import Names, draw_company, draw_person, namesake, plain, postal_address, siren
from shop_calendar import FIRST_DAY, days, draw_day, local, office_moment, store_moment, web_moment
from story import Customer, Data, Profile, Story

PEOPLE: Final = 1690
COMPANIES: Final = 140
HOMONYMS_AT: Final = 7
"""The company whose two contacts, father and son, share one name."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A way into the book: how frequent, where it is recorded, under which wording, and in which days if not all year."""

    name: str
    weight: float
    source: str
    notice_id: str | None = None
    day: date | None = None
    span_days: int = 1
    informed: bool | None = True
    from_person: bool | None = True
    list_id: str | None = None


ORIGINS: Final = {
    origin.name: origin
    for origin in (
        Origin(name="checkout", weight=36, source="boutique-en-ligne", notice_id="avis-commande"),
        Origin(name="account", weight=15, source="boutique-en-ligne", notice_id="avis-commande"),
        Origin(name="counter", weight=22, source="caisse", notice_id="formulaire-comptoir"),
        Origin(name="newsletter_form", weight=8, source="newsletter", notice_id="lettre-boutique"),
        Origin(name="popup", weight=3, source="newsletter", notice_id="lettre-boutique"),
        Origin(
            name="contest",
            weight=3,
            source="marketing",
            notice_id="jeu-printemps-2024",
            day=date(2024, 4, 6),
            span_days=21,
        ),
        Origin(name="survey", weight=0.5, source="marketing"),
        Origin(name="fair", weight=2.5, source="marketing", notice_id="salon-2024", day=date(2024, 10, 12)),
        Origin(name="import", weight=13, source="boutique-en-ligne", day=date(2023, 7, 3), informed=None, from_person=None),
        Origin(name="phone", weight=1.2, source="standard"),
        Origin(name="social", weight=1, source="reseaux-sociaux"),
        Origin(name="referral", weight=1.3, source="boutique-en-ligne", notice_id="avis-commande"),
        Origin(name="appointment", weight=0.5, source="standard"),
        Origin(name="gift_recipient", weight=1.3, source="boutique-en-ligne", informed=False, from_person=False),
        Origin(name="marketplace", weight=1.8, source="place-de-marche", informed=False, from_person=False),
        Origin(
            name="rented_list",
            weight=3.6,
            source="marketing",
            day=date(2024, 9, 17),
            from_person=False,
            list_id="foyers-2024",
        ),
        Origin(
            name="bought_list",
            weight=0.7,
            source="marketing",
            day=date(2023, 9, 19),
            informed=False,
            from_person=False,
            list_id="fichier-adresses-2023",
        ),
        Origin(name="quote", weight=0, source="standard", notice_id="devis-pro"),
        Origin(name="order_form", weight=0, source="standard", notice_id="devis-pro"),
    )
}
"""The ways in; those of weight 0 are for companies."""

EARLY: Final = ("newsletter_form", "popup", "contest", "bought_list")
"""Forms that ask for little more than an e-mail address."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A registration to come. `company` numbers the company a contact belongs to."""

    at: datetime
    origin: Origin
    role: str
    source: str
    company: int = 0


def populate(story: Story) -> list[Customer]:
    """Register everybody, in the order of arrival."""
    rng, taken = story.rng("people"), Names(emails={}, phones=set())
    companies: dict[int, Customer] = {}
    first_contacts: dict[int, Customer] = {}
    customers: list[Customer] = []
    for number, arrival in enumerate(sorted(_arrivals(rng), key=lambda arrival: arrival.at), start=1):
        company = companies.get(arrival.company) if arrival.role == "contact" else None
        profile = _draw_profile(rng, taken, arrival)
        if arrival.company == HOMONYMS_AT and arrival.role == "contact" and arrival.company in first_contacts:
            profile = namesake(profile, first_contacts[arrival.company].profile)
        if arrival.role == "twin" and (other := _other_twin(customers)):
            profile = other.profile
        customer = _customer(rng, taken, arrival, number, profile, company)
        if arrival.role == "company":
            companies[arrival.company] = customer
        elif arrival.role == "contact":
            first_contacts.setdefault(arrival.company, customer)
        customers.append(customer)
        _register(story, rng, customer, arrival.origin)
    return customers


def _arrivals(rng: random.Random) -> Iterator[Arrival]:
    weights = [origin.weight for origin in ORIGINS.values()]
    for origin in rng.choices(list(ORIGINS.values()), weights=weights, k=PEOPLE):
        yield _arrival(rng, origin, "person")
    for company in range(1, COMPANIES + 1):
        name = rng.choices(("quote", "account", "order_form", "fair"), weights=(55, 20, 17, 8))[0]
        arrival = _arrival(rng, ORIGINS[name], "company", company)
        yield arrival
        for rank in range(2 if rng.random() < 0.3 or company == HOMONYMS_AT else 1):
            at = arrival.at + timedelta(minutes=4) + rank * days(rng, 20, 90)
            yield Arrival(at=at, origin=arrival.origin, role="contact", source=arrival.source, company=company)
    # One woman is entered twice: at the till, then by the e-shop under another address.
    yield Arrival(at=store_moment(rng, date(2024, 3, 5)), origin=ORIGINS["counter"], role="twin", source="caisse-lyon")
    yield Arrival(at=web_moment(rng, date(2024, 11, 4)), origin=ORIGINS["checkout"], role="twin", source="boutique-en-ligne")


def _arrival(rng: random.Random, origin: Origin, role: str, company: int = 0) -> Arrival:
    source = origin.source
    if source == "caisse":
        source = rng.choices(("caisse-lyon", "caisse-vienne"), weights=(65, 35))[0]
    # Contacts follow within ninety days: companies stop arriving early enough for them.
    day = origin.day + timedelta(days=rng.randrange(origin.span_days)) if origin.day else draw_day(rng)
    while role == "company" and day > date(2026, 3, 25):
        day = draw_day(rng)
    if origin.name == "import":
        at = local(day, 8, 0) + timedelta(seconds=rng.randrange(3600))
    elif origin.list_id:
        at = local(day, 9, 0) + timedelta(seconds=rng.randrange(600))
    elif source.startswith("caisse-") or origin.name == "fair":
        at = store_moment(rng, day)
    elif source == "standard":
        at = office_moment(rng, day)
    else:
        at = web_moment(rng, day)
    at = max(at, local(FIRST_DAY, 8) + timedelta(seconds=rng.randrange(7200)))
    return Arrival(at=at, origin=origin, role=role, source=source, company=company)


def _draw_profile(rng: random.Random, taken: Names, arrival: Arrival) -> Profile:
    if arrival.role == "company":
        return draw_company(rng, taken)
    is_woman = arrival.role == "twin" or rng.random() < 0.68
    return draw_person(rng, taken, is_near=arrival.source.startswith("caisse-"), is_woman=is_woman)


def _other_twin(customers: list[Customer]) -> Customer | None:
    return next((customer for customer in customers if customer.role == "twin"), None)


def _customer(
    rng: random.Random, taken: Names, arrival: Arrival, number: int, profile: Profile, company: Customer | None
) -> Customer:
    if arrival.role == "company":
        email = taken.email("contact", f"{plain(profile.legal_name)}-{number}.example")
    elif company is not None and company.email is not None:
        email = taken.email(f"{plain(profile.given_name)}.{plain(profile.family_name)}", company.email.split("@")[1])
    else:
        domain = rng.choices(("example.com", "example.org", "example.net", "courriel.example"), weights=(5, 3, 2, 2))[0]
        email = taken.email(f"{plain(profile.given_name)}.{plain(profile.family_name)}", domain)
    has_email = arrival.origin.name != "counter" or arrival.role == "twin" or rng.random() < 0.82
    return Customer(
        external=f"C{number:06d}",
        number=number,
        kind="company" if arrival.role == "company" else "person",
        role=arrival.role,
        origin=arrival.origin.name,
        source=arrival.source,
        registered_at=arrival.at,
        profile=profile,
        email=email if has_email else None,
        id=None if arrival.role == "person" else f"{rng.getrandbits(80):020x}",
        company=company,
        has_account=arrival.origin.name in ("account", "referral")
        or (arrival.origin.name in ("checkout", "import") and rng.random() < 0.5),
        tastes=draw_tastes(rng),
    )


def _register(story: Story, rng: random.Random, customer: Customer, origin: Origin) -> None:
    """Registration, the identifiers of those named by id, the profile as the form tells it, and the account."""
    facts: Data = {
        "kind": customer.kind,
        "collected_via": origin.name,
        "notice_id": origin.notice_id,
        "list_id": origin.list_id,
        "informed": origin.informed,
        "from_person": origin.from_person,
    }
    at, source = customer.registered_at, customer.source
    data = {name: value for name, value in facts.items() if value is not None}
    story.add(at, "customer_registered", data, source=source, customer=customer)
    at += timedelta(seconds=1)
    if customer.id is not None:
        phone = customer.profile.mobile or customer.profile.landline if customer.role != "twin" else None
        for kind, value in (("email", customer.email), ("external", customer.external), ("phone", phone)):
            if value:
                story.add(at, "identifier_linked", {"kind": kind, "value": value}, source=source, customer=customer)
    profile = _company_facts(rng, customer) if customer.kind == "company" else _form(rng, customer)
    if profile:
        story.add(at, "profile_updated", profile, source=source, customer=customer)
    if customer.has_account:
        opened: Data = {"external_id": customer.external, "form_id": "compte-web"}
        story.add(at, "account_opened", opened, source="boutique-en-ligne", customer=customer)


def _form(rng: random.Random, customer: Customer) -> Data:
    """What a person's form tells the shop."""
    profile, data = customer.profile, dict[str, object]()
    if customer.origin in EARLY:
        return {"given_name": profile.given_name, "language": profile.language} if rng.random() < 0.4 else data
    data |= {"given_name": profile.given_name, "family_name": profile.family_name}
    if rng.random() < 0.7:
        data |= {"civility": profile.civility, "sex": profile.sex}
    if customer.company is not None:
        assert customer.company.id is not None
        data |= {"company_id": customer.company.id, "occupation": rng.choice(("gérance", "achats", "accueil"))}
    else:
        data["address"] = postal_address(profile.town, profile.street)
    if profile.birth_date and customer.told_birth_date:
        data["birth_date"] = profile.birth_date.isoformat()
    data |= {name: phone for name, phone in (("mobile", profile.mobile), ("landline", profile.landline)) if phone}
    return data | ({"language": profile.language} if profile.language != "fr" or rng.random() < 0.3 else {})


def _company_facts(rng: random.Random, customer: Customer) -> Data:
    profile = customer.profile
    sector, trade, position = next(kind[1:] for kind in COMPANY_KINDS if kind[0] == profile.trade)
    data: Data = {
        "legal_name": profile.legal_name,
        "sector": sector,
        "trade": trade,
        "chain_position": position,
        "headcount": max(1, round(rng.lognormvariate(1.8, 0.9))),
        "address": postal_address(profile.town, profile.street),
    }
    if profile.landline:
        data["landline"] = profile.landline
    if profile.town.country == "FR":
        number = siren(customer.number)
        data |= {"siren": number, "vat_id": f"FR{(12 + 3 * (int(number) % 97)) % 97:02d}{number}"}
    return data
