"""A gate as a workflow: it passes once and refuses once, tells GitHub, and leaves the hand-over behind."""

import json
import sys
import zipfile
from datetime import UTC, datetime

import act
import library
import shop
import yaml

from doubles.model import ModelDouble

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
    inputs["runner"] = act.LABEL
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


def test_a_canary_in_a_production_prompt_is_nowhere_in_the_run(runner, repository):
    canary = "zebra-4711-underneath-the-piano"
    says = {"verdict": "full", "text": f"It says {canary}."}
    with ModelDouble({"default": {"do": "answer", "fields": says}}) as model:
        advisor = {"endpoint": model.url, "model": "stand-in", "cache": ".signalbox/asked"}
        policy = yaml.safe_dump(yaml.safe_load(shop.POLICY) | {"advisor": advisor})
        made = repository(shop.FILES | {".github/signalbox.yml": policy})
        made.commit("word", {"shop/price.py": f"WORD = '{canary}'\n"})
        options = "--base HEAD~1 --environment production --bundles .signalbox/b --ledger .signalbox/ledger"
        select = f"{sys.executable} {runner.copy}/scripts/select_tests.py {options}"
        look = 'cat "$GITHUB_STEP_SUMMARY" "$GITHUB_OUTPUT"; grep -r . .signalbox'
        kept = {"name": "left", "path": ".signalbox", "include-hidden-files": "true"}
        history = {"fetch-depth": "0", "persist-credentials": "false"}
        steps = [
            {"uses": library.pinned("actions/checkout", runner.copy), "with": history},
            {"run": f"{select} && {look}"},
            {"uses": library.pinned("actions/upload-artifact", runner.copy), "with": kept},
        ]
        workflow = made.path / ".github/workflows/ask.yml"
        workflow.parent.mkdir()
        job = {"runs-on": "ubuntu-latest", "steps": steps}
        workflow.write_text(json.dumps({"on": {"workflow_dispatch": None}, "jobs": {"ask": job}}))
        run = runner.run(made, workflow.relative_to(made.path))
        assert run.code == 0, run.explain()
        assert canary in "".join(asked.text for asked in model.asked)
    assert "stand-in" in run.log
    assert "left" in run.artifacts
    assert canary not in json.dumps(run.events) + run.raw
    with zipfile.ZipFile(run.artifacts["left"]) as archive:
        assert [name for name in archive.namelist() if canary.encode() in archive.read(name)] == []
