"""Exact tests on counts: how surprising so many events are, and whether flips go one way."""

from __future__ import annotations

from signalbox.stats.binomial import incomplete_beta


def at_least(events: int, trials: int, rate: float) -> float:
    """P(X ≥ events) for X binomial(trials, rate): the p-value of "the rate is no higher than this"."""
    if not 0 <= events <= trials or not 0 <= rate <= 1:
        raise ValueError("needs 0 <= events <= trials and 0 <= rate <= 1")
    if events == 0:
        return 1.0
    if rate in (0.0, 1.0):
        return rate
    return incomplete_beta(events, trials - events + 1, rate)


def fewest(trials: int, rate: float, alpha: float) -> int | None:
    """The fewest events with ``at_least`` ≤ alpha, or None where even all of them are no surprise."""
    return next((k for k in range(trials + 1) if at_least(k, trials, rate) <= alpha), None)


def power(trials: int, rate: float, true_rate: float, alpha: float) -> float:
    """Chance that the exact test of "no higher than ``rate``" rejects when the rate is ``true_rate``."""
    limit = fewest(trials, rate, alpha)
    return 0.0 if limit is None else at_least(limit, trials, true_rate)


def one_way(there: int, back: int) -> float:
    """One-sided exact McNemar p-value of "changes go this way no more often than back"."""
    return at_least(there, there + back, 0.5)
