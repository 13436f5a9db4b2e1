"""The demand for runners, as Prometheus itself reads it and as the example asks for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from doubles.records import outcome
from signalbox.concurrency.decide import Inputs, QueueFact, Work, decide
from signalbox.concurrency.metrics import exposition
from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp, Subject
from signalbox.ledger import FolderLedger

SCRIPT = Path(__file__).parents[2] / "scripts" / "plan_concurrency.py"
EXAMPLE = Path(__file__).parents[2] / "examples/runners/scaledobject.yaml"


def promtool(*arguments: str, data: str = "") -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool", path="/usr/bin:/usr/local/bin:/usr/sbin")
    assert program is not None, "promtool comes with Debian's prometheus"
    return subprocess.run([program, *arguments], input=data, capture_output=True, text=True, timeout=60)


def test_prometheus_reads_it() -> None:
    work = tuple(Work(name=f"t{i}", seconds=600.0) for i in range(4))
    inputs = Inputs(subject=Subject(repository="acme/shop"), work=work, queue=QueueFact(jobs=2, source="x"))
    stamp = Stamp(id="i", at="2026-01-01T00:00:00Z", producer="test")
    text = exposition(decide(inputs, Settings(), PolicyRef(sha256="0" * 64), stamp))
    done = promtool("check", "metrics", data=text)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("pushed", "wanted"), [("0", 7), ("-700", None)])
def test_the_examples_query_adds_what_repositories_want_and_forgets_what_is_old(
    tmp_path: Path, pushed: str, wanted: int | None
) -> None:
    query = yaml.safe_load(EXAMPLE.read_text())["spec"]["triggers"][0]["metadata"]["query"]
    series = []
    for name, value in (("shop", 4), ("web", 3)):
        labels = f'repository="acme/{name}",runner="ubuntu-latest",job="{name}",instance=""'
        series.append({"series": f"signalbox_runners_wanted{{{labels}}}", "values": f"{value}x20"})
        series.append({"series": f'push_time_seconds{{job="{name}",instance=""}}', "values": f"{pushed}x20"})
    expected = [] if wanted is None else [{"labels": "{}", "value": wanted}]
    test = {"expr": query, "eval_time": "1m", "exp_samples": expected}
    body = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [test]}]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(body))
    done = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plan_learns_from_the_ledgers_runs_and_tells_its_demand(tmp_path: Path) -> None:
    """Six runs in which eight jobs shared three runners; a stranger's record claims that there is but one."""
    ledger = FolderLedger(tmp_path / "ledger")
    jobs = [[0.0, 10.0 + 300.0 * (i // 3), 310.0 + 300.0 * (i // 3)] for i in range(8)]
    observed = {"planned_seconds": [300.0] * 8, "shard_seconds": [300.0] * 8, "jobs": jobs, "waiting": 0}
    facts = {"regret": 0.1, "observed": observed, "seconds": {"tests.test_0::test_x": 120.0}}
    for number in range(6):
        ledger.record_outcome(outcome(id=f"o{number}", decision=f"c{number}", source="audit", facts=facts))
    alone = {"observed": observed | {"jobs": [[0.0, 10.0 + 300.0 * i, 310.0 + 300.0 * i] for i in range(8)]}}
    for number in range(30):
        ledger.record_outcome(outcome(id=f"x{number}", source="audit", facts=alone), trusted=False)
    tests = [f"tests/test_{i}.py::test_x" for i in range(12)]
    (tmp_path / "history.json").write_text(json.dumps(dict.fromkeys(tests, 600.0)))
    plan = {"tests": tests, "suites": [], "full_suite": False}
    decision = {"kind": "test-plan", "outputs": {"test_plan": plan}}
    (tmp_path / "plan.json").write_text(json.dumps(decision))
    command = [sys.executable, str(SCRIPT), "--plan", "plan.json", "--history", "history.json"]
    command += ["--ledger", "ledger", "--metrics-out", "demand.prom", "--out", "out.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 3), done.stderr
    made = json.loads((tmp_path / "out.json").read_text())
    assert made["outputs"]["runners"] == 3
    [learned] = [reason["text"] for reason in made["reasons"] if reason["code"] == "learned"]
    assert learned.startswith("from the last 6 runs: never more than 3 runners worked at once")
    assert 'runner="ubuntu-latest"} 3\n' in (tmp_path / "demand.prom").read_text()
