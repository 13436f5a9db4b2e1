"""Comparison, floors, judge, plan, reuse and replay, on inputs made by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.evals_scene import POLICY, STAMP, verdict_of
from doubles.promptfoo_results import DIGEST, NOW, honest
from signalbox.config import Settings
from signalbox.config.evals import Critical, Evals, JudgeSettings
from signalbox.decision import Advice, Evidence, Gap, PolicyRef, Subject, digest_of, make_bundle, not_verified
from signalbox.evals import Case, Inputs, Judged, decide, find_earlier, key_of, reusable
from signalbox.evals.compare import compare, floors, rounds_of
from signalbox.evals.judge import alarms, anchor_power
from signalbox.evals.plan import next_orders
from signalbox.evals.suite import suite_digest
from signalbox.kinds import replay
from signalbox.stats.betting import Round
from signalbox.stats.rogan_gladen import Counts

DEFAULT = Evals()
SOUND = Judged(good=Counts(20, 20), bad=Counts(20, 20))


def cases(candidate: str, baseline: str, *, count: int = 10, role: str = "r", **rest: Any) -> list[Case]:
    return [
        Case(id=f"{role}-{i}", role=role, candidate=candidate, baseline=baseline, **rest)
        for i in range(count)
    ]


def verdict(found: list[Case], evals: Evals = DEFAULT, **rest: Any) -> Any:
    inputs = Inputs(subject=Subject(digest=DIGEST), cases=tuple(found), judge=SOUND, **rest)
    return decide(inputs, Settings(evals=evals), POLICY, STAMP)


def test_rounds_pair_draw_with_draw_and_use_each_once() -> None:
    found = [Case(id="a", candidate="110", baseline="100"), Case(id="b", candidate="011", baseline="11")]
    assert rounds_of(found) == [Round(1, 1, 0), Round(0, 1, 1)]


def test_rounds_need_every_case_that_the_baseline_knows() -> None:
    assert rounds_of([Case(id="a", candidate="1", baseline="1"), Case(id="b", baseline="1")]) == []


def test_equal_passes_worse_fails_little_is_undecided() -> None:
    assert verdict(cases("1" * 20, "1" * 20)).verdict == "PASS"
    assert verdict(cases("0" * 20, "1" * 20)).verdict == "FAIL"
    little = verdict(cases("1", "1"))
    assert little.verdict == "NOT_VERIFIED"
    assert "about" in little.reasons[0].text
    assert "paired draws" in little.reasons[0].text


def test_one_worse_role_fails_the_whole_and_the_others_stand() -> None:
    decision = verdict(cases("1" * 20, "1" * 20, role="a") + cases("0" * 20, "1" * 20, role="b"))
    assert decision.verdict == "FAIL"
    assert {role["name"]: role["state"] for role in decision.outputs["roles"]} == {"a": "pass", "b": "fail"}


def test_many_roles_make_a_failure_harder_to_show() -> None:
    """Holm: what one role alone would show is not shown when it is the worst of twenty."""
    few = cases("0", "1", count=12, role="x")
    others = [case for n in range(19) for case in cases("1", "1", count=12, role=f"o{n}")]
    (alone,), crowded = compare(few, Evals()), compare(few + others, Evals())
    assert alone.state == "fail"
    assert next(role for role in crowded if role.name == "x").state == "undecided"
    assert next(role for role in crowded if role.name == "x").p_block == pytest.approx(20 * alone.p_block)


def test_margins_are_per_role() -> None:
    found = cases("1" * 4, "1" * 4)
    assert verdict(found).verdict == "NOT_VERIFIED"
    assert verdict(found, Evals(margins={"r": 0.4})).verdict == "PASS"


def test_new_cases_are_shown_and_not_compared() -> None:
    decision = verdict([*cases("1" * 20, "1" * 20), Case(id="new", role="r", candidate="0" * 20)])
    assert decision.verdict == "PASS"
    assert "new-cases" in {reason.code for reason in decision.reasons}


def test_a_role_without_any_baseline_is_not_verified() -> None:
    assert verdict([Case(id="new", role="r", candidate="1" * 30)]).verdict == "NOT_VERIFIED"


def critical(draws: str) -> str:
    (floor,) = floors([Case(id="c", critical=True, candidate=draws, baseline="1")], Critical())
    return floor.state


def test_a_critical_case_may_fail_once_in_22() -> None:
    assert critical("1" * 22) == "pass"
    assert critical("0" + "1" * 21) == "pass"
    assert critical("00" + "1" * 20) == "undecided"
    assert critical("1" * 20) == "undecided"


def test_a_critical_case_fails_as_soon_as_no_later_draw_can_save_it() -> None:
    assert critical("0" * 8) == "undecided"
    assert critical("0" * 10) == "fail"
    # More draws than were planned decide nothing: the interval is exact for a number fixed beforehand.
    assert critical("1" * 22 + "0" * 100) == "pass"


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 10), st.integers(0, 10))
def test_alarms_tell_which_way_the_judge_went(good: int, bad: int, up: int, down: int) -> None:
    judged = Judged(good=Counts(good, 20), bad=Counts(bad, 20), to_pass=up, to_fail=down)
    codes = {alarm.code for alarm in alarms(judged, JudgeSettings())}
    assert ("judge-lenient" in codes) == (bad <= 15)
    assert ("judge-harsh" in codes) == (good <= 14)
    assert not ("judge-lenient-to-stored" in codes and down >= up)


def test_nothing_known_of_the_judge_raises_no_alarm_and_has_no_power() -> None:
    assert alarms(Judged(), JudgeSettings()) == []
    assert anchor_power(Judged(), JudgeSettings()).chance == 0.0


def test_a_drifted_judge_makes_nothing_red_either() -> None:
    harsh = Judged(good=Counts(5, 20), bad=Counts(20, 20))
    inputs = Inputs(subject=Subject(), cases=tuple(cases("0" * 20, "1" * 20, judged=True)), judge=harsh)
    assert decide(inputs, Settings(), POLICY, STAMP).verdict == "NOT_VERIFIED"


@pytest.mark.parametrize(
    ("status", "wanted"), [("pass", "PASS"), ("fail", "FAIL"), ("not_verified", "NOT_VERIFIED")]
)
def test_plain_suites_are_green_or_not(status: Any, wanted: str) -> None:
    gaps = (Gap("no-tests", "nothing ran"),) if status == "not_verified" else ()
    suite = Evidence(kind="tests", status=status, gaps=gaps, facts={"failed": 2, "failing": ["a.b"]})
    assert verdict(cases("1" * 20, "1" * 20), evidence=(suite,)).verdict == wanted
    assert verdict([], evidence=(suite,)).verdict == wanted


def test_nothing_at_all_is_not_verified() -> None:
    assert verdict([]).verdict == "NOT_VERIFIED"


def test_advice_can_only_tighten_and_never_to_a_fail() -> None:
    worse = (Advice(source="m", verdict="FAIL", text="no"),)
    better = (Advice(source="m", verdict="PASS", text="yes"),)
    assert verdict(cases("1" * 20, "1" * 20), advice=worse).verdict == "NOT_VERIFIED"
    assert verdict(cases("0" * 20, "1" * 20), advice=better).verdict == "FAIL"


DRAWS = st.text("01", max_size=6)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(DRAWS, DRAWS, st.booleans(), st.sampled_from("ab")), max_size=6),
    st.booleans(),
)
def test_a_gap_anywhere_is_never_a_pass_and_every_decision_replays(
    drawn: list[tuple[str, str, bool, str]], broken: bool
) -> None:
    found = tuple(
        Case(id=str(i), candidate=c, baseline=b, critical=crit, role=role)
        for i, (c, b, crit, role) in enumerate(drawn)
    )
    gap = (not_verified("evals-session", "cached-row", "replayed"),) if broken else ()
    inputs = Inputs(subject=Subject(digest=DIGEST), cases=found, judge=SOUND, evidence=gap)
    policy = Settings()
    made = decide(inputs, policy, PolicyRef(sha256=digest_of(policy)), STAMP)
    assert made.verdict == "NOT_VERIFIED" or not broken
    again = replay(make_bundle(made, inputs, policy).encode())
    assert again.same, again.difference


def test_a_whole_scene_replays() -> None:
    decision = verdict_of(honest())
    assert decision.outputs["spent"]["target_calls"] == 220
    assert (
        decision.outputs["calls_saved"] == decision.outputs["fixed_design_draws"] - decision.outputs["draws"]
    )


def test_only_what_is_open_is_bought() -> None:
    done = cases("1" * 20, "1" * 40, role="a")
    still = cases("1", "1" * 40, role="b")
    assert [order.role for order in next_orders(done + still, Evals())] == ["b"]
    assert next_orders(done, Evals()) == []
    assert next_orders(done + cases("0" * 20, "1" * 40, role="b"), Evals()) == []


def test_no_more_is_bought_than_the_baseline_or_the_budget_holds() -> None:
    assert next_orders(cases("1" * 3, "1" * 3), Evals()) == []
    assert next_orders(cases("1" * 3, "1" * 9), Evals(budget=30)) == []
    (order,) = next_orders(cases("1" * 3, "1" * 4), Evals())
    assert order.repeat == 1


def test_critical_cases_are_drawn_on_their_own_at_the_end() -> None:
    found = cases("1" * 20, "1" * 40)
    found[0] = msgspec.structs.replace(found[0], critical=True)
    (order,) = next_orders(found, Evals())
    assert (order.role, order.critical, order.repeat) == ("r", True, 2)


def bundle(key: str, verdict: str = "PASS", at: str = NOW, **inputs: Any) -> dict[str, Any]:
    made = {"id": "d1", "verdict": verdict, "decided_at": at}
    return {"decision": made, "inputs": {"subject": {}, "key": key, **inputs}}


def test_a_recorded_verdict_is_taken_again_only_if_it_is_the_same_question() -> None:
    def found(*bundles: dict[str, Any], now: str = NOW) -> Any:
        return find_earlier(bundles, "k", now=now, hours=24)

    assert found(bundle("k"))["decision"]["id"] == "d1"
    assert found(bundle("other")) is None
    assert found(bundle("k", "NOT_VERIFIED")) is None
    assert found(bundle("k"), now="2026-03-09T12:00:00Z") is None
    assert found(bundle("k", at="2027-01-01T00:00:00Z")) is None
    assert found(bundle("k", at="yesterday")) is None
    assert found(bundle("k", reused="d0")) is None
    assert reusable(bundle("k"), "k").reused == "d1"


def test_another_digest_suite_policy_or_model_is_another_question() -> None:
    keys = {
        key_of(DIGEST, "suite", None, "policy", {}),
        key_of(DIGEST, "suite", None, "policy", {"EVALS_JUDGE_MODEL": "other"}),
        key_of(DIGEST, "suite", None, "stricter", {}),
        key_of(DIGEST, "changed", None, "policy", {}),
        key_of("sha256:" + "c" * 64, "suite", None, "policy", {}),
    }
    assert len(keys) == 5
    assert key_of(DIGEST, "suite", None, "policy", {"EVALS_TARGET_URL": "http://x"}) in keys
    assert key_of("", "suite", None, "policy", {}) == ""


def test_the_suites_digest_covers_every_file_beside_the_config(tmp_path: Any) -> None:
    folder = tmp_path / "evals"
    (folder / "node_modules").mkdir(parents=True)
    config = folder / "c.yaml"
    config.write_text("a")
    first = suite_digest(config)
    (folder / "node_modules" / "x").write_text("not part of it")
    assert suite_digest(config) == first
    (folder / "rubric.txt").write_text("b")
    second = suite_digest(config)
    (folder / "rubric.txt").rename(folder / "other.txt")
    assert len({first, second, suite_digest(config)}) == 3
