import pytest
from storefront.metrics import Metrics


def lines(metrics):
    return metrics.render().splitlines()


def test_counts_requests_by_code_method_route_and_version():
    metrics = Metrics("v7")
    for _ in range(3):
        metrics.observe(method="GET", route="/products", code=200, seconds=0.01)
    assert 'http_requests_total{code="200",method="GET",route="/products",version="v7"} 3' in lines(metrics)


@pytest.mark.parametrize(("seconds", "within"), [(0.499, 1), (0.5, 1), (0.501, 0)])
def test_the_objective_is_an_edge_and_belongs_to_the_bucket_below(seconds, within):
    metrics = Metrics("v7")
    metrics.observe(method="GET", route="/", code=200, seconds=seconds)
    start = 'http_request_duration_seconds_bucket{method="GET",route="/",version="v7",le='
    assert f'{start}"0.5"}} {within}' in lines(metrics)
    assert f'{start}"+Inf"}} 1' in lines(metrics)


def test_buckets_are_cumulative_and_end_in_the_count():
    metrics = Metrics("v7")
    for seconds in (0.001, 0.02, 0.02, 0.3, 7):
        metrics.observe(method="GET", route="/", code=200, seconds=seconds)
    counts = [int(line.rsplit(" ", 1)[1]) for line in lines(metrics) if "_bucket" in line]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, 5)
    assert next(line for line in lines(metrics) if "_seconds_count" in line).endswith(" 5")


def test_label_values_are_escaped():
    metrics = Metrics('a"b\\c\nd')
    metrics.observe(method="GET", route="/", code=200, seconds=0)
    assert 'version="a\\"b\\\\c\\nd"' in metrics.render()


def test_totals_tell_errors_and_slow_requests_apart():
    metrics = Metrics("v7")
    metrics.observe(method="GET", route="/", code=404, seconds=0.6)
    metrics.observe(method="GET", route="/", code=503, seconds=0.1)
    assert metrics.totals() == (2, 1, 1)


def test_says_when_the_process_started():
    assert "process_start_time_seconds 1700000000.250" in lines(Metrics("v7", started_at=1700000000.25))


def test_an_expected_route_is_shown_at_zero_and_counts_on():
    metrics = Metrics("v7")
    metrics.expect(method="GET", route="/products")
    assert 'http_requests_total{code="200",method="GET",route="/products",version="v7"} 0' in lines(metrics)
    metrics.observe(method="GET", route="/products", code=200, seconds=0.01)
    metrics.expect(method="GET", route="/products")
    assert 'http_requests_total{code="200",method="GET",route="/products",version="v7"} 1' in lines(metrics)
