"""Exact sign-flip test on interleaved pairs, and Holm's step-down over several benchmarks.

Under "no slower than the margin" each pair's log ratio, less the log of the margin, is as likely to have
one sign as the other, so every pattern of signs is equally likely: the p-value is the share of the 2^n
patterns whose sum is at least the observed one (Fisher 1935; Holm 1979 for several). Exact when pairs are
independent and the differences symmetric about the margin; interleaving is what makes that believable,
since slow drifts of the machine hit both sides of a pair.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

# 2 × 2^16 half sums are enumerated; more pairs than this are summed in blocks first, which keeps the test
# exact (flipping a whole block is a subgroup of flipping its pairs).
_MOST_BLOCKS = 32


def sign_flip_p(differences: Sequence[float]) -> float:
    """One-sided p-value of "the differences are centred above zero", in (0, 1]; 1.0 for no differences.

    Ties count against significance. Raises ValueError for a value that is not finite.
    """
    if not all(math.isfinite(d) for d in differences):
        raise ValueError("every difference must be a finite number")
    values = _blocks(list(differences))
    if not values:
        return 1.0
    observed = math.fsum(values)
    slack = 1e-12 * math.fsum(abs(v) for v in values)
    half = len(values) // 2
    left, right = _signed_sums(values[:half]), sorted(_signed_sums(values[half:]))
    count = sum(len(right) - bisect_left(right, observed - slack - a) for a in left)
    return float(min(1.0, count / 2.0 ** len(values)))


def _blocks(values: list[float]) -> list[float]:
    if len(values) <= _MOST_BLOCKS:
        return values
    return [math.fsum(values[i::_MOST_BLOCKS]) for i in range(_MOST_BLOCKS)]


def _signed_sums(values: Sequence[float]) -> list[float]:
    sums = [0.0]
    for value in values:
        sums = [s + value for s in sums] + [s - value for s in sums]
    return sums


def least_pairs(benchmarks: int, alpha: float) -> int:
    """The fewest pairs with which Holm over this many benchmarks can ever reject: ⌈log2(k / α)⌉."""
    if benchmarks < 1 or not 0 < alpha < 1:
        raise ValueError("needs at least one benchmark and 0 < alpha < 1")
    return max(1, math.ceil(math.log2(benchmarks / alpha) - 1e-12))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given; reject those at or below alpha."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, running = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def log_differences(pairs: Sequence[tuple[float, float]], margin: float) -> list[float]:
    """Log(candidate / baseline) − log(1 + margin) for each (baseline, candidate) pair of times.

    Raises ValueError unless every time is positive and finite and the margin is at least 0.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError("the margin must be a number of at least 0")
    if not all(math.isfinite(t) and t > 0 for pair in pairs for t in pair):
        raise ValueError("every time must be a positive number")
    return [math.log(candidate / baseline) - math.log1p(margin) for baseline, candidate in pairs]
