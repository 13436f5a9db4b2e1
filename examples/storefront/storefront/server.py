"""The shop on a port: standard library only, one thread per connection."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from storefront import catalogue, pricing
from storefront.api import UNCOUNTED, Answer, Shop
from storefront.checkout import Checkout
from storefront.metrics import Metrics
from storefront.payments import Gateway

LARGEST_BODY = 64 * 1024


class Server(ThreadingHTTPServer):
    """Listens on loopback and hands each request to the shop."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, version: str, gateway: Gateway | None = None) -> None:
        self.metrics = Metrics(version)
        prices = pricing.shipped()
        self.shop = Shop(catalogue.shipped(), prices, Checkout(prices, gateway or Gateway()), self.metrics)
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no error of ours; everything else is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30
    # Header and body leave as one packet: as two they would wait for the other side's delayed ACK.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        started = time.perf_counter()
        answer = self._answer()
        if answer.route not in UNCOUNTED:
            self.server.metrics.observe(
                method=self.command,
                route=answer.route,
                code=answer.code,
                seconds=time.perf_counter() - started,
            )
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("X-Version", self.server.metrics.version)
        self.end_headers()
        self.wfile.write(answer.body)

    def _answer(self) -> Answer:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST_BODY or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            return Answer(
                413, b'{"error": "send a body of at most 64 KiB with its Content-Length"}\n', "other"
            )
        body = self.rfile.read(length) if length else b""
        try:
            return self.server.shop.answer(self.command, self.path, body)
        except Exception as error:
            self.log_error("unexpected: %r", error)
            return Answer(500, b'{"error": "internal error"}\n', "other")

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Requests are counted in metrics and not logged one by one."""


def write_port(path: str, text: str) -> None:
    """Write a file that appears whole or not at all, for whoever started us and waits for it."""
    temporary = Path(f"{path}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def stop_with_stdin(stop: threading.Event) -> None:
    """Stop when standard input closes: it does when the process that started us is gone, however it went."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        stop.set()

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM, Ctrl-C, or, with --stop-with-stdin, until standard input closes."""
    parser = argparse.ArgumentParser(prog="storefront", description="Serve the shop on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one (default: 8000)")
    parser.add_argument("--version", default="dev", help="what it calls itself in metrics and answers")
    parser.add_argument("--port-file", default="", help="write the port there once it listens")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input closes")
    options = parser.parse_args(arguments)

    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    if options.stop_with_stdin:
        stop_with_stdin(stop)
    with Server(options.port, options.version) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        if options.port_file:
            write_port(options.port_file, str(server.server_address[1]))
        print(f"storefront {options.version} listens on {server.url}", flush=True)
        stop.wait()
        server.shutdown()
