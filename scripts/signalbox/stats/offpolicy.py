"""What another policy would have earned on decisions that were made by this one, with logged propensities.

IPS weighs each reward by how much likelier the other policy was to act so (Horvitz & Thompson 1952); doubly
robust starts from a model's prediction and corrects it by the weighted residual (Dudík, Langford & Li 2011):
right if either the propensities or the model are, narrower if the model is good. Propensities here are
logged, never estimated. Intervals hold at the sample at hand (:mod:`signalbox.stats.bounded`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from signalbox.stats.bounded import Interval, lower_bound, mean_interval


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One past decision: what was done, how likely that was, and what it earned, a reward in [0, 1].

    ``target`` is the other policy's chance of each action (only ``action``'s is needed for IPS), and
    ``predicted`` a model's reward of each action, made without this outcome.
    """

    action: str
    propensity: float
    reward: float
    target: Mapping[str, float]
    predicted: Mapping[str, float] = {}


def ips(logged: Sequence[Logged], *, confidence: float = 0.95) -> Interval:
    """The other policy's mean reward by inverse propensities."""
    values = [_weight(item, item.target) * item.reward for item in logged]
    return mean_interval(values, low=0.0, high=_largest(logged), confidence=confidence)


def doubly_robust(logged: Sequence[Logged], *, confidence: float = 0.95) -> Interval:
    """The other policy's mean reward, doubly robust."""
    top = _largest(logged)
    values = [_robust(item, item.target) for item in logged]
    return mean_interval(values, low=-top, high=1.0 + top, confidence=confidence)


def gain(
    logged: Sequence[Logged], today: Sequence[Mapping[str, float]], *, confidence: float = 0.95
) -> Interval:
    """How much more the other policy would have earned than ``today`` (its chances of each action), doubly
    robust on the same decisions, so that what both share falls out.

    Only decisions on which the two differ carry anything; the interval is over all of them.
    """
    values = _gains(logged, today)
    bound = _bound(logged, today)
    return mean_interval(values, low=-bound, high=bound, confidence=confidence)


def least_gain(
    logged: Sequence[Logged], today: Sequence[Mapping[str, float]], *, confidence: float = 0.95
) -> float:
    """The one-sided lower bound of :func:`gain`: above 0, the other policy beats today's."""
    bound = _bound(logged, today)
    return lower_bound(_gains(logged, today), low=-bound, high=bound, confidence=confidence)


def _gains(logged: Sequence[Logged], today: Sequence[Mapping[str, float]]) -> list[float]:
    return [_robust(item, item.target) - _robust(item, now) for item, now in zip(logged, today, strict=True)]


def _bound(logged: Sequence[Logged], today: Sequence[Mapping[str, float]]) -> float:
    """The difference is (Δ expected prediction) + (Δ weight) × residual, each part within 1 × its weight."""
    chances = (
        (item.propensity, abs(item.target.get(item.action, 0.0) - now.get(item.action, 0.0)))
        for item, now in zip(logged, today, strict=True)
    )
    # The least logged propensity is the policy's own floor, known before any outcome.
    floor = min((item.propensity for item in logged), default=1.0)
    largest = max((moved for _, moved in chances), default=0.0)
    return 1.0 + largest / floor


def _robust(item: Logged, target: Mapping[str, float]) -> float:
    expected = sum(chance * item.predicted.get(action, 0.0) for action, chance in target.items())
    return expected + _weight(item, target) * (item.reward - item.predicted.get(item.action, 0.0))


def _weight(item: Logged, target: Mapping[str, float]) -> float:
    if not 0 < item.propensity <= 1 or not 0 <= item.reward <= 1:
        raise ValueError("a propensity lies in (0, 1] and a reward in [0, 1]")
    if any(not 0 <= value <= 1 for value in item.predicted.values()):
        raise ValueError("a predicted reward lies in [0, 1]")
    return target.get(item.action, 0.0) / item.propensity


def _largest(logged: Sequence[Logged]) -> float:
    """The largest weight that could have been drawn: 1 over the least logged propensity."""
    return max((1.0 / item.propensity for item in logged if item.propensity > 0), default=1.0)
