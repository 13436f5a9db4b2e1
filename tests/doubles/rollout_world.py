"""A simulated world for the monitor: time, two arms that count, traffic that obeys or not, and sudden death.

Everything the monitor touches goes through here and is counted, so that a test can kill it before any
single operation (``Killed`` is no ``Exception``: nothing can catch it by accident) and run it again.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np

from signalbox.config.rollout import Rollout
from signalbox.decision import Subject
from signalbox.errors import SignalboxError
from signalbox.rollout.clock import at
from signalbox.rollout.engine import Engine
from signalbox.rollout.looks import Looker
from signalbox.rollout.model import Inputs, StandingApproval
from signalbox.rollout.monitor import Monitor
from signalbox.rollout.observe import Arms
from signalbox.rollout.progress import Journal
from signalbox.rollout.remote import RemoteState, Told
from signalbox.rollout.state import Audit, StateFile
from signalbox.rollout.traffic import Routed, TrafficError
from signalbox.signals.exposition import parse
from signalbox.signals.reading import Reading

DIGEST = "sha256:" + "ab" * 32
START = 1_800_000_000.0


class Killed(BaseException):
    """The process is gone: kill -9, a lost runner."""


class World:
    def __init__(self, *, seed: int = 1, per_second: float = 2000.0) -> None:
        self.rng = np.random.default_rng(seed)
        self.per_second = per_second
        self.time = 0.0
        self.jump = 0.0
        self.percent = 0.0
        self.history: list[float] = []
        self.errors = {"canary": 0.004, "baseline": 0.004}
        self.slow = {"canary": 0.005, "baseline": 0.005}
        self.counted = {arm: {"ok": 1, "bad": 1, "slow": 0} for arm in self.errors}
        self.started = dict.fromkeys(self.errors, START)
        self.routed_total = [0, 0]
        self.trouble: dict[str, str] = {}
        self.silent_no_op = False
        self.lying = False
        self.finished = 0
        self.operations = 0
        self.die_at: int | None = None
        self.stop_at: int | None = None
        self.on_operation = lambda: None

    # Every touch of the outside world passes here.
    def touch(self) -> None:
        self.operations += 1
        self.on_operation()
        if self.die_at is not None and self.operations == self.die_at:
            self.die_at = None
            raise Killed

    # Clock
    def now(self) -> float:
        return START + self.time + self.jump

    def monotonic(self) -> float:
        return self.time

    def wait(self, seconds: float) -> bool:
        self.touch()
        if self.stop_at is not None and self.operations >= self.stop_at:
            return True
        self._pass(max(0.0, seconds))
        return False

    def pause(self, seconds: float) -> bool:
        self.touch()
        self._pass(seconds)
        return self.stop_at is not None and self.operations >= self.stop_at

    def _pass(self, seconds: float) -> None:
        self.time += seconds
        requests = int(self.rng.poisson(self.per_second * seconds))
        canary = int(self.rng.binomial(requests, (0.0 if self.lying else self.percent) / 100))
        for index, (arm, share) in enumerate((("canary", canary), ("baseline", requests - canary))):
            bad = int(self.rng.binomial(share, self.errors[arm]))
            self.counted[arm]["ok"] += share - bad
            self.counted[arm]["bad"] += bad
            self.counted[arm]["slow"] += int(self.rng.binomial(share, self.slow[arm]))
            self.routed_total[index] += share

    # Source
    def describe(self) -> str:
        return "a simulated world"

    def read(self) -> Arms:
        self.touch()
        return Arms(canary=self._reading("canary"), baseline=self._reading("baseline"))

    def restart(self, arm: str) -> None:
        """The arm's process starts anew: its counters begin at zero."""
        self.counted[arm] = {"ok": 0, "bad": 0, "slow": 0}
        self.started[arm] = self.now()

    def _reading(self, arm: str) -> Reading:
        state = self.trouble.get(arm, "ok")
        if state == "reset":
            self.restart(arm)
            state = "ok"
        if state != "ok":
            return Reading(state=state, at=self.now(), source="world", detail="so it was ordered")
        count = self.counted[arm]
        total = count["ok"] + count["bad"]
        text = (
            f'http_requests_total{{code="200"}} {count["ok"]}\n'
            f'http_requests_total{{code="500"}} {count["bad"]}\n'
            f'http_request_duration_seconds_bucket{{le="0.5"}} {total - count["slow"]}\n'
            f'http_request_duration_seconds_bucket{{le="+Inf"}} {total}\n'
            f"process_start_time_seconds {self.started[arm]}\n"
        )
        return Reading(
            state="ok", at=self.now(), sampled_at=self.now(), source="world", series=tuple(parse(text))
        )


class WorldTraffic:
    """The world's engine, with the interface of an adapter."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.broken = False

    def describe(self) -> str:
        return "the world's engine"

    def check(self, percents: tuple[float, ...]) -> None:
        self.read()

    def finish(self) -> None:
        self.world.touch()
        if self.broken:
            raise TrafficError("the world's engine does not answer")
        self.world.finished += 1
        self.world.touch()

    def read(self) -> float:
        self.world.touch()
        if self.broken:
            raise TrafficError("the world's engine does not answer")
        return self.world.percent

    def write(self, percent: float) -> None:
        self.world.touch()
        if self.broken:
            raise TrafficError("the world's engine does not answer")
        if not self.world.silent_no_op:
            self.world.percent = percent
            self.world.history.append(percent)
        # Dying after the order was obeyed and before it was read back is the worst moment.
        self.world.touch()

    def routed(self) -> Routed | None:
        self.world.touch()
        return Routed(*self.world.routed_total)


class MortalState(StateFile):
    def __init__(self, path: Path, world: World) -> None:
        super().__init__(path)
        self._world = world

    def write(self, state):
        self._world.touch()
        super().write(state)
        self._world.touch()


class MortalRemote(RemoteState):
    """The state file and a remote place; each touch of either may be the last."""

    def __init__(self, path: Path, world: World, place, holder: str = "1") -> None:
        more = {"deployment": "web", "holder": holder, "now": world.now}
        super().__init__(path, place, say=place.said.append, **more)
        self._world = world

    def write(self, state):
        self._world.touch()
        super().write(state)
        self._world.touch()


class Place:
    """A remote place that outlives every runner: the lines told so far, newest last."""

    def __init__(self, world: World, digest: str = DIGEST) -> None:
        self.world = world
        self.digest = digest
        self.lines: list[tuple[str, Told]] = []
        self.said: list[str] = []
        self.broken = False
        self.holder = "1"

    def last(self):
        self._answer()
        return self.lines[-1][1] if self.lines else None

    def tell(self, sign: str, text: str) -> None:
        self._answer()
        # GitHub takes 140 characters.
        told = Told(digest=self.digest, text=text[:140], holder=self.holder, at=at(self.world.now()))
        self.lines.append((sign, told))
        self.world.touch()

    def _answer(self) -> None:
        self.world.touch()
        if self.broken:
            raise SignalboxError("the place does not answer")


class MortalAudit(Audit):
    def __init__(self, path: Path, world: World) -> None:
        super().__init__(path)
        self._world = world

    def write(self, event):
        try:
            self._world.touch()
        except Killed:
            # Half a line is on disk when the machine goes.
            with self.path.open("ab") as file:
                file.write(b'{"event":"look","rollout":')
            raise
        super().write(event)


RULES = Rollout(
    slices=(10, 50, 100),
    slice_seconds=60,
    soak_seconds=5,
    look_seconds=5,
    deadline_seconds=180,
    min_excess=0.005,
    min_slow_excess=0.01,
    error_objective=0.02,
    latency_quantile=0.97,
)


def inputs_for(
    rules: Rollout = RULES, environment: str = "staging", approval: StandingApproval | None = None
):
    return Inputs(
        subject=Subject(digest=DIGEST, environment=environment),
        deployment="web",
        slices=rules.slices,
        slice_seconds=rules.slice_seconds,
        look_seconds=rules.look_seconds,
        error_objective=rules.error_objective,
        latency_objective_ms=rules.latency_objective_ms,
        moves=True,
        approval=approval,
    )


def run_monitor(
    world: World, folder: Path, rules: Rollout = RULES, traffic=None, said=None, place=None, **more
) -> Inputs:
    """One run of the monitor in this world, with its files in ``folder`` and, if given, a remote place."""
    traffic = traffic or WorldTraffic(world)
    engine = Engine(traffic, world, world)
    with (
        MortalAudit(folder / "audit.jsonl", world) as audit,
        (
            MortalRemote(folder / "state.json", world, place, place.holder)
            if place
            else MortalState(folder / "state.json", world)
        ) as file,
    ):
        journal = Journal(audit, world, (said if said is not None else []).append)
        inputs = inputs_for(rules, **more)
        effective = inputs.rules(rules)
        looker = Looker(effective, source=world, engine=engine, clock=world, journal=journal)
        return Monitor(
            inputs, rules, engine=engine, looker=looker, state_file=file, journal=journal, clock=world,
            new_id=lambda: str(uuid.UUID(int=int(world.rng.integers(2**62)))),
        ).run()  # fmt: skip
