"""Forecasts of the time a certification takes, against simulation."""

import math

import numpy as np
import pytest

from signalbox.stats import eprocess, forecast
from signalbox.stats.eprocess import FAR_BELOW, NOT_WORSE, Pair


def certified_within(seconds, rate, runs=400):
    rng = np.random.default_rng(3)
    done = 0
    steps = math.ceil(seconds / 5)
    for _ in range(runs):
        logs = eprocess.fresh(NOT_WORSE)
        for a, b in zip(rng.binomial(50, rate, steps), rng.binomial(450, rate, steps), strict=True):
            logs = eprocess.certify(logs, Pair(50, int(a), 450, int(b)), NOT_WORSE, limit=2.0)
            if eprocess.log_e(logs, NOT_WORSE) >= math.log(20):
                done += 1
                break
    return done / runs


@pytest.mark.parametrize("rate", [0.005, 0.012])
def test_about_the_announced_share_of_healthy_canaries_is_certified_in_the_announced_time(rate):
    seconds = forecast.seconds_to_certify(
        NOT_WORSE, rate=rate, treated_per_second=10, control_per_second=90, limit=2, alpha=0.05, power=0.8
    )
    assert certified_within(seconds, rate) == pytest.approx(0.8, abs=0.1)


def test_less_traffic_fewer_errors_and_clusters_take_longer():
    def seconds(**change):
        call = {"rate": 0.005, "treated_per_second": 10, "control_per_second": 90, "limit": 2, "alpha": 0.05}
        return forecast.seconds_to_certify(NOT_WORSE, **{**call, **change})

    base = seconds()
    assert seconds(rate=0.001) == pytest.approx(5 * base)
    assert seconds(treated_per_second=5, control_per_second=45) == pytest.approx(2 * base)
    assert seconds(cluster=3) > 2 * base
    assert math.isinf(seconds(rate=0.0))
    assert math.isinf(seconds(treated_per_second=0))


def test_staying_below_an_objective_takes_hundreds_of_requests_and_cannot_be_shown_at_it():
    clean = forecast.seconds_to_stay_below(FAR_BELOW, rate=0.0, per_second=10, limit=0.005, alpha=0.05)
    assert 60 < clean < 100
    near = forecast.seconds_to_stay_below(FAR_BELOW, rate=0.003, per_second=10, limit=0.005, alpha=0.05)
    assert near > clean
    assert math.isinf(
        forecast.seconds_to_stay_below(FAR_BELOW, rate=0.005, per_second=10, limit=0.005, alpha=0.05)
    )
