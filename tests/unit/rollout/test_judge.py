"""The judge and its verdicts: what is proved, what is not, and that a decision can be made again."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from doubles.rollout_world import RULES, inputs_for
from signalbox.config import Settings
from signalbox.config.rollout import Rollout
from signalbox.decision import Advice, PolicyRef, Stamp, canonical, make_bundle
from signalbox.rollout import judge
from signalbox.rollout.assess import assess
from signalbox.rollout.blocks import blocks
from signalbox.rollout.decide import decide
from signalbox.rollout.forecast import Known, seconds_needed, sentence
from signalbox.rollout.model import Inputs, Look
from signalbox.stats.eprocess import Pair

STAMP = Stamp(id="0", at="2027-01-15T09:00:00Z", producer="test")
REF = PolicyRef(sha256="0" * 64)
ERRORS = msgspec.structs.replace(RULES, signals=("errors",))


def look(pair, index=0, since=60.0, **more):
    signals = more.pop("signals", {"errors": (pair,), "latency": (Pair(pair.treated, 0, pair.control, 0),)})
    percent = more.pop("percent", judge.weight_at(RULES, index))
    return Look(
        at="2027-01-15T09:00:00Z",
        elapsed=since,
        slice=index,
        since=since,
        percent=percent,
        signals=signals,
        **more,
    )


def verdict(looks, rules=ERRORS):
    return assess(judge.fold(looks, rules), rules)


def codes(found):
    return [reason.code for reason in found.reasons]


def test_no_look_is_held():
    assert codes(verdict([])) == ["NO_LOOK"]


def test_a_clear_regression_rolls_back_and_says_the_numbers():
    found = verdict([look(Pair(100, 20, 900, 9))])
    assert (found.verdict, codes(found)[0]) == ("rollback", "CANARY_WORSE")
    assert "20% of 100 against 1% of 900" in found.reasons[0].text


def test_a_clean_canary_with_enough_requests_proceeds_and_with_few_holds():
    assert verdict([look(Pair(3000, 0, 27000, 0))]).verdict == "proceed"
    few = verdict([look(Pair(100, 0, 900, 0))])
    assert (few.verdict, codes(few)) == ("hold", ["NOT_YET_PROVEN"])


def test_no_slice_ends_before_its_soak():
    assert codes(verdict([look(Pair(3000, 0, 27000, 0), since=1.0)])) == ["SOAKING"]


def test_an_excess_too_small_to_matter_holds_however_sure_it_is():
    rules = msgspec.structs.replace(ERRORS, min_excess=0.02)
    found = verdict([look(Pair(100_000, 1500, 900_000, 4500))], rules)
    assert found.log_e > found.threshold
    assert (found.verdict, "WORSE_BUT_SMALL" in codes(found)) == ("hold", True)
    assert verdict([look(Pair(100_000, 1500, 900_000, 4500))]).verdict == "rollback"


def test_both_arms_over_the_objective_are_one_incident_and_hold():
    found = verdict([look(Pair(1000, 100, 9000, 900))])
    assert (found.verdict, "SHARED_INCIDENT" in codes(found)) == ("hold", True)


def test_a_look_without_data_holds_though_the_slice_was_proved():
    proved = look(Pair(3000, 0, 27000, 0), since=30)
    blind = look(Pair(0, 0, 0, 0), signals={}, state="down", arm="baseline", since=60)
    assert verdict([proved]).verdict == "proceed"
    found = verdict([proved, blind])
    assert (found.verdict, codes(found)) == ("hold", ["SIGNAL_DOWN"])


def test_a_look_in_which_nothing_new_was_counted_advances_nothing():
    proved = look(Pair(3000, 0, 27000, 0), since=30)
    assert codes(verdict([proved, look(Pair(0, 0, 0, 0), signals={})])) == ["NOTHING_NEW"]


def test_one_missing_signal_forbids_proceeding_and_not_a_rollback():
    some = look(Pair(100, 30, 900, 9), state="empty", signals={"errors": (Pair(100, 30, 900, 9),)})
    assert verdict([some], RULES).verdict == "rollback"
    good = look(Pair(9000, 0, 90000, 0), state="empty", signals={"errors": (Pair(9000, 0, 90000, 0),)})
    found = verdict([good], RULES)
    assert (found.verdict, "SIGNAL_EMPTY" in codes(found)) == ("hold", True)


def test_without_a_baseline_only_the_objective_is_tested():
    before = [look(Pair(3000, 9, 27000, 81), index=0)]
    bad = look(Pair(5000, 400, 0, 0), index=2)
    assert verdict([*before, bad]).verdict == "rollback"
    assert verdict([*before, look(Pair(5000, 10, 0, 0), index=2)]).verdict == "proceed"


def test_a_service_that_never_met_its_objective_is_not_blamed_on_the_canary_at_100():
    before = look(Pair(3000, 120, 27000, 1080), index=0)
    alone = look(Pair(9000, 360, 0, 0), index=2)
    found = verdict([before, alone])
    assert found.verdict == "hold"
    assert "OVER_OBJECTIVE" in codes(found)


def test_an_objective_between_two_edges_decides_only_where_both_agree():
    def two(low, high):
        signals = {"errors": (Pair(3000, 0, 27000, 0),), "latency": (Pair(3000, *low), Pair(3000, *high))}
        return verdict([look(Pair(0, 0, 0, 0), signals=signals)], RULES).verdict

    assert two((0, 27000, 0), (0, 27000, 0)) == "proceed"
    assert two((0, 27000, 0), (900, 27000, 270)) == "hold"
    assert two((600, 27000, 27), (900, 27000, 270)) == "rollback"


@pytest.mark.parametrize(
    ("percent", "routed", "code"),
    [(70.0, (7, 3), "TRAFFIC_REVERTED"), (10.0, (0, 1000), "TRAFFIC_NOT_MOVED")],
)
def test_traffic_that_is_not_where_it_was_ordered_holds(percent, routed, code):
    found = verdict([look(Pair(3000, 0, 27000, 0), percent=percent, routed=routed)])
    assert (found.verdict, codes(found)[0]) == ("hold", code)


def test_a_slice_past_its_deadline_says_so():
    found = verdict([look(Pair(10, 0, 90, 0), since=RULES.deadline_seconds)])
    assert found.overdue
    assert "DEADLINE" in codes(found)


pairs = st.builds(
    lambda n, m, a, b: Pair(n, min(a, n), m, min(b, m)),
    st.integers(0, 3000), st.integers(0, 9000), st.integers(0, 90), st.integers(0, 90),
)  # fmt: skip
states = st.sampled_from(["ok", "down", "timeout", "stale", "reset", "partial"])


@st.composite
def histories(draw):
    looks = []
    for index in range(draw(st.integers(1, 3))):
        for number in range(draw(st.integers(1, 4))):
            state = draw(states)
            signals = (
                {"errors": (draw(pairs),), "latency": (draw(pairs), draw(pairs))} if state == "ok" else {}
            )
            looks.append(
                look(Pair(0, 0, 0, 0), index=index, since=20.0 * number, state=state, signals=signals)
            )
    return looks


@given(histories())
def test_a_look_without_data_never_proceeds_and_never_rolls_back(looks):
    found = verdict(looks, RULES)
    if looks[-1].state != "ok":
        assert found.verdict == "hold"
    assert found.verdict != "proceed" or all(figure.certified for figure in found.figures.values())


@given(histories())
def test_folding_look_by_look_is_folding_all(looks):
    step = judge.Judgement()
    for one in looks:
        step = judge.advance(step, one, RULES)
    assert step == judge.fold(looks, RULES)


@given(
    histories(),
    st.sampled_from(["", "done", "rolled-back", "frozen", "proposed", "interrupted", "retreated"]),
)
def test_a_decision_survives_its_bundle_and_can_be_made_again(looks, ending):
    inputs = msgspec.structs.replace(inputs_for(), looks=tuple(looks), ending=ending)
    settings = Settings(rollout=RULES)
    decision = decide(inputs, settings, REF, STAMP)
    stored = msgspec.json.decode(make_bundle(decision, inputs, settings).encode())
    again = decide(msgspec.convert(stored["inputs"], Inputs), settings, REF, STAMP)
    assert canonical(again) == canonical(decision)
    assert blocks(inputs, RULES)


@given(histories(), st.sampled_from(["proceed", "hold", "rollback", "PASS", ""]))
def test_advice_never_loosens_and_never_forces_a_rollback(looks, said):
    inputs = msgspec.structs.replace(inputs_for(), looks=tuple(looks))
    plain = decide(inputs, Settings(rollout=RULES), REF, STAMP).verdict
    advised = msgspec.structs.replace(inputs, advice=(Advice(source="model", verdict=said, text="…"),))
    verdicts = ("proceed", "hold", "rollback")
    changed = decide(advised, Settings(rollout=RULES), REF, STAMP).verdict
    assert verdicts.index(changed) >= verdicts.index(plain)
    assert changed == plain or (plain, changed) == ("proceed", "hold")


def simulated(rate_canary, rate_baseline, seed, runs, minutes=10):
    """Verdicts of whole rollouts over errors and latency, 10 looks a minute, three slices."""
    rng = np.random.default_rng(seed)
    rules = Rollout(slices=(10, 25, 50), soak_seconds=0)
    found = []
    for _ in range(runs):
        state, outcome = judge.Judgement(), "hold"
        for step in range(minutes * 10):
            index = step * 3 // (minutes * 10)
            n = int(600 * rules.slices[index] / 100)
            m = 600 - n
            errors = Pair(n, int(rng.binomial(n, rate_canary)), m, int(rng.binomial(m, rate_baseline)))
            slow = Pair(n, int(rng.binomial(n, 0.008)), m, int(rng.binomial(m, 0.008)))
            one = look(
                errors, index, percent=rules.slices[index], signals={"errors": (errors,), "latency": (slow,)}
            )
            state = judge.advance(state, one, rules)
            if assess(state, rules).verdict == "rollback":
                outcome = "rollback"
                break
        found.append(outcome)
    return found.count("rollback")


def test_the_whole_judge_rarely_rolls_back_a_healthy_canary():
    wrong = simulated(0.005, 0.005, seed=5, runs=60)
    assert stats.binomtest(wrong, 60, 0.005, alternative="greater").pvalue > 0.01


def test_the_whole_judge_finds_a_canary_four_times_as_bad():
    found = simulated(0.02, 0.005, seed=6, runs=20)
    assert stats.binomtest(found, 20, 0.95, alternative="less").pvalue > 0.01


def test_the_forecast_names_what_will_not_be_proved():
    rules = Rollout()
    quiet = Known(per_second=1.0, rates={"errors": 0.0001, "latency": 0.0})
    busy = Known(per_second=1000.0, rates={"errors": 0.005, "latency": 0.005})
    assert "deadline" in sentence(rules, 0, quiet) or "hold" in sentence(rules, 0, quiet)
    assert max(seconds_needed(rules, 0, busy).values()) < 120
    never = Known(per_second=100.0, rates={"errors": 0.02, "latency": 0.0})
    assert math.isinf(seconds_needed(rules, 3, never)["errors"])
    assert "hold" in sentence(rules, 3, never)
