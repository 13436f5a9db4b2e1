"""How long a certification will take, said before it is begun."""

from __future__ import annotations

import math
from statistics import NormalDist

from signalbox.stats.eprocess import Mixture, share_of_events


def seconds_to_certify(
    mixture: Mixture,
    *,
    rate: float,
    treated_per_second: float,
    control_per_second: float,
    limit: float,
    alpha: float,
    power: float = 0.8,
    cluster: float = 1.0,
) -> float:
    """Seconds until "``limit`` times worse" is rejected with probability ``power`` if both arms are alike.

    ``rate`` is the events' share of requests in both arms. Infinite without events or without traffic:
    nothing can be learnt about a ratio of rates of what never happens. Approximation: the logarithm of the
    best alternative's e-process is taken as Brownian motion with the drift and variance of one event.
    """
    total = treated_per_second + control_per_second
    if min(treated_per_second, control_per_second, rate) <= 0:
        return math.inf
    share = treated_per_second / total
    null = share_of_events(share, limit)
    best = math.inf
    for ratio, weight in zip(mixture.ratios, mixture.weights, strict=True):
        theta = share_of_events(share, ratio)
        up, down = math.log(theta / null), math.log1p(-theta) - math.log1p(-null)
        drift = (share * up + (1 - share) * down) / cluster
        spread = share * (1 - share) * ((up - down) / cluster) ** 2
        best = min(best, _crossing(math.log(1 / alpha / weight), drift, spread, power))
    return best / (rate * total)


def seconds_to_stay_below(
    mixture: Mixture,
    *,
    rate: float,
    per_second: float,
    limit: float,
    alpha: float,
    power: float = 0.8,
    cluster: float = 1.0,
) -> float:
    """Seconds until "the rate is at least ``limit``" is rejected with probability ``power``."""
    if per_second <= 0 or rate >= limit:
        return math.inf
    best = math.inf
    for ratio, weight in zip(mixture.ratios, mixture.weights, strict=True):
        up = math.log(ratio)
        down = math.log1p(-limit * ratio) - math.log1p(-limit)
        drift = (rate * up + (1 - rate) * down) / cluster
        spread = rate * (1 - rate) * ((up - down) / cluster) ** 2
        best = min(best, _crossing(math.log(1 / alpha / weight), drift, spread, power))
    return best / per_second


def _crossing(height: float, drift: float, spread: float, power: float) -> float:
    """Steps until Brownian motion has reached ``height`` with probability ``power`` (inverse Gaussian)."""
    if drift <= 0:
        return math.inf
    normal, sigma = NormalDist(), math.sqrt(spread)
    if sigma == 0:
        return height / drift

    def reached_by(steps: float) -> float:
        root = sigma * math.sqrt(steps)
        mirrored = normal.cdf(-(drift * steps + height) / root)
        # The reflection term is a huge factor times a tiny one; below the smallest tail it is nothing.
        reflected = math.exp(2 * drift * height / spread + math.log(mirrored)) if mirrored > 0 else 0.0
        return normal.cdf((drift * steps - height) / root) + reflected

    low, high = 0.0, 2 * height / drift
    while reached_by(high) < power:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if reached_by(middle) < power else (low, middle)
    return high
