"""The tests that cost most time or patience, and how long jobs waited: from what runs really took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from signalbox.decision import parse_time
from signalbox.feedback.history import History
from signalbox.render.blocks import Block, Table, Text

MOST = 10
LAST_RUNS = 200


def suite_blocks(history: History, *, since: datetime, now: datetime) -> tuple[Block, ...]:
    """Slowest tests by their median, those that change most between failing and passing, and the queue."""
    runs = sorted(
        (o.observed_at, o.facts)
        for o in history.outcomes
        if o.source == "audit" and "observed" in o.facts and since <= parse_time(o.observed_at) <= now
    )[-LAST_RUNS:]
    if not runs:
        return (Text("No run has recorded yet what its test jobs took."),)
    facts = [fact for _, fact in runs]
    blocks: list[Block] = [Text(_queue(facts))]
    slowest, flaky = _tests(facts)
    if slowest:
        blocks.append(Table(("slowest tests", "median seconds", "runs"), slowest))
    if flaky:
        columns = ("tests that change most between failing and passing", "changes", "runs")
        blocks.append(Table(columns, flaky))
    return tuple(blocks)


def _queue(facts: Sequence[Mapping[str, Any]]) -> str:
    waits = sorted(
        (float(job[1]) - float(job[0])) / 60
        for fact in facts
        for job in fact["observed"].get("jobs", ())
        if len(job) == 3
    )
    if not waits:
        return (
            f"{len(facts)} runs recorded their tests' times; GitHub did not say how long their jobs waited."
        )
    last = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
    return (
        f"{len(facts)} runs recorded their tests' times. Their {len(waits)} jobs waited {median(waits):.1f} "
        f"minutes at the median for a runner, {last:.1f} at the 95th percentile."
    )


def _tests(facts: Sequence[Mapping[str, Any]]) -> tuple[tuple[tuple[Any, ...], ...], ...]:
    took: dict[str, list[float]] = defaultdict(list)
    changes: dict[str, int] = defaultdict(int)
    last: dict[str, bool] = {}
    for fact in facts:
        failed = set(fact.get("failed") or ())
        for name, seconds in (fact.get("seconds") or {}).items():
            took[name].append(float(seconds))
            bad = name in failed
            changes[name] += last.get(name, bad) != bad
            last[name] = bad
    slow = sorted(took, key=lambda name: (-median(took[name]), name))[:MOST]
    turning = sorted((name for name in took if changes[name] > 1), key=lambda n: (-changes[n], n))[:MOST]
    return (
        tuple((name, round(median(took[name]), 2), len(took[name])) for name in slow),
        tuple((name, changes[name], len(took[name])) for name in turning),
    )
