"""Release criteria and lanes: what is not known is not met, and what is skipped has a reason."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

EVALS = Path(__file__).resolve().parents[3] / "evals"


def script(name, *arguments, **how):
    command = [sys.executable, EVALS / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **how)


DIGEST, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32


def decided(verdict, digest=DIGEST, target="openai:chat:a", **outputs):
    """A decision of run_evals.py, or without roles of run_e2e.py."""
    return {
        "kind": "evals",
        "verdict": verdict,
        "subject": {"digest": digest},
        "models": {"target": target},
        "outputs": {"roles": [], "skipped": {}} | outputs,
    }


def golden(verdict, **change):
    return decided(verdict, **{"roles": [{"name": "qa-agent"}], **change})


@pytest.fixture(scope="module")
def check_all():
    return runpy.run_path(str(EVALS / "release.py"))["check_all"]


@pytest.mark.parametrize(
    ("evals", "e2e", "digest", "code"),
    [
        ([golden("PASS")], [decided("PASS")], "", 0),
        ([golden("PASS")], [decided("PASS")], DIGEST, 0),
        ([golden("PASS"), golden("PASS", target="openai:chat:b")], [decided("PASS")], "", 0),
        ([golden("FAIL")], [decided("PASS")], "", 1),
        ([golden("PASS")], [decided("FAIL")], "", 1),
        ([golden("PASS")], [decided("PASS"), decided("FAIL")], "", 1),
        ([golden("NOT_VERIFIED")], [decided("PASS")], "", 3),
        ([golden("PASS")], [], "", 3),
        ([], [decided("PASS")], "", 3),
        # A pass in one runtime proves nothing of another.
        ([golden("PASS"), golden("NOT_VERIFIED", target="openai:chat:b")], [decided("PASS")], "", 3),
        # Another candidate's pass, or nobody's.
        ([golden("PASS")], [decided("PASS")], OTHER, 3),
        ([golden("PASS")], [decided("PASS", digest=OTHER)], "", 3),
        ([golden("PASS", digest="")], [decided("PASS", digest="")], "", 3),
        # The suites' decision is none about golden cases, and a suite of some cases is not the whole.
        ([decided("PASS")], [decided("PASS")], "", 3),
        ([golden("PASS", skipped={"adversarial": "no time"})], [decided("PASS")], "", 3),
    ],
)
def test_a_release_needs_every_criterion(check_all, evals, e2e, digest, code):
    table, found = check_all(evals, e2e, digest=digest)
    assert found == code, table
    criteria = yaml.safe_load((EVALS / "release.yaml").read_text())["criteria"]
    assert all(f"| {name} |" in table for name in criteria)
    assert "design-target < adapter < installed-command < live-acceptance" in table


def test_a_release_is_asked_for_by_run_evals(tmp_path):
    files = [("--evals-decision", golden("PASS")), ("--e2e-decision", decided("PASS"))]
    given = ["--release", "--digest", DIGEST, "--repo", tmp_path]
    for option, content in files:
        path = tmp_path / f"{option[2:]}.json"
        path.write_text(json.dumps(content))
        given += [option, path]
    done = script("../scripts/run_evals.py", *given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed by openai:chat:a" in done.stdout
    (tmp_path / "e2e-decision.json").write_text('{"kind": "promotion", "verdict": "PASS"}')
    refused = script("../scripts/run_evals.py", *given)
    assert (refused.returncode, "no decision about evals" in refused.stderr) == (2, True)


CLASSES = ["trigger", "instructions", "schema", "missing-tool", "prompt", "rubric", "model-limit"]


@pytest.mark.parametrize("name", [*CLASSES, "product-ambiguity", "drift"])
def test_every_class_of_failure_names_what_it_changes(name):
    done = script("release.py", "--route", name)
    assert done.returncode == 0
    assert done.stdout.startswith("change: ")


def test_a_class_that_is_not_known_is_refused():
    assert script("release.py", "--route", "bad-luck").returncode == 2


def test_a_lane_tells_machines_what_it_tells_people(tmp_path):
    script("lane.py", "demo", tmp_path, "true", "false", "--skip", "live=no model here")
    told = json.loads((tmp_path / "lane.json").read_text())
    assert (told["lane"], told["skipped"]) == ("demo", {"live": "no model here"})
    assert [one["passed"] for one in told["results"]] == [True, False]


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
