"""Counters and histograms in Prometheus's text format, version 0.0.4."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# 0.5 s is the latency objective. It is an edge on purpose: the requests over the objective can then be
# counted and need not be estimated.
EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """What the service counts, for one version of it. Safe to use from many threads."""

    def __init__(self, version: str, *, started_at: float | None = None) -> None:
        self.version = version
        self.started_at = time.time() if started_at is None else started_at
        self._lock = threading.Lock()
        self._requests: dict[Labels, int] = {}
        self._buckets: dict[Labels, list[int]] = {}
        self._seconds: dict[Labels, float] = {}

    def expect(self, *, method: str, route: str) -> None:
        """Show a route from the start, at zero: a counter that begins at 1 hides its first increase."""
        served: Labels = (("method", method), ("route", route), ("version", self.version))
        with self._lock:
            self._requests.setdefault((("code", "200"), *served), 0)
            self._buckets.setdefault(served, [0] * (len(EDGES) + 1))
            self._seconds.setdefault(served, 0.0)

    def observe(self, *, method: str, route: str, code: int, seconds: float) -> None:
        """Count one answered request."""
        request: Labels = (
            ("code", str(code)),
            ("method", method),
            ("route", route),
            ("version", self.version),
        )
        served = request[1:]
        with self._lock:
            self._requests[request] = self._requests.get(request, 0) + 1
            buckets = self._buckets.setdefault(served, [0] * (len(EDGES) + 1))
            # A bucket holds what is less than *or equal to* its edge.
            buckets[bisect_left(EDGES, seconds)] += 1
            self._seconds[served] = self._seconds.get(served, 0.0) + seconds

    def totals(self) -> tuple[int, int, int]:
        """Return how many requests were answered, how many with a server error, how many over 0.5 s."""
        over = EDGES.index(0.5) + 1
        with self._lock:
            total = sum(self._requests.values())
            failed = sum(n for labels, n in self._requests.items() if labels[0][1].startswith("5"))
            slow = sum(sum(buckets[over:]) for buckets in self._buckets.values())
        return total, failed, slow

    def by_route(self) -> list[tuple[str, str, str, int]]:
        """Return (route, method, code, requests), sorted."""
        with self._lock:
            rows = [(dict(labels), count) for labels, count in self._requests.items()]
        return sorted((row["route"], row["method"], row["code"], count) for row, count in rows)

    def render(self) -> str:
        """Return everything in the exposition format."""
        lines = [
            "# HELP http_requests_total Requests answered.",
            "# TYPE http_requests_total counter",
        ]
        with self._lock:
            lines += [
                f"http_requests_total{_braces(labels)} {count}"
                for labels, count in sorted(self._requests.items())
            ]
            lines += [
                "# HELP http_request_duration_seconds Time from reading a request to its answer.",
                "# TYPE http_request_duration_seconds histogram",
            ]
            for labels, buckets in sorted(self._buckets.items()):
                below = 0
                for edge, count in zip((*map(repr, EDGES), "+Inf"), buckets, strict=True):
                    below += count
                    lines.append(
                        f"http_request_duration_seconds_bucket{_braces((*labels, ('le', edge)))} {below}"
                    )
                lines.append(f"http_request_duration_seconds_sum{_braces(labels)} {self._seconds[labels]!r}")
                lines.append(f"http_request_duration_seconds_count{_braces(labels)} {below}")
        lines += [
            "# HELP process_start_time_seconds Start of the process, seconds since 1970.",
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {self.started_at:.3f}",
        ]
        return "\n".join(lines) + "\n"


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
