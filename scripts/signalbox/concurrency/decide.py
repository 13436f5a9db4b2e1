"""The concurrency plan: the number of runners that costs least, waiting included, and their shares. Pure.

``C(k) = wait_value · (queue + setup + makespan(k)) + Σ ⌈setup + shard⌉ · price``, all in minutes: a runner's
minute is paid whole, a person's waiting as it passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from signalbox.config import Settings
from signalbox.config.concurrency import MATRIX_LIMIT, Concurrency
from signalbox.decision import Decision, Evidence, PolicyRef, Reason, Stamp, Subject

from .packing import Piece, makespan, pack, quantile

KIND = "concurrency"
PLANNED, ASSUMED = "planned", "assumed"


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be run on one runner as a whole. ``seconds`` is None when nobody has measured it;
    ``arguments`` are pytest's, ``command`` stands instead of pytest."""

    name: str
    seconds: float | None = None
    arguments: tuple[str, ...] = ()
    suite: str = ""
    command: str = ""


class ModuleWork(msgspec.Struct, frozen=True, kw_only=True):
    """One module to build."""

    name: str
    command: str
    minutes: float | None = None


class QueueFact(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that wait for runners now; ``jobs`` is None when nobody could say, and ``problem`` why."""

    jobs: int | None = None
    source: str = ""
    problem: str = ""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the plan was made from."""

    subject: Subject
    work: tuple[Work, ...] = ()
    modules: tuple[ModuleWork, ...] = ()
    queue: QueueFact = QueueFact()
    max_runners: int | None = None
    plan: str = ""
    history: str = ""
    problems: tuple[tuple[str, str], ...] = ()
    evidence: tuple[Evidence, ...] = ()


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """Choose the number of runners and what runs on each."""
    prices = _prices(inputs, settings)
    reasons = _assumptions(inputs, prices)
    pieces, unknown = _pieces(inputs.work, prices)
    if unknown:
        text = (
            f"{len(unknown)} of {len(pieces)} pieces have no recorded duration; they count as the rest's p75"
        )
        reasons.append(Reason(code="unknown-durations", text=text, effect=ASSUMED))
    costs = table(pieces, prices, _queue_minutes(inputs.queue, prices))
    best = min(costs, key=lambda row: (row["cost"], row["runners"])) if costs else None
    packed = pack(pieces, best["runners"]) if best else []
    matrix = _matrix(packed, {work.name: work for work in inputs.work})
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
            "prewarm": [entry["module"] for entry in build if entry["prewarm"]],
            "costs": costs,
        },
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _prices(inputs: Inputs, settings: Settings) -> Concurrency:
    if inputs.max_runners is None:
        return settings.concurrency
    return msgspec.structs.replace(settings.concurrency, max_runners=inputs.max_runners)


def table(pieces: Sequence[Piece], prices: Concurrency, queue_minutes: float) -> list[dict[str, Any]]:
    """Cost of every number of runners that is possible: minutes to the end, billed minutes, money."""
    rows = []
    for runners in range(1, min(len(pieces), prices.max_runners, MATRIX_LIMIT) + 1):
        packed = pack(pieces, runners)
        minutes = queue_minutes + prices.setup_minutes + makespan(packed) / 60
        billed = sum(
            math.ceil(round(prices.setup_minutes + sum(p.seconds for p in shard) / 60, 9)) for shard in packed
        )
        cost = prices.wait_minute_value * minutes + prices.runner_minute_price * billed
        rows.append(
            {
                "runners": runners,
                "minutes": round(minutes, 3),
                "billed_minutes": billed,
                "cost": round(cost, 4),
            }
        )
    return rows


def _assumptions(inputs: Inputs, prices: Concurrency) -> list[Reason]:
    reasons = [Reason(code=code, text=text, effect=ASSUMED) for code, text in inputs.problems]
    if inputs.queue.jobs is None:
        why = f": {inputs.queue.problem}" if inputs.queue.problem else ""
        text = f"how many jobs wait for runners is not known, so none is assumed{why}"
        reasons.append(Reason(code="queue-assumed", text=text, effect=ASSUMED))
    else:
        minutes = _queue_minutes(inputs.queue, prices)
        text = f"{inputs.queue.jobs} jobs wait for runners, about {minutes:.1f} minutes"
        reasons.append(Reason(code="queue", text=text, sources=(inputs.queue.source,)))
    if inputs.work and not any(work.seconds is not None for work in inputs.work):
        text = f"no duration is recorded; each piece counts as {prices.default_test_seconds:g} s"
        reasons.append(Reason(code="no-history", text=text, effect=ASSUMED))
    return reasons


def _queue_minutes(queue: QueueFact, prices: Concurrency) -> float:
    """Waiting jobs are served by all runners there are, each busy for a job's usual minutes."""
    return (queue.jobs or 0) * prices.usual_job_minutes / prices.max_runners


def _pieces(work: Sequence[Work], prices: Concurrency) -> tuple[list[Piece], list[str]]:
    known = [w.seconds for w in work if w.seconds is not None]
    stand_in = quantile(known, 0.75)
    stand_in = prices.default_test_seconds if stand_in is None else stand_in
    unknown = [w.name for w in work if w.seconds is None] if known else []
    return [Piece(w.name, stand_in if w.seconds is None else w.seconds) for w in work], unknown


def _matrix(packed: Sequence[Sequence[Piece]], work: dict[str, Work]) -> list[dict[str, Any]]:
    entries = []
    for number, shard in enumerate(packed, 1):
        parts = [work[piece.name] for piece in shard]
        entries.append(
            {
                "shard": number,
                "shards": len(packed),
                "file": f"shard-{number}.txt",
                "suites": sorted({part.suite for part in parts if part.suite}),
                "commands": [part.command for part in parts if part.command],
                "tests": sum(len(part.arguments) for part in parts),
                "minutes": round(sum(piece.seconds for piece in shard) / 60, 3),
            }
        )
    return entries


def arguments(inputs: Inputs, settings: Settings, decision: Decision) -> dict[str, list[str]]:
    """Shard file → pytest arguments, packed as `decide` packed them."""
    work = {w.name: w for w in inputs.work}
    pieces, _ = _pieces(inputs.work, _prices(inputs, settings))
    return {
        f"shard-{number}.txt": [argument for piece in shard for argument in work[piece.name].arguments]
        for number, shard in enumerate(pack(pieces, decision.outputs["runners"]), 1)
    }


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
