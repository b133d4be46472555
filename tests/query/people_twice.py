"""A made-up file in which it is known who stands twice, and who only looks like it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

GIVEN = {
    "f": "Marie Jeanne Françoise Monique Catherine Nathalie Isabelle Sylvie Martine Nicole Camille Léa Manon Chloé Emma Inès"
    " Louise Julie Pauline Sophie Charlotte Élodie Aurélie Céline Sandrine Valérie Hélène Anne Claire Lucie Mathilde Zoé",
    "m": "Jean Pierre Michel André Philippe Louis Christophe Nicolas Alain Patrick Julien Thomas Lucas Hugo Antoine Paul"
    " Guillaume Frédéric Laurent Sébastien Olivier Vincent Maxime Alexandre François Jacques Gérard Bernard Luc Léo Rémi",
}
FAMILIES = """
Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia David
Bertrand Roux Vincent Fournier Morel Girard Andre Lefèvre Mercier Dupont Lambert Bonnet François Martinez Legrand
Garnier Faure Rousseau Blanc Guérin Muller Henry Roussel Nicolas Perrin Morin Mathieu Clément Gauthier Dumont Lopez
Fontaine Chevalier Robin Masson Sanchez Gérard Nguyen Boyer Denis Lemaire Duval Joly Gautier Roger Roche Roy Noël
Meyer Lucas Meunier Jean Perez Marchand Dufour Blanchard Marie Barbier Brun Dumas Brunet Schmitt Leroux Colas
Fernandez Pichon Renard Arnaud Rolland Caron Aubert Giraud Leclerc Vidal Bourgeois Renaud Lemoine Picard Gaillard
Philippe Leclercq Lacroix Fabre Dupuis Olivier Rodriguez Da-Silva Hubert Louis Charles Guillot Rivière Le-Gall
Guillaume Adam Rey Moulin Gonzalez Berger Lecomte
"""
FAMILY = FAMILIES.split()
SHORT = {
    "Christophe": "Tof",
    "Philippe": "Phil",
    "Catherine": "Cathy",
    "Nathalie": "Nath",
    "Isabelle": "Isa",
    "Thomas": "Tom",
    "Alexandre": "Alex",
    "Frédéric": "Fred",
    "Nicolas": "Nico",
    "Sophie": "Soph",
    "Guillaume": "Guigui",
}
STREETS = "rue des Lilas,rue Victor Hugo,avenue Jean Jaurès,place du Marché,boulevard Gambetta,rue de la Gare,rue du Moulin"
TOWNS = [(f"{part:02}{town}00", f"Ville-{part}-{town}") for part in range(1, 96) for town in range(4)]
MAILS = ("gmail.com", "orange.fr", "free.fr", "laposte.net", "hotmail.fr", "yahoo.fr", "wanadoo.fr", "sfr.fr")
TRADES = ("Boulangerie", "Garage", "Librairie", "Menuiserie", "Cave", "Fromagerie", "Atelier")

Person = dict[str, Any]


@dataclass
class File:
    """Rows as `profile_updated` data with `kind`, and the pairs of row numbers that are one person."""

    rows: list[Person] = field(default_factory=list)
    same: set[tuple[int, int]] = field(default_factory=set)
    kinds: dict[tuple[int, int], str] = field(default_factory=dict)


def people_twice(*, people: int, seed: int) -> File:
    """`people` customers; every eighth stands twice, every eighth has somebody beside who looks alike and is another."""
    dice = random.Random(seed)
    file = File()
    for number in range(people):
        person = _person(dice)
        place = len(file.rows)
        file.rows.append(person)
        if number % 8 == 0:
            kind = dice.choice(sorted(AGAIN))
            pair = (place, place + 1)
            file.rows.append(AGAIN[kind](dict(person), dice))
            file.same.add(pair)
            file.kinds[pair] = kind
        elif number % 8 == 1:
            kind = dice.choice(sorted(ALIKE))
            other = ALIKE[kind](person, dice)
            file.kinds[(place, place + 1)] = kind
            file.rows.append(other)
    firms = [_firm(dice) for _ in range(people // 20)]
    for firm in firms:
        place = len(file.rows)
        contact = _person(dice) | {"email": firm["email"], "landline": firm["landline"], "address": firm["address"]}
        colleague = _person(dice) | {"email": firm["email"], "landline": firm["landline"], "address": firm["address"]}
        neighbour = _firm(dice) | {"address": firm["address"], "landline": firm["landline"]}
        again = firm | {"legal_name": firm["legal_name"].upper() + " SARL", "email": None}
        file.rows += [firm, contact, colleague, neighbour, again]
        file.same.add((place, place + 4))
        file.kinds[(place, place + 4)] = "firm again"
    return file


def _person(dice: random.Random) -> Person:
    sex = dice.choice("fm")
    given, family = dice.choice(GIVEN[sex].split()), dice.choice(FAMILY)
    postcode, city = dice.choice(TOWNS)
    lines = [f"{dice.randrange(1, 120)} {dice.choice(STREETS.split(','))}"]
    person = {
        "kind": "person",
        "civility": {"f": "Mme", "m": "M."}[sex] if dice.random() < 0.6 else None,
        "given_name": given,
        "family_name": family,
        "email": f"{_ascii(given)}.{_ascii(family)}{dice.randrange(10, 99)}@{dice.choice(MAILS)}",
        "mobile": f"+336{dice.randrange(10**7, 10**8)}" if dice.random() < 0.7 else None,
        "landline": f"+331{dice.randrange(4 * 10**7, 5 * 10**7)}" if dice.random() < 0.3 else None,
        "birth_date": _date(dice, 1945, 2004) if dice.random() < 0.5 else None,
        "address": {"lines": lines, "postal_code": postcode, "city": city} if dice.random() < 0.9 else None,
    }
    if person["address"] is None and person["mobile"] is None:
        person["mobile"] = f"+337{dice.randrange(10**7, 10**8)}"
    return person


def _firm(dice: random.Random) -> Person:
    postcode, city = dice.choice(TOWNS)
    name = f"{dice.choice(TRADES)} {dice.choice(FAMILY)}"
    return {
        "kind": "company",
        "legal_name": name,
        "email": f"contact@{_ascii(name).replace(' ', '-')}{dice.randrange(100)}.fr",
        "landline": f"+331{dice.randrange(4 * 10**7, 5 * 10**7)}",
        "siren": str(dice.randrange(10**8, 10**9)) if dice.random() < 0.5 else None,
        "address": {"lines": [f"{dice.randrange(1, 120)} rue du Port"], "postal_code": postcode, "city": city},
    }


def _date(dice: random.Random, first: int, last: int) -> str:
    return f"{dice.randrange(first, last)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"


def _ascii(text: str) -> str:
    table = str.maketrans("éèêëàâîïôûç-", "eeeeaaiiouc ")
    return text.lower().translate(table).replace(" ", "")


def _slip(text: str, dice: random.Random) -> str:
    place = dice.randrange(1, max(2, len(text) - 1))
    how = dice.randrange(3)
    if how == 0:
        return text[:place] + text[place + 1 :]
    if how == 1:
        return text[:place] + text[place + 1 : place + 2] + text[place] + text[place + 2 :]
    return text[:place] + dice.choice("aeinrstl") + text[place:]


def _moved(person: Person, dice: random.Random) -> Person:
    return person | {"address": _person(dice)["address"], "landline": None}


def _no_mail(person: Person, dice: random.Random) -> Person:
    return person | {"email": None, "civility": None}


def _new_mail(person: Person, dice: random.Random) -> Person:
    return person | {"email": person["email"].split("@")[0] + "@" + dice.choice(MAILS)}


def _in_one_field(person: Person, dice: random.Random) -> Person:
    whole = f"{person['family_name'].upper()} {person['given_name']}"
    return person | {"given_name": None, "family_name": whole, "email": None, "birth_date": None}


AGAIN = {
    "slip in the last name": lambda p, d: p | {"family_name": _slip(p["family_name"], d), "email": None},
    "slip in the first name": lambda p, d: p | {"given_name": _slip(p["given_name"], d), "email": None},
    "slip in the e-mail": lambda p, d: p | {"email": _slip(p["email"].split("@")[0], d) + "@" + p["email"].split("@")[1]},
    "short name": lambda p, d: p | {"given_name": SHORT.get(p["given_name"], p["given_name"][0]), "email": None},
    "moved": _moved,
    "swapped": lambda p, d: p | {"given_name": p["family_name"], "family_name": p["given_name"], "email": None},
    "no e-mail": _no_mail,
    "other provider": _new_mail,
    "whole name in one field": _in_one_field,
    "capitals": lambda p, d: (
        p | {"family_name": _ascii(p["family_name"]).upper(), "email": p["email"].upper(), "mobile": None}
    ),
}
"""Ways in which one person stands twice."""


def _spouse(person: Person, dice: random.Random) -> Person:
    other = _person(dice)
    while other["given_name"] == person["given_name"]:
        other = _person(dice)
    shared = {name: person[name] for name in ("family_name", "address", "landline")}
    return other | shared | {"email": person["email"] if dice.random() < 0.3 else other["email"]}


def _twin(person: Person, dice: random.Random) -> Person:
    person["birth_date"] = person["birth_date"] or "1990-04-05"
    return _spouse(person, dice) | {"birth_date": person["birth_date"], "email": person["email"]}


def _son(person: Person, dice: random.Random) -> Person:
    person["birth_date"] = person["birth_date"] or "1955-03-02"
    return person | {"birth_date": _date(dice, 1985, 2004), "email": None, "mobile": None}


def _namesake(person: Person, dice: random.Random) -> Person:
    return _person(dice) | {name: person[name] for name in ("given_name", "family_name", "civility")}


def _namesake_in_town(person: Person, dice: random.Random) -> Person:
    person["birth_date"] = person["birth_date"] or "1961-11-21"
    town = dict(person["address"] or {"postal_code": "75011", "city": "Paris"}) | {
        "lines": [f"{dice.randrange(120, 300)} rue Neuve"]
    }
    return _namesake(person, dice) | {"address": town, "birth_date": _date(dice, 1945, 2004)}


ALIKE = {"spouse": _spouse, "twin": _twin, "son": _son, "namesake": _namesake, "namesake in town": _namesake_in_town}
"""Ways in which two people look alike."""
