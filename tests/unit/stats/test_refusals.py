"""What the statistics refuse, and what they answer at the edges of their ranges."""

import math

import pytest

from signalbox.stats.bounded import is_above
from signalbox.stats.conformal import least_outcomes, threshold
from signalbox.stats.exact import at_least, fewest
from signalbox.stats.rogan_gladen import Counts
from signalbox.stats.signflip import least_pairs


@pytest.mark.parametrize(("events", "trials", "rate"), [(-1, 3, 0.5), (4, 3, 0.5), (1, 3, -0.1), (1, 3, 1.1)])
def test_counts_and_rates_that_cannot_be_are_refused(events, trials, rate):
    with pytest.raises(ValueError, match="events"):
        at_least(events, trials, rate)


def test_no_event_is_never_a_surprise_and_every_event_is_one_where_none_can_be():
    assert at_least(0, 5, 0.0) == 1.0
    assert at_least(1, 5, 0.0) == 0.0
    assert at_least(5, 5, 1.0) == 1.0
    assert at_least(1, 1, 0.25) == pytest.approx(0.25)
    assert at_least(2, 2, 0.25) == pytest.approx(0.0625)
    assert at_least(1, 2, 0.25) == pytest.approx(1 - 0.75**2)


def test_the_fewest_events_are_the_first_that_surprise():
    for trials in range(1, 12):
        first = fewest(trials, 0.2, 0.05)
        surprising = [events for events in range(trials + 1) if at_least(events, trials, 0.2) <= 0.05]
        assert first == (surprising[0] if surprising else None)


@pytest.mark.parametrize("values", [[0.5, 1.1], [-0.1, 0.5]])
def test_a_value_outside_its_bounds_is_refused(values):
    with pytest.raises(ValueError, match="bounds"):
        is_above(values, 0.5, low=0.0, high=1.0)


@pytest.mark.parametrize("mean", [0.0, 1.0, -1.0, 2.0])
def test_a_mean_on_or_outside_its_bounds_is_refused(mean):
    with pytest.raises(ValueError, match="bounds"):
        is_above([0.5], mean, low=0.0, high=1.0)


@pytest.mark.parametrize(("right", "of"), [(-1, 3), (4, 3)])
def test_more_right_than_there_were_is_refused(right, of):
    with pytest.raises(ValueError, match="right"):
        Counts(right, of)


@pytest.mark.parametrize(("benchmarks", "alpha"), [(0, 0.05), (1, 0.0), (1, 1.0)])
def test_no_benchmark_and_no_level_have_no_number_of_pairs(benchmarks, alpha):
    with pytest.raises(ValueError, match="benchmark"):
        least_pairs(benchmarks, alpha)


def test_pairs_are_the_least_whose_smallest_p_value_can_pass():
    for benchmarks in (1, 2, 3, 10):
        for alpha in (0.5, 0.05, 0.01):
            pairs = least_pairs(benchmarks, alpha)
            assert 2.0**-pairs <= alpha / benchmarks * (1 + 1e-9)
            assert pairs == 1 or 2.0 ** -(pairs - 1) > alpha / benchmarks


def test_with_one_outcome_too_few_there_is_no_threshold():
    alpha = 0.02
    least = least_outcomes(alpha)
    clean = [(0.9, False)] * least
    assert threshold(clean, alpha) == 0.0
    assert threshold(clean[1:], alpha) is None
    # At the least number none may be bad: the first bad one sets the threshold just above itself.
    assert threshold([*clean[1:], (0.7, True)], alpha) == math.nextafter(0.7, math.inf)
