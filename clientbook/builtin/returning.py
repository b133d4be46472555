"""The probability that a customer orders again within a horizon: Kaplan-Meier curves of the days between orders.

Customers who have ordered equally often are compared with each other (strata of order-days: 1, 2, 3-4, 5-9, 10 and more).
For somebody whose last order is g days ago, p = 1 - S(g + H) / S(g); gaps that are still open are censored at the instant.
Source: E. L. Kaplan and P. Meier, Nonparametric estimation from incomplete observations, JASA 53 (1958).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientbook.api import Context

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

HORIZON_DAYS: Final = 365
FEWEST_GAPS: Final = 30
"""A stratum with fewer says nothing."""
EX_BELOW: Final = 0.20
AT_RISK_BELOW: Final = 0.50

_STRATUM = "case when k >= 10 then 4 when k >= 5 then 3 when k >= 3 then 2 else k - 1 end"
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
        cast({_STRATUM} as integer) as stratum,
        cast(greatest(date_diff('day', order_date, coalesce(next_date, $day)), 0) as integer) as days,
        next_date is not null as is_closed,
        count(*) as n
    from ({_DAYS}) as gaps
    group by 1, 2, 3
"""
_OPEN = f"""
    select
        customer_id,
        cast({_STRATUM} as integer) as stratum,
        cast(greatest(date_diff('day', order_date, $day), 0) as integer) as days
    from ({_DAYS}) as gaps
    where next_date is null
"""


def return_probability(ctx: Context) -> pa.Table:
    """One row per buyer: customer_id and value, 0 to 1, NULL where too few customers compare."""
    return ctx.once("core.return_probability", lambda: _computed(ctx))


def _computed(ctx: Context) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    gaps = ctx.query(_GAPS, {"day": ctx.day})
    waiting = ctx.query(_OPEN, {"day": ctx.day})
    horizon = _horizon(ctx)
    longest = int(np.max(gaps["days"].to_numpy())) if len(gaps) else 0
    table = np.full((5, longest + 1), np.nan)
    for stratum in range(5):
        survival = _survival(gaps, stratum, longest + horizon + 1)
        if survival is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                table[stratum] = 1 - survival[horizon : horizon + longest + 1] / survival[: longest + 1]
    values = table[waiting["stratum"].to_numpy(), waiting["days"].to_numpy()] if len(waiting) else np.array([])
    rounded = np.round(values, 6)  # sums of floats may differ in their last digits from run to run
    return pa.table(
        {"customer_id": waiting["customer_id"], "value": pa.array(rounded, pa.float64(), mask=np.isnan(rounded))}
    )


def _horizon(ctx: Context) -> int:
    """Days looked ahead: a year, or half of the book's history where that is shorter."""
    began = ctx.query("select min(order_date) as began from orders where status <> 'cancelled'")["began"][0].as_py()
    known = (ctx.day - began).days if began else 0
    return max(1, min(HORIZON_DAYS, known // 2))


def _survival(gaps: pa.Table, stratum: int, length: int) -> np.ndarray | None:
    """S at the end of each day from 0 on, for a stratum; None where it has too few gaps."""
    import numpy as np

    chosen = gaps["stratum"].to_numpy() == stratum
    days, counts = gaps["days"].to_numpy()[chosen], gaps["n"].to_numpy()[chosen]
    if counts.sum() < FEWEST_GAPS:
        return None
    closed = gaps["is_closed"].to_numpy(zero_copy_only=False)[chosen]
    ended = np.bincount(days, weights=counts, minlength=length)
    returned = np.bincount(days[closed], weights=counts[closed], minlength=length)
    at_risk = counts.sum() - np.concatenate(([0.0], np.cumsum(ended)[:-1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(at_risk > 0, returned / at_risk, 0.0)
    return np.asarray(np.cumprod(1 - hazard))
