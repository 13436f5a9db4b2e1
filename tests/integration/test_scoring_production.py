"""Production's health as context, asked of a real Prometheus: each way of not knowing is told apart."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian package prometheus"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                with requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
                    if answer.status_code == 200:
                        break
            except requests.ConnectionError:
                pass
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("vector(0.001)", ""),
        ("vector(0.5)", "production is unhealthy"),
        ("no_such_metric", "(empty)"),
        ("vector(0) / 0", "(nan)"),
        ('vector(1) or label_replace(vector(2), "a", "b", "", "")', "(several)"),
        ("sum(", "(error)"),
    ],
)
def test_only_a_number_within_the_limit_is_health(url: str, tmp_path: Path, query: str, says: str) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "junit.xml").write_text('<testsuite name="s" tests="1"><testcase name="a"/></testsuite>')
    policy = tmp_path / "policy.yml"
    policy.write_text(f"scoring:\n  health-query: {query!r}\n")
    command = [sys.executable, str(ROOT / "scripts" / "score_artifact.py"), "--evidence", str(reports)]
    ran = subprocess.run(
        [*command, "--repo", str(tmp_path), "--config", str(policy), "--prometheus", url],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 3, ran.stdout + ran.stderr
    if says:
        assert says in ran.stdout
    else:
        assert "healthy" in ran.stdout
        assert "do not promote into an incident" not in ran.stdout
