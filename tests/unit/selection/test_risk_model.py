"""The risk model: the shipped one, what a history teaches it, and what an index may not smuggle in."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.selection.facts import ChangeFacts, FileFact
from signalbox.selection.risk import assess
from signalbox.selection.risk_model import NAMES, RiskModel, area, cuts, kept, retrained, shipped

NONE = dict.fromkeys(NAMES, 0.0)
CHANGE = ChangeFacts(base="a", head="b", files=())


def files(*sizes: int) -> list[FileFact]:
    return [FileFact(path=f"p{i}/x.py", status="modified", lines_added=n) for i, n in enumerate(sizes)]


def history(number: int, rate: float = 0.3) -> list[tuple[dict[str, float], bool]]:
    """Changes whose outcome hangs on their author's experience, of which the shipped model knows nothing."""
    randomness = random.Random(7)
    found = []
    for _ in range(number):
        values = NONE | {
            "la": randomness.randint(1, 200),
            "nf": 1.0,
            "sexp": float(randomness.randint(0, 30)),
        }
        risky = rate * (2 if values["sexp"] < 5 else 0.4)
        found.append((values, randomness.random() < risky))
    return found


def test_more_and_wider_is_riskier():
    tiers = [assess(CHANGE, files(*sizes), "", "").tier for sizes in ([2], [40] * 4, [300] * 30)]
    assert tiers == ["low", "medium", "high"]


def test_the_features_that_moved_it_to_its_tier_come_first():
    risky = assess(CHANGE, files(*[300] * 30), "", "").features
    assert [f.points for f in risky] == sorted((f.points for f in risky), reverse=True)
    assert risky[0].points > 0
    assert assess(CHANGE, files(1), "", "").features[0].points < 0


def test_what_policy_calls_sensitive_is_high_whatever_the_model_says():
    found = assess(CHANGE, files(1), "", "auth/x.py")
    assert (found.tier, found.features[0].value) == ("high", "auth/x.py")
    assert assess(CHANGE, [], "", "").tier == "low"


def test_a_history_teaches_what_the_shipped_model_does_not_know():
    model = retrained(history(1500), "here")
    assert model is not None
    assert model.coefficients[1 + NAMES.index("sexp")] < -0.1
    new, old = (model.logit(NONE | {"la": 50, "nf": 1, "sexp": sexp}) for sexp in (0, 30))
    assert new > old
    assert model.auc > 0.6
    assert model.ece < 0.1


@pytest.mark.parametrize("examples", [[], history(299), history(1500, 0.0), [(NONE, True)] * 400])
def test_too_little_history_teaches_nothing(examples: Any):
    assert retrained(examples, "here") is None


def test_a_history_of_chance_leaves_the_shipped_model_or_orders_no_worse():
    randomness = random.Random(1)
    noise = [(values, randomness.random() < 0.3) for values, _ in history(600)]
    model = retrained(noise, "here")
    held = noise[420:]
    if model is not None:
        assert model.auc >= area([(shipped().logit(v), y) for v, y in held])


def damaged(**changes: Any) -> str:
    return json.dumps(msgspec.to_builtins(shipped()) | changes)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{",
        damaged(means=[1.0]),
        damaged(coefficients=[0.0] * 3),
        damaged(medium=9.0, high=1.0),
        damaged(medium="x"),
        damaged(coefficients=[1e999] * (len(NAMES) + 1)),
    ],
)
def test_what_an_index_holds_instead_of_a_model_is_none(text: str | None):
    assert kept(text) is None


def test_a_model_comes_back_from_an_index_as_it_went():
    assert kept(msgspec.json.encode(shipped()).decode()) == shipped()


@given(st.lists(st.tuples(st.integers(0, 9).map(float), st.booleans()), min_size=1, max_size=30))
def test_the_area_is_that_of_all_pairs(pairs: list[tuple[float, bool]]):
    bad, good = [s for s, y in pairs if y], [s for s, y in pairs if not y]
    if bad and good:
        wins = sum((b > g) + 0.5 * (b == g) for b in bad for g in good)
        assert math.isclose(area(pairs), wins / (len(bad) * len(good)))
    else:
        assert area(pairs) == 0.5


@given(st.lists(st.floats(-5, 5), min_size=1))
def test_cuts_are_in_order(logits: list[float]):
    medium, high = cuts(logits)
    assert medium <= high


def test_the_shipped_model_names_what_it_learned_from():
    model = shipped()
    assert isinstance(model, RiskModel)
    assert model.changes > 90_000
    assert kept(damaged()) == model
