"""What adopting would have saved in the last runs: a replay of the shipped rules, as a range.

Nobody can know which tests a past change did not need. What can be replayed is which changes would
have widened to the full suite (they save nothing), how uneven the shards were, and how long jobs
waited; for the rest the range of the assumptions is carried through to the result.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from statistics import fmean

import msgspec

from signalbox.config import Settings
from signalbox.config.globs import first_match

TESTS = re.compile(r"test|spec|pytest|jest|e2e|integration|unit|contract", re.IGNORECASE)
SHARD = re.compile(r"\s*\([^)]*\)\s*$|[ _-]?\d+(?:/\d+)?$")
MINIMUM = 20  # runs with tests, below which there is too little to say


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """A finished job: minutes it ran, minutes it waited for a runner."""

    name: str
    minutes: float
    waited: float


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """One past run. ``files`` None means that the change is not known; then nothing would be saved."""

    run: int
    at: str
    jobs: tuple[Timed, ...]
    files: tuple[str, ...] | None = None


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is not known and therefore assumed; all are printed beside the result."""

    selected_low: float = 0.3
    """Least share of test minutes that selection saves on a change that does not widen."""
    selected_high: float = 0.7
    """Most; NameRTS skipped 69.9% of test files on real changes with 99.6% of commits safe."""
    overhead: float = 0.75
    """Minutes that selecting and planning cost in each run."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes over all runs looked at. ``low`` may be below zero: then adopting may have cost time."""

    runs: int
    tested: int
    widened: int
    unknown: int
    days: float
    minutes: float
    test_minutes: float
    low: float
    high: float
    uneven: float
    waited_p50: float
    waited_p95: float
    enough: bool


def minutes_between(start: str, end: str) -> float | None:
    """Minutes between two RFC 3339 times; None when one is missing or they run backwards."""
    try:
        gap = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60
    except (ValueError, TypeError):
        return None
    return gap if gap >= 0 else None


def widens(files: Sequence[str], settings: Settings) -> bool:
    """Say whether the policy's own globs make a change run everything."""
    selection = settings.selection
    return any(
        first_match(path, selection.full_paths) or first_match(path, selection.sensitive_paths)
        for path in files
    )


def estimate(
    runs: Sequence[Replayed], settings: Settings, assumed: Assumptions | None = None, minimum: int = MINIMUM
) -> Estimate:
    """Replay the runs and return the range of minutes saved.

    Low end: the least share, minus the overhead of every run. High end: the most, on every change
    that does not widen, and balanced shards do not count as minutes (they save waiting, not work).
    Both leave the policy's audits (runs that test everything anyway) unsaved.
    """
    assumed = assumed or Assumptions()
    tested = [run for run in runs if _tests(run)]
    kept = 1 - settings.selection.audit_rate
    low = high = 0.0
    widened = unknown = 0
    for run in tested:
        minutes = sum(job.minutes for job in _tests(run))
        low -= assumed.overhead
        high -= assumed.overhead
        if run.files is None:
            unknown += 1
        elif widens(run.files, settings):
            widened += 1
        else:
            low += kept * assumed.selected_low * minutes
            high += kept * assumed.selected_high * minutes
    waits = sorted(job.waited for run in runs for job in run.jobs)
    return Estimate(
        runs=len(runs),
        tested=len(tested),
        widened=widened,
        unknown=unknown,
        days=_days([run.at for run in runs]),
        minutes=sum(job.minutes for run in runs for job in run.jobs),
        test_minutes=sum(job.minutes for run in tested for job in _tests(run)),
        low=low,
        high=high,
        uneven=sum(uneven(_tests(run)) for run in tested),
        waited_p50=_quantile(waits, 0.5),
        waited_p95=_quantile(waits, 0.95),
        enough=len(tested) - unknown >= minimum,
    )


def uneven(jobs: Sequence[Timed]) -> float:
    """Minutes by which the slowest shard of each test job outlasts the mean: what balance could save."""
    groups: dict[str, list[float]] = defaultdict(list)
    for job in jobs:
        groups[SHARD.sub("", job.name)].append(job.minutes)
    return max((max(g) - fmean(g) for g in groups.values()), default=0.0)


def _tests(run: Replayed) -> list[Timed]:
    return [job for job in run.jobs if TESTS.search(job.name)]


def _days(times: Sequence[str]) -> float:
    gap = minutes_between(min(times), max(times)) if times else None
    return (gap or 0.0) / 1440


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed; 0 when there are none."""
    if not ordered:
        return 0.0
    place = max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)
    return ordered[place]
