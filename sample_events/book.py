"""What happens to the book itself: settings, the consent policy, segments, one of them written down and one retired."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Final

from buying import Order
from catalogue import SIMILAR
from notices import sha256
from shop_calendar import FIRST_DAY, STRICT_POLICY_FROM, local
from story import Data, Story

_RELAXED: Final = {
    "account_counts_as_customer": False,
    "minimum_proof_grade": "C",
    "reconfirm_months": 12,
    "require_double_opt_in": False,
    "retention_months": 36,
    "stale_mode": "warn",
}
POLICIES: Final = (
    (FIRST_DAY, json.dumps(_RELAXED, sort_keys=True)),
    (STRICT_POLICY_FROM, json.dumps(_RELAXED | {"require_double_opt_in": True, "stale_mode": "block"}, sort_keys=True)),
)
"""The consent policy, with the day it was adopted."""

SEGMENTS: Final = (
    ("une-seule-commande", "Une seule commande", "order_count = 1"),
    ("bons-clients", "Bons clients", "revenue > 300"),
    ("clients-pro", "Professionnels réguliers", "legal_name is not null and revenue > 500"),
    ("grands-paniers", "Grands paniers", "average_basket > sum(revenue) / sum(order_count)"),
)
TRADE_REVENUE_CENTS: Final = 50_000
"""Revenue above which a company is in the segment of regular trade customers; only companies have ids to write down."""


def policy_digest_on(day: date) -> str:
    """Digest of the policy in force."""
    return sha256([text for since, text in POLICIES if since <= day][-1])


def keep(story: Story, orders: list[Order]) -> None:
    """The shop's own work on its book."""
    opened = local(FIRST_DAY, 0, 5)
    settings: Data = {
        "currency": "EUR",
        "timezone": "Europe/Paris",
        "similar_products": json.dumps(SIMILAR, ensure_ascii=False),
    }
    story.add(opened, "settings_changed", settings, source="marketing", actor="gérance")
    for since, text in POLICIES:
        adopted: Data = {"policy": text, "digest": sha256(text)}
        story.add(local(since, 0, 5), "policy_adopted", adopted, source="marketing", actor="responsable données")
    for number, (name, label, rule) in enumerate(SEGMENTS):
        defined: Data = {"segment_id": name, "rule": rule, "label": label}
        at = local(date(2024, 1, 8 + number), 9)
        story.add(at, "segment_defined", defined, source="marketing", actor="marketing")
    retired: Data = {"segment_id": "grands-paniers", "reason": "remplacé par « bons clients »"}
    story.add(local(date(2025, 3, 3), 9), "segment_retired", retired, source="marketing", actor="marketing")
    frozen_at = local(date(2026, 1, 5), 9)
    frozen: Data = {"segment_id": "clients-pro", "members": regular_companies(orders, frozen_at)}
    story.add(frozen_at, "segment_frozen", frozen, source="marketing", actor="marketing")


def regular_companies(orders: list[Order], at: datetime) -> list[str]:
    """Ids of the companies in the segment of regular trade customers at this moment."""
    revenue: dict[str, int] = {}
    for order in orders:
        buyer = order.customer
        if buyer is None or buyer.kind != "company" or buyer.id is None or order.at >= at or order.cancelled_at:
            continue
        back = order.refund.cents if order.refund and order.refund.names_order and order.refund.at < at else 0
        revenue[buyer.id] = revenue.get(buyer.id, 0) + order.total - back
    return sorted(company for company, cents in revenue.items() if cents > TRADE_REVENUE_CENTS)
