"""The corrected pass rate and the exact tests behind the judge's alarms, against scipy and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from signalbox.stats.exact import at_least, fewest, one_way, power
from signalbox.stats.rogan_gladen import Counts, correct


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 0.99))
def test_tails_are_the_binomials(a: int, b: int, rate: float) -> None:
    events, trials = min(a, b), max(a, b)
    assert at_least(events, trials, rate) == pytest.approx(stats.binom.sf(events - 1, trials, rate), abs=1e-9)


def test_one_way_is_the_sign_test() -> None:
    assert one_way(9, 1) == pytest.approx(stats.binomtest(9, 10, alternative="greater").pvalue)
    assert one_way(0, 0) == 1.0


@given(st.integers(1, 80), st.floats(0.02, 0.2))
def test_the_alarms_limit_is_the_first_that_is_rare_enough(trials: int, rate: float) -> None:
    limit = fewest(trials, rate, 0.005)
    if limit is None:
        assert at_least(trials, trials, rate) > 0.005
        return
    assert at_least(limit, trials, rate) <= 0.005 < at_least(limit - 1, trials, rate)
    assert power(trials, rate, rate, 0.005) <= 0.005


def test_forty_anchors_find_a_drop_of_thirty_points() -> None:
    assert power(40, 0.05, 0.35, 0.005) > 0.99
    assert power(5, 0.05, 0.35, 0.005) < 0.5


@given(st.floats(0, 1), st.floats(0.6, 1), st.floats(0.6, 1))
def test_a_known_judge_is_inverted_exactly(rate: float, sensitivity: float, specificity: float) -> None:
    of = 10**5
    shown = rate * sensitivity + (1 - rate) * (1 - specificity)
    counts = [Counts(round(share * of), of) for share in (shown, sensitivity, specificity)]
    found = correct(*counts)
    assert found.rate == pytest.approx(rate, abs=1e-4)
    assert found.low - 1e-9 <= rate <= found.high + 1e-9


def test_the_interval_covers_at_least_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        true, sens, spec = 0.8, 0.93, 0.9
        shown = true * sens + (1 - true) * (1 - spec)
        found = correct(
            Counts(int(rng.binomial(200, shown)), 200),
            Counts(int(rng.binomial(40, sens)), 40),
            Counts(int(rng.binomial(40, spec)), 40),
        )
        covered += found.low <= true <= found.high
    assert covered >= 0.95 * 400


def test_a_judge_that_tells_nothing_corrects_nothing() -> None:
    found = correct(Counts(50, 100), Counts(5, 10), Counts(5, 10))
    assert (found.rate, found.low, found.high) == (None, 0.0, 1.0)
    assert correct(Counts(50, 100), Counts(0, 0), Counts(0, 0)).rate is None
