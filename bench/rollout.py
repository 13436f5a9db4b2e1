"""The rollout judge on simulated traffic, beside four other rules that see the same requests.

    python bench/rollout.py [--runs 20000] [--seed 1]

Canary 10 and control 90 requests a second, a look every 5 seconds, 10 minutes unless said otherwise. A rule's
figure is the share of runs in which it would have rolled back, or the median seconds until it did.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import rollout_scrapes as scrapes
from results import Figure, report
from rollout_rules import ArgoStyle, Array, Certify, ETest, FixedThreshold, FlaggerStyle, KayentaStyle

from signalbox.config.rollout import Rollout
from signalbox.rollout.bursts import cluster_size
from signalbox.rollout.forecast import Known, seconds_needed

LOOK = 5.0
CANARY, CONTROL = 50, 450
SHARE = CANARY / (CANARY + CONTROL)
Rate = Callable[[float], tuple[float, float]]


def draw(rng: np.random.Generator, runs: int, rates: tuple[float, float], burst: float) -> tuple[Array, ...]:
    """One look of one signal. With ``burst`` > 1 bad requests come in clusters of geometric size."""
    found = []
    for requests, rate in zip((CANARY, CONTROL), rates, strict=True):
        if burst == 1:
            bad = rng.binomial(requests, rate, runs)
        else:
            # Sizes with mean s have dispersion 2s - 1; the rate of bad requests stays what it was.
            mean = (burst + 1) / 2
            clusters = rng.poisson(requests * rate / mean, runs)
            more = rng.negative_binomial(np.maximum(clusters, 1), 1 / mean)
            bad = np.minimum(clusters + np.where(clusters > 0, more, 0), requests)
        found += [np.full(runs, float(requests)), bad.astype(float)]
    return tuple(found)


def simulate(
    rules: list[Any], rates: list[Rate], *, runs: int, seconds: float, seed: int, burst: float = 1.0
) -> dict[str, Array]:
    """Every rule over the same traffic: name → second of the first alarm per run (infinity = none)."""
    rng = np.random.default_rng(seed)
    for step in range(1, round(seconds / LOOK) + 1):
        second = step * LOOK
        looks = [draw(rng, runs, rate(second), burst) for rate in rates]
        for rule in rules:
            rule.look(second, looks)
    return {rule.name: rule.alarm for rule in rules}


def steady(canary: float, control: float) -> Rate:
    """The same rates all the time."""
    return lambda second: (canary, control)


def found(alarm: Array) -> float:
    """Share of runs with an alarm."""
    return float(np.isfinite(alarm).mean())


def median(alarm: Array) -> float:
    """Median seconds to the alarm among the runs that had one."""
    hit = alarm[np.isfinite(alarm)]
    return float(np.median(hit)) if len(hit) else float("nan")


def figures(runs: int, seed: int) -> list[Figure]:
    """All of them."""
    return [
        *single(runs, seed),
        *whole(runs, seed + 100),
        *certification(runs, seed + 200),
        *bursts(runs, seed + 300),
        *slow(runs, seed + 400),
        *scraped(max(100, runs // 4), seed + 500),
    ]


def single(runs: int, seed: int) -> list[Figure]:
    """One signal, and the peers."""
    result = []

    def compare(what: str, rate: Rate, goal: str, delay: str = "", seconds: float = 600) -> None:
        rules = [
            ETest(runs, seconds, share=SHARE), FixedThreshold(runs), ArgoStyle(runs), FlaggerStyle(runs),
            KayentaStyle(runs, seconds),
        ]  # fmt: skip
        alarms = simulate(rules, [rate], runs=runs, seconds=seconds, seed=seed)
        peers = {name: round(100 * found(alarm), 2) for name, alarm in alarms.items() if name != "e-test"}
        ours = round(100 * found(alarms["e-test"]), 2)
        result.append(Figure(f"one signal: {what}", ours, "% rolled back", peers, runs, seed, goal))
        if delay:
            late = {
                name: median(alarm) for name, alarm in alarms.items() if name != "e-test" and found(alarm)
            }
            mine = median(alarms["e-test"])
            result.append(Figure(f"one signal: {what}, median delay", mine, "s", late, runs, seed, delay))
        if delay and "5%" in what:
            bad = 10 * 0.05 * mine
            lost = {name: 10 * 0.05 * value for name, value in late.items()}
            result.append(
                Figure(
                    "one signal: bad responses until a 5% canary is stopped",
                    bad,
                    "responses",
                    lost,
                    runs,
                    seed,
                    "<= 8",
                )
            )

    compare("healthy, 0.5% errors", steady(0.005, 0.005), "<= 0.5")
    compare("healthy, 0.1% errors", steady(0.001, 0.001), "<= 0.5")
    compare("healthy, 1.2% errors", steady(0.012, 0.012), "<= 0.5")
    compare("healthy, 60 minutes", steady(0.005, 0.005), "<= 0.5", seconds=3600)
    compare("both arms fail at 3%", steady(0.03, 0.03), "<= 0.5")
    compare("errors 0.5 -> 1%", steady(0.01, 0.005), ">= 85", ">= 0")
    compare("errors 0.5 -> 5%", steady(0.05, 0.005), ">= 99", "<= 15")
    return result


def whole(runs: int, seed: int) -> list[Figure]:
    """Three signals and four slices at one α, as shipped: only the first signal goes wrong."""
    result = []
    other = [steady(0.008, 0.008), steady(0.02, 0.02)]

    def one(
        what: str, rate: Rate, goal: str, delay: str = "", seconds: float = 600, since: float = 0
    ) -> None:
        rules = [ETest(runs, seconds, share=SHARE, signals=3, starts=4)]
        alarm = simulate(rules, [rate, *other], runs=runs, seconds=seconds, seed=seed)["e-test"]
        value = round(100 * found(alarm), 2)
        result.append(Figure(f"whole test: {what}", value, "% rolled back", {}, runs, seed, goal))
        if delay:
            late = median(alarm) - since
            result.append(Figure(f"whole test: {what}, median delay", late, "s", {}, runs, seed, delay))

    one("healthy", steady(0.005, 0.005), "<= 0.5")
    one("healthy, 60 minutes", steady(0.005, 0.005), "<= 0.5", seconds=3600)
    one("both arms fail at 3%", steady(0.03, 0.03), "<= 0.5")
    one("errors 0.5 -> 1%", steady(0.01, 0.005), ">= 80", ">= 0")
    one("errors 0.5 -> 5%", steady(0.05, 0.005), ">= 99", "<= 20")

    def late(second: float) -> tuple[float, float]:
        return (0.05 if second > 450 else 0.005, 0.005)

    one("errors 0.5 -> 5% in the last slice", late, ">= 99", "<= 30", since=450)
    return result


def certification(runs: int, seed: int) -> list[Figure]:
    """Healthy canaries proved not to be twice as bad, and doubled ones that were let through."""
    result = []
    rules = Rollout(slices=(10.0, 100.0), signals=("errors",), soak_seconds=0, slice_seconds=1)
    for rate in (0.001, 0.005, 0.012):
        shown = f"{100 * rate:g}%"
        for ratio, what, goal in (
            (1, "healthy canaries certified", ">= 0"),
            (2, "false proceed at 2x", "<= 5"),
        ):
            test = Certify(runs, share=SHARE, excess=rules.min_excess)
            alarm = simulate([test], [steady(ratio * rate, rate)], runs=runs, seconds=600, seed=seed)[
                test.name
            ]
            name = f"certification at {shown} errors: {what} in 10 min"
            result.append(Figure(name, round(100 * found(alarm), 2), "%", {}, runs, seed, goal))
        known = Known(per_second=(CANARY + CONTROL) / LOOK, rates={"errors": rate})
        minutes = seconds_needed(rules, 0, known)["errors"] / 60
        result.append(
            Figure(
                f"certification at {shown} errors: minutes announced (80%)",
                round(minutes, 1),
                "min",
                {},
                runs,
                seed,
            )
        )
    return result


def measured(runs: int, seed: int, rate: float, burst: float, seconds: float = 300) -> Array:
    """Cluster size of each run, as the monitor measures it on the baseline before traffic moves."""
    rng = np.random.default_rng(seed)
    looks = [draw(rng, runs, (rate, rate), burst)[3] for _ in range(round(seconds / LOOK))]
    return np.array(
        [cluster_size([[(CONTROL, int(bad)) for bad in run]]) or 1.0 for run in np.stack(looks, axis=1)]
    )


def bursts(runs: int, seed: int) -> list[Figure]:
    """Errors in clusters of dispersion 3: tempered, beside untempered."""
    result = []
    sizes = measured(runs, seed + 7, 0.005, 3.0)
    for what, rate, goal in (
        ("healthy", steady(0.005, 0.005), "<= 1"),
        ("errors 0.5 -> 1%", steady(0.01, 0.005), ">= 0"),
        ("errors 0.5 -> 5%", steady(0.05, 0.005), ">= 95"),
    ):
        tempered = ETest(runs, 600, share=SHARE, cluster=3.0)
        plain = ETest(runs, 600, share=SHARE)
        known = ETest(runs, 600, share=SHARE, cluster=sizes)
        simulate([tempered, plain, known], [rate], runs=runs, seconds=600, seed=seed, burst=3.0)
        name = f"bursty traffic, its size measured in 5 min before: {what}"
        share = round(100 * found(known.alarm), 2)
        result.append(Figure(name, share, "% rolled back", {}, runs, seed, goal))
        peers = {"untempered": round(100 * found(plain.alarm), 2)}
        value = round(100 * found(tempered.alarm), 2)
        result.append(Figure(f"bursty traffic: {what}", value, "% rolled back", peers, runs, seed, goal))
        if "5%" in what.split("->")[-1]:
            result.append(
                Figure(f"bursty traffic: {what}, median delay", median(tempered.alarm), "s", {}, runs, seed)
            )
    return result


def slow(runs: int, seed: int) -> list[Figure]:
    """Share of requests over the latency objective."""
    result = []
    for what, rate, goal, delay in (
        ("1% in both arms", steady(0.01, 0.01), "<= 0.5", ""),
        ("1 -> 2%", steady(0.02, 0.01), ">= 0", ">= 0"),
        ("1 -> 3%", steady(0.03, 0.01), ">= 99", "<= 60"),
        ("1 -> 5%", steady(0.05, 0.01), ">= 99", "<= 60"),
    ):
        test = ETest(runs, 600, share=SHARE)
        alarm = simulate([test], [rate], runs=runs, seconds=600, seed=seed)[test.name]
        name = f"share over the latency objective: {what}"
        result.append(Figure(name, round(100 * found(alarm), 2), "% rolled back", {}, runs, seed, goal))
        if delay:
            result.append(Figure(f"{name}, median delay", median(alarm), "s", {}, runs, seed, delay))
    return result


def scraped(runs: int, seed: int) -> list[Figure]:
    """A Prometheus that scrapes every 15 s, the arms at different seconds."""
    result = []
    for offset in (2, 7, 12):
        what = f"scraped every 15 s, {offset} s apart"
        for lasting, shown in ((600, "fail at 30%"), (20, "fail at 30% for 20 s")):
            ours, newest, _ = scrapes.simulate(
                runs, seed, offset=offset, canary=0.3, baseline=0.3, lasting=lasting
            )
            peers = {"newest values": round(100 * found(newest.alarm), 2)}
            value = round(100 * found(ours.alarm), 2)
            result.append(
                Figure(f"{what}: both arms {shown}", value, "% rolled back", peers, runs, seed, "<= 0.5")
            )
        ours, newest, begins = scrapes.simulate(
            runs, seed, offset=offset, canary=0.05, baseline=0.005, lasting=600
        )
        peers = {"newest values": median(newest.alarm - begins)}
        result.append(
            Figure(
                f"{what}: errors 0.5 -> 5%, median delay", median(ours.alarm - begins), "s", peers, runs, seed
            )
        )
    return result


def main() -> int:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return report("rollout", figures(options.runs, options.seed))


if __name__ == "__main__":
    sys.exit(main())
