"""What a card says of its holder, at an instant: balance, tier, days since it was last used, points about to expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientbook.api import N_, Context, Example, Relation, Trait
from clientbook_loyalty.events import TIERS
from clientbook_loyalty.examples import bought, happened
from clientbook_loyalty.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

_EVENTS = ("loyalty.points_earned", "loyalty.points_spent")
_GROUP = N_("Loyalty card")

CARDS = Relation(
    name="loyalty_cards",
    sql="""
        select
            customer_id,
            coalesce(sum("loyalty.points_earned".points), 0) - coalesce(sum("loyalty.points_spent".points), 0) as points,
            arg_max("loyalty.tier_changed".tier, occurred_at) filter (where type = 'loyalty.tier_changed') as tier,
            max(occurred_at) filter (where type in ('loyalty.points_earned', 'loyalty.points_spent')) as last_used_at
        from events
        where type in ('loyalty.points_earned', 'loyalty.points_spent', 'loyalty.tier_changed')
        group by customer_id
    """,
)

_EXPIRING = """
    select
        customer_id,
        greatest(
            coalesce(sum("loyalty.points_earned".points) filter (
                where cast(timezone($timezone, occurred_at) as date) <= $day - to_months($months)
            ), 0)
            - coalesce(sum("loyalty.points_spent".points), 0),
            0
        ) as value
    from events
    where type in ('loyalty.points_earned', 'loyalty.points_spent')
    group by customer_id
"""


def expiring(ctx: Context) -> pa.Table:
    """Points earned so long ago that they expire soon, less all that were spent since: the oldest are spent first."""
    settings = ctx.settings or Settings()
    months = max(settings.points_last_months - settings.warn_months, 0)
    return ctx.query(_EXPIRING, {"day": ctx.day, "months": months, "timezone": ctx.timezone})


_ONE_CARD = (
    happened("points_earned", "2026-01-10", "0004217", points=120),
    happened("points_spent", "2026-02-10", "0004217", points=100),
)

TRAITS = (
    Trait(
        id="loyalty.points",
        column="loyalty_points",
        label=N_("Loyalty points"),
        description=N_("Points earned less points spent and expired; nothing for customers without a card."),
        value_type="int",
        unit="count",
        relation=CARDS,
        sql="loyalty_cards.points",
        events=_EVENTS,
        better="up",
        group=_GROUP,
        examples=(
            Example(
                name="empty: a customer without a card",
                events=(bought("2026-01-10", "1", {"email": "zoe@example.com"}),),
                as_of="2026-03-01",
                customer="zoe@example.com",
                value=None,
            ),
            Example(name="typical: earned and spent", events=_ONE_CARD, as_of="2026-03-01", customer="0004217", value=20),
            Example(
                name="edge: on the day before they were spent",
                events=_ONE_CARD,
                as_of="2026-02-09",
                customer="0004217",
                value=120,
            ),
        ),
    ),
    Trait(
        id="loyalty.tier",
        column="loyalty_tier",
        label=N_("Loyalty tier"),
        description=N_("The tier that the card was moved to last."),
        value_type="text",
        unit="text",
        relation=CARDS,
        sql="loyalty_cards.tier",
        values=TIERS,
        events=("loyalty.tier_changed",),
        group=_GROUP,
        examples=(
            Example(name="empty: a card that was never moved", events=_ONE_CARD, as_of="2026-03-01", customer="0004217"),
            Example(
                name="typical: one tier",
                events=(happened("tier_changed", "2026-01-10", "0004217", tier="gold"),),
                as_of="2026-03-01",
                customer="0004217",
                value="gold",
            ),
            Example(
                name="edge: moved up, and down again",
                events=(
                    happened("tier_changed", "2026-01-10", "0004217", tier="gold"),
                    happened("tier_changed", "2026-02-10", "0004217", tier="silver"),
                ),
                as_of="2026-03-01",
                customer="0004217",
                value="silver",
            ),
        ),
    ),
    Trait(
        id="loyalty.quiet_days",
        column="loyalty_quiet_days",
        label=N_("Days since the card was used"),
        description=N_("Days from the last points earned or spent to the instant."),
        value_type="int",
        unit="days",
        relation=CARDS,
        sql="date_diff('day', cast(timezone(book.timezone, loyalty_cards.last_used_at) as date), book.day)",
        events=_EVENTS,
        better="down",
        group=_GROUP,
        examples=(
            Example(
                name="empty: a card that was never used",
                events=(happened("tier_changed", "2026-01-10", "0004217", tier="gold"),),
                as_of="2026-03-01",
                customer="0004217",
            ),
            Example(
                name="typical: since the last of two days",
                events=_ONE_CARD,
                as_of="2026-03-01",
                customer="0004217",
                value=19,
            ),
            Example(name="edge: on the day itself", events=_ONE_CARD, as_of="2026-02-10", customer="0004217", value=0),
        ),
    ),
    Trait(
        id="loyalty.points_expiring",
        column="loyalty_points_expiring",
        label=N_("Points about to expire"),
        description=N_(
            "Points earned more months ago than the scheme lets them last, less a month of warning, that were not spent;"
            " the oldest are spent first."
        ),
        value_type="int",
        unit="count",
        compute=expiring,
        events=_EVENTS,
        group=_GROUP,
        examples=(
            Example(
                name="empty: a customer without a card",
                events=(bought("2026-01-10", "1", {"email": "zoe@example.com"}),),
                as_of="2026-03-01",
                customer="zoe@example.com",
                value=None,
            ),
            Example(name="typical: eleven months later", events=_ONE_CARD, as_of="2026-12-10", customer="0004217", value=20),
            Example(name="edge: a day too early", events=_ONE_CARD, as_of="2026-12-09", customer="0004217", value=0),
        ),
    ),
)
