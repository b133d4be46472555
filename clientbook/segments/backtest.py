"""A segment's rule asked at the ends of past months, and what its members bought afterwards, beside everybody else.

Orders, refunds and the time line are those of each month's end; who is the same person, and what profiles say, is what is
known now.
"""

from __future__ import annotations

import zoneinfo
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import exp, log, sqrt
from typing import Any, Final

from clientbook.engine.duckdb import quoted
from clientbook.errors import WrongUse
from clientbook.i18n import _
from clientbook.projection.fold import names_from
from clientbook.query.expressions import check, inlined
from clientbook.query.then import open_then
from clientbook.reading import Reading
from clientbook.segments.catalogue import Listed
from clientbook.statistics.wilson import Z95, wilson

_SCHEMA: Final = "backtested"
_CONSENTS: Final = frozenset(("permissions", "consents", "ending_consents", "segment_members"))


class NoPast(WrongUse):
    """The rule reads something that cannot be told of past months."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Some customers, and what they did within the horizon."""

    n: int
    ordered: int
    revenue: float

    @property
    def share(self) -> float | None:
        return self.ordered / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's, 95 %."""
        return wilson(self.ordered, self.n) if self.n else None

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        low, high = self.interval or (None, None)
        return {
            "n": self.n,
            "ordered": self.ordered,
            "share": self.share,
            "low": low,
            "high": high,
            "revenue": self.revenue,
            "revenue_per_customer": self.revenue / self.n if self.n else None,
        }


@dataclass(frozen=True, kw_only=True)
class Month:
    """The end of a month, or all of them together."""

    day: date | None
    """None for all months whose horizon is over."""
    is_partial: bool
    """The horizon is not over yet."""
    members: Group
    others: Group

    @property
    def lift(self) -> float | None:
        """How many times as likely members were to order."""
        if not self.members.n or not self.others.ordered:
            return None
        return (self.members.ordered / self.members.n) / (self.others.ordered / self.others.n)

    @property
    def lift_interval(self) -> tuple[float, float] | None:
        """95 %, on the log scale: D. Katz et al., Biometrics 34 (1978)."""
        lift = self.lift
        if not lift:
            return None
        one, other = self.members, self.others
        error = sqrt(max(1 / one.ordered - 1 / one.n + 1 / other.ordered - 1 / other.n, 0))
        return exp(log(lift) - Z95 * error), exp(log(lift) + Z95 * error)

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        low, high = self.lift_interval or (None, None)
        return {
            "day": self.day,
            "partial": self.is_partial,
            "members": self.members.described(),
            "others": self.others.described(),
            "lift": self.lift,
            "lift_low": low,
            "lift_high": high,
        }


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """A segment's past."""

    segment: str
    label: str
    horizon_days: int
    months: tuple[Month, ...]
    total: Month

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "segment": self.segment,
            "label": self.label,
            "horizon_days": self.horizon_days,
            "months": [month.described() for month in self.months],
            "total": self.total.described(),
        }


def backtest(reading: Reading, segment: Listed, *, months: int, horizon_days: int) -> Backtest:
    """Ask the rule at the ends of the last `months` months, and count orders in the days after each.

    Raises:
        NoPast: the rule asks for permission, or for a list of members.
        BrokenSegment: it cannot run.
    """
    expression = segment.sound
    if segment.rule is None or expression.pairs or set(expression.tables) & _CONSENTS:
        raise NoPast(_("{id} asks for permission or for a list of members, which have no past here").format(id=segment.id))
    found = [_month(reading, segment, at, horizon_days) for at in _ends(reading, months)]
    reading.engine.execute(f"drop schema if exists {_SCHEMA} cascade")
    over = [month for month in found if not month.is_partial]
    total = Month(
        day=None,
        is_partial=False,
        members=_sum([month.members for month in over]),
        others=_sum([month.others for month in over]),
    )
    return Backtest(segment=segment.id, label=segment.label, horizon_days=horizon_days, months=tuple(found), total=total)


def _ends(reading: Reading, months: int) -> list[datetime]:
    """The last instants of the months that are over, the oldest first; none before the first order."""
    zone = zoneinfo.ZoneInfo(reading.settings.timezone)
    first = reading.engine.value("select min(order_date) from orders where status <> 'cancelled'")
    begin = (reading.day + timedelta(days=1)).replace(day=1)
    found = []
    for _number in range(months):
        end = datetime.combine(begin, time.min, zone) - timedelta(microseconds=1)
        if first is None or end.date() < first:
            break
        found.append(end)
        begin = (begin - timedelta(days=1)).replace(day=1)
    return found[::-1]


def _month(reading: Reading, segment: Listed, at: datetime, horizon_days: int) -> Month:
    engine = reading.engine
    columns = copy(reading.columns)
    columns.at = at
    expression = check(str(segment.rule), columns, segment.params)
    open_then(engine, at, schema=_SCHEMA)
    reading.open_traits(expression.columns, at=at, schema=_SCHEMA)
    with names_from(engine, _SCHEMA):
        (condition,) = inlined(engine, [expression])
        engine.execute(
            f"create or replace table {_SCHEMA}.judged as select customer_id, {condition} as inside from customers"
        )
    until = at + timedelta(days=horizon_days)
    rows = engine.rows(
        f"""
        with bought as (
            select customer_id, sum(revenue) filter (where orders.currency = book.currency) as revenue
            from main.orders as orders
            cross join main.book as book
            where status <> 'cancelled' and customer_id is not null
                and placed_at > timestamptz {quoted(at.isoformat())} and placed_at <= timestamptz {quoted(until.isoformat())}
            group by customer_id
        )
        select
            inside,
            count(*) as n,
            count(bought.customer_id) as ordered,
            cast(coalesce(sum(bought.revenue), 0) as double) as revenue
        from {_SCHEMA}.judged as judged
        left join bought using (customer_id)
        group by inside
        """
    )
    groups = {row["inside"]: Group(n=row["n"], ordered=row["ordered"], revenue=row["revenue"]) for row in rows}
    nobody = Group(n=0, ordered=0, revenue=0.0)
    return Month(
        day=at.date(),
        is_partial=until > reading.at,
        members=groups.get(True, nobody),
        others=groups.get(False, nobody),
    )


def _sum(groups: list[Group]) -> Group:
    return Group(
        n=sum(one.n for one in groups),
        ordered=sum(one.ordered for one in groups),
        revenue=sum(one.revenue for one in groups),
    )
