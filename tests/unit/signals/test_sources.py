"""Scraping and Prometheus over real sockets: every way they can fail is its own state."""

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from signalbox.errors import InputError
from signalbox.signals import Endpoints, Prometheus
from signalbox.signals.http import check_url, new_session, public

PAGE = 'http_requests_total{code="200"} 5\n'


@contextlib.contextmanager
def serving(answer):
    """A server on loopback; ``answer(handler)`` writes whatever it likes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(5)


def send(handler, body, status=200, length=None, kind="text/plain"):
    body = body.encode() if isinstance(body, str) else body
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def scrape(*urls, timeout=0.5):
    with new_session() as session:
        return Endpoints(urls, session=session, now=lambda: 1000.0, timeout=timeout).read()


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    stop = threading.Event()
    for _ in range(20):
        handler.wfile.write(b"# still coming\n")
        handler.wfile.flush()
        stop.wait(0.1)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (lambda h: send(h, PAGE), "ok"),
        (lambda h: send(h, "no", 503), "error"),
        (lambda h: send(h, "moved", 302), "error"),
        (lambda h: send(h, ""), "empty"),
        (lambda h: send(h, "other_total 1\n"), "empty"),
        (lambda h: send(h, PAGE[:-1]), "partial"),
        (lambda h: send(h, PAGE, length=500), "partial"),
        (lambda h: send(h, "http_requests_total{ 5\n"), "error"),
        (lambda h: send(h, b'http_requests_total{code="\xff"} 5\n'), "error"),
        (lambda h: send(h, PAGE.replace("5\n", "NaN\n")), "nan"),
        (lambda h: send(h, PAGE.replace("5\n", "-1\n")), "nan"),
        (lambda h: send(h, PAGE + PAGE), "several"),
        (lambda h: threading.Event().wait(0.9), "timeout"),
        (drip, "timeout"),
    ],
)
def test_every_way_a_page_can_fail_is_its_own_state(answer, state):
    with serving(answer) as url:
        found = scrape(url)
    assert found.state == state, found.detail
    assert bool(found.series) == (state == "ok")
    assert (state == "ok") or found.detail


def test_nobody_there_is_down():
    assert scrape(f"http://127.0.0.1:{closed_port()}/metrics").state == "down"


def test_one_instance_of_two_down_makes_the_reading_partial_and_two_make_it_down():
    gone = f"http://127.0.0.1:{closed_port()}/metrics"
    with serving(lambda h: send(h, PAGE)) as url:
        found = scrape(url, gone)
        both = scrape(url, url + "/metrics")
    assert found.state == "partial"
    assert not found.series
    assert both.state == "ok"
    assert len({series.labels for series in both.series}) == 2
    assert scrape(gone, gone + "2").state == "down"


def vector(*values, warnings=None, kind="vector"):
    result = [{"metric": metric, "value": [1000.0, value]} for metric, value in values]
    body = {"status": "success", "data": {"resultType": kind, "result": result}}
    if warnings:
        body["warnings"] = warnings
    return json.dumps(body)


REQUESTS = {"__name__": "http_requests_total", "code": "200"}


def prometheus_reading(answers, timeout=0.5):
    """The reading of a Prometheus that gives ``answers`` in turn (text, or a function of the handler)."""
    queue = list(answers)

    def answer(handler):
        one = queue.pop(0) if queue else vector()
        one(handler) if callable(one) else send(handler, one, kind="application/json")

    with serving(answer) as url, new_session() as session:
        client = Prometheus(url, session=session, now=lambda: 5000.0, timeout=timeout, stale_seconds=60)
        return client.read('track="canary"')


FRESH = vector(({}, "995"))


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([vector((REQUESTS, "5")), FRESH], "ok"),
        ([vector((REQUESTS, "5")), vector(({}, "900"))], "stale"),
        ([vector()], "empty"),
        ([vector((REQUESTS, "NaN")), FRESH], "nan"),
        ([vector((REQUESTS, "5"), (REQUESTS, "6")), FRESH], "several"),
        ([vector((REQUESTS, "5"), warnings=["one store is away"])], "partial"),
        ([vector((REQUESTS, "5")), vector(({}, "995"), warnings=["again"])], "partial"),
        ([vector((REQUESTS, "5")), vector()], "empty"),
        ([lambda h: send(h, "<html>")], "error"),
        ([lambda h: send(h, "[]")], "error"),
        ([lambda h: send(h, '{"status": "success"}')], "error"),
        ([lambda h: send(h, '{"status":"error","errorType":"bad_data","error":"no"}', 400)], "error"),
        ([lambda h: send(h, '{"status":"error","errorType":"timeout","error":"slow"}', 503)], "timeout"),
        ([lambda h: send(h, "away", 502)], "error"),
        ([vector(kind="matrix")], "error"),
        ([vector(({"code": "200"}, "5"))], "error"),
        ([lambda h: threading.Event().wait(0.9)], "timeout"),
    ],
)
def test_every_way_prometheus_can_fail_is_its_own_state(answers, state):
    found = prometheus_reading(answers)
    assert found.state == state, found.detail
    assert bool(found.series) == (state == "ok")


def test_the_age_of_a_value_is_moved_from_the_servers_clock_to_ours():
    assert prometheus_reading([vector((REQUESTS, "5")), FRESH]).sampled_at == 5000.0 - 5.0


def test_prometheus_that_is_not_there_is_down_and_is_asked_once():
    with new_session() as session:
        client = Prometheus(f"http://127.0.0.1:{closed_port()}", session=session, now=lambda: 0.0)
        assert client.read("a=1").state == "down"


def scalar(answer):
    with serving(lambda h: send(h, answer)) as url, new_session() as session:
        return Prometheus(url, session=session, now=lambda: 0.0).scalar("x")


@pytest.mark.parametrize(
    ("answer", "state", "value"),
    [
        (vector(({}, "3")), "ok", 3.0),
        ('{"status":"success","data":{"resultType":"scalar","result":[1,"4"]}}', "ok", 4.0),
        (vector(({}, "3"), ({}, "4")), "several", None),
        (vector(), "empty", None),
        (vector(({}, "+Inf")), "nan", None),
        (vector(({}, "three")), "error", None),
        ('{"status":"success","data":{"resultType":"string","result":[1,"x"]}}', "error", None),
    ],
)
def test_one_number_or_the_reason_why_there_is_none(answer, state, value):
    found = scalar(answer)
    assert (found.state, found.value) == (state, value)


@pytest.mark.parametrize(
    "answer",
    [
        lambda h: send(h, '{"status":"success","data":{"resultType":"string","result":[1,"x"]}}'),
        lambda h: send(h, '{"status":"error","errorType":"bad_data","error":"parse error"}', 400),
    ],
)
def test_a_query_that_can_never_be_a_number_is_refused(answer):
    with serving(answer) as url, new_session() as session:
        client = Prometheus(url, session=session, now=lambda: 0.0)
        with pytest.raises(InputError):
            client.check("x", "--query")


@pytest.mark.parametrize(
    "url", ["", "ftp://x/", "http://", "http://h:port/", "file:///etc/passwd", "http://a b/"]
)
def test_what_is_no_http_url_is_refused(url):
    with pytest.raises(InputError, match="URL"):
        check_url(url, "--prometheus")


def test_credentials_and_queries_are_never_shown():
    assert public("https://me:secret@host:9/path?token=x") == "https://host:9/path"
