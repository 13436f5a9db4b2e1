"""The example's weighted proxy, between real processes."""

import http.client
import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

STOREFRONT = Path(__file__).parents[2] / "examples" / "storefront"


@contextmanager
def running(command, ready, cwd=STOREFRONT):
    with subprocess.Popen(
        [sys.executable, *command, "--stop-with-stdin"],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 30
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            yield process, json.loads(ready.read_text())
        finally:
            process.kill()


def ask(port, method, path, body=None, headers=None):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()


@pytest.fixture
def shops(tmp_path):
    """A baseline and a canary behind the proxy."""
    arguments = ["-m", "storefront", "--port", "0", "--port-file"]
    with (
        running([*arguments, tmp_path / "b", "--version", "old"], tmp_path / "b") as (_, baseline),
        running([*arguments, tmp_path / "c", "--version", "new"], tmp_path / "c") as (canary_process, canary),
    ):
        backends = [
            "--baseline",
            f"http://127.0.0.1:{baseline}",
            "--canary",
            f"http://127.0.0.1:{canary}",
            "--timeout",
            "2",
        ]
        ports = ["--port", "0", "--control-port", "0", "--ports-file", str(tmp_path / "p")]
        with running(["weighted_proxy.py", *backends, *ports], tmp_path / "p") as (_, proxy):
            yield proxy["port"], proxy["control_port"], canary_process


def put(control, weights):
    return ask(control, "PUT", "/_weights", json.dumps(weights).encode())


def versions(port, requests):
    return Counter(ask(port, "GET", "/products")[1]["X-Version"] for _ in range(requests))


def test_traffic_follows_the_weights_that_are_read_back(shops):
    port, control, _ = shops
    assert versions(port, 40) == {"old": 40}
    code, _, body = put(control, {"canary": 25, "baseline": 75})
    assert (code, json.loads(body)) == (200, {"canary": 25, "baseline": 75})
    assert json.loads(ask(control, "GET", "/_weights")[2]) == {"canary": 25, "baseline": 75}
    share = versions(port, 200)
    assert share["old"] + share["new"] == 200
    assert 44 <= share["new"] <= 56
    put(control, {"canary": 1, "baseline": 0})
    assert versions(port, 40) == {"new": 40}


def test_bad_weights_are_refused_and_nothing_moves(shops):
    _, control, _ = shops
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"canary": 1}',
        b'{"canary": -1, "baseline": 1}',
        b'{"canary": 0, "baseline": 0}',
    ):
        code, _, answer = ask(control, "PUT", "/_weights", body)
        assert code == 400
        assert json.loads(answer)["error"]
    assert json.loads(ask(control, "GET", "/_weights")[2]) == {"canary": 0, "baseline": 100}


def test_clients_cannot_move_traffic(shops):
    port, control, _ = shops
    code, headers, _ = ask(port, "PUT", "/_weights", b'{"canary": 1, "baseline": 0}')
    assert (code, headers["X-Served-By"]) == (404, "baseline")
    assert json.loads(ask(control, "GET", "/_weights")[2]) == {"canary": 0, "baseline": 100}


def test_requests_and_answers_pass_unchanged(shops):
    port, _, _ = shops
    cart = {"lines": [{"sku": "MUGG-01", "quantity": 2}], "card": "tok_visa4242"}
    code, headers, body = ask(port, "POST", "/checkout", json.dumps(cart).encode())
    assert (code, headers.get_content_type()) == (200, "application/json")
    assert json.loads(body)["quote"]["subtotal"] == 2900
    assert ask(port, "GET", "/nowhere")[0] == 404
    code, headers, body = ask(port, "HEAD", "/products")
    assert body == ""
    assert ask(port, "POST", "/quote", b"x", {"Content-Length": "-3"})[0] == 413


def test_a_dead_backend_is_counted_and_the_other_serves_on(shops):
    port, control, canary = shops
    put(control, {"canary": 50, "baseline": 50})
    canary.kill()
    canary.wait(10)
    codes = Counter(ask(port, "GET", "/products")[0] for _ in range(60))
    assert codes[200] + codes[502] == 60
    assert 24 <= codes[502] <= 36
    metrics = ask(control, "GET", "/metrics")[2].splitlines()
    assert f'proxy_failures_total{{backend="canary"}} {codes[502]}' in metrics
    assert f'proxy_requests_total{{backend="canary",code="502"}} {codes[502]}' in metrics
    assert 'proxy_failures_total{backend="baseline"} 0' in metrics


def test_a_reused_connection_that_the_backend_closed_fails_once_and_is_opened_anew(shops):
    port, control, canary = shops
    put(control, {"canary": 1, "baseline": 0})
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:

        def get():
            connection.request("GET", "/products")
            response = connection.getresponse()
            response.read()
            return response.status

        assert get() == 200
        canary.kill()
        canary.wait(10)
        assert get() == 502
        put(control, {"canary": 0, "baseline": 1})
        assert get() == 200


@pytest.mark.parametrize(
    "arguments",
    [
        ["--baseline", "http://example.com:80", "--canary", "http://127.0.0.1:1"],
        ["--baseline", "http://127.0.0.1:1", "--canary", "127.0.0.1:2"],
        ["--baseline", "http://127.0.0.1:1", "--canary", "http://127.0.0.1:2", "--canary-weight", "101"],
    ],
)
def test_refuses_to_start_with_what_it_cannot_use(arguments):
    done = subprocess.run(
        [sys.executable, "weighted_proxy.py", "--port", "0", "--control-port", "0", *arguments],
        cwd=STOREFRONT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    assert "127.0.0.1" in done.stderr or "canary-weight" in done.stderr
