"""Figures about what may be sent to customers, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, cast

from clientbook.api import Context, Estimate
from clientbook.builtin.figures.dates import months_back, since
from clientbook.builtin.figures.shared import sql
from clientbook.statistics.wilson import wilson

LATEST: Final = 12
"""Campaigns shown, the latest first, if they reached enough customers to be told."""
FEWEST: Final = 30


def share(found: int, n: int, part: str | None = None, note: str = "") -> Estimate:
    """A share with Wilson's interval."""
    if not n:
        return Estimate(value=None, n=0, part=part)
    low, high = wilson(found, n)
    return Estimate(value=found / n, n=n, low=low, high=high, method="wilson", part=part, note=note)


def response(ctx: Context, answer: str) -> Iterator[Estimate]:
    """Of the customers whom the campaigns of the last months reached, how many answered: `clicked` or `bought`."""
    days = int(cast("int", ctx.params["days"]))
    given = {"since": since(ctx), "days": days}
    rows: list[dict[str, Any]] = ctx.once(f"campaigns {given}", lambda: ctx.query(sql("campaigns"), given).to_pylist())
    together = next(row for row in rows if row["campaign"] is None)
    yield share(together[answer], together["reached"], "all")
    named = sorted(
        (row for row in rows if row["campaign"] is not None and row["reached"] >= FEWEST),
        key=lambda row: row["sent_at"],
        reverse=True,
    )
    for row in named[:LATEST]:
        is_young = answer == "bought" and row["sent_at"] + timedelta(days=days) > ctx.at
        yield share(row[answer], row["reached"], row["campaign"], "partial" if is_young else "")


def vouchers(ctx: Context) -> Estimate:
    """Of the vouchers issued in 12 months that ended some days ago, how many were used."""
    until = ctx.day - timedelta(days=int(cast("int", ctx.params["days"])))
    row = ctx.query(sql("vouchers"), {"since": months_back(until, 12), "until": until}).to_pylist()[0]
    return share(row["used"], row["issued"])


def opt_in(ctx: Context) -> Iterator[Estimate]:
    """Of the customers whom a channel reaches, how many agreed to something on it."""
    for row in ctx.query(sql("opt_ins")).to_pylist():
        yield share(row["agreed"], row["reached"], row["channel"])


def coverage(ctx: Context, who: str) -> Iterator[Estimate]:
    """Customers who may be written to, by channel and on any: `customers` or `active` ones."""
    days = {"since": months_back(ctx.day, 12)}
    rows = ctx.once("coverage", lambda: ctx.query(sql("coverage"), days).to_pylist())
    found = "allowed" if who == "customers" else "active_allowed"
    for row in sorted(rows, key=lambda row: (row["channel"] is not None, row["channel"])):
        yield share(row[found], row[who], row["channel"] or "any")
