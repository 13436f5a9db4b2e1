"""Exact intervals for a share, and how unevenly events come."""

from __future__ import annotations

import math
from collections.abc import Sequence


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b), by the continued fraction of DLMF 8.17.22 (Lentz)."""
    if a <= 0 or b <= 0 or not 0 <= x <= 1:
        raise ValueError("needs a > 0, b > 0 and 0 <= x <= 1")
    if x in (0.0, 1.0):
        return x
    # The fraction converges fast only on this side of the mean; the other side is its mirror image.
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    fraction = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            fraction *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return math.exp(log_front) * fraction / a


def clopper_pearson(events: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval for a share (Clopper & Pearson 1934); (0, 1) without trials."""
    tail = (1 - confidence) / 2
    return lower_bound(events, trials, 1 - tail), upper_bound(events, trials, 1 - tail)


def lower_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided exact lower bound of a share."""
    _check(events, trials, confidence)
    return 0.0 if events == 0 else _quantile(events, trials - events + 1, 1 - confidence)


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided exact upper bound of a share: no event in 50 trials bounds 6% at 95%."""
    _check(events, trials, confidence)
    return 1.0 if events == trials else _quantile(events + 1, trials - events, confidence)


def _check(events: int, trials: int, confidence: float) -> None:
    if not 0 <= events <= trials or not 0 < confidence < 1:
        raise ValueError("needs 0 <= events <= trials and 0 < confidence < 1")


def _quantile(a: float, b: float, probability: float) -> float:
    """The x with I_x(a, b) = probability, by bisection to the last bit that matters."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if incomplete_beta(a, b, middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def dispersion(looks: Sequence[tuple[int, int]]) -> float | None:
    """How much more events vary than independent ones would: 1 = not at all, None = cannot be said.

    ``looks`` are (exposure, events); Pearson's χ² over its degrees of freedom. Above 1, events come in
    clusters of about this size. An estimate, approximate by nature.
    """
    used = [(exposure, events) for exposure, events in looks if exposure > 0]
    exposure, events = sum(n for n, _ in used), sum(k for _, k in used)
    if len(used) < 2 or not 0 < events < exposure:
        return None
    rate = events / exposure
    chi2 = math.fsum((k - n * rate) ** 2 / (n * rate * (1 - rate)) for n, k in used)
    return chi2 / (len(used) - 1)
