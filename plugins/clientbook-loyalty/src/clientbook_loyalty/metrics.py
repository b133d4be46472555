"""Figures about the scheme: how many buyers have a card, how many points the shop owes."""

from __future__ import annotations

from clientbook.api import N_, Context, Estimate, Example, Metric
from clientbook_loyalty.examples import bought, happened

_GROUP = N_("Loyalty card")

_OUTSTANDING = """
    select
        coalesce(sum("loyalty.points_earned".points), 0) - coalesce(sum("loyalty.points_spent".points), 0) as points,
        count(distinct customer_id) as cards
    from events
    where type in ('loyalty.points_earned', 'loyalty.points_spent')
"""


def outstanding(ctx: Context) -> Estimate:
    """Points that were earned and neither spent nor expired, on all cards; `n` is how many customers ever moved points."""
    row = ctx.query(_OUTSTANDING).to_pylist()[0]
    return Estimate(value=int(row["points"]), n=row["cards"], method="none")


_EIGHT_BUYERS = tuple(bought("2026-01-10", str(number), {"email": f"buyer{number}@example.com"}) for number in range(8))
_TWO_HOLDERS = tuple(
    {**bought("2026-01-10", f"c{number}", {"loyalty.card": f"000000{number}", "email": f"holder{number}@example.com"})}
    for number in range(2)
)

METRICS = (
    Metric(
        id="loyalty.card_share",
        label=N_("Buyers with a loyalty card"),
        description=N_("Customers who have ordered and hold a card / customers who have ordered."),
        value_type="float",
        unit="ratio",
        table="customers",
        numerator="customer_id in (select customer_id from identifiers where source = 'loyalty.card')",
        denominator="order_count > 0",
        interval="wilson",
        minimum=10,
        better="up",
        group=_GROUP,
        examples=(
            Example(name="empty: nobody has ordered", as_of="2026-03-01"),
            Example(name="typical: two of ten", events=(*_EIGHT_BUYERS, *_TWO_HOLDERS), as_of="2026-03-01", value=0.2),
            Example(name="edge: nine are too few to tell", events=(*_EIGHT_BUYERS, *_TWO_HOLDERS[:1]), as_of="2026-03-01"),
        ),
    ),
    Metric(
        id="loyalty.points_outstanding",
        label=N_("Points outstanding"),
        description=N_("Points earned - points spent and expired, on all cards."),
        value_type="int",
        unit="count",
        compute=outstanding,
        interval="none",
        minimum=0,
        indicative=0,
        group=_GROUP,
        examples=(
            Example(name="empty: no card", as_of="2026-03-01", value=0),
            Example(
                name="typical: two cards",
                events=(
                    happened("points_earned", "2026-01-10", "0004217", points=120),
                    happened("points_spent", "2026-02-10", "0004217", points=100),
                    happened("points_earned", "2026-02-10", "0009999", points=7),
                ),
                as_of="2026-03-01",
                value=27,
            ),
            Example(
                name="edge: points that expired are not owed",
                events=(
                    happened("points_earned", "2025-01-10", "0004217", points=120),
                    happened("points_spent", "2026-01-10", "0004217", points=120, reason="expired"),
                ),
                as_of="2026-03-01",
                value=0,
            ),
        ),
    ),
)
