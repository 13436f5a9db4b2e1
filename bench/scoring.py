"""make bench-scoring: what the promotion gate lets through, how often it asks, and what it costs."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from results import Figure, report
from scipy import stats as oracle
from scoring_peers import TooLong, junitparser_rule, limit, sarif_tools_rule, seed_rule
from scoring_worlds import World, calibration_error, conformal, fixed

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import scoring_corpus as corpus  # noqa: E402

from signalbox.config import Settings  # noqa: E402
from signalbox.config.scoring import ScoreModel, Scoring  # noqa: E402
from signalbox.decision import PolicyRef, Stamp, Subject, format_time, verify  # noqa: E402
from signalbox.evidence import Provenance, merge_shards, read_folder  # noqa: E402
from signalbox.promotion import Inputs, Past, decide  # noqa: E402
from signalbox.promotion.interleave import Side, command_runner, default_environ, measure  # noqa: E402
from signalbox.stats.conformal import budget_evidence  # noqa: E402
from signalbox.stats.signflip import holm, least_pairs, log_differences, sign_flip_p  # noqa: E402

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
    error = 3 * (ALPHA * (1 - ALPHA) / RUNS) ** 0.5
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
        hostile = conformal(world, 100, ALPHA, RUNS, SEED + 100, adviser=True)
        where = f"{world.name}, 100 outcomes, adversarial adviser"
        goal = f"<= {ALPHA + error:.4f}"
        figures.append(Figure(f"P(auto and bad), {where}", hostile.auto_bad, "share", {}, RUNS, SEED, goal))
        figures.append(
            Figure(f"promotions it opened, {where}", hostile.opened, "promotions", {}, RUNS, SEED, "<= 0")
        )
    early = conformal(WORLDS[0], 48, ALPHA, RUNS, SEED)
    figures.append(Figure("auto share before 49 outcomes", early.auto, "share", {}, RUNS, SEED, "<= 0"))
    return figures


def calibration_and_drift() -> list[Figure]:
    """Calibration after 2,000 outcomes, and how soon the tripwire sees that the world changed."""
    refitted, shipped = calibration_error(2000, SEED)
    peers = {"shipped coefficients": shipped}
    figures = [Figure("calibration error, 2,000 outcomes", refitted, "ECE", peers, 5000, SEED, "<= 0.03")]
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


def performance_gate() -> list[Figure]:
    """False alarms and power at +10%, simulated: 2% noise a run, and a slow drift that both sides share."""
    figures = []
    for benchmarks in (1, 2, 5, 10):
        pairs = least_pairs(benchmarks, 0.05)
        for slower, goal in ((1.0, "<= 0.05"), (1.1, ">= 0.85" if benchmarks == 1 else "")):
            runs = 1500
            rng = np.random.default_rng(SEED)
            hits = ratio = whitney = 0
            for _ in range(runs):
                drift = np.exp(rng.normal(0, 0.05, (benchmarks, pairs, 1)))
                times = drift * np.exp(rng.normal(0, 0.02, (benchmarks, pairs, 2)))
                times[0, :, 1] *= slower
                raw = [sign_flip_p(log_differences([tuple(p) for p in b], 0.03)) for b in times]
                hits += min(holm(raw)) <= 0.05
                ratio += bool((times[:, :, 1].mean(1) / times[:, :, 0].mean(1) > 1.10).any())
                # One run a side, its iterations taken for independent: what many gates test.
                runs_of = [
                    drift[0, 0, 0] * (slower if side else 1) * np.exp(rng.normal(0, 0.02)) for side in (0, 1)
                ]
                inside = [mean * np.exp(rng.normal(0, 0.01, 20)) for mean in runs_of]
                whitney += oracle.mannwhitneyu(inside[1], inside[0], alternative="greater").pvalue <= 0.05
            what = "false alarms" if slower == 1.0 else "found at +10%"
            peers = {"ratio > 1.10": ratio / runs, "Mann-Whitney, one run": whitney / runs}
            name = f"benchmarks: {what}, {benchmarks} of them, {pairs} pairs"
            figures.append(Figure(name, hits / runs, "share", peers, runs, SEED, goal))
    return figures + real_benchmark()


def real_benchmark() -> list[Figure]:
    """The same on this machine: a real command against itself, and against one that does 10% more work.

    What is timed is the processor time of a loop, the least of 11 short runs, in a process of its own; each
    side of a pair is run three times in turns and its least counts, as ``bench_pairs.py --repeats 3`` does.
    """
    code = "x = 0\nfor i in range({n}): x += i * i"
    gates, rng = 20, random.Random(SEED)
    figures = []
    with tempfile.TemporaryDirectory() as name:
        for what, factor, goal in (("A/A alarms", 1.0, "<= 0.05"), ("A/B at +10% found", 1.1, ">= 0.85")):
            sides = []
            for side, n in (("baseline", 100_000), ("candidate", int(100_000 * factor))):
                folder = Path(name) / f"{what[:3].replace('/', '')}-{side}"
                folder.mkdir()
                timed = f"import json, os, time\ncode = compile({code.format(n=n)!r}, 'loop', 'exec')\n"
                timed += "def once():\n    t = time.process_time()\n    exec(code, {})\n"
                timed += "    return time.process_time() - t\nt = min(once() for _ in range(11))\n"
                timed += "with open(os.environ['SIGNALBOX_BENCH_OUT'], 'w') as f:\n"
                timed += "    json.dump({'loop': t}, f)\n"
                (folder / "bench.py").write_text(timed)
                sides.append(Side(name=side, commit="", folder=folder))
            run = command_runner([sys.executable, "-I", "bench.py"], default_environ(), 60)
            hits = 0
            for _ in range(gates):
                pairs = measure((sides[0], sides[1]), run, rng=rng, pairs=5, warm=0, repeats=3)
                hits += sign_flip_p(log_differences([(a, b) for a, b in pairs["loop"]], 0.03)) <= 0.05
            figures.append(Figure(f"on this machine: {what}", hits / gates, "share", {}, gates, -1, goal))
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


def main() -> int:
    """Speed first, while no other child has grown."""
    found = [*speed(), *corrupt_evidence(), *histories(), *calibration_and_drift(), *performance_gate()]
    return report("scoring", found)


if __name__ == "__main__":
    sys.exit(main())
