"""A small real HTTP service with Prometheus metrics whose faults can be switched on while it runs.

    python metrics_service.py --port-file FILE        GET / answers; GET /metrics counts
    PUT /_faults {"errors": 0.3, "slow": 0.0}         shares of requests that fail, that take 60 ms

Its histogram has an edge at 50 ms, so that a test with that objective needs no requests of half a second.
Faults fall evenly (golden ratio), not at random: a test's outcome does not hang on a seed.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

EDGES = (0.005, 0.025, 0.05, 0.1, 0.5)
SLOW_SECONDS = 0.06


class Service:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.faults = {"errors": 0.0, "slow": 0.0}
        self.served = 0
        self.codes: dict[int, int] = {200: 0}
        self.buckets = [0] * (len(EDGES) + 1)
        self.started = time.time()

    def next(self) -> tuple[int, bool]:
        with self.lock:
            self.served += 1
            point = self.served * 0.6180339887498949 % 1.0
            other = self.served * 0.7548776662466927 % 1.0
            return (500 if point < self.faults["errors"] else 200), other < self.faults["slow"]

    def count(self, code: int, seconds: float) -> None:
        with self.lock:
            self.codes[code] = self.codes.get(code, 0) + 1
            self.buckets[sum(edge < seconds for edge in EDGES)] += 1

    def render(self) -> str:
        with self.lock:
            lines = ["# TYPE http_requests_total counter"]
            lines += [f'http_requests_total{{code="{code}"}} {n}' for code, n in sorted(self.codes.items())]
            below = 0
            for edge, n in zip((*EDGES, "+Inf"), self.buckets, strict=True):
                below += n
                lines.append(f'http_request_duration_seconds_bucket{{le="{edge}"}} {below}')
            lines.append(f"http_request_duration_seconds_count {below}")
            lines.append(f"process_start_time_seconds {self.started:.3f}")
            return "\n".join(lines) + "\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.reply(200, self.service.render().encode())
            return
        began = time.monotonic()
        code, slow = self.service.next()
        if slow:
            time.sleep(SLOW_SECONDS)
        self.service.count(code, time.monotonic() - began)
        self.reply(code, b"ok\n" if code == 200 else b"fault\n")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.service.lock:
            self.service.faults.update(json.loads(body))
        self.reply(204, b"")

    def reply(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", required=True)
    options = parser.parse_args()
    Handler.service = Service()
    # Nagle's algorithm and delayed acknowledgements would add 40 ms to small answers.
    Handler.disable_nagle_algorithm = True
    with Server(("127.0.0.1", options.port), Handler) as server:
        temporary = Path(options.port_file + ".tmp")
        temporary.write_text(str(server.server_address[1]))
        temporary.replace(options.port_file)
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
