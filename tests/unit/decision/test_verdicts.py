"""The verdict orders: total, closed, and never loosened by anyone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.decision import ORDERS, Advice, exit_code, order_of, strictest, take_advice, tighten

KINDS = sorted(ORDERS)
PAIRS = [(kind, a, b) for kind in KINDS for a, b in itertools.product(ORDERS[kind].verdicts, repeat=2)]


def advice(verdict: str) -> Advice:
    return Advice(source="model", verdict=verdict, text="because")


@pytest.mark.parametrize(("kind", "a", "b"), PAIRS)
def test_tighten_is_the_maximum(kind, a, b):
    rank = ORDERS[kind].verdicts.index
    combined = tighten(kind, a, b)
    assert rank(combined) == max(rank(a), rank(b))
    assert combined == tighten(kind, b, a)
    assert tighten(kind, combined, a) == combined


@pytest.mark.parametrize(("kind", "rule", "advised"), PAIRS)
def test_advice_never_loosens_and_never_passes_the_cap(kind, rule, advised):
    order = ORDERS[kind]
    verdict, (judged,) = take_advice(kind, rule, [advice(advised)])
    assert order.rank(verdict) >= order.rank(rule)
    cap = order.rank(order.cap) if order.cap else order.rank(rule) + 1
    assert order.rank(verdict) <= max(order.rank(rule), cap)
    assert judged.accepted == (verdict != rule)
    if not judged.accepted:
        assert judged.refused


@pytest.mark.parametrize("kind", [k for k in KINDS if exit_code(k, ORDERS[k].verdicts[-1]) == 1])
def test_no_advice_brings_about_a_denial(kind):
    """A model, or whoever injected text into a diff, can make people look, never block or roll back."""
    order = ORDERS[kind]
    for rule in order.verdicts[:-1]:
        verdict, _ = take_advice(kind, rule, [advice(order.verdicts[-1])] * 3)
        assert exit_code(kind, verdict) != 1


@given(st.sampled_from(KINDS), st.lists(st.text(max_size=20), max_size=5), st.data())
def test_any_text_for_a_verdict_is_harmless(kind, texts, data):
    rule = data.draw(st.sampled_from(ORDERS[kind].verdicts))
    verdict, judged = take_advice(kind, rule, [advice(text) for text in texts])
    assert ORDERS[kind].rank(verdict) >= ORDERS[kind].rank(rule)
    assert len(judged) == len(texts)


@given(st.sampled_from(KINDS), st.data())
def test_strictest_of_many_equals_folding_tighten(kind, data):
    verdicts = data.draw(st.lists(st.sampled_from(ORDERS[kind].verdicts), min_size=1))
    folded = verdicts[0]
    for verdict in verdicts[1:]:
        folded = tighten(kind, folded, verdict)
    assert strictest(kind, verdicts) == folded


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_at_all_is_the_strictest(kind):
    assert strictest(kind, []) == ORDERS[kind].verdicts[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_exit_codes_never_relax_along_the_order(kind):
    severity = {0: 0, 3: 1, 1: 2}
    codes = [severity[exit_code(kind, verdict)] for verdict in ORDERS[kind].verdicts]
    assert codes == sorted(codes)
    assert codes[0] == 0


def test_foreign_verdicts_and_kinds_are_named():
    with pytest.raises(ValueError, match="'ship-it' is not one of auto-promote"):
        tighten("promotion", "block", "ship-it")
    with pytest.raises(ValueError, match="unknown kind of decision 'mood'"):
        order_of("mood")
