"""Two real services, something that splits traffic between them, and real load: what a rollout needs."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICE = Path(__file__).with_name("metrics_service.py")
PROXY = ROOT / "examples" / "storefront" / "weighted_proxy.py"
MONITOR = ROOT / "scripts" / "monitor_rollout.py"
DIGEST = "sha256:" + "ab" * 32

POLICY = """\
rollout:
  soak-seconds: 1
  min-excess: 0.05
  min-slow-excess: 0.05
  latency-objective-ms: 50
  latency-quantile: 0.95
  error-objective: 0.02
"""


def wait_for(condition: Callable[[], object], seconds: float = 10.0, what: str = "condition") -> object:
    """The first true value of ``condition``; fails loudly after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come about within {seconds} s")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def process(*arguments: object, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone afterwards, whatever happens."""
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    child = subprocess.Popen([str(argument) for argument in arguments], **options)
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)
        for stream in (child.stdout, child.stderr, child.stdin):
            if stream:
                stream.close()


@contextlib.contextmanager
def service(folder: Path, name: str, port: int = 0) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    file = folder / f"{name}.port"
    file.unlink(missing_ok=True)
    with process(sys.executable, SERVICE, "--port-file", file, "--port", port) as child:
        wait_for(file.exists, what=f"port of {name}")
        yield int(file.read_text()), child


def set_faults(port: int, **faults: float) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/_faults", data=json.dumps(faults).encode(), method="PUT"
    )
    with urllib.request.urlopen(request, timeout=5):
        pass


class Load:
    """Steady requests to one port from a few connections, until closed."""

    def __init__(self, port: int, per_second: float = 160.0, clients: int = 4) -> None:
        self._port = port
        self._gap = clients / per_second
        self._stop = threading.Event()
        self.codes: dict[int, int] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        connection: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            due = max(due + self._gap, time.monotonic() - 1.0)
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
                    connection.connect()
                    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                code = answer.status
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException):
                code = 0
                if connection:
                    connection.close()
                connection = None
            with self._lock:
                self.codes[code] = self.codes.get(code, 0) + 1
            self._stop.wait(max(0.0, due - time.monotonic()))
        if connection:
            connection.close()

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)


class Rig:
    """Ports of the parts, the monitor's command line, and where it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.canary = self.baseline = self.traffic_port = 0
        self.traffic = ""
        self.state = folder / "rollout.json"
        self.audit = folder / "rollout.jsonl"
        self.decision = folder / "decision.json"
        self.signals: list[str] = []
        self.control_port = 0

    def metrics(self) -> list[str]:
        return [
            f"--metrics-url=canary=http://127.0.0.1:{self.canary}/metrics",
            f"--metrics-url=baseline=http://127.0.0.1:{self.baseline}/metrics",
        ]

    def command(
        self, *more: str, slices: str = "20,100", seconds: float = 20, look: float = 0.5
    ) -> list[str]:
        repo = self.folder / "repo"
        (repo / ".github").mkdir(parents=True, exist_ok=True)
        policy = repo / ".github" / "signalbox.yml"
        if not policy.exists():
            policy.write_text(POLICY)
        return [
            sys.executable, str(MONITOR), "--repo", str(repo), "--deployment", "web", "--digest", DIGEST,
            "--slices", slices, "--slice-seconds", str(seconds), "--look-seconds", str(look),
            *(self.signals or self.metrics()), "--traffic", self.traffic, "--state", str(self.state),
            "--audit", str(self.audit), "--out", str(self.decision), "--format", "text",
            "--bundles", str(self.folder / "bundles"), "--mode", "enforce", "--environment", "staging", *more,
        ]  # fmt: skip

    def run(self, *more: str, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*more, **options), capture_output=True, text=True, timeout=120, env=environment()
        )

    @contextlib.contextmanager
    def start(self, *more: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
        with process(
            *self.command(*more, **options),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        ) as child:
            yield child

    def events(self, kind: str = "") -> list[dict]:
        if not self.audit.exists():
            return []
        found = []
        for line in self.audit.read_text().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [event for event in found if not kind or event["event"] == kind]

    def verdict(self) -> dict:
        return json.loads(self.decision.read_text())


def environment() -> dict[str, str]:
    """The environment without what the surrounding job sets for actions."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("SIGNALBOX_", "GITHUB_"))}


@contextlib.contextmanager
def proxy_rig(folder: Path, per_second: float = 160.0) -> Iterator[Rig]:
    """Canary and baseline behind the storefront's own weighted proxy, with load."""
    rig = Rig(folder)
    with contextlib.ExitStack() as stack:
        rig.canary, _ = stack.enter_context(service(folder, "canary"))
        rig.baseline, _ = stack.enter_context(service(folder, "baseline"))
        ports = folder / "proxy.ports"
        stack.enter_context(
            process(
                sys.executable,
                PROXY,
                "--baseline",
                f"http://127.0.0.1:{rig.baseline}",
                "--canary",
                f"http://127.0.0.1:{rig.canary}",
                "--port",
                0,
                "--control-port",
                0,
                "--ports-file",
                ports,
            )
        )
        wait_for(ports.exists, what="ports of the proxy")
        found = json.loads(ports.read_text())
        rig.traffic_port, rig.control_port = found["port"], found["control_port"]
        rig.traffic = f"proxy:http://127.0.0.1:{rig.control_port}"
        load = stack.enter_context(Load(rig.traffic_port, per_second))
        wait_for(lambda: load.codes.get(200, 0) > 20, what="traffic")
        rig.load = load
        yield rig


def proxy_share(rig: Rig) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{rig.control_port}/_weights", timeout=5) as answer:
        found = json.load(answer)
    return 100 * found["canary"] / (found["canary"] + found["baseline"])
