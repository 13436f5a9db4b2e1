"""The state that outlives the runner: told line by line, resumed from, swept from, not believed blindly."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.rollout_world import DIGEST, RULES, START, Killed, Place, World, run_monitor
from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp
from signalbox.errors import InputError
from signalbox.rollout.clock import at
from signalbox.rollout.decide import decide
from signalbox.rollout.remote import LEASE_SECONDS, RemoteState, Told, line, newest_under_way, parse
from signalbox.rollout.state import State

PHASES = ["stepping", "watching", "retreating", "rolled-back", "retreated", "proposed", "finishing", "done"]


def verdict_of(inputs):
    stamp = Stamp(id="0", at="2027-01-15T09:00:00Z", producer="test")
    return decide(inputs, Settings(rollout=RULES), PolicyRef(sha256="0" * 64), stamp).verdict


def state(**changes):
    fields = {
        "rollout": "r",
        "deployment": "web",
        "digest": DIGEST,
        "slices": (10.0, 25.0, 50.0, 100.0),
        "phase": "watching",
        "slice": 1,
        "percent": 25.0,
        "started_at": at(START),
        "updated_at": at(START),
        "lease_until": at(START),
    }
    return State(**{**fields, **changes})


def told(text, digest=DIGEST, holder="1"):
    return Told(digest=digest, text=text, holder=holder, at=at(START))


@given(
    st.sampled_from(PHASES),
    st.lists(st.integers(1, 99), max_size=6, unique=True),
    st.floats(0, 100),
    st.none() | st.text(min_size=1, max_size=300),
    st.integers(0, 6),
)
def test_what_is_told_says_where_the_rollout_is_however_short_the_line_is_cut(
    phase, slices, percent, why, index
):
    slices = (*sorted(slices), 100)
    index = min(index, len(slices) - 1)
    bad = {} if why is None else {DIGEST: why}
    before = state(phase=phase, slice=index, percent=percent, slices=tuple(map(float, slices)), bad=bad)
    text = line(before, at(START + 60))[:140]
    after = parse(told(text), "web")
    phase = "watching" if phase == "finishing" else phase
    assert (after.phase, after.slice, after.slices) == (phase, index, before.slices)
    assert after.percent == pytest.approx(percent, abs=0.001)
    assert after.lease_until == at(START + 60)
    assert set(after.bad) == set(bad), "what was found worse stays so"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "success",
        "watching at 10%",
        "watching at 10%; lease until 2027-01-01T00:00:00Z; slice 3 of 10,100",
        "watching at 900%; lease until 2027-01-01T00:00:00Z; slice 1 of 10,100",
        "watching at 1.2.3%; lease until 2027-01-01T00:00:00Z; slice 1 of 10,100",
        "sleeping at 10%; lease until 2027-01-01T00:00:00Z; slice 1 of 10,100",
        "watching at 10%; lease until tomorrow; slice 1 of 10,100",
        "watching at 10%; lease until 2027-01-01T00:00:00Z; slice 1 of 10,100 and more",
    ],
)
def test_lines_of_others_are_not_taken_for_ours(text):
    assert parse(told(text), "web") is None


@pytest.mark.parametrize("bad", [False, True])
def test_a_runner_that_vanishes_with_its_files_loses_nothing_that_matters(tmp_path, monkeypatch, bad):
    """Killed at points all over the run, its folder gone: the next runner resumes or retreats."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)

    def make():
        world = World()
        world.errors["canary"] = 0.08 if bad else 0.004
        return world

    world = make()
    (tmp_path / "whole").mkdir()
    run_monitor(world, tmp_path / "whole", place=Place(world))
    total, wrong = world.operations, []
    for point in range(1, total + 1, 3):
        first, second = tmp_path / f"{point}a", tmp_path / f"{point}b"
        first.mkdir()
        second.mkdir()
        world = make()
        place = Place(world)
        world.die_at = point
        try:
            run_monitor(world, first, place=place)
        except Killed:
            # Known to be bad is what was told; what only the lost runner knew must be found again.
            known = bool(place.lines) and "found worse" in place.lines[-1][1].text
            raised = len(world.history)
            run_monitor(world, second, place=place)
            if known and any(percent > RULES.floor_percent for percent in world.history[raised:]):
                wrong.append((point, world.history))
        if world.percent != (0.0 if bad else 100.0):
            wrong.append((point, world.history))
    assert wrong == []


def test_a_digest_found_worse_stays_known_on_another_runner(tmp_path):
    world = World()
    world.errors["canary"] = 0.08
    place = Place(world)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    run_monitor(world, tmp_path / "one", place=place)
    world.errors["canary"] = 0.0
    before = list(world.history)
    again = run_monitor(world, tmp_path / "two", place=place)
    assert "worse" in again.known_bad
    assert world.history == before
    assert place.lines[-1][0] == "failure"


def test_another_run_waits_until_the_lease_is_over(tmp_path):
    world = World()
    place = Place(world)
    world.die_at = 80
    (tmp_path / "one").mkdir()
    with pytest.raises(Killed):
        run_monitor(world, tmp_path / "one", place=place)
    place.holder = "2"
    (tmp_path / "two").mkdir()
    before = list(world.history)
    with pytest.raises(InputError, match="another monitor holds this rollout"):
        run_monitor(world, tmp_path / "two", place=place)
    assert world.history == before
    world.time += LEASE_SECONDS + 1
    assert run_monitor(world, tmp_path / "two", place=place).ending == "done"
    assert world.history[-1] == 100


def test_a_run_that_leaves_the_traffic_frozen_ends_its_lease(tmp_path):
    world = World()
    place = Place(world)
    file = RemoteState(
        tmp_path / "state.json", place, deployment="web", holder="1", now=world.now, say=place.said.append
    )
    file.write(state())
    file.leave()
    other = RemoteState(
        tmp_path / "other.json", place, deployment="web", holder="2", now=world.now, say=place.said.append
    )
    assert place.lines[-1][0] == "pending"
    assert other.read().phase == "watching"
    file.write(state(phase="done"))
    told_before = len(place.lines)
    file.leave()
    assert len(place.lines) == told_before, "a rollout that has its end has no lease"


@pytest.mark.parametrize("phase", ["finishing", "done"])
def test_words_alone_promote_nothing(tmp_path, phase):
    """Whoever may write a status could say that all is proved: it is looked at again, or not believed."""
    world = World()
    place = Place(world)
    world.errors["canary"] = 0.08
    forged = state(phase=phase, slice=2, percent=100.0, slices=(10.0, 50.0, 100.0))
    place.lines.append(("success", told(line(forged, at(START)))))
    inputs = run_monitor(world, tmp_path, place=place)
    assert world.finished == 0
    assert verdict_of(inputs) != "proceed"


def test_a_lease_is_renewed_now_and_then_and_a_step_is_told_at_once(tmp_path):
    world = World()
    place = Place(world)
    file = RemoteState(
        tmp_path / "state.json", place, deployment="web", holder="1", now=world.now, say=place.said.append
    )
    for _ in range(100):
        file.write(state())
        world.time += 5
    assert 2 <= len(place.lines) <= 4
    before = len(place.lines)
    file.write(state(phase="retreating", percent=0.0))
    assert len(place.lines) == before + 1


def test_a_place_that_does_not_answer_is_asked_rarely(tmp_path):
    """Each try may take its seconds, and looks wait for it."""
    world = World()
    place = Place(world)
    file = RemoteState(
        tmp_path / "state.json", place, deployment="web", holder="1", now=world.now, say=place.said.append
    )
    place.broken = True
    for _ in range(60):
        file.write(state())
        world.time += 5
    assert 4 <= len(place.said) <= 6
    place.broken = False
    world.time += 60
    file.write(state())
    assert len(place.lines) == 1


def test_a_place_that_does_not_answer_stops_no_rollout_but_none_begins_without_it(tmp_path):
    world = World()
    place = Place(world)
    place.broken = True
    with pytest.raises(InputError, match="not known"):
        run_monitor(world, tmp_path, place=place)
    assert world.history == []
    place.broken = False
    world.on_operation = lambda: setattr(place, "broken", bool(world.history))
    assert run_monitor(world, tmp_path, place=place).ending == "done"
    assert any("was not told" in said for said in place.said)


def test_the_newer_of_both_is_believed_and_what_was_found_worse_is_never_forgotten(tmp_path):
    world = World()
    place = Place(world)
    file = RemoteState(
        tmp_path / "state.json", place, deployment="web", holder="1", now=world.now, say=place.said.append
    )
    file.write(state(updated_at=at(START + 50)))
    place.lines.append(("failure", told(line(state(phase="rolled-back", bad={DIGEST: "so"}), at(START)))))
    assert (file.read().phase, file.read().bad) == ("watching", {DIGEST: "so"})
    later = msgspec.structs.replace(place.lines[-1][1], at=at(START + 100))
    place.lines.append(("failure", later))
    assert (file.read().phase, file.read().rollout) == ("rolled-back", "r")


def test_a_sweeper_finds_the_newest_rollout_that_is_under_way():
    done = told(line(state(phase="done"), at(START)), digest="sha256:" + "1" * 64)
    going = told(line(state(), at(START)))
    found = newest_under_way([done, told("words"), going], "web")
    assert found[0] is going
    assert newest_under_way([done], "web") is None
