"""What a file says of permission: yes and no by channel and purpose, with date and level, and addresses not to write to.

A blank cell says nothing, also beside a date. A yes without a date is marked so and proves little; the reducer of consent
sees to it that no import lifts what a person withdrew. A double opt-in of another tool is one act here: its confirmation
was not ours to ask.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clientbook.engine.duckdb import Engine, quoted
from clientbook.events.arrow import INSTANT, conform, struct_type
from clientbook.events.base import Event
from clientbook.events.consent import AddressSuppressed, ConsentGiven, ConsentRefused, ConsentWithdrawn
from clientbook.importing.draft import CONTENT_KEY, draft_rows
from clientbook.importing.mapping import Mapping
from clientbook.importing.typed import sql
from clientbook.importing.vocabulary import PERMISSIONS, SUPPRESSIONS

ANSWERED: Final = ("contest_entered", "survey_answered", "quote_requested", "sample_requested", "call_made", "meeting_held")
"""Kinds of events in which a person answers. What a checkout or a mailing log says of permission is a state of that day."""

MOST_LETTERS: Final = 120
"""Of a form's name; a question's text stands for it where the file names no form."""

_EVENTS: Final[dict[str, type[Event]]] = {
    "consent_given": ConsentGiven,
    "consent_refused": ConsentRefused,
    "consent_withdrawn": ConsentWithdrawn,
}


def speaks_of_permission(mapping: Mapping) -> bool:
    """Whether a column or a constant of the mapping is about permission."""
    said = [*(chosen.to for chosen in mapping.columns.values()), *mapping.constants]
    return any(to.startswith(("consent.", "suppression.")) for to in said)


def draft_consents(engine: Engine, mapping: Mapping, *, imported_at: datetime) -> list[pa.Table]:
    """Draft events of what the rows in `speakers` (row, unit) say of permission. `typed` has their cells."""
    if not speaks_of_permission(mapping):
        return []
    engine.execute(f"create or replace table permission_cells as {_cells(mapping)}")
    engine.register("import_moment", pa.table({"moment": pa.array([imported_at], INSTANT)}))
    parameters: dict[str, object] = {"no": mapping.contacts.no}
    found = engine.table(sql("consents"), parameters)
    parts = [_rows(found.filter(pc.equal(found["type"], name)), name, event, mapping) for name, event in _EVENTS.items()]
    suppressed = engine.table(f"select * from ({_suppressions()}) order by unit, channel")
    parts.append(_rows(suppressed, "address_suppressed", AddressSuppressed, mapping))
    return parts


def _rows(found: pa.Table, name: str, event: type[Event], mapping: Mapping) -> pa.Table:
    said = found["event"].combine_chunks()
    fields = [field.name for field in struct_type(event)]
    kept = [place for place, field in enumerate(said.type) if field.name in fields]
    said = pa.StructArray.from_arrays(
        [said.field(place) for place in kept], names=[said.type.field(place).name for place in kept]
    )
    key = pc.binary_join_element_wise(pa.scalar(CONTENT_KEY), found["ref"], found["said"], pa.scalar("\x1f"))
    rows = draft_rows(
        type=name,
        struct=conform(said, struct_type(event)),
        occurred_at=found["occurred_at"].combine_chunks(),
        source=mapping.source,
        refs=found,
        key=key,
        unit=found["unit"],
    )
    # Two rows of one file that say the same of the same person are one act.
    first = pa.table({"key": rows["key"], "place": pa.array(range(len(rows)), pa.int64())})
    first = first.group_by("key").aggregate([("place", "min")])
    return rows.take(pc.take(first["place_min"], pc.sort_indices(first["place_min"]))) if len(rows) else rows


def _cells(mapping: Mapping) -> str:
    """One row per row of the file and thing that permission may be about, in the words of the vocabulary."""
    said = {*(chosen.to for chosen in mapping.columns.values()), *mapping.constants}
    questions = {}
    if mapping.kind in ANSWERED:
        questions = {chosen.to: quoted(column[:MOST_LETTERS]) for column, chosen in mapping.columns.items()}
    parts = []
    for name, about in PERMISSIONS.items():
        given_at = f"consent_{name}_at"
        if mapping.kind in ANSWERED:  # what is answered in a form is answered when the form is
            given_at = f"coalesce({given_at}, case when consent_{name} then event_occurred_at end)"
        purposes = ", ".join(f"'{purpose}'" for purpose in about.purposes)
        question = questions.get(f"consent.{name}", "null")
        parts.append(
            f"select row, {question} as question, '{about.channel}' as channel, [{purposes}] as purposes,"
            f" consent_{name} as flag, {f'consent.{name}' in said} as has_flag,"
            f" {given_at} as given_at, consent_{name}_confirmed_at as confirmed_at,"
            f" consent_{name}_confirmed as is_confirmed, consent_{name}_withdrawn_at as withdrawn_at from typed"
        )
    return " union all ".join(parts)


def _suppressions() -> str:
    parts = []
    for channel in SUPPRESSIONS:
        address = "lower(customer_email)" if channel == "email" else "null" if channel == "post" else _PHONE
        parts.append(
            f"select speakers.unit, '{channel}' as channel, customer_external_id as external,"
            f" lower(customer_email) as email, {_PHONE} as phone,"
            f" coalesce(customer_external_id, lower(customer_email), {_PHONE}) as ref,"
            f" '{channel} ' || coalesce(suppression_cause, 'request') as said,"
            " coalesce(suppression_at, import_moment.moment) as occurred_at,"
            f" struct_pack(channel := '{channel}', cause := coalesce(suppression_cause, 'request'), address := {address})"
            f" as event from typed inner join speakers using (row) cross join import_moment where suppression_{channel}"
        )
    return " union all ".join(parts)


_PHONE: Final = "coalesce(customer_mobile, customer_phone, customer_landline)"
