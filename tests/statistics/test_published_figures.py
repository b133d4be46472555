"""Figures that others published, from data that stands in their papers."""

from __future__ import annotations

import numpy as np
import pytest

from clientbook.statistics.concentration import concentration
from clientbook.statistics.survival import kaplan_meier, log_rank
from clientbook.statistics.wilson import wilson

# Freireich et al., Blood 21 (1963): weeks of remission of 42 patients, and whether it ended.
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
TREATED_ENDED = [1] * 9 + [0] * 12
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def test_kaplan_meier_of_the_leukaemia_trial() -> None:
    treated = kaplan_meier(TREATED, TREATED_ENDED)
    shares = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {week: round(treated.at(week), 3) for week in shares} == pytest.approx(shares, abs=1e-3)
    assert treated.quantile() == 23
    assert kaplan_meier(PLACEBO, [1] * 21).quantile() == 8


def test_greenwood_and_its_interval_of_the_leukaemia_trial() -> None:
    """Standard errors and 95 % limits as SAS and R's survival (conf.type = "log-log") print them of these data."""
    treated = kaplan_meier(TREATED, TREATED_ENDED)
    place = list(treated.times).index(10)
    assert np.sqrt(treated.variance[place]) == pytest.approx(0.0963, abs=1e-4)
    assert treated.between(10) == pytest.approx((0.503, 0.889), abs=1e-3)
    assert treated.between(5) == (1.0, 1.0)


def test_the_log_rank_test_of_the_leukaemia_trial() -> None:
    ended = [*TREATED_ENDED, *[1] * 21]
    assert log_rank(TREATED + PLACEBO, ended, [True] * 21 + [False] * 21) == pytest.approx(16.793, abs=1e-3)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_newcombe_tabulates_it(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)


def test_wilson_of_none_and_of_all_stays_within_bounds() -> None:
    assert wilson(0, 5)[0] == 0
    assert wilson(5, 5)[1] == 1
    for successes, n in ((1, 0), (-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="no share"):
            wilson(successes, n)


def test_equal_shares_have_no_concentration_and_one_holder_all_of_it() -> None:
    equal = concentration(np.full(10, 7.0))
    assert (equal.gini[0], equal.top[0]) == pytest.approx((0, 0.2))
    one = concentration(np.array([100.0, *[0.0] * 99]))
    assert (one.gini[0], one.top[0]) == pytest.approx((0.99, 1))
    assert list(one.classes[0]) == pytest.approx([0.01, 0, 0, 0.99])
    assert np.isnan(concentration(np.zeros(3)).gini[0])
    assert np.isnan(concentration(np.zeros(0)).gini[0])
