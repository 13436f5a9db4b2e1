"""Decisions as runs of a real MLflow server on a database: each once, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sinks import parts
from sinks.servers import entries, free_port, serving, tracking

from doubles.records import bundle
from signalbox.ledger import FolderLedger, deliver
from signalbox.ledger.sinks import open_sink

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    try:
        command = tracking(folder, port)
    except parts.Unavailable as error:
        pytest.skip(str(error))
    url = f"http://127.0.0.1:{port}"
    with serving(command, folder, f"{url}/health"):
        yield url


def call(url: str, path: str, body: dict) -> dict:
    asked = urllib.request.Request(
        f"{url}/api/2.0/mlflow/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)


def runs(url: str, kind: str) -> list[dict]:
    found = call(url, "experiments/search", {"max_results": 100})["experiments"]
    [experiment] = [e["experiment_id"] for e in found if e["name"] == f"signalbox/{kind}"]
    return call(url, "runs/search", {"experiment_ids": [experiment], "max_results": 1000}).get("runs", [])


def test_it_holds_each_decision_once(server: str, ledger: FolderLedger, tmp_path: Path) -> None:
    sink = open_sink(f"mlflow:{server}", {})
    for attempt in ("one", "two"):  # a lost progress file sends everything again
        done = deliver(sink, entries(ledger), tmp_path / attempt)
        assert (done.sent, done.waiting, done.why) == (3, 0, "")
    [run] = runs(server, "promotion")
    tags = {item["key"]: item["value"] for item in run["data"]["tags"]}
    metrics = {item["key"]: item["value"] for item in run["data"]["metrics"]}
    assert tags["signalbox.verdict"] == "block"
    assert tags["signalbox.label"] == "bad"
    assert tags["mlflow.source.git.commit"] == "a" * 40
    assert metrics == {"score": 0.5, "propensity": 0.25}
    assert run["info"]["status"] == "FINISHED"
    path = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/").lstrip("/")
    with urllib.request.urlopen(
        f"{server}/api/2.0/mlflow-artifacts/artifacts/{path}/bundle.json", timeout=30
    ) as answer:
        assert answer.read() == next(e.raw for e in ledger.decisions().entries if e.id == "p-1")


def test_six_first_writers_at_once_lose_nothing(server: str, tmp_path: Path) -> None:
    """Each its own ledger; the experiment is made by whoever is first."""
    ledgers = []
    for number in range(6):
        found = FolderLedger(tmp_path / f"ledger-{number}")
        for index in range(3):
            found.record(bundle("concurrency", id=f"c-{number}-{index}"))
        ledgers.append(found)
    results: list[int] = []

    def send(number: int) -> None:
        sink = open_sink(f"mlflow:{server}", {})
        progress = tmp_path / f"sent-{number}"
        for _ in range(5):  # as five nights: what the busy server refused goes next time
            left = deliver(sink, entries(ledgers[number]), progress).waiting
            if not left:
                break
        results.append(left)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results == [0] * 6
    names = {tag["value"] for run in runs(server, "concurrency") for tag in run["data"]["tags"]
             if tag["key"] == "signalbox.decision"}  # fmt: skip
    assert names == {f"c-{number}-{index}" for number in range(6) for index in range(3)}


def test_a_server_killed_in_the_middle_gets_the_rest_when_it_is_back(
    server: str, ledger: FolderLedger, tmp_path: Path
) -> None:
    folder, port = tmp_path, free_port()
    for index in range(20):
        ledger.record(bundle("rollout", id=f"more-{index}"))
    command, url = tracking(folder, port), f"http://127.0.0.1:{port}"
    sink = open_sink(f"mlflow:{url}", {})
    progress = folder / "sent"
    with serving(command, folder, f"{url}/health") as process:
        half = entries(ledger)[:7]
        assert deliver(sink, half, progress).waiting == 0
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)
        down = deliver(sink, entries(ledger), progress)
        assert down.sent == 0
        assert down.waiting == 16
        assert down.why
    with serving(command, folder, f"{url}/health"):
        again = deliver(sink, entries(ledger), progress)
        assert (again.sent, again.waiting) == (16, 0)
        assert len(runs(url, "rollout")) == 21
