"""An interval for the mean of bounded numbers that holds at the sample at hand, not only in the limit.

Betting (Waudby-Smith & Ramdas 2024): against every candidate mean m, wealth ∏ (1 ± λ (x − m)) with stakes
fixed before each x is an e-process if m is the mean, so the m under which it passes 1/α can be left out. The
stakes adapt to the variance seen so far, so rare large values (inverse propensities) cost what they must and
no more. Holds for independent draws, and for any order in which each x has mean m given those before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

_STEPS = 40
# A stake may risk at most this share of the wealth that the worst possible draw would take.
_MOST = 0.9


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate with the ends of its interval at ``confidence``, from ``n`` values."""

    estimate: float
    low: float
    high: float
    n: int
    confidence: float

    @property
    def width(self) -> float:
        """From end to end."""
        return self.high - self.low


def mean_interval(values: Sequence[float], *, low: float, high: float, confidence: float = 0.95) -> Interval:
    """The interval for the mean of ``values``, each of which lies in [low, high] for certain.

    Half of the error goes to each side. Raises ValueError for a value outside, because the guarantee would
    be gone. Without values it is the whole range.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high or not 0 < confidence < 1:
        raise ValueError("needs low < high, both finite, and a confidence between 0 and 1")
    if any(not low <= value <= high for value in values):
        raise ValueError("a value lies outside its bounds")
    if not values:
        return Interval(estimate=(low + high) / 2, low=low, high=high, n=0, confidence=confidence)
    tail = (1 - confidence) / 2
    scaled = [(value - low) / (high - low) for value in values]
    lower = _lower(scaled, tail)
    upper = 1.0 - _lower([1.0 - x for x in scaled], tail)
    mean = math.fsum(values) / len(values)
    # With few values the two bounds need not lie around the mean, nor even in order.
    return Interval(
        estimate=mean,
        low=low + min(lower, upper) * (high - low),
        high=low + max(lower, upper) * (high - low),
        n=len(values),
        confidence=confidence,
    )


def lower_bound(values: Sequence[float], *, low: float, high: float, confidence: float = 0.95) -> float:
    """One-sided: the mean is at least this, with that confidence."""
    if any(not low <= value <= high for value in values):
        raise ValueError("a value lies outside its bounds")
    scaled = [(value - low) / (high - low) for value in values]
    return low + _lower(scaled, 1 - confidence) * (high - low)


def is_above(
    values: Sequence[float], mean: float, *, low: float, high: float, confidence: float = 0.95
) -> bool:
    """Whether :func:`lower_bound` is above ``mean`` (strictly within the bounds), in one pass."""
    if not low < mean < high or any(not low <= value <= high for value in values):
        raise ValueError("a value or the mean lies outside its bounds")
    scaled = [(value - low) / (high - low) for value in values]
    return _ruled_out(scaled, _stakes(scaled, 1 - confidence), (mean - low) / (high - low), 1 - confidence)


def _lower(values: Sequence[float], alpha: float) -> float:
    """The smallest mean in [0, 1] that the bets on "more than m" do not rule out at level ``alpha``."""
    stakes = _stakes(values, alpha)
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _ruled_out(values, stakes, middle, alpha) else (low, middle)
    return low


def _ruled_out(values: Sequence[float], stakes: Sequence[float], m: float, alpha: float) -> bool:
    # Wealth may be counted at its highest: an e-process may be stopped at any time (Ville).
    cap, goal = _MOST / m, math.log(1 / alpha)
    wealth = 0.0
    for x, stake in zip(values, stakes, strict=True):
        wealth += math.log1p(min(stake, cap) * (x - m))
        if wealth >= goal:
            return True
    return False


def _stakes(values: Sequence[float], alpha: float) -> list[float]:
    """Predictable stakes: √(2 ln(1/α) / (n σ²)) with the variance of what came before."""
    scale = 2 * math.log(1 / alpha) / max(1, len(values))
    stakes: list[float] = []
    total, squares = 0.5, 0.25
    for count, x in enumerate(values, 1):
        stakes.append(math.sqrt(scale / (squares / count)))
        total += x
        mean = total / (count + 1)
        squares += (x - mean) ** 2
    return stakes
