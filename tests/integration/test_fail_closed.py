"""The matrix of `make fail-closed`, without its simulated rollouts, which have tests of their own."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Scripts whose yes lets something happen, and the rows that ask them; the other scripts decide nothing.
ASKED = {
    "score_artifact": "promotion (score-artifact)",
    "promote": "promote",
    "monitor_rollout": "",  # tests/unit/rollout/test_monitor.py, and the whole matrix
    "check_gate": "check-gate, by jobs and reports",
    "authorize_agent": "agents (authorize-agent)",
    "run_evals": "evals (pre-promote)",
    "run_e2e": "run-e2e",
    "run_shard": "run-shard",
    "post_status": "post-status",
    "require_review": "require-review",
    "replay": "replay",
    "validate_dispatch": "validate-dispatch",
    "select_tests": "select-tests",
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        import fail_closed

        yield {row.name: row for row in fail_closed.every(tmp_path_factory.mktemp("fail"), fast=True)}
    finally:
        sys.path.remove(str(ROOT / "bench"))


def test_every_gate_permits_where_all_is_right(rows):
    """Else its row would prove nothing."""
    assert [row.name for row in rows.values() if not row.permits_when_all_is_right] == []


def test_no_gate_permits_without_its_evidence(rows):
    through = {row.name: row.cells for row in rows.values() if row.through}
    assert through == {}
    assert sum(row.tried for row in rows.values()) > 300


def test_every_script_that_can_say_yes_is_asked(rows):
    assert {name for name in ASKED.values() if name} <= set(rows)
    verdicts = {
        path.stem
        for path in (ROOT / "scripts").glob("*.py")
        if "exit=DENIES" in path.read_text() or ".decide import decide" in path.read_text()
    }
    assert verdicts - set(ASKED) <= {
        "add_golden_case",
        "plan_concurrency",
        "propose_rollback",
        "record_phase",
    }
