"""What every benchmark format ends in: pairs that can decide, or timings that can only be looked at."""

from __future__ import annotations

import math
from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.reading import Reading, Untrusted
from signalbox.evidence.values import shown


def seconds(value: Any, where: str) -> float:
    """A positive time in seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Untrusted("bad-value", f"{where} should be a time and is {shown(value)}")
    if not math.isfinite(value) or not 0 < value < 1e9:
        raise Untrusted("bad-value", f"{where} should be a positive time and is {value}")
    return float(value)


def timings_reading(medians: dict[str, float], facts: dict[str, Any] | None = None) -> Reading:
    """One revision's timings: they say how fast it ran, and nothing about the other revision."""
    if not medians:
        return Reading(status="not_verified", gaps=(Gap("no-benchmarks", "the report holds no benchmark"),))
    return Reading(status="pass", facts={"medians": medians, "benchmarks": len(medians), **(facts or {})})
