"""Invented people and companies: names, towns, numbers in ranges kept for fiction, addresses in reserved domains."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

from names import COMPANY_KINDS, COMPANY_NAMES, FAMILIES, LANDLINE_RANGES, MEN, STREETS, TOWNS, WOMEN
from story import Data, Profile, Town


@dataclass(kw_only=True)
class Names:
    """Hands out addresses and numbers that nobody has yet."""

    emails: dict[str, int]
    phones: set[str]

    def email(self, local_part: str, domain: str) -> str:
        """A free address: a number is added where the name is taken."""
        key = f"{local_part}@{domain}"
        self.emails[key] = self.emails.get(key, 0) + 1
        return key if self.emails[key] == 1 else f"{local_part}{self.emails[key]}@{domain}"

    def phone(self, rng: random.Random, start: str) -> str:
        """A free number in a range kept for fiction."""
        while (number := f"+33{start}{rng.randrange(10_000):04d}") in self.phones:
            pass
        self.phones.add(number)
        return number


def draw_person(rng: random.Random, taken: Names, *, is_near: bool, is_woman: bool) -> Profile:
    """A person; people from abroad have no telephone, for the ranges kept for fiction are French."""
    town = draw_town(rng, near=is_near)
    birth = date(rng.randint(1942, 2005), 1, 1) + timedelta(days=rng.randrange(365))
    is_reached = town.country == "FR"
    return Profile(
        civility="Mme" if is_woman else "M.",
        given_name=rng.choice(WOMEN if is_woman else MEN),
        family_name=rng.choice(FAMILIES),
        sex="female" if is_woman else "male",
        birth_date=birth if rng.random() < 0.55 else None,
        town=town,
        street=draw_street(rng),
        mobile=taken.phone(rng, "63998") if is_reached and rng.random() < 0.6 else None,
        landline=taken.phone(rng, _landline_range(town)) if is_reached and rng.random() < 0.12 else None,
        language="fr" if town.country != "BE" else rng.choice(("fr-BE", "fr-BE", "nl")),
    )


def namesake(profile: Profile, father: Profile) -> Profile:
    """Somebody with the name of `father` and own address and number."""
    return Profile(
        civility=father.civility,
        given_name=father.given_name,
        family_name=father.family_name,
        sex=father.sex,
        town=profile.town,
        street=profile.street,
        mobile=profile.mobile,
    )


def draw_company(rng: random.Random, taken: Names) -> Profile:
    """A company."""
    kind = rng.choice(COMPANY_KINDS)
    town = draw_town(rng, near=rng.random() < 0.6)
    return Profile(
        legal_name=f"{kind[0]} {rng.choice(COMPANY_NAMES)}",
        trade=kind[0],
        town=town,
        street=draw_street(rng),
        landline=taken.phone(rng, _landline_range(town)) if town.country == "FR" else None,
    )


def _landline_range(town: Town) -> str:
    return LANDLINE_RANGES.get(town.postal_code[:2], "46571")


def draw_town(rng: random.Random, *, near: bool = False) -> Town:
    """A town, after how many customers live there."""
    choice = [(town, weight) for town, weight in TOWNS if town.is_near or not near]
    return rng.choices([town for town, _ in choice], weights=[weight for _, weight in choice])[0]


def draw_street(rng: random.Random) -> str:
    """A street and number."""
    return f"{rng.randint(1, 120)} {rng.choice(STREETS)}"


def postal_address(town: Town, street: str) -> Data:
    """The address as the event's data hold it."""
    return {
        "lines": [street],
        "postal_code": town.postal_code,
        "city": town.city,
        "region": town.region,
        "country": town.country,
    }


def plain(text: str) -> str:
    """Lower-case ASCII letters and hyphens."""
    ascii_text = unicodedata.normalize("NFKD", text.replace("'", "-").replace("œ", "oe")).encode("ascii", "ignore").decode()
    return "-".join(ascii_text.lower().replace("-", " ").split())


def siren(number: int) -> str:
    """A number with a valid check digit among those beginning with 000, which no company has."""
    start = f"000{number:05d}"
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(start))
    return f"{start}{-sum(value // 10 + value % 10 for value in doubled) % 10}"
