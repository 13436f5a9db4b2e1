"""Betting on the mean of paired differences of passes and failures: e-processes that count rounds.

One draw of a case gives x = candidate − baseline, which is −1, 0 or 1. A *balanced round* holds one draw of
every case. With a bet λ fixed before the round, its factor is ∏ (1 + λ (x − bound)). Draws of one round are
independent, so the factor's mean is ∏ (1 + λ (δᵢ − bound)) ≤ (1 + λ (δ − bound))ⁿ (the geometric mean is at
most the arithmetic one), which is at most 1 when the mean difference δ *over these cases* is on the wrong
side of the bound, however unequal the cases are. So the product over rounds is an e-process (Waudby-Smith &
Ramdas 2024): it may be looked at after every round, and exceeds 1/α with probability at most α.

A weighted mean over several λ is one too; it need not be told how noisy the cases are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from signalbox.stats.eprocess import weighted_mean


class Round(msgspec.Struct, frozen=True, array_like=True):
    """One draw of every case: where the candidate failed and the baseline passed, where both did the same,
    and where the candidate passed and the baseline failed."""

    worse: int
    same: int
    better: int

    def __post_init__(self) -> None:
        if min(self.worse, self.same, self.better) < 0 or not self.draws:
            raise ValueError("a round holds at least one draw and no negative counts")

    @property
    def draws(self) -> int:
        """Paired draws in this round."""
        return self.worse + self.same + self.better


class Bets(msgspec.Struct, frozen=True):
    """Stakes λ and their weights, which sum to 1; ``side`` +1 bets above the bound, −1 below it."""

    sizes: tuple[float, ...]
    weights: tuple[float, ...]
    side: int


def bets_above(margin: float) -> Bets:
    """Stakes against "worse than the margin or at it", as multiples of the margin, kept within what the
    worst draw (−1) can lose."""
    return _bets((2.4, 5.0, 10.0, 20.0), (0.4, 0.3, 0.15, 0.15), 1.0 - margin, margin, +1)


def bets_below(margin: float) -> Bets:
    """Stakes against "no worse than the margin", within what the best draw (+1) can lose."""
    return _bets((3.0, 7.0, 12.0), (0.3, 0.5, 0.2), 1.0 + margin, margin, -1)


def _bets(
    ratios: Sequence[float], weights: tuple[float, ...], worst: float, margin: float, side: int
) -> Bets:
    if not 0 < margin < 1:
        raise ValueError("the margin must lie between 0 and 1")
    # Never all on one draw: what is left must be able to grow again.
    return Bets(tuple(min(ratio * margin, 0.95 / worst) for ratio in ratios), weights, side)


def log_factors(bets: Bets, margin: float) -> list[tuple[float, float, float]]:
    """For each stake the logarithm of the factor of one draw that is worse, the same, better."""
    return [
        tuple(math.log1p(bets.side * size * (x + margin)) for x in (-1, 0, 1))  # type: ignore[misc]
        for size in bets.sizes
    ]


def log_wealth(rounds: Iterable[Round], bets: Bets, margin: float) -> list[float]:
    """ln E after each round, of the weighted mean over the stakes, against the bound −margin."""
    factors = log_factors(bets, margin)
    logs = [0.0] * len(factors)
    path = []
    for one in rounds:
        logs = [
            log + one.worse * worse + one.same * same + one.better * better
            for log, (worse, same, better) in zip(logs, factors, strict=True)
        ]
        path.append(weighted_mean(logs, bets.weights))
    return path
