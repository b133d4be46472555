"""The probability that a customer orders again within a horizon: Kaplan-Meier curves of the days between orders.

Customers who have ordered equally often are compared with each other (strata of order-days: 1, 2, 3-4, 5-9, 10 and more).
For somebody whose last order is g days ago, p = 1 - S(g + H) / S(g); gaps that are still open are censored at the instant.
Source: E. L. Kaplan and P. Meier, Nonparametric estimation from incomplete observations, JASA 53 (1958).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from clientbook.api import Context

if TYPE_CHECKING:
    import pyarrow as pa

HORIZON_DAYS: Final = 365
FEWEST_GAPS: Final = 30
"""A stratum with fewer says nothing."""
EX_BELOW: Final = 0.20
AT_RISK_BELOW: Final = 0.50

STRATA: Final = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 1 << 30))
"""Customers with from so many to so many order-days compare with each other."""

_DAYS = """
    select
        customer_id, order_date,
        row_number() over (partition by customer_id order by order_date) as k,
        lead(order_date) over (partition by customer_id order by order_date) as next_date
    from (
        select distinct customer_id, order_date from orders where customer_id is not null and status <> 'cancelled'
    ) as days
"""
_GAPS = f"""
    select
        cast(least(k, 10) as integer) as rank,
        cast(greatest(date_diff('day', order_date, coalesce(next_date, $day)), 0) as integer) as days,
        next_date is not null as is_closed,
        count(*) as n
    from ({_DAYS}) as gaps
    group by 1, 2, 3
"""
_OPEN = f"""
    select
        customer_id,
        cast(least(k, 10) as integer) as rank,
        cast(greatest(date_diff('day', order_date, $day), 0) as integer) as days
    from ({_DAYS}) as gaps
    where next_date is null
"""


def default_horizon(first: date | None, day: date) -> int:
    """Days looked ahead: a year, or half of the time since the book's first order where that is shorter."""
    known = (day - first).days if first else 0
    return max(1, min(HORIZON_DAYS, known // 2))


def return_probability(ctx: Context) -> pa.Table:
    """One row per buyer: customer_id and value, 0 to 1, NULL where too few customers compare."""
    import numpy as np
    import pyarrow as pa

    from clientbook.statistics.survival import kaplan_meier

    gaps = ctx.query(_GAPS, {"day": ctx.day})
    waiting = ctx.query(_OPEN, {"day": ctx.day})
    began = ctx.query("select min(order_date) as began from orders where status <> 'cancelled'")["began"][0].as_py()
    horizon = default_horizon(began, ctx.day)
    closed = gaps["is_closed"].to_numpy(zero_copy_only=False).astype(bool)
    rank, days, counts = (gaps[name].to_numpy() for name in ("rank", "days", "n"))
    own_rank, waited = waiting["rank"].to_numpy(), waiting["days"].to_numpy()
    values = np.full(len(waiting), np.nan)
    for least, most in STRATA:
        chosen, own = (rank >= least) & (rank <= most), (own_rank >= least) & (own_rank <= most)
        if counts[chosen].sum() >= FEWEST_GAPS:
            curve = kaplan_meier(days[chosen], closed[chosen], counts[chosen])
            values[own] = curve.ends_within(waited[own], horizon)
    rounded = np.round(values, 6)  # sums of floats may differ in their last digits from run to run
    return pa.table(
        {"customer_id": waiting["customer_id"], "value": pa.array(rounded, pa.float64(), mask=np.isnan(rounded))}
    )
