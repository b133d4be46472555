"""How much of the usual customer's lifetime somebody has behind them.

A lifetime runs from the first order to the last one where the customer is gone by now, and is still open otherwise: a
Kaplan-Meier curve, whose mean within 36 months (restricted mean survival time) is the usual lifetime. The median would be
nothing wherever half of the customers order once and never again.
Source: E. L. Kaplan and P. Meier, Nonparametric estimation from incomplete observations, JASA 53 (1958); P. Royston and
M. K. B. Parmar, Restricted mean survival time, BMC Medical Research Methodology 13 (2013).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientbook.api import Context
from clientbook.builtin.returning import EX_BELOW, return_probability

if TYPE_CHECKING:
    import pyarrow as pa

RESTRICTED_TO_DAYS: Final = 1096
"""The mean is over so many days at most: what happens later few customers tell."""
FEWEST_ENDED: Final = 50
"""With fewer lifetimes that ended the curve says nothing."""

_SPANS = """
    select
        customer_id,
        date_diff('day', cast(timezone($timezone, first_order_at) as date), $day) as tenure_days,
        date_diff(
            'day', cast(timezone($timezone, first_order_at) as date), cast(timezone($timezone, last_order_at) as date)
        ) as ordering_days
    from customers
    where order_count > 0
"""


def lifetime_share(ctx: Context) -> pa.Table:
    """One row per buyer: customer_id and value, the days since the first order as a share of the usual lifetime."""
    import numpy as np
    import pyarrow as pa

    from clientbook.statistics.survival import kaplan_meier

    chances = return_probability(ctx)
    spans = ctx.query(_SPANS, {"timezone": ctx.timezone, "day": ctx.day})
    known = spans.join(chances, "customer_id", join_type="left outer").combine_chunks()
    tenure = np.maximum(known["tenure_days"].to_numpy(), 0)
    ordering = np.maximum(known["ordering_days"].to_numpy(), 0)
    is_ex = known["value"].to_numpy(zero_copy_only=False).astype(float) < EX_BELOW
    values = np.full(len(tenure), np.nan)
    if is_ex.sum() >= FEWEST_ENDED:
        curve = kaplan_meier(np.where(is_ex, ordering, tenure), is_ex)
        usual, _error = curve.restricted_mean(min(RESTRICTED_TO_DAYS, curve.longest))
        values = np.round(tenure / usual, 4) if usual else values
    return pa.table({"customer_id": known["customer_id"], "value": pa.array(values, pa.float64(), mask=np.isnan(values))})
