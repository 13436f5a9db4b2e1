"""What decisions were worth: sums by hand, the policy's weights, nothing unknown taken for good."""

from datetime import UTC, datetime

import pytest

from doubles.records import bundle, outcome
from signalbox.config.concurrency import Concurrency
from signalbox.config.feedback import Rewards
from signalbox.decision import Subject
from signalbox.feedback import read_history
from signalbox.feedback.tests_view import suite_blocks
from signalbox.feedback.worth import PARTS, worth
from signalbox.ledger import decision_name, outcome_name
from signalbox.ledger.reading import collect, read_entry

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def told(decisions, outcomes=(), weights=None):
    history = read_history(
        collect([read_entry(decision_name(d), d) for d in decisions]),
        collect([read_entry(outcome_name(o), o) for o in outcomes]),
    )
    prices = Concurrency(runner_minute_price=0.1)
    given = {"environment": "production", "weights": weights or Rewards(), "prices": prices}
    return worth(history, since=SINCE, now=NOW, **given)


def plan(ident, full, saved):
    sizes = {"full_minutes": full, "saved_minutes": saved, "estimated_minutes": full - saved}
    subject = Subject(commit=ident[-1] * 40)
    return bundle("test-plan", id=ident, outputs={"test_plan": sizes}, subject=subject)


def rollout(ident, verdict="proceed"):
    subject = Subject(digest="sha256:" + ident[-1] * 64, environment="production")
    return bundle("rollout", id=ident, verdict=verdict, mode="enforce", subject=subject)


def test_minutes_and_money_by_hand():
    found = told([plan("t-1", 20.0, 15.0), plan("t-2", 20.0, 0.0), plan("t-3", 20.0, 9.0)])
    hours, share, money, _ = found.saved
    assert (hours.value, share.value, money.value) == (
        pytest.approx(0.4),
        pytest.approx(0.4),
        pytest.approx(2.4),
    )
    assert (hours.n, hours.words) == (3, "24 minutes")


def everything():
    cost = {"cost": 10.0, "least": 8.0, "regret": 0.25}
    decisions = [plan("t-1", 20.0, 10.0), bundle("concurrency", id="c-1", subject=Subject(commit="9" * 40))]
    decisions += [rollout("r-1"), rollout("r-2"), rollout("r-3", "rollback"), rollout("r-4")]
    outcomes = [
        outcome(id="o1", decision="t-1", label="clean", source="audit"),
        outcome(id="o2", decision="c-1", label="clean", source="audit", facts=cost),
        outcome(id="o3", decision="r-1", label="clean", source="manual"),
        outcome(id="o4", decision="r-2", label="bad", source="incident-link"),
        outcome(id="o5", decision="r-4", label="clean", source="manual"),
    ]
    return decisions, outcomes


def test_the_five_parts_and_the_callers_weights():
    found = told(*everything())
    values = {part.name: part.value for part in found.parts}
    assert values == {
        "build speed": 0.5,
        "test confidence": 1.0,
        "deployment success": 0.5,
        "freedom from incidents": 0.75,
        "cost": 0.8,
    }
    assert found.reward == pytest.approx((0.5 + 1.0 + 0.5 + 0.75 + 0.8) / 5)
    only_cost = Rewards(build_speed=0.0, test_confidence=0.0, deployment_success=0.0, incidents=0.0, cost=3.0)
    assert told(*everything(), weights=only_cost).reward == pytest.approx(0.8)


def test_what_nobody_knows_is_left_out_and_named():
    found = told([plan("t-1", 20.0, 10.0)])
    assert found.reward == 0.5
    assert found.left_out == PARTS[1:]
    nothing = told([])
    assert (nothing.reward, nothing.left_out) == (None, PARTS)


def test_a_hostile_plan_counts_for_nothing():
    bad = bundle("test-plan", id="t-9", outputs={"test_plan": {"full_minutes": -5, "saved_minutes": "many"}})
    found = told([bad])
    assert found.reward is None
    assert found.saved[0].value == 0.0


def test_slow_and_turning_tests_and_the_queue():
    outcomes = []
    for day in range(1, 7):
        facts = {
            "regret": 0.0,
            "observed": {"jobs": [[0.0, 60.0 * day, 900.0]]},
            "seconds": {"a::slow": 9.0 + day, "a::quick": 0.1},
            "failed": ["a::quick"] if day % 2 else [],
        }
        at = f"2026-03-0{day}T00:00:00Z"
        outcomes.append(outcome(id=f"o{day}", decision="c-1", source="audit", observed_at=at, facts=facts))
    history = read_history(collect([]), collect([read_entry(outcome_name(o), o) for o in outcomes]))
    queue, slow, turning = suite_blocks(history, since=SINCE, now=NOW)
    assert "waited 3.5 minutes at the median for a runner, 6.0 at the 95th" in queue.text
    assert slow.rows[0] == ("a::slow", 12.5, 6)
    assert turning.rows == (("a::quick", 5, 6),)
    assert "No run has recorded" in suite_blocks(history, since=NOW, now=NOW)[0].text
