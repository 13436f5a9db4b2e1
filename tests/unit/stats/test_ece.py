import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from signalbox.stats.ece import _folded, calibration_error, debiased_error, diagram

PAIRS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), max_size=60)


@given(PAIRS, st.integers(1, 12))
def test_every_pair_is_in_one_bin_and_equal_scores_are_in_the_same(pairs, bins):
    rows = diagram(pairs, bins)
    assert sum(row.n for row in rows) == len(pairs)
    assert math.isclose(sum(row.n * row.happened for row in rows), sum(h for _, h in pairs), abs_tol=1e-9)
    givens = [row.given for row in rows]
    assert givens == sorted(givens)
    assert len(rows) <= min(bins, max(1, len({given for given, _ in pairs})))


def test_by_hand():
    pairs = [(0.2, False)] * 3 + [(0.2, True)] + [(0.8, True)] * 4
    # 0.2 given, 0.25 happened; 0.8 given, 1.0 happened
    assert math.isclose(calibration_error(pairs, 2), (4 * 0.05 + 4 * 0.2) / 8)


@given(st.floats(-3, 3), st.floats(0.01, 3))
def test_the_folded_normal_is_that_of_scipy(mean, deviation):
    expected = oracle.foldnorm(abs(mean) / deviation, scale=deviation).mean()
    assert math.isclose(_folded(mean, deviation), expected, rel_tol=1e-6)


def test_a_perfect_forecaster_looks_wrong_in_few_outcomes_and_less_so_debiased():
    rng = random.Random(3)
    plain, less = [], []
    for _ in range(200):
        pairs = [(p, rng.random() < p) for p in (rng.random() for _ in range(200))]
        plain.append(calibration_error(pairs))
        less.append(debiased_error(pairs))
    assert sum(plain) / 200 > 0.05
    assert sum(less) < 0.6 * sum(plain)


def test_a_wrong_forecaster_stays_wrong():
    rng = random.Random(4)
    pairs = [(0.9, rng.random() < 0.6) for _ in range(500)]
    assert abs(debiased_error(pairs) - 0.3) < 0.06


def test_nothing_is_no_error_and_a_non_probability_is_refused():
    assert calibration_error([]) == debiased_error([]) == 0
    with pytest.raises(ValueError):
        diagram([(1.5, True)])
