"""The traits that every book has: what a customer's orders and profile add up to, at an instant."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Final

from clientbook.api import N_, Format, Relation, Trait, hookimpl
from clientbook.builtin.lifetime import lifetime_share
from clientbook.builtin.returning import AT_RISK_BELOW, EX_BELOW, return_probability

_ORDERS: Final = ("order_placed", "order_cancelled", "order_refunded")

RFM_SEGMENTS: Final = {
    "champions": N_("Champions"),
    "loyal": N_("Loyal"),
    "potential_loyalist": N_("Potential loyalists"),
    "new": N_("New"),
    "promising": N_("Promising"),
    "need_attention": N_("Need attention"),
    "about_to_sleep": N_("About to sleep"),
    "at_risk": N_("At risk"),
    "cant_lose": N_("Can't lose"),
    "hibernating": N_("Hibernating"),
    "lost": N_("Lost"),
}
"""The names of the grid of recency and frequency, each with its label."""

ACTIVITIES: Final = {"active": N_("active"), "at_risk": N_("at risk"), "ex": N_("ex-customer")}
ABC_CLASSES: Final = {"A": "A", "B": "B", "C": "C", "D": "D"}


def rfm_grid(recency: str, frequency: str) -> str:
    """SQL that names the cell of two scores from 1 to 5: each of the 25 cells has one name."""
    return f"""case
        when {recency} = 5 and {frequency} = 1 then 'new'
        when {recency} = 5 and {frequency} <= 3 then 'potential_loyalist'
        when {recency} = 5 then 'champions'
        when {recency} = 4 and {frequency} = 1 then 'promising'
        when {recency} = 4 and {frequency} <= 3 then 'potential_loyalist'
        when {recency} >= 3 and {frequency} >= 4 then 'loyal'
        when {recency} = 3 and {frequency} = 3 then 'need_attention'
        when {recency} = 3 then 'about_to_sleep'
        when {frequency} = 5 then 'cant_lose'
        when {frequency} >= 3 then 'at_risk'
        when {recency} = 1 and {frequency} = 1 then 'lost'
        when {recency} <= 2 then 'hibernating'
    end"""


@cache
def _relation(name: str) -> Relation:
    return Relation(name=name, sql=(files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8"))


@hookimpl
def register_traits() -> Iterable[Trait]:
    """Recency, frequency, monetary; scores; habits; chances; the person."""
    return (*_recency_frequency_monetary(), *_habits(), *_chances(), *_person())


def _recency_frequency_monetary() -> Iterable[Trait]:
    group = N_("Recency, frequency, monetary")
    return (
        Trait(
            id="core.recency_days",
            column="recency_days",
            label=N_("Days since last order"),
            description=N_("Days from the last order that was not cancelled to the instant."),
            value_type="int",
            unit="days",
            sql="date_diff('day', cast(timezone(book.timezone, last_order_at) as date), book.day)",
            events=_ORDERS,
            better="down",
            group=group,
        ),
        Trait(
            id="core.orders_12m",
            column="orders_12m",
            label=N_("Orders in 12 months"),
            description=N_("Orders of the last twelve calendar months that were not cancelled."),
            value_type="int",
            unit="count",
            relation=_relation("recent_orders"),
            sql="case when order_count > 0 then coalesce(recent_orders.recent_count, 0) end",
            events=_ORDERS,
            better="up",
            group=group,
        ),
        Trait(
            id="core.revenue_12m",
            column="revenue_12m",
            label=N_("Revenue in 12 months"),
            description=N_("Revenue of the last twelve calendar months, less refunds, in the book's currency."),
            value_type="decimal",
            unit="money",
            relation=_relation("recent_orders"),
            sql="case when order_count > 0 then coalesce(recent_orders.recent_revenue, 0) end",
            format=Format(decimals=2),
            events=_ORDERS,
            better="up",
            group=group,
        ),
        Trait(
            id="core.orders_per_year",
            column="orders_per_year",
            label=N_("Orders a year"),
            description=N_("Orders divided by the years since the first one; nothing for customers of less than 90 days."),
            value_type="float",
            unit="ratio",
            sql="case when tenure_days >= 90 then round(order_count * 365.25 / tenure_days, 4) end",
            format=Format(decimals=1),
            events=_ORDERS,
            better="up",
            group=group,
        ),
        Trait(
            id="core.recency_score",
            column="recency_score",
            label=N_("Recency score"),
            description=N_("1 to 5: the fifth of the buyers that the last order falls in, 5 for the latest."),
            value_type="int",
            unit="score",
            sql="case when order_count > 0 then cast(ceil(5 * cume_dist() over (partition by order_count > 0"
            " order by recency_days desc)) as bigint) end",
            events=_ORDERS,
            better="up",
            group=group,
        ),
        Trait(
            id="core.frequency_score",
            column="frequency_score",
            label=N_("Frequency score"),
            description=N_("1 to 5, by the number of orders: 1, 2, 3-4, 5-9, 10 and more."),
            value_type="int",
            unit="score",
            sql="case when order_count >= 10 then 5 when order_count >= 5 then 4 when order_count >= 3 then 3"
            " when order_count >= 1 then order_count end",
            events=_ORDERS,
            better="up",
            group=group,
        ),
        Trait(
            id="core.monetary_score",
            column="monetary_score",
            label=N_("Monetary score"),
            description=N_("1 to 5: the fifth of the buyers that the revenue falls in, 5 for the greatest."),
            value_type="int",
            unit="score",
            sql="case when order_count > 0 then cast(ceil(5 * cume_dist() over (partition by order_count > 0"
            " order by revenue)) as bigint) end",
            events=_ORDERS,
            better="up",
            group=group,
        ),
        Trait(
            id="core.rfm_segment",
            column="rfm_segment",
            label=N_("RFM segment"),
            description=N_("The name of the cell that recency and frequency scores meet in."),
            value_type="text",
            unit="text",
            sql=rfm_grid("recency_score", "frequency_score"),
            values=RFM_SEGMENTS,
            events=_ORDERS,
            group=group,
        ),
        Trait(
            id="core.abc_class",
            column="abc_class",
            label=N_("ABC class"),
            description=N_(
                "By revenue of twelve months, the greatest first: A makes 80 % of it, B the next 15 %, C the rest,"
                " D nothing."
            ),
            value_type="text",
            unit="text",
            sql="""case
                when order_count = 0 then null
                when revenue_12m <= 0 then 'D'
                when sum(revenue_12m) over sorted - revenue_12m < 0.80 * sum(revenue_12m) over everybody then 'A'
                when sum(revenue_12m) over sorted - revenue_12m < 0.95 * sum(revenue_12m) over everybody then 'B'
                else 'C'
            end""".replace(
                "over sorted", "over (partition by revenue_12m > 0 order by revenue_12m desc, customer_id)"
            ).replace("over everybody", "over (partition by revenue_12m > 0)"),
            values=ABC_CLASSES,
            events=_ORDERS,
            group=group,
        ),
    )


def _habits() -> Iterable[Trait]:
    group = N_("Habits")
    return (
        Trait(
            id="core.tenure_days",
            column="tenure_days",
            label=N_("Days since first order"),
            description=N_("Days from the first order that was not cancelled to the instant."),
            value_type="int",
            unit="days",
            sql="date_diff('day', cast(timezone(book.timezone, first_order_at) as date), book.day)",
            events=_ORDERS,
            group=group,
        ),
        Trait(
            id="core.usual_gap_days",
            column="usual_gap_days",
            label=N_("Usual days between orders"),
            description=N_("Median of the days between order-days; from three order-days on."),
            value_type="float",
            unit="days",
            relation=_relation("order_gaps"),
            sql="order_gaps.median_gap",
            events=_ORDERS,
            better="down",
            group=group,
        ),
        Trait(
            id="core.lateness",
            column="lateness",
            label=N_("Lateness"),
            description=N_("Days since the last order divided by the usual days between orders: 1 is due, 2 is twice that."),
            value_type="float",
            unit="ratio",
            sql="round(recency_days / nullif(usual_gap_days, 0), 4)",
            format=Format(decimals=1),
            events=_ORDERS,
            better="down",
            group=group,
        ),
        Trait(
            id="core.next_order_due",
            column="next_order_due",
            label=N_("Next order due"),
            description=N_("The last order plus the usual days between orders."),
            value_type="date",
            unit="date",
            relation=_relation("order_gaps"),
            sql="order_gaps.last_day + cast(round(usual_gap_days) as integer)",
            events=_ORDERS,
            group=group,
        ),
        Trait(
            id="core.basket_trend",
            column="basket_trend",
            label=N_("Basket trend"),
            description=N_("Mean basket of the later half of the orders against the earlier half; from four orders on."),
            value_type="float",
            unit="ratio",
            relation=_relation("basket_halves"),
            sql="round(basket_halves.later / nullif(basket_halves.earlier, 0) - 1, 4)",
            format=Format(decimals=2, sign=True),
            events=_ORDERS,
            better="up",
            group=group,
        ),
        *_tastes(group),
    )


def _tastes(group: str) -> Iterable[Trait]:
    shared: dict[str, Any] = {"relation": _relation("tastes"), "events": ("order_placed",), "group": group}
    return (
        Trait(
            id="core.distinct_products",
            column="distinct_products",
            label=N_("Different products"),
            description=N_("Different products bought in orders that were neither cancelled nor wholly refunded."),
            value_type="int",
            unit="count",
            sql="tastes.product_count",
            **shared,
        ),
        Trait(
            id="core.distinct_categories",
            column="distinct_categories",
            label=N_("Different categories"),
            description=N_("Different categories of the products bought."),
            value_type="int",
            unit="count",
            sql="tastes.category_count",
            **shared,
        ),
        Trait(
            id="core.favourite_product",
            column="favourite_product",
            label=N_("Favourite product"),
            description=N_("The product that is in most orders; of several the one bought last."),
            value_type="text",
            unit="text",
            sql="tastes.product",
            **shared,
        ),
        Trait(
            id="core.favourite_category",
            column="favourite_category",
            label=N_("Favourite category"),
            description=N_("The category that is in most orders; of several the one bought last."),
            value_type="text",
            unit="text",
            sql="tastes.category",
            **shared,
        ),
    )


def _chances() -> Iterable[Trait]:
    group = N_("Chances")
    return (
        Trait(
            id="core.return_probability",
            column="return_probability",
            label=N_("Return probability"),
            description=N_(
                "Chance of an order within a year, by what others did who had ordered as often and waited as long"
                " (Kaplan-Meier by number of order-days); nothing where fewer than 30 compare."
            ),
            value_type="float",
            unit="ratio",
            compute=return_probability,
            format=Format(decimals=2),
            events=_ORDERS,
            better="up",
            group=group,
        ),
        Trait(
            id="core.activity",
            column="activity",
            label=N_("Activity"),
            description=N_("By the return probability: ex-customer below 0.20, at risk below 0.50, else active."),
            value_type="text",
            unit="text",
            sql=f"case when return_probability < {EX_BELOW} then 'ex' when return_probability < {AT_RISK_BELOW}"
            " then 'at_risk' when return_probability is not null then 'active' end",
            values=ACTIVITIES,
            events=_ORDERS,
            group=group,
        ),
        Trait(
            id="core.lifetime_share",
            column="lifetime_share",
            label=N_("Share of the usual lifetime"),
            description=N_(
                "Days since the first order divided by how long customers usually stay: the mean of a Kaplan-Meier curve"
                " within 36 months; nothing where fewer than 50 customers are gone."
            ),
            value_type="float",
            unit="ratio",
            compute=lifetime_share,
            format=Format(decimals=2),
            events=_ORDERS,
            group=group,
        ),
        Trait(
            id="core.potential",
            column="potential",
            label=N_("Potential"),
            description=N_(
                "Return probability times a basket that leans towards everybody's while orders are few:"
                " exp(w log basket + (1 - w) mean log basket), w = n / (n + 2)."
            ),
            value_type="float",
            unit="score",
            sql="""case when average_basket > 0 then round(return_probability * exp(
                order_count / (order_count + 2.0) * ln(cast(average_basket as double))
                + 2.0 / (order_count + 2.0)
                * avg(ln(cast(average_basket as double))) over (partition by average_basket > 0)), 4) end""",
            format=Format(decimals=1),
            events=_ORDERS,
            better="up",
            group=group,
        ),
    )


def _person() -> Iterable[Trait]:
    group = N_("Person")
    birthday = (
        "make_date(year(book.day) + {years}, month(birth_date),"
        " case when month(birth_date) = 2 and day(birth_date) = 29 then 28 else day(birth_date) end)"
    )
    this_year, next_year = birthday.format(years=0), birthday.format(years=1)
    return (
        Trait(
            id="core.age",
            column="age",
            label=N_("Age"),
            description=N_("Whole years at the instant; by the year of birth alone where no more is known."),
            value_type="int",
            unit="count",
            sql="coalesce(date_sub('year', birth_date, book.day), year(book.day) - birth_year)",
            events=("profile_updated",),
            group=group,
        ),
        Trait(
            id="core.days_to_birthday",
            column="days_to_birthday",
            label=N_("Days to birthday"),
            description=N_(
                "Days to the next birthday, 0 on the day itself; who was born on 29 February has it on the 28th."
            ),
            value_type="int",
            unit="days",
            sql=f"date_diff('day', book.day, case when {this_year} >= book.day then {this_year} else {next_year} end)",
            events=("profile_updated",),
            group=group,
        ),
        Trait(
            id="core.birthday_soon",
            column="birthday_soon",
            label=N_("Birthday soon"),
            description=N_("Whether the birthday is within 30 days."),
            value_type="bool",
            unit="text",
            sql="days_to_birthday <= 30",
            events=("profile_updated",),
            group=group,
        ),
    )
