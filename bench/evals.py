"""The evals gate on simulated sessions, on a corpus of sabotaged results, and on the clock.

    python bench/evals.py [--runs 10000] [--seed 1]

Peers see the same draws: a fixed threshold (block when the observed difference is below the margin), statgate
and evalproof, each with 60 cases × 3 repeats of both arms, which is the design they are used with.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import evals_peers
import evals_world as world
import numpy as np
from results import Figure, report

from doubles import promptfoo_results as corpus
from doubles.evals_scene import verdict_of
from signalbox.config.evals import Evals, JudgeSettings
from signalbox.decision import canonical
from signalbox.evals.baseline import Baseline, StoredCase, make
from signalbox.evals.inputs import Case, Judged
from signalbox.evals.judge import alarms
from signalbox.evals.plan import first_order, next_orders
from signalbox.evals.promptfoo import read
from signalbox.stats.binomial import upper_bound
from signalbox.stats.rogan_gladen import Counts

ROOT = Path(__file__).resolve().parent.parent
EFFECTS = (0.0, 5.0, 10.0, 15.0, 25.0)
BAD_ANCHORS, GOOD_ANCHORS = 50, 30
PEER_RUNS, PEER_REPEATS, PLAN_RUNS = 300, 3, 150


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    figures = [
        *power(args.runs, args.seed),
        *drifting_judge(args.runs, args.seed),
        *saved_calls(args.runs, args.seed),
        *sabotage(),
        *clock(),
    ]
    return report("evals", figures)


def power(runs: int, seed: int) -> list[Figure]:
    """Errors and draws against the effect, within the budget and along it."""
    baseline = world.rates(seed)
    decided = {effect: _decided(baseline, world.worse(baseline, effect), runs, seed) for effect in EFFECTS}
    peers = {effect: _peers(baseline, world.worse(baseline, effect), seed) for effect in (0.0, 5.0, 15.0)}
    equal, margin, clear = decided[0.0], decided[5.0], decided[15.0]
    shipped = int(margin.shipped.sum())
    curve = [
        Figure(
            f"equal: undecided within {budget} paired draws",
            equal.within(budget)[2],
            "share",
            n=runs,
            seed=seed,
        )
        for budget in (600, 1200, 1800)
    ]
    return [
        Figure("equal: blocked", equal.within(world.BUDGET)[1], "share",
               _share(peers[0.0], "fail"), runs, seed, "<= 0.01"),
        *curve,
        Figure("equal: undecided within 2400 paired draws", equal.within(world.BUDGET)[2], "share",
               _share(peers[0.0], "undecided"), runs, seed, "<= 0.05"),
        Figure("−15 points: blocked", clear.within(world.BUDGET)[1], "share",
               _share(peers[15.0], "fail"), runs, seed, ">= 0.99"),
        Figure("−15 points: median paired draws", float(np.median(clear.draws)), "draws",
               dict.fromkeys(peers[15.0], 180.0), runs, seed, "<= 200"),
        Figure("−5 points (the margin): shipped", shipped / runs, "share",
               _share(peers[5.0], "pass"), runs, seed, "<= 0.05"),
        Figure("−5 points: shipped, 95% upper bound", upper_bound(shipped, runs), "share",
               {}, runs, seed, "<= 0.06"),
        *_harder(runs, seed),
    ]  # fmt: skip


def _harder(runs: int, seed: int) -> list[Figure]:
    """The same with noisier cases (mean pass rate about 0.8), without a goal: what noise costs."""
    baseline = world.rates(seed, centre=1.7)
    equal = _decided(baseline, baseline, runs, seed)
    clear = _decided(baseline, world.worse(baseline, 15.0), runs, seed)
    margin = _decided(baseline, world.worse(baseline, 5.0), runs, seed)
    kind = f"cases at {baseline.mean():.2f}"
    return [
        Figure(f"{kind}, equal: undecided", equal.within(world.BUDGET)[2], "share", n=runs, seed=seed),
        Figure(
            f"{kind}, −15: median paired draws", float(np.median(clear.draws)), "draws", n=runs, seed=seed
        ),
        Figure(f"{kind}, at the margin: shipped", margin.within(world.BUDGET)[0], "share", n=runs, seed=seed),
    ]


def drifting_judge(runs: int, seed: int) -> list[Figure]:
    """A candidate 10 points worse behind a judge whose specificity fell from .95 to .65."""
    settings = JudgeSettings()
    true = world.rates(seed)
    hidden = world.worse(true, 10.0)
    before = 0.95 * true + 0.05 * (1 - true)
    after = 0.95 * hidden + 0.35 * (1 - hidden)
    decided = _decided(before, after, runs, seed)
    drifted = _alarmed(settings, 0.95, 0.65, runs, seed)
    sound = _alarmed(settings, 0.95, 0.95, runs, seed + 1)
    peers = _peers(before, after, seed)
    calls = float(BAD_ANCHORS + GOOD_ANCHORS)
    return [
        Figure("hidden −10 behind a lenient judge: shipped", float((decided.shipped & ~drifted).mean()),
               "share", _share(peers, "pass"), runs, seed, "<= 0.01"),
        Figure("extra judge calls for that", calls, "calls", dict.fromkeys(peers, 0.0), 1, -1, "<= 80"),
        Figure("judge as declared: false alarms", float(sound.mean()), "share", {}, runs, seed, "<= 0.01"),
    ]  # fmt: skip


def _alarmed(settings: JudgeSettings, sensitivity: float, specificity: float, runs: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    good, bad = rng.binomial(GOOD_ANCHORS, sensitivity, runs), rng.binomial(BAD_ANCHORS, specificity, runs)
    known: dict[tuple[int, int], bool] = {}
    for pair in zip(good.tolist(), bad.tolist(), strict=True):
        if pair not in known:
            judged = Judged(good=Counts(pair[0], GOOD_ANCHORS), bad=Counts(pair[1], BAD_ANCHORS))
            known[pair] = bool(alarms(judged, settings))
    return np.array([known[pair] for pair in zip(good.tolist(), bad.tolist(), strict=True)])


def saved_calls(runs: int, seed: int) -> list[Figure]:
    """Draws that are really bought, batch by batch, against one look of a design that errs as rarely.

    The fixed design is the normal-theory test with known variance at the same α, large enough for the power
    measured at "equal" and at −10 points; each paired draw is one call of the target and one of the judge.
    """
    baseline = world.rates(seed)
    bought, needed = [], []
    for effect in EFFECTS:
        candidate = world.worse(baseline, effect)
        bought.append(statistics.fmean(_bought(baseline, candidate, seed + run) for run in range(PLAN_RUNS)))
        if effect in (0.0, 10.0):
            shipped, blocked, _ = _decided(baseline, candidate, runs, seed).within(world.BUDGET)
            variance = float((baseline * (1 - baseline) + candidate * (1 - candidate)).mean())
            needed.append(_fixed(variance, min(max(shipped, blocked), 1 - 1 / runs)))
    fixed, mean = max(needed), statistics.fmean(bought)
    detail = ", ".join(f"{-e:+g}: {b:.0f}" for e, b in zip(EFFECTS, bought, strict=True))
    print(f"paired draws bought on average ({detail}); the fixed design takes {fixed:.0f}", file=sys.stderr)
    return [
        Figure("calls saved over equal, −5, −10, −15, −25", 1 - mean / fixed, "share",
               {"fixed design": 0.0}, PLAN_RUNS * len(EFFECTS), seed, ">= 0.5"),
        Figure("paired draws bought on average", mean, "draws", {"fixed design": float(fixed)},
               PLAN_RUNS * len(EFFECTS), seed),
    ]  # fmt: skip


def _fixed(variance: float, reached: float) -> int:
    from signalbox.stats.noninferiority import fixed_design

    return fixed_design(variance, margin=world.MARGIN, alpha=world.ALPHA, power=reached)


def _bought(baseline: Any, candidate: Any, seed: int) -> int:
    """Paired draws that ``next_orders`` buys in one session, overshoot included."""
    rng = np.random.default_rng(seed)
    stored = [_bits(rng, rate, world.ROUNDS) for rate in baseline]
    fresh = [_bits(rng, rate, world.ROUNDS) for rate in candidate]
    settings = Evals()
    known = [StoredCase(id=str(i), role="r", assertions="", draws=bits) for i, bits in enumerate(stored)]
    rounds = first_order(Baseline(suite="", target="", judge="", cases=tuple(known))).repeat
    while True:
        cases = [
            Case(id=str(i), role="r", candidate=fresh[i][:rounds], baseline=stored[i])
            for i in range(world.CASES)
        ]
        orders = next_orders(cases, settings)
        if not orders:
            return rounds * world.CASES
        rounds += orders[0].repeat


def _bits(rng: np.random.Generator, rate: float, count: int) -> str:
    return "".join("1" if hit else "0" for hit in rng.random(count) < rate)


def _decided(baseline: Any, candidate: Any, runs: int, seed: int) -> world.Decided:
    rng = np.random.default_rng(seed)
    better, lost = world.draw(rng, baseline, candidate, runs)
    decided = world.decide(better, lost)
    if not world.agrees(better, lost, decided, 25):
        raise SystemExit("the simulation and the library decide differently")
    return decided


def _peers(baseline: Any, candidate: Any, seed: int) -> dict[str, list[str]]:
    rng = np.random.default_rng(seed + 7)
    sessions = [
        [[_bits(rng, rate, PEER_REPEATS) for rate in arm] for arm in (baseline, candidate)]
        for _ in range(PEER_RUNS)
    ]
    fixed = []
    for before, after in sessions:
        was, now = (sum(bits.count("1") for bits in arm) for arm in (before, after))
        fixed.append("fail" if (now - was) / (world.CASES * PEER_REPEATS) < -world.MARGIN else "pass")
    return {"fixed threshold": fixed, **evals_peers.judge(world.MARGIN, sessions=sessions)}


def _share(peers: dict[str, list[str]], verdict: str) -> dict[str, float]:
    return {name: sum(one == verdict for one in found) / len(found) for name, found in peers.items()}


def sabotage() -> list[Figure]:
    """Every sabotaged scene, ours and the peers' verdicts; promptfoo's own is its exit code."""
    ours, outages, scenes, promptfoo = [], [], [], []
    for name, (_, change) in corpus.SABOTAGE.items():
        scene = corpus.honest()
        change(scene)
        verdict = verdict_of(scene).verdict
        ours.append(verdict)
        if name in corpus.OUTAGES:
            outages.append(verdict)
        data = scene.documents()[0].decode(errors="replace")
        scenes.append([json.dumps(scene.baseline_file), data])
        promptfoo.append(_exits_zero(data, scene.exit_code))
    found = evals_peers.judge(world.MARGIN, scenes=scenes)
    passed = {name: float(verdicts.count("pass")) for name, verdicts in found.items()}
    red = {
        name: sum(v != "fail" for v in verdicts[: len(outages)]) / len(outages)
        for name, verdicts in found.items()
    }
    return [
        Figure("sabotaged scenes given a PASS", float(ours.count("PASS")), "scenes",
               {"promptfoo": float(sum(promptfoo)), **passed}, len(ours), -1, "<= 0"),
        Figure("outages called NOT_VERIFIED, not a regression",
               outages.count("NOT_VERIFIED") / len(outages), "share", red, len(outages), -1, ">= 1"),
    ]  # fmt: skip


def _exits_zero(data: str, exit_code: str) -> bool:
    """promptfoo's own gate: the exit code is 0 when no row failed, or when the variable says so."""
    try:
        document = json.loads(data)
        failed = any(not row["success"] for row in document["results"]["results"])
        told = document["config"].get("env", {}).get("PROMPTFOO_FAILED_TEST_EXIT_CODE", exit_code)
    except (ValueError, KeyError, TypeError):
        return False
    return not failed or told == "0"


# The kernel's own high-water mark of the process: getrusage would count the parent it was forked from.
_PEAK = """
import atexit, pathlib, runpy, sys
def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    print(next(line for line in status.splitlines() if line.startswith("VmHWM")), file=sys.stderr)
atexit.register(peak)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def clock() -> list[Figure]:
    """The verdict stage alone, on the results of 2,400 draws with the judge's prompts in them."""
    rows = []
    prompt = "You are grading output according to a user-specified rubric. " * 60
    for number in range(world.BUDGET):
        one = corpus.row(f"case-{number % 60}", "qa-agent", number)
        one["gradingResult"]["componentResults"][0]["metadata"] = {"renderedGradingPrompt": prompt}
        rows.append(one)
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    document = corpus.document(rows, repeat=world.ROUNDS)
    document["results"]["timestamp"] = now
    seconds, megabytes = [], []
    with tempfile.TemporaryDirectory() as folder:
        results, baseline = Path(folder) / "results.json", Path(folder) / "baseline.json"
        results.write_text(json.dumps(document), "utf-8")
        stored = make([read(results.read_bytes())], made_at=now, digest="", outputs=0)
        baseline.write_bytes(canonical(stored))
        script = str(ROOT / "scripts" / "run_evals.py")
        given = ["--repo", folder, "--results", str(results), "--baseline", str(baseline)]
        for _ in range(3):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _PEAK, script, *given], capture_output=True, text=True, check=False
            )
            seconds.append(time.perf_counter() - began)
            megabytes.append(int(done.stderr.split()[-2]) / 1024)
        size = results.stat().st_size / 1e6
    print(f"the results file of 2,400 draws has {size:.0f} MB", file=sys.stderr)
    return [
        Figure("verdict stage, seconds", statistics.median(seconds), "s", {}, 3, -1, "<= 2"),
        Figure("verdict stage, memory", max(megabytes), "MB", {}, 3, -1, "<= 60"),
    ]


if __name__ == "__main__":
    sys.exit(main())
