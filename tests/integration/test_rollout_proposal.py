"""propose_rollback.py as it is called: who decides, by when, and who gets the work."""

import json
import subprocess
import sys
from datetime import datetime

import pytest

from doubles.rollout_rig import DIGEST, ROOT, environment

BASE = ["--deployment", "web", "--digest", DIGEST, "--reason", "errors at 4%"]


def propose(tmp_path, *arguments):
    record = tmp_path / "incident.json"
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "propose_rollback.py", "--repo", tmp_path, "--format", "text",
         "--record", record, *arguments],
        capture_output=True, text=True, timeout=60, env=environment(),
    )  # fmt: skip
    return done, json.loads(record.read_text()) if record.exists() else {}


@pytest.mark.parametrize(
    ("place", "severity", "minutes", "status", "code"),
    [
        ("production", "critical", 15, "proposed", 3),
        ("production", "high", 60, "proposed", 3),
        ("production", "medium", 240, "proposed", 3),
        ("production", "low", None, "logged", 0),
        ("prodution", "high", 60, "proposed", 3),
        ("staging", "critical", None, "routed", 0),
        ("development", "high", None, "routed", 0),
    ],
)
def test_the_matrix_of_who_decides_by_when(tmp_path, place, severity, minutes, status, code):
    done, record = propose(tmp_path, *BASE, "--environment", place, "--severity", severity)
    assert (done.returncode, record["status"]) == (code, status), done.stderr
    if minutes is None:
        assert record["decide_by"] == ""
    else:
        waits = datetime.fromisoformat(record["decide_by"]) - datetime.fromisoformat(record["proposed_at"])
        assert waits.total_seconds() == minutes * 60
    assert bool(record["runbook"]) == (code == 3)


def test_who_decides_reads_the_runbook_in_the_steps_summary(tmp_path):
    summary = tmp_path / "summary.md"
    arguments = [*BASE[:4], "--reason", "errors at 4% <img src=x> ::error::", "--format", "github"]
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "propose_rollback.py", "--repo", tmp_path, "--severity", "high",
         "--environment", "production", *arguments],
        capture_output=True, timeout=60, env=environment() | {"GITHUB_STEP_SUMMARY": str(summary)},
    )  # fmt: skip
    text = summary.read_text()
    first = text.split("\n\n")
    assert "Rollback proposed" in first[0]
    assert "errors at 4%" in first[1]
    assert "holds platform" in first[2]
    assert ", by 20" in first[2]
    assert "\n1. " in text
    assert "<img" not in text


@pytest.mark.parametrize(
    ("cause", "agents"),
    [
        ("unknown", ["developer-agent"]),
        ("vulnerability", ["developer-agent", "security-agent"]),
        ("test-gap", ["developer-agent", "qa-agent"]),
    ],
)
def test_the_work_is_routed_by_its_cause(tmp_path, cause, agents):
    _, record = propose(
        tmp_path, *BASE, "--severity", "high", "--environment", "production", "--cause", cause
    )
    assert record["routed_to"] == agents


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*BASE], "severity"),
        ([*BASE[:4], "--severity", "high"], "reason"),
        ([*BASE[:4], "--reason", "x" * 2001, "--severity", "high"], "reason"),
        ([*BASE[2:], "--severity", "high"], "deployment"),
        ([*BASE[:2], "--digest", "latest", *BASE[4:], "--severity", "high"], "digest"),
        (["--decision", "/nowhere", "--severity", "high"], "no decision here"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(tmp_path, arguments, said):
    done, record = propose(tmp_path, *arguments)
    assert (done.returncode, record) == (2, {})
    assert said in done.stderr


def test_a_decision_that_is_no_rollback_is_refused(tmp_path):
    path = tmp_path / "decision.json"
    path.write_text("{}")
    done, _ = propose(tmp_path, "--decision", str(path), "--severity", "high")
    assert done.returncode == 2
    assert "not a decision" in done.stderr
