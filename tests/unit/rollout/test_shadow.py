"""The negative control: two halves of the baseline against each other, in which nothing is to be found."""

import numpy as np
import pytest

from doubles.rollout_world import RULES
from signalbox.rollout import judge
from signalbox.rollout.assess import assess
from signalbox.rollout.model import Look
from signalbox.rollout.observe import Arms, Tracker
from signalbox.signals.exposition import parse
from signalbox.signals.reading import Reading
from signalbox.stats.eprocess import Pair


def look(number, canary, baseline, shadow):
    return Look(
        at="2027-01-15T09:00:00Z",
        elapsed=5.0 * number,
        slice=0,
        since=5.0 * number,
        percent=10.0,
        signals={"errors": (Pair(500, canary, 4500, baseline),), "latency": (Pair(500, 1, 4500, 9),)},
        shadow=shadow,
    )


def judged(looks):
    return assess(judge.fold(looks, RULES), RULES)


@pytest.mark.parametrize("ill", [0, 1])
def test_halves_that_differ_hold_what_would_have_been_rolled_back(ill):
    shadow = [Pair(2250, 9, 2250, 90), Pair(2250, 90, 2250, 9)][ill]
    looks = [look(n, 60, 99, shadow) for n in range(1, 13)]
    found = judged(looks)
    assert found.verdict == "hold"
    assert {reason.code for reason in found.reasons} >= {"NEGATIVE_CONTROL", "CANARY_WORSE"}
    alike = [look(n, 60, 99, Pair(2250, 49, 2250, 50)) for n in range(1, 13)]
    assert judged(alike).verdict == "rollback"


def test_one_instance_has_no_halves_and_changes_nothing():
    assert judged([look(n, 60, 99, None) for n in range(1, 13)]).verdict == "rollback"


def test_equal_halves_hardly_ever_alarm():
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        judgement = judge.Judgement()
        highest = 0.0
        for number in range(1, 61):
            pair = Pair(225, int(rng.binomial(225, 0.01)), 225, int(rng.binomial(225, 0.01)))
            judgement = judge.advance(judgement, look(number, 5, 45, pair), RULES)
            highest = max(highest, judge.shadow_log_e(judgement))
        alarms += highest >= judge.alarm(RULES)
    # α is 0.5%: five of 300 would be far above it.
    assert alarms <= 4


def page(instances, good, bad):
    lines = []
    for name in instances:
        lines.append(f'http_requests_total{{code="200",instance="{name}"}} {good}')
        lines.append(f'http_requests_total{{code="500",instance="{name}"}} {bad[name]}')
    series = tuple(parse("\n".join(lines) + "\n"))
    return Reading(state="ok", at=0.0, sampled_at=0.0, source="test", series=series)


@pytest.mark.parametrize(
    ("instances", "shadow"), [("a", None), ("ab", Pair(110, 10, 101, 1)), ("abc", Pair(210, 10, 101, 1))]
)
def test_the_instances_of_the_baseline_are_split_and_counted(instances, shadow):
    rules = RULES.__class__(signals=("errors",))
    tracker = Tracker(rules)
    start = dict.fromkeys(instances, 0)
    canary = lambda good: page("x", good, {"x": 0})  # noqa: E731
    tracker.restart(Arms(canary=canary(0), baseline=page(instances, 0, start)))
    after = start | {"a": 10} | ({"b": 1} if "b" in instances else {})
    found = tracker.measure(Arms(canary=canary(50), baseline=page(instances, 100, after)), control=True)
    assert found.state == "ok"
    assert found.shadow == shadow
