"""The book in figures: what it holds, and what a shopkeeper asks first."""

from __future__ import annotations

from typing import Any

from clientbook.events.registry import Registry
from clientbook.projection.snapshots import Snapshot


def holdings(snapshot: Snapshot, registry: Registry, currency: str) -> dict[str, Any]:
    """Counts of events, customers and orders, and the revenue in the book's currency."""
    about_book = [name for name, event in registry.items() if event.customer == "none"]
    events = snapshot.table(
        "select type, count(*) as n, min(occurred_at) as first, max(occurred_at) as last from events group by 1 order by 1"
    ).to_pylist()
    of_shop = [row for row in events if row["type"] not in about_book]
    orders = snapshot.engine.rows(
        "select count(*) as orders, count(*) filter (where is_guest) as guest_orders,"
        " coalesce(sum(revenue) filter (where currency = $currency), 0) as revenue from orders",
        {"currency": currency},
    )[0]
    loose = snapshot.engine.value(
        "select coalesce(sum(amount), 0) from refunds where not is_linked and currency = $currency", {"currency": currency}
    )
    return {
        "events": sum(row["n"] for row in events),
        "customers": snapshot.engine.value("select count(*) from customers"),
        "orders": orders["orders"],
        "guest_orders": orders["guest_orders"],
        "revenue": orders["revenue"] - loose,
        "first_occurred_at": min((row["first"] for row in of_shop), default=None),
        "last_occurred_at": max((row["last"] for row in of_shop), default=None),
        "event_counts": {row["type"]: row["n"] for row in events},
    }


def summary(snapshot: Snapshot, currency: str) -> dict[str, Any]:
    """Baskets, buyers, best customers, revenue by year."""
    engine, parameters = snapshot.engine, {"currency": currency}
    baskets = engine.rows(
        "select round(sum(revenue) / count(*), 2) as average_basket, round(median(revenue), 2) as median_basket"
        " from orders where currency = $currency and status <> 'cancelled'",
        parameters,
    )[0]
    people = engine.rows(
        "select count(*) filter (where kind = 'company') as companies, count(*) filter (where order_count > 0) as buyers,"
        " count(*) filter (where order_count = 1) as one_time_buyers from customers"
    )[0]
    best = engine.rows("select customer_id, name, revenue from customers order by revenue desc, customer_id limit 5")
    years = engine.rows(
        "select year(counted_on) as year, sum(revenue) as revenue from ("
        " select order_date as counted_on, revenue from orders where currency = $currency"
        " union all select cast(timezone(book.timezone, counted_at) as date), -amount from refunds cross join book"
        " where not is_linked and refunds.currency = $currency"
        ") group by 1 order by 1",
        parameters,
    )
    return baskets | people | {"best_customers": best, "revenue_by_year": years}
