import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.stats.drift import RISEN, Alternatives, detect, detect_rate, runs_of, threshold_of


def by_definition(stream, alternatives):
    """R as the sum over every starting point of the mixture of likelihood ratios from there on."""
    total = 0.0
    for start in range(len(stream)):
        for ratio, weight in zip(alternatives.ratios, alternatives.weights, strict=True):
            odds = 1.0
            for null, event in stream[start:]:
                other = ratio * null / (1 - null + ratio * null)
                odds *= other / null if event else (1 - other) / (1 - null)
            total += weight * odds
    return total


@given(st.lists(st.tuples(st.floats(0.01, 0.6), st.booleans()), min_size=1, max_size=12))
def test_the_recursion_is_the_sum_over_all_starting_points(stream):
    found = detect(stream, horizon=10**9)
    assert math.isclose(found.path[-1], by_definition(stream, RISEN), rel_tol=1e-9)


@given(st.floats(0.01, 0.9), st.floats(0, 1))
def test_each_step_is_fair_where_the_rate_is_in_order(null, below):
    """E[R after one step from 0] <= 1 under any probability up to the null: what the guarantee rests on."""
    p = null * below
    after = {event: detect([(null, event)], horizon=10**9).path[0] for event in (True, False)}
    assert p * after[True] + (1 - p) * after[False] <= 1 + 1e-9


def test_quiet_streams_alarm_no_more_often_than_stated():
    rng = random.Random(11)
    alarms = sum(
        detect_rate(
            [rng.random() < 0.05 for _ in range(500)], allowed=0.05, horizon=500, false_alarm=0.1
        ).alarm
        is not None
        for _ in range(300)
    )
    assert alarms <= 300 * 0.1


def test_a_rise_is_found_and_dated():
    rng = random.Random(5)
    stream = [rng.random() < 0.02 for _ in range(1000)] + [rng.random() < 0.2 for _ in range(400)]
    found = detect_rate(stream, allowed=0.02)
    assert found.alarm is not None
    assert 1000 < found.alarm < 1200
    assert 950 < found.since < found.alarm
    assert found.events > 3 * found.expected


def test_the_same_rise_is_no_alarm_where_the_score_foretold_it():
    rng = random.Random(6)
    stream = [(p, rng.random() < p) for p in [0.02] * 500 + [0.2] * 500]
    assert detect(stream).alarm is None


def test_without_alarm_there_is_no_date():
    found = detect_rate([], allowed=0.02)
    assert (found.alarm, found.since, found.path) == (None, None, ())


def test_time_counts_observations_and_audits_stretch_it():
    assert runs_of(300, 0.05) == 6000
    assert threshold_of(2000, 0.01) == 200_000


@pytest.mark.parametrize(
    "call",
    [
        lambda: detect([(0.0, True)]),
        lambda: detect([(1.0, True)]),
        lambda: threshold_of(0, 0.01),
        lambda: threshold_of(100, 0.0),
        lambda: runs_of(10, 0),
        lambda: Alternatives((0.5,), (1.0,)),
        lambda: Alternatives((2.0, 3.0), (0.5, 0.4)),
        lambda: Alternatives((2.0,), (0.5, 0.5)),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(ValueError):
        call()
