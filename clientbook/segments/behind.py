"""The events behind what a rule reads: by column, by computed column, by table of a sub-query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from clientbook.engine.duckdb import quoted
from clientbook.events.base import type_name
from clientbook.events.registry import CORE_EVENTS
from clientbook.query.expressions import Expression
from clientbook.reading import Reading

SHOWN: Final = 5
"""So many events, the latest, are shown behind a condition."""

_ORDERS: Final = ("order_placed", "order_cancelled", "order_refunded", "balance_adjusted")
_ACTIONS: Final = ("message_sent", "call_made", "meeting_held", "visit_made", "social_interaction", "voucher_issued")
_REACTIONS: Final = (
    *("order_placed", "cart_abandoned", "quote_requested", "sample_requested", "survey_answered", "contest_entered"),
    *("review_posted", "message_clicked", "store_visited", "site_visited", "voucher_redeemed"),
)
_REGISTERED: Final = ("customer_registered",)
_IDENTIFIED: Final = ("identifier_linked", "identifier_unlinked", "profile_updated", "account_opened")
_PERMISSIONS: Final = (
    *("consent_requested", "consent_given", "consent_confirmed", "consent_renewed", "consent_refused"),
    *("consent_withdrawn", "consent_invalidated", "opt_out_offered", "objection_raised", "objection_lifted"),
    *("address_suppressed", "suppression_lifted", "do_not_call_checked", "call_refused", "processing_restricted"),
    *("restriction_lifted", "death_reported", "profile_updated"),
)

_BY_COLUMN: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("order_count", "gross", "refunded", "revenue", "average_basket", "first_order_at", "last_order_at"), _ORDERS
    ),
    **dict.fromkeys(("cancelled_count", "foreign_order_count"), _ORDERS),
    **dict.fromkeys(("kind", "registered_at", "source", "collected_via", "list_id"), _REGISTERED),
    **dict.fromkeys(("informed_at_collection", "collected_from_person"), _REGISTERED),
    **dict.fromkeys(("email", "phone", "external_id", "mobile", "landline"), _IDENTIFIED),
    "tags": ("tag_added", "tag_removed"),
    "has_account": ("account_opened", "account_closed"),
    "cart_count": ("cart_abandoned",),
    "quote_count": ("quote_requested",),
    "message_count": ("message_sent",),
    "note_count": ("note_added",),
    "last_action_at": _ACTIONS,
    "last_reaction_at": _REACTIONS,
    "customer_id": (),
}
_ANY: Final = {"event_count", "first_event_at", "last_event_at"}
_BY_TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "orders": _ORDERS,
    "order_lines": _ORDERS,
    "refunds": _ORDERS,
    "consent_history": _PERMISSIONS,
    "consents": _PERMISSIONS,
    "ending_consents": _PERMISSIONS,
    "permissions": _PERMISSIONS,
    "identifiers": _IDENTIFIED,
    "lists": _REGISTERED,
}
_TYPES: Final = frozenset(type_name(event) for event in CORE_EVENTS)


def types_behind(reading: Reading, columns: Iterable[str], text: str) -> frozenset[str]:
    """The types of events that columns, and the sub-queries in a text of SQL, come from; all types where any may count."""
    found: set[str] = set()
    for column in columns:
        trait = reading.traits.by_column.get(column)
        if column in _ANY or (trait is not None and not trait.events):
            return _TYPES | frozenset(reading.plugins.event_types)
        found |= set(trait.events if trait is not None else _BY_COLUMN.get(column, ("profile_updated",)))
    tables = {name.lower() for name in re.findall(r"\b(?:from|join)\s+(\w+)", text, re.IGNORECASE)}
    for table in tables:
        found |= set(_BY_TABLE.get(table, ()))
    if "interactions" in tables:
        named = {
            word for word in re.findall(r"'(\w+(?:\.\w+)?)'", text) if word in _TYPES or word in reading.plugins.event_types
        }
        found |= named or _TYPES
    return frozenset(found)


def types_of_rule(reading: Reading, expression: Expression) -> frozenset[str]:
    """The types of events that may decide whether somebody is in."""
    return types_behind(reading, expression.columns, expression.sql)


def latest(reading: Reading, customer_id: str, types: Iterable[str]) -> list[dict[str, Any]]:
    """The latest events of a customer of these types: position, type and instant, the newest first."""
    listed = ", ".join(map(quoted, sorted(types)))
    if not listed:
        return []
    return reading.engine.rows(
        f"select position, type, occurred_at from interactions where customer_id = $id and type in ({listed})"
        f" order by occurred_at desc, position desc limit {SHOWN}",
        {"id": customer_id},
    )
