"""Release criteria and lanes: what is not known is not met, and what is skipped has a reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

EVALS = Path(__file__).resolve().parents[3] / "evals"


def script(name, *arguments, **how):
    command = [sys.executable, EVALS / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **how)


def decision(folder, name, verdict):
    path = folder / name
    path.write_text(json.dumps({"kind": "evals", "verdict": verdict}))
    return path


@pytest.mark.parametrize(
    ("evals", "e2e", "code"),
    [
        ("PASS", "PASS", 0),
        ("FAIL", "PASS", 1),
        ("PASS", "FAIL", 1),
        ("NOT_VERIFIED", "PASS", 3),
        ("PASS", "", 3),
    ],
)
def test_a_release_needs_every_criterion(tmp_path, evals, e2e, code):
    given = ["--evals", decision(tmp_path, "evals.json", evals)]
    given += ["--e2e", decision(tmp_path, "e2e.json", e2e)] if e2e else []
    done = script("release.py", *given)
    assert done.returncode == code, done.stdout + done.stderr
    criteria = yaml.safe_load((EVALS / "release.yaml").read_text())["criteria"]
    assert all(f"| {name} |" in done.stdout for name in criteria)


CLASSES = ["trigger", "instructions", "schema", "missing-tool", "prompt", "rubric", "model-limit"]


@pytest.mark.parametrize("name", [*CLASSES, "product-ambiguity", "drift"])
def test_every_class_of_failure_names_what_it_changes(name):
    done = script("release.py", "--route", name)
    assert done.returncode == 0
    assert done.stdout.startswith("change: ")


def test_a_class_that_is_not_known_is_refused():
    assert script("release.py", "--route", "bad-luck").returncode == 2


def test_a_lane_names_what_it_skipped_and_fails_with_its_commands(tmp_path):
    done = script(
        "lane.py", "demo", tmp_path, "true", "false", "no-such-program", "--skip", "live=no model here"
    )
    assert done.returncode == 1
    evidence = (tmp_path / "evidence.md").read_text()
    assert "| `true` | passed" in evidence
    assert "| `false` | failed" in evidence
    assert "| `no-such-program` | failed" in evidence
    assert "| live | skipped | no model here |" in evidence
    assert "$ false" in (tmp_path / "log.txt").read_text()


def test_a_lane_without_failures_is_green_and_a_skip_without_a_reason_is_refused(tmp_path):
    assert script("lane.py", "demo", tmp_path, "true").returncode == 0
    assert script("lane.py", "demo", tmp_path, "true", "--skip", "live").returncode == 2
