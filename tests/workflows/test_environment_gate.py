"""A gate as a workflow: it passes once and refuses once, tells GitHub, and leaves the hand-over behind."""

import json
from datetime import UTC, datetime

DIGEST = "sha256:" + "ab" * 32
SHOP = {".github/signalbox.yml": "mode: enforce\n", "shop.py": "x = 1\n"}


def now():
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def leave(runner, sha, *checks, **change):
    """Evidence of these checks, as an earlier job of the run left it."""
    facts = {"no-critical-incident": {"open_critical": 0}, "feedback": {"outcome": "o-1"}}
    rows = [
        {
            "kind": check,
            "status": "pass",
            "subject": {"commit": sha, "digest": DIGEST},
            "observed_at": now(),
            "facts": facts.get(check, {}),
        }
        | change.get(check, {})
        for check in checks
    ]
    runner.leave_artifact("signalbox-evidence", {"records.json": json.dumps(rows).encode()})


def test_a_gate_whose_lines_all_hold_passes_and_sets_the_status(runner, repository, github):
    made = repository(SHOP)
    sha = made.git("rev-parse", "HEAD")
    leave(runner, sha, "health", "no-critical-incident", "feedback")
    inputs = {"gate": "gate-7", "digest": DIGEST, "environment": "production", "publish": True}
    run = runner.call(made, "environment-gate.yml", inputs)
    assert run.code == 0, run.explain()
    found = run.outputs("called")
    assert (found["verdict"], found["mode"]) == ("PASS", "enforce")
    [status] = github.state.repositories["acme/shop"].statuses
    assert (status["context"], status["state"], status["sha"]) == ("signalbox/gate-7", "success", sha)
    assert "health checks pass" in run.summaries
    bundle = json.loads(
        run.file(next(name for name in run.artifacts if name.startswith("signalbox-decision-")))
    )
    assert bundle["decision"]["verdict"] == "PASS"


def test_a_gate_that_nothing_was_shown_to_refuses_and_says_who_acts(runner, repository, github):
    made = repository(SHOP)
    leave(runner, made.git("rev-parse", "HEAD"), "no-critical-incident", health={"status": "fail"})
    inputs = {
        "gate": "gate-7",
        "digest": DIGEST,
        "publish": "true",
        "needs": '{"health": {"result": "skipped"}}',
    }
    run = runner.start(made, "environment-gate.yml", inputs)
    assert run.result("gate") == "failure"
    assert "Check the gate" in run.failed_steps
    [status] = github.state.repositories["acme/shop"].statuses
    assert status["state"] == "pending"
    handed = json.loads(run.file("signalbox-gate-gate-7-1", "hand-over.json"))
    assert {one["check"]: one["to"] for one in handed} == {"health": "ops-agent", "feedback": "ops-agent"}


def test_a_gate_with_nothing_to_say_still_reports(runner, repository, github):
    made = repository(SHOP)
    inputs = {"gate": "gate-3", "publish": True, "not-applicable": "a branch that goes nowhere"}
    run = runner.call(made, "environment-gate.yml", inputs)
    assert run.code == 0, run.explain()
    [status] = github.state.repositories["acme/shop"].statuses
    assert (status["state"], "nothing to say" in status["description"]) == ("success", True)


def test_an_agent_is_asked_for_before_it_acts(runner, repository):
    made = repository({".github/signalbox.yml": "mode: enforce\n"})
    question = {"agent": "qa-agent", "environment": "staging", "action": "run-tests"}
    inputs = question | {
        "inputs": "release-candidate",
        "outputs": "test-results",
        "classification": "Internal",
    }
    run = runner.use(made, "authorize-agent", inputs)
    assert run.result("use") == "failure"  # nothing proves who asks
    assert run.outputs("used")["allowed"] == "false"
    lenient = inputs | {"mode": "advise", "digest": DIGEST, "require-identity": "false", "login": "false"}
    lenient |= {"approval": "", "identity-token": "", "identity-keys": "", "github-token": "t"}
    run = runner.use(made, "authorize-agent", lenient)
    assert run.code == 0, run.explain()
    assert run.outputs("used")["allowed"] == "true"
    run = runner.use(made, "authorize-agent", question | {"action": "modify-source", "mode": "advise"})
    assert run.outputs("used")["verdict"] == "deny"


def test_the_records_of_a_work_item_are_kept_and_a_move_without_one_is_refused(runner, repository):
    made = repository({".github/signalbox.yml": "mode: enforce\n"})
    work = {"folder": ".signalbox/work", "by": "ada"}
    start = work | {"what": "begin", "work-item": "ABC-1", "prototype": "false"}
    run = runner.use(made, "record-phase", start)
    assert run.code == 0, run.explain()
    assert run.outputs("used")["phase"] == "idea-to-backlog"
    record = json.dumps({"work_item": "ABC-1", "at": now(), "by": "ada", "changes": ["a.py"], "notes": "n"})
    before = [{"run": f"mkdir -p .signalbox && echo '{record}' > record.json"}]
    keep = work | {"what": "record", "phase": "execute", "record": "record.json"}
    run = runner.use(made, "record-phase", keep, before=before)
    assert run.outputs("used")["phase"] == "execute", run.explain()
    run = runner.use(made, "record-phase", keep | {"phase": "plan-work"}, before=before)
    assert run.result("use") == "failure"
    trust = work | {"what": "trust", "record": "none.json", "artifact": "none", "providers": "notary=acme"}
    run = runner.use(
        made, "record-phase", trust | {"to": "", "reason": "", "reconciled": "false", "strict": "true"}
    )
    assert run.outputs("used")["result"] == "provider-absent"
