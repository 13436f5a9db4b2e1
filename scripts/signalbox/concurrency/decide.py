"""The concurrency plan: the number of runners that costs least, waiting included, and their shares. Pure.

``C(k) = wait_value · (queue + setup + makespan(k)) + Σ ⌈setup + shard⌉ · price``, all in minutes: a runner's
minute is paid whole, a person's waiting as it passes. Setting up includes what pytest takes to start and
collect, where that was measured. Long files are taken apart only where that costs less, fixtures paid again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from signalbox.config import Settings
from signalbox.config.concurrency import MATRIX_LIMIT, Concurrency
from signalbox.decision import Decision, PolicyRef, Reason, Stamp

from .learned import explain
from .model import Inputs, ModuleWork, QueueFact, Work
from .packing import Piece, makespan, pack, quantile

__all__ = ["KIND", "Inputs", "ModuleWork", "QueueFact", "Work", "decide", "packed_work", "table"]

KIND = "concurrency"
PLANNED, ASSUMED = "planned", "assumed"


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """Choose the number of runners and what runs on each."""
    prices = _prices(inputs, settings)
    reasons = _assumptions(inputs, prices)
    waiting = _queue_minutes(inputs, prices)
    work, costs, best = _cheapest(inputs.work, prices, waiting)
    split = any(w.parts for w in inputs.work)
    if split:
        apart = tuple(part for w in inputs.work for part in w.parts or (w,))
        other, other_costs, other_best = _cheapest(apart, prices, waiting)
        split = bool(best and other_best and other_best["cost"] < best["cost"])
        if split:
            work, costs, best = other, other_costs, other_best
    unknown = [w for w in inputs.work if w.seconds is None]
    if unknown and len(unknown) < len(inputs.work):
        text = f"{len(unknown)} of {len(inputs.work)} pieces have no recorded duration; "
        text += "they count as the rest's p75"
        reasons.append(Reason(code="unknown-durations", text=text, effect=ASSUMED))
    packed = packed_work(work, prices, best["runners"] if best else 0)
    matrix = _matrix(inputs.full, packed, {piece.name: piece.seconds for piece in _pieces(work, prices)})
    build = _build(inputs.modules, prices)
    verdict = ASSUMED if any(r.effect == ASSUMED for r in reasons) else PLANNED
    if best:
        saved = costs[0]["cost"] - best["cost"]
        text = f"{best['runners']} runners cost least: {best['minutes']:g} minutes to the last result"
        text += f", {saved:.2g} cheaper than one runner" if best["runners"] > 1 else ""
        reasons.append(Reason(code="cheapest", text=text))
    elif not build:
        reasons.append(
            Reason(code="nothing-to-run", text="there is nothing to run, so no runner is asked for")
        )
    jobs = len(matrix) + len(build)
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=tuple(reasons),
        next_action=f"Start {len(matrix)} test jobs and {len(build)} build jobs."
        if jobs
        else "Start no job.",
        evidence=inputs.evidence,
        policy=policy,
        outputs={
            "matrix": {"include": matrix},
            "concurrency_matrix": {"include": build},
            "runners": len(matrix),
            "runner": settings.concurrency.runner,
            "waiting": inputs.queue.jobs,
            "prewarm": [entry["module"] for entry in build if entry["prewarm"]],
            "costs": costs,
            "split": split,
        },
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _prices(inputs: Inputs, settings: Settings) -> Concurrency:
    prices = settings.concurrency
    learned = inputs.learned
    if learned.ceiling is not None:
        # More jobs than runners would only wait for one another, each with its own setting up.
        most = max(1, min(prices.max_runners, learned.ceiling))
        prices = msgspec.structs.replace(prices, max_runners=most)
    if learned.setup_minutes is not None:
        prices = msgspec.structs.replace(prices, setup_minutes=learned.setup_minutes)
    elif inputs.collect_seconds is not None:
        minutes = prices.setup_minutes + inputs.collect_seconds / 60
        prices = msgspec.structs.replace(prices, setup_minutes=minutes)
    if inputs.max_runners is None:
        return prices
    most = min(inputs.max_runners, learned.ceiling or inputs.max_runners)
    return msgspec.structs.replace(prices, max_runners=most)


def _cheapest(
    work: Sequence[Work], prices: Concurrency, waiting: float
) -> tuple[Sequence[Work], list[dict[str, Any]], dict[str, Any] | None]:
    costs = table(_pieces(work, prices), prices, waiting)
    best = min(costs, key=lambda row: (row["cost"], row["runners"])) if costs else None
    return work, costs, best


def packed_work(work: Sequence[Work], prices: Concurrency, runners: int) -> list[list[Work]]:
    """The shards of ``work``."""
    named = {w.name: w for w in work}
    return [[named[piece.name] for piece in shard] for shard in pack(_pieces(work, prices), runners)]


def shards_of(inputs: Inputs, settings: Settings, decision: Decision) -> list[list[Work]]:
    """The shards as `decide` packed them."""
    work = inputs.work
    if decision.outputs["split"]:
        work = tuple(part for w in inputs.work for part in w.parts or (w,))
    return packed_work(work, _prices(inputs, settings), decision.outputs["runners"])


def table(pieces: Sequence[Piece], prices: Concurrency, queue_minutes: float) -> list[dict[str, Any]]:
    """Cost of every number of runners that is possible: minutes to the end, billed minutes, money."""
    rows = []
    longest = max((piece.seconds for piece in pieces), default=0.0)
    for runners in range(1, min(len(pieces), prices.max_runners, MATRIX_LIMIT) + 1):
        packed = pack(pieces, runners)
        minutes = queue_minutes + prices.setup_minutes + makespan(packed) / 60
        billed = sum(
            math.ceil(round(prices.setup_minutes + sum(p.seconds for p in shard) / 60, 9)) for shard in packed
        )
        cost = prices.wait_minute_value * minutes + prices.minute_price * billed
        rows.append(
            {
                "runners": runners,
                "minutes": round(minutes, 3),
                "billed_minutes": billed,
                "cost": round(cost, 4),
            }
        )
        if makespan(packed) <= longest:
            break  # no further runner can end sooner, and each costs
    return rows


def _assumptions(inputs: Inputs, prices: Concurrency) -> list[Reason]:
    reasons = [Reason(code=code, text=text, effect=ASSUMED) for code, text in inputs.problems]
    if inputs.queue.jobs is None:
        why = f": {inputs.queue.problem}" if inputs.queue.problem else ""
        text = f"how many jobs wait for runners is not known, so none is assumed{why}"
        reasons.append(Reason(code="queue-assumed", text=text, effect=ASSUMED))
    else:
        minutes = _queue_minutes(inputs, prices)
        text = f"{inputs.queue.jobs} jobs wait for runners, about {minutes:.1f} minutes"
        reasons.append(Reason(code="queue", text=text, sources=(inputs.queue.source,)))
    if told := explain(inputs.learned):
        reasons.append(Reason(code="learned", text=told))
    if inputs.work and not any(work.seconds is not None for work in inputs.work):
        text = f"no duration is recorded; each piece counts as {prices.default_test_seconds:g} s"
        reasons.append(Reason(code="no-history", text=text, effect=ASSUMED))
    return reasons


def _queue_minutes(inputs: Inputs, prices: Concurrency) -> float:
    """As earlier runs waited; else all runners there are serve the waiting jobs, a usual job's time each."""
    jobs, learned = inputs.queue.jobs or 0, inputs.learned
    if learned.wait_base is not None:
        return learned.wait_base + learned.wait_per_job * jobs
    return jobs * prices.usual_job_minutes / prices.max_runners


def _pieces(work: Sequence[Work], prices: Concurrency) -> list[Piece]:
    stand_in = quantile([w.seconds for w in work if w.seconds is not None], 0.75)
    stand_in = prices.default_test_seconds if stand_in is None else stand_in
    return [Piece(w.name, stand_in if w.seconds is None else w.seconds) for w in work]


def _matrix(full: bool, packed: Sequence[Sequence[Work]], seconds: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "shard": number,
            "shards": len(packed),
            "full": full,
            "file": f"shard-{number}.txt",
            "more": f"shard-{number}.json",
            "suites": sorted({part.suite for part in shard if part.suite}),
            "tests": sum(len(part.arguments) for part in shard if not part.command),
            "minutes": round(sum(seconds[part.name] for part in shard) / 60, 3),
        }
        for number, shard in enumerate(packed, 1)
    ]


def _build(modules: Sequence[ModuleWork], prices: Concurrency) -> list[dict[str, Any]]:
    """One job per module, the slowest first: they are named for pre-warming."""
    known = [m.minutes for m in modules if m.minutes is not None]
    stand_in = quantile(known, 0.75) or 0.0
    ordered = sorted(modules, key=lambda m: (-(stand_in if m.minutes is None else m.minutes), m.name))
    return [
        {
            "module": module.name,
            "command": module.command,
            "minutes": module.minutes,
            "prewarm": place < prices.prewarm_slowest and len(modules) > 1,
        }
        for place, module in enumerate(ordered)
    ]
