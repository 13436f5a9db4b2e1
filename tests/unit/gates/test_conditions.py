"""Conditions of policy: what they mean, what is refused, and that nothing unknown is taken for false."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config.conditions import ORDERS, evaluate, outcomes, parse


@pytest.mark.parametrize(
    ("text", "facts", "held"),
    [
        ("tier >= 2", {"tier": 2}, True),
        ("tier >= 2 and not trust >= 3", {"tier": 2, "trust": 3}, False),
        ("tier >= 2 and not trust >= 3", {"tier": 1, "trust": None}, False),
        ("tier >= 2 and not trust >= 3", {"tier": 2, "trust": None}, None),
        ("severity >= high", {"severity": "critical"}, True),
        ("severity >= high", {"severity": "catastrophic"}, None),
        ("severity >= high", {}, None),
        ("risk == low or risk == high", {"risk": "high"}, True),
        ("classification > Internal", {"classification": "Internal"}, False),
        ("paths ~ 'db/**'", {"paths": ("db/a/b.sql",)}, True),
        ("paths ~ 'db/**'", {"paths": ()}, False),
        ("paths ~ 'db/**'", {}, None),
        ("flags", {"flags": False}, False),
        ("not flags", {"flags": None}, None),
        ("not (tier == 1 or tier == 2)", {"tier": 3}, True),
        ("tier == 1 or tier == 2 and trust == 3", {"tier": 1, "trust": 0}, True),
    ],
)
def test_what_a_condition_means(text, facts, held):
    assert evaluate(parse(text), facts) is held


@pytest.mark.parametrize(
    "text",
    ["", "tier", "tier >= 5", "tier = 2", "__import__('os')", "tier >= 2 and", "(tier == 1", "tier == 1)",
     "colour == red", "paths ~ db", "paths == 'a'", "tier == 1 tier == 2", "'tier' == 1", "not", "a" * 501,
     "(" * 40 + "flags" + ")" * 40],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        parse(text)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text):
    try:
        node = parse(text)
    except ValueError:
        return
    assert evaluate(node, {}) in (None, True, False)


atom = st.sampled_from([f"{name} {sign} {word}" for name, words in ORDERS.items() for word in words
                        for sign in ("==", "<=", ">")])  # fmt: skip
condition = st.recursive(
    atom,
    lambda below: st.one_of(
        below.map(lambda a: f"not ({a})"),
        st.tuples(below, st.sampled_from(["and", "or"]), below).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
    ),
    max_leaves=4,
)
facts = st.fixed_dictionaries({name: st.sampled_from(words) for name, words in ORDERS.items()})


@given(condition, facts, st.sets(st.sampled_from(sorted(ORDERS))))
def test_forgetting_a_fact_never_turns_an_answer_into_the_other(text, known, forgotten):
    node = parse(text)
    whole = evaluate(node, known)
    part = evaluate(node, {k: v for k, v in known.items() if k not in forgotten})
    assert whole is not None
    assert part in (None, whole)
    assert whole in outcomes(node)


def test_the_linter_sees_what_always_or_never_holds():
    assert outcomes(parse("tier >= 1")) == {True}
    assert outcomes(parse("tier == 1 and tier == 2")) == {False}
    assert outcomes(parse("flags or not flags")) == {True}
    assert outcomes(parse("paths ~ 'a' and tier == 1")) == {True, False}
