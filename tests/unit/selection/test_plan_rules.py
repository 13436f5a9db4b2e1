"""The rules of the test plan: what widens it, what it holds, and that it can be made again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.config.selection import Selection
from signalbox.decision import ORDERS, Advice, Decision, PolicyRef, Stamp, Subject, digest_of, make_bundle
from signalbox.kinds import replay
from signalbox.selection.decide import decide
from signalbox.selection.facts import ChangeFacts, FileFact, IndexFacts, Inputs, SuiteFact, TestFact
from signalbox.selection.impact import Touched

NOW = "2026-05-10T12:00:00Z"
STAMP = Stamp(id="00000000-0000-4000-8000-000000000002", at=NOW, producer="test")
INDEX = IndexFacts(
    sha256="0" * 64,
    commit="a" * 40,
    recorded_at="2026-05-09T12:00:00Z",
    python="3.11.7",
    tests=10,
    seconds=100.0,
)
TESTS = tuple(TestFact(f"tests/test_a.py::test_{i}", "tests/test_a.py", float(i)) for i in range(3))
TOUCHED = (Touched(code="executes", path="shop/a.py", text="shop/a.py: f is changed", tests=(0, 1)),)
SUITES = {
    "unit": SuiteFact(paths=("tests",), tests=10, seconds=100.0),
    "integration": SuiteFact(),
    "full": SuiteFact(paths=("tests",), tests=10, seconds=100.0),
}
SMALL = FileFact(path="shop/a.py", status="modified", lines_added=1, lines_deleted=1)


def change(*files: FileFact, **more: Any) -> ChangeFacts:
    return ChangeFacts(base="b" * 40, head="c" * 40, files=files or (SMALL,), author_commits=1, **more)


def planned(config: Selection | None = None, **more: Any) -> Decision:
    values: dict[str, Any] = {
        "subject": Subject(commit="c" * 40), "change": change(), "audit_draw": 0.9, "audit_seed": "s",
        "suites": SUITES, "index": INDEX, "touched": TOUCHED, "tests": TESTS,
    }  # fmt: skip
    settings = Settings(selection=config or Selection())
    return decide(Inputs(**values | more), settings, PolicyRef(sha256=digest_of(settings)), STAMP)


def codes(decision: Decision) -> set[str]:
    return {reason.code for reason in decision.reasons}


def test_a_small_change_runs_what_it_can_reach():
    decision = planned()
    plan = decision.outputs["test_plan"]
    assert decision.verdict == "targeted"
    assert plan["tests"] == [TESTS[0].id, TESTS[1].id]
    assert plan["skipped_tests"] == 8
    assert plan["full_suite"] is False
    assert plan["suites"][0]["how"] == "selected"
    assert decision.propensity == pytest.approx(0.95)


OLD = msgspec.structs.replace(INDEX, recorded_at="2026-01-01T00:00:00Z")
FULL: dict[str, dict[str, Any]] = {
    "cross-cutting": {"change": change(FileFact(path=".github/workflows/ci.yml", status="modified"))},
    "sensitive": {"change": change(FileFact(path="shop/auth/login.py", status="modified"))},
    "high-risk": {
        "change": change(
            *(FileFact(path=f"p{i}/x{i}.py", status="modified", lines_added=90) for i in range(40))
        )
    },
    "shallow-clone": {"change": change(troubles=(("shallow-clone", "shallow"),))},
    "index-old": {"index": OLD},
    "index-future": {"index": msgspec.structs.replace(INDEX, recorded_at="2027-01-01T00:00:00Z")},
    "index-python": {"python": "3.12.1"},
    "index-unusable": {"index": None, "index_problem": "damaged", "touched": (), "tests": ()},
    "index-trouble": {
        "index": msgspec.structs.replace(INDEX, troubles=(("unfinished-recording", "killed"),))
    },
    "flaky": {"index": msgspec.structs.replace(INDEX, flaky=5)},
    "unseen-file": {"index": msgspec.structs.replace(INDEX, added=("shop/new.py",))},
    "unseen-reads": {
        "index": msgspec.structs.replace(INDEX, changed=("shop/x.xml",), extensions=("lxml.etree",))
    },
    "empty-selection": {"touched": (), "tests": ()},
    "forced": {"force": "the label full-tests"},
    "audit": {"audit_draw": 0.01},
}


@pytest.mark.parametrize("code", FULL)
def test_what_is_not_known_runs_everything(code: str):
    decision = planned(**FULL[code])
    assert decision.verdict == "full"
    assert code in codes(decision)
    assert decision.outputs["test_plan"]["full_suite"] is True
    assert decision.outputs["test_plan"]["tests"] == []
    assert decision.reasons[0].effect == "full"


def test_an_index_of_the_change_itself_is_named_as_the_cause():
    def why(head: str) -> str:
        index = msgspec.structs.replace(INDEX, commit=head)
        [reason] = planned(index=index, touched=(), tests=()).reasons
        return reason.text

    assert "recorded after the change" in why("c" * 40)
    assert "recorded after the change" not in why("b" * 40)


def test_too_many_files_run_everything():
    files = tuple(FileFact(path=f"docs/{i}.md", status="modified") for i in range(30))
    assert "many-files" in codes(planned(Selection(max_changed_files=20), change=change(*files)))


def test_an_audit_is_logged_with_the_probability_it_had():
    assert planned(audit_draw=0.049).propensity == pytest.approx(0.05)
    assert planned(audit_draw=0.05).verdict == "targeted"
    assert planned(Selection(audit_rate=0), audit_draw=0.0).verdict == "targeted"


def test_a_known_extension_module_widens_nothing():
    index = msgspec.structs.replace(
        INDEX, changed=("shop/x.xml",), extensions=("markupsafe._speedups", "numpy._core.a")
    )
    assert planned(index=index).verdict == "targeted"


def test_without_an_index_suites_are_chosen_by_paths():
    decision = planned(index=None, touched=(), tests=())
    plan = decision.outputs["test_plan"]
    assert decision.verdict == "widened"
    assert [(s["name"], s["how"]) for s in plan["suites"]] == [("unit", "all")]


@pytest.mark.parametrize("files", [(), (FileFact(path="README.md", status="modified", lines_added=9),)])
def test_no_code_changed_runs_the_baseline(files: tuple[FileFact, ...]):
    facts = ChangeFacts(base="b" * 40, head="c" * 40, files=files)
    decision = planned(change=facts, touched=(), tests=())
    assert decision.verdict == "targeted"
    assert [s["name"] for s in decision.outputs["test_plan"]["suites"]] == ["unit"]


def test_a_comment_is_no_reason_to_run_everything():
    touched = (Touched(code="no-code", path="shop/a.py", text="no statement is changed", tests=()),)
    decision = planned(touched=touched, tests=())
    assert decision.verdict == "targeted"
    assert [s["how"] for s in decision.outputs["test_plan"]["suites"]] == ["all"]


def test_a_new_test_file_is_run_and_a_new_data_file_is_not_called_one():
    new = FileFact(path="tests/test_new.py", status="added", lines_added=3)
    index = msgspec.structs.replace(INDEX, added=("tests/test_new.py",))
    decision = planned(change=change(SMALL, new), index=index, new_test_files=("tests/test_new.py",))
    assert decision.outputs["test_plan"]["new_test_files"] == ["tests/test_new.py"]
    assert decision.verdict == "targeted"
    assert planned(index=msgspec.structs.replace(INDEX, added=("tests/new.json",))).verdict == "full"


def test_medium_risk_adds_the_integration_suite():
    files = tuple(FileFact(path=f"shop/{i}.py", status="modified", lines_added=15) for i in range(5))
    decision = planned(change=change(*files))
    assert decision.outputs["risk_tier"] == "medium"
    assert decision.verdict == "widened"
    assert ("integration", "all") in [(s["name"], s["how"]) for s in decision.outputs["test_plan"]["suites"]]
    assert len(decision.outputs["risk"]["features"]) >= 3


def test_advice_can_only_widen_and_by_one_step():
    wide = planned(advice=(Advice(source="m", verdict="full", text="run all"),))
    assert wide.verdict == "widened"
    assert wide.advice[0].accepted
    narrow = planned(force="somebody", advice=(Advice(source="m", verdict="targeted", text="skip"),))
    assert narrow.verdict == "full"
    assert not narrow.advice[0].accepted


@given(
    st.lists(st.sampled_from(sorted(FULL)), max_size=4, unique=True),
    st.floats(0, 1, exclude_max=True),
    st.lists(st.sampled_from(["targeted", "widened", "full", "nonsense"]), max_size=3),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_more_trouble_is_never_a_smaller_plan_and_every_plan_replays(
    names: list[str], draw: float, said: list[str]
):
    order = ORDERS["test-plan"]
    advice = tuple(Advice(source="m", verdict=verdict, text="x") for verdict in said)
    more: dict[str, Any] = {"audit_draw": draw}
    for name in names:
        more |= FULL[name]
    settings = Settings()
    values: dict[str, Any] = {
        "subject": Subject(commit="c" * 40), "change": change(), "audit_seed": "s", "suites": SUITES,
        "index": INDEX, "touched": TOUCHED, "tests": TESTS, "advice": advice,
    }  # fmt: skip
    inputs = Inputs(**values | more)
    decision = decide(inputs, settings, PolicyRef(sha256=digest_of(settings)), STAMP)
    if names:
        assert decision.verdict == "full"
    assert order.rank(decision.verdict) >= 0
    assert decision.propensity is not None
    assert 0 < decision.propensity <= 1
    assert replay(make_bundle(decision, inputs, settings).encode()).same
