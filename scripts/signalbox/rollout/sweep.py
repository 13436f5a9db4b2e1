"""The sweeper: what happens to a rollout whose monitor is gone and did not come back within its lease."""

from __future__ import annotations

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.errors import InputError
from signalbox.rollout.authority import authority
from signalbox.rollout.clock import Clock, at
from signalbox.rollout.engine import Engine
from signalbox.rollout.model import Inputs
from signalbox.rollout.observe import Arms
from signalbox.rollout.progress import Journal
from signalbox.rollout.state import State, StateFile
from signalbox.rollout.traffic import TrafficError
from signalbox.signals import Reading

_TRIES = 5
_UNDER_WAY = ("stepping", "watching", "retreating")


class Blind:
    """No signals at all: for the sweeper, who needs none."""

    def describe(self) -> str:
        """A name for people."""
        return "no signals"

    def read(self) -> Arms:
        """Nothing, and that is said."""
        nothing = Reading(state="empty", at=0.0, source="", detail="nothing is measured here")
        return Arms(canary=nothing, baseline=nothing)


def sweep(
    inputs: Inputs, policy: Rollout, *, engine: Engine, state_file: StateFile, journal: Journal, clock: Clock
) -> Inputs:
    """Retreat from a rollout whose lease ran out; touch nothing else.

    The caller holds the state's lock, so no monitor of this machine is at work. A rollout that has an end,
    waits for a person, or whose lease is still good is left alone (ending ""). Retreating to 0% needs the
    same authority as any rollback: without it the canary keeps the floor share and a person is asked. What
    it did is policy and no finding: the digest is not known as bad.
    """
    state = state_file.read()
    if state is None or state.phase not in _UNDER_WAY:
        journal.say("nothing to sweep: no rollout is under way")
        return inputs
    if state.deployment != inputs.deployment or state.digest != inputs.subject.digest:
        raise InputError(
            f"this is the state of {state.deployment} and {state.digest}",
            where=str(state_file.path),
            fix="Give the sweeper the same --deployment and --digest as the monitor.",
        )
    now = at(clock.now())
    journal.rollout = state.rollout
    # Times in one format and zone sort as text.
    if now <= state.lease_until:
        journal.say(f"nothing to sweep: the monitor's lease is good until {state.lease_until}")
        return inputs
    why = f"Its monitor was last seen at {state.updated_at}, and its lease ran out at {state.lease_until}."
    journal.event("swept", why=why, percent=state.percent)
    journal.say(why)
    rules = inputs.rules(policy)
    # A finding that was being carried out is carried on; it needs no second reason.
    allowed = authority(inputs, rules, now)
    journal.say(allowed.why)
    bad = state.bad.get(state.digest, "")
    inputs = msgspec.structs.replace(inputs, problem=why, known_bad=bad)
    try:
        if allowed.allowed:
            _save(state_file, state, now, phase="retreating", percent=0.0)
            journal.moved(engine.move(0.0, tries=_TRIES), "swept: the monitor is gone")
            _save(state_file, state, now, phase="rolled-back" if bad else "retreated", percent=0.0)
            return msgspec.structs.replace(inputs, ending="rolled-back" if bad else "retreated")
        floor = min(rules.floor_percent, state.percent)
        _save(state_file, state, now, phase="proposed", percent=floor)
        journal.moved(engine.move(floor), "the floor share, until a person decides")
        return msgspec.structs.replace(inputs, ending="proposed")
    except TrafficError as error:
        journal.event("traffic-error", error=str(error))
        return msgspec.structs.replace(inputs, ending="frozen", problem=f"{why} {error}")


def _save(state_file: StateFile, state: State, now: str, **changes: object) -> None:
    state_file.write(msgspec.structs.replace(state, updated_at=now, lease_until=now, **changes))
