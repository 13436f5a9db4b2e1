"""Tests that may be looked at after every request: e-processes for rates of rare events.

An e-process starts at 1 and, if the hypothesis it tests is true, exceeds 1/α at *any* time with
probability at most α (Ville 1939). So it can be looked at as often as one likes and acted on at once.

Two arms are watched at the same time. With exposures n_t (treated) and n_c (control) in one look,
ρ = n_t / (n_t + n_c); if the treated arm's rate is r times the control's, a rare event falls on the
treated arm with probability θ(r) = ρr / (ρr + 1 − ρ). Comparing θ under an alternative with θ under the
null, event by event, gives a likelihood ratio; a weighted mean of such ratios over several alternatives
is an e-process again (Lindon & Malek 2022; Turner, Ly & Grünwald 2024). At null ratio 1 it is
conservative for any rate (Hoeffding 1963); at other null ratios events must be rare: an approximation.

Everything is kept in natural logarithms, one number per alternative; a new process is ``fresh(mixture)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

Logs = tuple[float, ...]


class Mixture(msgspec.Struct, frozen=True):
    """Alternatives (ratios of rates to the null's unit) and their weights, which sum to 1."""

    ratios: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.ratios) != len(self.weights) or not self.ratios:
            raise ValueError("every ratio needs one weight")
        if min(self.weights) <= 0 or abs(math.fsum(self.weights) - 1) > 1e-9:
            raise ValueError("weights must be positive and sum to 1")


WORSE = Mixture((1.5, 2.0, 3.0, 5.0, 10.0, 20.0), (0.15, 0.5, 0.15, 0.08, 0.06, 0.06))
"""Alternatives to "no worse": weighted towards twice as bad, the smallest regression worth minutes."""

NOT_WORSE = Mixture((0.7, 1.0), (0.3, 0.7))
"""Alternatives to "at least ``limit`` times worse", as ratios of rates (1 = the arms are alike)."""

FAR_BELOW = Mixture((1e-3, 0.25, 0.5), (0.4, 0.4, 0.2))
"""Alternatives to "the rate is at least the limit", as shares of the limit."""


class Pair(msgspec.Struct, frozen=True, array_like=True):
    """What two arms showed in one look: exposures and how many of them were events."""

    treated: int
    treated_events: int
    control: int
    control_events: int

    def __post_init__(self) -> None:
        if not (0 <= self.treated_events <= self.treated and 0 <= self.control_events <= self.control):
            raise ValueError("events must lie between 0 and the exposure")


def fresh(mixture: Mixture) -> Logs:
    """A process before any data: every likelihood ratio is 1."""
    return (0.0,) * len(mixture.ratios)


def share_of_events(share_of_exposure: float, ratio: float) -> float:
    """θ: probability that an event falls on the treated arm, whose rate is ``ratio`` times the control's."""
    weighted = share_of_exposure * ratio
    return weighted / (weighted + 1.0 - share_of_exposure)


def compare(logs: Logs, look: Pair, mixture: Mixture, *, null: float = 1.0, cluster: float = 1.0) -> Logs:
    """The process after one more look, testing "treated rate ≤ ``null`` × control rate".

    With ``mixture`` below 1 and ``null`` above it, the same process tests "treated rate ≥ null × control
    rate". Ratios of ``mixture`` are multiples of ``null`` in the first use; see :func:`certify`.
    ``cluster`` is the largest number of requests that succeed or fail together: E^(1/cluster) of each
    alternative is an e-process when clusters, not requests, are independent (Jensen).
    """
    return _compare(logs, look, [null * ratio for ratio in mixture.ratios], null, cluster)


def certify(logs: Logs, look: Pair, mixture: Mixture, *, limit: float, cluster: float = 1.0) -> Logs:
    """The process after one more look, testing "treated rate ≥ ``limit`` × control rate".

    Ratios of ``mixture`` are ratios of the rates themselves and must lie below ``limit``.
    """
    if max(mixture.ratios) >= limit:
        raise ValueError("alternatives must lie below the limit")
    return _compare(logs, look, mixture.ratios, limit, cluster)


def _compare(logs: Logs, look: Pair, ratios: Sequence[float], null: float, cluster: float) -> Logs:
    if cluster < 1:
        raise ValueError("a cluster holds at least one request")
    total = look.treated + look.control
    # An arm without exposure cannot have events: nothing is learnt about the ratio.
    if not look.treated or not look.control or not (look.treated_events or look.control_events):
        return logs
    share = look.treated / total
    base = share_of_events(share, null)
    after = []
    for log, ratio in zip(logs, ratios, strict=True):
        theta = share_of_events(share, ratio)
        gain = look.treated_events * math.log(theta / base)
        gain += look.control_events * (math.log1p(-theta) - math.log1p(-base))
        after.append(log + gain / cluster)
    return tuple(after)


def exceed(
    logs: Logs, exposure: int, events: int, mixture: Mixture, *, limit: float, cluster: float = 1.0
) -> Logs:
    """The process after one more look at one arm, testing "rate ≤ ``limit``".

    ``mixture`` holds multiples of the limit; one that would be no probability is taken as (1 + limit) / 2.
    """
    rates = [min(limit * ratio, (1 + limit) / 2) for ratio in mixture.ratios]
    return _one_arm(logs, exposure, events, rates, limit, cluster)


def stay_below(
    logs: Logs, exposure: int, events: int, mixture: Mixture, *, limit: float, cluster: float = 1.0
) -> Logs:
    """The process after one more look at one arm, testing "rate ≥ ``limit``"; mixture below 1."""
    return _one_arm(logs, exposure, events, [limit * ratio for ratio in mixture.ratios], limit, cluster)


def _one_arm(
    logs: Logs, exposure: int, events: int, rates: Sequence[float], limit: float, cluster: float
) -> Logs:
    if not 0 <= events <= exposure or not 0 < limit < 1 or cluster < 1:
        raise ValueError("needs 0 <= events <= exposure, 0 < limit < 1 and cluster >= 1")
    after = []
    for log, rate in zip(logs, rates, strict=True):
        gain = events * math.log(rate / limit)
        gain += (exposure - events) * (math.log1p(-rate) - math.log1p(-limit))
        after.append(log + gain / cluster)
    return tuple(after)


def log_e(logs: Logs, mixture: Mixture) -> float:
    """ln E of the mixture."""
    return weighted_mean(logs, mixture.weights)


def weighted_mean(logs: Sequence[float], weights: Sequence[float]) -> float:
    """ln of the weighted mean of e-values given as logarithms.

    A mean of e-processes is an e-process, whatever their dependence (Vovk & Wang 2021); one that has not
    begun counts as 1. ``weights`` must sum to 1.
    """
    if abs(math.fsum(weights) - 1) > 1e-9:
        raise ValueError("weights must sum to 1")
    top = max(logs)
    if top == -math.inf:
        return -math.inf
    return top + math.log(
        math.fsum(weight * math.exp(log - top) for log, weight in zip(logs, weights, strict=True))
    )
