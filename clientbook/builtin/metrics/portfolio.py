"""Revenue: how much, what stays, and how few customers bring it."""

from __future__ import annotations

from typing import Final

from clientbook.api import N_, Format, Metric, Param
from clientbook.builtin.metrics.later import later

_WINDOW: Final = Param(
    name="window",
    label=N_("The last year, or all"),
    value_type="text",
    default="year",
    choices=("year", "all"),
)
_PERCENT: Final = Format(decimals=1)
_ACTIVE: Final = "last_order_at >= '{since_year}'"

METRICS: Final = (
    Metric(
        id="core.revenue",
        label=N_("Revenue of 12 months"),
        description=N_("Orders of the last 12 months less what was paid back for them, guests included."),
        value_type="decimal",
        unit="money",
        table="orders",
        compute=later("portfolio", "revenue"),
        interval="none",
        minimum=0,
        format=Format(decimals=0),
        drill=_ACTIVE,
        better="up",
        group="revenue",
    ),
    Metric(
        id="core.revenue_retention",
        label=N_("Revenue retained"),
        description=N_(
            "Revenue of the last 12 months from customers who ordered in the 12 months before / what they had brought then."
        ),
        value_type="float",
        unit="ratio",
        compute=later("portfolio", "retention"),
        interval="bootstrap",
        format=_PERCENT,
        drill="first_order_at < '{since_year}'",
        better="up",
        group="revenue",
    ),
    Metric(
        id="core.known_revenue_share",
        label=N_("Next year's revenue already known"),
        description=N_(
            "RR = revenue of the last 12 months from customers known before them / all revenue of the 12 months before."
            " Hidden where last year's forecast was wrong by more than 20 %; the interval is the bootstrap's, widened by"
            " that error."
        ),
        value_type="float",
        unit="ratio",
        compute=later("portfolio", "known_share"),
        interval="bootstrap + backtest",
        format=_PERCENT,
        drill="order_count >= 1",
        better="up",
        group="revenue",
        breakdown=False,
    ),
    Metric(
        id="core.known_revenue",
        label=N_("Revenue to expect from known customers"),
        description=N_("RR × revenue of the last 12 months."),
        value_type="decimal",
        unit="money",
        compute=later("portfolio", "known_revenue"),
        interval="bootstrap + backtest",
        format=Format(decimals=0),
        drill="order_count >= 1",
        better="up",
        group="revenue",
        breakdown=False,
    ),
    Metric(
        id="core.known_revenue_backtest",
        label=N_("Error of last year's forecast"),
        description=N_("The same forecast made a year ago / what came, less 1."),
        value_type="float",
        unit="ratio",
        compute=later("portfolio", "known_backtest"),
        interval="none",
        format=Format(decimals=1, sign=True),
        group="revenue",
        breakdown=False,
    ),
    Metric(
        id="core.refund_share",
        label=N_("Paid back"),
        description=N_(
            "Paid back / gross of the orders of the last 12 months. Refunds that name no order count at their own date."
        ),
        value_type="float",
        unit="ratio",
        table="orders",
        compute=later("portfolio", "refund_share"),
        interval="bootstrap",
        format=_PERCENT,
        drill="refunded > 0",
        better="down",
        group="revenue",
    ),
    Metric(
        id="core.abc",
        label=N_("Customers by class"),
        description=N_(
            "Customers by net revenue, the greatest first: A until they bring 80 %, B until 95 %, C the rest, D those"
            " with nothing or less."
        ),
        value_type="float",
        unit="ratio",
        compute=later("portfolio", "abc"),
        params=(_WINDOW,),
        parts={"A": N_("class A"), "B": N_("class B"), "C": N_("class C"), "D": N_("class D")},
        interval="bootstrap",
        format=_PERCENT,
        drill="abc_class = '{part}'",
        group="portfolio",
    ),
    Metric(
        id="core.top_share",
        label=N_("Revenue from the best fifth"),
        description=N_("Revenue of the 20 % of customers who spent most / revenue of all customers."),
        value_type="float",
        unit="ratio",
        compute=later("portfolio", "top_share"),
        params=(_WINDOW,),
        interval="bootstrap",
        format=_PERCENT,
        drill=_ACTIVE,
        group="portfolio",
    ),
    Metric(
        id="core.gini",
        label=N_("Concentration (Gini)"),
        description=N_(
            "Gini's coefficient of revenue: 0 where all customers spend the same, nearly 1 where one spends all."
        ),
        value_type="float",
        unit="score",
        compute=later("portfolio", "gini"),
        params=(_WINDOW,),
        interval="bootstrap",
        format=Format(decimals=3),
        drill=_ACTIVE,
        group="portfolio",
    ),
    Metric(
        id="core.cohort_retention",
        label=N_("Ordering again, by month of the first order"),
        description=N_(
            "Of the customers whose first order is of a month, the share who order in the month k months later. Months"
            " are the calendar's; the one that is not over is marked."
        ),
        value_type="float",
        unit="ratio",
        compute=later("portfolio", "cohorts"),
        params=(Param(name="cohorts", label=N_("Months shown; 0 for all"), default=24, minimum=0, maximum=600),),
        layout="matrix",
        interval="wilson",
        format=Format(decimals=0),
        drill="order_count >= 1",
        better="up",
        group="cohorts",
        trend=False,
    ),
)
