import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.stats.bounded import lower_bound, mean_interval
from signalbox.stats.offpolicy import Logged, doubly_robust, gain, ips, least_gain

ALWAYS, NEVER = {"full": 1.0}, {"targeted": 1.0}
REWARD = {"full": 0.7, "targeted": 0.4}


def world(n, seed, *, rate=0.05, target=None, predicted=None):
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        action = "full" if rng.random() < rate else "targeted"
        out.append(
            Logged(
                action=action,
                propensity=rate if action == "full" else 1 - rate,
                reward=float(rng.random() < REWARD[action]),
                target=target or ALWAYS,
                predicted=predicted or {},
            )
        )
    return out


def test_ips_is_the_weighted_mean_of_numpy():
    logged = world(400, 1)
    weights = np.array([item.target.get(item.action, 0) / item.propensity for item in logged])
    rewards = np.array([item.reward for item in logged])
    assert math.isclose(ips(logged).estimate, float(np.mean(weights * rewards)))


def test_a_perfect_model_makes_doubly_robust_exact_and_a_wrong_one_leaves_it_unbiased():
    found = [
        doubly_robust(world(1000, seed, predicted={"full": 0.1, "targeted": 0.9})).estimate
        for seed in range(100, 140)
    ]
    error = statistics.stdev(found) / math.sqrt(len(found))
    assert abs(statistics.mean(found) - 0.7) < 3 * error
    exact = [
        Logged(action="targeted", propensity=0.95, reward=0.4, target=ALWAYS, predicted=REWARD)
        for _ in range(50)
    ]
    assert math.isclose(doubly_robust(exact).estimate, 0.7)


@pytest.mark.parametrize("estimator", [ips, doubly_robust])
def test_intervals_cover(estimator):
    covered = 0
    for seed in range(120):
        found = estimator(world(300, seed, predicted={"full": 0.6, "targeted": 0.5}))
        covered += found.low <= 0.7 <= found.high
    assert covered >= 0.93 * 120


def test_a_better_policy_is_found_and_an_equal_one_is_not():
    logged = world(4000, 8, rate=0.3, predicted={"full": 0.6, "targeted": 0.5})
    today = [NEVER] * len(logged)
    assert 0 < least_gain(logged, today) < 0.3
    found = gain(logged, today)
    assert found.low <= 0.3 <= found.high
    assert least_gain(logged, [ALWAYS] * len(logged)) <= 0


@given(st.lists(st.floats(0, 1), max_size=30), st.sampled_from([0.8, 0.95]))
def test_the_interval_lies_within_the_bounds_and_shrinks_with_confidence(values, confidence):
    found = mean_interval(values, low=0.0, high=1.0, confidence=confidence)
    assert 0 <= found.low <= found.high <= 1
    wider = mean_interval(values, low=0.0, high=1.0, confidence=0.999)
    assert wider.width >= found.width - 1e-6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(-10, 10), st.floats(0.1, 100))
def test_units_do_not_matter(values, shift, scale):
    one = mean_interval(values, low=0.0, high=1.0)
    moved = [min(max(shift + scale * v, shift), shift + scale) for v in values]
    two = mean_interval(moved, low=shift, high=shift + scale)
    assert math.isclose(two.low, shift + scale * one.low, abs_tol=1e-6 * scale + 1e-9)
    assert math.isclose(two.high, shift + scale * one.high, abs_tol=1e-6 * scale + 1e-9)


@given(st.floats(0.001, 0.999))
def test_no_bet_against_the_true_mean_is_favourable(mean):
    """One draw of a coin: the expected wealth is 1, so ruling the truth out has a small chance."""
    bounds = {x: lower_bound([float(x)], low=0.0, high=1.0, confidence=0.9) for x in (0, 1)}
    wrong = sum(p for x, p in ((0, 1 - mean), (1, mean)) if bounds[x] > mean)
    assert wrong <= 0.1 + 1e-9


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([2.0], low=0.0, high=1.0),
        lambda: mean_interval([], low=1.0, high=1.0),
        lambda: lower_bound([-1.0], low=0.0, high=1.0),
        lambda: ips([Logged(action="a", propensity=0.0, reward=1.0, target={})]),
        lambda: ips([Logged(action="a", propensity=0.5, reward=2.0, target={})]),
        lambda: ips([Logged(action="a", propensity=0.5, reward=1.0, target={}, predicted={"a": 3.0})]),
        lambda: gain([Logged(action="a", propensity=0.5, reward=1.0, target={})], []),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(ValueError):
        call()
