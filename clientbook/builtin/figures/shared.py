"""What several figures are made of, read once in a run: each customer's orders, gaps and amounts; samples to resample."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from clientbook.api import Context
from clientbook.builtin.figures.dates import day_number, months_back
from clientbook.statistics import bootstrap
from clientbook.statistics.bootstrap import Weights

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@cache
def sql(name: str) -> str:
    """The text of one of the `.sql` files."""
    return (files("clientbook.builtin") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


_AMOUNTS: Final = ("net", "net_year", "net_before", "net_earlier", "gross_year")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Some of the customers, or all, and how often each was drawn in each replicate."""

    chosen: Ints
    """Their places."""
    place: Ints
    """By customer: the place in the sample, -1 where not in it."""
    weights: Weights


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """One item per day with orders of a customer: the days until the next one, or until now where there is none yet."""

    owner: Ints
    rank: Ints
    """1 for the gap after the first such day."""
    days: Ints
    closed: Flags


@dataclass(frozen=True, kw_only=True)
class Buyers:
    """One item per customer who ordered, or was paid back money."""

    owner: NDArray[np.uint64]
    orders: Ints
    orders_year: Ints
    moves_year: Ints
    net: Floats
    net_year: Floats
    net_before: Floats
    net_earlier: Floats
    gross_year: Floats
    first: Ints
    """The day of the first order, since 1970; a great number where there is none."""
    last: Ints
    gaps: Gaps
    visits_owner: Ints
    visits_day: Ints
    sample: Sample

    @property
    def has_ordered(self) -> Flags:
        found: Flags = self.orders > 0
        return found


def windows(ctx: Context) -> dict[str, date]:
    """The days before which each of the last three years begins."""
    return {
        "day": ctx.day,
        "since": months_back(ctx.day, 12),
        "since_two": months_back(ctx.day, 24),
        "since_three": months_back(ctx.day, 36),
    }


def takings(ctx: Context) -> dict[str, Any]:
    """What the whole book took in: the row of `takings.sql`."""
    return cast("dict[str, Any]", ctx.once("takings", lambda: ctx.query(sql("takings"), windows(ctx)).to_pylist()[0]))


def buyers(ctx: Context) -> Buyers:
    """The customers who ordered."""
    return cast("Buyers", ctx.once("buyers", lambda: _buyers(ctx)))


def _buyers(ctx: Context) -> Buyers:
    read = ctx.query(sql("buyers"), windows(ctx)).combine_chunks()
    owner = column(read, "owner").astype(np.uint64)
    lists = read["days"].combine_chunks() if read["days"].num_chunks != 1 else read["days"].chunk(0)
    lengths = np.nan_to_num(lists.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int64)
    days = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    visits_owner, visits_day = _distinct(np.repeat(np.arange(len(owner)), lengths), days)
    first, last = np.full(len(owner), 1 << 40), np.full(len(owner), -(1 << 40))
    begins = np.flatnonzero(np.diff(visits_owner, prepend=-1))
    ends = np.append(begins[1:], len(visits_owner)) - 1
    first[visits_owner[begins]] = visits_day[begins]
    last[visits_owner[ends[: len(begins)]]] = visits_day[ends[: len(begins)]]
    amounts: dict[str, Any] = {name: column(read, name) for name in _AMOUNTS}
    counts = {name: column(read, name).astype(np.int64) for name in ("orders", "orders_year", "moves_year")}
    facts: dict[str, Any] = amounts | counts
    return Buyers(
        owner=owner,
        first=first,
        last=last,
        gaps=_gaps(visits_owner, visits_day, day_number(ctx.day)),
        visits_owner=visits_owner,
        visits_day=visits_day,
        sample=sample_of(owner),
        **facts,
    )


def _distinct(owners: Ints, days: Ints) -> tuple[Ints, Ints]:
    """Each pair once, in order."""
    if not len(owners):
        return owners, days
    lowest, width = int(days.min()), int(days.max() - days.min()) + 1
    keys = np.sort(owners * width + (days - lowest))
    kept = keys[np.flatnonzero(np.diff(keys, prepend=-1))]
    return kept // width, kept % width + lowest


def _gaps(owners: Ints, days: Ints, today: int) -> Gaps:
    closed = np.append(owners[1:] == owners[:-1], False) if len(owners) else np.zeros(0, dtype=bool)
    until = np.where(closed, np.append(days[1:], 0), today) if len(owners) else days
    begins = np.flatnonzero(np.diff(owners, prepend=-1))
    lengths = np.diff(np.append(begins, len(owners)))
    rank = np.arange(len(owners)) - np.repeat(begins, lengths) + 1
    return Gaps(owner=owners, rank=rank, days=until - days, closed=closed)


def column(table: Any, name: str) -> Floats:
    """A column without NULLs as an array."""
    found: Floats = table[name].to_numpy(zero_copy_only=False)
    return found


def sample_of(owner: NDArray[np.uint64]) -> Sample:
    """All customers where they are few enough to be resampled, else those whose hash is small."""
    chosen = np.flatnonzero(owner <= np.uint64(hash_limit(len(owner))))
    chosen = chosen[np.argsort(owner[chosen], kind="stable")]  # rows come in any order, and draws must be the same
    place = np.full(len(owner), -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    return Sample(chosen=chosen, place=place, weights=bootstrap.drawn(len(chosen), len(owner)))


def hash_limit(count: int) -> int:
    """The hash up to which one of so many customers is in the sample."""
    most = (1 << 64) - 1
    return most if count <= bootstrap.LARGEST else most // count * bootstrap.LARGEST


def ratio_interval(
    sample: Sample, numerator: Floats, denominator: Floats, *, of: float | None = None
) -> tuple[float, float] | None:
    """The interval of Σ numerator / Σ denominator, both one item per customer; or of a figure that is nearly that."""
    above, below = numerator[sample.chosen], denominator[sample.chosen]
    total, sampled = float(denominator.sum()), float(below.sum())
    if not total or not sampled:
        return None
    found = bootstrap.ratios(sample.weights, above[:, None], below[:, None])[:, 0]
    value = float(numerator.sum()) / total if of is None else of
    return bootstrap.interval(value, float(above.sum()) / sampled, found, sample.weights.narrowing)


def money(amount: float | Decimal) -> Decimal:
    """An amount as it is kept: four decimals."""
    return round(Decimal(amount), 4)
