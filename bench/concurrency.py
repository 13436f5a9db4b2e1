"""make bench-concurrency: what the planned runners cost on recorded cycles, beside static plans.

    python bench/concurrency.py [--data iofrol.csv] [--seed 1]

``--data`` is a file of RETECS' shape (Spieker et al. 2017): semicolons, a header, and the columns ``Name``,
``Duration`` (milliseconds) and ``Cycle`` (an integer that grows with time). Without it, cycles are simulated.
Plans see durations of earlier cycles only; the bill is made from what the tests then really took. The goals
are those of recorded cycles. (That file gives each test one duration for all its runs: what costs anything
there is tests that nobody has seen before.)
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import learning_peers as peers
from results import Figure, report

from signalbox.concurrency.decide import Inputs, QueueFact, Work, decide
from signalbox.concurrency.learned import predict
from signalbox.concurrency.packing import Piece, pack
from signalbox.config import Settings
from signalbox.config.concurrency import MATRIX_LIMIT, Concurrency
from signalbox.decision import PolicyRef, Stamp, Subject

PRICES = Concurrency(
    max_runners=MATRIX_LIMIT, setup_minutes=1.5, runner_minute_price=0.006, wait_minute_value=1.0
)
STATIC = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
Cycle = dict[str, float]


def recorded(path: Path) -> list[Cycle]:
    """Cycles as test → seconds; a test that ran several times in one cycle is several pieces."""
    cycles: dict[int, Cycle] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter=";"):
            cycle = cycles.setdefault(int(row["Cycle"]), {})
            times = (
                sum(name.partition("#")[0] == row["Name"] for name in cycle) if row["Name"] in cycle else 0
            )
            cycle[f"{row['Name']}#{times}" if times else row["Name"]] = int(row["Duration"]) / 1000
    return [cycles[number] for number in sorted(cycles)]


def simulated(seed: int) -> list[Cycle]:
    """300 cycles of a growing suite: lognormal durations that drift slowly and vary by 20% between runs."""
    rng = random.Random(seed)
    usual = {f"t{i}": rng.lognormvariate(3.4, 1.1) for i in range(300)}
    cycles = []
    for _ in range(300):
        for _ in range(rng.randrange(6)):
            usual[f"t{len(usual)}"] = rng.lognormvariate(3.4, 1.1)
        usual = {name: seconds * rng.lognormvariate(0, 0.02) for name, seconds in usual.items()}
        names = rng.sample(sorted(usual), min(len(usual), round(rng.lognormvariate(4, 1)) + 1))
        cycles.append({name: usual[name] * rng.lognormvariate(0, 0.2) for name in names})
    return cycles


def bill(shards: Sequence[Sequence[str]], took: Mapping[str, float]) -> tuple[float, float]:
    """(cost with the waiting, the runners' part) of shards that really ran; an empty one is set up too."""
    minutes = [PRICES.setup_minutes + sum(took[name] for name in shard) / 60 for shard in shards]
    runners = PRICES.runner_minute_price * sum(math.ceil(round(m, 9)) for m in minutes)
    return PRICES.wait_minute_value * max(minutes) + runners, runners


def names(packed: Sequence[Sequence[Piece]]) -> list[list[str]]:
    return [[piece.name for piece in shard] for shard in packed]


def planned(works: Sequence[Work]) -> list[list[str]]:
    """The shards of the shipped decision."""
    inputs = Inputs(subject=Subject(), work=tuple(works), queue=QueueFact(jobs=0, source="bench"))
    stamp = Stamp(id="bench", at="2026-01-01T00:00:00Z", producer="bench")
    settings = Settings(concurrency=PRICES)
    decision = decide(inputs, settings, PolicyRef(sha256="0" * 64), stamp)
    pieces = [Piece(work.name, work.seconds or 0.0) for work in works]
    return names(pack(pieces, decision.outputs["runners"]))


def past(cycles: Sequence[Cycle]) -> Iterator[tuple[Cycle, dict[str, float], float]]:
    """Each cycle with what was known before it: test → its predicted seconds, and the stand-in."""
    seen: dict[str, list[float]] = {}
    for cycle in cycles:
        known = {name: predict(runs) for name in cycle if (runs := seen.get(name.partition("#")[0]))}
        ordered = sorted(known.values())
        stand_in = ordered[int(0.75 * (len(ordered) - 1))] if ordered else PRICES.default_test_seconds
        yield cycle, known, stand_in
        for name, seconds in cycle.items():
            seen.setdefault(name.partition("#")[0], []).append(seconds)


def main() -> int:
    """Every plan over every cycle."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    cycles = recorded(args.data) if args.data else simulated(args.seed)
    source = args.data.name if args.data else "simulated"
    seed = -1 if args.data else args.seed
    total, runners = Counter[str](), Counter[str]()
    unknown = 0
    jobs, empty = [], 0
    for cycle, known, stand_in in past(cycles):
        unknown += len(cycle) - len(known)
        guess = {name: known.get(name, stand_in) for name in cycle}
        works = [Work(name=name, seconds=guess[name]) for name in cycle]
        ours = planned(works)
        truth = [Work(name=name, seconds=cycle[name]) for name in cycle]
        plans = {"ours": ours, "oracle": planned(truth)}
        for count in STATIC:
            shards = names(pack([Piece(n, s) for n, s in guess.items()], count))
            plans[f"static {count}"] = [*shards, *[[]] * (count - len(shards))]
        plans["split by count, 16"] = [list(cycle)[i::16] for i in range(16)]
        for name, shards in plans.items():
            cost, part = bill(shards, cycle)
            total[name] += cost
            runners[name] += part
        empty += sum(not shard for shard in ours)
        jobs.append({"runners": len(ours), "names": list(cycle), "known": known})
    for cycle, groups in zip(cycles, peers.split(jobs), strict=False):
        cost, part = bill(groups, cycle)
        total["pytest-split, our number"] += cost
        runners["pytest-split, our number"] += part
    best = min(STATIC, key=lambda count: total[f"static {count}"])
    static = f"static {best}"
    n = len(cycles)
    beside = {"pytest-split, our number", "split by count, 16"} & total.keys()
    others = {name: round(total[name], 2) for name in sorted(beside)}
    others |= {"best static in hindsight": round(total[static], 2), "oracle": round(total["oracle"], 2)}
    over = {name: value / total["oracle"] - 1 for name, value in others.items() if name != "oracle"}
    saved = 1 - runners["ours"] / runners[static]
    figures = [
        Figure(f"cost of {source}", round(total["ours"], 2), "money", others, n, seed),
        Figure(
            "above the oracle",
            total["ours"] / total["oracle"] - 1,
            "share",
            over,
            n,
            seed,
            "<= 0.1" if args.data else "",
        ),
        Figure(
            "runners' bill below the best static plan",
            saved,
            "share",
            {},
            n,
            seed,
            ">= 0.24" if args.data else "",
        ),
        Figure("the best static number of runners", best, "runners", {}, n, seed),
        Figure("tests never seen before", unknown / sum(map(len, cycles)), "share", {}, n, seed),
        Figure("empty shards", empty, "shards", {}, n, seed, "<= 0"),
    ]
    return report("concurrency", figures)


if __name__ == "__main__":
    sys.exit(main())
