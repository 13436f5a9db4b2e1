"""Rollback proposals, the health report, and the comment on a fork's pull request."""

import json

import shop
from bundles import SHA, bundle

DIGEST = "sha256:" + "ab" * 32


def test_a_rollback_is_drafted_with_its_deadline(runner, repository):
    made = repository({".github/signalbox.yml": "mode: enforce\n"})
    inputs = {
        "digest": DIGEST,
        "severity": "critical",
        "reason": "Orders are lost.",
        "environment": "production",
    }
    run = runner.call(made, "rollback.yml", inputs)
    assert run.code == 0, run.explain()
    called = run.outputs("called")
    record = json.loads(run.file("signalbox-incident-1"))
    assert called["incident-id"] in json.dumps(record)
    assert called["decide-by"] in json.dumps(record)


def test_a_proposal_for_a_person_can_fail_the_job_and_keeps_nothing_half(runner, repository):
    made = repository({".github/signalbox.yml": "mode: enforce\n"})
    inputs = {"digest": "latest", "reason": "Orders are lost."}
    run = runner.start(made, "rollback.yml", inputs)
    assert run.result("propose") == "failure"
    assert not run.artifacts


def test_the_health_report_reads_what_was_pushed_and_keeps_one_issue(runner, repository, github):
    made = repository({"a": "b"})
    name, data = bundle()
    runner.leave_artifact(f"signalbox-decision-{name}", {name: data})
    assert runner.call(made, "telemetry-feedback.yml", {}).code == 0
    run = runner.call(made, "health-report.yml", {"days": "3650", "environment": "production"})
    assert run.code == 0, run.explain()
    assert run.outputs("called")["verdict"]
    assert b"<html" in run.file("signalbox-health-report", "report.html")
    [issue] = github.state.repositories["acme/shop"].issues
    assert run.outputs("called")["published"].endswith(f"/issues/{issue['number']}")
    assert run.outputs("called")["verdict"] in issue["body"].replace("\\", "")


def test_a_report_that_cannot_be_published_fails_and_keeps_its_page(runner, repository, github):
    made = repository({".github/signalbox.yml": "mode: enforce\n"})
    given = {"publish": "discussion", "category": "nowhere", "usage": ".signalbox/usage.jsonl"}
    run = runner.start(made, "health-report.yml", given)
    assert run.result("report") == "failure"
    assert "there is no category of discussions" in " ".join(run.annotations("error"))
    assert b"<html" in run.file("signalbox-health-report", "report.html")
    assert github.state.repositories["acme/shop"].discussions == []


def test_a_report_that_cannot_be_made_fails_and_leaves_no_page(runner, repository):
    made = repository({".github/signalbox.yml": "mode: enforce\n"})
    run = runner.start(made, "health-report.yml", {"days": "0"})
    assert run.result("report") == "failure"
    assert "--days" in " ".join(run.annotations("error"))
    assert not run.artifacts


def forked(runner, repository, github, **change):
    """A fork's run has left its plan; what the run that follows it made of that, and all comments."""
    made = repository(shop.FILES)
    base = made.git("rev-parse", "HEAD")
    made.branch("feature")
    head = made.commit("slower", {"shop/price.py": shop.SLOWER})
    left = runner.call(made, "test-selection.yml", {"base": base, "head": head})
    assert left.code == 0, left.explain()
    number = github.add_pull("acme/shop", "feature", login="mallory")
    fetch = {
        "uses": __import__("library").pinned("actions/download-artifact", runner.copy),
        "with": {"pattern": "signalbox-decision-*", "path": "decisions"},
    }
    inputs = {"decisions": "decisions", "head": "acme:feature", "sha": head} | change
    run = runner.use(made, "post-comment", inputs, before=[fetch], permissions={"pull-requests": "write"})
    assert number
    return run, github.state.repositories["acme/shop"].comments


def test_a_forks_plan_is_commented_afterwards(runner, repository, github):
    run, comments = forked(runner, repository, github)
    assert run.code == 0, run.explain()
    assert len(comments) == 1
    assert run.outputs("used")["comment"]


def test_a_plan_for_another_commit_is_not_commented(runner, repository, github):
    run, comments = forked(runner, repository, github, sha=SHA, **{"fail-on": "block", "mode": "enforce"})
    assert run.code == 1
    assert comments == []
