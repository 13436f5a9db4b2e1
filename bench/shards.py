"""make bench-shards: shards of 1,000 replayed changes, with durations that published projects really had.

Each project's suite is recorded twice: plans see the first run's durations, the bill is made from the
second's. A change is one block that some test executed, drawn from the index, or words that no test depends
on; its tests are those that selection takes. Beside each plan stands the best that any number of runners up
to the limit could do (the longest test, or an even share), and a fixed four that run the whole suite.
``scaled`` multiplies the first run's durations, for a suite of half an hour of the same shape.

    python bench/shards.py [--projects sqlparse,boltons,marshmallow] [--changes 1000] [--seed 1]
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from results import Figure, report
from selection_project import Project

from signalbox.concurrency.decide import Inputs, QueueFact, decide, shards_of
from signalbox.concurrency.work import work_of
from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp, Subject
from signalbox.selection.impact import Difference, Impact

STAMP = Stamp(id="bench", at="2026-01-01T00:00:00Z", producer="bench")
SUITE_SECONDS = 1800.0  # of a scaled suite
WORDS = 0.05  # share of changes that no test depends on


class Recorded(NamedTuple):
    """What two recordings of one project say."""

    name: str
    plan: dict[str, float]
    took: dict[str, float]
    collect: float
    changes: list[tuple[str, ...]]


class Outcome(NamedTuple):
    """Seconds of one change's plan: to its last result, the best there is, all machines', a fixed four's."""

    runners: int
    path: float
    best: float
    machine: float
    four: float
    empty: int


def seconds(index: Path) -> tuple[dict[str, float], float]:
    """Node id → seconds, and those that pytest took beside its tests."""
    with contextlib.closing(sqlite3.connect(index)) as connection:
        tests = dict(connection.execute("SELECT nodeid, seconds FROM test").fetchall())
        row = connection.execute("SELECT value FROM meta WHERE key = 'collect_seconds'").fetchone()
    return tests, float(row[0]) if row else 0.0


def changes(index: Path, number: int, draw: random.Random) -> Iterator[tuple[str, ...]]:
    """The tests of so many changes of one executed block each."""
    with contextlib.closing(sqlite3.connect(index)) as connection:
        names = dict(connection.execute("SELECT id, nodeid FROM test").fetchall())
        blobs = dict(connection.execute("SELECT path, blob FROM file WHERE starts IS NOT NULL").fetchall())
        executed = connection.execute(
            "SELECT f.path, p.bits FROM footprint p JOIN file f ON f.id = p.file "
            "WHERE f.path NOT LIKE 'tests/%'"
        ).fetchall()
        union: dict[str, int] = {}
        for path, bits in executed:
            union[path] = union.get(path, 0) | int.from_bytes(bits, "little")
        places = [
            (p, b) for p, bits in sorted(union.items()) for b in range(bits.bit_length()) if bits >> b & 1
        ]
        for _ in range(number):
            if draw.random() < WORDS:
                yield ()
                continue
            path, block = draw.choice(places)
            edit = (frozenset({block}), ("f",), False, ())
            impact = Impact(connection, blobs | {path: "new"}, lambda *_, edit=edit: edit)
            touched = impact.of(Difference(changed=(path,), deleted=(), added=()))
            yield tuple(sorted({names[test] for item in touched for test in item.tests}))


def replayed(tests: tuple[str, ...], project: Recorded, scale: float, settings: Settings) -> Outcome:
    """Plan the shards of one change and bill them."""
    prices = settings.concurrency
    plan = {"tests": list(tests), "suites": []}
    durations = {test: scale * took for test, took in project.plan.items()}
    asked = work_of(plan, durations, prices.max_runners, {})
    inputs = Inputs(
        subject=Subject(),
        work=asked.work,
        rest=asked.rest,
        queue=QueueFact(jobs=0, source="bench"),
        collect_seconds=project.collect,
    )
    decision = decide(inputs, settings, PolicyRef(sha256="0" * 64), STAMP)
    files: dict[str, list[str]] = {}
    for test in tests:
        files.setdefault(test.partition("::")[0], []).append(test)
    shards = []
    for shard in shards_of(inputs, settings, decision):
        mine: list[str] = []
        for work in shard:
            of_file = files[work.name.partition("::")[0]]
            parts = set(work.functions)
            mine += [t for t in of_file if not parts or t in parts or t.partition("[")[0] in parts]
        shards.append(mine)
    assert sorted(t for s in shards for t in s) == sorted(tests), "every test on one shard"
    fixed = 60 * prices.setup_minutes + project.collect
    took = [scale * project.took.get(test, project.plan[test]) for test in tests]
    ran = [fixed + sum(scale * project.took.get(t, project.plan[t]) for t in shard) for shard in shards]
    best = fixed + max(*took, sum(took) / prices.max_runners) if took else 0.0
    return Outcome(
        runners=len(shards),
        path=max(ran, default=0.0),
        best=best,
        machine=sum(ran),
        four=4 * fixed + scale * sum(project.took.values()),
        empty=sum(not shard for shard in shards),
    )


def figures(label: str, outcomes: list[Outcome], seed: int) -> list[Figure]:
    """What is reported of one set of durations."""
    n = len(outcomes)
    ran = [o for o in outcomes if o.best]
    over = sorted(o.path / o.best - 1 for o in ran)
    machine, four = sum(o.machine for o in outcomes), sum(o.four for o in outcomes)
    runners = Counter(min(o.runners, 2) for o in outcomes)
    saved = 1 - machine / four
    return [
        Figure(
            f"{label}: critical path above the optimum, mean",
            sum(over) / len(over),
            "share",
            {},
            n,
            seed,
            "<= 0.05",
        ),
        Figure(f"{label}: … of the worst of 20 changes", over[int(0.95 * len(over))], "share", {}, n, seed),
        Figure(
            f"{label}: machine-seconds below a fixed four",
            saved,
            "share",
            {},
            n,
            seed,
            ">= 0.6",
        ),
        Figure(f"{label}: plans without a runner", runners[0], "plans", {}, n, seed),
        Figure(f"{label}: plans of one runner", runners[1], "plans", {}, n, seed),
        Figure(f"{label}: most runners", max(o.runners for o in outcomes), "runners", {}, n, seed),
        Figure(f"{label}: empty shards", sum(o.empty for o in outcomes), "shards", {}, n, seed, "<= 0"),
    ]


def main() -> int:
    """Record, replay, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", default="sqlparse,boltons,marshmallow")
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    names = args.projects.split(",")
    draw = random.Random(args.seed)
    settings = Settings()
    projects = []
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        for place, name in enumerate(names):
            project = Project(name, Path(folder))
            project.record()
            planned, collect = seconds(project.index)
            number = args.changes // len(names) + (place < args.changes % len(names))
            drawn = list(changes(project.index, number, draw))
            project.record()
            projects.append(Recorded(name, planned, seconds(project.index)[0], collect, drawn))
    real, scaled = [], []
    for each in projects:
        scale = SUITE_SECONDS / sum(each.plan.values())
        for tests in each.changes:
            real.append(replayed(tests, each, 1.0, settings))
            # Milliseconds of noise, times hundreds, are nobody's noise: here it takes what was planned with.
            scaled.append(replayed(tests, each._replace(took=each.plan), scale, settings))
    return report(
        "shards",
        [*figures("as recorded", real, args.seed), *figures("scaled", scaled, args.seed)],
    )


if __name__ == "__main__":
    sys.exit(main())
