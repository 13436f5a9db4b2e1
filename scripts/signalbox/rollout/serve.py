"""The monitor's own window: ``/metrics`` for Prometheus and ``/judge`` for an engine that asks.

``/judge`` answers what the judge thinks after the last look, as JSON: an Argo Rollouts AnalysisTemplate can
take it as a web metric (``jsonPath: "{$.verdict}"``). Until there is a look, and when the last one is old,
the verdict is ``hold``: no evidence is never good evidence.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from signalbox.errors import InputError
from signalbox.rollout.assess import Assessment
from signalbox.rollout.model import Look

VERDICTS = ("proceed", "hold", "rollback")
# Metric → what it says. The dashboard under examples/ is tested against these names.
METRICS = {
    "signalbox_rollout_traffic_percent": "The canary's share in force, in percent.",
    "signalbox_rollout_slice": "Number of the slice, from 1.",
    "signalbox_rollout_log10_e": "Evidence against the canary: log10 of the e-value.",
    "signalbox_rollout_log10_e_limit": "Where it is rolled back.",
    "signalbox_rollout_exposure": "Requests counted in this slice, by signal and arm.",
    "signalbox_rollout_events": "Of those, how many were bad.",
    "signalbox_rollout_certified": "1 when the signal certified in this slice.",
    "signalbox_rollout_verdict": "1 for the verdict after the last look.",
    "signalbox_rollout_looks_total": "Looks, by the state of their data.",
    "signalbox_rollout_last_look_timestamp_seconds": "When the last look was taken.",
}


class Board:
    """What is known after the last look. ``now`` gives seconds since 1970; older than ``fresh_seconds`` is
    too old to be a verdict.
    """

    def __init__(self, deployment: str, *, now: Callable[[], float], fresh_seconds: float) -> None:
        self._deployment = deployment
        self._now = now
        self._fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._last: tuple[Look, Assessment, float] | None = None
        self._looks: Counter[str] = Counter()

    def post(self, look: Look, found: Assessment) -> None:
        """One more look."""
        with self._lock:
            self._last = (look, found, self._now())
            self._looks[look.state] += 1

    def judge(self) -> dict[str, Any]:
        """The answer of ``/judge``."""
        with self._lock:
            last = self._last
        if last is None:
            return {"deployment": self._deployment, "verdict": "hold", "reason": "NO_LOOK", "looks": 0}
        look, found, at = last
        age = self._now() - at
        stale = age > self._fresh_seconds or age < 0
        return {
            "deployment": self._deployment,
            "verdict": "hold" if stale and found.verdict == "proceed" else found.verdict,
            "reason": "STALE" if stale else found.reasons[0].code,
            "text": found.reasons[0].text,
            "at": look.at,
            "age_seconds": round(age, 1),
            "slice": look.slice + 1,
            "percent": look.percent,
            "log10_e": _log10(found.log_e),
            "log10_limit": _log10(found.threshold),
            "looks": sum(self._looks.values()),
        }

    def metrics(self) -> str:
        """The answer of ``/metrics``, in Prometheus's text format."""
        with self._lock:
            last, looks = self._last, dict(self._looks)
        values: dict[str, list[tuple[dict[str, str], float]]] = {name: [] for name in METRICS}
        for state, count in sorted(looks.items()):
            values["signalbox_rollout_looks_total"].append(({"state": state}, count))
        if last is not None:
            look, found, at = last
            one = [
                ("traffic_percent", look.percent),
                ("slice", look.slice + 1),
                ("log10_e", _log10(found.log_e)),
                ("log10_e_limit", _log10(found.threshold)),
                ("last_look_timestamp_seconds", at),
            ]
            for name, value in one:
                if value is not None:
                    values[f"signalbox_rollout_{name}"].append(({}, value))
            current = self.judge()["verdict"]
            for verdict in VERDICTS:
                values["signalbox_rollout_verdict"].append(({"verdict": verdict}, float(verdict == current)))
            for signal, figure in found.figures.items():
                counts = figure.counts
                for arm, exposure, events in (
                    ("canary", counts.treated, counts.treated_events),
                    ("baseline", counts.control, counts.control_events),
                ):
                    labels = {"signal": signal, "arm": arm}
                    values["signalbox_rollout_exposure"].append((labels, exposure))
                    values["signalbox_rollout_events"].append((labels, events))
                certified = float(figure.certified)
                values["signalbox_rollout_certified"].append(({"signal": signal}, certified))
        lines = []
        for name, text in METRICS.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
            for labels, value in values[name]:
                # Names of deployments, signals and states hold nothing that would need escaping.
                pairs = {"deployment": self._deployment, **labels}
                inside = ",".join(f'{key}="{text}"' for key, text in pairs.items())
                lines.append(f"{name}{{{inside}}} {value!r}")
        return "\n".join(lines) + "\n"


@contextlib.contextmanager
def serving(address: str, board: Board) -> Iterator[str]:
    """Serve ``board`` at ``HOST:PORT`` until the end of the block; gives the address (port 0 = any)."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputError(f"{address!r} is not HOST:PORT", where="--serve", fix="For example 127.0.0.1:9464.")

    class Handler(BaseHTTPRequestHandler):
        # A connection that says nothing must not hold a thread for ever.
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._reply(200, "text/plain; version=0.0.4; charset=utf-8", board.metrics().encode())
            elif self.path == "/judge":
                self._reply(200, "application/json", json.dumps(board.judge()).encode())
            else:
                self._reply(404, "text/plain", b"/metrics or /judge\n")

        def _reply(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The monitor's lines are for the rollout."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever hung up does not matter to the rollout."""

    try:
        server = Server((host.strip("[]"), int(port)), Handler)
    except OSError as error:
        raise InputError(
            "the address cannot be served", where=f"--serve {address}", why=error.strerror or ""
        ) from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _log10(log_e: float) -> float:
    return round(max(log_e / math.log(10), -300.0), 4)
