"""Exact intervals and dispersion against scipy and numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from signalbox.stats import binomial


@given(st.floats(0.5, 3000), st.floats(0.5, 3000), st.floats(0, 1))
def test_incomplete_beta_agrees_with_scipy(a, b, x):
    assert binomial.incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-6, abs=1e-11)


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.999]))
def test_interval_agrees_with_scipy(trials, share, confidence):
    events = round(trials * share)
    wanted = stats.binomtest(events, trials).proportion_ci(confidence, method="exact")
    low, high = binomial.clopper_pearson(events, trials, confidence)
    assert low == pytest.approx(wanted.low, abs=1e-8)
    assert high == pytest.approx(wanted.high, abs=1e-8)


@pytest.mark.parametrize(("audits", "bound"), [(50, 0.06), (149, 0.02)])
def test_no_miss_in_this_many_audits_bounds_the_escapes(audits, bound):
    assert binomial.upper_bound(0, audits) == pytest.approx(bound, abs=0.002)


def test_without_trials_nothing_is_known():
    assert binomial.clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("wrong", [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)])
def test_impossible_counts_are_refused(wrong):
    with pytest.raises(ValueError):
        binomial.upper_bound(*wrong)
    with pytest.raises(ValueError):
        binomial.incomplete_beta(0, 1, 0.5)


def test_dispersion_is_one_for_independent_events_and_the_size_of_clusters_otherwise():
    rng = np.random.default_rng(7)
    singles = rng.binomial(500, 0.01, 3000)
    clusters = 3 * rng.binomial(167, 0.01, 3000)
    assert binomial.dispersion([(500, int(k)) for k in singles]) == pytest.approx(1.0, abs=0.1)
    assert binomial.dispersion([(501, int(k)) for k in clusters]) == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize("looks", [[], [(100, 1)], [(100, 0), (100, 0)], [(0, 0), (0, 0)], [(5, 5), (5, 5)]])
def test_dispersion_of_too_little_is_unknown(looks):
    assert binomial.dispersion(looks) is None
