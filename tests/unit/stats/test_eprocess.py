"""The e-processes against scipy, against first principles and by simulation with fixed seeds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from signalbox.stats import eprocess
from signalbox.stats.eprocess import FAR_BELOW, NOT_WORSE, WORSE, Mixture, Pair

looks = st.builds(
    lambda n, m, a, b: Pair(n, min(a, n), m, min(b, m)),
    st.integers(0, 500), st.integers(0, 500), st.integers(0, 20), st.integers(0, 20),
)  # fmt: skip


def oracle_log_e(pairs, null=1.0, cluster=1.0):
    """The mixture written out with scipy's binomial: ratios of probabilities of who got the event."""
    total = np.zeros(len(WORSE.ratios))
    for pair in pairs:
        events = pair.treated_events + pair.control_events
        if not events or not pair.treated or not pair.control:
            continue
        rho = pair.treated / (pair.treated + pair.control)
        theta = lambda r, rho=rho: rho * r / (rho * r + 1 - rho)  # noqa: E731
        for k, ratio in enumerate(WORSE.ratios):
            up = stats.binom.logpmf(pair.treated_events, events, theta(ratio * null))
            down = stats.binom.logpmf(pair.treated_events, events, theta(null))
            total[k] += (up - down) / cluster
    return special.logsumexp(total, b=WORSE.weights)


@given(st.lists(looks, max_size=12), st.sampled_from([1.0, 1.25]), st.sampled_from([1.0, 3.0]))
def test_log_e_is_the_mixture_of_likelihood_ratios(pairs, null, cluster):
    logs = eprocess.fresh(WORSE)
    for pair in pairs:
        logs = eprocess.compare(logs, pair, WORSE, null=null, cluster=cluster)
    assert eprocess.log_e(logs, WORSE) == pytest.approx(oracle_log_e(pairs, null, cluster), abs=1e-6)


@given(
    st.integers(1, 400), st.integers(1, 400), st.integers(1, 30),
    st.sampled_from([1.0, 1.25]), st.sampled_from([1.0, 2.0, 5.0]),
)  # fmt: skip
def test_expected_e_value_at_the_null_is_at_most_one(treated, control, events, null, cluster):
    """The defining property, summed exactly over every way the events can fall."""
    rho = treated / (treated + control)
    theta = rho * null / (rho * null + 1 - rho)
    most = min(events, treated, control)
    mean = 0.0
    for k in range(most + 1):
        logs = eprocess.compare(
            eprocess.fresh(WORSE), Pair(treated, k, control, most - k), WORSE, null=null, cluster=cluster
        )
        mean += stats.binom.pmf(k, most, theta) * math.exp(eprocess.log_e(logs, WORSE))
    assert mean <= 1 + 1e-9


@given(st.integers(1, 300), st.sampled_from([0.005, 0.01, 0.2]))
def test_expected_one_arm_e_values_at_the_limit_are_at_most_one(exposure, limit):
    logs_over, logs_below = [], []
    chances = stats.binom.logpmf(range(exposure + 1), exposure, limit)
    for k, chance in enumerate(chances):
        up = eprocess.exceed(eprocess.fresh(WORSE), exposure, k, WORSE, limit=limit)
        down = eprocess.stay_below(eprocess.fresh(FAR_BELOW), exposure, k, FAR_BELOW, limit=limit)
        logs_over.append(chance + eprocess.log_e(up, WORSE))
        logs_below.append(chance + eprocess.log_e(down, FAR_BELOW))
    assert special.logsumexp(logs_over) <= 1e-6
    assert special.logsumexp(logs_below) <= 1e-6


@given(looks, looks)
def test_more_events_on_the_treated_arm_never_look_better(first, second):
    def log_e(pair):
        return eprocess.log_e(eprocess.compare(eprocess.fresh(WORSE), pair, WORSE), WORSE)

    worse = Pair(
        first.treated, min(first.treated, first.treated_events + 1), first.control, first.control_events
    )
    assert log_e(worse) >= log_e(first) - 1e-9


@pytest.mark.parametrize("pair", [Pair(0, 0, 90, 9), Pair(10, 5, 0, 0), Pair(10, 0, 90, 0), Pair(0, 0, 0, 0)])
def test_nothing_is_learnt_without_exposure_on_both_arms_or_without_events(pair):
    assert eprocess.compare(eprocess.fresh(WORSE), pair, WORSE) == eprocess.fresh(WORSE)
    assert eprocess.certify(eprocess.fresh(NOT_WORSE), pair, NOT_WORSE, limit=2) == eprocess.fresh(NOT_WORSE)


def test_zero_errors_in_600_requests_prove_less_than_half_a_percent_at_five_percent():
    logs = eprocess.stay_below(
        eprocess.fresh(Mixture((1e-9,), (1.0,))), 600, 0, Mixture((1e-9,), (1.0,)), limit=0.005
    )
    assert logs[0] == pytest.approx(-600 * math.log1p(-0.005), abs=1e-5)
    assert logs[0] > math.log(20)


def test_weighted_mean_is_a_mean_and_survives_huge_and_hopeless_processes():
    values = [0.0, 1000.0, -math.inf]
    assert eprocess.weighted_mean(values, [0.5, 0.25, 0.25]) == pytest.approx(1000 + math.log(0.25))
    assert eprocess.weighted_mean([-math.inf], [1.0]) == -math.inf
    with pytest.raises(ValueError, match="sum to 1"):
        eprocess.weighted_mean([0.0, 0.0], [1.0, 1.0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pair(1, 2, 0, 0),
        lambda: Pair(-1, 0, 0, 0),
        lambda: Mixture((1.0,), (0.5,)),
        lambda: Mixture((), ()),
        lambda: eprocess.certify(eprocess.fresh(NOT_WORSE), Pair(1, 0, 1, 1), NOT_WORSE, limit=1.0),
        lambda: eprocess.compare(eprocess.fresh(WORSE), Pair(1, 0, 1, 1), WORSE, cluster=0.5),
        lambda: eprocess.exceed(eprocess.fresh(WORSE), 1, 2, WORSE, limit=0.1),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(ValueError):
        make()


def crossing_share(seed, ratio, runs=1500, mixture=WORSE, base=0.005):
    """Share of simulated rollouts (10 and 90 requests a second, 600 s) in which E ever reaches 200."""
    rng = np.random.default_rng(seed)
    crossed = 0
    for _ in range(runs):
        treated = rng.binomial(50, base * ratio, 120)
        control = rng.binomial(450, base, 120)
        logs = eprocess.fresh(mixture)
        for a, b in zip(treated, control, strict=True):
            logs = eprocess.compare(logs, Pair(50, int(a), 450, int(b)), mixture)
            if eprocess.log_e(logs, mixture) >= math.log(200):
                crossed += 1
                break
    return crossed, runs


def test_simulated_false_alarms_stay_under_alpha():
    crossed, runs = crossing_share(seed=20, ratio=1.0)
    assert stats.binomtest(crossed, runs, 0.005, alternative="greater").pvalue > 0.01


def test_simulated_doubling_of_errors_is_found_in_most_rollouts():
    crossed, runs = crossing_share(seed=21, ratio=2.0, runs=400)
    assert stats.binomtest(crossed, runs, 0.8, alternative="less").pvalue > 0.01


def test_certification_of_a_canary_twice_as_bad_stays_under_alpha():
    rng = np.random.default_rng(22)
    false = 0
    for _ in range(1500):
        logs = eprocess.fresh(NOT_WORSE)
        for a, b in zip(rng.binomial(50, 0.01, 120), rng.binomial(450, 0.005, 120), strict=True):
            logs = eprocess.certify(logs, Pair(50, int(a), 450, int(b)), NOT_WORSE, limit=2.0)
            if eprocess.log_e(logs, NOT_WORSE) >= math.log(20):
                false += 1
                break
    assert stats.binomtest(false, 1500, 0.05, alternative="greater").pvalue > 0.01
