"""The segments that every book has: rules in the language of filters, each with its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from clientbook.api import N_, Param, Segment, hookimpl
from clientbook.builtin.traits import RFM_SEGMENTS

_ORDER_DAY: Final = "cast({column} as date) {operator} cast(as_of as date) - to_months($months)"


@hookimpl
def register_segments() -> Iterable[Segment]:
    """Orders, time, baskets, value, names of recency and frequency, interest, permission, person."""
    return (*_orders(), *_time(), *_baskets(), *_value(), *_rfm(), *_interest(), *_contact())


def _months(default: int) -> Param:
    return Param(name="months", label=N_("Calendar months"), default=default, minimum=1, maximum=120)


def _days(default: int, most: int = 3650) -> Param:
    return Param(name="days", label=N_("Days"), default=default, minimum=1, maximum=most)


def _share(name: str, label: str, default: float) -> Param:
    return Param(name=name, label=label, value_type="float", default=default, minimum=0, maximum=1)


def _orders() -> Iterator[Segment]:
    shared: dict[str, Any] = {"group": N_("Number of orders")}
    yield Segment(
        id="core.one_order",
        label=N_("One order only"),
        description=N_("Ordered exactly once."),
        sql="order_count = 1",
        **shared,
    )
    yield Segment(
        id="core.one_order_recent",
        label=N_("One order only, not matured"),
        description=N_("Ordered exactly once, less than so many days ago: they may well order again."),
        sql="order_count = 1 and recency_days < $days",
        params=(_days(365),),
        exclusive_group="one_order",
        **shared,
    )
    yield Segment(
        id="core.one_order_matured",
        label=N_("One order only, matured"),
        description=N_("Ordered exactly once, so many days ago or more: they had the time to come back, and did not."),
        sql="order_count = 1 and recency_days >= $days",
        params=(_days(365),),
        exclusive_group="one_order",
        **shared,
    )
    for id, label, description, operator in (
        (
            "core.orders_above_mean",
            N_("More orders than average"),
            N_("Ordered more often than the mean of the buyers."),
            ">",
        ),
        (
            "core.orders_below_mean",
            N_("Fewer orders than average"),
            N_("Ordered less often than the mean of the buyers; usually most of them, since few order very often."),
            "<",
        ),
    ):
        yield Segment(
            id=id,
            label=label,
            description=description,
            sql=f"order_count > 0 and order_count {operator} avg(order_count)",
            exclusive_group="orders_mean",
            **shared,
        )


def _time() -> Iterator[Segment]:
    shared: dict[str, Any] = {"group": N_("Time")}
    yield Segment(
        id="core.new",
        label=N_("New"),
        description=N_("First order within so many calendar months."),
        sql=_ORDER_DAY.format(column="first_order_at", operator=">"),
        params=(_months(3),),
        **shared,
    )
    yield Segment(
        id="core.active",
        label=N_("Active"),
        description=N_("Likely to order again within a year: a return probability of 0.50 or more."),
        sql="activity = 'active'",
        **shared,
    )
    yield Segment(
        id="core.gap_alert",
        label=N_("Gap alert"),
        description=N_(
            "Waiting for so long that an order within a year has become less likely than not: a return probability in"
            " between."
        ),
        sql="return_probability >= $low and return_probability < $high",
        params=(_share("low", N_("From"), 0.20), _share("high", N_("Below"), 0.50)),
        **shared,
    )
    yield Segment(
        id="core.gone",
        label=N_("Ordered in the past, clearly gone"),
        description=N_(
            "Ordered so often or more, and by what others did will not come back (ex-customer); where too few compare, no"
            " order for so many months."
        ),
        sql="order_count >= $orders and (activity = 'ex' or activity is null and "
        f"{_ORDER_DAY.format(column='last_order_at', operator='<=')})",
        params=(Param(name="orders", label=N_("Orders"), default=2, minimum=1, maximum=1000), _months(12)),
        **shared,
    )
    yield Segment(
        id="core.inactive",
        label=N_("No order for some months"),
        description=N_("Ordered before, and not within so many calendar months."),
        sql=_ORDER_DAY.format(column="last_order_at", operator="<="),
        params=(_months(12),),
        **shared,
    )
    yield Segment(
        id="core.reactivated",
        label=N_("Came back"),
        description=N_("Ordered within so many days, after so many months or more without an order."),
        sql="order_count >= 2 and recency_days <= $days"
        " and cast(first_order_at as date) <= cast(last_order_at as date) - to_months($months)"
        " and not exists (select orders.order_id from orders where orders.customer_id = customers.customer_id"
        " and orders.status <> 'cancelled' and orders.order_date < cast(customers.last_order_at as date)"
        " and orders.order_date > cast(customers.last_order_at as date) - to_months($months))",
        params=(_days(90), _months(12)),
        **shared,
    )
    yield Segment(
        id="core.lifetime_due",
        label=N_("About to reach the average lifetime"),
        description=N_(
            "Not gone, and a customer for almost as long as customers usually stay. Old customers are loyal ones: no sign"
            " of danger by itself, see the gap alert."
        ),
        sql="lifetime_share >= $share and lifetime_share <= 1 and activity is distinct from 'ex'",
        params=(_share("share", N_("From this share of the lifetime"), 0.8),),
        **shared,
    )


def _baskets() -> Iterator[Segment]:
    mean = "round(sum(revenue) / sum(order_count - foreign_order_count), 4)"
    for place, limit, group, labels in (
        (
            "mean",
            mean,
            "basket_mean",
            (
                (N_("Basket above average"), N_("Mean basket above revenue divided by orders, of all buyers.")),
                (N_("Basket below average"), N_("Mean basket below revenue divided by orders, of all buyers.")),
            ),
        ),
        (
            "median",
            "median(average_basket)",
            "basket_median",
            (
                (N_("Basket above the median"), N_("Mean basket above that of the buyer in the middle.")),
                (N_("Basket below the median"), N_("Mean basket below that of the buyer in the middle.")),
            ),
        ),
    ):
        for side, operator, (label, description) in zip(("above", "below"), "><", labels, strict=True):
            yield Segment(
                id=f"core.basket_{side}_{place}",
                label=label,
                description=description,
                sql=f"order_count > 0 and average_basket {operator} {limit}",
                exclusive_group=group,
                group=N_("Basket"),
            )


def _value() -> Iterator[Segment]:
    shared: dict[str, Any] = {"group": N_("Value")}
    yield Segment(
        id="core.big",
        label=N_("Big customers"),
        description=N_("Class A: the greatest by revenue of twelve months, who make 80 % of it."),
        sql="abc_class = 'A'",
        exclusive_group="size",
        **shared,
    )
    yield Segment(
        id="core.small",
        label=N_("Small customers"),
        description=N_("Class C: those who make the last 5 % of the revenue of twelve months."),
        sql="abc_class = 'C'",
        exclusive_group="size",
        **shared,
    )
    yield Segment(
        id="core.small_with_potential",
        label=N_("Small with potential"),
        description=N_(
            "Small customers (class C) with the greatest potential: return probability times expected basket, from this"
            " quantile of the small on."
        ),
        sql="abc_class = 'C' and potential >= over(quantile_cont(potential, $quantile), abc_class = 'C')",
        params=(_share("quantile", N_("Quantile of the small"), 0.9),),
        **shared,
    )


def _rfm() -> Iterator[Segment]:
    for name, label in RFM_SEGMENTS.items():
        yield Segment(
            id=f"core.rfm_{name}",
            label=label,
            description=N_("The cell of recency and frequency scores that has this name."),
            sql=f"rfm_segment = '{name}'",
            exclusive_group="rfm",
            group=N_("Recency and frequency"),
        )


def _interest() -> Iterator[Segment]:
    shared: dict[str, Any] = {"group": N_("Interest")}
    bought = (
        "(select order_lines.customer_id from order_lines join orders on order_lines.source = orders.source"
        " and order_lines.order_id = orders.order_id where order_lines.customer_id is not null"
        " and orders.status not in ('cancelled', 'refunded')"
        " and (lower(order_lines.sku) = lower({name}) or lower(order_lines.product) = lower({name}))"
        " group by order_lines.customer_id having sum(order_lines.quantity) > 0)"
    )
    yield Segment(
        id="core.product_buyers",
        label=N_("Buyers of a product"),
        description=N_(
            "Bought a product, by its number or name, in orders that were neither cancelled nor wholly refunded; without"
            " those who bought another one, such as its accessory."
        ),
        sql=f"customer_id in {bought.format(name='$product')} and customer_id not in {bought.format(name='$without')}",
        params=(
            Param(name="product", label=N_("Product"), value_type="text", default=""),
            Param(name="without", label=N_("Without buyers of"), value_type="text", default=""),
        ),
        **shared,
    )
    yield Segment(
        id="core.abandoned_cart",
        label=N_("Abandoned cart"),
        description=N_("Left a cart within so many days, and has not ordered since."),
        sql="exists (select interactions.position from interactions"
        " where interactions.customer_id = customers.customer_id and interactions.type = 'cart_abandoned'"
        " and interactions.occurred_at > as_of - to_days($days)"
        " and interactions.occurred_at > coalesce(customers.last_order_at, '1900-01-01'))",
        params=(_days(30),),
        **shared,
    )
    yield Segment(
        id="core.prospects",
        label=N_("Prospects"),
        description=N_("Never ordered."),
        sql="order_count = 0",
        **shared,
    )
    yield Segment(
        id="core.asking_prospects",
        label=N_("Prospects who asked"),
        description=N_("Never ordered, but asked for a quote or a sample."),
        sql="order_count = 0 and customer_id in (select interactions.customer_id from interactions"
        " where interactions.type in ('quote_requested', 'sample_requested'))",
        **shared,
    )


def _contact() -> Iterator[Segment]:
    shared: dict[str, Any] = {"group": N_("Contact")}
    yield Segment(
        id="core.companies",
        label=N_("Companies"),
        description=N_("Registered as a company."),
        sql="kind = 'company'",
        **shared,
    )
    yield Segment(
        id="core.birthday_this_month",
        label=N_("Birthday this month"),
        description=N_("Born in the month of the instant."),
        sql="month(birth_date) = month(as_of)",
        **shared,
    )
    yield Segment(
        id="core.never_contacted",
        label=N_("Never contacted"),
        description=N_("Got no message, call, meeting, visit or voucher yet."),
        sql="last_action_at is null",
        **shared,
    )
    yield Segment(
        id="core.consent_expiring",
        label=N_("Consent expiring"),
        description=N_("A consent that holds now ends, or becomes stale by the policy, within so many days."),
        sql="customer_id in (select ending_consents.customer_id from ending_consents"
        " where ending_consents.ends_at > as_of and ending_consents.ends_at <= as_of + to_days($days))",
        params=(_days(30, 730),),
        **shared,
    )
    yield Segment(
        id="core.list_ending",
        label=N_("Rented list about to end"),
        description=N_("Came from a rented list whose licence ends within so many days, and never ordered."),
        sql="order_count = 0 and list_id in (select lists.list_id from lists where lists.kind = 'rented'"
        " and lists.licence_until >= cast(as_of as date)"
        " and lists.licence_until <= cast(as_of as date) + to_days($days))",
        params=(_days(60, 730),),
        **shared,
    )
