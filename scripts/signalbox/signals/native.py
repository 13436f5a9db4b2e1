"""Native histograms, as Prometheus answers them, turned into counts at fixed edges.

A native histogram's buckets come and go with its values, and its resolution may be halved while it runs.
The edges here do not: four to a doubling, from a microsecond to an hour (in seconds), or fewer where the
histogram itself has fewer. At such an edge the count is exact, for each is an edge of the histogram.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from signalbox.signals.reading import Labels, Series

_FINEST = 2
_LOWEST, _HIGHEST = -20, 12


def classic(name: str, labels: Labels, histogram: Mapping[str, Any]) -> list[Series]:
    """``{"count", "sum", "buckets": [[rule, left, right, count], …]}`` as ``_bucket`` and ``_count`` series.

    Raises ``ValueError``, ``KeyError`` or ``TypeError`` for anything else, and for buckets that are not
    exponential (with custom bounds): their edges are not known here where they are empty.
    """
    total = float(histogram["count"])
    buckets = [
        (float(left), float(right), float(count)) for _, left, right, count in histogram.get("buckets", [])
    ]
    if any(not left <= right for left, right, _ in buckets):
        raise ValueError("a bucket has no bounds")
    schema = min((_schema(left, right) for left, right, _ in buckets if left > 0), default=_FINEST)
    per_doubling = 2 ** min(schema, _FINEST)
    series = [Series(f"{name}_count", labels, total)]
    for step in range(_LOWEST * per_doubling, _HIGHEST * per_doubling + 1):
        edge = 2.0 ** (step / per_doubling)
        # Rounding must not put a bucket on the wrong side of the edge that it ends at.
        below = math.fsum(count for _, right, count in buckets if right <= edge * (1 + 1e-9))
        series.append(_bucket(name, labels, f"{edge:.9g}", below))
    series.append(_bucket(name, labels, "+Inf", total))
    return series


def _bucket(name: str, labels: Labels, edge: str, count: float) -> Series:
    return Series(f"{name}_bucket", tuple(sorted((*labels, ("le", edge)))), count)


def _schema(left: float, right: float) -> int:
    """Schema n has buckets that grow by 2^(2^-n). Below 0 they are wider than a doubling: no edge fits."""
    doublings = math.log2(right / left)
    schema = -math.log2(doublings) if doublings > 0 else math.nan
    if not math.isfinite(schema) or abs(schema - round(schema)) > 1e-3 or round(schema) < 0:
        raise ValueError("the histogram's buckets are not exponential, or wider than a doubling")
    return round(schema)
