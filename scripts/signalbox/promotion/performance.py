"""Benchmarks as interleaved pairs: an exact sign-flip test with a margin, Holm over the benchmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from signalbox.decision import Evidence
from signalbox.stats.signflip import holm, least_pairs, log_differences, sign_flip_p


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """One benchmark: candidate over baseline (geometric mean), pairs, Holm's p, and whether it is slower."""

    name: str
    ratio: float
    pairs: int
    p: float
    slower: bool


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All benchmarks. ``worst`` is the largest slowdown as a share (0.1 = 10% slower), None without pairs."""

    verdict: Literal["none", "no-regression", "regression", "inconclusive"] = "none"
    benchmarks: tuple[Benchmark, ...] = ()
    worst: float | None = None
    pairs_needed: int = 0


def compare(evidence: Sequence[Evidence], *, margin: float, alpha: float) -> Comparison:
    """Compare every benchmark that came as pairs; without trusted pairs there is nothing to decide."""
    reports = [item for item in evidence if item.kind == "performance"]
    if not reports:
        return Comparison()
    if any(item.status == "not_verified" for item in reports):
        return Comparison(verdict="inconclusive")
    named: dict[str, list[tuple[float, float]]] = {}
    for item in reports:
        for name, pairs in item.facts.get("pairs", {}).items():
            named.setdefault(str(name), []).extend(_pair(pair) for pair in pairs)
    if not named:
        return Comparison(verdict="inconclusive")
    raw = [sign_flip_p(log_differences(pairs, margin)) for pairs in named.values()]
    needed = least_pairs(len(named), alpha)
    benchmarks = tuple(
        Benchmark(
            name=name,
            ratio=round(math.exp(math.fsum(math.log(c / b) for b, c in pairs) / len(pairs)), 6),
            pairs=len(pairs),
            p=round(p, 9),
            slower=p <= alpha,
        )
        for (name, pairs), p in zip(named.items(), holm(raw), strict=True)
        if pairs
    )
    short = any(len(pairs) < needed for pairs in named.values())
    verdict: Literal["no-regression", "regression", "inconclusive"] = "no-regression"
    if any(item.slower for item in benchmarks):
        verdict = "regression"
    elif short:
        verdict = "inconclusive"
    worst = max((item.ratio - 1 for item in benchmarks), default=None)
    return Comparison(
        verdict=verdict,
        benchmarks=benchmarks,
        worst=round(worst, 6) if worst is not None else None,
        pairs_needed=needed,
    )


def _pair(pair: Any) -> tuple[float, float]:
    before, after = pair
    return float(before), float(after)
