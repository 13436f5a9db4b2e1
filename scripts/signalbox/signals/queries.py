"""Where requests, errors and durations are found, for the conventions that services really follow."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

START_TIME = "process_start_time_seconds"


class QuerySet(msgspec.Struct, frozen=True, kw_only=True):
    """One convention. ``requests`` is a counter with the status code under the first of ``code_labels``
    that a series carries; ``histogram`` is the base name of a histogram in ``unit_seconds``, classic or
    native, or empty where the convention has none: such a source cannot show how slow requests are.
    """

    name: str
    requests: str
    code_labels: tuple[str, ...]
    histogram: str = ""
    unit_seconds: float = 1.0

    @property
    def bucket(self) -> str:
        """Name of the histogram's buckets."""
        return f"{self.histogram}_bucket" if self.histogram else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every series that is read."""
        return tuple(dict.fromkeys(name for name in (self.requests, self.bucket, START_TIME) if name))


QUERY_SETS = (
    QuerySet(
        name="http",
        requests="http_requests_total",
        code_labels=("code", "status", "status_code"),
        histogram="http_request_duration_seconds",
    ),
    QuerySet(
        name="opentelemetry",
        requests="http_server_request_duration_seconds_count",
        code_labels=("http_response_status_code",),
        histogram="http_server_request_duration_seconds",
    ),
    QuerySet(
        name="istio",
        requests="istio_requests_total",
        code_labels=("response_code",),
        histogram="istio_request_duration_milliseconds",
        unit_seconds=0.001,
    ),
    QuerySet(
        name="opentelemetry before 1.20",
        requests="http_server_duration_milliseconds_count",
        code_labels=("http_status_code",),
        histogram="http_server_duration_milliseconds",
        unit_seconds=0.001,
    ),
    QuerySet(
        name="ingress-nginx",
        requests="nginx_ingress_controller_requests",
        code_labels=("status",),
        histogram="nginx_ingress_controller_request_duration_seconds",
    ),
    # Proxies' exporters: counts by class of status, and no histogram.
    QuerySet(name="haproxy", requests="haproxy_server_http_responses_total", code_labels=("code",)),
    QuerySet(name="nginx plus", requests="nginxplus_upstream_server_responses", code_labels=("code",)),
    QuerySet(name="nginx", requests="nginx_http_requests_total", code_labels=()),
)


def names_of(query_sets: Iterable[QuerySet]) -> tuple[str, ...]:
    """Every series that any of them reads."""
    return tuple(dict.fromkeys(name for queries in query_sets for name in queries.names))


def recognise(found: Iterable[str], query_sets: Iterable[QuerySet] = QUERY_SETS) -> QuerySet | None:
    """The first set whose requests are among the series' names ``found``, or None."""
    present = set(found)
    return next((queries for queries in query_sets if queries.requests in present), None)
