"""gather_outcomes.py on a real repository, a real ledger and the GitHub double."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.github import GitHubDouble
from doubles.github.fixtures import github_double as github_double
from doubles.records import bundle
from signalbox.decision import Subject
from signalbox.feedback import read_history
from signalbox.ledger import GitLedger, open_ledger

SCRIPT = Path(__file__).parents[2] / "scripts" / "gather_outcomes.py"
REPO = "acme/shop"
NOW = "2026-03-10T00:00:00Z"


def git(repo: Path, *arguments: str, at: str = "2026-03-05T00:00:00Z") -> str:
    who = {
        f"GIT_{role}_{key}": "a@b.example" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    env = os.environ | who | {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    done = subprocess.run(["git", "-C", str(repo), *arguments], capture_output=True, check=True, env=env)
    return done.stdout.decode().strip()


def commit(repo: Path, name: str, message: str = "") -> str:
    (repo / name).write_text(name)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", message or f"Add {name}")
    return git(repo, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
    commit(path, "first")
    return path


def deliver(repo: Path, sha: str, name: str) -> None:
    subject = Subject(digest="sha256:" + name * 64, commit=sha, environment="production")
    given = {"id": f"r-{name}", "mode": "enforce", "decided_at": "2026-03-04T00:00:00Z", "subject": subject}
    open_ledger("git:", repo=repo).record(bundle("rollout", **given))


def gather(repo: Path, *more: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--repo", str(repo), "--ledger", "git:", "--now", NOW, *more]
    return subprocess.run(command, env=os.environ | (env or {}), capture_output=True, text=True, timeout=60)


def labels(repo: Path) -> dict[str, tuple[str, str]]:
    ledger = open_ledger("git:", repo=repo)
    made = read_history(ledger.decisions(), ledger.outcomes()).made
    return {m.id: (m.label.label, m.label.source) for m in made if m.label and m.label.label != "unknown"}


def test_git_tells_of_reverts_by_commit_and_by_pull_request_and_of_their_reverts(repo: Path) -> None:
    bad = commit(repo, "bad")
    deliver(repo, commit(repo, "next"), "a")  # delivers "bad" too
    merged = commit(repo, "pulled", "Make it faster (#12)")
    deliver(repo, merged, "b")
    git(repo, "revert", "--no-edit", bad)
    commit(repo, "other", 'Revert "Make it faster" (#13)\n\nReverts acme/shop#12')
    first = gather(repo, "--github", "none")
    assert first.returncode == 0, first.stderr
    assert labels(repo) == {"r-a": ("bad", "revert"), "r-b": ("bad", "revert")}
    git(repo, "revert", "--no-edit", "HEAD")
    assert gather(repo, "--github", "none").returncode == 0
    assert labels(repo) == {"r-a": ("bad", "revert")}
    again = gather(repo, "--github", "none")
    assert again.stdout.startswith("recorded 0")


def test_a_shallow_clone_says_nothing_of_reverts(repo: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repo}", str(tmp_path / "c")], check=True)
    done = gather(tmp_path / "c", "--github", "none")
    assert done.returncode == 3
    assert "unread    reverts: the clone is shallow" in done.stdout


def issue(double: GitHubDouble, body: str, **more: object) -> None:
    number = double.add_issue(REPO, "Orders are lost", "ada")
    row = next(i for i in double.state.repositories[REPO].issues if i["number"] == number)
    row |= {"body": body, "labels": ["incident"], "author_association": "MEMBER"}
    row |= {"created_at": "2026-03-06T00:00:00Z", **more}


def test_github_tells_of_incidents_hotfixes_deployments_and_what_forks_decided(
    github_double: GitHubDouble, repo: Path
) -> None:
    double = github_double
    double.add_repository(REPO)
    for name in "abcd":
        deliver(repo, commit(repo, name), name)
    issue(double, f"since {'a' * 0}sha256:{'a' * 64}")
    issue(double, f"sha256:{'b' * 64}", author_association="NONE")
    issue(double, f"sha256:{'b' * 64}", state="closed", state_reason="not_planned")
    double.commit(REPO, "mend", {"x": "y"})
    pull = double.add_pull(REPO, "mend")
    row = double.state.repositories[REPO].pulls[0]
    row |= {"merged_at": "2026-03-06T01:00:00Z", "merge_commit_sha": row["head_sha"]}
    for entry in double.state.repositories[REPO].issues:
        if entry["number"] == pull:
            entry |= {"labels": ["hotfix"], "state": "closed", "author_association": "OWNER"}
            entry |= {"closed_at": "2026-03-06T01:00:00Z", "body": f"mends sha256:{'c' * 64}"}
    run = double.add_run(
        REPO, event="pull_request", head_repository="mallory/shop", created_at="2026-03-09T00:00:00Z"
    )
    double.add_artifact(REPO, run, "signalbox-decision-x", {"b.json": bundle("promotion", id="p-fork")})
    double.add_artifact(REPO, run, "signalbox-decision-y", {"b.json": b'{"decision": 1}'})
    own = double.add_run(REPO, event="pull_request", head_repository=REPO, created_at="2026-03-09T00:00:00Z")
    double.add_artifact(REPO, own, "signalbox-decision-z", {"b.json": bundle("promotion", id="p-own")})
    env = double.environ(REPO)
    done = gather(repo, "--forks-days", "2", env=env)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "open      incident #2: it names no delivery" in done.stdout, "a stranger's text names nothing"
    found = labels(repo)
    assert {k: found[k] for k in ("r-a", "r-c")} == {
        "r-a": ("bad", "incident-link"),
        "r-c": ("bad", "hotfix"),
    }
    assert "r-b" not in found
    ledger = open_ledger("git:", repo=repo)
    assert isinstance(ledger, GitLedger)
    assert {e.id for e in ledger.decisions().entries if not e.trusted} == {"p-fork"}
    assert "refused" in done.stdout
    again = gather(repo, "--forks-days", "2", env=env)
    assert again.stdout.startswith("recorded 0")
    assert sum(e.id == "p-fork" for e in ledger.decisions().entries) == 1


def test_a_source_that_is_down_is_named_and_the_others_count(github_double: GitHubDouble, repo: Path) -> None:
    github_double.add_repository(REPO)
    deliver(repo, commit(repo, "a"), "a")
    issue(github_double, f"sha256:{'a' * 64}")
    github_double.fail("GET", f"/repos/{REPO}/deployments", status=404, times=-1, message="Not Found")
    done = gather(repo, env=github_double.environ(REPO))
    assert done.returncode == 3
    assert "unread    failures: " in done.stdout
    assert labels(repo) == {"r-a": ("bad", "incident-link")}


@pytest.mark.parametrize("wrong", [["--days", "-1"], ["--now", "noon"], ["--forks-days", "many"]])
def test_a_wrong_call_is_named(repo: Path, wrong: list[str]) -> None:
    done = gather(repo, *wrong)
    assert done.returncode == 2
    assert "error: " in done.stderr
