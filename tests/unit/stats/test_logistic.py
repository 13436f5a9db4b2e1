"""The constrained fit against scipy's own optimiser, its signs, and the prior it falls back to."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from signalbox.stats.logistic import fit, linear, prior, sigmoid

SIGNS = (0, -1, -1, -1)
START = prior((2.0, -1.0, -0.5, -0.2), (0.5, 0.4, 0.3, 0.2))


def data(seed: int, n: int, truth: tuple[float, ...]) -> tuple[list[list[float]], list[bool]]:
    rng = random.Random(seed)
    rows = [[max(0.0, rng.gauss(0, 1)) for _ in truth[1:]] for _ in range(n)]
    labels = [
        rng.random() < sigmoid(truth[0] + sum(b * x for b, x in zip(truth[1:], row, strict=True)))
        for row in rows
    ]
    return rows, labels


@pytest.mark.parametrize("truth", [(2.0, -1.0, -0.5, -0.2), (1.0, 2.0, -3.0, 0.0), (-2.0, -0.1, -0.1, 4.0)])
def test_the_fit_is_the_constrained_maximum(truth: tuple[float, ...]) -> None:
    rows, labels = data(3, 400, truth)
    design = np.column_stack([np.ones(len(rows)), rows])
    y = np.array(labels, float)
    mean = np.array(START.coefficients)
    deviation = np.sqrt([START.covariance[i][i] for i in range(4)])

    def loss(beta: np.ndarray) -> float:
        eta = design @ beta
        return float(np.sum(np.logaddexp(0, eta)) - y @ eta + 0.5 * np.sum(((beta - mean) / deviation) ** 2))

    bounds = [(None, None), (None, 0), (None, 0), (None, 0)]
    best = minimize(loss, mean, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-9})
    found = fit(rows, labels, START, SIGNS)
    assert loss(np.array(found.coefficients)) <= best.fun + 1e-6
    assert found.coefficients == pytest.approx(list(best.x), abs=1e-3)
    assert found.observations == 400


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_no_trouble_ever_raises_the_score(seed: int, n: int) -> None:
    rng = random.Random(seed)
    rows = [[rng.random() * rng.choice((0, 1, 5)) for _ in range(3)] for _ in range(n)]
    found = fit(rows, [rng.random() < 0.5 for _ in rows], START, SIGNS)
    assert all(b <= 0 for b in found.coefficients[1:])
    centre, error = linear(found, rows[0])
    assert math.isfinite(centre)
    assert error >= 0


def test_without_data_it_is_the_prior() -> None:
    assert fit([], [], START, SIGNS) == START
    centre, error = linear(START, (1.0, 0.0, 2.0))
    assert centre == pytest.approx(2.0 - 1.0 - 0.4)
    assert error == pytest.approx(math.sqrt(0.25 + 0.16 + 4 * 0.04))


def test_data_narrow_the_interval() -> None:
    rows, labels = data(1, 500, (2.0, -1.0, -0.5, -0.2))
    assert linear(fit(rows, labels, START, SIGNS), (0.0,) * 3)[1] < linear(START, (0.0,) * 3)[1]


@given(st.floats(allow_nan=False))
def test_sigmoid_never_overflows(x: float) -> None:
    assert 0 <= sigmoid(x) <= 1


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="disagree"):
        fit([[1.0]], [True], START, SIGNS)
    with pytest.raises(ValueError, match="match"):
        linear(START, (1.0,))
