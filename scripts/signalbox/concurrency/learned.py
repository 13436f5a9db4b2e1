"""What earlier runs teach the next plan: durations, how many runners there really are, how long one waits.

Everything is causal (a plan sees only what was recorded before it) and follows drift: the last runs count, by
their median, so that one bad night moves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

import msgspec

from signalbox.config.concurrency import Concurrency

from .packing import Piece, makespan, pack

LAST = 20
LEAST = 5
SATURATED_SECONDS = 60.0
_MEMORY = 5


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One run as it went: seconds per shard, and of its jobs when each was queued, began and ended.

    ``jobs`` are (queued, started, ended) in seconds since the epoch; ``waiting`` is how many jobs waited when
    the plan was made, None where nobody knew.
    """

    planned_seconds: tuple[float, ...] = ()
    shard_seconds: tuple[float, ...] = ()
    jobs: tuple[tuple[float, float, float], ...] = ()
    waiting: int | None = None


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan may use; None where too little is known (``runs`` says on how many it rests).

    ``ceiling`` runners at most were ever at work at once although more jobs waited. A job waits
    ``wait_base + wait_per_job · jobs waiting`` minutes. Recorded durations come out ``factor`` times as long.
    """

    runs: int = 0
    ceiling: int | None = None
    wait_base: float | None = None
    wait_per_job: float = 0.0
    setup_minutes: float | None = None
    factor: float = 1.0


def learn(observed: Sequence[Observed]) -> Learned:
    """From the runs, oldest first."""
    recent = observed[-LAST:]
    if len(recent) < LEAST:
        return Learned(runs=len(recent))
    ratios = [
        sum(run.shard_seconds) / sum(run.planned_seconds)
        for run in recent
        if sum(run.planned_seconds) > 0 and len(run.shard_seconds) == len(run.planned_seconds)
    ]
    setups = [value for run in recent if (value := _setup(run)) is not None]
    base, slope = _waits(recent)
    full = [limit for run in recent if (limit := _at_once(run)) is not None]
    return Learned(
        runs=len(recent),
        # The most that was ever had: a night on which others took the runners lowers it for no longer.
        ceiling=max(full) if full else None,
        wait_base=base,
        wait_per_job=slope,
        setup_minutes=median(setups) / 60 if len(setups) >= LEAST else None,
        factor=min(2.0, max(0.5, median(ratios))) if len(ratios) >= LEAST else 1.0,
    )


def explain(learned: Learned) -> str:
    """One sentence; empty where nothing was learned."""
    told = []
    if learned.ceiling is not None:
        told.append(f"never more than {learned.ceiling} runners worked at once")
    if learned.wait_base is not None:
        more = f"{learned.wait_per_job:.2f} more for each that waits before it"
        told.append(f"a job waits {learned.wait_base:.1f} minutes and {more}")
    if learned.setup_minutes is not None:
        told.append(f"setting up takes {learned.setup_minutes:.1f} minutes")
    if learned.factor != 1.0:
        told.append(f"tests take {learned.factor:.2f} times what was recorded")
    return f"from the last {learned.runs} runs: {'; '.join(told)}" if told else ""


def predict(runs: Sequence[float]) -> float:
    """The next duration of one test from its earlier ones, oldest first: the mean of the last five.

    One outlier among three or more is left out, so that a run on a sick machine is forgotten at once.
    """
    last = list(runs[-_MEMORY:])
    if len(last) < 3:
        return fmean(last)
    middle = median(last)
    kept = [value for value in last if value <= 3 * middle]
    return fmean(kept)


def durations(
    recorded: Mapping[str, float], records: Sequence[Mapping[str, Any]], factor: float
) -> dict[str, float]:
    """Node id → seconds to plan with: by the test's own last runs, else what was recorded, ``factor`` times.

    ``records`` are outcome records of a ledger as for :func:`history`; their tests are named as JUnit does.
    """
    runs: dict[str, list[float]] = {}
    for record in sorted(records, key=lambda one: str(one.get("observed_at", ""))):
        facts = record.get("facts")
        found = facts.get("seconds") if isinstance(facts, Mapping) else None
        for name, seconds in found.items() if isinstance(found, Mapping) else ():
            if isinstance(seconds, int | float) and 0 <= seconds < 1e6:
                runs.setdefault(str(name), []).append(float(seconds))
    return {
        test: predict(own) if (own := runs.get(_as_junit(test))) else seconds * factor
        for test, seconds in recorded.items()
    }


def _as_junit(test: str) -> str:
    """``tests/test_a.py::T::test_x[1]`` → ``tests.test_a.T::test_x[1]``."""
    plain, bracket, parameters = test.partition("[")
    path, *inner = plain.split("::")
    head = ".".join([path.removesuffix(".py").replace("/", "."), *inner[:-1]])
    return f"{head}::{inner[-1]}{bracket}{parameters}" if inner else head


def regret(shards: Sequence[Sequence[float]], prices: Concurrency) -> tuple[float, float, int]:
    """(what the run cost, the least that the same pieces could have cost, with how many runners).

    ``shards`` holds the seconds of each piece that really ran, by shard. Waiting for runners is left out on
    both sides: it is no choice of the plan's.
    """
    pieces = [Piece(str(i), s) for i, s in enumerate(s for shard in shards for s in shard)]
    paid = _cost([sum(shard) for shard in shards], prices)
    best, count = paid, len(shards)
    longest = max((piece.seconds for piece in pieces), default=0.0)
    for runners in range(1, min(len(pieces), prices.max_runners) + 1):
        packed = pack(pieces, runners)
        cost = _cost([sum(p.seconds for p in shard) for shard in packed], prices)
        if cost < best:
            best, count = cost, runners
        if makespan(packed) <= longest:
            break
    return paid, best, count


def observed_of(facts: Mapping[str, Any]) -> Observed | None:
    """The facts of a recorded plan's outcome; None where they are not such facts."""
    try:
        return msgspec.convert(dict(facts.get("observed", {})), Observed) if facts.get("observed") else None
    except (msgspec.ValidationError, TypeError, ValueError):
        return None


def history(records: Iterable[Mapping[str, Any]]) -> list[Observed]:
    """Outcome records of a ledger (plain, trusted ones only) → the runs they tell of, oldest first."""
    found = []
    for record in records:
        facts = record.get("facts")
        run = observed_of(facts) if isinstance(facts, Mapping) else None
        if run is not None:
            found.append((str(record.get("observed_at", "")), run))
    return [run for _, run in sorted(found, key=lambda pair: pair[0])]


def _cost(shard_seconds: Sequence[float], prices: Concurrency) -> float:
    minutes = [prices.setup_minutes + seconds / 60 for seconds in shard_seconds]
    billed = sum(math.ceil(round(m, 9)) for m in minutes)
    return prices.wait_minute_value * max(minutes, default=0.0) + prices.minute_price * billed


def _setup(run: Observed) -> float | None:
    """Seconds of a job beyond its tests, where jobs and shards are told of alike."""
    if not run.jobs or len(run.jobs) != len(run.shard_seconds):
        return None
    spent = sum(ended - started for _, started, ended in run.jobs) - sum(run.shard_seconds)
    return max(0.0, spent / len(run.jobs))


def _at_once(run: Observed) -> int | None:
    """Jobs at work at once at most, if others waited for long meanwhile; None where runners sufficed."""
    if not run.jobs:
        return None
    waited = [started for queued, started, _ in run.jobs if started - queued > SATURATED_SECONDS]
    first = min(started for _, started, _ in run.jobs)
    # A wait before the first job began is the queue's; one after it says that our own jobs filled it.
    if not any(started - first > SATURATED_SECONDS for started in waited):
        return None
    return max(sum(s <= at < e for _, s, e in run.jobs) for _, at, _ in run.jobs)


def _waits(runs: Sequence[Observed]) -> tuple[float | None, float]:
    """Minutes until the first job begins, by the number of jobs that waited before: Theil and Sen's line."""
    points = [
        (float(run.waiting), (min(s for _, s, _ in run.jobs) - min(q for q, _, _ in run.jobs)) / 60)
        for run in runs
        if run.jobs and run.waiting is not None
    ]
    if len(points) < LEAST:
        return None, 0.0
    slopes = [
        (y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1 :] if x1 != x2
    ]
    slope = max(0.0, median(slopes)) if slopes else 0.0
    return max(0.0, median(y - slope * x for x, y in points)), slope
