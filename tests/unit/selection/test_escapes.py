"""The escape certificate: true as often as it says, and selection stops by itself when it is too high."""

from __future__ import annotations

import random
from typing import Any

import pytest

from signalbox.config import Settings
from signalbox.decision import Decision, PolicyRef, Stamp, Subject, digest_of, make_bundle
from signalbox.kinds import replay
from signalbox.selection.audit import missed
from signalbox.selection.decide import decide
from signalbox.selection.escapes import WINDOW, Audits, audits_of, certify
from signalbox.selection.facts import ChangeFacts, FileFact, IndexFacts, Inputs, SuiteFact, TestFact
from signalbox.selection.impact import Touched

STAMP = Stamp(id="00000000-0000-4000-8000-000000000004", at="2026-05-10T12:00:00Z", producer="test")
TEST = TestFact("tests/test_a.py::test_a", "tests/test_a.py", 1.0)
SETTINGS = Settings()


def inputs(audits: Audits, draw: float = 0.9) -> Inputs:
    return Inputs(
        subject=Subject(commit="c" * 40),
        change=ChangeFacts(
            base="b" * 40, head="c" * 40, files=(FileFact(path="a.py", status="modified"),), author_commits=1
        ),
        audit_draw=draw,
        audit_seed="s",
        suites={"unit": SuiteFact(paths=("tests",), tests=9, seconds=9.0)},
        index=IndexFacts(
            sha256="0" * 64, commit="a" * 40, recorded_at="2026-05-09T12:00:00Z", python="3.11.7", tests=9,
            seconds=9.0,
        ),
        touched=(Touched(code="executes", path="a.py", text="f is changed", tests=(0,)),),
        tests=(TEST,),
        audits=audits,
    )  # fmt: skip


def planned(audits: Audits, draw: float = 0.9) -> Decision:
    return decide(inputs(audits, draw), SETTINGS, PolicyRef(sha256=digest_of(SETTINGS)), STAMP)


def test_the_bounds_that_the_field_knows():
    assert certify(Audits(audited=50), 0.02).bound == pytest.approx(0.0582, abs=1e-4)
    assert certify(Audits(audited=149), 0.02).bound == pytest.approx(0.02, abs=2e-4)
    assert certify(Audits(), 0.02).bound == 1.0


@pytest.mark.parametrize(("rate", "n"), [(0.01, 60), (0.03, 150), (0.1, 300)])
def test_the_bound_is_true_as_often_as_it_says(rate: float, n: int):
    draw = random.Random(7)
    runs = 400
    below = sum(
        certify(Audits(audited=n, missed=sum(draw.random() < rate for _ in range(n))), 0.02).bound < rate
        for _ in range(runs)
    )
    # Five percent may be below; four standard deviations of luck beside it.
    assert below / runs <= 0.05 + 4 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize(
    ("audits", "stops"),
    [
        (Audits(), False),
        (Audits(audited=10), False),
        (Audits(audited=10, missed=1), False),
        (Audits(audited=10, missed=3), True),
        (Audits(audited=160), False),
        (Audits(audited=160, missed=1), True),
        (Audits(audited=400, missed=1), False),
    ],
)
def test_selection_stops_when_the_bound_is_over_the_limit(audits: Audits, stops: bool):
    decision = planned(audits)
    assert (decision.verdict == "full") is stops
    assert ("escape-bound" in {r.code for r in decision.reasons}) is stops
    assert ("audited_plan" in decision.outputs) is stops, "it is measured on, so that it can end"
    bundle = make_bundle(decision, inputs(audits), SETTINGS).encode()
    assert replay(bundle).same


def test_an_audit_keeps_what_would_have_run():
    decision = planned(Audits(), draw=0.0)
    assert decision.outputs["test_plan"]["tests"] == []
    assert decision.outputs["audited_plan"]["tests"] == [TEST.id]
    assert decision.propensity == pytest.approx(0.05)
    assert missed(decision.outputs["audited_plan"], ["tests.test_a.test_a", "tests.test_b.test_b"]) == [
        "tests.test_b.test_b"
    ]


def bundle(number: int, audited: bool = True, kind: str = "test-plan") -> dict[str, Any]:
    outputs = {"audited_plan": {"tests": []}} if audited else {}
    at = f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z"
    return {"decision": {"kind": kind, "id": str(number), "decided_at": at, "outputs": outputs}}


def outcome(number: int, label: str, **more: Any) -> dict[str, Any]:
    return {"id": f"o{number}", "decision": str(number), "label": label, "source": "audit"} | more


def test_only_audits_with_an_outcome_count():
    decisions = [
        bundle(1),
        bundle(2),
        bundle(3, audited=False),
        bundle(4, kind="rollout"),
        bundle(5),
        bundle(6),
    ]
    outcomes = [
        outcome(1, "clean", recorded_at="1"),
        outcome(1, "bad", recorded_at="2", id="later"),
        outcome(2, "clean"),
        outcome(3, "bad"),
        outcome(4, "bad"),
        outcome(5, "unknown"),
        outcome(6, "bad"),
        outcome(9, "clean", retracts="o6"),
        outcome(2, "bad", source="manual"),
    ]
    assert audits_of(decisions, outcomes) == Audits(audited=2, missed=1, unknown=2)
    assert audits_of([{"decision": 3}, {}], [{}]) == Audits()


def test_old_audits_are_forgotten():
    decisions = [bundle(n) for n in range(WINDOW + 10)]
    outcomes = [outcome(n, "bad" if n < 10 else "clean") for n in range(WINDOW + 10)]
    assert audits_of(decisions, outcomes) == Audits(audited=WINDOW, missed=0)
