"""Conformal risk control for one threshold, and an e-detector that watches the budget it promised.

``threshold`` (Angelopoulos, Bates, Fisch, Lei & Schuster 2024): the loosest score at which
(bad items at or above it + 1) / (n + 1) <= alpha. It bounds P(accepted and bad) in expectation for the next
item *if* it is exchangeable with the recorded ones and their scores were made without their own outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def least_outcomes(alpha: float) -> int:
    """Outcomes below which no threshold can be within the budget, however good they were: ⌈1/α⌉ − 1."""
    if not 0 < alpha < 1:
        raise ValueError("the risk budget must lie between 0 and 1")
    return max(0, math.ceil(1 / alpha - 1e-9) - 1)


def threshold(outcomes: Sequence[tuple[float, bool]], alpha: float) -> float | None:
    """The loosest threshold for ``score >= threshold``, or None where no threshold keeps the budget.

    ``outcomes``: (score in [0, 1], was it bad). The value returned lies just above the score of the first
    bad item that would break the budget; 0.0 if none would break it.
    """
    if len(outcomes) < least_outcomes(alpha):
        return None
    # floor((n+1)·α) − 1 bad items may lie above; the tolerance keeps 0.02 × 50 from reading 0.999….
    allowed = math.floor((len(outcomes) + 1) * alpha + 1e-9) - 1
    if allowed < 0:
        return None
    bad = sorted((score for score, is_bad in outcomes if is_bad), reverse=True)
    if len(bad) <= allowed:
        return 0.0
    return math.nextafter(bad[allowed], math.inf)


def budget_evidence(accepted_and_bad: Iterable[bool], alpha: float) -> float:
    """Largest value so far of a Shiryaev–Roberts e-detector for "P(accepted and bad) is above alpha".

    Alarm at horizon / p: within the budget the chance of any alarm in that many items is at most p
    (Doob), and a long good past does not slow the alarm, as it would for one e-process from the start.
    Four fixed bets are averaged, so that it grows for small and for large excesses; a factor is 1 +
    bet·(z − α)/α with the bet below 1, so it is never negative and its mean is at most 1 within the
    budget.
    """
    if not 0 < alpha < 1:
        raise ValueError("the risk budget must lie between 0 and 1")
    bets = (0.05, 0.15, 0.4, 0.8)
    mass = [0.0] * len(bets)
    highest = 0.0
    for bad in accepted_and_bad:
        gain = (float(bad) - alpha) / alpha
        # Capped far beyond any alarm so that a long stream cannot overflow.
        mass = [min(1e100, (m + 1) * (1 + bet * gain)) for m, bet in zip(mass, bets, strict=True)]
        highest = max(highest, sum(mass) / len(bets))
    return highest
