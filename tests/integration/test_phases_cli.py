"""record_phase.py and check_gate.py's evidence gate and readiness as they are called."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from signalbox.phases import PHASES
from signalbox.phases.records import file_of
from unit.phases.samples import SAMPLES

ROOT = Path(__file__).parents[2]


def call(tmp_path, script, *arguments):
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--repo", str(tmp_path)]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return subprocess.run(
        [*command, "--format", "text", *arguments], env=environ, capture_output=True, text=True, timeout=60
    )


def phase(tmp_path, what, *arguments):
    return call(tmp_path, "record_phase", what, "--folder", str(tmp_path / "work"), "--by", "ada", *arguments)


def keep(tmp_path, name, **change):
    file = tmp_path / "record.json"
    file.write_text(json.dumps(SAMPLES[name] | change))
    short = {"verify-work": "evidence", "publish-change": "publish", "release-readiness": "release",
             "learning-review": "learning"}  # fmt: skip
    what = (short[name],) if name in short else ("record", "--phase", name)
    return phase(tmp_path, *what, "--record", str(file))


def test_a_work_item_goes_from_an_idea_to_done_and_no_step_is_skipped(tmp_path):
    assert phase(tmp_path, "begin", "--work-item", "ABC-1").returncode == 0
    for name, to in zip(PHASES, (*PHASES[1:], "done"), strict=True):
        before = (tmp_path / "work" / "state.json").read_bytes()
        assert phase(tmp_path, "advance", "--to", to).returncode == 1
        assert (tmp_path / "work" / "state.json").read_bytes() == before
        assert keep(tmp_path, name).returncode == 0
        assert (tmp_path / "work" / file_of(name)).exists()
        done = phase(tmp_path, "advance", "--to", to)
        assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "work" / "transition-diagnostics.jsonl").read_text().splitlines()
    assert len(lines) == len(PHASES)
    assert json.loads((tmp_path / "work" / "state.json").read_text())["phase"] == "done"
    assert "learning reviews, 1 clean" in phase(tmp_path, "dogfood").stdout


def test_a_route_back_needs_a_reason_and_strict_stopping_blocks(tmp_path):
    phase(tmp_path, "begin", "--work-item", "ABC-1")
    keep(tmp_path, "idea-to-backlog")
    phase(tmp_path, "advance", "--to", "pull-work")
    assert phase(tmp_path, "advance", "--to", "idea-to-backlog").returncode == 1
    assert phase(tmp_path, "advance", "--to", "idea-to-backlog", "--reason", "vague").returncode == 0
    assert phase(tmp_path, "stop").returncode == 0
    assert phase(tmp_path, "stop", "--strict").returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("fly",),
        ("record", "--phase", "nowhere", "--record", "record.json"),
        ("evidence", "--record", "none.json"),
    ],
)
def test_a_wrong_call_is_two_and_readable(tmp_path, arguments):
    done = phase(tmp_path, *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


PROOF = {"kind": "tests", "status": "pass", "source": "junit.xml", "tier": "installed-command"}
CRITERION = {"id": "AC1", "requirements": ["R1"], "evidence": ["junit.xml"]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 3),  # no CI, and the reporter's own word is no equivalent
        ({"ci": [PROOF]}, 0),
        ({"ci": [PROOF], "evidence": [PROOF | {"status": "fail"}]}, 1),
        ({"ci": [PROOF], "criteria": []}, 3),
        ({"ci": [], "paths": ["docs/a.md"], "skip_reason": "documents"}, 3),  # what changed is not his to say
        ({"evidence": [PROOF | {"origin": "attested"}]}, 3),
    ],
)
def test_the_evidence_gate_by_its_command(tmp_path, change, code):
    file = tmp_path / "claims.json"
    file.write_text(json.dumps({"criteria": [CRITERION], "evidence": [PROOF]} | change))
    done = call(
        tmp_path, "check_gate", "--gate", "evidence", "--claims", str(file), "--bundles", str(tmp_path / "b")
    )
    assert done.returncode == code, done.stdout + done.stderr
    [bundle] = (tmp_path / "b").glob("gate-*.json")
    assert call(tmp_path, "replay", str(bundle)).returncode == 0


READY = {
    "wanted": "deploy", "evidence_gate": "PASS", "evidence_ref": "gate-1", "scope": "s", "risk_review": "r",
    "release_notes": "n", "operational_plan": "o", "rollback_plan": "b", "observability_plan": "p",
    "acceptance_docs": "d", "post_deploy_checks": ["health"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [({}, 0), ({"rollback_plan": ""}, 3), ({"evidence_gate": "NOT_VERIFIED"}, 3), ({"deployed_bad": "4%"}, 1),
     ({"wanted": "fly"}, 2)],
)  # fmt: skip
def test_readiness_by_its_command(tmp_path, change, code):
    file = tmp_path / "claims.json"
    file.write_text(json.dumps(READY | change))
    done = call(
        tmp_path, "check_gate", "--gate", "readiness", "--claims", str(file), "--bundles", str(tmp_path / "b")
    )
    assert done.returncode == code, done.stdout + done.stderr
    for bundle in (tmp_path / "b").glob("readiness-*.json"):
        assert call(tmp_path, "replay", str(bundle)).returncode == 0
