"""The escape certificate: true as often as it says, and selection stops by itself when it is too high."""

from __future__ import annotations

import collections
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from signalbox.config import Settings
from signalbox.decision import Decision, PolicyRef, Stamp, Subject, digest_of, make_bundle
from signalbox.kinds import replay
from signalbox.ledger.records import outcome_name
from signalbox.selection.audit import audit_outcomes, judge, missed
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


@pytest.fixture(scope="module")
def judged() -> Callable[[int, int], tuple[float, bool]]:
    """(audited, missed) → (bound, exceeded) as `certify` says at a limit of 2%, from a table made at once."""
    n, k = np.meshgrid(np.arange(WINDOW + 1), np.arange(121), indexing="ij")
    upper = np.where(k >= n, 1.0, beta.ppf(0.95, k + 1, np.maximum(n - k, 1)))
    lower = np.where(k == 0, 0.0, beta.ppf(0.05, np.maximum(k, 1), np.maximum(n - k, 0) + 1))
    exceeded = (lower > 0.02) | ((upper[:, :1] <= 0.02) & (upper > 0.02))
    for audited, found in (
        (0, 0),
        (10, 0),
        (10, 2),
        (10, 3),
        (149, 0),
        (149, 1),
        (160, 1),
        (400, 3),
        (500, 9),
    ):
        told = certify(Audits(audited=audited, missed=found), 0.02)
        assert upper[audited, found] == pytest.approx(told.bound, abs=1e-9)
        assert exceeded[audited, found] == told.exceeded
    bounds, stops = upper.tolist(), exceeded.tolist()
    return lambda audited, found: (bounds[audited][found], stops[audited][found])


@pytest.mark.parametrize(("rate", "runs"), [(0.01, 1500), (0.03, 1500), (0.1, 1000)])
def test_the_bound_stays_true_while_it_steers_how_often_it_is_measured(
    judged: Callable[[int, int], tuple[float, bool]], rate: float, runs: int
):
    """The loop as it runs: a draw audits 5%, and a bound over the limit audits everything."""
    draw = random.Random(11)
    worlds, below, stopped = 300, 0, 0
    for _ in range(worlds):
        last: collections.deque[bool] = collections.deque(maxlen=WINDOW)
        found = 0
        for _ in range(runs):
            if judged(len(last), found)[1] or draw.random() < 0.05:
                found -= bool(len(last) == WINDOW and last[0])
                last.append(draw.random() < rate)
                found += last[-1]
        bound, stops = judged(len(last), found)
        below += bound < rate
        stopped += stops
    assert below / worlds <= 0.05 + 4 * (0.05 * 0.95 / worlds) ** 0.5
    # At five times the limit everything soon runs; at half of it that is rare.
    assert stopped > 0.6 * worlds if rate > 0.05 else rate > 0.01 or stopped < 0.2 * worlds


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


@pytest.mark.parametrize(
    ("name", "skipped"),
    [
        ("tests.test_a.test_a", False),
        ("tests.test_a.TestX.test_m[1-a.b]", False),
        ("tests.test_a.TestX.test_m[2]", True),
        ("tests.test_a.test_aa", True),
        ("tests.test_w.test_new", False),
        ("tests.sub.test_n.test_x", False),
        ("tests.unit.test_u.test_x", False),
        ("tests.unitary.test_u.test_x", True),
        ("pytest.internal", True),
        ("com.acme.CartTest.adds", False),
        ("com.acme.OtherTest.adds", True),
    ],
)
def test_a_failed_test_was_in_the_plan_or_it_was_missed(name: str, skipped: bool):
    plan = {
        "tests": ["tests/test_a.py::test_a", "tests/test_a.py::TestX::test_m[1-a.b]"],
        "whole_files": ["pkg/tests/test_w.py"],
        "new_test_files": ["pkg/tests/sub/test_n.py"],
        "suites": [
            {"how": "all", "paths": ["pkg/tests/unit"]},
            {"how": "selected", "paths": ["java"], "tests": ["java/src/test/com/acme/CartTest.java"]},
        ],
        "rootdir": "pkg",
    }
    assert (missed(plan, [name]) == [name]) is skipped
    assert missed(plan | {"suites": [{"how": "all", "paths": ["pkg"]}]}, [name]) == []


PLAN = {"tests": ["tests/test_a.py::test_a"], "suites": [], "new_test_files": []}


def ran(status: str, *failing: str, failed: int | None = None, gaps: tuple[str, ...] = ()) -> dict[str, Any]:
    facts = {"failing": list(failing), "failed": len(failing) if failed is None else failed}
    return {"kind": "tests", "status": status, "facts": facts, "gaps": [{"code": g, "text": g} for g in gaps]}


@pytest.mark.parametrize(
    ("tests", "label"),
    [
        (ran("pass"), "clean"),
        (ran("not_verified", gaps=("missing-shard",)), "unknown"),
        (ran("pass", gaps=("missing-shard",)), "unknown"),
        (ran("fail", "tests.test_a.test_a"), "clean"),
        (ran("fail", "tests.test_a.test_a", gaps=("missing-shard",)), "unknown"),
        (ran("fail", "tests.test_a.test_b", gaps=("missing-shard",)), "bad"),
        (ran("fail", "tests.test_a.test_a", "tests.test_b.test_b"), "bad"),
        (ran("fail", "tests.test_a.test_a", failed=40), "bad"),
        ({}, "unknown"),
    ],
)
def test_what_an_audit_found(tests: dict[str, Any], label: str):
    assert judge(PLAN, tests)[0] == label
    assert judge(PLAN, tests)[1]


def a_run(mode: str = "enforce", **outputs: Any) -> list[dict[str, Any]]:
    subject = {"repository": "a/b", "commit": "c" * 40}
    plan = {"kind": "test-plan", "id": "p1", "decided_at": "2026-01-02T03:04:05Z", "mode": mode,
            "subject": subject, "outputs": outputs}  # fmt: skip
    scored = {"kind": "promotion", "id": "s1", "subject": subject | {"digest": "sha256:1"},
              "evidence": [ran("fail", "tests.test_b.test_b")]}  # fmt: skip
    return [{"decision": plan}, {"decision": scored}]


def test_a_runs_own_records_tell_what_its_audit_found_and_the_ledger_believes_it():
    [told] = audit_outcomes(a_run(audited_plan=PLAN))
    assert audit_outcomes(a_run(audited_plan=PLAN)) == [told]
    record = json.loads(told)
    assert outcome_name(told)
    assert (record["label"], record["source"], record["decision"]) == ("bad", "audit", "p1")
    assert "tests.test_b.test_b" in record["text"]
    assert audits_of(a_run(audited_plan=PLAN), [record]) == Audits(audited=1, missed=1)


def test_where_selection_is_only_observed_every_plan_is_put_to_the_test():
    skipping = {"test_plan": PLAN | {"full_suite": False}}
    assert audit_outcomes(a_run(**skipping)) == [], "in enforce the skipped tests did not run"
    assert len(audit_outcomes(a_run("observe", **skipping))) == 1
    assert audit_outcomes(a_run("observe", test_plan=PLAN | {"full_suite": True})) == []
    assert audit_outcomes(a_run(audited_plan=PLAN)[:1]) == [], "without results nothing is known"


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
