import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from signalbox.decision import Subject
from signalbox.ledger import Outcome
from signalbox.ledger.labels import PRECEDENCE, Target, label_decisions

D = "sha256:" + "d" * 64


def told(ident, label="bad", source="rollback", **fields) -> Outcome:
    given_ = {"decision": "p", "observed_at": "2026-01-01T00:00:00Z", "recorded_at": "2026-01-02T00:00:00Z"}
    return Outcome(id=ident, label=label, source=source, **(given_ | fields))


ARTIFACT = (Target(id="p", digest=D),)


def label(*outcomes, targets=ARTIFACT):
    return label_decisions(targets, outcomes)


def test_the_stronger_source_wins_whatever_came_last():
    for strong, weak in combinations(PRECEDENCE, 2):
        found = label(
            told("a", "clean", weak, recorded_at="2027-01-01T00:00:00Z"), told("b", "bad", strong)
        ).by_decision["p"]
        assert (found.label, found.source, found.against) == ("bad", strong, ("a",))


def test_of_one_source_the_latest_word_counts():
    late = told("a", "clean", recorded_at="2026-06-01T00:00:00Z")
    assert label(told("b", "bad"), late).by_decision["p"].label == "clean"


def test_unknown_is_a_label_and_hides_no_knowledge():
    assert label(told("a", "unknown", "incident-link")).by_decision["p"].label == "unknown"
    both = label(told("a", "unknown", "incident-link"), told("b", "clean", "time-window"))
    assert (both.by_decision["p"].label, both.by_decision["p"].confidence) == ("clean", 0.3)


def test_confidence_is_the_outcomes_own_or_its_sources():
    assert label(told("a", confidence=0.55)).by_decision["p"].confidence == 0.55
    assert label(told("a")).by_decision["p"].confidence == 0.9


def test_a_revert_of_a_revert_brings_the_label_back():
    bad = told("bad", "bad", "revert")
    undone = told("undone", "unknown", "revert", retracts="bad")
    again = told("again", "unknown", "revert", retracts="undone")
    assert label(bad).by_decision["p"].label == "bad"
    assert label(bad, undone).by_decision["p"].label == "unknown"
    assert label(bad, undone, again).by_decision["p"].label == "bad"


@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_a_chain_of_retractions_is_settled_from_its_end(length, rng):
    chain = [told("o0", "bad")]
    chain += [told(f"o{i}", "unknown", retracts=f"o{i - 1}", decision="elsewhere") for i in range(1, length)]
    rng.shuffle(chain)
    found = label(*chain).by_decision
    assert ("p" in found) == (length % 2 == 1)


def test_a_circle_counts_and_is_named():
    found = label(told("a", retracts="b"), told("b", "clean", "audit", retracts="a"))
    assert found.circular == ("a", "b")
    assert found.by_decision["p"].label == "bad"


def test_a_long_chain_is_no_deep_recursion():
    chain = [told("o0")] + [told(f"o{i}", "unknown", retracts=f"o{i - 1}") for i in range(1, 20_000)]
    random.Random(1).shuffle(chain)
    assert label(*chain).circular == ()


def test_an_outcome_about_an_artifact_reaches_every_decision_on_it_in_its_environment():
    targets = (
        Target(id="p", digest=D, environment="production"),
        Target(id="r", digest=D, environment="production"),
        Target(id="s", digest=D, environment="staging"),
        Target(id="any", digest=D),
        Target(id="other", digest="sha256:0", environment="production"),
        Target(id="plan", commit="c"),
    )
    assert set(label(told("a", decision="p"), targets=targets).by_decision) == {"p", "r", "any"}
    by_digest = told("a", decision="", subject=Subject(digest=D, environment="staging"))
    assert set(label(by_digest, targets=targets).by_decision) == {"s", "any"}
    by_commit = told("a", decision="", subject=Subject(commit="c"))
    assert set(label(by_commit, targets=targets).by_decision) == {"plan"}


def test_an_outcome_for_an_unknown_decision_is_kept_aside():
    found = label(told("a", decision="nobody"), told("b", decision="", subject=Subject(digest="sha256:9")))
    assert found.orphans == ("a", "b")
    assert found.by_decision == {}


def test_targets_without_a_digest_do_not_share_the_empty_one():
    targets = (Target(id="one", commit="a"), Target(id="two", commit="b"))
    assert set(label(told("x", decision="one"), targets=targets).by_decision) == {"one"}


_OUTCOMES = st.lists(
    st.builds(
        told,
        st.sampled_from([f"o{i}" for i in range(6)]),
        st.sampled_from(["bad", "clean", "unknown"]),
        st.sampled_from(PRECEDENCE),
        retracts=st.sampled_from(["", "", *[f"o{i}" for i in range(6)]]),
        decision=st.sampled_from(["p", "q", "nobody"]),
    ),
    max_size=8,
    unique_by=lambda o: o.id,
)


@given(_OUTCOMES, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(outcomes, rng):
    targets = [Target(id="p", digest=D), Target(id="q", digest="sha256:q")]
    shuffled = [*outcomes, *outcomes]
    rng.shuffle(shuffled)
    assert label_decisions(targets, outcomes) == label_decisions(reversed(targets), shuffled)
