"""How far probabilities are from what happened: the calibration error, plain and debiased, and the diagram.

The plain error over bins is biased upwards: even a perfect forecaster's bins miss by chance, the more the
fewer there are in each. The debiased one takes off the expected part of chance, bin by bin, with each bin's
share taken as normal around what was seen (Kumar, Liang & Ma 2019). It is what to read below about 2,000
outcomes, and still somewhat too large there: it takes off about half of what a perfect forecaster shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

Pairs = Sequence[tuple[float, bool]]


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """One bin of the reliability diagram: mean probability given, share that happened, how many."""

    given: float
    happened: float
    n: int


def diagram(pairs: Pairs, bins: int = 10) -> tuple[Bin, ...]:
    """Bins of as nearly equal size as equal probabilities allow: what was given alike stays together."""
    if bins < 1 or any(not 0 <= given <= 1 for given, _ in pairs):
        raise ValueError("needs at least one bin, and probabilities between 0 and 1")
    ordered = sorted(pairs, key=lambda pair: pair[0])
    out: list[Bin] = []
    start = 0
    for index in range(1, bins + 1):
        end = max(start, round(index * len(ordered) / bins))
        while 0 < end < len(ordered) and ordered[end][0] == ordered[end - 1][0]:
            end += 1
        if end > start:
            out.append(_bin(ordered[start:end]))
            start = end
    return tuple(out)


def calibration_error(pairs: Pairs, bins: int = 10) -> float:
    """Mean distance between what was given and what happened, over bins; biased upwards."""
    rows = diagram(pairs, bins)
    return math.fsum(abs(row.given - row.happened) * row.n for row in rows) / max(1, len(pairs))


def debiased_error(pairs: Pairs, bins: int = 10) -> float:
    """:func:`calibration_error` less what chance alone is expected to add; never below 0."""
    total = 0.0
    for row in diagram(pairs, bins):
        gap = abs(row.given - row.happened)
        # By Laplace's rule, or a bin in which all went one way would seem to have no chance in it.
        share = (row.happened * row.n + 1) / (row.n + 2)
        error = math.sqrt(share * (1 - share) / row.n)
        total += row.n * (gap - (_folded(gap, error) - gap))
    return max(0.0, total / max(1, len(pairs)))


def _bin(part: Pairs) -> Bin:
    n = len(part)
    return Bin(
        given=math.fsum(given for given, _ in part) / n,
        happened=sum(happened for _, happened in part) / n,
        n=n,
    )


def _folded(mean: float, deviation: float) -> float:
    """E|X| of a normal variable."""
    ratio = mean / deviation
    spread = deviation * math.sqrt(2 / math.pi) * math.exp(-ratio * ratio / 2)
    return spread + mean * math.erf(ratio / math.sqrt(2))
