"""A rollout whose monitor is gone: left alone within its lease, retreated from after it."""

import msgspec
import pytest

from doubles.rollout_world import (
    RULES,
    Killed,
    MortalAudit,
    MortalState,
    World,
    WorldTraffic,
    inputs_for,
    run_monitor,
)  # fmt: skip
from signalbox.errors import InputError
from signalbox.rollout.engine import Engine
from signalbox.rollout.progress import Journal
from signalbox.rollout.state import StateFile
from signalbox.rollout.sweep import sweep


def swept(world, folder, traffic=None, deployment="web", **more):
    with (
        MortalAudit(folder / "audit.jsonl", world) as audit,
        MortalState(folder / "state.json", world) as file,
    ):
        engine = Engine(traffic or WorldTraffic(world), world, world)
        inputs = inputs_for(RULES, **more)
        inputs = msgspec.structs.replace(inputs, deployment=deployment)
        journal = Journal(audit, world, lambda text: None)
        return sweep(inputs, RULES, engine=engine, state_file=file, journal=journal, clock=world)


def vanished(folder, after=80, **more):
    """A world in which the monitor died in the middle of a slice."""
    world = World()
    world.die_at = after
    with pytest.raises(Killed):
        run_monitor(world, folder, **more)
    assert world.percent > 0
    return world


def phase(folder):
    return StateFile(folder / "state.json").read().phase


def test_within_the_lease_nothing_is_touched(tmp_path):
    world = vanished(tmp_path)
    before = list(world.history)
    assert swept(world, tmp_path).ending == ""
    assert world.history == before
    assert phase(tmp_path) in ("stepping", "watching")


def test_after_the_lease_traffic_goes_to_zero_and_the_digest_may_be_tried_again(tmp_path):
    world = vanished(tmp_path)
    world.time += 61
    inputs = swept(world, tmp_path)
    assert (inputs.ending, world.percent, phase(tmp_path)) == ("retreated", 0, "retreated")
    assert "lease ran out" in inputs.problem
    assert swept(world, tmp_path).ending == "", "once is enough"
    assert run_monitor(world, tmp_path).ending == "done"


def test_in_production_it_takes_the_floor_share_and_asks(tmp_path):
    world = vanished(tmp_path, environment="production")
    world.time += 61
    inputs = swept(world, tmp_path, environment="production")
    assert (inputs.ending, world.percent, phase(tmp_path)) == ("proposed", RULES.floor_percent, "proposed")


def test_a_retreat_that_was_cut_short_is_carried_on(tmp_path):
    world = World()
    world.errors["canary"] = 0.08
    world.on_operation = _die_when_retreating(world, tmp_path)
    with pytest.raises(Killed):
        run_monitor(world, tmp_path)
    world.on_operation = lambda: None
    world.time += 61
    assert swept(world, tmp_path).ending == "rolled-back"
    assert (world.percent, phase(tmp_path)) == (0, "rolled-back")


def _die_when_retreating(world, folder):
    def watch():
        state = StateFile(folder / "state.json").read()
        if state and state.phase == "retreating" and world.percent > 0:
            raise Killed

    return watch


def test_an_engine_that_does_not_answer_is_said_and_tried_again_by_the_next_sweep(tmp_path):
    world = vanished(tmp_path)
    world.time += 61
    traffic = WorldTraffic(world)
    traffic.broken = True
    inputs = swept(world, tmp_path, traffic)
    assert inputs.ending == "frozen"
    assert "does not answer" in inputs.problem
    world.time += 61
    assert swept(world, tmp_path).ending == "retreated"


def test_nothing_there_and_another_rollouts_state(tmp_path):
    world = World()
    assert swept(world, tmp_path).ending == ""
    world = vanished(tmp_path)
    world.time += 61
    with pytest.raises(InputError, match="this is the state of web"):
        swept(world, tmp_path, deployment="shop")
