"""From a fault to no traffic, on real parts: two services, HAProxy, Prometheus, load, and the monitor.

    python bench/rollout_live.py [--runs 20] [--seed 1] [--fresh]

Each run starts a healthy canary at 10%, lets it be watched for a while, switches a fault on at a random
moment between two scrapes, and stops the clock when HAProxy itself says that the canary's weight is 0. With
few runs the p99 is the slowest of them. The peer is a fixed threshold (canary errors over 1% in the last
two minutes, looked at every two minutes), worked out for the same faults at a random phase of its two
minutes: its retreat is taken to cost no time at all.

Each run is kept under .cache/bench as it ends, so that a bench that was stopped goes on where it was;
--fresh forgets them, as does a change of the rollout's code. The processor time of a look is the monitor's
own, from its third look to the fault, with Prometheus asked over HTTP and HAProxy over its socket.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from results import Figure, report

from doubles.metrics_stack import haproxy_rig, prometheus, weight
from doubles.rollout_rig import Rig, free_port, set_faults, wait_for

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".cache" / "bench" / "rollout_live.jsonl"
HEALTHY_SECONDS = 8.0
PEER_EVERY, PEER_LIMIT = 120.0, 0.01
POLICY = "rollout:\n  soak-seconds: 900\n  slices: [10, 100]\n"


class Kept:
    """Runs that ended, one line each, of this code and seed."""

    def __init__(self, seed: int, fresh: bool) -> None:
        tree = ["git", "rev-parse", "HEAD:scripts/signalbox/rollout", "HEAD:scripts/signalbox/signals"]
        done = subprocess.run(tree, cwd=ROOT, capture_output=True, text=True, check=True)
        self._code = [*done.stdout.split(), str(seed)]
        self._lock = threading.Lock()
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            KEPT.unlink(missing_ok=True)
        lines = KEPT.read_text().splitlines() if KEPT.exists() else []
        rows = [row for row in map(json.loads, lines) if row["code"] == self._code]
        self.rows: dict[tuple[str, float, int], dict[str, float]] = {
            (row["interval"], row["rate"], row["number"]): row for row in rows
        }

    def add(self, interval: str, rate: float, number: int, seconds: float, cost: float) -> None:
        """Keep one run."""
        row = {"interval": interval, "rate": rate, "number": number, "seconds": seconds, "cost": cost}
        with self._lock, KEPT.open("a") as file:
            file.write(json.dumps({**row, "code": self._code}) + "\n")
            self.rows[interval, rate, number] = row


def spent(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_run(rig: Rig, folder: Path, rate: float, spread: float, chance: random.Random) -> tuple[float, float]:
    """Seconds from the fault to weight 0, as HAProxy says it; and milliseconds of processor a look."""
    set_faults(rig.canary, errors=0.0)
    rig.state, rig.audit = folder / "rollout.json", folder / "rollout.jsonl"
    with rig.start(slices="10,100", seconds=900, look=1.0) as monitor:
        wait_for(lambda: len(rig.events("look")) >= 3, 90, "looks at a healthy canary")
        used, looks = spent(monitor.pid), len(rig.events("look"))
        time.sleep(HEALTHY_SECONDS + chance.uniform(0.0, spread))
        looks = len(rig.events("look")) - looks
        cost = 1000 * (spent(monitor.pid) - used) / max(1, looks)
        if rig.events("end"):
            raise SystemExit(f"a healthy canary was taken back: {rig.events('end')} in {folder}")
        set_faults(rig.canary, errors=rate)
        began = time.monotonic()
        wait_for(lambda: weight(rig, "c1") == 0, 300, "no traffic")
        took = time.monotonic() - began
        wait_for(lambda: rig.events("end"), 30, "the end")
    return took, cost


def peer(rate: float, chance: random.Random) -> float:
    """Seconds until a look at a round two minutes sees the last two minutes over the limit."""
    first = chance.uniform(0.0, PEER_EVERY)
    needed = PEER_EVERY * PEER_LIMIT / rate
    return first + PEER_EVERY * math.ceil(max(0.0, needed - first) / PEER_EVERY)


def measure(interval: str, numbers: range, seed: int, kept: Kept) -> None:
    """Every run behind one Prometheus that is not kept already."""
    todo = [(n, rate) for n in numbers for rate in (0.05, 0.2) if (interval, rate, n) not in kept.rows]
    if not todo:
        return
    with tempfile.TemporaryDirectory(prefix="sb-live-") as name:
        folder = Path(name)
        with haproxy_rig(folder, per_second=100.0) as rig:
            port = free_port()
            rig.signals = [f"--prometheus=http://127.0.0.1:{port}"]
            policy = folder / "repo" / ".github" / "signalbox.yml"
            policy.parent.mkdir(parents=True)
            policy.write_text(POLICY)
            with prometheus(folder, rig, port, interval):
                for number, rate in todo:
                    place = folder / f"{number}-{rate}"
                    place.mkdir()
                    chance = random.Random(f"{seed} {interval} {rate} {number}")
                    took, cost = one_run(rig, place, rate, float(interval[:-1]), chance)
                    kept.add(interval, rate, number, took, cost)
                    print(f"scraped every {interval}, {rate:.0%}: {took:.1f} s", file=sys.stderr, flush=True)


def quantile(values: list[float], share: float) -> float:
    """The smallest value that ``share`` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    kept = Kept(options.seed, options.fresh)
    threads = [
        threading.Thread(
            target=measure, args=(interval, range(first, options.runs, every), options.seed, kept)
        )
        # Where scrapes are rare each run takes longer, and so three rigs share them.
        for interval, first, every in (("1s", 0, 1), ("15s", 0, 3), ("15s", 1, 3), ("15s", 2, 3))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found: dict[tuple[str, float], list[float]] = {}
    for (interval, rate, number), row in sorted(kept.rows.items()):
        if number < options.runs:
            found.setdefault((interval, rate), []).append(row["seconds"])
    chance = random.Random(options.seed)
    figures = []
    for (interval, rate), values in sorted(found.items()):
        fixed = [peer(rate, chance) for _ in range(10_000)]
        for share in (0.5, 0.99):
            what = (
                f"live, scraped every {interval}, {rate:.0%} errors: fault to 0% traffic, p{share * 100:.0f}"
            )
            figures.append(
                Figure(
                    what,
                    round(quantile(values, share), 2),
                    "s",
                    {"fixed threshold": round(quantile(fixed, share), 1)},
                    len(values),
                    options.seed,
                )
            )
    if [len(values) for values in found.values()] != [options.runs] * 4:
        print("a rig ended before its runs were done; run it again to go on", file=sys.stderr)
        return 1
    costs = [row["cost"] for row in kept.rows.values()]
    what = "live: processor time of a look, median"
    figures.append(Figure(what, round(quantile(costs, 0.5), 1), "ms", {}, len(costs), options.seed, "<= 50"))
    return report("rollout_live", figures)


if __name__ == "__main__":
    sys.exit(main())
