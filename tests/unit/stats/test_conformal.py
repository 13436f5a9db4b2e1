"""Conformal risk control: the loosest threshold within the budget, and the tripwire's false alarms."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.stats.conformal import budget_evidence, least_outcomes, threshold

ALPHA = st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.3])
OUTCOMES = st.lists(st.tuples(st.floats(0, 1).map(lambda x: round(x, 2)), st.booleans()), max_size=150)


@pytest.mark.parametrize(("alpha", "needed"), [(0.02, 49), (0.05, 19), (0.01, 99), (0.5, 1), (0.3, 3)])
def test_the_fewest_outcomes(alpha: float, needed: int) -> None:
    assert least_outcomes(alpha) == needed
    assert threshold([(0.9, False)] * needed, alpha) == 0.0
    assert threshold([(0.9, False)] * (needed - 1), alpha) is None


def within(outcomes: list[tuple[float, bool]], at: float, alpha: float) -> bool:
    bad = sum(is_bad for score, is_bad in outcomes if score >= at)
    return (bad + 1) / (len(outcomes) + 1) <= alpha + 1e-12


@given(OUTCOMES, ALPHA)
def test_it_is_within_the_budget_and_no_looser_one_is(
    outcomes: list[tuple[float, bool]], alpha: float
) -> None:
    at = threshold(outcomes, alpha)
    candidates = [0.0, *(score for score, _ in outcomes), 1.5]
    if at is None:
        assert not any(within(outcomes, c, alpha) for c in candidates)
        return
    assert within(outcomes, at, alpha)
    assert not any(within(outcomes, c, alpha) for c in candidates if c < at)


def test_the_bound_holds_in_expectation() -> None:
    rng = random.Random(11)

    def item() -> tuple[float, bool]:
        bad = rng.random() < 0.1
        return rng.betavariate(2, 2) if bad else rng.betavariate(5, 2), bad

    trials, broken, taken = 2000, 0, 0
    for _ in range(trials):
        at = threshold([item() for _ in range(60)], 0.05)
        score, bad = item()
        taken += at is not None and score >= at
        broken += at is not None and score >= at and bad
    # Monte Carlo error at 5% of 2,000 is 0.49 points; three of them.
    assert broken / trials <= 0.05 + 0.0147
    assert taken / trials > 0.2


def test_the_tripwire_is_quiet_within_the_budget_and_loud_beyond() -> None:
    rng = random.Random(5)
    at = 500 / 0.05
    alarms = sum(budget_evidence((rng.random() < 0.02 for _ in range(500)), 0.02) >= at for _ in range(400))
    # Doob: at most 5% within 500; three standard deviations of 400 trials on top.
    assert alarms / 400 <= 0.05 + 0.033
    found = sum(
        budget_evidence((rng.random() < (0.02 if i < 300 else 0.15) for i in range(500)), 0.02) >= at
        for _ in range(100)
    )
    assert found / 100 >= 0.9


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, 2.0])
def test_a_budget_that_is_none_is_refused(alpha: float) -> None:
    for call in (lambda: least_outcomes(alpha), lambda: budget_evidence([], alpha)):
        with pytest.raises(ValueError, match="budget"):
            call()
