"""What changes about people over the years: moves, birth dates told later, habits, e-mail addresses."""

from __future__ import annotations

import random
from datetime import date, datetime

from names import INTERESTS, OCCUPATIONS
from profiles import Names, draw_street, draw_town, postal_address
from shop_calendar import days, local, local_day, minutes, web_moment
from story import Customer, Data, Story


def update_profiles(story: Story, customers: list[Customer]) -> None:
    """Moves, new numbers and addresses, birth dates told later, and other changes over the years."""
    rng = story.rng("profile updates")
    people = [customer for customer in customers if customer.role == "person" and customer.email]
    told = [customer for customer in people if customer.profile.birth_date and customer.origin in ("account", "checkout")]
    for customer in rng.sample(told, 180):
        birth = customer.profile.birth_date
        assert birth is not None
        exact = rng.random() < 0.85
        data: Data = {"birth_date": birth.isoformat()} if exact else {"birth_year": birth.year}
        story.add(_later(rng, customer), "profile_updated", data, source="boutique-en-ligne", customer=customer)
    for customer in rng.sample(people, 120):
        story.add(
            _later(rng, customer),
            "profile_updated",
            {"address": postal_address(draw_town(rng), draw_street(rng))},
            source="boutique-en-ligne",
            customer=customer,
        )
    for customer in rng.sample(people, 150):
        story.add(_later(rng, customer), "profile_updated", _habits(rng), source="boutique-en-ligne", customer=customer)
    _change_mobiles(story, rng, people)
    for customer in rng.sample([one for one in people if one.profile.landline], 12):
        data = {"cleared": ["landline"]}
        story.add(_later(rng, customer), "profile_updated", data, source="standard", customer=customer)
    _change_emails(story, rng, people)


def _change_mobiles(story: Story, rng: random.Random, people: list[Customer]) -> None:
    reached = [one for one in people if one.profile.mobile]
    taken = Names(emails={}, phones={one.profile.mobile for one in reached if one.profile.mobile})
    for customer in rng.sample(reached, 60):
        customer.new_mobile, customer.mobile_changed_at = taken.phone(rng, "63998"), _later(rng, customer)
        data: Data = {"mobile": customer.new_mobile}
        story.add(customer.mobile_changed_at, "profile_updated", data, source="boutique-en-ligne", customer=customer)


def _change_emails(story: Story, rng: random.Random, people: list[Customer]) -> None:
    """Some people change their address: the new one is linked, the old one unlinked, and consent starts anew."""
    candidates = [one for one in people if one.email and one.has_account and one.registered_at < local(date(2025, 9, 1), 0)]
    for customer in rng.sample(candidates, 18):
        at = _later(rng, customer)
        assert customer.email is not None
        name, domain = customer.email.split("@")
        new = f"{name}.nouveau@{domain}"
        story.add(at, "identifier_linked", {"kind": "email", "value": new}, source="boutique-en-ligne", customer=customer)
        story.add(at, "profile_updated", {"email": new}, source="boutique-en-ligne", customer=customer)
        customer.new_email, customer.email_changed_at = new, at
        if rng.random() < 0.5:
            data: Data = {"kind": "email", "value": customer.email, "reason": "adresse abandonnée"}
            after = at + minutes(rng, 5, 60)
            story.add(after, "identifier_unlinked", data, source="boutique-en-ligne", customer=customer)


def _later(rng: random.Random, customer: Customer) -> datetime:
    return web_moment(rng, local_day(customer.registered_at) + days(rng, 20, 700))


def _habits(rng: random.Random) -> Data:
    choices: list[Data] = [
        {"occupation": rng.choice(OCCUPATIONS)},
        {"interests": rng.sample(INTERESTS, 2)},
        {"interests": [rng.choice(INTERESTS)], "attributes": {"the_prefere": rng.choice(("noir", "vert", "blanc"))}},
        {"marital_status": rng.choice(("en couple", "célibataire")), "children": rng.randrange(4)},
        {"language": rng.choice(("en", "it", "de"))},
    ]
    return rng.choices(choices, weights=(6, 8, 4, 2, 1))[0]
