"""Native histograms at fixed edges: exact counts, whatever the resolution."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.signals import QUERY_SETS, change
from signalbox.signals.native import classic
from signalbox.signals.reading import Reading

OTEL = QUERY_SETS[1]


def histogram(values, schema):
    """The histogram of ``values`` as Prometheus' HTTP API writes it."""
    counts = {}
    for value in values:
        # Upper edges are inclusive; the logarithm of an edge may miss the whole number by rounding.
        place = math.ceil(round(math.log2(value) * 2**schema, 9))
        counts[place] = counts.get(place, 0) + 1
    edge = lambda place: 2.0 ** (place / 2**schema)  # noqa: E731
    buckets = [[0, str(edge(k - 1)), str(edge(k)), str(n)] for k, n in sorted(counts.items())]
    return {"count": str(len(values)), "sum": str(sum(values)), "buckets": buckets}


def reading(values, schema):
    series = classic("http_server_request_duration_seconds", (), histogram(values, schema))
    return Reading(state="ok", at=0.0, source="test", series=tuple(series))


durations = st.lists(st.floats(1e-5, 1000), min_size=1, max_size=60)


@given(durations, st.integers(0, 8))
def test_counts_below_every_edge_are_exact(values, schema):
    buckets = [one for one in reading(values, schema).series if one.name.endswith("_bucket")]
    for one in buckets:
        edge = float(one.label("le"))
        assert one.value == sum(value <= edge * (1 + 1e-8) for value in values)
    assert all(a.value <= b.value for a, b in pairwise(buckets))
    assert buckets[-1].label("le") == "+Inf"


@given(durations, durations, st.integers(0, 8))
def test_slow_requests_between_two_readings_are_bracketed(before, more, schema):
    found = change(reading(before, schema), reading(before + more, schema), OTEL, objective_seconds=0.3)
    assert (found.state, found.timed) == ("ok", len(more))
    fewest, most = found.slow
    assert fewest <= sum(value > 0.3 for value in more) <= most


def test_an_objective_that_is_a_power_of_two_is_exact():
    found = change(reading([0.1], 3), reading([0.1, 0.4, 0.5, 0.51, 3.0], 3), OTEL, objective_seconds=0.5)
    assert found.slow == (2, 2)


def test_a_coarser_resolution_is_not_taken_for_requests():
    values = [0.1, 0.4, 0.9]
    found = change(reading(values, 3), reading([*values, 0.2], 0), OTEL, objective_seconds=0.5)
    assert found.state == "partial", "edges that are gone: counting begins anew"


@pytest.mark.parametrize(
    "buckets",
    [
        [[0, "1", "5", "3"]],
        [[0, "1", "4", "3"]],
        [[0, "0.1", "0.25", "1"], [0, "0.25", "0.5", "2"]],
        [[0, "1", "1", "1"]],
        [["x"]],
        [[0, "NaN", "NaN", "1"]],
    ],
)
def test_buckets_without_those_edges_are_refused(buckets):
    with pytest.raises((ValueError, TypeError)):
        classic("d", (), {"count": "3", "buckets": buckets})
