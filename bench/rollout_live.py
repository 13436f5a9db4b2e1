"""From a fault to no traffic, on real parts: two services, HAProxy, Prometheus, load, and the monitor.

    python bench/rollout_live.py [--runs 20] [--seed 1]

Each run starts a healthy canary at 10%, lets it be watched for a while, switches a fault on at a random
moment between two looks, and stops the clock when HAProxy itself says that the canary's weight is 0. With
few runs the p99 is the slowest of them. The peer is a fixed threshold (canary errors over 1% in the last
two minutes, looked at every two minutes), worked out for the same faults at a random phase of its two
minutes: its retreat is taken to cost no time at all.
"""

from __future__ import annotations

import argparse
import math
import random
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

HEALTHY_SECONDS = 12.0
PEER_EVERY, PEER_LIMIT = 120.0, 0.01
POLICY = "rollout:\n  soak-seconds: 900\n  slices: [10, 100]\n"


def one_run(rig: Rig, folder: Path, rate: float, chance: random.Random) -> float:
    """Seconds from the fault to weight 0, as HAProxy says it."""
    set_faults(rig.canary, errors=0.0)
    rig.state, rig.audit = folder / "rollout.json", folder / "rollout.jsonl"
    with rig.start(slices="10,100", seconds=900, look=1.0):
        wait_for(lambda: len(rig.events("look")) >= 3, 90, "looks at a healthy canary")
        time.sleep(HEALTHY_SECONDS + chance.random())
        set_faults(rig.canary, errors=rate)
        began = time.monotonic()
        wait_for(lambda: weight(rig, "c1") == 0, 300, "no traffic")
        took = time.monotonic() - began
        wait_for(lambda: rig.events("end"), 30, "the end")
    return took


def peer(rate: float, chance: random.Random) -> float:
    """Seconds until a look at a round two minutes sees the last two minutes over the limit."""
    first = chance.uniform(0.0, PEER_EVERY)
    needed = PEER_EVERY * PEER_LIMIT / rate
    return first + PEER_EVERY * math.ceil(max(0.0, needed - first) / PEER_EVERY)


def measure(interval: str, runs: int, seed: int, found: dict[tuple[str, float], list[float]]) -> None:
    """Every run behind one Prometheus."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="sb-live-") as name:
        folder = Path(name)
        with haproxy_rig(folder, per_second=100.0) as rig:
            port = free_port()
            rig.signals = [f"--prometheus=http://127.0.0.1:{port}"]
            policy = folder / "repo" / ".github" / "signalbox.yml"
            policy.parent.mkdir(parents=True)
            policy.write_text(POLICY)
            with prometheus(folder, rig, port, interval):
                for number in range(runs):
                    for rate in (0.05, 0.2):
                        place = folder / f"{number}-{rate}"
                        place.mkdir()
                        took = one_run(rig, place, rate, chance)
                        found.setdefault((interval, rate), []).append(took)
                        print(f"scraped every {interval}, {rate:.0%}: {took:.1f} s", file=sys.stderr)


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
    options = parser.parse_args()
    found: dict[tuple[str, float], list[float]] = {}
    threads = [
        threading.Thread(target=measure, args=(interval, options.runs, options.seed, found))
        for interval in ("1s", "15s")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
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
    if len(found) < 4:
        print("a rig ended before its runs were done", file=sys.stderr)
        return 1
    return report("rollout_live", figures)


if __name__ == "__main__":
    sys.exit(main())
