"""Whom to write to: gold members who have gone quiet, and those whose points are about to expire."""

from __future__ import annotations

from clientbook.api import N_, Example, Param, Segment
from clientbook_loyalty.examples import happened

_GROUP = N_("Loyalty card")
_GOLD = (
    happened("tier_changed", "2026-01-10", "0004217", tier="gold"),
    happened("points_earned", "2026-01-10", "0004217", points=120),
)

SEGMENTS = (
    Segment(
        id="loyalty.gold_gone_quiet",
        label=N_("Gold members gone quiet"),
        description=N_("Holders of a gold card that was not used for some days."),
        sql="loyalty_tier = 'gold' and loyalty_quiet_days > $days",
        params=(Param(name="days", label=N_("Days without use"), default=90, minimum=1, maximum=3650),),
        group=_GROUP,
        examples=(
            Example(name="in: 91 days", events=_GOLD, as_of="2026-04-11", customer="0004217", value=True),
            Example(name="boundary: 90 days", events=_GOLD, as_of="2026-04-10", customer="0004217", value=False),
            Example(
                name="out: a card without a tier", events=_GOLD[1:], as_of="2026-12-31", customer="0004217", value=False
            ),
        ),
    ),
    Segment(
        id="loyalty.points_expiring",
        label=N_("Points about to expire"),
        description=N_("Customers with so many points that will expire soon."),
        sql="loyalty_points_expiring >= $points",
        params=(Param(name="points", label=N_("Points"), default=50, minimum=1),),
        group=_GROUP,
        examples=(
            Example(name="in: 120 points of January", events=_GOLD, as_of="2026-12-10", customer="0004217", value=True),
            Example(name="boundary: a day too early", events=_GOLD, as_of="2026-12-09", customer="0004217", value=False),
            Example(
                name="out: they were spent",
                events=(*_GOLD, happened("points_spent", "2026-11-01", "0004217", points=100)),
                as_of="2026-12-10",
                customer="0004217",
                value=False,
            ),
        ),
    ),
)
