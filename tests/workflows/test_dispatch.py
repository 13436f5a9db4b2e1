"""The door as a whole: a good event reaches its capability, a bad one reaches nothing."""

import json

import pytest
import shop
from bundles import bundle

from doubles.github import routes_gates  # noqa: F401  (its endpoints register themselves)

DIGEST = "sha256:" + "ab" * 32
SHA = "0123456789abcdef0123456789abcdef01234567"


def send(runner, made, capability, payload):
    inputs = {"event-type": f"signalbox-{capability}", "payload": json.dumps(payload)}
    event = {"action": inputs["event-type"], "client_payload": payload}
    return runner.call(made, "dispatch.yml", inputs, event="repository_dispatch", payload=event)


def test_an_event_reaches_its_capability_and_no_other(runner, repository, github):
    name, data = bundle()
    runner.leave_artifact(f"signalbox-decision-{name}", {name: data}, run="77")
    run = send(runner, repository({"a": "b"}), "telemetry-feedback", {"run-id": "77"})
    assert run.code == 0, run.explain()
    assert run.outputs("called")["capability"] == "telemetry-feedback"
    assert run.result("record") == "success"
    assert {run.result(job) for job in ("select", "score", "promote", "deploy", "propose")} == {"skipped"}
    git = github.state.git("acme/shop")
    assert git.line("for-each-ref", "refs/signalbox/ledger")


def test_a_proposal_of_a_rollback_comes_in_by_the_door(runner, repository):
    payload = {"environment": "production", "digest": DIGEST, "severity": "high", "reason": "Checkout fails."}
    run = send(runner, repository({".github/signalbox.yml": "mode: enforce\n"}), "rollback", payload)
    assert run.code == 0, run.explain()
    record = json.loads(run.file("signalbox-incident-1"))
    assert DIGEST in json.dumps(record)
    assert "Checkout fails." in json.dumps(record)


def test_an_incident_comes_in_by_the_door_and_counts_for_its_delivery(runner, repository, github):
    made = repository({".github/signalbox.yml": "mode: enforce\n"})
    payload = {"incident": "PD-1", "status": "triggered", "at": "2026-01-02T03:04:05Z"}
    run = send(runner, made, "incident", payload | {"digest": DIGEST, "environment": "production"})
    assert run.code == 0, run.explain()
    git = github.state.git("acme/shop")
    [ref] = git.line("for-each-ref", "--format=%(refname)", "refs/signalbox/ledger").split()
    told = json.loads(git.line("show", f"{ref}:{git.line('ls-tree', '-r', '--name-only', ref)}"))
    assert (told["label"], told["source"], told["subject"]["digest"]) == ("bad", "incident-link", DIGEST)


def test_a_gate_comes_in_by_the_door_and_is_asked_by_the_default_branchs_policy(runner, repository, github):
    made = repository({".github/signalbox.yml": "mode: enforce\n", "a": "1"})
    made.branch("feature")
    made.commit("loosen", {".github/signalbox.yml": "mode: observe\n"})
    sha = made.commit("change", {"a": "2"})
    number = github.add_pull("acme/shop", "feature")
    made.git("checkout", "-q", "main")
    payload = {"gate": "gate-3", "sha": sha, "digest": DIGEST, "pull": str(number)}
    run = send(runner, made, "environment-gate", payload)
    assert run.result("gate") == "failure"
    assert run.outputs("gate")["mode"] == "enforce", run.explain()
    [status] = github.state.repositories["acme/shop"].statuses
    assert (status["context"], status["sha"], status["state"]) == ("signalbox/gate-3", sha, "failure")


def test_a_selection_comes_in_by_the_door(runner, repository):
    made = repository(shop.FILES)
    base = made.git("rev-parse", "HEAD")
    head = made.commit("slower", {"shop/price.py": shop.SLOWER})
    run = send(runner, made, "test-selection", {"base": base, "head": head})
    assert run.code == 0, run.explain()
    assert any(name.startswith("signalbox-plan-") for name in run.artifacts)


@pytest.mark.parametrize(
    ("capability", "payload"),
    [
        (
            "deploy",
            {"sha": SHA, "digest": DIGEST, "environment": "production", "traffic": "proxy:http://evil"},
        ),
        ("deploy", {"sha": "main", "digest": DIGEST, "environment": "production"}),
        ("promote", {"sha": SHA, "digest": DIGEST, "environment": "prod", "run-id": "1"}),
        ("rollback", {"environment": "production", "digest": DIGEST, "severity": "high", "reason": "`id`"}),
        ("nothing", {}),
    ],
)
def test_what_the_door_refuses_reaches_nothing(runner, repository, capability, payload):
    run = send(runner, repository({"a": "b"}), capability, payload)
    assert run.code == 1
    assert run.result("door") == "failure"
    assert {e["jobID"] for e in run.events if e.get("jobResult")} == {"door"}
