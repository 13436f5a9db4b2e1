import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def process(tmp_path):
    port_file = tmp_path / "port"
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "storefront",
            "--port",
            "0",
            "--port-file",
            str(port_file),
            "--stop-with-stdin",
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 20
        while not port_file.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        running.port = int(port_file.read_text())
        yield running
        running.kill()


def test_serves_as_a_process_and_stops_when_asked(process):
    with urllib.request.urlopen(f"http://127.0.0.1:{process.port}/healthz", timeout=5) as answer:
        assert b'"ok"' in answer.read()
    process.terminate()
    assert process.wait(10) == 0


def test_stops_when_whoever_started_it_is_gone(process):
    process.stdin.close()
    assert process.wait(10) == 0
