"""Is the candidate no worse than the baseline by more than a margin? Decided round by round, or not at all.

Two e-processes run side by side: one against "δ ≤ −margin" (crossing 1/α shows the candidate non-inferior)
and one against "δ ≥ −margin" (crossing 1/α shows it inferior). δ is the mean over *these cases* of the
candidate's pass rate less the baseline's; the baseline is drawn too, so its noise is inside. Whatever the
rates, a candidate exactly at the margin is shown non-inferior with probability at most α.

Giving up early (futility) only ever leaves undecided what would have been decided: it costs power, not error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import msgspec

from signalbox.stats.betting import Round, bets_above, bets_below, log_factors, log_wealth

Outcome = Literal["non-inferior", "inferior", "undecided"]

# How optimistic the forecast is before it gives up, in standard errors of the observed difference.
_OPTIMISM = 2.0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What the rounds show. ``p`` values are 1/max E, valid at any time; ``draws`` are those that were used.

    ``futile``: even an effect two standard errors better (or worse) than observed would not be shown within
    the budget. ``needed`` is a forecast of the paired draws that a decision takes in all if they go on as
    seen; None where no number of draws of these cases will do.
    """

    outcome: Outcome
    rounds: int
    draws: int
    difference: float
    variance: float
    log_e_above: float
    log_e_below: float
    p_above: float
    p_below: float
    futile: bool
    needed: int | None


def trial(
    rounds: Sequence[Round],
    *,
    margin: float,
    alpha: float,
    block_alpha: float | None = None,
    budget: int | None = None,
) -> Trial:
    """Use ``rounds`` in order until one side is decided; ``budget`` bounds the paired draws."""
    blocking = alpha if block_alpha is None else block_alpha
    above = log_wealth(rounds, bets_above(margin), margin)
    below = log_wealth(rounds, bets_below(margin), margin)
    outcome: Outcome = "undecided"
    used, drawn, futile = 0, 0, False
    for index, one in enumerate(rounds):
        if budget is not None and drawn + one.draws > budget:
            break
        used, drawn = index + 1, drawn + one.draws
        if above[index] >= -math.log(alpha):
            outcome = "non-inferior"
            break
        if below[index] >= -math.log(blocking):
            outcome = "inferior"
            break
    seen = rounds[:used]
    mean, variance = moments(seen)
    at_above, at_below = (path[used - 1] if used else 0.0 for path in (above, below))
    if outcome == "undecided" and budget is not None and drawn:
        left = budget - drawn
        futile = _hopeless(at_above, mean + margin, variance, drawn, left, alpha) and _hopeless(
            at_below, -(mean + margin), variance, drawn, left, blocking
        )
    return Trial(
        outcome=outcome,
        rounds=used,
        draws=drawn,
        difference=mean,
        variance=variance,
        log_e_above=at_above,
        log_e_below=at_below,
        p_above=math.exp(-max([0.0, *above[:used]])),
        p_below=math.exp(-max([0.0, *below[:used]])),
        futile=futile,
        needed=draws_needed(seen, margin=margin, alpha=min(alpha, blocking)),
    )


def moments(rounds: Sequence[Round]) -> tuple[float, float]:
    """Mean and variance of one paired draw; (0, 1) before any."""
    draws = sum(one.draws for one in rounds)
    if not draws:
        return 0.0, 1.0
    better, worse = sum(one.better for one in rounds), sum(one.worse for one in rounds)
    mean = (better - worse) / draws
    return mean, max((better + worse) / draws - mean * mean, 0.0)


def draws_needed(rounds: Sequence[Round], *, margin: float, alpha: float) -> int | None:
    """Forecast of the paired draws that decide if draws go on as they did; None where they never would.

    Each stake grows ln E by its mean logarithm over the draws seen, and needs ln(1/α) plus the price of its
    weight. Something to plan with, never a part of the decision.
    """
    draws = sum(one.draws for one in rounds)
    if not draws:
        return None
    shares = [sum(getattr(one, name) for one in rounds) / draws for name in ("worse", "same", "better")]
    best = math.inf
    for bets in (bets_above(margin), bets_below(margin)):
        for factors, weight in zip(log_factors(bets, margin), bets.weights, strict=True):
            growth = math.fsum(share * factor for share, factor in zip(shares, factors, strict=True))
            if growth > 1e-4:
                best = min(best, (math.log(1 / alpha) - math.log(weight)) / growth)
    return None if math.isinf(best) else math.ceil(best)


def fixed_design(variance: float, *, margin: float, alpha: float, power: float) -> int:
    """Paired draws of a test that looks once: equal candidates shown non-inferior with this power.

    Normal approximation with known variance, the yardstick that a sequential design is held against.
    """
    normal = NormalDist()
    reach = normal.inv_cdf(1 - alpha) + normal.inv_cdf(power)
    return max(1, math.ceil(variance * (reach / margin) ** 2))


def _growth(distance: float, variance: float) -> float:
    return distance * distance / (2 * (variance + distance * distance))


def _hopeless(log_e: float, distance: float, variance: float, drawn: int, left: int, alpha: float) -> bool:
    # A variance of 0 after a few draws is a lack of knowledge, not of noise.
    spread = max(variance, 0.02)
    hoped = distance + _OPTIMISM * math.sqrt(spread / drawn)
    if hoped <= 0:
        return True
    return -math.log(alpha) - log_e > _growth(hoped, spread) * left
