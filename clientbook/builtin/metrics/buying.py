"""How often, how much and what customers buy."""

from __future__ import annotations

from typing import Final

from clientbook.api import N_, Format, Metric, Param
from clientbook.builtin.metrics.later import later

_WINDOW: Final = Param(name="months", label=N_("Months looked back; 0 for everything"), default=12, minimum=0, maximum=240)
_PERCENT: Final = Format(decimals=1)
_ACTIVE: Final = "last_order_at >= '{since_year}'"


def _mix(column: str, label: str, unknown: str) -> Metric:
    return Metric(
        id=f"core.mix_{column}",
        label=label,
        description=N_(
            "Orders by value / orders of the last 12 months, the 20 most frequent. Wilson's interval with as many orders as"
            " their spread among customers is worth."
        ),
        value_type="float",
        unit="ratio",
        table="orders",
        compute=later("buying", "mix", column),
        params=(_WINDOW,),
        parts={"other": N_("others"), "unknown": unknown},
        interval="clustered wilson",
        format=_PERCENT,
        drill=_ACTIVE,
        group="mix",
    )


METRICS: Final = (
    Metric(
        id="core.frequency",
        label=N_("Orders by active customer in 12 months"),
        description=N_("Orders of the last 12 months / customers who ordered in them."),
        value_type="float",
        unit="count",
        compute=later("buying", "frequency"),
        interval="bootstrap",
        format=Format(decimals=2),
        drill=_ACTIVE,
        better="up",
        group="buying",
    ),
    Metric(
        id="core.orders_per_year",
        label=N_("Orders by customer and year"),
        description=N_("Orders / years since the first order, over all customers; a customer counts a month at least."),
        value_type="float",
        unit="count",
        compute=later("buying", "orders_per_year"),
        interval="bootstrap",
        format=Format(decimals=2),
        drill="order_count >= 1",
        better="up",
        group="buying",
    ),
    Metric(
        id="core.median_gap",
        label=N_("Days to the next order (median)"),
        description=N_(
            "The day by which half of the customers have ordered again, by Kaplan-Meier over all gaps between orders,"
            " those still open included."
        ),
        value_type="float",
        unit="days",
        compute=later("leaving", "median_gap"),
        interval="bootstrap",
        drill="order_count >= 1",
        better="down",
        group="buying",
    ),
    Metric(
        id="core.average_basket",
        label=N_("Average basket"),
        description=N_("Revenue / orders of the last 12 months, guests included, in the book's currency."),
        value_type="decimal",
        unit="money",
        table="orders",
        compute=later("buying", "average_basket"),
        params=(_WINDOW,),
        interval="bootstrap",
        indicative=200,
        format=Format(decimals=2),
        drill=_ACTIVE,
        better="up",
        group="buying",
    ),
    Metric(
        id="core.median_basket",
        label=N_("Median basket"),
        description=N_("Half of the orders of the last 12 months are smaller."),
        value_type="decimal",
        unit="money",
        table="orders",
        compute=later("buying", "median_basket"),
        params=(_WINDOW,),
        interval="bootstrap",
        format=Format(decimals=2),
        drill=_ACTIVE,
        better="up",
        group="buying",
    ),
    Metric(
        id="core.greatest_baskets",
        label=N_("One basket in a hundred is above"),
        description=N_("The 99th percentile of the orders of the last 12 months."),
        value_type="decimal",
        unit="money",
        table="orders",
        compute=later("buying", "greatest_baskets"),
        params=(_WINDOW,),
        interval="bootstrap",
        minimum=100,
        indicative=1000,
        format=Format(decimals=2),
        drill=_ACTIVE,
        group="buying",
    ),
    Metric(
        id="core.lifetime_spend",
        label=N_("Spent by a customer so far"),
        description=N_("Revenue of all time by customer with an order: mean (revenue / customers) and median."),
        value_type="decimal",
        unit="money",
        compute=later("buying", "lifetime_spend"),
        parts={"mean": N_("mean"), "median": N_("median")},
        interval="bootstrap",
        indicative=200,
        format=Format(decimals=2),
        drill="order_count >= 1",
        better="up",
        group="buying",
    ),
    Metric(
        id="core.new_share",
        label=N_("New in the last 12 months"),
        description=N_(
            "Customers whose first order is of the last 12 months / customers who ordered in them; and the same of their"
            " revenue."
        ),
        value_type="float",
        unit="ratio",
        compute=later("buying", "new_share"),
        parts={"customers": N_("of the customers"), "revenue": N_("of the revenue")},
        interval="wilson",
        format=_PERCENT,
        drill="first_order_at >= '{since_year}'",
        group="buying",
    ),
    _mix("channel", N_("Orders by channel"), N_("unknown")),
    _mix("store", N_("Orders by store"), N_("no store")),
    _mix("collection", N_("Orders by way of handing over"), N_("unknown")),
    Metric(
        id="core.diversity",
        label=N_("Different products by customer"),
        description=N_("Distinct products, and categories, / customers who bought a product in the last 12 months."),
        value_type="float",
        unit="count",
        table="order_lines",
        compute=later("buying", "diversity"),
        params=(_WINDOW,),
        parts={"products": N_("products"), "categories": N_("categories")},
        interval="bootstrap",
        format=Format(decimals=2),
        drill=_ACTIVE,
        better="up",
        group="mix",
    ),
    Metric(
        id="core.guest_share",
        label=N_("By guests"),
        description=N_("Orders, and revenue, without a customer / all of the last 12 months."),
        value_type="float",
        unit="ratio",
        table="orders",
        compute=later("buying", "guest_share"),
        parts={"orders": N_("of the orders"), "revenue": N_("of the revenue")},
        interval="wilson",
        format=_PERCENT,
        breakdown=False,
        better="down",
        group="mix",
    ),
    Metric(
        id="core.foreign_orders",
        label=N_("Orders in other currencies"),
        description=N_("Orders of the last 12 months that are in no amount, for they are not in the book's currency."),
        value_type="int",
        unit="count",
        table="orders",
        compute=later("buying", "foreign_orders"),
        interval="none",
        minimum=0,
        drill="foreign_order_count > 0",
        group="mix",
    ),
)
