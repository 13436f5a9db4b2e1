"""The exact sign-flip test against scipy's own permutation test, and what Holm and its minimum promise."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from signalbox.stats.signflip import holm, least_pairs, log_differences, sign_flip_p

DIFFERENCES = st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=1, max_size=10)


@given(DIFFERENCES)
def test_it_counts_sign_patterns_exactly(differences: list[float]) -> None:
    observed = sum(differences)
    patterns = itertools.product((1, -1), repeat=len(differences))
    at_least = sum(
        sum(s * d for s, d in zip(signs, differences, strict=True)) >= observed - 1e-9 for signs in patterns
    )
    assert sign_flip_p(differences) == pytest.approx(at_least / 2 ** len(differences))


def test_it_agrees_with_scipy() -> None:
    rng = np.random.default_rng(7)
    for n in (4, 7, 10):
        data = rng.normal(0.3, 1, n)
        expected = oracle.permutation_test(
            (data,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="greater"
        )
        assert sign_flip_p(list(data)) == pytest.approx(expected.pvalue)


def test_many_pairs_are_blocked_and_still_a_p_value(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    assert sign_flip_p([rng.gauss(1, 1) for _ in range(200)]) < 1e-6
    # Fewer blocks are as exact and enumerated in a hundredth of the time.
    monkeypatch.setattr("signalbox.stats.signflip._MOST_BLOCKS", 16)
    low = sum(sign_flip_p([rng.gauss(0, 1) for _ in range(200)]) <= 0.05 for _ in range(200))
    assert low <= 22  # 200 · 5% and four standard deviations


@given(DIFFERENCES, st.floats(0.01, 5))
def test_a_slower_candidate_never_looks_better(differences: list[float], shift: float) -> None:
    assert sign_flip_p([d + shift for d in differences]) <= sign_flip_p(differences) + 1e-12


@pytest.mark.parametrize(("benchmarks", "pairs"), [(1, 5), (2, 6), (5, 7), (10, 8)])
def test_the_least_pairs_that_can_decide(benchmarks: int, pairs: int) -> None:
    assert least_pairs(benchmarks, 0.05) == pairs

    def best(n: int) -> float:
        return holm([sign_flip_p([1.0] * n)] + [1.0] * (benchmarks - 1))[0]

    assert best(pairs) <= 0.05 < best(pairs - 1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_against_its_definition(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    ordered = sorted(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        rank = max(i for i, value in enumerate(ordered) if value == p)
        expected = max(min(1.0, (len(ordered) - i) * ordered[i]) for i in range(rank + 1))
        assert q <= expected + 1e-12
        assert q >= p


def test_differences_are_logs_beyond_the_margin() -> None:
    assert log_differences([(2.0, 2.2)], 0.1) == [pytest.approx(0.0)]
    assert log_differences([(1.0, 2.0)], 0.0) == [pytest.approx(math.log(2))]


@pytest.mark.parametrize(("pair", "margin"), [((0.0, 1.0), 0), ((1.0, math.nan), 0), ((1.0, 1.0), -0.1)])
def test_times_that_cannot_be_are_refused(pair: tuple[float, float], margin: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        log_differences([pair], margin)


def test_no_pairs_decide_nothing_and_nan_is_refused() -> None:
    assert sign_flip_p([]) == 1.0
    with pytest.raises(ValueError, match="finite"):
        sign_flip_p([math.nan])
