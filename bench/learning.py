"""make bench-learning: what learning from outcomes saves, and what the alarm and the estimates are worth.

    python bench/learning.py [--data DIR] [--delay-days 90] [--seed 1] [--replays 1000]

``--data`` holds CSV files of changes, one a project or with a ``project`` column: ``at``, ``bad``, optionally
``known_at``, and numeric features (see learning_worlds.recorded). Without it six projects are simulated.

Cost per change, prequential: each change is decided with what was known when it came, labels arrive late, and
every proposal is taken as merged at once. A review costs 1, blocking a good change 5, promoting a bad one 2,
5, 10, 20 or 50. The score is P(clean) of a logistic model refitted every 250 changes; the fixed bands and the
learned ones judge the same score.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import learning_peers as peers
from learning_attribution import attribution, dora
from learning_worlds import Change, recorded, scored, simulated
from results import Figure, report
from scoring_worlds import World

from signalbox.config.scoring import Costs
from signalbox.feedback.bands import REVIEW_ALL, Bands, choose, cost, learn
from signalbox.stats.drift import detect_rate, runs_of
from signalbox.stats.ece import calibration_error, debiased_error
from signalbox.stats.isotonic import fit
from signalbox.stats.offpolicy import Logged, doubly_robust, ips

FIXED = Bands(review_from=0.75, auto_from=0.92)
RATIOS = (2.0, 5.0, 10.0, 20.0, 50.0)
EVERY, WINDOW, LEAST = 250, 3000, 200
AUDITS = 0.05
Scored = list[tuple[Change, float]]


def guarded(items: Scored, costs: Costs) -> list[float]:
    """What each change cost under bands that are only changed by `choose`."""
    bands, spent = REVIEW_ALL, []
    for index, (change, score) in enumerate(items):
        if index % EVERY == 0:
            # The first scores come from no model.
            before = items[max(EVERY, index - 3 * WINDOW) : index]
            known = [(s, c.bad) for c, s in before if c.known_at <= change.at][-WINDOW:]
            if len(known) >= LEAST:
                bands = choose(known, bands, costs).bands
        spent.append(cost(bands.action(score), change.bad, costs))
    return spent


def costs_of_projects(projects: dict[str, Scored], source: str, seed: int) -> list[Figure]:
    """Ours beside the fixed bands, reviewing everything, and the best fixed bands in hindsight."""
    n = sum(map(len, projects.values()))
    figures, totals, worst = [], {"ours": 0.0, "fixed 0.92/0.75": 0.0, "best fixed in hindsight": 0.0}, -1.0
    for ratio in RATIOS:
        costs = Costs(review=1.0, bad_promotion=ratio, false_block=5.0)
        spent = dict.fromkeys(totals, 0.0)
        for items in projects.values():
            ours = sum(guarded(items, costs))
            hindsight = learn([(score, change.bad) for change, score in items], costs)
            spent["ours"] += ours
            for name, bands in (("fixed 0.92/0.75", FIXED), ("best fixed in hindsight", hindsight)):
                spent[name] += sum(cost(bands.action(score), c.bad, costs) for c, score in items)
            worst = max(worst, ours / len(items) - 1)
        each = {name: value / n for name, value in spent.items()}
        totals = {name: totals[name] + value / len(RATIOS) for name, value in each.items()}
        beside = {name: value for name, value in each.items() if name != "ours"} | {"review everything": 1.0}
        figures.append(
            Figure(
                f"cost per change, bad : review = {ratio:g}, {source}",
                each["ours"],
                "reviews",
                beside,
                n,
                seed,
            )
        )
    fixed, ours = totals.pop("fixed 0.92/0.75"), totals.pop("ours")
    beside = totals | {"fixed 0.92/0.75": fixed, "review everything": 1.0}
    return [
        *figures,
        Figure(f"cost per change, mean of five ratios, {source}", ours, "reviews", beside, n, seed),
        Figure("below the fixed bands", 1 - ours / fixed, "share", {}, n, seed, ">= 0.25"),
        Figure("below reviewing everything", 1 - ours, "share", {}, n, seed, ">= 0.03"),
        Figure(
            "worst project at any ratio, above reviewing everything", worst, "share", {}, n, seed, "<= 0.02"
        ),
    ]


def drift(seed: int) -> list[Figure]:
    """An escape rate of 2% in 2,000 audited runs, and one of 6%: ours beside three detectors of river."""
    rng = random.Random(seed)
    quiet = [[int(rng.random() < 0.02) for _ in range(2000)] for _ in range(1000)]
    # Every detector first sees 500 runs at 2%, so that those that learn what is usual can.
    risen = [[int(rng.random() < (0.02 if i < 500 else 0.06)) for i in range(2500)] for _ in range(400)]
    found = {"ours": ([_alarm(s) for s in quiet], [_alarm(s) for s in risen])}
    both = peers.alarms(quiet + risen)
    found |= {name: (rows[: len(quiet)], rows[len(quiet) :]) for name, rows in both.items()}
    false = {name: sum(a is not None for a in q) / len(q) for name, (q, _) in found.items()}
    # Whatever alarmed before the rise has not found it.
    delays = {
        name: [a - 500 if a is not None and a > 500 else None for a in r] for name, (_, r) in found.items()
    }
    missed = {name: sum(d is None for d in ds) / len(ds) for name, ds in delays.items()}
    median = {
        name: statistics.median(d if d is not None else 2001 for d in ds) for name, ds in delays.items()
    }
    at_once = [_alarm([int(rng.random() < 0.06) for _ in range(2500)]) or 2501 for _ in range(400)]
    fresh = float(statistics.median(at_once))
    return [
        _beside("drift: false alarms in 2,000 audited runs", false, "share", 1000, seed, "<= 0.01"),
        Figure(
            "drift: audited runs until 2 -> 6% is found, from the start",
            fresh,
            "median",
            {},
            400,
            seed,
            "<= 310",
        ),
        _beside(
            "drift: the same after 500 quiet runs (2,001 = never)", median, "median", 400, seed, "<= 310"
        ),
        _beside("drift: alarmed too early or never", missed, "share", 400, seed),
        Figure("drift: the same in runs, at 5% audits", runs_of(fresh, AUDITS), "median runs", {}, 400, seed),
    ]


def _alarm(stream: Sequence[int]) -> int | None:
    return detect_rate([bool(event) for event in stream], allowed=0.02).alarm


def _beside(name: str, values: dict[str, float], unit: str, n: int, seed: int, goal: str = "") -> Figure:
    others = {f"river {peer}": value for peer, value in values.items() if peer != "ours"}
    return Figure(name, values["ours"], unit, others, n, seed, goal)


def calibration(seed: int) -> list[Figure]:
    """Scores that are far too sure, recalibrated on 2,000 outcomes and judged on 20,000 others."""
    rng = random.Random(seed)
    world = World(0.2, 0.8)

    def draw(n: int) -> list[tuple[float, bool]]:
        items = (world.item(rng) for _ in range(n))
        # Twice the log-odds: the order is right and every probability is not.
        return [(p * p / (p * p + (1 - p) ** 2), bad) for p, bad in items]

    learnt, fresh = draw(2000), draw(20_000)
    clean = fit([score for score, _ in learnt], [float(not bad) for _, bad in learnt])
    after = [(clean(score), not bad) for score, bad in fresh]
    before = [(score, not bad) for score, bad in fresh]
    peers_ = {"as it was scored": calibration_error(before)}
    few = [(p, rng.random() < p) for p in (rng.random() for _ in range(300))]
    return [
        Figure("ECE after 2,000 outcomes", calibration_error(after), "ECE", peers_, 20_000, seed, "<= 0.03"),
        Figure(
            "ECE of a perfect forecaster, 300 outcomes, debiased",
            debiased_error(few),
            "ECE",
            {"plain": calibration_error(few)},
            300,
            seed,
        ),
    ]


def off_policy(seed: int, replays: int, n: int = 1500) -> list[Figure]:
    """Intervals for a policy that runs everything, from logs in which 5% of the runs did."""
    truth = {"full": 0.9, "targeted": 0.8}
    model = {"full": 0.88, "targeted": 0.82}
    covered = {"doubly robust": 0, "IPS": 0, "normal approximation": 0}
    widths: dict[str, list[float]] = {name: [] for name in covered}
    for replay in range(replays):
        rng = random.Random(seed * 100_003 + replay)
        logged = []
        for _ in range(n):
            action = "full" if rng.random() < AUDITS else "targeted"
            chance = AUDITS if action == "full" else 1 - AUDITS
            reward = float(rng.random() < truth[action])
            logged.append(
                Logged(action=action, propensity=chance, reward=reward, target={"full": 1.0}, predicted=model)
            )
        values = [item.reward / item.propensity if item.action == "full" else 0.0 for item in logged]
        middle, error = statistics.fmean(values), statistics.stdev(values) / n**0.5
        for name, (low, high) in {
            "doubly robust": _ends(doubly_robust(logged)),
            "IPS": _ends(ips(logged)),
            "normal approximation": (middle - 1.96 * error, middle + 1.96 * error),
        }.items():
            covered[name] += low <= truth["full"] <= high
            widths[name].append(high - low)
    share = {name: value / replays for name, value in covered.items()}
    width = {name: statistics.fmean(value) for name, value in widths.items()}
    goal = ">= 0.93"
    return [
        Figure(
            "off-policy: doubly robust covers",
            share.pop("doubly robust"),
            "share",
            share,
            replays,
            seed,
            goal,
        ),
        Figure(
            "off-policy: its width, 1,500 runs", width.pop("doubly robust"), "reward", width, replays, seed
        ),
    ]


def _ends(found: object) -> tuple[float, float]:
    return found.low, found.high  # type: ignore[attr-defined]


def main() -> int:
    """Everything, the recorded part with --data."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--delay-days", type=float, default=90.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replays", type=int, default=1000)
    args = parser.parse_args()
    if args.data:
        changes = recorded(args.data, args.delay_days)
        if not changes:
            raise SystemExit(f"no CSV in {args.data} has the columns and a thousand changes")
    else:
        changes = simulated(args.seed, 10.0)
    source = f"{len(changes)} recorded projects" if args.data else "simulated"
    projects = {name: list(scored(items)) for name, items in changes.items()}
    seed = -1 if args.data else args.seed
    figures = costs_of_projects(projects, source, seed)
    figures += drift(args.seed) + calibration(args.seed) + off_policy(args.seed, args.replays)
    figures += [dora(), *attribution(args.seed)]
    return report("learning", figures)


if __name__ == "__main__":
    sys.exit(main())
