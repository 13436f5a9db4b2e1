import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from weighted_proxy import LARGEST_WEIGHT, BadWeights, Split, Tally

WEIGHT = st.one_of(st.integers(0, LARGEST_WEIGHT), st.floats(0, LARGEST_WEIGHT, allow_subnormal=False))


def chosen(split, requests):
    return [split.choose() for _ in range(requests)]


@given(canary=st.integers(0, 100), requests=st.integers(1, 3000))
def test_shares_follow_the_weights_at_every_moment(canary, requests):
    split = Split({"canary": canary, "baseline": 100 - canary})
    # The golden ratio's sequence is within (log n) of the exact share; a fair coin would be within sqrt(n).
    assert abs(chosen(split, requests).count("canary") - requests * canary / 100) <= 6


@pytest.mark.parametrize(("weights", "arm"), [((0, 1), "baseline"), ((1, 0), "canary")])
def test_a_weight_of_zero_gets_nothing(weights, arm):
    split = Split(dict(zip(("canary", "baseline"), weights, strict=True)))
    assert set(chosen(split, 1000)) == {arm}


@pytest.mark.parametrize("period", [2, 4, 5, 10, 20, 100])
def test_a_client_that_repeats_itself_does_not_always_meet_the_same_arm(period):
    arms = chosen(Split({"canary": 10, "baseline": 90}), 100 * period)
    assert {"canary", "baseline"} == set(arms[::period])


def test_a_new_weight_holds_from_the_next_request():
    split = Split({"canary": 0, "baseline": 1})
    assert set(chosen(split, 50)) == {"baseline"}
    assert split.apply({"canary": 1, "baseline": 0}) == {"canary": 1, "baseline": 0} == split.weights
    assert set(chosen(split, 50)) == {"canary"}


@given(canary=WEIGHT, baseline=WEIGHT)
def test_what_was_applied_is_read_back(canary, baseline):
    split = Split({"canary": 3, "baseline": 4})
    wanted = {"canary": canary, "baseline": baseline}
    if canary + baseline:
        assert split.apply(wanted) == wanted == split.weights
    else:
        with pytest.raises(BadWeights):
            split.apply(wanted)


@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.lists(st.integers()),
        st.dictionaries(st.sampled_from(["canary", "baseline", "spare"]), st.integers(-5, 5)),
        st.fixed_dictionaries(
            {
                "canary": st.one_of(
                    st.text(), st.sampled_from([math.nan, math.inf, -0.5]), st.booleans(), st.none()
                ),
                "baseline": WEIGHT,
            }
        ),
    ).filter(
        lambda value: (
            not isinstance(value, dict)
            or set(value) != {"canary", "baseline"}
            or not all(
                type(weight) in (int, float) and 0 <= weight <= LARGEST_WEIGHT for weight in value.values()
            )
            or not sum(value.values())
        )
    )
)
def test_what_cannot_be_applied_changes_nothing(weights):
    split = Split({"canary": 3, "baseline": 4})
    with pytest.raises(BadWeights):
        split.apply(weights)
    assert split.weights == {"canary": 3, "baseline": 4}


def test_a_backend_that_did_not_answer_is_an_error_of_that_backend():
    tally = Tally()
    tally.answered("baseline", 200)
    tally.failed("canary")
    lines = tally.render({"canary": 10, "baseline": 90}).splitlines()
    assert 'proxy_requests_total{backend="canary",code="502"} 1' in lines
    assert 'proxy_failures_total{backend="canary"} 1' in lines
    assert 'proxy_failures_total{backend="baseline"} 0' in lines
    assert 'proxy_weight{backend="canary"} 10' in lines
