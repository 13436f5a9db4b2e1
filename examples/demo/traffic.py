"""Shoppers: a bounded load on the storefront's proxy, and what they saw, second by second.

    python traffic.py --url http://127.0.0.1:8080 --rate 120 --seconds 60 --out seen.jsonl

Arrivals are random (Poisson) and do not wait for answers, as shoppers do not wait for each other: a slow
server gets no fewer requests. Latency counts from the moment a request was due, so that a server which keeps
a shopper waiting to connect does not look fast. One line of JSON per second is written to --out.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import queue
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

WORKERS = 48
FASTEST = 500.0
LONGEST = 1800.0
SLOW_SECONDS = 0.5
SKUS = (
    "LAMP-01",
    "LAMP-02",
    "CLCK-01",
    "WHIS-01",
    "FLAG-01",
    "MUGG-01",
    "STCK-01",
    "CAPP-01",
    "BOOK-01",
    "TEAA-01",
)


@dataclass(frozen=True)
class Request:
    """One request of a shopper."""

    method: str
    path: str
    body: bytes | None = None


def next_request(chance: random.Random) -> Request:
    """Draw what a shopper does next: mostly looks, prices a cart, and in 3 of 10 cases buys."""
    kind = chance.random()
    if kind < 0.35:
        return Request("GET", f"/products?q={chance.choice(('', 'lamp', 'station', 'book'))}")
    if kind < 0.55:
        return Request("GET", f"/products/{chance.choice(SKUS)}")
    lines = [
        {"sku": sku, "quantity": chance.randint(1, 3)} for sku in chance.sample(SKUS, chance.randint(1, 4))
    ]
    cart: dict[str, Any] = {
        "lines": lines,
        "region": chance.choice(("home", "home", "neighbours", "overseas")),
    }
    if kind < 0.70:
        return Request("POST", "/quote", json.dumps(cart).encode())
    cart["card"] = "tok_declined0002" if chance.random() < 0.02 else "tok_visa4242"
    return Request("POST", "/checkout", json.dumps(cart).encode())


@dataclass
class Second:
    """What was seen of one arm in one second. `latencies` are seconds."""

    requests: int = 0
    errors: int = 0
    latencies: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is written; without requests there are no quantiles."""
        ordered = sorted(self.latencies)
        return {
            "requests": self.requests,
            "errors": self.errors,
            "slow": sum(seconds > SLOW_SECONDS for seconds in ordered),
            "p50_ms": _quantile_ms(ordered, 0.5),
            "p99_ms": _quantile_ms(ordered, 0.99),
        }


def _quantile_ms(ordered: list[float], share: float) -> float | None:
    return round(1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)], 2) if ordered else None


class Seen:
    """Collects answers by arm; `flush` writes what came in since the last one."""

    def __init__(self, out: IO[str], started: float) -> None:
        self._lock = threading.Lock()
        self._out, self._started = out, started
        self._arms: dict[str, Second] = {}
        self._unsent = 0

    def answered(self, arm: str, failed: bool, seconds: float) -> None:
        """Count one answer, or none in time."""
        with self._lock:
            second = self._arms.setdefault(arm, Second())
            second.requests += 1
            second.errors += failed
            second.latencies.append(seconds)

    def unsent(self) -> None:
        """Count a shopper that found nobody free to serve them: the bound on this load."""
        with self._lock:
            self._unsent += 1

    def flush(self) -> None:
        """Write one line."""
        with self._lock:
            arms, self._arms = self._arms, {}
            unsent, self._unsent = self._unsent, 0
        if not arms and not unsent:
            return
        row = {
            "second": round(time.monotonic() - self._started, 1),
            "at": round(time.time(), 3),
            "unsent": unsent,
            "arms": {name: second.as_dict() for name, second in sorted(arms.items())},
        }
        self._out.write(json.dumps(row) + "\n")
        self._out.flush()


def shop(port: int, due: queue.Queue[tuple[float, Request] | None], seen: Seen) -> None:
    """Send requests as they fall due, over one connection, until `None` comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while (item := due.get()) is not None:
        when, request = item
        arm, failed = "nobody", True
        try:
            headers = {"Content-Type": "application/json"} if request.body else {}
            connection.request(request.method, request.path, request.body, headers)
            response = connection.getresponse()
            response.read()
            arm, failed = response.headers.get("X-Served-By", "nobody"), response.status >= 500
        except (OSError, http.client.HTTPException):
            connection.close()
        seen.answered(arm, failed, time.monotonic() - when)
    connection.close()


def run(port: int, rate: float, seconds: float, out: IO[str], seed: int, stop: threading.Event) -> None:
    """Keep up the load until the time is over or `stop` is set."""
    chance = random.Random(seed)
    # As many may wait as there are workers: more would be a memory leak with a clock.
    due: queue.Queue[tuple[float, Request] | None] = queue.Queue(WORKERS)
    started = time.monotonic()
    seen = Seen(out, started)
    workers = [threading.Thread(target=shop, args=(port, due, seen), daemon=True) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    when, line = started, started + 1
    while not stop.is_set() and when < started + seconds:
        when += chance.expovariate(rate)
        request = next_request(chance)
        while (now := time.monotonic()) < when:
            if now >= line:
                seen.flush()
                line += 1
            stop.wait(min(when, line) - now)
        try:
            due.put_nowait((when, request))
        except queue.Full:
            seen.unsent()
    for _ in workers:
        due.put(None)
    for worker in workers:
        worker.join(timeout=12)
    seen.flush()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True, help="http://127.0.0.1:PORT, nowhere else")
    parser.add_argument("--rate", type=float, default=120, help=f"requests a second, at most {FASTEST:g}")
    parser.add_argument("--seconds", type=float, default=60, help=f"stop after that, at most {LONGEST:g}")
    parser.add_argument("--seed", type=int, default=1, help="of arrivals and carts (default: 1)")
    parser.add_argument("--out", type=Path, required=True, help="file for one line of JSON per second")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input closes")
    options = parser.parse_args()
    parts = urlsplit(options.url)
    if parts.scheme != "http" or parts.hostname != "127.0.0.1" or not parts.port:
        parser.error(f"--url {options.url!r}: only http://127.0.0.1:PORT may be loaded")
    if not 0 < options.rate <= FASTEST or not 0 < options.seconds <= LONGEST:
        parser.error(f"--rate is up to {FASTEST:g} and --seconds up to {LONGEST:g}, both above 0")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    if options.stop_with_stdin:
        threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    with options.out.open("w", encoding="utf-8") as out:
        run(parts.port, options.rate, options.seconds, out, options.seed, stop)


def _wait_for_end_of_input(stop: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    stop.set()


if __name__ == "__main__":
    main()
