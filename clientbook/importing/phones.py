"""Phone numbers in the one form in which two of them are the same: E.164, read as the book's country writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import PhoneMetadata

_OVERSEAS: Final = {"971": "GP", "972": "MQ", "973": "GF", "974": "RE", "976": "YT", "975": "PM", "977": "BL", "978": "MF"}
"""French postcodes whose numbers are another region's."""

_NAMES: Final = {
    "france": "FR",
    "belgique": "BE",
    "belgium": "BE",
    "suisse": "CH",
    "switzerland": "CH",
    "luxembourg": "LU",
    "allemagne": "DE",
    "germany": "DE",
    "espagne": "ES",
    "spain": "ES",
    "italie": "IT",
    "italy": "IT",
    "royaume-uni": "GB",
    "united kingdom": "GB",
    "uk": "GB",
    "la réunion": "RE",
    "réunion": "RE",
    "guadeloupe": "GP",
    "martinique": "MQ",
    "guyane": "GF",
    "monaco": "MC",
}
_KINDS: Final = (
    "fixed_line",
    "mobile",
    "pager",
    "personal_number",
    "premium_rate",
    "shared_cost",
    "toll_free",
    "uan",
    "voicemail",
    "voip",
)
_FILLING: Final = str.maketrans("", "", " .-/()\u00a0\u202f\u2009'’")


def e164(text: str, region: str) -> str | None:
    """The number as E.164, such as +33612345678; None where no such number can exist.

    A number without a country's prefix is read as `region` (ISO 3166) writes it. Numbers as people in that region write
    them are matched against its patterns at once; anything else goes through the library's parser.
    """
    shape, prefix = _usual(region)
    usual = shape.fullmatch(text.translate(_FILLING))
    if usual:
        return prefix + usual[1]
    try:
        number = phonenumbers.parse(text.strip().lstrip("'"), region)
    except phonenumbers.NumberParseException:
        return None
    # `6.12E8` is what a spreadsheet made of a number, and its digits are not the number's.
    if re.search(r"\d[eE][+-]?\d", text) or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def region_of(country: str | None, postal_code: str | None, default: str) -> str:
    """The region in which a person's numbers are read: the address's country, overseas by postcode, else the book's."""
    said = (country or "").strip()
    region = said.upper() if said.upper() in phonenumbers.SUPPORTED_REGIONS else _NAMES.get(said.lower(), default)
    return _OVERSEAS.get((postal_code or "").strip()[:3], region) if region == "FR" else region


def _of_france(text: str, region: str | None) -> str | None:
    """Overseas people keep numbers of the mainland, which are dialled alike."""
    return e164(text, "FR") if region in _OVERSEAS.values() else None


@cache
def _usual(region: str) -> tuple[re.Pattern[str], str]:
    """What numbers look like that are written the region's usual way, without spaces, and the prefix of their E.164 form."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.general_desc is None or metadata.national_prefix is None:
        return re.compile(r"(?!)()"), ""
    code = f"+{metadata.country_code}"
    descriptions = [getattr(metadata, kind) for kind in _KINDS]
    patterns = [one.national_number_pattern for one in descriptions if one and one.national_number_pattern]
    lengths = "|".join(rf"\d{{{length}}}" for length in metadata.general_desc.possible_length)
    national = f"(?=(?:{lengths})\\Z)(?:{'|'.join(f'(?:{pattern})' for pattern in patterns)})"
    # Where numbers differ in length, one that begins with the country's own code may be meant with it: the parser decides.
    unsure = f"(?!{metadata.country_code})" if len(metadata.general_desc.possible_length) > 1 else ""
    start = rf"(?:\{code}|00{metadata.country_code}|{metadata.national_prefix}){unsure}"
    return re.compile(f"{start}({national})"), code


@dataclass(frozen=True, kw_only=True)
class Normalised:
    """Draft events with their phone numbers in one form."""

    events: pa.Table
    unread: int
    """Different texts among them that are no number that can exist; they stay as they were written."""


def with_e164(events: pa.Table, *, region: str) -> Normalised:
    """Write the phone numbers of draft events as E.164, each different text read once.

    A text is read in the region of the first profile that states it with an address, so that a person has the same number
    in all events of a batch.
    """
    texts = _texts(events)
    if not len(texts):
        return Normalised(events=events, unread=0)
    regions = _regions(events, region)
    read = [e164(text, regions.get(text, region)) or _of_france(text, regions.get(text)) for text in texts.to_pylist()]
    forms = pc.coalesce(pa.array(read, pa.string()), texts)
    for name, column in _changed(events, texts, forms).items():
        events = events.set_column(events.schema.get_field_index(name), events.schema.field(name), column)
    return Normalised(events=events, unread=sum(one is None for one in read))


def _texts(events: pa.Table) -> pa.Array:
    """All different texts that stand for phone numbers."""
    found = [events["phone"].combine_chunks()]
    if "profile_updated" in events.schema.names:
        profiles = events["profile_updated"].combine_chunks()
        found += [_field(profiles, "mobile"), _field(profiles, "landline")]
    for name in ("identifier_linked", "identifier_unlinked"):
        if name in events.schema.names:
            acts = events[name].combine_chunks()
            found.append(_field(acts, "value").filter(pc.equal(_field(acts, "kind"), "phone")))
    return pc.unique(pa.concat_arrays([one.cast(pa.string()) for one in found])).drop_null()


def _changed(events: pa.Table, texts: pa.Array, forms: pa.Array) -> Mapping[str, pa.Array]:
    """The columns of `events` that hold phone numbers, with each text in its form."""

    def formed(column: pa.Array) -> pa.Array:
        return forms.take(pc.index_in(column, value_set=texts))

    changed = {"phone": formed(events["phone"].combine_chunks())}
    if "profile_updated" in events.schema.names:
        profiles = events["profile_updated"].combine_chunks()
        numbers = {name: formed(_field(profiles, name)) for name in ("mobile", "landline")}
        changed["profile_updated"] = _replaced(profiles, numbers)
    for name in ("identifier_linked", "identifier_unlinked"):
        if name in events.schema.names:
            acts = events[name].combine_chunks()
            value, is_phone = _field(acts, "value"), pc.fill_null(pc.equal(_field(acts, "kind"), "phone"), False)
            changed[name] = _replaced(acts, {"value": pc.if_else(is_phone, formed(value), value)})
    return changed


def _regions(events: pa.Table, default: str) -> dict[str, str]:
    """For each text that a profile states with an address abroad or overseas: the region it is read in."""
    if "profile_updated" not in events.schema.names:
        return {}
    profiles = events["profile_updated"].combine_chunks()
    addresses = _field(profiles, "address")
    stated = pa.table(
        {
            "country": _field(addresses, "country"),
            "postal_code": _field(addresses, "postal_code"),
            "mobile": _field(profiles, "mobile"),
            "landline": _field(profiles, "landline"),
        }
    ).filter(pc.or_(pc.is_valid(_field(addresses, "country")), pc.starts_with(_field(addresses, "postal_code"), "97")))
    found: dict[str, str] = {}
    for row in _rows(stated):
        region = region_of(row["country"], row["postal_code"], default)
        for text in (row["mobile"], row["landline"]):
            if text is not None and region != default:
                found.setdefault(text, region)
    return found


def _rows(table: pa.Table) -> Iterable[dict[str, str | None]]:
    for batch in table.to_batches():
        yield from batch.to_pylist()


def _field(structs: pa.StructArray, name: str) -> pa.Array:
    """A field, NULL where the whole struct is."""
    return pc.struct_field(structs, name)


def _replaced(structs: pa.StructArray, values: Mapping[str, pa.Array]) -> pa.StructArray:
    children = [values.get(field.name, structs.field(place)) for place, field in enumerate(structs.type)]
    return pa.StructArray.from_arrays(children, fields=list(structs.type), mask=pc.is_null(structs))
