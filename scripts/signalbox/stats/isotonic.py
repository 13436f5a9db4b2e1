"""Isotonic regression: the nondecreasing map from a score to a probability that fits outcomes best.

Pool adjacent violators (Ayer et al. 1955), least squares; between the pooled scores it is linear, outside it
is flat. It can only reorder nothing: whoever had the higher score keeps at least the higher probability.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec


class Isotonic(msgspec.Struct, frozen=True, kw_only=True):
    """Knots of the map: strictly rising ``scores`` and nondecreasing ``values`` at them."""

    scores: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, score: float) -> float:
        """The value at ``score``; NaN is refused, because it would fall between all comparisons."""
        if score != score:
            raise ValueError("a score is a number")
        after = bisect_right(self.scores, score)
        if after == 0:
            return self.values[0]
        if after == len(self.scores):
            return self.values[-1]
        left, right = self.scores[after - 1], self.scores[after]
        share = (score - left) / (right - left)
        low, high = self.values[after - 1], self.values[after]
        # Halfway rounding may not lead outside the two knots.
        return min(max(low + share * (high - low), low), high)


def fit(scores: Sequence[float], outcomes: Sequence[float], weights: Sequence[float] = ()) -> Isotonic:
    """The map that least squares chooses. Equal scores are one point. Raises ValueError without data."""
    if not scores or len(scores) != len(outcomes) or (weights and len(weights) != len(scores)):
        raise ValueError("needs as many outcomes (and weights) as scores, and at least one")
    given = weights or [1.0] * len(scores)
    if min(given) <= 0 or any(value != value for value in (*scores, *outcomes)):
        raise ValueError("weights are positive, scores and outcomes are numbers")
    totals: dict[float, tuple[float, float]] = {}
    for score, outcome, weight in zip(scores, outcomes, given, strict=True):
        mass, total = totals.get(score, (0.0, 0.0))
        totals[score] = (mass + weight, total + weight * outcome)
    # Blocks: weight, weighted sum, first score, last score.
    blocks: list[tuple[float, float, float, float]] = []
    for score in sorted(totals):
        mass, total = totals[score]
        blocks.append((mass, total, score, score))
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            later, earlier = blocks.pop(), blocks.pop()
            blocks.append((earlier[0] + later[0], earlier[1] + later[1], earlier[2], later[3]))
    knots: list[tuple[float, float]] = []
    for mass, total, first, last in blocks:
        knots.append((first, total / mass))
        if last > first:
            knots.append((last, total / mass))
    return Isotonic(scores=tuple(score for score, _ in knots), values=tuple(value for _, value in knots))
