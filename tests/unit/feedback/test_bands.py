import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.scoring import Costs
from signalbox.feedback.bands import REVIEW_ALL, Bands, choose, cost, gains, learn, range_of

COSTS = Costs(review=1, bad_promotion=10, false_block=5)
PAIRS = st.lists(st.tuples(st.integers(0, 10).map(lambda n: n / 10), st.booleans()), max_size=40)


def total(pairs, bands):
    return sum(cost(bands.action(score), bad, COSTS) for score, bad in pairs)


@given(PAIRS)
def test_no_other_pair_of_thresholds_would_have_cost_less(pairs):
    """Brute force over every pair: the isotonic crossing is the best one on the data it was learnt from."""
    at = [n / 10 for n in range(11)] + [2.0]
    best = min(
        total(pairs, Bands(review_from=low, auto_from=high)) for low in at for high in at if low <= high
    )
    # At the crossing both sides cost the same, so only rounding may lie between.
    assert total(pairs, learn(pairs, COSTS)) <= best + 1e-9


@given(PAIRS, st.floats(0, 1))
def test_more_doubt_never_loosens(pairs, score):
    order = ("auto", "review", "block")
    sure, unsure = (learn(pairs, COSTS, doubt=d).action(score) for d in (1.0, 2.0))
    assert order.index(unsure) >= order.index(sure) or sure == "block"
    if sure == "review":
        assert unsure == "review"


@given(PAIRS, st.floats(0, 1), st.floats(0, 1))
def test_gains_are_within_the_stated_range(pairs, low, high):
    bands = Bands(review_from=min(low, high), auto_from=max(low, high))
    least, most = range_of(((REVIEW_ALL.action(s), bands.action(s)) for s, _ in pairs), COSTS)
    assert all(least <= value <= most for value in gains(pairs, REVIEW_ALL, bands, COSTS))


def history(n, seed, *, informative=True):
    rng = random.Random(seed)
    scores = [rng.random() for _ in range(n)]
    return [(s, rng.random() > (s if informative else 0.8)) for s in scores]


def test_an_informative_score_moves_the_bands_and_proves_it():
    found = choose(history(2000, 1), REVIEW_ALL, COSTS)
    assert found.moved
    assert 0.85 < found.bands.auto_from < 1
    assert sum(found.held_out) > 0


@pytest.mark.parametrize("n", [0, 1, 10, 40])
def test_few_outcomes_move_nothing(n):
    found = choose(history(n, 2), REVIEW_ALL, COSTS)
    assert (found.bands, found.moved) == (REVIEW_ALL, False)


def test_an_uninformative_score_moves_nothing():
    assert not choose(history(2000, 3, informative=False), REVIEW_ALL, COSTS).moved


def test_bands_that_have_come_to_lose_are_given_up_without_proof():
    turned = history(1500, 4) + [(0.95, True)] * 30
    found = choose(turned, Bands(review_from=0.0, auto_from=0.9), COSTS)
    assert found.tightened
    assert found.bands.action(0.95) != "auto"


def test_every_score_has_one_action():
    bands = Bands(review_from=0.75, auto_from=0.92)
    assert [bands.action(s) for s in (0.0, 0.7499, 0.75, 0.9199, 0.92, 1.0)] == [
        "block", "block", "review", "review", "auto", "auto",
    ]  # fmt: skip
