"""What goes wrong with records, through the commands: kept, named, nothing lost, nothing counted twice."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.records import bundle, outcome
from signalbox.decision import Subject
from signalbox.ledger import FolderLedger, GitLedger, SinkDown, open_ledger
from signalbox.ledger.compact import compact
from signalbox.ledger.http_sink import request

SCRIPTS = Path(__file__).parents[2] / "scripts"
NOW = "2026-03-10T00:00:00Z"


def call(script: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "SIGNALBOX_", "RUNNER_"))}
    command = [sys.executable, "-I", str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, timeout=60)


def report(ledger: object, cwd: Path) -> str:
    done = call("report_health", "--ledger", ledger, "--now", NOW, "--markdown", "r.md", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout + (cwd / "r.md").read_text()


def rollout(name: str, at: str = "2026-03-04T00:00:00Z", verdict: str = "proceed") -> bytes:
    subject = Subject(digest="sha256:" + name * 64, commit=name * 40, environment="production")
    return bundle("rollout", id=f"r-{name}", mode="enforce", decided_at=at, verdict=verdict, subject=subject)


@pytest.fixture
def ledger(tmp_path: Path) -> FolderLedger:
    made = FolderLedger(tmp_path / "ledger")
    for name in "ab":
        made.record(rollout(name))
    return made


def rate(text: str) -> str:
    return next(line for line in text.splitlines() if "change failure rate" in line)


def test_clocks_that_disagree_are_named_and_what_they_say_counts(
    ledger: FolderLedger, tmp_path: Path
) -> None:
    ledger.record(rollout("c", at="2031-01-01T00:00:00Z"))
    ledger.record_outcome(
        outcome(id="o-1", decision="r-a", source="manual", observed_at="2020-01-01T00:00:00Z")
    )
    text = report("ledger", tmp_path)
    assert "Clocks disagree: 1 decision of the future, not in any period yet, and 1 outcome older" in text
    assert "r-c" in text
    assert "1 observed" in rate(text)


def test_outcomes_told_twice_and_out_of_order_count_once(ledger: FolderLedger, tmp_path: Path) -> None:
    rows = [
        {"id": "o-1", "decision": "r-a", "label": "clean", "source": "time-window"},
        {"id": "o-2", "decision": "r-a", "label": "bad", "source": "incident-link"},
    ]
    for number, order in enumerate((rows, rows[::-1], rows)):
        # Each time as if it were learned at another time.
        told = [row | {"observed_at": "2026-03-05T00:00:00Z"} for row in order]
        (tmp_path / "o.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
        done = call("record_telemetry", "--outcome", "o.jsonl", "--ledger", "ledger", cwd=tmp_path)
        assert done.returncode == 0, (number, done.stderr)
    text = report("ledger", tmp_path)
    assert "100%" in rate(text)
    assert "1 observed" in rate(text)
    assert "cannot be counted" not in text, "told again is no damage"


def test_an_outcome_of_an_unknown_decision_is_kept_and_named(ledger: FolderLedger, tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text('{"decision": "nobody", "label": "bad", "source": "manual"}')
    done = call("record_telemetry", "--outcome", "o.json", "--ledger", "ledger", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = report("ledger", tmp_path)
    assert "Outcomes that no decision matches (kept): 1" in text
    assert len(ledger.outcomes().entries) == 1
    ledger.record(bundle("rollout", id="nobody"))  # the decision comes later: the label is not lost
    assert "no decision matches" not in report("ledger", tmp_path)


def test_an_incident_of_two_deployments_counts_for_each_once_and_is_one(
    ledger: FolderLedger, tmp_path: Path
) -> None:
    named = " ".join("sha256:" + name * 64 for name in "ab")
    data = {"id": "P1", "created_at": "2026-03-05T00:00:00Z", "title": named}
    for kind in ("triggered", "acknowledged", "resolved"):
        event = {"event": {"event_type": f"incident.{kind}", "data": data}}
        (tmp_path / "event.json").write_text(json.dumps(event))
        done = call("record_telemetry", "--outcome", "event.json", "--ledger", "ledger", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    text = report("ledger", tmp_path)
    assert "2 observed: 100%" in rate(text)
    kept = [entry.data["text"] for entry in ledger.outcomes().entries]
    assert kept == ["incident pagerduty P1; it names 2 deliveries"] * 2


@pytest.mark.parametrize("how", ["force-pushed", "corrupted", "emptied"])
def test_a_branch_that_somebody_changed_stops_the_compaction_and_loses_nothing(
    tmp_path: Path, how: str
) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "r")], check=True)
    git = open_ledger(f"git:{tmp_path / 'r'}")
    assert isinstance(git, GitLedger)
    git.record(rollout("a"))
    done = compact(git, seconds=1_772_700_000, retention_days=730)
    git.record(rollout("b"))
    branch = "refs/heads/signalbox-ledger"
    if how == "corrupted":
        name = next(
            name for name, _ in git.repository.files([done.commit], largest=1 << 20) if "rollout" in name
        )
        git.repository.commit_files(
            branch, {name: b"{}"}, message="x", seconds=1_772_700_001, parent=done.commit
        )
    elif how == "force-pushed":
        git.repository.run("update-ref", "-d", branch)
        git.repository.commit_files(branch, {"compaction.json": b"{}"}, message="x", seconds=1_772_700_001)
    else:
        git.repository.run("update-ref", "-d", branch)
    url = f"git:{tmp_path / 'r'}"
    assert call("compact_ledger", "--ledger", url, "--verify", cwd=tmp_path).returncode == 1
    refused = call("compact_ledger", "--ledger", url, "--now", NOW, cwd=tmp_path)
    assert refused.returncode == 2
    assert "was changed by somebody else" in refused.stderr
    assert "restore the last good commit" in refused.stderr
    # What one last saw of the branch still holds what was compacted.
    git.repository.run("update-ref", branch, "refs/signalbox/compacted")
    assert call("compact_ledger", "--ledger", url, "--now", NOW, cwd=tmp_path).returncode == 0
    assert {entry.id for entry in git.decisions().entries} == {"r-a", "r-b"}


def test_a_file_of_outcomes_that_is_too_large_is_refused_whole(ledger: FolderLedger, tmp_path: Path) -> None:
    with (tmp_path / "o.jsonl").open("wb") as file:
        file.truncate((1 << 24) + 1)
    done = call("record_telemetry", "--outcome", "o.jsonl", "--ledger", "ledger", cwd=tmp_path)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert ledger.outcomes().entries == ()


def test_a_sink_that_never_answers_is_down_in_bounded_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(SinkDown):
            request("POST", f"http://127.0.0.1:{silent.getsockname()[1]}/", {}, seconds=0.2)


def test_a_label_that_comes_late_changes_the_report_and_nothing_that_was_kept(
    ledger: FolderLedger, tmp_path: Path
) -> None:
    ledger.record_outcome(outcome(id="o-1", decision="r-a", label="clean", source="time-window"))
    before = {entry.name: entry.raw for entry in ledger.outcomes().entries}
    late = {"decision": "r-a", "label": "bad", "source": "manual", "observed_at": "2026-03-09T00:00:00Z"}
    (tmp_path / "o.json").write_text(json.dumps(late))
    assert call("record_telemetry", "--outcome", "o.json", "--ledger", "ledger", cwd=tmp_path).returncode == 0
    assert before.items() <= {entry.name: entry.raw for entry in ledger.outcomes().entries}.items()
    assert "1 observed: 100%" in rate(report("ledger", tmp_path))
