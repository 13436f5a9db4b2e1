import pytest

from doubles.records import bundle
from signalbox.decision import Subject
from signalbox.feedback.derive import outcomes_of_run
from signalbox.ledger.records import decode_outcome, outcome_name

D = Subject(digest="sha256:d", environment="production")


def rollout(**fields) -> bytes:
    return bundle("rollout", **({"id": "r", "subject": D, "mode": "enforce"} | fields))


@pytest.mark.parametrize(
    ("verdict", "label", "source"), [("rollback", "bad", "rollback"), ("proceed", "clean", "time-window")]
)
def test_the_rollouts_end_is_the_first_word_on_the_promotion(verdict, label, source):
    run = [bundle("promotion", id="p", subject=D), rollout(verdict=verdict)]
    (data,) = outcomes_of_run(run)
    found = decode_outcome(data)
    assert (found.label, found.source, found.decision, found.subject) == (label, source, "p", D)
    assert outcome_name(data).startswith("outcomes/2026/03/04/outcome-o-")
    assert outcomes_of_run(reversed(run)) == (data,)


@pytest.mark.parametrize(
    "fields", [{"verdict": "hold"}, {"mode": "observe"}, {"mode": "advise"}, {"subject": Subject(commit="c")}]
)
def test_what_moved_nothing_tells_nothing(fields):
    assert outcomes_of_run([rollout(**({"verdict": "rollback"} | fields))]) == ()


def test_without_a_promotion_the_rollout_itself_is_named():
    (data,) = outcomes_of_run([rollout(verdict="rollback"), b"{}", b"not a bundle"])
    assert decode_outcome(data).decision == "r"
