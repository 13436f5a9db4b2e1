"""make bench-scoring: what the promotion gate lets through, how often it asks, and what it costs."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from results import Figure, report
from scoring_decide import after_drift, through_decide
from scoring_pairs import performance_gate, real_benchmark
from scoring_parts import ROOMS, ROOT, part
from scoring_peers import TooLong, junitparser_rule, limit, sarif_tools_rule, seed_rule
from scoring_worlds import World, calibration_error, conformal, error_of, fixed

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests"))

import scoring_corpus as corpus  # noqa: E402

from signalbox.config import Settings  # noqa: E402
from signalbox.config.scoring import ScoreModel, Scoring  # noqa: E402
from signalbox.decision import PolicyRef, Stamp, Subject, format_time, verify  # noqa: E402
from signalbox.evidence import Provenance, merge_shards, read_folder  # noqa: E402
from signalbox.promotion import Inputs, Past, decide  # noqa: E402
from signalbox.stats.conformal import budget_evidence  # noqa: E402

ALPHA, SEED, RUNS = 0.02, 20, 10_000
WORLDS = (World(0.05, 0.85), World(0.2, 0.76), World(0.02, 0.92))


def ours(folder: Path) -> bool:
    """Promoted by itself, under a policy and a past as permissive as they can be."""
    scoring = Scoring(
        required=corpus.REQUIRED, auto_promote_at=0.75, minimum_coverage=50, model=ScoreModel(intercept=30.0)
    )
    now = format_time(datetime.now(UTC))
    subject = Subject(commit=corpus.COMMIT, digest=corpus.DIGEST)
    given = read_folder(folder, provenance=Provenance(origin="protected"), max_age_hours=24)
    given = [verify(item, now=now, subject=subject) for item in given]
    tests = merge_shards(given, commit=corpus.COMMIT)
    evidence = [item for item in given if item.kind != "tests"] + ([tests] if tests else [])
    past = tuple(Past(label="clean", at=f"{i:03}") for i in range(100))
    inputs = Inputs(subject=subject, evidence=tuple(evidence), past=past, risk="low")
    stamp = Stamp(id="d", at=now, producer="bench")
    settings = Settings(mode="enforce", scoring=scoring)
    return decide(inputs, settings, PolicyRef(sha256="0" * 64), stamp).verdict == "auto-promote"


def corrupt_evidence() -> list[Figure]:
    """How many of the broken folders each rule promotes, and on how many it crashes or hangs."""
    rules = {"signalbox": ours, "seed's bands": seed_rule, "junitparser": junitparser_rule}
    promoted, crashed = dict.fromkeys(rules, 0), dict.fromkeys(rules, 0)
    found = list(corpus.cases())
    with tempfile.TemporaryDirectory() as name:
        folders = []
        for number, (_, build) in enumerate(found):
            folder = Path(name) / str(number) / "evidence"
            folder.mkdir(parents=True)
            build(folder)
            folders.append(folder)
            for rule, promotes in rules.items():
                try:
                    with limit(3):
                        promoted[rule] += promotes(folder)
                except (Exception, TooLong):
                    crashed[rule] += 1
        promoted["sarif-tools"], crashed["sarif-tools"] = sarif_tools_rule(folders)
    n = len(found)
    return [
        _beside("broken evidence promoted", promoted, "cases", n, goal="<= 0"),
        _beside("broken evidence crashes the reader", crashed, "cases", n, goal="<= 0"),
    ]


def _beside(figure: str, values: dict[str, int], unit: str, n: int, goal: str) -> Figure:
    peers = {name: float(value) for name, value in values.items() if name != "signalbox"}
    return Figure(figure, float(values["signalbox"]), unit, peers, n, goal=goal)


def histories() -> list[Figure]:
    """Promoted and bad against the budget, and what is left for people to review."""
    error = error_of(ALPHA, RUNS)
    figures = []
    for world in WORLDS:
        peer = fixed(world, 0.92, RUNS, SEED)
        for n in (49, 100, 300):
            got = conformal(world, n, ALPHA, RUNS, SEED + n)
            where = f"{world.name}, {n} outcomes"
            figures.append(
                Figure(
                    f"P(auto and bad), {where}",
                    got.auto_bad,
                    "share",
                    {"seed's bands": peer.auto_bad, "review everything": 0.0},
                    RUNS,
                    SEED,
                    f"<= {ALPHA + error:.4f}",
                )
            )
            goal = ">= 0.4" if (world.bad, n) == (0.05, 100) else ""
            others = {"seed's bands": peer.auto, "review everything": 0.0}
            figures.append(Figure(f"auto share, {where}", got.auto, "share", others, RUNS, SEED, goal))
            figures.append(
                Figure(
                    f"P(bad | auto), {where}",
                    got.bad_if_auto,
                    "share",
                    {"seed's bands": peer.bad_if_auto},
                    RUNS,
                    SEED,
                )
            )
        goal = f"<= {ALPHA + error:.4f}"
        for adviser, which in (("now", "past left alone"), ("always", "past spoilt")):
            hostile = conformal(world, 100, ALPHA, RUNS, SEED + 100, adviser=adviser)
            where = f"{world.name}, 100 outcomes, adversarial adviser, {which}"
            joint, told = hostile.auto_bad, hostile.bad_if_auto
            figures += [
                Figure(f"P(auto and bad), {where}", joint, "share", {}, RUNS, SEED, goal),
                Figure(f"P(bad | auto), {where}", told, "share", {}, RUNS, SEED),
                Figure(
                    f"promotions it opened, {where}", hostile.opened, "promotions", {}, RUNS, SEED, "<= 0"
                ),
            ]
    early = conformal(WORLDS[0], 48, ALPHA, RUNS, SEED)
    figures.append(Figure("auto share before 49 outcomes", early.auto, "share", {}, RUNS, SEED, "<= 0"))
    return figures


def calibration_and_drift() -> list[Figure]:
    """Calibration after 2,000 outcomes, and how soon the tripwire sees that the world changed."""
    figures = []
    for n in (2000, 4000):
        errors = [calibration_error(n, SEED + history) for history in range(10)]
        peers = {"shipped coefficients": max(shipped for _, shipped in errors)}
        worst, mean = max(error for error, _ in errors), float(np.mean([error for error, _ in errors]))
        where = f"calibration error, {n:,} outcomes"
        figures.append(Figure(f"{where}, worst of 10", worst, "ECE", peers, 10 * 5000, SEED, "<= 0.03"))
        figures.append(Figure(f"{where}, mean of 10", mean, "ECE", {}, 10 * 5000, SEED))
    rng = random.Random(SEED)
    at = 2000 / 0.05
    quiet = sum(budget_evidence((rng.random() < ALPHA for _ in range(2000)), ALPHA) >= at for _ in range(400))
    figures.append(Figure("tripwire false alarms in 2,000", quiet / 400, "share", {}, 400, SEED, "<= 0.05"))
    delays = []
    for _ in range(200):
        stream = [rng.random() < 0.01 for _ in range(300)]
        for delay in range(1, 301):
            stream.append(rng.random() < 0.15)
            if delay % 5 == 0 and budget_evidence(stream, ALPHA) >= at:
                delays.append(delay)
                break
    median = float(np.median(delays))
    figures.append(Figure("tripwire: outcomes until 1% → 15% is seen", median, "median", {}, 200, SEED))
    figures.append(Figure("tripwire: seen within 300", len(delays) / 200, "share", {}, 200, SEED, ">= 0.95"))
    return figures


def speed() -> list[Figure]:
    """One call over 10,000 cases, 5,000 results and 2,000 components."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "junit.xml").write_text(corpus.junit(10_000))
        row = {"message": {"text": "m"}, "ruleId": "R1", "level": "warning"}
        place = {"artifactLocation": {"uri": "src/a.py"}}
        rows = [
            row | {"locations": [{"physicalLocation": place | {"region": {"startLine": i}}}]}
            for i in range(1, 5001)
        ]
        (folder / "scan.sarif").write_text(json.dumps(corpus.sarif(*rows)))
        parts = [{"name": f"p{i}", "purl": f"pkg:pypi/p{i}@1.{i}"} for i in range(2000)]
        bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": parts}
        (folder / "bom.json").write_text(json.dumps(bill))
        command = [
            sys.executable,
            str(ROOT / "scripts/score_artifact.py"),
            "--evidence",
            name,
            "--repo",
            name,
        ]
        started = time.perf_counter()
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        took = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        if ran.returncode not in (1, 3):
            raise SystemExit(f"expected a verdict, got {ran.returncode}: {ran.stderr}")
    return [
        Figure("score 10,000 cases, 5,000 results, 2,000 components", took, "s", {}, 1, goal="<= 2"),
        Figure("its memory", peak, "MB", {}, 1, goal="<= 150"),
    ]


def huge() -> list[Figure]:
    """One JUnit file of 500 MB, read by a process of its own."""
    code = (
        "import sys, time\nfrom signalbox.evidence import read\nstart = time.perf_counter()\n"
        "found = read(sys.argv[1])\nassert found.status == 'pass', found.gaps\n"
        "import resource\npeak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(found.facts['total'], peak, time.perf_counter() - start)\n"
    )
    row = '<testcase classname="shop.cart{}" name="case_{}" file="{}" time="0.01"/>\n'
    with tempfile.TemporaryDirectory() as name:
        path, cases = Path(name) / "junit.xml", 2_000_000
        with path.open("w", encoding="utf-8") as out:
            out.write(f'<testsuite name="huge" tests="{cases}">\n')
            for start in range(0, cases, 1000):
                rows = (row.format(i % 99, i, "x" * 180) for i in range(start, start + 1000))
                out.write("".join(rows))
            out.write("</testsuite>\n")
        size = path.stat().st_size / 1e6
        ran = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    total, peak, took = map(float, ran.stdout.split())
    if total != cases or size < 500:
        raise SystemExit(f"{total} of {cases} cases read from {size:.0f} MB")
    where = f"JUnit of {size:.0f} MB, {cases:,} cases"
    return [
        Figure(f"{where}: memory", peak, "MB", {}, cases, goal="<= 150"),
        Figure(f"{where}: time", took, "s", {}, cases),
    ]


def on_the_line() -> list[Figure]:
    """The corpus once more, as it is typed."""
    from scoring_cli import through_the_command_line

    return through_the_command_line()


def whole_decisions() -> list[Figure]:
    """The same promises for the decision as it is made, not for its threshold alone."""
    return through_decide(100, ALPHA, RUNS, SEED) + after_drift(200, SEED)


def main() -> int:
    """Speed first, while no other child has grown. Arguments name the parts to make; without any, all."""
    rooms = [ROOMS / name for name in ("decision", "evidence", "promotion", "stats")]
    policy = [ROOMS / "config/scoring.py", HERE / "scoring.py", *rooms]
    evidence = [
        *policy,
        HERE / "scoring_peers.py",
        HERE / "readers_peers.py",
        HERE.parent / "tests/scoring_corpus.py",
    ]
    worlds = [*policy, HERE / "scoring_worlds.py"]
    pairs = [HERE / "scoring_pairs.py", ROOMS / "promotion/interleave.py", ROOMS / "stats/signflip.py"]
    parts: dict[str, tuple[list[Path], Callable[[], list[Figure]]]] = {
        "speed": (evidence, speed),
        "huge": ([ROOMS / "evidence", HERE / "scoring.py"], huge),
        "corpus": (evidence, corrupt_evidence),
        "command": ([*evidence, HERE / "scoring_cli.py", ROOT / "scripts/score_artifact.py"], on_the_line),
        "histories": (worlds, histories),
        "decide": ([*worlds, HERE / "scoring_decide.py"], whole_decisions),
        "calibration": (worlds, calibration_and_drift),
        "pairs": (pairs, performance_gate),
        "machine-same": (pairs, partial(real_benchmark, slower=False)),
        "machine-slower": (pairs, partial(real_benchmark, slower=True)),
    }
    asked = sys.argv[1:]
    found = [row for name in asked or parts for row in part(name, *parts[name])]
    if asked:
        for row in found:
            print(f"{row.figure}: {row.value:.4g} {row.unit} (n {row.n}; goal {row.goal or 'none'})")
        return 0
    return report("scoring", found)


if __name__ == "__main__":
    sys.exit(main())
