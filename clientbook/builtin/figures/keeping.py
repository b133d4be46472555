"""Figures about the book itself: how full its fields are, and how long ago anything was written into them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import numpy as np

from clientbook.api import Context, Estimate
from clientbook.builtin.figures.contact import share
from clientbook.builtin.figures.shared import sql
from clientbook.statistics.quantiles import order_interval, quantile

EVERYBODY: Final = ("email", "phone", "street", "postal_code", "city", "country", "language")
PERSONS: Final = (
    "civility",
    "given_name",
    "family_name",
    "sex",
    "birth_date",
    "birth_year",
    "occupation",
    "interests",
    "marital_status",
    "children",
    "company_id",
)
COMPANIES: Final = ("legal_name", "sector", "headcount", "trade", "chain_position", "siren", "vat_id")
STALE_DAYS: Final = 60
"""A book in which nothing was written for so long is not kept up to date."""

_LISTS: Final = ("interests",)
STATED: Final = {
    "email": "coalesce(profile_updated.email, case when linked = 'email' then 'x' end)",
    "phone": "coalesce(profile_updated.mobile, profile_updated.landline, case when linked = 'phone' then 'x' end)",
    "street": "profile_updated.address.lines[1]",
    "postal_code": "profile_updated.address.postal_code",
    "city": "profile_updated.address.city",
    "country": "profile_updated.address.country",
    "birth_year": "coalesce(profile_updated.birth_year, year(profile_updated.birth_date))",
}
_ATTRIBUTES: Final = 20


def fields() -> tuple[str, ...]:
    """The columns of `customers` that people fill in."""
    return (*EVERYBODY, *PERSONS, *COMPANIES, "tags")


def fill_rate(ctx: Context) -> Iterator[Estimate]:
    """Of the customers who can have it, how many have a field filled: persons, companies, or all."""
    counted = ", ".join(
        f"count(*) filter (where {_is_filled(name)} and {_applies(name)}) as {name},"
        f" count(*) filter (where {_applies(name)}) as {name}_of"
        for name in fields()
    )
    row = ctx.query(f"select {counted} from customers").to_pylist()[0]
    for name in fields():
        if row[f"{name}_of"]:
            yield share(row[name], row[f"{name}_of"], name)
    custom = ctx.query(
        "select key, count(*) as filled, (select count(*) from customers) as everybody"
        " from (select unnest(map_keys(attributes)) as key from customers where attributes is not null)"
        f" group by key order by filled desc, key limit {_ATTRIBUTES}"
    )
    for own in custom.to_pylist():
        yield share(own["filled"], own["everybody"], f"attributes.{own['key']}")


def _is_filled(name: str) -> str:
    if name == "tags" or name in _LISTS:
        return f"len({name}) > 0"
    return f"{name} is not null"


def _applies(name: str) -> str:
    if name in PERSONS:
        return "kind = 'person'"
    return "kind = 'company'" if name in COMPANIES else "true"


def freshness(ctx: Context) -> Iterator[Estimate]:
    """Days since a field was last stated, for half of the customers of whom it ever was."""
    stated = {name: STATED.get(name, f"profile_updated.{name}") for name in fields() if name != "tags"}
    latest = ", ".join(f"max(occurred_at) filter (where {path} is not null) as {name}" for name, path in stated.items())
    read = ctx.query(
        f"select {latest} from ("
        "select customer_id, occurred_at, profile_updated, null as linked from events"
        " where type = 'profile_updated' and profile_updated is not null"
        " union all select customer_id, linked_at, null, kind from identifiers where kind in ('email', 'phone')"
        ") as stated where occurred_at <= $at and customer_id in (select customer_id from customers) group by customer_id",
        {"at": ctx.at},
    )
    for name in stated:
        moments = read[name].drop_null()
        if not len(moments):
            continue
        days = (np.datetime64(ctx.at.replace(tzinfo=None) - (ctx.at.utcoffset() or _NONE)) - moments.to_numpy()) / _DAY
        low, high = order_interval(days) or (None, None)
        yield Estimate(value=quantile(days), n=len(days), low=low, high=high, method="order statistics", part=name)


_DAY: Final = np.timedelta64(1, "D")
_NONE: Final = datetime.min - datetime.min


def last_activity(ctx: Context) -> Iterator[Estimate]:
    """Days since something last happened, was ordered, was imported."""
    found: dict[str, Any] = ctx.query(sql("activity"), {"at": ctx.at}).to_pylist()[0]
    n = ctx.query("select count(*) as n from customers").to_pylist()[0]["n"]
    for part in ("event", "order", "import"):
        moment = found[f"{part}_at"]
        if moment is None:
            continue
        days = (ctx.at - moment).days
        note = "stale" if days > STALE_DAYS and part != "import" else ""
        yield Estimate(value=days, n=n, method="none", note=note, part=part)
