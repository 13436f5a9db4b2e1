"""The monitor in a simulated world: missing data, sudden death, and traffic that does not obey."""

import json
import math

import msgspec
import pytest

from doubles.rollout_world import DIGEST, RULES, START, Killed, World, WorldTraffic, run_monitor
from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp
from signalbox.errors import InputError
from signalbox.rollout.assess import assess
from signalbox.rollout.clock import at
from signalbox.rollout.decide import decide
from signalbox.rollout.judge import Judgement, advance
from signalbox.rollout.model import Look, StandingApproval
from signalbox.rollout.state import StateFile

STAMP = Stamp(id="0", at="2027-01-15T09:00:00Z", producer="test")
REF = PolicyRef(sha256="0" * 64)


def verdict_of(inputs, rules=RULES):
    return decide(inputs, Settings(rollout=rules), REF, STAMP)


def state_of(folder):
    return StateFile(folder / "state.json").read()


def looks_of(folder):
    events = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == "look"]


def faulty(seed=1):
    world = World(seed=seed)
    world.errors["canary"] = 0.08
    return world


def test_a_healthy_canary_goes_through_every_slice(tmp_path):
    world = World()
    inputs = run_monitor(world, tmp_path)
    assert world.history == [10, 50, 100]
    decision = verdict_of(inputs)
    assert (inputs.ending, decision.verdict) == ("done", "proceed")
    assert decision.outputs["slo-only-at-100"] is True
    assert state_of(tmp_path).phase == "done"


def test_the_audit_trail_is_enough_to_judge_every_look_again(tmp_path):
    world = World()
    world.on_operation = lambda: world.errors.update(canary=0.08 if world.percent >= 50 else 0.004)
    inputs = run_monitor(world, tmp_path)
    rules, judgement, looks = inputs.rules(RULES), Judgement(), looks_of(tmp_path)
    for event in looks:
        judgement = advance(judgement, msgspec.convert(event["look"], Look), rules)
        found = assess(judgement, rules)
        assert (found.verdict, [reason.code for reason in found.reasons]) == (
            event["verdict"],
            event["reasons"],
        )
        assert found.log_e / math.log(10) == pytest.approx(event["log10_e"], abs=1e-4)
    assert looks[-1]["action"] == "roll back"
    moved = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [event["move"]["read_back"] for event in moved if event["event"] == "moved"] == [10, 50, 0]


def test_a_faulty_canary_goes_to_zero_and_stays_there(tmp_path):
    world = faulty()
    inputs = run_monitor(world, tmp_path)
    assert (inputs.ending, verdict_of(inputs).verdict) == ("rolled-back", "rollback")
    assert world.history == [10, 0]
    world.errors["canary"] = 0.0
    again = run_monitor(world, tmp_path)
    assert again.known_bad
    assert verdict_of(again).verdict == "rollback"
    # Someone gave it traffic all the same: it is taken away again.
    world.percent = 30.0
    run_monitor(world, tmp_path)
    assert world.percent == 0
    assert max(world.history[1:]) == 0


def test_a_canary_that_turns_bad_late_is_found_in_a_later_slice(tmp_path):
    world = World()
    world.on_operation = lambda: world.errors.update(canary=0.08 if world.percent >= 50 else 0.004)
    inputs = run_monitor(world, tmp_path)
    assert inputs.ending == "rolled-back"
    assert world.history == [10, 50, 0]


def test_with_a_control_share_the_last_slice_is_compared_and_then_takes_all(tmp_path):
    rules = msgspec.structs.replace(RULES, control_share=10)
    world = World()
    inputs = run_monitor(world, tmp_path, rules)
    assert world.history == [10, 50, 90, 100]
    assert verdict_of(inputs, rules).outputs["slo-only-at-100"] is False


TROUBLES = ["down", "timeout", "error", "empty", "nan", "stale", "reset", "several", "partial"]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("arm", ["canary", "baseline"])
@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("bad", [False, True])
def test_missing_data_neither_promotes_nor_rolls_back(tmp_path, trouble, arm, stage, bad):
    """From a slice's first moment on one arm says nothing of use: the traffic stays, until the deadline."""
    world = World()

    def break_it():
        if len(world.history) > stage:
            world.trouble[arm] = trouble
            world.errors["canary"] = 0.5 if bad else 0.004

    world.on_operation = break_it
    inputs = run_monitor(world, tmp_path)
    assert (inputs.ending, verdict_of(inputs).verdict) == ("frozen", "hold")
    assert world.history == [10, 50][: stage + 1]
    held = [event for event in looks_of(tmp_path) if event["look"]["slice"] == stage]
    assert {event["verdict"] for event in held} == {"hold"}
    # A process that starts anew at every look is seen as that, whatever the counters say in between.
    assert {event["look"]["state"] for event in held} <= {trouble, "empty"}


def test_data_that_comes_back_is_used_again(tmp_path):
    world = World()
    world.on_operation = lambda: world.trouble.update(
        canary="down" if 20 < world.time < 80 else "ok", baseline="stale" if 80 < world.time < 100 else "ok"
    )
    inputs = run_monitor(world, tmp_path)
    assert inputs.ending == "done"
    assert {event["look"].get("state", "ok") for event in looks_of(tmp_path)} == {"ok", "down", "stale"}


def test_the_deadlines_retreat_is_policy_and_no_finding(tmp_path):
    rules = msgspec.structs.replace(RULES, deadline_action="retreat")
    world = World()
    world.on_operation = lambda: world.trouble.update(canary="down" if world.history else "ok")
    inputs = run_monitor(world, tmp_path, rules)
    decision = verdict_of(inputs, rules)
    assert (inputs.ending, decision.verdict, world.percent) == ("retreated", "hold", 0)
    assert "DEADLINE_RETREAT" in [reason.code for reason in decision.reasons]
    # It is no bad digest: it may be tried again.
    world.on_operation = world.trouble.clear
    assert run_monitor(world, tmp_path, rules).ending == "done"


def test_the_deadlines_retreat_in_production_needs_the_approval_too(tmp_path):
    rules = msgspec.structs.replace(RULES, deadline_action="retreat")
    world = World()
    world.on_operation = lambda: world.trouble.update(canary="down" if world.history else "ok")
    inputs = run_monitor(world, tmp_path, rules, environment="production")
    assert (inputs.ending, world.percent) == ("frozen", 10)


def operations_of(make, folder):
    world = make()
    run_monitor(world, folder)
    return world.operations


@pytest.mark.parametrize("make", [World, faulty])
def test_killed_before_any_single_operation_it_ends_where_it_must(tmp_path, monkeypatch, make):
    """Every point of the run, one after the other: kill there, run again, look where the traffic is."""
    # A killed process loses nothing that it wrote; only a machine does, and waiting for disks is slow.
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    (tmp_path / "whole").mkdir()
    total = operations_of(make, tmp_path / "whole")
    wrong = []
    for point in range(1, total + 1):
        folder = tmp_path / str(point)
        folder.mkdir()
        world = make()
        world.die_at = point
        try:
            inputs = run_monitor(world, folder)
        except Killed:
            bad_before = _is_bad(folder)
            raised = len(world.history)
            inputs = run_monitor(world, folder)
            if bad_before and any(percent > 0 for percent in world.history[raised:]):
                wrong.append((point, "a bad digest got traffic again", world.history))
        wanted = (100.0, "done") if make is World else (0.0, "rolled-back")
        if (world.percent, inputs.ending) != wanted:
            wrong.append((point, inputs.ending, world.history))
    assert total > 35
    assert wrong == []


def _is_bad(folder):
    try:
        state = state_of(folder)
    except InputError:
        return False
    return bool(state and state.bad)


def test_a_torn_line_in_the_audit_trail_costs_that_look_only(tmp_path):
    world = World()
    world.die_at = 60
    with pytest.raises(Killed):
        run_monitor(world, tmp_path)
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"event":"look","look":{"at"')
    inputs = run_monitor(world, tmp_path)
    assert inputs.ending == "done"
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert sum(1 for line in lines if not line.endswith("}")) == 1


def test_told_to_stop_it_moves_nothing_more(tmp_path):
    world = World()
    world.stop_at = 60
    inputs = run_monitor(world, tmp_path)
    assert (inputs.ending, verdict_of(inputs).verdict) == ("interrupted", "hold")
    assert world.percent == world.history[-1]
    world.stop_at = None
    assert run_monitor(world, tmp_path).ending == "done"


def test_told_to_stop_at_any_moment_the_canary_gets_no_more_and_the_next_run_ends_it(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    (tmp_path / "whole").mkdir()
    total = operations_of(World, tmp_path / "whole")
    wrong = []
    for point in range(1, total, 3):
        folder = tmp_path / str(point)
        folder.mkdir()
        world, seen = World(), []
        world.stop_at = point

        def note(world=world, seen=seen, point=point):
            if world.operations == point:
                seen.append(len(world.history))

        world.on_operation = note
        inputs = run_monitor(world, folder)
        # An order that was being written when the signal came is one; there is no other after it.
        if len(world.history) > seen[0] + 1 or inputs.ending not in ("interrupted", "done"):
            wrong.append((point, inputs.ending, world.history))
        world.stop_at = None
        if run_monitor(world, folder).ending != "done" or world.percent != 100:
            wrong.append((point, "not resumed", world.history))
    assert wrong == []


def approval(**changes):
    fields = {
        "deployment": "web",
        "digest": DIGEST,
        "environment": "production",
        "approved_by": "kim",
        "role": "platform-engineer",
        "approved_at": at(START - 60),
        "expires_at": at(START + 86400),
    }
    return StandingApproval(**{**fields, **changes})


@pytest.mark.parametrize(
    ("environment", "given", "ending"),
    [
        ("staging", None, "rolled-back"),
        ("development", None, "rolled-back"),
        ("production", None, "proposed"),
        ("prodution", None, "proposed"),
        ("", None, "proposed"),
        ("production", approval(), "rolled-back"),
        ("production", approval(digest="sha256:" + "cd" * 32), "proposed"),
        ("production", approval(deployment="other"), "proposed"),
        ("production", approval(environment="staging"), "proposed"),
        ("production", approval(expires_at=at(START - 1)), "proposed"),
        ("production", approval(approved_at=at(START + 80000)), "proposed"),
        ("production", approval(expires_at="soon"), "proposed"),
    ],
)
def test_who_may_roll_back(tmp_path, environment, given, ending):
    world = faulty()
    inputs = run_monitor(world, tmp_path, environment=environment, approval=given)
    assert inputs.ending == ending
    assert world.percent == (0 if ending == "rolled-back" else RULES.floor_percent)
    assert verdict_of(inputs).verdict == "rollback"


def test_a_proposed_rollback_is_carried_out_once_it_is_approved(tmp_path):
    world = faulty()
    run_monitor(world, tmp_path, environment="production")
    assert run_monitor(world, tmp_path, environment="production").ending == "proposed"
    inputs = run_monitor(world, tmp_path, environment="production", approval=approval())
    assert (inputs.ending, world.percent) == ("rolled-back", 0)
    assert world.history == [10, 1, 1, 0]


def test_a_silent_no_op_is_an_error(tmp_path):
    world = World()
    world.silent_no_op = True
    inputs = run_monitor(world, tmp_path)
    assert (inputs.ending, verdict_of(inputs).verdict) == ("frozen", "hold")
    assert "nothing moved" in inputs.problem


def test_requests_that_do_not_follow_the_weights_are_an_error(tmp_path):
    world = World()
    world.lying = True
    inputs = run_monitor(world, tmp_path)
    assert inputs.ending == "frozen"
    assert "the canary got 0%" in inputs.problem


def test_an_engine_that_fails_in_a_rollback_is_tried_again_and_by_the_next_run_too(tmp_path):
    world, said = faulty(), []
    traffic = WorldTraffic(world)
    # The engine breaks as soon as the finding is written down.
    world.on_operation = lambda: setattr(traffic, "broken", _is_bad(tmp_path) and world.time < 200)
    inputs = run_monitor(world, tmp_path, traffic=traffic, said=said)
    assert (inputs.ending, world.percent) == ("frozen", 10)
    assert verdict_of(inputs).verdict == "rollback"
    world.time = 300
    assert run_monitor(world, tmp_path, traffic=traffic).ending == "rolled-back"
    assert world.percent == 0


def test_an_engine_that_cannot_be_read_stops_it_before_anything_moves(tmp_path):
    world = World()
    traffic = WorldTraffic(world)
    traffic.broken = True
    with pytest.raises(InputError, match="cannot be steered"):
        run_monitor(world, tmp_path, traffic=traffic)
    assert world.history == []


def test_a_clock_that_jumps_costs_the_look_and_nothing_else(tmp_path):
    world = World()
    world.on_operation = lambda: setattr(world, "jump", 3600.0 if world.time > 30 else 0.0)
    inputs = run_monitor(world, tmp_path)
    assert inputs.ending == "done"
    jumped = [event for event in looks_of(tmp_path) if "clock jumped" in event["look"].get("detail", "")]
    assert len(jumped) == 1
    assert jumped[0]["verdict"] == "hold"


def test_two_monitors_exclude_each_other(tmp_path):
    with StateFile(tmp_path / "state.json"), pytest.raises(InputError, match="another monitor"):
        run_monitor(World(), tmp_path)
    assert run_monitor(World(), tmp_path).ending == "done"


def test_a_new_digest_begins_a_new_rollout_and_the_bad_one_stays_known(tmp_path):
    run_monitor(faulty(), tmp_path)
    bad = state_of(tmp_path)
    StateFile(tmp_path / "state.json").write(
        msgspec.structs.replace(bad, digest="sha256:" + "cd" * 32, phase="done")
    )
    world = World()
    world.time = 1000.0
    inputs = run_monitor(world, tmp_path)
    assert inputs.known_bad
    assert world.history == []


def test_a_rerun_of_a_finished_rollout_changes_nothing(tmp_path):
    world = World()
    run_monitor(world, tmp_path)
    before = list(world.history)
    inputs = run_monitor(world, tmp_path)
    assert (inputs.ending, verdict_of(inputs).verdict) == ("done", "proceed")
    assert world.history == before


def test_a_service_without_requests_is_held_and_no_traffic_is_promoted(tmp_path):
    world, said = World(per_second=0.0), []
    inputs = run_monitor(world, tmp_path, said=said)
    assert (inputs.ending, world.history) == ("frozen", [10])
    assert any("no forecast" in line for line in said)
