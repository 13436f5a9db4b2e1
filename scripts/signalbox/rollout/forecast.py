"""How long a slice will need to be proved, said before it begins. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.rollout import judge
from signalbox.stats.eprocess import FAR_BELOW, NOT_WORSE
from signalbox.stats.forecast import seconds_to_certify, seconds_to_stay_below


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the service before a slice: requests a second on both arms, and its usual rates."""

    per_second: float
    rates: Mapping[str, float]


def seconds_needed(rules: Rollout, index: int, known: Known) -> dict[str, float]:
    """Seconds until each signal of a healthy canary certifies with probability 80% in slice ``index``.

    Infinite where it cannot be expected to at all. An approximation, for people to plan with.
    """
    needed: dict[str, float] = {}
    share = judge.weight_at(rules, index) / 100
    for signal in rules.judged:
        rate = known.rates.get(signal, 0.0)
        objective, excess = judge.limits(rules, signal)
        canary = known.per_second * share
        if not judge.has_control(rules, index):
            limit, alpha = objective, rules.proceed_alpha
        else:
            limit, alpha = excess, rules.proceed_alpha * judge.CERTIFY_WEIGHTS[1]
        ways = [
            seconds_to_stay_below(
                FAR_BELOW, rate=rate, per_second=canary, limit=limit, alpha=alpha, cluster=rules.cluster_size
            )
        ]
        if judge.has_control(rules, index):
            ways.append(
                seconds_to_certify(
                    NOT_WORSE,
                    rate=rate,
                    treated_per_second=canary,
                    control_per_second=known.per_second - canary,
                    limit=rules.worse_ratio,
                    alpha=rules.proceed_alpha * judge.CERTIFY_WEIGHTS[0],
                    cluster=rules.cluster_size,
                )
            )
        needed[signal] = min(ways)
    return needed


def sentence(rules: Rollout, index: int, known: Known) -> str:
    """The forecast for people."""
    needed = seconds_needed(rules, index, known)
    slowest = max(needed, key=lambda signal: needed[signal])
    what = f"{judge.weight_at(rules, index):g}% at {known.per_second:.3g} requests a second"
    if math.isinf(needed[slowest]):
        return f"{what}: {slowest} cannot be expected to certify, so this slice will probably end in hold"
    soak = min(rules.soak_seconds, rules.slice_seconds)
    text = f"{what}: a healthy canary needs about {minutes(max(needed[slowest], soak))} ({slowest})"
    if needed[slowest] > rules.deadline_seconds:
        text += f", which is over the deadline of {minutes(rules.deadline_seconds)}: expect hold"
    return text


def minutes(seconds: float) -> str:
    """``45 s`` or ``3.5 min``."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
