"""Loyalty cards: points earned and spent, tiers, and what the till exports. The worked example of a clientbook plugin.

Every hook is implemented here; what it returns is declared in the module beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clientbook.api import EventType, Identifier, Importer, Metric, Segment, Trait, hookimpl
from clientbook_loyalty.events import CARD, EVENT_TYPES
from clientbook_loyalty.metrics import METRICS
from clientbook_loyalty.segments import SEGMENTS
from clientbook_loyalty.settings import Settings
from clientbook_loyalty.till import IMPORTER
from clientbook_loyalty.traits import TRAITS

API_VERSION = 1
TEXTS = ("clientbook_loyalty", Path(__file__).parent / "locale")


@hookimpl
def plugin_settings() -> type[Settings]:
    """What `[plugins.loyalty]` of book.toml may say."""
    return Settings


@hookimpl
def register_event_types() -> Iterable[EventType]:
    """Points earned, points spent, tier changed."""
    return EVENT_TYPES


@hookimpl
def register_identifiers() -> Iterable[Identifier]:
    """The number on the card."""
    return (CARD,)


@hookimpl
def register_importers() -> Iterable[Importer]:
    """The till's export."""
    return (IMPORTER,)


@hookimpl
def register_metrics() -> Iterable[Metric]:
    """How many buyers hold a card, and what the shop owes them."""
    return METRICS


@hookimpl
def register_traits() -> Iterable[Trait]:
    """What a card says of its holder."""
    return TRAITS


@hookimpl
def register_segments() -> Iterable[Segment]:
    """Whom to write to."""
    return SEGMENTS
