"""Betting on rounds: the e-process property, agreement with direct products, and the errors it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.stats.betting import Round, bets_above, bets_below, log_wealth
from signalbox.stats.noninferiority import draws_needed, fixed_design, moments, trial

MARGINS = st.floats(0.01, 0.5)
COUNTS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)).filter(lambda c: sum(c) > 0)


def direct(rounds: list[Round], margin: float, above: bool) -> float:
    """E as a plain product over single draws, without logarithms."""
    bets = bets_above(margin) if above else bets_below(margin)
    total = 0.0
    for size, weight in zip(bets.sizes, bets.weights, strict=True):
        wealth = weight
        for one in rounds:
            for x, count in ((-1, one.worse), (0, one.same), (1, one.better)):
                wealth *= (1 + bets.side * size * (x + margin)) ** count
        total += wealth
    return total


@given(st.lists(COUNTS, min_size=1, max_size=6), MARGINS, st.booleans())
def test_wealth_is_the_weighted_product_of_factors(
    counts: list[tuple[int, int, int]], margin: float, above: bool
) -> None:
    rounds = [Round(*count) for count in counts]
    bets = bets_above(margin) if above else bets_below(margin)
    assert log_wealth(rounds, bets, margin)[-1] == pytest.approx(
        math.log(direct(rounds, margin, above)), rel=1e-9, abs=1e-9
    )


@given(
    MARGINS,
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5),
    st.booleans(),
)
def test_a_rounds_expected_factor_is_at_most_one_on_the_wrong_side(
    margin: float, rates: list[tuple[float, float]], above: bool
) -> None:
    """The e-process property, exactly, for cases as unequal as can be."""
    difference = sum(candidate - baseline for candidate, baseline in rates) / len(rates)
    wrong_side = difference <= -margin if above else difference >= -margin
    bets = bets_above(margin) if above else bets_below(margin)
    for size in bets.sizes:
        expected = math.prod(
            1 + bets.side * size * (candidate - baseline + margin) for candidate, baseline in rates
        )
        assert expected <= 1 + 1e-9 or not wrong_side
    assert all(1 + bets.side * size * (x + margin) > 0 for size in bets.sizes for x in (-1, 1))


def simulate(baseline: np.ndarray, shift: float, rounds: int, runs: int, seed: int) -> list[list[Round]]:
    rng = np.random.default_rng(seed)
    candidate = baseline * (baseline.mean() + shift) / baseline.mean()
    made = []
    for _ in range(runs):
        c = rng.random((rounds, len(baseline))) < candidate
        b = rng.random((rounds, len(baseline))) < baseline
        better, worse = (c & ~b).sum(1), (~c & b).sum(1)
        made.append(
            [
                Round(int(w), len(baseline) - int(w) - int(u), int(u))
                for w, u in zip(worse, better, strict=True)
            ]
        )
    return made


CASES = np.linspace(0.6, 0.99, 30)


def outcomes(shift: float, seed: int) -> list[str]:
    found = simulate(CASES, shift, 60, 300, seed)
    return [trial(one, margin=0.1, alpha=0.05, budget=1800).outcome for one in found]


def test_equal_candidates_are_shown_non_inferior() -> None:
    found = outcomes(0.0, 1)
    assert found.count("non-inferior") >= 0.95 * len(found)
    assert found.count("inferior") <= 0.01 * len(found)


def test_a_candidate_at_the_margin_is_rarely_passed_whatever_the_looks() -> None:
    found = outcomes(-0.1, 2)
    # 300 runs at a true rate of 5% exceed 8% less than once in a hundred times.
    assert found.count("non-inferior") <= 0.08 * len(found)


def test_a_clearly_worse_candidate_is_found() -> None:
    found = outcomes(-0.3, 3)
    assert found.count("inferior") >= 0.99 * len(found)


def test_nothing_is_decided_without_draws() -> None:
    one = trial([], margin=0.05, alpha=0.05)
    assert (one.outcome, one.draws, one.p_above, one.p_below, one.needed) == ("undecided", 0, 1.0, 1.0, None)


def test_rounds_past_the_budget_are_not_used() -> None:
    rounds = [Round(10, 0, 0)] * 3
    assert trial(rounds, margin=0.05, alpha=0.05, budget=9).draws == 0


def test_the_decision_stands_once_it_is_made() -> None:
    clear = [Round(0, 60, 0)] * 4
    turned = [*clear, *[Round(60, 0, 0)] * 4]
    assert trial(turned, margin=0.05, alpha=0.05).outcome == "non-inferior"
    assert trial(turned, margin=0.05, alpha=0.05).rounds == trial(clear, margin=0.05, alpha=0.05).rounds


def test_hopeless_at_the_margin_near_the_budgets_end() -> None:
    rounds = [Round(9, 45, 6)] * 38
    assert trial(rounds, margin=0.05, alpha=0.05, budget=2400).futile
    assert not trial(rounds[:1], margin=0.05, alpha=0.05, budget=2400).futile


def test_the_forecast_is_about_what_it_takes() -> None:
    rounds = [Round(3, 54, 3)] * 40
    took = trial(rounds, margin=0.05, alpha=0.05).draws
    needed = draws_needed(rounds[:3], margin=0.05, alpha=0.05)
    assert needed is not None
    assert took / 2 <= needed <= took * 2
    assert draws_needed([Round(5, 95, 0)], margin=0.05, alpha=0.05) is None


@given(st.lists(COUNTS, min_size=1, max_size=8))
def test_moments_are_those_of_the_draws(counts: list[tuple[int, int, int]]) -> None:
    values = np.repeat([-1, 0, 1], np.sum(counts, axis=0))
    mean, variance = moments([Round(*count) for count in counts])
    assert mean == pytest.approx(values.mean(), abs=1e-12)
    assert variance == pytest.approx(values.var(), abs=1e-12)


def test_the_fixed_design_is_the_textbooks() -> None:
    # (1.645 + 0.842)² · 0.2 / 0.05²
    assert fixed_design(0.2, margin=0.05, alpha=0.05, power=0.8) == pytest.approx(495, abs=1)


@pytest.mark.parametrize("counts", [(-1, 2, 0), (0, 0, 0)])
def test_impossible_rounds_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least one draw"):
        Round(*counts)


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1])
def test_impossible_margins_are_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        bets_above(margin)
