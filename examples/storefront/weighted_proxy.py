"""A small reverse proxy that splits HTTP traffic between a baseline and a canary by weight.

It stands where a load balancer stands in production, for demos and tests: standard library only, loopback
only. Traffic comes in on one port, control on another, so that no client can move traffic:

    GET  /_weights                              {"canary": 10, "baseline": 90}
    PUT  /_weights  {"canary": 25, "baseline": 75}   answers with the weights now in force
    GET  /metrics                               requests and failures per backend, Prometheus text format

A request is tried once. A backend that cannot be reached, hangs up or is silent for longer than --timeout
is a failed request of that backend (502), counted as one: a retry on the other would hide a dying canary.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import signal
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BACKENDS = ("canary", "baseline")
LARGEST_BODY = 1024 * 1024
LARGEST_WEIGHT = 1_000_000
# Headers about one connection are not for the next (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset(
    (
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
# A backend closes connections that were idle for long; one that is reused must be younger than that.
IDLE_SECONDS = 5.0
GOLDEN = (math.sqrt(5) - 1) / 2


class BadWeights(ValueError):
    """The weights cannot be applied; the message says why."""


class Split:
    """Chooses a backend for each request so that shares follow the weights at every moment.

    The n-th request goes to the canary when the fractional part of n times the golden ratio is below the
    canary's share. Such points fill the interval evenly from the start (no bursts, no drift, and a new weight
    holds from the next request) and never fall into step with clients that repeat themselves, as a
    round-robin of ten would with a client that sends every tenth request to the same page.
    """

    def __init__(self, weights: dict[str, float]) -> None:
        self._lock = threading.Lock()
        self._sent = 0
        self._weights = _checked(weights)

    @property
    def weights(self) -> dict[str, float]:
        """The weights in force."""
        with self._lock:
            return dict(self._weights)

    def apply(self, weights: Any) -> dict[str, float]:
        """Put new weights in force and return them. Raises `BadWeights`, and then nothing has changed."""
        checked = _checked(weights)
        with self._lock:
            self._weights = checked
            return dict(checked)

    def choose(self) -> str:
        """Return the backend of the next request."""
        with self._lock:
            self._sent += 1
            share = self._weights["canary"] / sum(self._weights.values())
            return "canary" if (self._sent * GOLDEN) % 1.0 < share else "baseline"


def _checked(weights: Any) -> dict[str, float]:
    if not isinstance(weights, dict) or set(weights) != set(BACKENDS):
        raise BadWeights('send {"canary": n, "baseline": m}, both and nothing else')
    for name, weight in weights.items():
        # "not <=" also refuses NaN, which JSON readers let through.
        if (
            isinstance(weight, bool)
            or not isinstance(weight, int | float)
            or not 0 <= weight <= LARGEST_WEIGHT
        ):
            raise BadWeights(f"the weight of {name} is a number from 0 to {LARGEST_WEIGHT}")
    if not sum(weights.values()):
        raise BadWeights("at least one weight is above 0")
    return {name: weights[name] for name in BACKENDS}


class Tally:
    """What was sent where, and what came of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[str] = Counter(dict.fromkeys(BACKENDS, 0))

    def answered(self, backend: str, code: int) -> None:
        """Count an answer that a backend gave."""
        with self._lock:
            self._answers[backend, str(code)] += 1

    def failed(self, backend: str) -> None:
        """Count a request that a backend did not answer; the client was told 502."""
        with self._lock:
            self._answers[backend, "502"] += 1
            self._failures[backend] += 1

    def render(self, weights: dict[str, float]) -> str:
        """Return everything in Prometheus's text format."""
        with self._lock:
            answers, failures = sorted(self._answers.items()), sorted(self._failures.items())
        lines = ["# HELP proxy_requests_total Requests by backend and the code the client got."]
        lines.append("# TYPE proxy_requests_total counter")
        lines += [f'proxy_requests_total{{backend="{b}",code="{code}"}} {n}' for (b, code), n in answers]
        lines.append(
            "# HELP proxy_failures_total Requests that a backend did not answer; also counted above, as 502."
        )
        lines.append("# TYPE proxy_failures_total counter")
        lines += [f'proxy_failures_total{{backend="{backend}"}} {n}' for backend, n in failures]
        lines.append("# HELP proxy_weight Weight in force.")
        lines.append("# TYPE proxy_weight gauge")
        lines += [f'proxy_weight{{backend="{backend}"}} {weights[backend]}' for backend in BACKENDS]
        return "\n".join(lines) + "\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = 64 * 1024  # header and body leave as one packet
    disable_nagle_algorithm = True

    def read_body(self) -> bytes | None:
        """Return the request's body, or None after having refused it."""
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST_BODY or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self.reply(413, b"send a body of at most 1 MiB with its Content-Length\n")
            return None
        return self.rfile.read(length) if length else b""

    def reply(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send an answer."""
        self.send_response_only(code)
        for name, value in (headers or {"Content-Type": "text/plain; charset=utf-8"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        """Requests are counted and not logged one by one."""


class TrafficServer(_Server):
    """Where clients come in."""

    def __init__(
        self, port: int, backends: dict[str, str], split: Split, tally: Tally, timeout: float
    ) -> None:
        self.backends = {name: _host_and_port(url) for name, url in backends.items()}
        self.split, self.tally, self.backend_timeout = split, tally, timeout
        super().__init__(("127.0.0.1", port), _Traffic)


class _Traffic(_Handler):
    server: TrafficServer

    def setup(self) -> None:
        super().setup()
        # One connection to each backend for each client's connection: no pool, no lock.
        self._open: dict[str, tuple[http.client.HTTPConnection, float]] = {}

    def finish(self) -> None:
        for connection, _ in self._open.values():
            connection.close()
        super().finish()

    def forward(self) -> None:
        """Send the request to the backend whose turn it is, and its answer back."""
        body = self.read_body()
        if body is None:
            return
        backend = self.server.split.choose()
        try:
            code, headers, answer = self._ask(backend, body)
        except (OSError, http.client.HTTPException):
            self.server.tally.failed(backend)
            self.reply(502, f"{backend} did not answer\n".encode(), {"X-Served-By": backend})
            return
        self.server.tally.answered(backend, code)
        self.reply(code, answer, headers | {"X-Served-By": backend})

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward

    def _ask(self, backend: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = self._connection(backend)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        headers["X-Forwarded-For"] = self.client_address[0]
        try:
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            del self._open[backend]
            raise
        self._open[backend] = (connection, time.monotonic())
        kept = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
        return response.status, kept, answer

    def _connection(self, backend: str) -> http.client.HTTPConnection:
        held = self._open.get(backend)
        if held and time.monotonic() - held[1] < IDLE_SECONDS:
            return held[0]
        if held:
            held[0].close()
        host, port = self.server.backends[backend]
        connection = http.client.HTTPConnection(host, port, timeout=self.server.backend_timeout)
        self._open[backend] = (connection, time.monotonic())
        return connection


class ControlServer(_Server):
    """Where the rollout moves traffic and reads it back."""

    def __init__(self, port: int, split: Split, tally: Tally) -> None:
        self.split, self.tally = split, tally
        super().__init__(("127.0.0.1", port), _Control)


class _Control(_Handler):
    server: ControlServer

    def do_GET(self) -> None:
        """Answer with the weights or the metrics."""
        if self.path == "/_weights":
            self._weights(200, self.server.split.weights)
        elif self.path == "/metrics":
            text = self.server.tally.render(self.server.split.weights)
            self.reply(200, text.encode(), {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
        else:
            self.reply(404, b"GET or PUT /_weights, GET /metrics\n")

    def do_PUT(self) -> None:
        """Put weights in force."""
        body = self.read_body()
        if body is None:
            return
        if self.path != "/_weights":
            self.reply(404, b"PUT /_weights\n")
            return
        try:
            self._weights(200, self.server.split.apply(json.loads(body)))
        except ValueError as error:
            why = str(error) if isinstance(error, BadWeights) else "the body is not JSON"
            self._weights(400, {"error": why})

    def _weights(self, code: int, value: dict[str, Any]) -> None:
        self.reply(code, json.dumps(value).encode() + b"\n", {"Content-Type": "application/json"})


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost") or not parts.port:
        raise SystemExit(f"weighted_proxy: {url!r} is not http://127.0.0.1:PORT")
    return "127.0.0.1", parts.port


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM, Ctrl-C, or, with --stop-with-stdin, until standard input closes."""
    parser = argparse.ArgumentParser(
        prog="weighted_proxy.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--baseline", required=True, metavar="URL", help="http://127.0.0.1:PORT")
    parser.add_argument("--canary", required=True, metavar="URL", help="http://127.0.0.1:PORT")
    parser.add_argument(
        "--port", type=int, default=8080, help="for traffic; 0 for any free one (default: 8080)"
    )
    parser.add_argument(
        "--control-port", type=int, default=8081, help="for control; 0 for any (default: 8081)"
    )
    parser.add_argument("--canary-weight", type=int, default=0, help="of 100, to begin with (default: 0)")
    parser.add_argument(
        "--timeout", type=float, default=5.0, help="seconds for a backend's answer (default: 5)"
    )
    parser.add_argument("--ports-file", default="", help="write {port, control_port} there once it listens")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input closes")
    options = parser.parse_args(arguments)
    if not 0 <= options.canary_weight <= 100:
        parser.error("--canary-weight is 0 to 100")

    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    if options.stop_with_stdin:
        threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    split = Split({"canary": options.canary_weight, "baseline": 100 - options.canary_weight})
    tally = Tally()
    backends = {"canary": options.canary, "baseline": options.baseline}
    with (
        TrafficServer(options.port, backends, split, tally, options.timeout) as traffic,
        ControlServer(options.control_port, split, tally) as control,
    ):
        for server in (traffic, control):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        ports = {"port": traffic.server_address[1], "control_port": control.server_address[1]}
        if options.ports_file:
            temporary = Path(f"{options.ports_file}.tmp")
            temporary.write_text(json.dumps(ports), encoding="utf-8")
            temporary.replace(options.ports_file)
        print(
            f"traffic on http://127.0.0.1:{ports['port']}, control on http://127.0.0.1:{ports['control_port']}",
            flush=True,
        )
        stop.wait()
        for server in (traffic, control):
            server.shutdown()


def _wait_for_end_of_input(stop: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    stop.set()


if __name__ == "__main__":
    main()
