"""Everything that an expression may name in a book: columns, traits, tables for sub-queries, labels in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from clientbook.engine.duckdb import Engine
from clientbook.i18n import LANGUAGES, _, speaking
from clientbook.query.expressions import Columns, Rule
from clientbook.query.labels import COLUMNS
from clientbook.query.traits import Traits

SUBQUERY_TABLES: Final = ("orders", "order_lines", "refunds", "interactions", "consent_history", "identifiers", "lists")
"""Tables of a snapshot that a sub-query may name."""

CONSENT_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "consents": {
        "customer_id": "VARCHAR",
        "channel": "VARCHAR",
        "address": "VARCHAR",
        "purpose": "VARCHAR",
        "state": "VARCHAR",
        "proof_grade": "VARCHAR",
        "consented_at": "TIMESTAMP WITH TIME ZONE",
        "valid_until": "TIMESTAMP WITH TIME ZONE",
        "is_current": "BOOLEAN",
    },
    "ending_consents": {
        "customer_id": "VARCHAR",
        "channel": "VARCHAR",
        "address": "VARCHAR",
        "purpose": "VARCHAR",
        "consented_at": "TIMESTAMP WITH TIME ZONE",
        "ends_at": "TIMESTAMP WITH TIME ZONE",
        "why": "VARCHAR",
    },
}
"""Tables of an instant that a sub-query may name, and those of their columns that it may; made when something names them."""


def everything(
    engine: Engine,
    traits: Traits,
    *,
    at: datetime,
    segments: Mapping[str, Rule],
    pairs: Iterable[tuple[str, str]],
) -> Columns:
    """What an expression may name; traits need not be computed for that."""
    described = engine.rows(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'main'"
        " order by table_name, column_index"
    )
    tables: dict[str, dict[str, str]] = {}
    for row in described:
        tables.setdefault(row["table_name"], {})[row["column_name"]] = row["data_type"]
    customers = tables.get("plain_customers") or tables["customers"]
    types = customers | traits.types()
    return Columns(
        types,
        engine.value("select timezone from book"),
        at=at,
        tables={name: tables[name] for name in SUBQUERY_TABLES} | {name: dict(kept) for name, kept in CONSENT_TYPES.items()},
        labels=_labels(types, traits),
        segments=segments,
        pairs=pairs,
    )


def _labels(types: Mapping[str, str], traits: Traits) -> dict[str, str]:
    """What people call the columns, in every language; a label that means several columns means none."""
    found: dict[str, set[str]] = {}
    for language in LANGUAGES:
        with speaking(language):
            for name in types:
                label = traits.by_column[name].label if name in traits.by_column else COLUMNS.get(name)
                if label:
                    found.setdefault(_(label), set()).add(name)
    return {label: names.pop() for label, names in found.items() if len(names) == 1}
