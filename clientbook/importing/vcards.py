"""vCards (2.1, 3.0, RFC 6350) as a table: one row a card, under the column names that contact files have."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

HEADER: Final = (
    "Full name",
    "Family name",
    "Given name",
    "Title",
    "Organization",
    "Email",
    "Mobile",
    "Phone",
    "Street",
    "Postal code",
    "City",
    "Region",
    "Country",
    "Date of birth",
    "Note",
    "Tags",
)

_PROPERTY: Final = re.compile(r"(?:[\w-]+\.)?([\w-]+)((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True)
class _Property:
    name: str
    parameters: str
    value: str

    @property
    def is_preferred(self) -> bool:
        return "PREF" in self.parameters


def looks_like_vcards(text: str) -> bool:
    """Whether the text begins as a card does."""
    return text.lstrip("\ufeff \t\r\n")[:11].upper() == "BEGIN:VCARD"


def cards(text: str) -> Iterator[tuple[int, list[str]]]:
    """The line each card begins on, and its cells under `HEADER`. A card without its end counts up to the next beginning."""
    begun = 0
    found: list[_Property] = []
    for number, line in _unfolded(text):
        upper = line.strip().upper()
        if upper == "BEGIN:VCARD":
            if begun:
                yield begun, _cells(found)
            begun, found = number, []
        elif upper == "END:VCARD":
            if begun:
                yield begun, _cells(found)
            begun = 0
        elif begun and (match := _PROPERTY.fullmatch(line)):
            parameters = match[2].upper()
            value = _quoted_printable(match[3], parameters) if "QUOTED-PRINTABLE" in parameters else match[3]
            found.append(_Property(name=match[1].upper(), parameters=parameters, value=value.strip()))
    if begun:
        yield begun, _cells(found)


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines: what begins with a blank goes on, and so does quoted-printable after `=`."""
    held, start = "", 0
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if start and line[:1] in (" ", "\t"):
            held += line[1:]
        elif start and held.endswith("=") and "QUOTED-PRINTABLE" in held.upper():
            held = held[:-1] + line
        else:
            if start:
                yield start, held
            held, start = line, number
    if start:
        yield start, held


def _quoted_printable(value: str, parameters: str) -> str:
    charset = re.search(r"CHARSET=\"?([\w-]+)", parameters)
    raw = quopri.decodestring(value.encode("utf-8", "replace"))
    try:
        return raw.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _cells(found: list[_Property]) -> list[str]:
    names = _parts(found, "N", 5)
    street, city, region, postal_code, country = (_parts(found, "ADR", 7) + [""] * 7)[2:7]
    phones = sorted((one for one in found if one.name == "TEL"), key=lambda one: not one.is_preferred)
    mobile = next((one for one in phones if "CELL" in one.parameters), None)
    other = next((one for one in phones if one is not mobile and "FAX" not in one.parameters), None)
    return [
        _first(found, "FN"),
        names[0],
        names[1],
        names[3],
        _parts(found, "ORG", 1)[0],
        _first(found, "EMAIL").removeprefix("mailto:"),
        _number(mobile),
        _number(other),
        street,
        postal_code,
        city,
        region,
        country,
        _birth_date(_first(found, "BDAY")),
        _first(found, "NOTE"),
        ",".join(_text(part) for part in _raw(found, "CATEGORIES").split(",") if part.strip()),
    ]


def _raw(found: list[_Property], name: str) -> str:
    """The value of the preferred property of this name, as it stands; empty where there is none."""
    named = sorted((one for one in found if one.name == name), key=lambda one: not one.is_preferred)
    return named[0].value if named else ""


def _first(found: list[_Property], name: str) -> str:
    return _text(_raw(found, name))


def _parts(found: list[_Property], name: str, count: int) -> list[str]:
    parts = [_text(part) for part in re.split(r"(?<!\\);", _raw(found, name))]
    return (parts + [""] * count)[:count]


def _text(value: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value).strip()


def _number(phone: _Property | None) -> str:
    return _text(phone.value).removeprefix("tel:").partition(";")[0] if phone else ""


def _birth_date(text: str) -> str:
    """As ISO; empty where the year is not told."""
    match = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", text)
    return "-".join(match.groups()) if match else ""
