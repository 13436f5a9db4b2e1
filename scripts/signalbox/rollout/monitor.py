"""The monitor: looks, asks the judge, moves the traffic. Everything it knows survives its death.

The order is always the same: write what is about to be done, do it, read it back, write what came of it.
Killed between any two of these, the next run finds in the state where traffic may be, and goes on or
retreats from there.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.errors import InputError
from signalbox.rollout import judge
from signalbox.rollout.assess import Assessment, assess
from signalbox.rollout.authority import authority
from signalbox.rollout.clock import Clock, at
from signalbox.rollout.engine import Engine
from signalbox.rollout.looks import Looker
from signalbox.rollout.model import Inputs
from signalbox.rollout.progress import Journal, next_action
from signalbox.rollout.resume import check_previous
from signalbox.rollout.state import State, StateFile
from signalbox.rollout.traffic import TrafficError

_RETREAT_TRIES = 5
_ASTRAY_LOOKS = 3


class Stop(Exception):
    """The monitor was told to stop."""


class Monitor:
    """One run. ``inputs`` are the decision's without looks; :meth:`run` returns them completed."""

    def __init__(
        self,
        inputs: Inputs,
        policy: Rollout,
        *,
        engine: Engine,
        looker: Looker,
        state_file: StateFile,
        journal: Journal,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self.inputs = inputs
        self.rules = inputs.rules(policy)
        self._engine = engine
        self._looker = looker
        self._file = state_file
        self._journal = journal
        self._clock = clock
        self._new_id = new_id
        self._judgement = judge.Judgement()
        self._state: State | None = None
        self._astray = 0

    def run(self) -> Inputs:
        """Watch every slice to its end. Raises ``InputError`` only before any traffic has moved."""
        state, known_bad = self._open()
        try:
            if known_bad:
                self._retreat(known_bad)
            elif state.phase == "done":
                self._finish(ending="done")
            elif state.phase == "finishing":
                # Proved in an earlier run, and killed before the engine was told.
                self._complete()
            elif self._judged().verdict == "rollback":
                # Killed between the finding and the retreat.
                self._roll_back(self._judged())
            elif state.phase == "retreating":
                self._deadline_retreat()
            else:
                self._stop_if_told()
                self._go(state.slice)
        except (Stop, TrafficError) as error:
            self._broken_off(error)
        return self.inputs

    def _broken_off(self, error: Stop | TrafficError) -> None:
        problem = ""
        if isinstance(error, TrafficError):
            problem = str(error)
            self._journal.say(f"traffic: {error}")
            self._journal.event("traffic-error", error=problem)
            # Told to stop in a step: it was not waited for any longer; the next run reads back where it is.
            if self._now_state().phase != "stepping" or not self._clock.wait(0):
                self._finish(ending="frozen", problem=problem)
                return
        self._journal.say("told to stop: traffic is frozen where it is; run me again to resume")
        self._journal.event("interrupted", percent=self._now_state().percent)
        self._finish(ending="interrupted", problem=problem)

    def _go(self, first: int) -> None:
        for index in range(first, len(self.rules.slices)):
            self._step(index)
            if not self._watch(index):
                return
            self._stop_if_told()
        if judge.has_control(self.rules, len(self.rules.slices) - 1):
            self._save(phase="stepping", percent=100.0)
            self._journal.moved(self._engine.move(100.0), "the control share is no longer needed")
        self._save(phase="finishing")
        self._complete()

    def _stop_if_told(self) -> None:
        # Before every order that gives the canary more: told to stop, it gets no more.
        if self._clock.wait(0):
            raise Stop

    def _complete(self) -> None:
        self._engine.finish()
        self._save(phase="done")
        self._journal.say("the canary serves all traffic")
        self._finish(ending="done")

    def _step(self, index: int) -> None:
        percent = judge.weight_at(self.rules, index)
        self._journal.say(self._looker.forecast(index))
        self._save(phase="stepping", slice=index, percent=percent)
        self._journal.moved(self._engine.move(percent), f"slice {index + 1} of {len(self.rules.slices)}")
        self._save(phase="watching")
        self._stop_if_told()
        last = self._judgement.last
        watched = last.since if last and last.slice == index else 0.0
        self._looker.begin(index, watched)

    def _watch(self, index: int) -> bool:
        """Look until the slice has an end; True if the next one may begin."""
        while True:
            if self._looker.wait():
                raise Stop
            look = self._looker.look(index)
            self._judgement = judge.advance(self._judgement, look, self.rules)
            found = self._judged()
            action = next_action(found, self.rules, index)
            self._journal.look(look, found, action)
            # Renews the lease; also proves that the state can still be written.
            self._save()
            if found.verdict == "proceed":
                return True
            if found.verdict == "rollback":
                self._roll_back(found)
                return False
            if found.overdue:
                self._deadline(found)
                return False
            self._check_traffic(found)

    def _check_traffic(self, found: Assessment) -> None:
        """One look may see requests that were under way; several in a row see traffic that did not obey."""
        astray = [r for r in found.reasons if r.code in ("TRAFFIC_NOT_MOVED", "TRAFFIC_REVERTED")]
        self._astray = self._astray + 1 if astray else 0
        if self._astray >= _ASTRAY_LOOKS:
            raise TrafficError(astray[0].text)

    def _judged(self) -> Assessment:
        return assess(self._judgement, self.rules)

    def _roll_back(self, found: Assessment) -> None:
        why = found.reasons[0].text
        bad = {**self._now_state().bad, self.inputs.subject.digest: why}
        allowed = authority(self.inputs, self.rules, at(self._clock.now()))
        self._journal.say(allowed.why)
        if not allowed.allowed:
            self._propose(bad, why)
            return
        self._save(phase="retreating", percent=0.0, bad=bad)
        self._journal.event("rollback", why=why, authority=allowed.why)
        self._to_zero(f"rolled back: {why}")
        self._save(phase="rolled-back")
        self._finish(ending="rolled-back")

    def _propose(self, bad: dict[str, str], why: str) -> None:
        floor = min(self.rules.floor_percent, self._now_state().percent)
        self._save(phase="proposed", percent=floor, bad=bad)
        self._journal.event("proposal", why=why, floor_percent=floor)
        self._journal.moved(self._engine.move(floor), "the floor share, until a person decides")
        self._finish(ending="proposed")

    def _retreat(self, why: str) -> None:
        """This digest was found worse in an earlier run: never forward, only out."""
        self._journal.say(f"this digest was found worse before: {why}")
        if self._engine.read() <= 0:
            self._save(phase="rolled-back", percent=0.0)
            self._finish(ending="rolled-back", known_bad=why)
            return
        self.inputs = msgspec.structs.replace(self.inputs, known_bad=why)
        allowed = authority(self.inputs, self.rules, at(self._clock.now()))
        self._journal.say(allowed.why)
        if not allowed.allowed:
            self._propose(self._now_state().bad, why)
            return
        self._save(phase="retreating", percent=0.0)
        self._journal.event("rollback", why=why, authority=allowed.why)
        self._to_zero("rolled back: found worse before")
        self._save(phase="rolled-back")
        self._finish(ending="rolled-back")

    def _deadline(self, found: Assessment) -> None:
        self._journal.event("deadline", action=self.rules.deadline_action, why=found.reasons[0].text)
        if self.rules.deadline_action == "hold":
            self._finish(ending="frozen")
            return
        self._deadline_retreat()

    def _deadline_retreat(self) -> None:
        allowed = authority(self.inputs, self.rules, at(self._clock.now()))
        if not allowed.allowed:
            self._finish(ending="frozen", problem=f"The deadline's retreat was not made. {allowed.why}")
            return
        self._save(phase="retreating", percent=0.0)
        self._to_zero("retreated by the deadline's policy, not by a finding")
        self._save(phase="retreated")
        self._finish(ending="retreated")

    def _to_zero(self, why: str) -> None:
        self._journal.moved(self._engine.move(0.0, tries=_RETREAT_TRIES), why)

    def _open(self) -> tuple[State, str]:
        """Check everything, resume what there is, measure before anything moves."""
        now, before = self._clock.now(), self._file.read()
        inputs, digest = self.inputs, self.inputs.subject.digest
        if before:
            check_previous(before, inputs, at(now), str(self._file.path))
        bad = before.bad if before else {}
        resumes = before is not None and before.digest == digest and before.phase != "retreated"
        try:
            if resumes or digest in bad:
                self._engine.read()
            else:
                self._engine.check(judge.shares(self.rules), digest)
        except TrafficError as error:
            raise InputError(
                "traffic cannot be steered, and nothing was moved", where="--traffic", why=str(error)
            ) from None
        if before and resumes:
            self._state = before
            self._journal.rollout = before.rollout
            self._temper(before.cluster_size)
            self._journal.say(f"resuming at {before.percent:g}% ({before.phase})")
            self._journal.event("resumed", phase=before.phase, percent=before.percent)
        else:
            self._state = State(
                rollout=self._new_id(),
                deployment=inputs.deployment,
                digest=digest,
                slices=inputs.slices,
                phase="stepping",
                slice=0,
                percent=judge.weight_at(self.rules, 0),
                started_at=at(now),
                updated_at=at(now),
                lease_until=at(now),
                bad=bad,
            )
            self._journal.rollout = self._state.rollout
        if digest in bad:
            return self._state, bad[digest]
        if self._state.phase in ("stepping", "watching"):
            self._prepare()
        return self._state, ""

    def _prepare(self) -> None:
        """Measure before anything moves; what was measured before the rollout began is not measured again."""
        known = self._now_state().cluster_size
        last = self._judgement.last
        self._looker.prepare(last.elapsed if last else 0.0, known)
        self._temper(self._looker.cluster_size)

    def _temper(self, cluster_size: float) -> None:
        self._state = msgspec.structs.replace(self._now_state(), cluster_size=cluster_size)
        self.inputs = msgspec.structs.replace(self.inputs, cluster_size=cluster_size)
        self.rules = self.inputs.rules(self.rules)
        self._judgement = judge.fold(self._journal.audit.looks(self._now_state().rollout), self.rules)

    def _now_state(self) -> State:
        assert self._state is not None
        return self._state

    def _save(self, **changes: object) -> None:
        now = self._clock.now()
        lease = now + max(60.0, 6 * self.rules.look_seconds)
        self._state = msgspec.structs.replace(
            self._now_state(), updated_at=at(now), lease_until=at(lease), **changes
        )
        self._file.write(self._state)

    def _finish(self, **changes: object) -> None:
        # Looks are kept on disk until now: however long a rollout holds, its monitor does not grow.
        looks = tuple(self._journal.audit.looks(self._now_state().rollout))
        self.inputs = msgspec.structs.replace(self.inputs, looks=looks, **changes)
        self._journal.event("end", ending=self.inputs.ending, problem=self.inputs.problem)
