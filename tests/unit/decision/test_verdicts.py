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


@pytest.mark.parametrize(
    ("kind", "verdicts", "exits", "cap"),
    [
        ("test-plan", "targeted widened full", (0, 0, 0), ""),
        ("risk", "low medium high", (0, 0, 0), ""),
        ("concurrency", "planned assumed", (0, 0), ""),
        ("promotion", "auto-promote manual-review block", (0, 3, 1), "manual-review"),
        ("rollout", "proceed hold rollback", (0, 3, 1), "hold"),
        ("evals", "PASS NOT_VERIFIED FAIL", (0, 3, 1), "NOT_VERIFIED"),
        ("gate", "PASS NOT_VERIFIED FAIL", (0, 3, 1), "NOT_VERIFIED"),
        ("readiness", "READY HOLD ROLLBACK_REQUIRED", (0, 3, 1), "HOLD"),
        ("authorization", "allow deny", (0, 1), "allow"),
    ],
)
def test_the_verdicts_are_words_that_other_repositories_rely_on(kind, verdicts, exits, cap):
    order = ORDERS[kind]
    assert (" ".join(order.verdicts), order.exits, order.cap) == (verdicts, exits, cap)


def test_no_kind_is_without_its_words_pinned_above_and_an_order_cannot_be_changed():
    assert len(ORDERS) == 9
    with pytest.raises(TypeError):
        ORDERS["gate"] = ORDERS["risk"]
    with pytest.raises(AttributeError):
        ORDERS["gate"].cap = "FAIL"


@pytest.mark.parametrize(
    ("rule", "advised", "verdict", "accepted", "note"),
    [
        ("proceed", "hold", "hold", True, ""),
        ("proceed", "rollback", "hold", True, "capped at hold"),
        ("proceed", "proceed", "proceed", False, "changes nothing"),
        ("hold", "proceed", "hold", False, "advice cannot loosen a verdict"),
        ("hold", "rollback", "hold", False, "the rule's verdict is already as strict as advice can make it"),
        ("rollback", "rollback", "rollback", False, "changes nothing"),
        ("proceed", "ship it", "proceed", False, "not a verdict of rollout"),
    ],
)
def test_what_became_of_advice_is_said(rule, advised, verdict, accepted, note):
    """Whatever the advice claims about itself: a model may fill in any field it is let near."""
    lie = Advice(source="model", verdict=advised, text="t", accepted=not accepted, refused="taken, of course")
    made, (judged,) = take_advice("rollout", rule, [lie])
    assert (made, judged.accepted, judged.refused) == (verdict, accepted, note)
    assert (judged.source, judged.verdict, judged.text) == ("model", advised, "t")


@pytest.mark.parametrize("order", [("widened", "full"), ("full", "widened")])
def test_many_advisers_move_a_plan_by_one_step_together(order):
    verdict, judged = take_advice("test-plan", "targeted", [advice(item) for item in order])
    assert verdict == "widened"
    assert {item.verdict: item.refused for item in judged} == {"widened": "", "full": "capped at widened"}


@pytest.mark.parametrize(
    ("rule", "verdict"), [("targeted", "widened"), ("widened", "full"), ("full", "full")]
)
def test_advice_moves_a_plan_by_one_step_from_wherever_the_rule_put_it(rule, verdict):
    assert take_advice("test-plan", rule, [advice("full")])[0] == verdict
