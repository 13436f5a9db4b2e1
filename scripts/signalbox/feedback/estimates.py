"""Numbers with how sure they are: a share, a rate and a median, each with an exact 95% interval.

Every one of them can say that there is too little to say anything, which is an answer too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from signalbox.stats.binomial import clopper_pearson

CONFIDENCE = 0.95
# Below this many observations, or with a wider interval than this, a share says nothing worth acting on.
LEAST = 10
WIDEST = 0.5


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A value in `unit` from `n` observations, its interval, and whether that is enough to speak of.

    `value` is None when nothing was observed or `missing` says what would have to be recorded. `unknown` are
    cases that belong to it and whose outcome is not known.
    """

    name: str
    unit: str
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    enough: bool = False
    unknown: int = 0
    missing: str = ""

    @property
    def words(self) -> str:
        """The value with its interval, or why there is none."""
        if self.missing:
            return f"not recorded: {self.missing}"
        if self.value is None or self.low is None or self.high is None:
            return "nothing to go by yet" + (f"; {self.unknown} unknown" if self.unknown else "")
        if self.low == self.value == self.high:
            return _show(self.value, self.unit)
        edges = (_show(edge, self.unit).removesuffix(f" {self.unit}") for edge in (self.low, self.high))
        shown = f"{_show(self.value, self.unit)} ({' to '.join(edges)})"
        if not self.enough:
            shown = f"too few to say ({self.n} observed: {shown})"
        return shown + (f"; {self.unknown} unknown" if self.unknown else "")


def share(name: str, events: int, trials: int, unknown: int = 0) -> Estimate:
    """A share with its Clopper–Pearson interval.

    With more than a fifth of all cases `unknown` it is not enough to speak of: which cases become known is
    no accident, trouble gets noticed first.
    """
    if not trials:
        return Estimate(name=name, unit="share", n=0, unknown=unknown)
    low, high = clopper_pearson(events, trials, CONFIDENCE)
    return Estimate(
        name=name,
        unit="share",
        n=trials,
        value=events / trials,
        low=low,
        high=high,
        enough=trials >= LEAST and high - low <= WIDEST and unknown * 4 <= trials,
        unknown=unknown,
    )


def rate(name: str, unit: str, count: int, exposure: float) -> Estimate:
    """A rate: `count` events in `exposure` units of time, with the exact Poisson interval (Garwood 1936)."""
    if exposure <= 0:
        return Estimate(name=name, unit=unit, n=count)
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if count == 0 else _solve(lambda mean: 1 - _poisson_cdf(count - 1, mean), tail, count)
    high = _solve(lambda mean: 1 - _poisson_cdf(count, mean), 1 - tail, count)
    return Estimate(
        name=name,
        unit=unit,
        n=count,
        value=count / exposure,
        low=low / exposure,
        high=high / exposure,
        enough=count >= LEAST,
    )


def median(name: str, unit: str, values: Sequence[float]) -> Estimate:
    """The median with its distribution-free interval: order statistics from the binomial(n, 1/2).

    Fewer than six values have no such interval at 95%; the range stands in and `enough` is False.
    """
    if not values:
        return Estimate(name=name, unit=unit, n=0)
    ordered, n = sorted(values), len(values)
    rank, tail = -1, 0.0
    while rank + 1 < n // 2:
        tail += math.exp(_log_choose(n, rank + 1) - n * math.log(2))
        if tail > (1 - CONFIDENCE) / 2:
            break
        rank += 1
    low, high = (ordered[rank], ordered[n - 1 - rank]) if rank >= 0 else (ordered[0], ordered[-1])
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Estimate(
        name=name, unit=unit, n=n, value=middle, low=low, high=high, enough=rank >= 0 and n >= LEAST
    )


def missing(name: str, unit: str, what: str) -> Estimate:
    """An estimate that cannot be made because nothing records what it needs."""
    return Estimate(name=name, unit=unit, n=0, missing=what)


def brier(pairs: Sequence[tuple[float, bool]]) -> float:
    """Mean squared distance between the probability given and what happened."""
    return sum((probability - happened) ** 2 for probability, happened in pairs) / len(pairs)


def _show(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.3g}%"
    if unit == "hours" and value >= 48:
        return f"{value / 24:.3g} days"
    if unit == "hours" and value < 1:
        return f"{value * 60:.3g} minutes"
    return f"{value:.3g} {unit}"


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _poisson_cdf(count: int, mean: float) -> float:
    """P(X <= count), from the terms that matter: fifteen standard deviations below the mode hold the rest."""
    if mean <= 0:
        return 1.0
    first = max(0, min(count, int(mean)) - int(15 * math.sqrt(mean)) - 60)
    term = math.exp(first * math.log(mean) - mean - math.lgamma(first + 1))
    total = term
    for k in range(first + 1, count + 1):
        term *= mean / k
        total += term
    return min(1.0, total)


def _solve(rising: Callable[[float], float], level: float, near: int) -> float:
    """The mean at which a function that rises with the mean reaches `level`."""
    low, high = 0.0, near + 10 * math.sqrt(near + 1) + 10
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < level else (low, middle)
    return (low + high) / 2
