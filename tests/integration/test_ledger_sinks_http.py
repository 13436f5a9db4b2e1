"""The sinks over real sockets: a recording OTLP endpoint. Real servers: tests/sinks."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from doubles.records import bundle, outcome
from signalbox.errors import InputError
from signalbox.ledger import FolderLedger, SinkDown, deliver
from signalbox.ledger.sinks import open_sink

SCRIPT = Path(__file__).parents[2] / "scripts" / "compact_ledger.py"


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.seen: list[tuple[str, str]] = []
        self.answers: list[tuple[int, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def spans(self) -> list[dict]:
        return [
            span
            for body in self.bodies
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.server.answers.pop(0) if self.server.answers else (200, b"{}")
        self.server.seen.append((self.path, self.headers.get("api-key", "")))
        if status == 200:
            self.server.bodies.append(json.loads(body))
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ledger(tmp_path: Path) -> FolderLedger:
    found = FolderLedger(tmp_path / "ledger")
    found.record(bundle("promotion", id="p-1", verdict="block", outputs={"score": 0.5}, propensity=0.25))
    found.record(bundle("rollout", id="r-1"))
    found.record_outcome(outcome(id="o-1", decision="p-1", label="bad"))
    return found


def entries(ledger: FolderLedger) -> list:
    return [*ledger.decisions().entries, *ledger.outcomes().entries]


def attributes(span: dict) -> dict:
    return {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}


def test_spans_follow_the_conventions(collector: Collector, ledger: FolderLedger, tmp_path: Path) -> None:
    sink = open_sink(
        f"otlp:http://127.0.0.1:{collector.server_port}", {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=k1"}
    )
    assert deliver(sink, entries(ledger), tmp_path / "sent").sent == 3
    assert collector.seen[0] == ("/v1/traces", "k1")
    promotion, rollout, told = collector.spans
    given = attributes(promotion)
    assert given["cicd.pipeline.task.name"] == "promotion"
    assert given["cicd.pipeline.task.run.id"] == "p-1"
    assert given["cicd.pipeline.task.run.result"] == "failure"
    assert given["error.type"] == "block"
    assert promotion["status"] == {"code": 2}
    assert given["signalbox.propensity"] == 0.25
    assert attributes(rollout)["cicd.pipeline.task.run.result"] == "success"
    assert attributes(told)["signalbox.outcome.label"] == "bad"
    assert promotion["traceId"] == rollout["traceId"]  # one commit
    assert all(len(s["traceId"]) == 32 and len(s["spanId"]) == 16 for s in collector.spans)
    resource = collector.bodies[0]["resourceSpans"][0]["resource"]
    assert attributes(resource)["vcs.ref.head.revision"] == "a" * 40


@pytest.mark.parametrize(
    "answer",
    [
        (503, b""),
        (429, b"{}"),
        (400, b"{}"),
        (302, b""),
        (200, b'{"partialSuccess": {"rejectedSpans": "1"}}'),
    ],
)
def test_a_collector_that_refuses_loses_nothing(
    collector: Collector, ledger: FolderLedger, tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    sink = open_sink(f"otlp:http://127.0.0.1:{collector.server_port}", {})
    collector.answers = [(200, b"{}"), answer]
    first = deliver(sink, entries(ledger), tmp_path / "sent")
    assert (first.sent, first.waiting) == (1, 2)
    assert first.why
    again = deliver(sink, entries(ledger), tmp_path / "sent")
    assert (again.sent, again.waiting) == (2, 0)
    assert len({span["spanId"] for span in collector.spans}) == 3


def test_the_script_says_that_a_sink_is_down_and_keeps_the_rest(ledger: FolderLedger, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"otlp:http://127.0.0.1:{free.getsockname()[1]}"
        command = [sys.executable, str(SCRIPT), "--ledger", str(ledger.root), "--send", url]
        done = subprocess.run(
            [*command, "--sent", str(tmp_path / "sent")], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 3
    assert "0 sent, 3 waiting" in done.stdout


@pytest.mark.parametrize(
    "url", ["http://x", "otlp:ftp://x", "mlflow:http://u:p@x", "otlp:", "mlflow:file:///x"]
)
def test_what_is_no_sink_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        open_sink(url, {})


def test_a_tracking_server_that_is_down_is_no_loss(ledger: FolderLedger) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        sink = open_sink(f"mlflow:http://127.0.0.1:{free.getsockname()[1]}", {})
        with pytest.raises(SinkDown):
            sink.send(ledger.decisions().entries[0])
