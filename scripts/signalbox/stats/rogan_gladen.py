"""The pass rate behind an imperfect judge (Rogan & Gladen 1978), with an interval that keeps every noise.

A judge with sensitivity s (good answers passed) and specificity c (bad ones failed) passes a share
q = s·p + (1 − c)(1 − p) of answers of which p are good; so p = (q + c − 1) / (s + c − 1).
"""

from __future__ import annotations

from itertools import product

import msgspec

from signalbox.stats.binomial import clopper_pearson


class Counts(msgspec.Struct, frozen=True, array_like=True):
    """So many right (or passed) of so many."""

    right: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.of:
            raise ValueError("needs 0 <= right <= of")


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """Shares in [0, 1]. ``rate`` is None where the judge tells good from bad no better than a coin."""

    rate: float | None
    low: float
    high: float


def correct(passed: Counts, good: Counts, bad: Counts, confidence: float = 0.95) -> Corrected:
    """Corrected share of good answers. ``good``: known-good anchors passed; ``bad``: known-bad ones failed.

    The interval takes each of the three shares at its exact interval of confidence 1 − (1 − confidence)/3 and
    the extremes over their corners: at least the confidence asked for (Bonferroni), usually more. Where a
    corner has no information (s + c ≤ 1) the interval is [0, 1].
    """
    single = 1 - (1 - confidence) / 3
    rate = None
    if passed.of and good.of and bad.of:
        rate = _solve(passed.right / passed.of, good.right / good.of, bad.right / bad.of)
    corners = [
        _solve(*corner)
        for corner in product(*(clopper_pearson(one.right, one.of, single) for one in (passed, good, bad)))
    ]
    known = [corner for corner in corners if corner is not None]
    if rate is None or len(known) < len(corners):
        return Corrected(rate=rate, low=0.0, high=1.0)
    return Corrected(rate=rate, low=min(known), high=max(known))


def _solve(passed: float, sensitivity: float, specificity: float) -> float | None:
    told = sensitivity + specificity - 1
    return None if told <= 0 else min(1.0, max(0.0, (passed + specificity - 1) / told))
