"""French postcodes that a spreadsheet took for numbers: `1000` is `01000`, the zero of the departments 01 to 09."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.i18n import ngettext
from clientbook.importing.draft import Draft

FRENCH: Final = ("Europe/Paris", "Indian/Reunion", "America/Guadeloupe", "America/Martinique", "America/Cayenne")
"""Time zones of shops whose addresses are French where they name no country."""

_FRANCE: Final = ("fr", "fra", "france")


def with_zeros(draft: Draft, *, timezone: str) -> Draft:
    """The draft with the zero put back before four digits, where the address is French, or of no country in a French shop.

    Elsewhere four digits are a postcode: Belgium, Switzerland, Luxembourg.
    """
    if "profile_updated" not in draft.events.schema.names:
        return draft
    place = draft.events.schema.get_field_index("profile_updated")
    profiles = draft.events["profile_updated"].combine_chunks()
    addresses = pc.struct_field(profiles, "address")
    codes, countries = (pc.struct_field(addresses, name) for name in ("postal_code", "country"))
    named = pc.utf8_lower(pc.utf8_trim_whitespace(pc.fill_null(countries, "fr" if timezone in FRENCH else "")))
    lost = pc.fill_null(pc.match_substring_regex(codes, "^[1-9][0-9]{3}$"), False)
    lost = pc.and_(lost, pc.is_in(named, value_set=pa.array(_FRANCE)))
    count = pc.sum(lost).as_py()
    if not count:
        return draft
    padded = pc.if_else(lost, pc.binary_join_element_wise("0", codes, ""), codes)
    addresses = _with(addresses, "postal_code", padded)
    events = draft.events.set_column(
        place, draft.events.schema.field("profile_updated"), _with(profiles, "address", addresses)
    )
    said = ngettext(
        "{count} postcode of four digits got its zero back", "{count} postcodes of four digits got their zero back", count
    )
    return replace(draft, events=events, remarks=(*draft.remarks, said.format(count=count)))


def _with(structs: pa.StructArray, name: str, values: pa.Array) -> pa.StructArray:
    """The structs with one field changed, NULL where they were."""
    fields = list(structs.type)
    children = [values if one.name == name else pc.struct_field(structs, one.name) for one in fields]
    return pa.StructArray.from_arrays(children, fields=fields, mask=pc.is_null(structs))
