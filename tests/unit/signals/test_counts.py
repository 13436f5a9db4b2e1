"""What happened between two readings: exact counts, or the reason why there are none."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.signals import QUERY_SETS, change, recognise
from signalbox.signals.exposition import parse
from signalbox.signals.reading import Reading

HTTP, OTEL, ISTIO = QUERY_SETS[:3]
BY_NAME = {one.name: one for one in QUERY_SETS}


def reading(text, state="ok"):
    return Reading(state=state, at=0.0, source="test", series=tuple(parse(text)))


def page(good, bad=0, buckets=(), start=1.0):
    lines = [f'http_requests_total{{code="200"}} {good}']
    if bad:
        lines.append(f'http_requests_total{{code="503"}} {bad}')
    lines += [f'http_request_duration_seconds_bucket{{le="{edge}"}} {n}' for edge, n in buckets]
    lines.append(f"process_start_time_seconds {start}")
    return "\n".join(lines) + "\n"


def between(before, after, objective=0.5, queries=HTTP):
    return change(reading(before), reading(after), queries, objective_seconds=objective)


def test_requests_errors_and_slow_requests_are_counted_exactly():
    before = page(10, 1, [("0.1", 5), ("0.5", 8), ("+Inf", 11)])
    after = page(30, 4, [("0.1", 15), ("0.5", 27), ("+Inf", 34)])
    found = between(before, after)
    assert (found.state, found.requests, found.errors) == ("ok", 23, 3)
    assert (found.timed, found.slow) == (23, (4, 4))


def test_an_objective_between_two_edges_is_bracketed():
    before = page(0, 0, [("0.1", 0), ("0.5", 0), ("+Inf", 0)])
    after = page(20, 0, [("0.1", 12), ("0.5", 17), ("+Inf", 20)])
    assert between(before, after, objective=0.3).slow == (3, 8)


@pytest.mark.parametrize(("objective", "slow"), [(0.05, (8, 20)), (2.0, (0, 3))])
def test_an_objective_outside_the_edges_is_bracketed_by_all_and_none(objective, slow):
    before = page(0, 0, [("0.1", 0), ("0.5", 0), ("+Inf", 0)])
    after = page(20, 0, [("0.1", 12), ("0.5", 17), ("+Inf", 20)])
    assert between(before, after, objective=objective).slow == slow


def test_the_first_error_makes_a_series_that_began_at_zero():
    assert between(page(10), page(12, 2)).errors == 2


def test_no_traffic_is_zero_and_not_missing():
    assert between(page(10), page(10)).requests == 0


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        (page(10), page(9), "reset"),
        (page(10, 3), page(12, 2), "reset"),
        (page(10, start=1), page(400, start=99), "reset"),
        (page(10, 3), page(12), "partial"),
        ("other 1\n", "other 2\n", "empty"),
    ],
)
def test_discontinuities_are_named_and_counted_as_nothing(before, after, state):
    found = between(before, after)
    assert found.state == state
    assert found.requests is None
    assert found.detail


@pytest.mark.parametrize("state", ["down", "timeout", "error", "empty", "nan", "stale", "several", "partial"])
def test_a_reading_that_is_not_ok_stays_what_it_is(state):
    good = reading(page(1))
    for pair in ((reading("", state), good), (good, reading("", state))):
        assert change(*pair, HTTP, objective_seconds=0.5).state == state


def test_without_status_codes_or_a_histogram_those_counts_are_missing_and_not_zero():
    found = between("http_requests_total 1\n", "http_requests_total 5\n")
    assert (found.requests, found.errors, found.timed, found.slow) == (4, None, None, None)


def test_a_histogram_without_its_last_bucket_counts_nothing():
    before, after = page(0, 0, [("0.5", 1)]), page(3, 0, [("0.5", 2)])
    assert between(before, after).slow is None


@pytest.mark.parametrize("label", ["code", "status", "status_code"])
@pytest.mark.parametrize("code", ["500", "599", "5xx"])
def test_server_errors_are_known_by_any_of_the_usual_labels(label, code):
    text = 'http_requests_total{{{}="{}"}} {}\n'
    assert between(text.format(label, code, 1), text.format(label, code, 4)).errors == 3


@pytest.mark.parametrize("code", ["200", "404", "50", "5000", "x5x"])
def test_other_codes_are_no_server_errors(code):
    text = 'http_requests_total{{code="{}"}} {}\n'
    assert between(text.format(code, 1), text.format(code, 4)).errors == 0


def test_opentelemetry_and_istio_are_recognised_and_counted():
    otel = 'http_server_request_duration_seconds_count{{http_response_status_code="502"}} {}\n'
    assert recognise(["http_server_request_duration_seconds_count"]) is OTEL
    assert between(otel.format(1), otel.format(3), queries=OTEL).errors == 2
    istio = (
        'istio_requests_total{{response_code="503"}} {0}\n'
        'istio_request_duration_milliseconds_bucket{{le="500"}} 0\n'
        'istio_request_duration_milliseconds_bucket{{le="+Inf"}} {0}\n'
    )
    found = between(istio.format(1), istio.format(3), queries=ISTIO)
    assert (found.errors, found.slow) == (2, (2, 2))


counts = st.integers(0, 50)


@given(st.lists(st.tuples(counts, counts), min_size=2, max_size=10))
def test_changes_add_up_whatever_the_looks(steps):
    good = bad = 0
    pages = []
    for more_good, more_bad in steps:
        good, bad = good + more_good, bad + more_bad
        pages.append(page(good, bad + 1))
    looks = [between(a, b) for a, b in pairwise(pages)]
    whole = between(pages[0], pages[-1])
    assert sum(look.requests for look in looks) == whole.requests
    assert sum(look.errors for look in looks) == whole.errors


@pytest.mark.parametrize(
    ("name", "series", "errors"),
    [
        ("haproxy", 'haproxy_server_http_responses_total{{proxy="web",server="c1",code="{0}xx"}} {1}', True),
        ("nginx plus", 'nginxplus_upstream_server_responses{{upstream="web",code="{0}xx"}} {1}', True),
        ("ingress-nginx", 'nginx_ingress_controller_requests{{status="{0}00"}} {1}', True),
        (
            "opentelemetry before 1.20",
            'http_server_duration_milliseconds_count{{http_status_code="{0}00"}} {1}',
            True,
        ),
        ("nginx", "nginx_http_requests_total {1}", False),
    ],
)
def test_proxies_and_older_conventions_are_recognised(name, series, errors):
    codes = {2: (100, 190), 5: (3, 10)} if errors else {2: (103, 200)}
    pages = ["".join(series.format(code, n[turn]) + "\n" for code, n in codes.items()) for turn in (0, 1)]
    queries = recognise(one.name for one in parse(pages[0]))
    assert queries is BY_NAME[name]
    found = between(*pages, queries=queries)
    assert (found.state, found.requests, found.errors) == ("ok", 97, 7 if errors else None)
    assert (found.timed, found.slow) == (None, None), "without a histogram nothing is known of durations"
