"""What the monitor does without data, and killed at any point: counted in a simulated world.

    python bench/rollout_survival.py [--runs 1000] [--kills 1000] [--seed 1] [--hours 6]

Chaos: in every slice, each of the nine states of missing data, on one arm, beside a canary that is healthy
or terrible; a promotion or a finding from there on would be wrong. Kills: the process dies before a random
operation (a clock, a reading, an order, a byte on disk), up to three times in a row, and is run again; the
traffic must end at 100% for a good digest and at 0% for a bad one, which never gets traffic again. Cost: a
long rollout that only holds, its processor time a look, and what it keeps in memory.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import tracemalloc
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import msgspec
from results import Figure, report

from doubles.rollout_world import RULES, Killed, World, run_monitor
from signalbox.rollout.assess import assess
from signalbox.rollout.judge import fold

STATES = ("down", "timeout", "error", "empty", "nan", "stale", "reset", "several", "partial")
SHARES = (10, 50, 100)


def chaos(task: tuple[str, int, int, int]) -> tuple[int, int]:
    """(promotions, findings) that came from missing data in ``runs`` runs of one cell."""
    state, stage, runs, seed = task
    promoted = found = 0
    for number in range(runs):
        chance = random.Random(seed * 1_000_003 + number)
        world = World(seed=seed * 7919 + number)
        arm, bad = chance.choice(("canary", "baseline")), chance.random() < 0.5
        # At 100% no baseline is needed: there only the canary's silence is missing data.
        arm = "canary" if stage == len(SHARES) - 1 else arm

        def break_it(world: World = world, arm: str = arm, bad: bool = bad) -> None:
            if len(world.history) > stage:
                world.trouble[arm] = state
                world.errors["canary"] = 0.5 if bad else 0.004

        world.on_operation = break_it
        with _folder() as name:
            inputs = run_monitor(world, Path(name), RULES)
        # A run that never came to this slice held before, with data: that is no promotion.
        promoted += inputs.ending == "done" or len(world.history) > stage + 1
        rules = inputs.rules(RULES)
        verdict = assess(fold(inputs.looks, rules), rules).verdict
        # A healthy canary is rolled back by α's chance also where data is there: in an earlier slice.
        found += verdict == "rollback" and inputs.looks[-1].slice == stage
    return promoted, found


def kills(task: tuple[int, int, int]) -> int:
    """Wrong final states in ``runs`` rollouts that were killed."""
    first, runs, seed = task
    wrong = 0
    for number in range(first, first + runs):
        chance = random.Random(seed * 1_000_003 + number)
        world = World(seed=seed * 7919 + number)
        bad = number % 2 == 1
        if bad:
            world.errors["canary"] = 0.08
        with _folder() as name:
            known_bad_got_traffic = False
            for _ in range(chance.randint(1, 3)):
                world.die_at = world.operations + chance.randint(1, 250)
                before = len(world.history)
                known = _known_bad(Path(name))
                try:
                    run_monitor(world, Path(name))
                except Killed:
                    continue
                finally:
                    known_bad_got_traffic |= known and any(p > 0 for p in world.history[before:])
            world.die_at = None
            before, known = len(world.history), _known_bad(Path(name))
            inputs = run_monitor(world, Path(name))
            known_bad_got_traffic |= known and any(p > 0 for p in world.history[before:])
        wanted = (0.0, "rolled-back") if bad else (100.0, "done")
        wrong += (world.percent, inputs.ending) != wanted or known_bad_got_traffic
    return wrong


def _known_bad(folder: Path) -> bool:
    state = folder / "state.json"
    return state.exists() and bool(msgspec.json.decode(state.read_bytes())["bad"])


def cost(hours: float, seed: int) -> tuple[float, float]:
    """(milliseconds of processor a look, MiB that memory grew by from the first hour on)."""
    # One arm falls silent in turns, so that nothing is ever certified and it goes on holding.
    seconds = hours * 3600
    rules = msgspec.structs.replace(RULES, slices=(10, 100), slice_seconds=seconds, deadline_seconds=seconds)
    rules = msgspec.structs.replace(rules, soak_seconds=seconds, alpha=1e-9)
    world = World(seed=seed, per_second=100.0)
    marks: list[int] = []

    def watch() -> None:
        # Once an hour, while the monitor is at work: afterwards its memory would be free already.
        if tracemalloc.is_tracing() and world.time > 3600 * (len(marks) + 1):
            marks.append(tracemalloc.get_traced_memory()[0])

    world.on_operation = watch
    with _folder() as name:
        began = time.process_time()
        looks = len(run_monitor(world, Path(name), rules).looks)
        spent = time.process_time() - began
    world = World(seed=seed, per_second=100.0)
    world.on_operation = watch
    tracemalloc.start()
    with _folder() as name:
        # A terminal keeps no lines for the process that writes them.
        run_monitor(world, Path(name), rules, said=deque(maxlen=1))
    tracemalloc.stop()
    grown = marks[-1] - marks[0] if len(marks) > 1 else 0
    return 1000 * spent / looks, grown / 2**20


def _folder() -> tempfile.TemporaryDirectory[str]:
    # A killed process loses nothing that it wrote; only a machine does, and waiting for disks is slow.
    fast = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else None)


def main() -> int:
    """Count, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=6.0)
    options = parser.parse_args()
    cells = [
        (state, stage, options.runs, options.seed + 10 * place + stage)
        for place, state in enumerate(STATES)
        for stage in range(len(SHARES))
    ]
    batch = max(1, options.kills // 20)
    batches = [
        (first, min(batch, options.kills - first), options.seed) for first in range(0, options.kills, batch)
    ]
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        wrong = sum(pool.map(kills, batches))
        print(f"killed {options.kills} times: {wrong} wrong", file=sys.stderr, flush=True)
        outcomes = list(pool.map(chaos, cells))
    spent, grown = cost(options.hours, options.seed)
    n = options.runs * len(cells)
    return report(
        "rollout_survival",
        [
            Figure(
                "killed at random points: wrong final states",
                wrong,
                "rollouts",
                {},
                options.kills,
                options.seed,
                "<= 0",
            ),
            Figure(
                "missing data: promotions",
                sum(p for p, _ in outcomes),
                "rollouts",
                {},
                n,
                options.seed,
                "<= 0",
            ),
            Figure(
                "missing data: findings", sum(f for _, f in outcomes), "rollouts", {}, n, options.seed, "<= 0"
            ),
            Figure("processor time of a look", round(spent, 2), "ms", {}, 1, options.seed, "<= 50"),
            Figure(
                f"memory grown from the first to the last of {options.hours:g} hours",
                round(grown, 2),
                "MiB",
                {},
                1,
                options.seed,
                "<= 0.5",
            ),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
