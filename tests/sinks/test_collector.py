"""Records as spans in a real OpenTelemetry collector, which prints what it was sent."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from sinks import parts
from sinks.servers import free_port, serving

from signalbox.ledger import FolderLedger

pytestmark = pytest.mark.real
SCRIPT = Path(__file__).parents[2] / "scripts" / "compact_ledger.py"


def configured(folder: Path, port: int) -> list[str]:
    try:
        program = parts.collector()
    except parts.Unavailable as error:
        pytest.skip(str(error))
    settings = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {"debug": {"verbosity": "detailed"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}},
        },
    }
    (folder / "collector.yml").write_text(yaml.safe_dump(settings))
    return [str(program), "--config", f"file:{folder}/collector.yml"]


def send(ledger: FolderLedger, port: int, sent: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--ledger", str(ledger.root), "--sent", str(sent)]
    return subprocess.run(
        [*command, "--send", f"otlp:http://127.0.0.1:{port}"], capture_output=True, text=True, timeout=60
    )


def printed(folder: Path, spans: int) -> str:
    """The collector's log, once it shows so many spans."""
    for _ in range(100):
        text = (folder / "log").read_text()
        if len(re.findall(r"^Span #", text, re.MULTILINE)) >= spans:
            break
        time.sleep(0.1)
    return text


def test_it_takes_every_record_by_the_conventions(ledger: FolderLedger, tmp_path: Path) -> None:
    port = free_port()
    with serving(configured(tmp_path, port), tmp_path, f"http://127.0.0.1:{port}/"):
        done = send(ledger, port, tmp_path / "sent")
        assert done.returncode == 0, done.stdout + done.stderr
        text = printed(tmp_path, 3)
    assert len(re.findall(r"^Span #", text, re.MULTILINE)) == 3
    assert re.findall(r"Name +: (\w+)", text) == ["promotion", "rollout", "outcome"]
    for expected in (
        "cicd.pipeline.task.name: Str(promotion)",
        "cicd.pipeline.task.run.id: Str(p-1)",
        "cicd.pipeline.task.run.result: Str(failure)",
        "signalbox.propensity: Double(0.25)",
        "signalbox.trusted: Bool(true)",
        "vcs.repository.name: Str(shop)",
        f"vcs.ref.head.revision: Str({'a' * 40})",
        "signalbox.outcome.label: Str(bad)",
    ):
        assert f"-> {expected}" in text, expected
    assert re.search(r"Status code +: Error", text)


def test_a_collector_that_was_down_is_caught_up_with(ledger: FolderLedger, tmp_path: Path) -> None:
    port = free_port()
    down = send(ledger, port, tmp_path / "sent")
    assert down.returncode == 3
    assert "0 sent, 3 waiting" in down.stdout
    with serving(configured(tmp_path, port), tmp_path, f"http://127.0.0.1:{port}/"):
        assert send(ledger, port, tmp_path / "sent").returncode == 0
        assert "0 sent, 0 waiting" in send(ledger, port, tmp_path / "sent").stdout
        text = printed(tmp_path, 3)
    assert len(re.findall(r"^Span #", text, re.MULTILINE)) == 3, "each once"
