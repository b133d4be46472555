"""Figures about how often, how much and what customers buy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from clientbook.api import Context, Estimate
from clientbook.builtin.figures.dates import day_number, since
from clientbook.builtin.figures.leaving import first_orders_are_cut
from clientbook.builtin.figures.shared import (
    Floats,
    Ints,
    Sample,
    buyers,
    column,
    money,
    ratio_interval,
    sample_of,
    sql,
    takings,
    windows,
)
from clientbook.statistics import bootstrap
from clientbook.statistics.quantiles import order_interval, quantile
from clientbook.statistics.wilson import wilson

LARGEST_PARTS = 20


def frequency(ctx: Context) -> Estimate:
    """Orders of the last 12 months by customer who ordered in them."""
    book = buyers(ctx)
    active = (book.orders_year > 0).astype(np.float64)
    n = int(active.sum())
    low, high = ratio_interval(book.sample, book.orders_year.astype(np.float64), active) or (None, None)
    return Estimate(value=float(book.orders_year.sum()) / n if n else None, n=n, low=low, high=high, method="bootstrap")


def orders_per_year(ctx: Context) -> Estimate:
    """Orders by year since the first one; new customers count a month at least."""
    book = buyers(ctx)
    years = np.where(book.has_ordered, np.maximum(day_number(ctx.day) - book.first, 30), 0) / 365.25
    n, total = int(book.has_ordered.sum()), float(years.sum())
    low, high = ratio_interval(book.sample, book.orders.astype(np.float64), years) or (None, None)
    value = float(book.orders.sum()) / total if total else None
    return Estimate(value=value, n=n, low=low, high=high, method="bootstrap")


def _baskets(ctx: Context) -> tuple[Floats, Ints, Sample]:
    """Net amounts of orders, the place of each one's customer, and a sample of these customers."""

    def make() -> tuple[Floats, Ints, Sample]:
        read = ctx.query(sql("baskets"), {"day": ctx.day, "since": since(ctx)})
        owners, places = np.unique(column(read, "owner").astype(np.uint64), return_inverse=True)
        return column(read, "net"), places.astype(np.int64), sample_of(owners)

    return cast("tuple[Floats, Ints, Sample]", ctx.once(f"baskets {ctx.params.get('months')}", make))


def average_basket(ctx: Context) -> Estimate:
    """Net revenue by order."""
    net, places, sample = _baskets(ctx)
    if not len(net):
        return Estimate(value=None, n=0)
    sums, counts = np.bincount(places, net).astype(np.float64), np.bincount(places).astype(np.float64)
    low, high = ratio_interval(sample, sums, counts) or (None, None)
    return Estimate(value=money(float(net.mean())), n=len(net), low=low, high=high, method="bootstrap")


def median_basket(ctx: Context) -> Estimate:
    """Half of the orders are smaller."""
    return _basket_quantile(ctx, 0)


def greatest_baskets(ctx: Context) -> Estimate:
    """One order in a hundred is greater."""
    return _basket_quantile(ctx, 1)


def _basket_quantile(ctx: Context, number: int) -> Estimate:
    net, places, sample = _baskets(ctx)
    shares = (0.5, 0.99)
    if not len(net):
        return Estimate(value=None, n=0)

    def make() -> tuple[Any, Any]:
        own = sample.place[places]
        rows = own >= 0
        weights = bootstrap.Weights(counts=sample.weights.counts[:400], narrowing=sample.weights.narrowing)
        replicates = bootstrap.quantiles(weights, net[rows], own[rows], shares)
        return np.quantile(net[rows], shares), replicates

    sampled, replicates = ctx.once(f"basket quantiles {ctx.params.get('months')}", make)
    value = quantile(net, shares[number])
    between = bootstrap.interval(value, float(sampled[number]), replicates[:, number], sample.weights.narrowing)
    low, high = between or (None, None)
    return Estimate(value=money(value), n=len(net), low=low, high=high, method="bootstrap")


def lifetime_spend(ctx: Context) -> Iterator[Estimate]:
    """What a customer has spent so far."""
    book = buyers(ctx)
    spent = book.net[book.has_ordered]
    n = len(spent)
    if not n:
        yield Estimate(value=None, n=0, part="mean")
        return
    low, high = ratio_interval(
        book.sample, np.where(book.has_ordered, book.net, 0.0), book.has_ordered.astype(np.float64)
    ) or (None, None)
    yield Estimate(value=money(float(spent.mean())), n=n, low=low, high=high, method="bootstrap", part="mean")
    low, high = order_interval(spent) or (None, None)
    yield Estimate(value=money(quantile(spent)), n=n, low=low, high=high, method="order statistics", part="median")


def new_share(ctx: Context) -> Iterator[Estimate]:
    """Of the customers of the last 12 months and of their revenue, what part ordered for the first time in them."""
    book = buyers(ctx)
    begin = day_number(windows(ctx)["since"])
    active, is_new = book.orders_year > 0, book.first > begin
    n = int(active.sum())
    is_cut, until = first_orders_are_cut(ctx)
    note = "left_truncated" if is_cut and begin < until else ""
    if not n:
        yield Estimate(value=None, n=0, part="customers")
        return
    found = int((active & is_new).sum())
    low, high = wilson(found, n)
    yield Estimate(value=found / n, n=n, low=low, high=high, method="wilson", note=note, part="customers")
    ours, theirs = np.where(active, book.net_year, 0.0), np.where(active & is_new, book.net_year, 0.0)
    total = float(ours.sum())
    between = ratio_interval(book.sample, theirs, ours)
    low_, high_ = between or (None, None)
    value = float(theirs.sum()) / total if total > 0 else None
    yield Estimate(value=value, n=n, low=low_, high=high_, method="bootstrap", note=note, part="revenue")


def guest_share(ctx: Context) -> Iterator[Estimate]:
    """Of the orders and the revenue of the last 12 months, what part nobody in the book has."""
    found = takings(ctx)
    n = int(found["orders_year"])
    if n:
        low, high = wilson(found["guest_orders_year"], n)
        yield Estimate(value=found["guest_orders_year"] / n, n=n, low=low, high=high, method="wilson", part="orders")
    else:
        yield Estimate(value=None, n=0, part="orders")
    value = float(found["guest_net_year"] / found["net_year"]) if found["net_year"] > 0 else None
    yield Estimate(value=value, n=n, method="none", part="revenue")


def foreign_orders(ctx: Context) -> Estimate:
    """Orders of the last 12 months in another currency, which no amount contains."""
    found = takings(ctx)
    return Estimate(value=int(found["foreign_orders_year"]), n=int(found["orders_year"]), method="none")


def mix(ctx: Context, name: str) -> Iterator[Estimate]:
    """Shares of the orders of the last months by a column of `orders`; of many values the 20 most frequent."""
    rows = ctx.query(sql("mix").format(column=name), {"day": ctx.day, "since": since(ctx)}).to_pylist()
    total, squares = sum(row["orders"] for row in rows), sum(row["crossed"] for row in rows)
    if not total:
        yield Estimate(value=None, n=0)
        return
    rows.sort(key=lambda row: (row["part"] is None, -row["orders"], row["part"]))
    known = [row for row in rows if row["part"] is not None]
    if not known:
        yield Estimate(value=None, n=total, note="not_recorded")
        return
    shown = [*known[:LARGEST_PARTS], *_together(known[LARGEST_PARTS:]), *rows[len(known) :]]
    for row in shown:
        share = row["orders"] / total
        spread = max(0.0, row["own_squares"] - 2 * share * row["crossed"] + share**2 * squares) / total**2
        effective = share * (1 - share) / spread if spread > 0 else float(total)
        low, high = wilson(share * effective, effective)
        part = "unknown" if row["part"] is None else row["part"]
        yield Estimate(value=share, n=total, low=low, high=high, method="clustered wilson", part=part)


def _together(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rare values as one; that a customer has several of them is left out of account."""
    if not rows:
        return []
    return [{"part": "other"} | {name: sum(row[name] for row in rows) for name in ("orders", "own_squares", "crossed")}]


def diversity(ctx: Context) -> Iterator[Estimate]:
    """Different products, and categories, by customer who bought one in the last months."""
    read = ctx.query(sql("diversity"), {"day": ctx.day, "since": since(ctx)})
    if not len(read):
        yield Estimate(value=None, n=0, part="products")
        return
    sample = sample_of(column(read, "owner").astype(np.uint64))
    everybody = np.ones(len(read))
    for name in ("products", "categories"):
        counts = column(read, name).astype(np.float64)
        if not counts.any():
            continue
        low, high = ratio_interval(sample, counts, everybody) or (None, None)
        yield Estimate(value=float(counts.mean()), n=len(read), low=low, high=high, method="bootstrap", part=name)
