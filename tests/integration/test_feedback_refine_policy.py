"""refine_policy.py on a real ledger, proposing to the GitHub double."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doubles.github import GitHubDouble
from doubles.github.fixtures import github_double as github_double
from doubles.records import bundle, outcome
from signalbox.config.load import parse
from signalbox.decision import Subject, format_time
from signalbox.github import GitHub
from signalbox.ledger import open_ledger

ROOT = Path(__file__).parents[2]
REPO, POLICY = "acme/shop", ".github/signalbox.yml"
FILE = "# ours\nselection:\n  audit-rate: 0.05   # one in twenty\n"


def refine(ledger: Path, *more: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "refine_policy.py"), "--ledger", str(ledger)]
    return subprocess.run(
        [*command, "--now", "2026-06-01T00:00:00Z", "--repo", str(ledger.parent), *more],
        env=env or dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
    )


def record(folder: Path, n: int, missed: int) -> Path:
    ledger = open_ledger(str(folder / "ledger"))
    for i in range(n):
        at = format_time(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i))
        subject = Subject(commit=f"{i:040x}")
        fields = {"id": f"t-{i}", "verdict": "full", "propensity": 0.05, "subject": subject}
        ledger.record(bundle("test-plan", decided_at=at, **fields))
        label = "bad" if i < missed else "clean"
        ledger.record_outcome(outcome(id=f"o-{i}", decision=f"t-{i}", label=label, source="audit"))
    return folder / "ledger"


def test_a_proposal_is_one_pull_request_that_a_second_run_brings_up_to_date(
    github_double: GitHubDouble, tmp_path: Path
) -> None:
    ledger = record(tmp_path, 160, 0)
    github_double.add_repository(REPO)
    github_double.commit(REPO, "main", {POLICY: FILE})
    for _ in range(2):
        done = refine(ledger, "--propose", env=github_double.environ(REPO))
        assert done.returncode == 3, done.stderr
    assert "propose   selection.audit-rate: 0.05 -> 0.025" in done.stdout
    with GitHub.from_environ(github_double.environ(REPO), REPO) as client:
        (pull,) = client.transport.pages(f"/repos/{REPO}/pulls?state=open")
        after = client.contents(POLICY, "refs/heads/signalbox/refine/selection-audit-rate")
    assert isinstance(after, bytes)
    assert after.decode() == FILE.replace("0.05 ", "0.025 ")
    assert parse(after, POLICY).selection.audit_rate == 0.025
    assert pull["html_url"] in done.stdout
    assert "To take it back" in pull["body"]


def test_without_propose_nothing_is_written_anywhere(tmp_path: Path) -> None:
    done = refine(record(tmp_path, 160, 0))
    assert done.returncode == 3
    assert "0.05 -> 0.025" in done.stdout
    assert "http" not in done.stdout


def test_too_little_evidence_proposes_nothing_and_says_what_is_missing(tmp_path: Path) -> None:
    done = refine(record(tmp_path, 20, 0))
    assert done.returncode == 0, done.stderr
    assert "nothing is proposed" in done.stdout
    assert "129 more without a miss" in done.stdout


def test_an_alarm_is_named_and_tightens(tmp_path: Path) -> None:
    done = refine(record(tmp_path, 60, 30))
    assert done.returncode == 3
    assert "ALARM     escapes: " in done.stdout
    assert "propose   selection.audit-rate: 0.05 -> 0.1" in done.stdout


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--ledger", "nowhere"]])
def test_a_wrong_call_is_named(tmp_path: Path, arguments: list[str]) -> None:
    done = refine(record(tmp_path, 1, 0), *arguments)
    assert done.returncode == 2
    assert "error: " in done.stderr
