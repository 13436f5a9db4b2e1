import http.client
from contextlib import closing

import pytest
from client import ask

CART = {"lines": [{"sku": "MUGG-01", "quantity": 2}]}


def test_health_says_which_version_answers(server):
    assert ask(server, "GET", "/healthz")[::2] == (200, {"status": "ok", "version": "under-test"})


def test_lists_and_searches_products(server):
    _, _, body = ask(server, "GET", "/products?q=clock")
    assert [product["sku"] for product in body["products"]] == ["CLCK-01"]


def test_shows_one_product(server):
    assert ask(server, "GET", "/products/MUGG-01")[2]["price"] == 1450
    assert ask(server, "GET", "/products/NOPE-99")[0] == 404


def test_quotes_and_sells(server):
    code, _, quote = ask(server, "POST", "/quote", CART)
    assert code == 200
    code, _, order = ask(server, "POST", "/checkout", CART | {"card": "tok_visa4242"})
    assert code == 200
    assert order["quote"] == quote


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/products/a/b", None, 404),
        ("POST", "/products", b"{}", 405),
        ("GET", "/checkout", None, 405),
        ("POST", "/quote", b"{", 400),
        ("POST", "/quote", b"[]", 400),
        ("POST", "/quote", b"\xff\xfe", 400),
        ("POST", "/quote", {"lines": [{"sku": "NOPE-99"}]}, 422),
        ("POST", "/quote", CART | {"region": "moon"}, 422),
        ("POST", "/quote", CART | {"voucher": "NOSUCH"}, 422),
        ("POST", "/checkout", CART, 422),
        ("POST", "/checkout", CART | {"card": "tok_declined0002"}, 402),
        ("POST", "/quote", b"x" * 70_000, 413),
    ],
)
def test_a_bad_request_gets_an_error_that_says_why(server, method, path, body, code):
    got, _, answer = ask(server, method, path, body)
    assert got == code
    assert answer["error"]


def test_a_bad_length_is_refused_before_it_is_read(server):
    assert ask(server, "POST", "/quote", b"{}", {"Content-Length": "-1"})[0] == 413


def test_metrics_count_traffic_and_not_probes(server):
    for path in ("/products", "/nowhere/at/all", "/healthz", "/metrics", "/"):
        ask(server, "GET", path)
    code, headers, text = ask(server, "GET", "/metrics")
    assert (code, headers.get_content_type()) == (200, "text/plain")
    requests = [line for line in text.splitlines() if line.startswith("http_requests_total")]
    assert [line for line in requests if not line.endswith(" 0")] == [
        'http_requests_total{code="200",method="GET",route="/products",version="under-test"} 1',
        'http_requests_total{code="404",method="GET",route="other",version="under-test"} 1',
    ]
    assert "healthz" not in text


def test_every_route_is_in_metrics_before_its_first_request(server):
    text = ask(server, "GET", "/metrics")[2]
    assert 'http_requests_total{code="200",method="POST",route="/checkout",version="under-test"} 0' in text
    assert (
        'http_request_duration_seconds_count{method="POST",route="/checkout",version="under-test"} 0' in text
    )


def test_the_dashboard_shows_what_was_counted(server):
    ask(server, "GET", "/products")
    code, headers, page = ask(server, "GET", "/")
    assert (code, headers.get_content_type()) == (200, "text/html")
    assert "<td>/products</td><td>GET</td><td>200</td><td>1</td>" in page
    assert "under-test" in page


def test_one_connection_carries_many_requests(server):
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)) as connection:
        for _ in range(3):
            connection.request("GET", "/products/MUGG-01")
            assert connection.getresponse().read()
