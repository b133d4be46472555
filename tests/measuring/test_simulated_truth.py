"""Figures against a truth that is known, because the customers are made up."""

from __future__ import annotations

import numpy as np
import pytest

from clientbook.builtin.figures import leaving, shared
from clientbook.builtin.figures.shared import Buyers, sample_of
from clientbook.statistics import bootstrap

DAYS = 730


def made_up(r: float, alpha: float, a: float, b: float, *, customers: int = 20_000) -> tuple[Buyers, float, float]:
    """Customers of an MBG/NBD world, acquired over two years and observed for as long; the mean of all orders they would
    ever place before a silence of more than a year (50 at most), and the mean of those already seen (the naive figure)."""
    random = np.random.default_rng(7)
    rate = random.gamma(r, 1 / (alpha * 7), customers)
    leaves = random.beta(a, b, customers)
    begins = random.integers(0, DAYS, customers)
    owners, days, true_counts, ended = [], [], [], []
    for one in range(customers):
        day, count, place = float(begins[one]), 1, [int(begins[one])]
        is_gone = False
        while count < 50 and random.random() >= leaves[one]:
            gap = random.exponential(1 / max(rate[one], 1e-12))
            if gap > 365:
                break
            day, count = day + gap, count + 1
            place.append(int(day))
        true_counts.append(count)
        seen = [moment for moment in place if moment <= DAYS]
        is_gone = DAYS - seen[-1] > 365
        if is_gone:
            ended.append(len(seen))
        owners += [one] * len(seen)
        days += seen
    pairs = shared._distinct(np.array(owners), np.array(days))
    owner = np.arange(customers).astype(np.uint64)
    nothing = np.zeros(customers)
    counts = np.bincount(pairs[0], minlength=customers)
    book = Buyers(
        owner=owner,
        orders=counts,
        orders_year=counts,
        moves_year=counts,
        net=nothing,
        net_year=nothing,
        net_before=nothing,
        net_earlier=nothing,
        gross_year=nothing,
        first=begins,
        last=begins,
        gaps=shared._gaps(*pairs, DAYS),
        visits_owner=pairs[0],
        visits_day=pairs[1],
        sample=sample_of(owner),
    )
    return book, float(np.mean(true_counts)), float(np.mean(ended))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "truth", "naive"), [((0.728, 9.8, 1.2, 4.0), 4.74, 1.70), ((1.2, 6.0, 0.8, 2.0), 7.55, 2.39)]
)
def test_orders_before_leaving_come_near_the_truth_and_a_naive_mean_does_not(
    world: tuple[float, float, float, float], truth: float, naive: float
) -> None:
    book, simulated, ended = made_up(*world)
    assert simulated == pytest.approx(truth, rel=0.05)
    found = leaving._progression(book, 365).mean
    assert truth * 0.75 < found <= truth * 1.05
    assert abs(found - simulated) < abs(ended - simulated) / 3


def test_a_share_resampled_by_customer_is_wider_than_one_by_order() -> None:
    """A customer in ten orders a hundred times, of one kind: orders alone would promise ten times too much."""
    random = np.random.default_rng(1)
    orders = np.where(random.random(1_000) < 0.1, 100.0, 1.0)
    hits = orders * (random.random(1_000) < 0.5)
    weights = bootstrap.drawn(1_000, 1_000)
    replicates = bootstrap.ratios(weights, hits[:, None], orders[:, None])[:, 0]
    value = hits.sum() / orders.sum()
    between = bootstrap.interval(value, value, replicates, weights.narrowing)
    assert between is not None
    by_order = 2 * 1.96 * np.sqrt(value * (1 - value) / orders.sum())
    assert between[1] - between[0] > 5 * by_order


def test_a_sample_narrowed_says_what_all_say() -> None:
    """The interval of a mean of 200,000 customers from a sample of 20,000, narrowed, is that of the normal approximation."""
    random = np.random.default_rng(2)
    spent = random.lognormal(3, 1, 200_000)
    owner = random.integers(0, 2**63, 200_000, dtype=np.uint64) * np.uint64(2)
    sample = sample_of(owner)
    assert 19_000 < len(sample.chosen) < 21_000
    between = shared.ratio_interval(sample, spent, np.ones_like(spent))
    assert between is not None
    expected = 2 * 1.96 * spent.std() / np.sqrt(len(spent))
    assert between[1] - between[0] == pytest.approx(expected, rel=0.15)
    assert between[0] < spent.mean() < between[1]


def test_draws_are_the_same_every_time() -> None:
    assert (bootstrap.drawn(50, 50).counts == bootstrap.drawn(50, 50).counts).all()
    assert bootstrap.drawn(50, 50).counts.sum(axis=1) == pytest.approx(50)
