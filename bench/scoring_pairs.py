"""The performance gate's false alarms and power, simulated and on this machine."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import numpy as np
from results import Figure
from scipy import stats as oracle

from signalbox.promotion.interleave import Side, command_runner, default_environ, measure
from signalbox.stats.signflip import holm, least_pairs, log_differences, sign_flip_p

SEED = 20


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
    return figures


def real_benchmark(slower: bool) -> list[Figure]:
    """The same on this machine: a real command against itself, or against one that does 10% more work.

    What is timed is the processor time of a loop, the least of 11 short runs, in a process of its own; each
    side of a pair is run three times in turns and its least counts, as ``bench_pairs.py --repeats 3`` does.
    """
    code = "x = 0\nfor i in range({n}): x += i * i"
    gates, rng = 60, random.Random(SEED)
    what, factor, goal = ("A/B at +10% found", 1.1, ">= 0.85") if slower else ("A/A alarms", 1.0, "<= 0.05")
    sides, hits, ratio = [], 0, 0
    with tempfile.TemporaryDirectory() as name:
        for side, n in (("baseline", 30_000), ("candidate", int(30_000 * factor))):
            folder = Path(name) / side
            folder.mkdir()
            timed = f"import json, os, time\ncode = compile({code.format(n=n)!r}, 'loop', 'exec')\n"
            timed += "def once():\n    t = time.process_time()\n    exec(code, {})\n"
            timed += "    return time.process_time() - t\nt = min(once() for _ in range(11))\n"
            timed += "with open(os.environ['SIGNALBOX_BENCH_OUT'], 'w') as f:\n"
            timed += "    json.dump({'loop': t}, f)\n"
            (folder / "bench.py").write_text(timed)
            sides.append(Side(name=side, commit="", folder=folder))
        run = command_runner([sys.executable, "-I", "-S", "bench.py"], default_environ(), 60)
        for _ in range(gates):
            taken = measure((sides[0], sides[1]), run, rng=rng, pairs=5, warm=0, repeats=3)["loop"]
            hits += sign_flip_p(log_differences([(a, b) for a, b in taken], 0.03)) <= 0.05
            ratio += sum(b for _, b in taken) > 1.10 * sum(a for a, _ in taken)
    peers = {"ratio > 1.10": ratio / gates}
    return [Figure(f"on this machine: {what}", hits / gates, "share", peers, gates, -1, goal)]
