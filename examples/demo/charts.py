"""A rollout on one time axis: what the monitor ordered and found, and what the shoppers saw meanwhile."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seen import Seen

from signalbox.decision import parse_time
from signalbox.render import Chart

SECONDS = "seconds since the first shopper"


@dataclass(frozen=True)
class Audit:
    """The monitor's audit trail: every event, in order."""

    events: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, path: Path) -> Audit:
        """Read the trail; one that was never begun is empty."""
        if not path.exists():
            return cls(())
        return cls(tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    @property
    def highest(self) -> float:
        """The largest share of the traffic that the canary had, in percent."""
        return max((event["move"]["read_back"] for event in self.of("moved")), default=0.0)

    def seconds_to_alarm(self) -> float | None:
        """Seconds that the canary had traffic before a look asked for its rollback; None if none did."""
        looks = self.of("look")
        found = next((event["look"] for event in looks if event["verdict"] == "rollback"), None)
        if found is None:
            return None
        first = looks[0]["look"]
        return float(found["elapsed"] - first["elapsed"] + first["since"])


def rollout_charts(
    seen: Seen, audit: Audit, *, error_objective: float, latency_objective_ms: float
) -> list[Chart]:
    """Weight, errors, p99 and evidence. Objectives: a share of requests, and milliseconds."""
    x = tuple(round(second) for second in seen.seconds)
    moves = [(event["at"], event["move"]["read_back"]) for event in audit.of("moved")]
    looks = audit.of("look")

    def evidence(value: Callable[[dict[str, Any]], float | None]) -> tuple[float | None, ...]:
        return _held(seen, [(look["at"], value(look)) for look in looks], None)

    def of_signal(name: str) -> tuple[float | None, ...]:
        return evidence(lambda look: look["figures"].get(name, {}).get("log10_e"))

    return [
        Chart(
            title="Share of the traffic",
            x_label=SECONDS,
            y_label="% to the canary",
            x=x,
            series={
                "ordered and read back": _held(seen, moves, 0.0),
                "seen by shoppers": seen.canary_percent,
            },
        ),
        Chart(
            title="Requests that failed",
            x_label=SECONDS,
            y_label="% of requests",
            x=x,
            series={arm: _percent(p.error_rate for p in points) for arm, points in seen.arms.items()},
            limit=("objective", 100 * error_objective),
        ),
        Chart(
            title="Latency, p99",
            x_label=SECONDS,
            y_label="ms",
            x=x,
            series={arm: tuple(p.p99_ms for p in points) for arm, points in seen.arms.items()},
            limit=("objective", latency_objective_ms),
        ),
        Chart(
            title="Evidence that the canary is worse",
            x_label=SECONDS,
            y_label="log10 of the e-value",
            x=x,
            series={
                "all signals": evidence(lambda look: look["log10_e"]),
                "errors": of_signal("errors"),
                "latency": of_signal("latency"),
            },
            limit=("roll back", looks[-1]["log10_limit"]) if looks else None,
        ),
    ]


def _held(
    seen: Seen, steps: Sequence[tuple[str, float | None]], before: float | None
) -> tuple[float | None, ...]:
    """The value in force at each second: that of the last step, and `before` the first one."""
    times = [parse_time(at).timestamp() - seen.began for at, _ in steps]
    values = [before, *(value for _, value in steps)]
    return tuple(values[bisect_right(times, second)] for second in seen.seconds)


def _percent(shares: Any) -> tuple[float | None, ...]:
    return tuple(None if share is None else round(100 * share, 3) for share in shares)
