"""How requests that fail come in clusters, measured on the baseline before the rollout. Pure.

Retries and sessions fail together, and a test that takes each failure for news of its own is then fooled.
The dispersion of counts in equal stretches (Pearson's chi-squared over its degrees of freedom; 1 where
failures are independent) estimates how many come together. It is an estimate from one stretch of time: the
tempering that it leads to is approximate, while a ``cluster-size`` that is known bounds it.
"""

from __future__ import annotations

from collections.abc import Sequence

LEAST_STRETCHES = 10
LEAST_EVENTS = 20


def dispersion(stretches: Sequence[tuple[int, int]]) -> float | None:
    """Dispersion of (requests, events) pairs; None when there is too little to say (or nothing happened)."""
    used = [(requests, events) for requests, events in stretches if requests > 0]
    requests, events = sum(r for r, _ in used), sum(e for _, e in used)
    if len(used) < LEAST_STRETCHES or events < LEAST_EVENTS or events == requests:
        return None
    rate = events / requests
    squares = [(e - r * rate) ** 2 / (r * rate * (1 - rate)) for r, e in used]
    return sum(squares) / (len(used) - 1)


def cluster_size(signals: Sequence[Sequence[tuple[int, int]]]) -> float | None:
    """The largest dispersion of any signal, at least 1; None when none could be told."""
    found = [value for value in map(dispersion, signals) if value is not None]
    return max(1.0, *found) if found else None
