"""What can happen to a loyalty card, and how a card's number is written."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from clientbook.api import N_, Amount, Code, Count, Event, EventType, Identifier, Text, doc

Tier = Literal["bronze", "silver", "gold"]
TIERS = {"bronze": N_("Bronze"), "silver": N_("Silver"), "gold": N_("Gold")}


class PointsEarned(Event, frozen=True, kw_only=True):
    """Points were put on the customer's card, usually for a purchase."""

    points: Annotated[Count, doc("How many.")]
    amount: Annotated[Amount | None, doc("What was bought, in the book's currency.")] = None
    receipt: Annotated[Code | None, doc("The number on the till's receipt.")] = None
    store: Text | None = None


class PointsSpent(Event, frozen=True, kw_only=True):
    """Points left the card: the customer spent them, or they expired."""

    points: Annotated[Count, doc("How many.")]
    reason: Literal["spent", "expired"] = "spent"
    receipt: Annotated[Code | None, doc("The number on the till's receipt.")] = None
    store: Text | None = None


class TierChanged(Event, frozen=True, kw_only=True):
    """The card moved to another tier of the scheme."""

    tier: Tier


EVENT_TYPES = (
    EventType(event=PointsEarned, label=N_("Points earned"), side="reaction"),
    EventType(event=PointsSpent, label=N_("Points spent"), side="reaction"),
    EventType(event=TierChanged, label=N_("Loyalty tier"), side="action"),
)


def card_number(text: str) -> str | None:
    """Seven digits, as on the card: blanks and dashes between them don't count, zeros in front do."""
    digits = re.sub(r"[\s.-]", "", text)
    return digits if re.fullmatch(r"[0-9]{7}", digits) else None


CARD = Identifier(
    kind="loyalty.card",
    label=N_("Loyalty card"),
    normalise=card_number,
    examples=(("0004217", "0004217"), ("000 42 17", "0004217"), ("4217", None), ("zoe@example.com", None)),
)
