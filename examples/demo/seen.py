"""What the shoppers saw, read back for the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ARMS = ("canary", "baseline")
# The last few requests to an arm that is being emptied are its slowest: a rate of them says nothing.
FEWEST = 8


@dataclass(frozen=True)
class Point:
    """One second of one arm. Of too few requests there is neither rate nor quantile."""

    requests: int
    errors: int
    slow: int
    p99_ms: float | None

    @property
    def error_rate(self) -> float | None:
        """Share of failed requests."""
        return self.errors / self.requests if self.requests >= FEWEST else None


NOTHING = Point(0, 0, 0, None)


@dataclass(frozen=True)
class Seen:
    """Seconds since the load began, when that was (seconds since 1970), and each arm second by second."""

    began: float
    seconds: tuple[float, ...]
    arms: dict[str, tuple[Point, ...]]

    @classmethod
    def read(cls, path: Path) -> Seen:
        """Read what `traffic.py` wrote; a last line that was cut off is left out."""
        rows = list(_rows(path))
        # The last line is what came in after the load had ended: less than a second of it.
        rows = rows[:-1] if len(rows) > 1 else rows
        began = rows[0]["at"] - rows[0]["second"] if rows else 0.0
        arms = {name: tuple(_point(row["arms"].get(name)) for row in rows) for name in ARMS}
        return cls(began, tuple(row["second"] for row in rows), arms)

    def total(self, arm: str) -> Point:
        """All seconds of one arm together; quantiles do not add up and are left out."""
        points = self.arms[arm]
        return Point(
            sum(p.requests for p in points), sum(p.errors for p in points), sum(p.slow for p in points), None
        )

    @property
    def requests(self) -> int:
        """Requests to both arms."""
        return sum(self.total(arm).requests for arm in ARMS)

    @property
    def canary_percent(self) -> tuple[float | None, ...]:
        """The share of requests that the canary answered, second by second, in percent."""
        pairs = zip(self.arms["canary"], self.arms["baseline"], strict=True)
        return tuple(_percent(canary.requests, baseline.requests) for canary, baseline in pairs)


def _percent(canary: int, baseline: int) -> float | None:
    return 100 * canary / (canary + baseline) if canary + baseline else None


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _point(found: dict[str, Any] | None) -> Point:
    if not found:
        return NOTHING
    p99_ms = found["p99_ms"] if found["requests"] >= FEWEST else None
    return Point(found["requests"], found["errors"], found["slow"], p99_ms)
