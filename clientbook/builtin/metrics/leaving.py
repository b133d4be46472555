"""Coming back and leaving."""

from __future__ import annotations

from typing import Final

from clientbook.api import N_, Format, Metric, Param
from clientbook.builtin.metrics.later import later
from clientbook.builtin.returning import AT_RISK_BELOW, EX_BELOW

_GROUP: Final = "loyalty"

_HORIZON: Final = Param(
    name="horizon_months",
    label=N_("Months without an order after which a customer counts as gone; 0: 12, or half of a shorter book"),
    default=0,
    minimum=0,
    maximum=120,
)
_EX: Final = Param(
    name="ex_below",
    label=N_("Gone: the probability to order again is below"),
    value_type="float",
    default=EX_BELOW,
    minimum=0.01,
    maximum=0.99,
)
_AT_RISK: Final = Param(
    name="at_risk_below",
    label=N_("At risk: the probability to order again is below"),
    value_type="float",
    default=AT_RISK_BELOW,
    minimum=0.01,
    maximum=0.99,
)
_MONTHS: Final = Param(name="months", label=N_("Months without an order"), default=12, minimum=1, maximum=120)
_LIMIT: Final = Param(name="months", label=N_("Months that are followed"), default=24, minimum=1, maximum=240)
_PERCENT: Final = Format(decimals=1)

METRICS: Final = (
    Metric(
        id="core.orders_before_ex",
        label=N_("Orders before a customer leaves (median)"),
        description=N_(
            "The first k at which the product of the reorder rates after the 1st to the k-th order falls below one half."
            " Orders of one day count once."
        ),
        value_type="int",
        unit="count",
        compute=later("leaving", "orders_before_ex_median"),
        params=(_HORIZON,),
        interval="bootstrap",
        drill="order_count >= 1",
        better="up",
        group=_GROUP,
    ),
    Metric(
        id="core.orders_before_ex_mean",
        label=N_("Orders before a customer leaves (mean)"),
        description=N_(
            "1 + Σ of the products of the reorder rates, up to the last order after which 30 customers can be followed."
            " A long tail makes it greater than the median."
        ),
        value_type="float",
        unit="count",
        compute=later("leaving", "orders_before_ex_mean"),
        params=(_HORIZON,),
        interval="bootstrap",
        format=Format(decimals=2),
        drill="order_count >= 1",
        better="up",
        group=_GROUP,
    ),
    Metric(
        id="core.reorder_rate",
        label=N_("Order again after the n-th order"),
        description=N_(
            "1 - S(H), S being the Kaplan-Meier curve of the days from one order to the next; gaps still open count as"
            " such. H is 12 months."
        ),
        value_type="float",
        unit="ratio",
        compute=later("leaving", "reorder_rates"),
        params=(_HORIZON,),
        interval="greenwood",
        format=_PERCENT,
        drill="order_count >= 1",
        better="up",
        group=_GROUP,
    ),
    Metric(
        id="core.one_time_share",
        label=N_("One order only, so far"),
        description=N_("Customers with one order / customers with an order. Those who came last week count too."),
        value_type="float",
        unit="ratio",
        numerator="order_count = 1",
        denominator="order_count >= 1",
        interval="wilson",
        format=_PERCENT,
        drill="order_count = 1",
        better="down",
        group=_GROUP,
    ),
    Metric(
        id="core.one_time_share_matured",
        label=N_("One order only, matured"),
        description=N_(
            "S(H) after the first order: the share without a second one within 12 months, had all customers had the time."
        ),
        value_type="float",
        unit="ratio",
        compute=later("leaving", "one_time_matured"),
        params=(_HORIZON,),
        interval="greenwood",
        format=_PERCENT,
        drill="order_count = 1",
        better="down",
        group=_GROUP,
    ),
    Metric(
        id="core.repeat_rate",
        label=N_("Ordered twice or more"),
        description=N_("Customers with two orders or more / customers with an order."),
        value_type="float",
        unit="ratio",
        numerator="order_count >= 2",
        denominator="order_count >= 1",
        interval="wilson",
        format=_PERCENT,
        drill="order_count >= 2",
        better="up",
        group=_GROUP,
    ),
    Metric(
        id="core.inactive_share",
        label=N_("Without an order for {months} months"),
        description=N_("Customers whose last order is more than x months ago / customers with an order."),
        value_type="float",
        unit="ratio",
        numerator="cast(timezone(book.timezone, last_order_at) as date) <= book.day - to_months($months)",
        denominator="order_count >= 1",
        params=(_MONTHS,),
        interval="wilson",
        format=_PERCENT,
        drill="last_order_at < '{since_months}'",
        better="down",
        group=_GROUP,
    ),
    Metric(
        id="core.silence_share",
        label=N_("Breaks longer than {months} months"),
        description=N_(
            "S(x) of all gaps between orders: how often a customer stays away so long before the next order, if there is"
            " one."
        ),
        value_type="float",
        unit="ratio",
        compute=later("leaving", "silence_share"),
        params=(_MONTHS,),
        interval="bootstrap",
        format=_PERCENT,
        drill="last_order_at < '{since_months}'",
        better="down",
        group=_GROUP,
    ),
    Metric(
        id="core.standing",
        label=N_("Customers by how likely they order again"),
        description=N_(
            "p = 1 - S(g + H) / S(g), g days after the last order, S of customers with as many orders (1, 2, 3-4, 5-9,"
            " 10 or more). Gone: p < 20 %, at risk: p < 50 %."
        ),
        value_type="float",
        unit="ratio",
        compute=later("leaving", "standing"),
        params=(_HORIZON, _EX, _AT_RISK),
        parts={"ex": N_("gone"), "at_risk": N_("at risk"), "active": N_("active")},
        interval="wilson",
        format=_PERCENT,
        drill="activity = '{part}'",
        group=_GROUP,
    ),
    Metric(
        id="core.lifetime",
        label=N_("Customer lifetime (median)"),
        description=N_(
            "Median of the Kaplan-Meier curve of the days from the first order to the last; open while a customer is not"
            " gone (or, told apart, not at risk). The customers of the book's first weeks are left out where they came"
            " from before it."
        ),
        value_type="float",
        unit="days",
        compute=later("leaving", "lifetime_median"),
        params=(_HORIZON, _EX, _AT_RISK),
        parts={"ex": N_("until gone"), "at_risk": N_("until at risk")},
        interval="greenwood",
        minimum=50,
        drill="order_count >= 1",
        better="up",
        group=_GROUP,
    ),
    Metric(
        id="core.lifetime_mean",
        label=N_("Customer lifetime (mean within {months} months)"),
        description=N_("The area under the curve of `core.lifetime` up to the limit: the restricted mean."),
        value_type="float",
        unit="days",
        compute=later("leaving", "lifetime_mean"),
        params=(_LIMIT, _HORIZON, _EX, _AT_RISK),
        parts={"ex": N_("until gone"), "at_risk": N_("until at risk")},
        interval="greenwood",
        minimum=50,
        drill="order_count >= 1",
        better="up",
        group=_GROUP,
    ),
)
