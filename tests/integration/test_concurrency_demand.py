"""The demand for runners, as Prometheus itself reads it and as the example asks for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from signalbox.concurrency.decide import Inputs, QueueFact, Work, decide
from signalbox.concurrency.metrics import exposition
from signalbox.config import Settings
from signalbox.decision import PolicyRef, Stamp, Subject

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
