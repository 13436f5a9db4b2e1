"""Has a rate risen above what it may be? A Shiryaev–Roberts mixture of likelihood ratios, read as it grows.

Under "every event's probability is at most its null", R_n = Σ over alternatives of w · (R_{n−1} + 1) · L(x_n)
satisfies E[R_n] ≤ n, so by Doob's inequality the chance that R ever reaches T / PFA within T observations is
at most PFA (Shin, Ramdas & Rinaldo 2023 call R an e-detector; their own bound is on the run length). A long
good past does not slow the alarm. Alternatives are odds ratios, so that every observation may have a null of
its own: a constant rate that is allowed, or the probability that a score gave.

It counts observations. When only a share of the runs is observed (audited), a run counts 1 / share as much
time: see :func:`runs_of`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

# A log that no alarm ever needs: beyond it R is capped, so that a long stream cannot overflow.
_CAP = 1e200


class Alternatives(msgspec.Struct, frozen=True):
    """Odds ratios above 1 and their weights, which sum to 1."""

    ratios: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.ratios) != len(self.weights) or not self.ratios or min(self.ratios) <= 1:
            raise ValueError("every odds ratio is above 1 and has one weight")
        if min(self.weights) <= 0 or abs(math.fsum(self.weights) - 1) > 1e-9:
            raise ValueError("weights must be positive and sum to 1")


RISEN = Alternatives((2.0, 3.0, 5.0, 10.0), (0.3, 0.5, 0.15, 0.05))
"""Weighted towards a threefold rate: the smallest rise worth a retraining, found in a few hundred looks."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream showed.

    ``path``: R after each observation; ``threshold``: where it alarms. ``alarm``: how many observations it
    took, None if it never alarmed. ``since``: index of the observation from which a rise explains the stream
    best, given that it alarmed. ``events`` and ``expected`` count from there to the alarm.
    """

    observations: int
    path: tuple[float, ...]
    threshold: float
    alarm: int | None = None
    since: int | None = None
    events: int = 0
    expected: float = 0.0


def threshold_of(horizon: int, false_alarm: float) -> float:
    """T / PFA: the value that R reaches within ``horizon`` quiet observations with at most that chance."""
    if horizon < 1 or not 0 < false_alarm < 1:
        raise ValueError("needs a horizon of at least one observation and a chance between 0 and 1")
    return horizon / false_alarm


def detect(
    stream: Iterable[tuple[float, bool]],
    *,
    horizon: int = 2000,
    false_alarm: float = 0.01,
    alternatives: Alternatives = RISEN,
) -> Drift:
    """Watch ``stream`` of (largest probability that is in order, did it happen), oldest first."""
    threshold = threshold_of(horizon, false_alarm)
    ratios, weights = alternatives.ratios, alternatives.weights
    mass = [0.0] * len(ratios)
    # Beside each ratio's sum, the best single starting point (CUSUM): where a rise explains most.
    best = [(-math.inf, 0)] * len(ratios)
    path: list[float] = []
    seen: list[tuple[float, bool]] = []
    for at, (null, event) in enumerate(stream):
        if not 0 < null < 1:
            raise ValueError("a null probability lies strictly between 0 and 1")
        seen.append((null, event))
        for k, ratio in enumerate(ratios):
            factor = (ratio if event else 1.0) / (1.0 + null * (ratio - 1.0))
            mass[k] = min(_CAP, (mass[k] + 1.0) * factor)
            log, start = best[k]
            best[k] = (log + math.log(factor), start) if log > 0 else (math.log(factor), at)
        path.append(math.fsum(w * m for w, m in zip(weights, mass, strict=True)))
        if path[-1] >= threshold:
            _, since = max(best, key=lambda pair: (pair[0], -pair[1]))
            return Drift(
                observations=len(seen),
                path=tuple(path),
                threshold=threshold,
                alarm=at + 1,
                since=since,
                events=sum(event for _, event in seen[since:]),
                expected=math.fsum(null for null, _ in seen[since:]),
            )
    return Drift(observations=len(seen), path=tuple(path), threshold=threshold)


def detect_rate(
    events: Sequence[bool], *, allowed: float, horizon: int = 2000, false_alarm: float = 0.01
) -> Drift:
    """:func:`detect` where every observation may be an event with the same probability ``allowed``."""
    return detect(((allowed, event) for event in events), horizon=horizon, false_alarm=false_alarm)


def runs_of(observations: float, share: float) -> float:
    """Runs that it takes to have so many observations when a ``share`` of the runs is observed."""
    if not 0 < share <= 1:
        raise ValueError("a share lies above 0 and is at most 1")
    return observations / share
