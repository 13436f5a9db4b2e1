import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from signalbox.stats.isotonic import fit

POINTS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 1), st.integers(1, 5)), min_size=1, max_size=40
)


@given(POINTS)
def test_values_at_the_scores_are_those_of_scipy(points):
    scores, outcomes, weights = (list(map(float, column)) for column in zip(*points, strict=True))
    model = fit(scores, outcomes, weights)
    at = sorted(set(scores))
    mass = [sum(w for s, w in zip(scores, weights, strict=True) if s == x) for x in at]
    mean = [
        sum(w * o for s, o, w in zip(scores, outcomes, weights, strict=True) if s == x) / m
        for x, m in zip(at, mass, strict=True)
    ]
    oracle = isotonic_regression(mean, weights=mass).x
    assert np.allclose([model(x) for x in at], oracle)


@given(POINTS, st.lists(st.floats(-5, 25), min_size=2, max_size=10))
def test_the_map_never_falls_and_stays_between_its_ends(points, asked):
    model = fit([float(s) for s, _, _ in points], [float(o) for _, o, _ in points])
    values = [model(x) for x in sorted(asked)]
    assert values == sorted(values)
    assert model.values[0] <= values[0]
    assert values[-1] <= model.values[-1]


@given(POINTS, st.randoms())
def test_the_order_of_the_points_does_not_matter(points, rng):
    shuffled = points[:]
    rng.shuffle(shuffled)
    one, two = (fit([float(s) for s, _, _ in p], [float(o) for _, o, _ in p]) for p in (points, shuffled))
    assert one == two


@pytest.mark.parametrize(
    "call",
    [
        lambda: fit([], []),
        lambda: fit([1.0], [1.0, 0.0]),
        lambda: fit([1.0], [1.0], [0.0]),
        lambda: fit([float("nan")], [1.0]),
        lambda: fit([1.0], [1.0])(float("nan")),
    ],
)
def test_what_cannot_be_fitted_is_refused(call):
    with pytest.raises(ValueError):
        call()
