"""A real HAProxy and a real Prometheus on loopback, in front of and beside the two services of a rollout."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.rollout_rig import Load, Rig, free_port, process, service, wait_for

HAPROXY = """\
global
  stats socket {socket} level admin
  stats timeout 10s
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
frontend shop
  bind 127.0.0.1:{port}
  default_backend web
backend web
  balance roundrobin
  server c1 127.0.0.1:{canary} weight 0
  server b1 127.0.0.1:{baseline} weight 100
"""

PROMETHEUS = """\
global: {{scrape_interval: {interval}}}
scrape_configs:
  - job_name: web
    static_configs:
      - {{targets: ["127.0.0.1:{canary}"], labels: {{app: web, track: canary}}}}
      - {{targets: ["127.0.0.1:{baseline}"], labels: {{app: web, track: stable}}}}
"""


def program(name: str) -> str:
    """The program's path; without it the test is skipped and says what to install."""
    for place in (shutil.which(name), f"/usr/sbin/{name}"):
        if place and Path(place).exists():
            return place
    pytest.skip(f"{name} is not installed (apt install {name})")


@contextlib.contextmanager
def prometheus(folder: Path, rig: Rig, port: int, interval: str = "1s") -> Iterator[subprocess.Popen[bytes]]:
    binary = program("prometheus")
    config = folder / "prometheus.yml"
    config.write_text(PROMETHEUS.format(interval=interval, canary=rig.canary, baseline=rig.baseline))
    with process(
        binary, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ) as child:  # fmt: skip
        wait_for(lambda: up(port) == 2, 60, "two targets in Prometheus")
        yield child


def up(port: int) -> int:
    """How many targets this Prometheus scrapes with success."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query=sum(up)"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            result = json.load(answer)["data"]["result"]
    except (OSError, ValueError):
        return 0
    return int(float(result[0]["value"][1])) if result else 0


@contextlib.contextmanager
def haproxy_rig(folder: Path, per_second: float = 160.0) -> Iterator[Rig]:
    """Canary and baseline behind a real HAProxy, with load; runtime API on a unix socket."""
    binary = program("haproxy")
    rig = Rig(folder)
    with contextlib.ExitStack() as stack:
        rig.canary, rig.canary_process = stack.enter_context(service(folder, "canary"))
        rig.baseline, _ = stack.enter_context(service(folder, "baseline"))
        rig.traffic_port = free_port()
        # A unix socket's path may hold 107 bytes, and pytest's folders are long.
        short = stack.enter_context(short_folder())
        rig.socket = short / "h.sock"
        config = folder / "haproxy.cfg"
        config.write_text(
            HAPROXY.format(socket=rig.socket, port=rig.traffic_port, canary=rig.canary, baseline=rig.baseline)
        )
        stack.enter_context(process(binary, "-db", "-f", config))
        wait_for(rig.socket.exists, what="HAProxy's socket")
        rig.traffic = f"haproxy:unix:{rig.socket}?backend=web&canary=c1&baseline=b1"
        load = stack.enter_context(Load(rig.traffic_port, per_second))
        wait_for(lambda: load.codes.get(200, 0) > 20, what="traffic")
        rig.load = load
        yield rig


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sb", dir="/tmp") as folder:
        yield Path(folder)


def weight(rig: Rig, server: str) -> int:
    """The server's weight as HAProxy itself says it."""
    from signalbox.rollout.traffic.haproxy import HAProxy

    return HAProxy(f"unix:{rig.socket}", backend="web", canary=["c1"], baseline=["b1"])._weight(server)


def canary_requests(rig: Rig, seconds: float = 0.5) -> int:
    """Requests that reach the canary itself in ``seconds``, by its own count."""

    def count() -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{rig.canary}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("http_requests_total{"))

    before = count()
    time.sleep(seconds)
    return count() - before
