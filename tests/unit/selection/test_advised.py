"""Advice on the plan and on the tier: more tests or the same, never fewer, whatever is said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.decision import ORDERS, Advice, Decision, PolicyRef, Reason, Stamp, Subject, digest_of
from signalbox.selection.decide import decide
from signalbox.selection.facts import ChangeFacts, FileFact, IndexFacts, Inputs, SuiteFact, TestFact
from signalbox.selection.impact import Touched

STAMP = Stamp(id="00000000-0000-4000-8000-000000000003", at="2026-05-10T12:00:00Z", producer="test")
INDEX = IndexFacts(
    sha256="0" * 64,
    commit="a" * 40,
    recorded_at="2026-05-09T12:00:00Z",
    python="3.11.7",
    tests=9,
    seconds=9.0,
)
TESTS = (TestFact("tests/test_a.py::test_a", "tests/test_a.py", 1.0),)
TOUCHED = (Touched(code="executes", path="shop/a.py", text="f is changed", tests=(0,)),)
SUITES = {
    "unit": SuiteFact(paths=("tests",), tests=9, seconds=9.0),
    "integration": SuiteFact(),
    "full": SuiteFact(paths=("tests",), tests=9, seconds=9.0),
}
MORE = Advice(source="m", verdict="widened", text="a reader elsewhere")
FULL = Advice(source="m", verdict="full", text="everything, please")
HIGHER = Advice(source="m", verdict="high", text="hard to undo")


def planned(seen: bool = True, **more: object) -> Decision:
    settings = Settings()
    values = {
        "subject": Subject(commit="c" * 40),
        "change": ChangeFacts(
            base="b" * 40,
            head="c" * 40,
            files=(FileFact(path="shop/a.py", status="modified", lines_added=1),),
            author_commits=1,
        ),
        "audit_draw": 0.9,
        "audit_seed": "s",
        "suites": SUITES,
        "index": INDEX if seen else None,
        "touched": TOUCHED if seen else (),
        "tests": TESTS if seen else (),
    }
    inputs = Inputs(**values | more)  # type: ignore[arg-type]
    return decide(inputs, settings, PolicyRef(sha256=digest_of(settings)), STAMP)


def whole(decision: Decision) -> set[str]:
    return {s["name"] for s in decision.outputs["test_plan"]["suites"] if s["how"] == "all"}


def test_a_named_suite_is_added_with_the_models_sentence():
    decision = planned(advice=(MORE,), additions=("integration",))
    (added,) = [s for s in decision.outputs["test_plan"]["suites"] if s["name"] == "integration"]
    assert (decision.verdict, added["how"], added["why"]) == ("widened", "all", MORE.text)
    assert decision.outputs["test_plan"]["tests"] == [TESTS[0].id]


def test_asking_for_more_without_a_name_runs_a_whole_suite():
    assert whole(planned(advice=(MORE,))) == {"integration"}
    assert whole(planned()) == set()


def test_a_higher_tier_adds_the_suite_of_that_tier_and_no_more_than_one_step():
    decision = planned(risk_advice=(HIGHER,))
    assert decision.outputs["risk_tier"] == "medium"
    assert decision.outputs["risk"]["ruled"] == "low"
    assert decision.verdict == "widened"
    assert "integration" in whole(decision)
    assert any("the risk is medium, not low: hard to undo" in r.text for r in decision.reasons)
    assert planned(risk_advice=(HIGHER,), advice=(FULL,)).verdict == "widened"


def test_words_that_ask_for_nothing_add_nothing():
    quiet = Advice(source="m", verdict="targeted", text="fine")
    assert whole(planned(advice=(quiet,), additions=("integration",))) == set()
    assert whole(planned(advice=(MORE,), additions=("no such suite", "full"))) == {"integration"}


def test_what_is_added_does_not_take_the_place_of_the_baseline():
    facts = ChangeFacts(base="b" * 40, head="c" * 40, files=())
    plain = planned(seen=False, change=facts)
    assert whole(plain) == {"unit"}
    for more in ({"advice": (MORE,), "additions": ("integration",)}, {"risk_advice": (HIGHER,)}):
        assert whole(planned(seen=False, change=facts, **more)) == {"unit", "integration"}


def test_what_the_advisor_could_not_say_has_no_effect():
    note = Reason(code="advisor-garbage", text="No advice: garbage.", effect="full")
    decision = planned(notes=(note,))
    assert decision.verdict == "targeted"
    assert [r.effect for r in decision.reasons if r.code == "advisor-garbage"] == [""]


PLANS = st.lists(st.sampled_from(["targeted", "widened", "full", "nonsense"]), max_size=3)
TIERS = st.lists(st.sampled_from(["low", "medium", "high", "nonsense"]), max_size=3)
NAMES = st.lists(st.sampled_from(["unit", "integration", "full", "security", "made up"]), max_size=3)


@given(PLANS, TIERS, NAMES, st.booleans(), st.booleans())
@hypothesis_settings(max_examples=150, deadline=None)
def test_advice_never_takes_anything_away(
    plans: list[str], tiers: list[str], names: list[str], seen: bool, force: bool
):
    fixed = {"seen": seen, "force": "somebody" if force else ""}
    ruled = planned(**fixed)  # type: ignore[arg-type]
    found = planned(
        **fixed,  # type: ignore[arg-type]
        advice=tuple(Advice(source="m", verdict=verdict, text="x") for verdict in plans),
        risk_advice=tuple(Advice(source="m", verdict=verdict, text="y") for verdict in tiers),
        additions=tuple(names),
    )
    for kind, old, new in (
        ("test-plan", ruled.verdict, found.verdict),
        ("risk", ruled.outputs["risk_tier"], found.outputs["risk_tier"]),
    ):
        assert 0 <= ORDERS[kind].rank(new) - ORDERS[kind].rank(old) <= 1
    if found.verdict != "full":
        assert whole(ruled) <= whole(found)
        covered = found.outputs["test_plan"]["tests"] or whole(found) & {"unit"}
        assert covered or not ruled.outputs["test_plan"]["tests"]
