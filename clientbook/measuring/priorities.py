"""What to do first: strengths, weak points and breaking points of a book, ranked by the revenue at stake.

Each rule has a threshold that the whole interval has to be beyond, so that chance alone seldom makes a finding.
`docs/reference/metrics.md` has the rules in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Literal

import numpy as np

from clientbook.builtin.figures import leaving, portfolio
from clientbook.builtin.figures.dates import day_number
from clientbook.builtin.figures.shared import Buyers, Flags, buyers, ratio_interval, takings, windows
from clientbook.builtin.returning import AT_RISK_BELOW, EX_BELOW, FEWEST_GAPS
from clientbook.i18n import _
from clientbook.reading import Reading, RunContext
from clientbook.statistics.wilson import wilson

Kind = Literal["strength", "weak_point", "breaking_point"]

FEW_CUSTOMERS: Final = 300
"""With fewer a book says little for sure."""
_LOYAL: Final = 0.75
_BEST: Final = 10
"""So many customers are looked at as the best ones."""


@dataclass(frozen=True, kw_only=True)
class Priority:
    """One thing to mind, or to build upon."""

    id: str
    kind: Kind
    said: str
    """What was found, in the reader's language, with its figure."""
    value: float
    """The figure: a share."""
    low: float | None
    high: float | None
    n: int
    stake: float
    """Revenue in the book's currency that depends on it."""
    share_of_revenue: float | None
    """The stake by the revenue of the last 12 months."""
    drill: str | None = None
    """The filter for the customers it is about."""

    def described(self) -> dict[str, Any]:
        """The documented shape of an item of `clientbook priorities --json`."""
        return {
            "id": self.id,
            "kind": self.kind,
            "said": self.said,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "stake": round(self.stake, 2),
            "share_of_revenue": self.share_of_revenue,
            "drill": self.drill,
        }


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the rules look at."""

    context: RunContext
    book: Buyers
    active: Flags
    """Who ordered in the last 12 months."""
    revenue: float
    """Of the last 12 months, guests included."""
    basket: float
    since: str
    """The first day of the last 12 months."""

    @classmethod
    def of(cls, context: RunContext) -> Facts:
        book, found = buyers(context), takings(context)
        orders = int(found["orders_year"])
        return cls(
            context=context,
            book=book,
            active=book.orders_year > 0,
            revenue=float(found["net_year"]),
            basket=float(found["net_year"]) / orders if orders else 0.0,
            since=(windows(context)["since"] + timedelta(days=1)).isoformat(),
        )


def priorities(reading: Reading) -> list[Priority]:
    """All findings, those with the most revenue at stake first."""
    facts = Facts.of(reading.context())
    if int(facts.book.has_ordered.sum()) < FEWEST_GAPS or facts.revenue <= 0:
        return []
    found = [one for rule in _RULES for one in rule(facts)]
    shared = [replace(one, share_of_revenue=one.stake / facts.revenue) for one in found]
    return sorted(shared, key=lambda one: (-one.stake, one.id))


def _after_the_first(facts: Facts) -> Iterator[Priority]:
    """More are lost after the first order than after the second. At stake: a basket of each who would have stayed else."""
    going_on = leaving.progression(facts.context)
    if len(going_on.curves) < 2:
        return
    first, second = going_on.curves[:2]
    lost = first.at(going_on.horizon)
    low, high = first.between(going_on.horizon)
    lost_then, (_low_then, high_then) = second.at(going_on.horizon), second.between(going_on.horizon)
    if low <= high_then:
        return
    newcomers = int((facts.active & (facts.book.first > day_number(windows(facts.context)["since"]))).sum())
    said = _("{share} of the new customers do not order a second time; after the second order {other} do not go on")
    yield Priority(
        id="lost_after_first_order",
        kind="breaking_point",
        said=said.format(share=percent(lost), other=percent(lost_then)),
        value=lost,
        low=low,
        high=high,
        n=int(first.n),
        stake=newcomers * (lost - lost_then) * facts.basket,
        share_of_revenue=None,
        drill="order_count = 1",
    )


def _loyal(facts: Facts) -> Iterator[Priority]:
    """From some order on three in four go on. At stake: the year's revenue of who has come so far."""
    going_on = leaving.progression(facts.context)
    days = np.bincount(facts.book.visits_owner, minlength=len(facts.book.owner))
    for number, curve in enumerate(going_on.curves, start=1):
        share = 1 - curve.at(going_on.horizon)
        survived = curve.between(going_on.horizon)
        if share < _LOYAL or not curve.reaches(going_on.horizon) or survived[1] > 1 - _LOYAL + 0.1:
            continue
        have = facts.active & (days >= number)
        if have.sum() < FEWEST_GAPS:
            return
        said = _("after order {number}, {share} of the customers order again within {days} days")
        yield Priority(
            id="loyal_customers",
            kind="strength",
            said=said.format(number=number, share=percent(share), days=going_on.horizon),
            value=share,
            low=1 - survived[1],
            high=1 - survived[0],
            n=int(curve.n),
            stake=float(facts.book.net_year[have].sum()),
            share_of_revenue=None,
            drill=f"order_count >= {number} and last_order_at >= '{facts.since}'",
        )
        return


def _at_risk(facts: Facts) -> Iterator[Priority]:
    """Customers of the last year who are less likely than not to order again. At stake: their revenue times that risk."""
    p = leaving.return_probability(replace(facts.context, params={})).probability
    known = facts.active & np.isfinite(p)
    risky = known & (p < AT_RISK_BELOW)
    if known.sum() < FEWEST_GAPS or risky.sum() < FEWEST_GAPS:
        return
    share = float(risky.sum() / known.sum())
    low, high = wilson(int(risky.sum()), int(known.sum()))
    said = _("{count} customers of the last 12 months are at risk: {share} of them")
    yield Priority(
        id="at_risk",
        kind="breaking_point",
        said=said.format(count=f"{int(risky.sum()):,}", share=percent(share)),
        value=share,
        low=low,
        high=high,
        n=int(known.sum()),
        stake=float((facts.book.net_year[risky] * (1 - p[risky])).clip(min=0).sum()),
        share_of_revenue=None,
        drill=f"return_probability < {AT_RISK_BELOW} and last_order_at >= '{facts.since}'",
    )


def _gone(facts: Facts) -> Iterator[Priority]:
    """Customers of the year before who are gone by now. At stake: what they had brought in that year."""
    p = leaving.return_probability(replace(facts.context, params={})).probability
    days = windows(facts.context)
    begin, end = day_number(days["since_two"]), day_number(days["since"])
    then = np.zeros(len(p), dtype=bool)
    visits = (facts.book.visits_day > begin) & (facts.book.visits_day <= end)
    then[facts.book.visits_owner[visits]] = True
    then &= np.isfinite(p)
    gone = then & (p < EX_BELOW) & ~facts.active
    if then.sum() < FEWEST_GAPS or gone.sum() < FEWEST_GAPS:
        return
    share = float(gone.sum() / then.sum())
    low, high = wilson(int(gone.sum()), int(then.sum()))
    said = _("{count} customers of the year before are gone: {share} of them")
    yield Priority(
        id="gone",
        kind="weak_point",
        said=said.format(count=f"{int(gone.sum()):,}", share=percent(share)),
        value=share,
        low=low,
        high=high,
        n=int(then.sum()),
        stake=max(0.0, float(facts.book.net_before[gone].sum())),
        share_of_revenue=None,
        drill=f"activity = 'ex' and last_order_at < '{facts.since}'",
    )


def _known_customers(facts: Facts) -> Iterator[Priority]:
    """Who brings the year's revenue: customers known before (a strength from one half on), or new ones."""
    begin = day_number(windows(facts.context)["since"])
    known = facts.active & (facts.book.first <= begin)
    is_cut, until = leaving.first_orders_are_cut(facts.context)
    spent, total = float(facts.book.net_year[known].sum()), float(facts.book.net_year[facts.active].sum())
    if total <= 0 or (is_cut and begin < until) or facts.active.sum() < FEWEST_GAPS:
        return
    share = spent / total
    low, high = ratio_interval(
        facts.book.sample,
        np.where(known, facts.book.net_year, 0.0),
        np.where(facts.active, facts.book.net_year, 0.0),
    ) or (None, None)
    if low is not None and low > 0.5:
        id, said, stake = "known_customers", _("{share} of the customers' revenue comes from customers known before"), spent
        drill = f"first_order_at < '{facts.since}' and last_order_at >= '{facts.since}'"
    elif high is not None and high < 0.5:
        id, said, stake = "new_customers", _("{share} of the customers' revenue comes from new customers"), total - spent
        drill = f"first_order_at >= '{facts.since}'"
        share, low, high = 1 - share, 1 - high, None if low is None else 1 - low
    else:
        return
    yield Priority(
        id=id,
        kind="strength",
        said=said.format(share=percent(share)),
        value=share,
        low=low,
        high=high,
        n=int(facts.active.sum()),
        stake=stake,
        share_of_revenue=None,
        drill=drill,
    )


def _few_bring_much(facts: Facts) -> Iterator[Priority]:
    """The ten best customers bring a tenth of the revenue or more. At stake: that."""
    if facts.active.sum() < 10 * _BEST:
        return
    spent = np.sort(facts.book.net_year[facts.active])[::-1]
    stake = float(spent[:_BEST].sum())
    if stake < 0.1 * facts.revenue:
        return
    said = _("the {count} best customers bring {share} of the revenue")
    yield Priority(
        id="few_bring_much",
        kind="weak_point",
        said=said.format(count=_BEST, share=percent(stake / facts.revenue)),
        value=stake / facts.revenue,
        low=None,
        high=None,
        n=int(facts.active.sum()),
        stake=stake,
        share_of_revenue=None,
        drill=f"revenue_12m >= {round(float(spent[_BEST - 1]), 2)}",
    )


def _contact(facts: Facts) -> Iterator[Priority]:
    """Buyers of the last year who may be written to on no channel, or on one. At stake: their revenue."""
    rows = facts.context.query("select distinct hash(customer_id) as owner from permissions where decision = 'allow'")
    reachable = np.isin(facts.book.owner, rows["owner"].to_numpy().astype(np.uint64)) & facts.active
    n, count = int(facts.active.sum()), int(reachable.sum())
    if n < FEWEST_GAPS:
        return
    low, high = wilson(count, n)
    silent = facts.active & ~reachable
    if low > 0.7:
        yield Priority(
            id="contactable",
            kind="strength",
            said=_("{share} of the customers of the last 12 months may be written to").format(share=percent(count / n)),
            value=count / n,
            low=low,
            high=high,
            n=n,
            stake=float(facts.book.net_year[reachable].sum()),
            share_of_revenue=None,
        )
    if high < 0.9:
        said = _("{share} of the customers of the last 12 months may be written to on no channel")
        yield Priority(
            id="not_contactable",
            kind="weak_point",
            said=said.format(share=percent(1 - count / n)),
            value=1 - count / n,
            low=1 - high,
            high=1 - low,
            n=n,
            stake=float(facts.book.net_year[silent].sum()),
            share_of_revenue=None,
            drill=f"last_order_at >= '{facts.since}'",
        )


def _empty_fields(facts: Facts) -> Iterator[Priority]:
    """Buyers of the last year with neither e-mail nor phone. At stake: their revenue."""
    without = "email is null and phone is null"
    rows = facts.context.query(f"select hash(customer_id) as owner from customers where {without}")
    missing = np.isin(facts.book.owner, rows["owner"].to_numpy().astype(np.uint64)) & facts.active
    n, count = int(facts.active.sum()), int(missing.sum())
    if n < FEWEST_GAPS:
        return
    low, high = wilson(count, n)
    if low < 0.05:
        return
    said = _("{share} of the customers of the last 12 months have neither e-mail nor phone")
    yield Priority(
        id="no_address",
        kind="weak_point",
        said=said.format(share=percent(count / n)),
        value=count / n,
        low=low,
        high=high,
        n=n,
        stake=float(facts.book.net_year[missing].sum()),
        share_of_revenue=None,
        drill=f"{without} and last_order_at >= '{facts.since}'",
    )


def _refunds(facts: Facts) -> Iterator[Priority]:
    """More than a twentieth is paid back. At stake: that."""
    estimate = portfolio.refund_share(facts.context)
    if not isinstance(estimate.value, float) or estimate.low is None or float(estimate.low) < 0.05:
        return
    gross = float(takings(facts.context)["gross_year"])
    yield Priority(
        id="refunds",
        kind="weak_point",
        said=_("{share} of what was sold is paid back").format(share=percent(estimate.value)),
        value=estimate.value,
        low=float(estimate.low),
        high=None if estimate.high is None else float(estimate.high),
        n=estimate.n,
        stake=estimate.value * gross,
        share_of_revenue=None,
        drill="refunded > 0",
    )


def _guests(facts: Facts) -> Iterator[Priority]:
    """More than a tenth of the orders are nobody's. At stake: their revenue, that nobody can be asked to repeat."""
    found = takings(facts.context)
    n, count = int(found["orders_year"]), int(found["guest_orders_year"])
    low, high = wilson(count, n)
    if low < 0.1:
        return
    yield Priority(
        id="guests",
        kind="weak_point",
        said=_("{share} of the orders are by guests, of whom nothing is known").format(share=percent(count / n)),
        value=count / n,
        low=low,
        high=high,
        n=n,
        stake=float(found["guest_net_year"]),
        share_of_revenue=None,
    )


def percent(share: float) -> str:
    """A share as people write it."""
    return f"{share * 100:.0f} %"


_RULES: Final[tuple[Callable[[Facts], Iterator[Priority]], ...]] = (
    _after_the_first,
    _at_risk,
    _gone,
    _loyal,
    _known_customers,
    _few_bring_much,
    _contact,
    _empty_fields,
    _refunds,
    _guests,
)
