"""Moves between phases: what each needs, what is refused, and that a refusal changes nothing."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import InputError
from signalbox.phases import KINDS, PHASES
from signalbox.phases.machine import BACK, MOST_ROUTE_BACKS, advance, begin, stopping
from signalbox.phases.store import Store
from unit.phases.samples import SAMPLES

AT = "2026-03-02T12:00:00Z"
GOOD = {phase: msgspec.convert(plain, KINDS[phase]) for phase, plain in SAMPLES.items()}


def stand(phase, **change):
    return msgspec.structs.replace(begin("ABC-1", AT, "ada"), phase=phase, **change)


def go(phase, to, *, records=None, reason="", **change):
    return advance(
        stand(phase, **change), to, GOOD if records is None else records, at=AT, by="ada", reason=reason
    )


def changed(phase, **fields):
    return GOOD | {phase: msgspec.structs.replace(GOOD[phase], **fields)}


def test_good_records_lead_from_the_first_phase_to_the_end():
    state = begin("ABC-1", AT, "ada")
    for to in (*PHASES[1:], "done"):
        move = advance(state, to, GOOD, at=AT, by="ada")
        assert move.refused == "", to
        assert (move.hand_off.from_, move.hand_off.to) == (state.phase, to)
        state = move.state
    assert state.phase == "done"
    assert advance(state, "execute", GOOD, at=AT, by="ada").refused


@pytest.mark.parametrize("phase", PHASES)
def test_no_phase_is_left_without_its_record(phase):
    to = (*PHASES, "done")[PHASES.index(phase) + 1]
    records = {key: one for key, one in GOOD.items() if key != phase}
    assert go(phase, to, records=records).refused


@pytest.mark.parametrize(
    ("phase", "fields", "says"),
    [
        ("idea-to-backlog", {"backlog_gate": "NOT_VERIFIED"}, "backlog gate"),
        ("pull-work", {"readiness": "vague"}, "vague"),
        ("pull-work", {"readiness": "blocked"}, "blocked"),
        ("design-probe", {"drift": "contract_drift", "routing": "alignment"}, "alignment"),
        (
            "review-work",
            {"findings": (msgspec.structs.replace(GOOD["review-work"].findings[0], resolution="open"),)},
            "open",
        ),
        ("verify-work", {"result": "FAIL"}, "FAIL"),
        ("verify-work", {"result": "NOT_VERIFIED"}, "NOT_VERIFIED"),
        ("goal-fit", {"met": False}, "not met"),
        ("evidence-gate", {"verdict": "NOT_VERIFIED"}, "evidence gate"),
        ("release-readiness", {"decision": "hold"}, "hold"),
        ("release-readiness", {"decision": "rollback_required"}, "rollback_required"),
        ("learning-review", {"verdict": "open"}, "open routes"),
        ("learning-review", {"open_routes": ("x",)}, "open routes"),
        ("execute", {"work_item": "ABC-2"}, "about ABC-2"),
    ],
)
def test_a_record_that_says_no_lets_nothing_on(phase, fields, says):
    to = (*PHASES, "done")[PHASES.index(phase) + 1]
    assert says in go(phase, to, records=changed(phase, **fields)).refused


def test_a_probe_comes_before_planning_where_one_is_needed():
    assert go("pull-work", "plan-work").refused == ""
    assert (
        "probe" in go("pull-work", "plan-work", records=changed("pull-work", readiness="needs-probe")).refused
    )


def test_review_comes_before_verification():
    records = {phase: one for phase, one in GOOD.items() if phase != "review-work"}
    assert "review comes before" in go("verify-work", "goal-fit", records=records).refused
    assert "does not follow" in go("execute", "verify-work").refused


def test_a_prototype_waits_for_a_learning_review():
    less = {phase: one for phase, one in GOOD.items() if phase != "learning-review"}
    assert "prototype" in go("release-readiness", "learning-review", records=less, prototype=True).refused
    assert go("release-readiness", "learning-review", prototype=True).refused == ""


def test_nothing_ends_while_a_gate_is_open_or_a_mismatch_is_left():
    assert go("learning-review", "done", open_gates=("learning",)).refused == ""
    assert "release gate is open" in go("learning-review", "done", open_gates=("release", "learning")).refused
    assert "mismatch" in go("learning-review", "done", open_gates=("learning",), mismatches=("x",)).refused
    assert "gate is open" in go("publish-change", "dropped", reason="bored").refused
    assert go("plan-work", "dropped", reason="no longer wanted").refused == ""
    assert go("plan-work", "dropped").refused


@pytest.mark.parametrize(("phase", "to"), [(phase, to) for phase, places in BACK.items() for to in places])
def test_sending_back_needs_a_reason_and_counts_up_to_its_limit(phase, to):
    forward = to in ("plan-work",) and phase == "alignment"
    assert bool(go(phase, to).refused) != forward
    state = stand(phase)
    for _ in range(MOST_ROUTE_BACKS):
        move = advance(state, to, GOOD, at=AT, by="ada", reason="it failed")
        assert move.refused == ""
        assert set(move.state.open_gates) == {"release", "learning"}
        state = msgspec.structs.replace(move.state, phase=phase)
    assert bool(advance(state, to, GOOD, at=AT, by="ada", reason="again").refused) != forward


@given(
    st.sampled_from([*PHASES, "alignment"]),
    st.sampled_from([*PHASES, "alignment", "done", "x"]),
    st.sets(st.sampled_from(PHASES)),
    st.text(max_size=3),
)
def test_a_refused_move_leaves_the_state_as_it_was_and_no_move_skips_to_the_end(phase, to, missing, reason):
    records = {key: one for key, one in GOOD.items() if key not in missing}
    state = stand(phase)
    move = advance(state, to, records, at=AT, by="ada", reason=reason)
    if move.refused:
        assert (move.state, move.hand_off) == (state, None)
    if to == "done":
        assert move.refused  # the release gate is open in every one of these


def test_stopping_with_something_under_way_warns_and_in_strict_mode_blocks():
    text, blocks = stopping(stand("execute"), strict=False)
    assert "execute" in text
    assert not blocks
    assert stopping(stand("execute"), strict=True)[1]
    assert stopping(stand("done"), strict=True) == ("", False)


def test_the_store_notes_a_refusal_touches_nothing_and_keeps_a_fail(tmp_path):
    store = Store(tmp_path)
    assert store.advance("pull-work", at=AT, by="ada") is None
    store.begin("ABC-1", AT, "ada")
    before = (tmp_path / "state.json").read_bytes()
    assert store.advance("pull-work", at=AT, by="ada").refused
    assert (tmp_path / "state.json").read_bytes() == before
    assert not (tmp_path / "handoff.json").exists()
    [line] = (tmp_path / "transition-diagnostics.jsonl").read_text().splitlines()
    assert json.loads(line)["to"] == "pull-work"
    store.write("idea-to-backlog", json.dumps(SAMPLES["idea-to-backlog"]).encode(), "f")
    assert store.advance("pull-work", at=AT, by="ada").refused == ""
    assert json.loads((tmp_path / "handoff.json").read_text())["to"] == "pull-work"
    failed = SAMPLES["verify-work"] | {"result": "FAIL"}
    store.write("verify-work", json.dumps(failed).encode(), "f")
    store.write("verify-work", json.dumps(SAMPLES["verify-work"]).encode(), "f")
    assert json.loads((tmp_path / "history" / "evidence-0001.json").read_text())["result"] == "FAIL"
    with pytest.raises(InputError, match="about XYZ"):
        store.write("execute", json.dumps(SAMPLES["execute"] | {"work_item": "XYZ"}).encode(), "f")
    with pytest.raises(InputError, match="here already"):
        store.begin("ABC-1", AT, "ada")
    store.mismatch("docs say 3", reconciled=False)
    with pytest.raises(InputError):
        store.mismatch("docs say 4", reconciled=True)
    assert store.mismatch("docs say 3", reconciled=True).mismatches == ()
