"""Gates that ask and tell GitHub: reviews, teams, environments, check runs, comment, status, rule."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.github import routes_gates  # noqa: F401  (its endpoints register themselves)
from doubles.github.fixtures import github_double  # noqa: F401

ROOT = Path(__file__).parents[2]
NAME = "acme/shop"
RUN = 77
POLICY = """\
environments:
  roles: {developer: [dora], qualified-reviewer: ["@acme/reviewers"], qa-lead: [], security-engineer: [],
          compliance-officer: [], plan-reviewer: [], platform-engineer: []}
  people: {ada: {emails: [ada@example.com]}}
  environment-roles: {review-dev: developer, review-senior: qualified-reviewer}
  gates:
    gate-3: {title: t, from: development, to: staging, auto: [{check: unit-tests}],
             human: [{id: code-review, role: developer}, {id: qualified-review, role: qualified-reviewer}]}
    gate-5: {from: staging, to: staging, auto: [{check: unit-tests}]}
    gate-6: {from: staging, to: production, auto: [{check: unit-tests}]}
    gate-7: {from: production, to: production, auto: [{check: unit-tests}]}
"""


@pytest.fixture
def shop(github_double, tmp_path):  # noqa: F811
    """A repository whose head commit passed its unit tests and was reviewed by two who may."""
    github_double.add_repository(NAME)
    bare = github_double.state.git(NAME).folder
    work = tmp_path / "work"
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    who = {"NAME": "Ada", "EMAIL": "ada@example.com"}
    environ |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}

    def git(*arguments, where=work):
        done = subprocess.run(
            ["git", *arguments], cwd=where, env=environ, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("clone", "-q", str(bare), str(work), where=tmp_path)
    (work / ".github").mkdir()
    (work / ".github" / "signalbox.yml").write_text(POLICY)
    git("add", "-A")
    git("commit", "-q", "-m", "policy")
    git("push", "-q", "origin", "HEAD:main")
    git("checkout", "-q", "-b", "feature")
    git("commit", "-q", "--allow-empty", "-m", "change")
    git("push", "-q", "origin", "HEAD:feature")
    sha = git("rev-parse", "HEAD")
    pull = github_double.add_pull(NAME, "feature")
    repo = github_double.state.repositories[NAME]
    repo.actions_permissions["teams"] = {"reviewers": ["quinn"]}
    repo.pulls[-1]["reviews"] = [review("dora", sha), review("quinn", sha)]
    passed = {"status": "completed", "conclusion": "success", "completed_at": now(), "started_at": now()}
    repo.check_runs.append({"id": 1, "head_sha": sha, "name": "unit"} | passed)
    github_double.add_run(NAME, approvals=[], head_sha=sha)
    repo.runs[-1]["id"] = RUN
    return github_double, repo, work, sha, pull


def now():
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def review(login, sha, state="APPROVED", number=[100]):  # noqa: B006
    number[0] += 1
    return {"id": number[0], "user": login, "commit": sha, "state": state}


def ask(shop, *more, pull=True):
    double, _, work, sha, number = shop
    command = [
        sys.executable,
        str(ROOT / "scripts" / "check_gate.py"),
        "--repo",
        str(work),
        "--format",
        "text",
    ]
    command += ["--gate", "gate-3", "--sha", sha, "--base", "main", "--head", "feature", "--ask-github"]
    command += ["--out", str(work / "decision.json"), *(["--pull", str(number)] if pull else []), *more]
    environ = {"PATH": os.environ["PATH"], "HOME": str(work), **double.environ(NAME)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    file = work / "decision.json"
    return done, json.loads(file.read_text())["verdict"] if file.exists() else ""


def test_reviews_by_two_who_may_on_the_head_commit_let_it_pass(shop):
    done, verdict = ask(shop)
    assert (done.returncode, verdict) == (0, "PASS"), done.stdout + done.stderr


@pytest.mark.parametrize(
    "reviews",
    [
        lambda sha: [review("dora", sha)],
        lambda sha: [review("dora", sha), review("mallory", sha)],
        lambda sha: [review("dora", sha), review("quinn", "0" * 40)],
        lambda sha: [review("dora", sha), review("quinn", sha, "COMMENTED")],
        lambda sha: [review("dora", sha), review("quinn", sha), review("quinn", sha, "DISMISSED")],
        lambda sha: [review("ada", sha), review("quinn", sha)],
    ],
    ids=["one", "a stranger", "another commit", "a comment", "dismissed", "the author"],
)
def test_no_other_reviews_do(shop, reviews):
    shop[1].pulls[-1]["reviews"] = reviews(shop[3])
    done, verdict = ask(shop)
    assert (done.returncode, verdict) == (3, "NOT_VERIFIED"), done.stdout + done.stderr


def test_a_holder_who_asks_for_changes_fails_the_gate(shop):
    shop[1].pulls[-1]["reviews"].append(review("dora", shop[3], "CHANGES_REQUESTED"))
    assert ask(shop)[1] == "FAIL"


def test_who_pushed_last_does_not_approve(shop):
    assert ask(shop, "--pusher", "dora")[1] == "NOT_VERIFIED"


@pytest.mark.parametrize("conclusion", ["skipped", "cancelled", "neutral", "timed_out"])
def test_a_check_run_that_did_not_pass_is_no_pass(shop, conclusion):
    shop[1].check_runs[-1]["conclusion"] = conclusion
    assert ask(shop)[1] == ("FAIL" if conclusion == "timed_out" else "NOT_VERIFIED")


@pytest.mark.parametrize("path", ["/reviews", "/members", "/check-runs"])
def test_when_github_gives_no_answer_nothing_passes(shop, path):
    shop[0].fail("GET", f"*{path}*", status=404, times=-1)
    done, verdict = ask(shop)
    assert verdict in ("NOT_VERIFIED", "FAIL"), done.stdout + done.stderr


def test_reviewers_of_environments_answer_for_their_roles_in_this_run_only(shop):
    repo = shop[1]
    repo.pulls[-1]["reviews"] = []
    run = next(row for row in repo.runs if row["id"] == RUN)
    run["approvals"] = [
        {"state": "approved", "user": "dora", "environments": ["review-dev"]},
        {"state": "approved", "user": "quinn", "environments": ["review-senior"]},
    ]
    assert ask(shop, "--run-id", str(RUN), pull=False)[1] == "PASS"
    assert ask(shop, "--run-id", str(RUN), "--nonce", "another", pull=False)[1] == "NOT_VERIFIED"
    run["approvals"][1]["user"] = "dora"
    assert ask(shop, "--run-id", str(RUN), pull=False)[1] == "NOT_VERIFIED"
    run["approvals"][1]["user"] = "quinn"
    run["head_sha"] = "0" * 40
    assert ask(shop, "--run-id", str(RUN), pull=False)[1] == "NOT_VERIFIED"


def test_it_is_told_by_one_comment_and_a_status(shop):
    for _ in range(2):
        ask(shop, "--mode", "enforce", "--publish")
    repo = shop[1]
    assert len(repo.comments) == 1
    assert "signalbox:gate-gate-3" in repo.comments[0]["body"]
    assert "approval by" not in repo.comments[0]["body"] or "quinn" in repo.comments[0]["body"]
    assert {(row["context"], row["state"]) for row in repo.statuses} == {("signalbox/gate-3", "success")}


RULE = ("--mode", "enforce", "--protection-rule", "production", "--run-id")


@pytest.mark.parametrize(
    ("reviews", "answers"),
    [(("dora", "quinn"), ["approved"]), (("dora",), [])],
    ids=["passes", "waits for a person"],
)
def test_a_custom_protection_rule_is_answered_only_when_something_is_decided(shop, reviews, answers):
    double, repo, _, sha, _ = shop
    run = next(row for row in repo.runs if row["id"] == RUN)
    run["waits_for"] = ["production"]
    repo.pulls[-1]["reviews"] = [review(login, sha) for login in reviews]
    done, _ = ask(shop, *RULE, str(RUN))
    assert [state for _, state, _ in run.get("answers", [])] == answers, done.stderr
    assert not double.violations


@pytest.mark.parametrize("mode", ["observe", "advise"])
def test_until_it_is_enforced_nothing_is_let_through_or_held_up(shop, mode):
    _, repo, *_ = shop
    run = next(row for row in repo.runs if row["id"] == RUN)
    run["waits_for"] = ["production"]
    repo.pulls[-1]["reviews"] = [review(login, shop[3]) for login in ("dora", "quinn")]
    ask(shop, *RULE, str(RUN), "--publish", "--mode", mode)
    assert (run.get("answers", []), repo.statuses) == ([], [])
    assert len(repo.comments) == 1


def test_a_failed_gate_rejects_the_deployment(shop):
    _, repo, *_ = shop
    run = next(row for row in repo.runs if row["id"] == RUN)
    run["waits_for"] = ["production"]
    repo.check_runs[-1]["conclusion"] = "failure"
    ask(shop, *RULE, str(RUN))
    assert [(name, state) for name, state, _ in run["answers"]] == [("production", "rejected")]


def merge(shop, *, squash=False, extra="", by_github=False, on_top=False):
    """The pull request merged into main, perhaps with something slipped in; the commit that main has now."""
    _, repo, work, _, number = shop
    environ = {"PATH": os.environ["PATH"], "HOME": str(work.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    who = {"NAME": "Ada", "EMAIL": "ada@example.com"}
    environ |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}

    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=work, env=environ, check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("checkout", "-q", "-B", "main", "origin/main")
    git("merge", "-q", *(("--squash",) if squash else ("--no-ff", "--no-commit")), "feature")
    if extra:
        (work / "slipped.py").write_text(extra)
        git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", f"change (#{number})")
    if on_top:
        git("commit", "-q", "--allow-empty", "-m", "and something on top of it")
    git("push", "-q", "origin", "main")
    sha = git("rev-parse", "HEAD")
    merged = {"merge_commit_sha": sha, "merged_at": "2026-01-01T00:00:00Z", "state": "closed"}
    repo.pulls[-1] |= merged | {"by_github": by_github}
    repo.check_runs[-1]["head_sha"] = sha
    return sha


@pytest.mark.parametrize(
    ("how", "verdict"),
    [
        ({}, "PASS"),
        ({"extra": "import os\n"}, "NOT_VERIFIED"),
        ({"extra": "import os\n", "by_github": True}, "NOT_VERIFIED"),
        ({"squash": True, "by_github": True}, "PASS"),
        ({"squash": True}, "NOT_VERIFIED"),
        ({"on_top": True, "by_github": True}, "NOT_VERIFIED"),
    ],
    ids=[
        "a merge",
        "something slipped in",
        "the same, signed",
        "GitHub's squash",
        "anybody's squash",
        "more on top",
    ],
)
def test_a_merge_carries_its_reviews_only_when_it_holds_what_was_reviewed(shop, how, verdict):
    sha = merge(shop, **how)
    done, found = ask(shop, "--sha", sha, "--base", f"{sha}^", "--head", sha, "--pull", "merged", pull=False)
    assert found == verdict, done.stdout + done.stderr
    assert ("No review counts" in done.stdout) is (verdict != "PASS")


def test_a_commit_that_no_pull_request_made_has_no_reviews(shop):
    done, verdict = ask(shop, "--pull", "merged", pull=False)
    assert verdict == "NOT_VERIFIED"
    assert "no pull request was merged as this commit" in done.stdout
