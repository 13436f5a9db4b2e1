"""Compaction on real git: a chain that shows every change, one writer, killed anywhere, pruned and pushed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from doubles.records import bundle, outcome
from signalbox.errors import InputError
from signalbox.ledger import GitLedger, open_ledger
from signalbox.ledger.compact import MANIFEST, SEEN_REF, compact, prune, push, verify

SCRIPT = Path(__file__).parents[2] / "scripts" / "compact_ledger.py"
NOW = 1_772_700_000  # 2026-03-05


def git(repo: Path, *arguments: str, data: bytes = b"") -> str:
    done = subprocess.run(["git", "-C", str(repo), *arguments], input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def ledger(tmp_path: Path) -> GitLedger:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "r.git")], check=True)
    found = open_ledger(f"git:{tmp_path / 'r.git'}", run="1-1")
    assert isinstance(found, GitLedger)
    return found


def fill(ledger: GitLedger, n: int = 3) -> None:
    for _ in range(n):
        ledger.record(bundle())
    ledger.record_outcome(outcome(), trusted=False)


def test_nothing_is_lost_added_twice_or_changed(ledger: GitLedger) -> None:
    fill(ledger)
    before = (ledger.decisions(), ledger.outcomes())
    first = compact(ledger, seconds=NOW, retention_days=730)
    assert (ledger.decisions(), ledger.outcomes()) == before
    prune(ledger, first.covered)
    assert (ledger.decisions(), ledger.outcomes()) == before
    assert len(first.covered) == 4
    assert compact(ledger, seconds=NOW + 1, retention_days=730).commit == ""
    fill(ledger, 1)
    second = compact(ledger, seconds=NOW + 2, retention_days=730)
    assert second.manifest is not None
    assert (second.manifest.sequence, second.manifest.records, second.manifest.added) == (2, 6, 2)
    assert verify(ledger) == ()


def test_the_same_records_and_time_give_the_same_commit(ledger: GitLedger, tmp_path: Path) -> None:
    fill(ledger)
    copy = tmp_path / "copy.git"
    git(tmp_path, "clone", "-q", "--mirror", "r.git", str(copy))
    commits = {
        compact(GitLedger(path), seconds=NOW, retention_days=730).commit
        for path in (tmp_path / "r.git", copy)
    }
    assert len(commits) == 1


def test_what_is_past_its_time_leaves_and_does_not_come_back(ledger: GitLedger) -> None:
    ledger.record(bundle(decided_at="2024-01-01T00:00:00Z"))
    ledger.record(bundle(decided_at="2026-03-01T00:00:00Z"))
    for at in (NOW, NOW + 1):
        compact(ledger, seconds=at, retention_days=730)
    shown = git(ledger.repository.path, "ls-tree", "-r", "--name-only", ledger.branch)
    assert "decisions/2026/03/01/" in shown
    assert "2024" not in shown


def test_a_record_leaves_the_branch_once_its_time_is_over(ledger: GitLedger) -> None:
    ledger.record(bundle(decided_at="2026-03-01T00:00:00Z"))
    first = compact(ledger, seconds=NOW, retention_days=730)
    prune(ledger, first.covered)
    later = compact(ledger, seconds=NOW + 800 * 86400, retention_days=730)
    assert later.manifest is not None
    assert (later.manifest.records, later.manifest.dropped) == (0, 1)
    assert verify(ledger) == ()
    assert ledger.decisions().entries == ()


def tamper(ledger: GitLedger, change: str) -> None:
    """Rewrites the branch's tip, or the chain, as somebody with write access could."""
    repo, branch = ledger.repository.path, f"refs/heads/{ledger.branch}"
    files = dict(ledger.repository.files([branch], largest=1 << 20))
    name = next(path for path in sorted(files) if path != MANIFEST)
    if change == "removed":
        ledger.repository.commit_files(
            branch, {}, message="x", seconds=NOW, parent=git(repo, "rev-parse", branch), removed=[name]
        )
    elif change == "foreign":
        ledger.repository.commit_files(
            branch, {"x": b"y"}, message="x", seconds=NOW, parent=git(repo, "rev-parse", branch)
        )
    elif change == "rewound":
        git(repo, "update-ref", branch, f"{branch}~1")
    elif change == "replaced":
        git(repo, "update-ref", "-d", branch)
        git(repo, "update-ref", "-d", SEEN_REF)
        plain = json.loads(files[MANIFEST] or b"")
        made = {**{k: v for k, v in files.items() if v is not None and k != name}}
        made[MANIFEST] = json.dumps({**plain, "records": plain["records"] - 1}).encode()
        ledger.repository.commit_files(branch, made, message="x", seconds=NOW)


@pytest.mark.parametrize("change", ["removed", "foreign", "rewound", "replaced"])
def test_a_branch_that_somebody_changed_is_named_and_not_built_upon(ledger: GitLedger, change: str) -> None:
    for at in (NOW, NOW + 1):
        fill(ledger, 1)
        compact(ledger, seconds=at, retention_days=730)
    tamper(ledger, change)
    assert verify(ledger)
    before = len(ledger.decisions().entries)
    fill(ledger, 1)
    with pytest.raises(InputError):
        compact(ledger, seconds=NOW + 2, retention_days=730)
    assert len(ledger.decisions().entries) == before + 1


def test_a_damaged_record_stays_in_its_ref_and_is_named(ledger: GitLedger) -> None:
    fill(ledger, 1)
    name = "decisions/2026/03/04/rollout-x." + "0" * 32 + ".json"
    ledger.repository.commit_files("refs/signalbox/ledger/bad", {name: b"{}"}, message="x", seconds=NOW)
    done = compact(ledger, seconds=NOW, retention_days=730)
    assert [d.code for d in done.damaged] == ["corrupt"]
    assert "refs/signalbox/ledger/bad" not in done.covered


def test_the_remote_gets_the_branch_and_loses_the_covered_refs_at_once(tmp_path: Path) -> None:
    origin, work = tmp_path / "origin.git", tmp_path / "work.git"
    for path in (origin, work):
        subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    ledger = GitLedger(work, run="7-1")
    fill(ledger)
    git(work, "push", "-q", str(origin), "refs/signalbox/ledger/*:refs/signalbox/ledger/*")
    done = compact(ledger, seconds=NOW, retention_days=730)
    push(ledger, str(origin), pruned=done.covered)
    assert git(origin, "for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/signalbox-ledger",
        SEEN_REF,
    ]
    assert len(GitLedger(origin).decisions().entries) == 3
    # Somebody else's compaction came first: ours is refused whole.
    other = GitLedger(tmp_path / "other.git")
    subprocess.run(["git", "init", "-q", "--bare", str(other.repository.path)], check=True)
    fill(other, 1)
    compact(other, seconds=NOW, retention_days=730)
    with pytest.raises(InputError):
        push(other, str(origin))
    assert len(GitLedger(origin).decisions().entries) == 3


def test_of_two_compactors_at_once_one_wins_and_nothing_is_lost(ledger: GitLedger) -> None:
    fill(ledger, 5)
    url = f"git:{ledger.repository.path}"
    runs = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), "--ledger", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for run in runs:
        run.communicate(timeout=60)
    assert any(run.returncode == 0 for run in runs)
    assert verify(ledger) == ()
    assert len(ledger.decisions().entries) == 5


def test_killed_anywhere_it_can_be_run_again(ledger: GitLedger) -> None:
    rng = random.Random(4)
    fill(ledger, 12)
    url = f"git:{ledger.repository.path}"
    for _ in range(8):
        run = subprocess.Popen(
            [sys.executable, str(SCRIPT), "--ledger", url, "--prune"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(rng.uniform(0.05, 0.6))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(timeout=30)
        for lock in ledger.repository.path.rglob("*.lock"):
            lock.unlink()  # what git itself asks people to do after a kill
        assert len(ledger.decisions().entries) == 12
    done = subprocess.run([sys.executable, str(SCRIPT), "--ledger", url], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert verify(ledger) == ()
    assert len(ledger.decisions().entries) == 12


def test_the_script_verifies_and_exports(ledger: GitLedger, tmp_path: Path) -> None:
    fill(ledger, 2)
    compact(ledger, seconds=NOW, retention_days=730)
    url, out = f"git:{ledger.repository.path}", tmp_path / "all.jsonl"

    def call(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT), "--ledger", url, *more], capture_output=True, text=True, timeout=60
        )

    assert call("--verify").stdout == "the chain holds\n"
    assert call("--export", str(out)).returncode == 0
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [line["kind"] for line in lines] == ["rollout", "rollout", "outcome"]
    assert [line["trusted"] for line in lines] == [True, True, False]
    raw = {entry.name: json.loads(entry.raw) for entry in ledger.decisions().entries}
    assert all(line["record"] == raw[line["name"]] for line in lines[:2])
    tamper(ledger, "removed")
    assert call("--verify").returncode == 1
