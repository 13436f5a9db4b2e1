"""Recording: what a run decided reaches the ledger under a ref of its own, and what is missing is named."""

import hashlib
import json
import zipfile

from bundles import bundle

from doubles import records

OUTCOME = {
    "decision": "00000000-0000-4000-8000-000000000001",
    "label": "bad",
    "source": "incident-link",
    "observed_at": "2026-01-03T00:00:00Z",
}
SHOP = {"README.md": "# A shop\n", ".github/signalbox.yml": "mode: enforce\n"}


def ledger_of(github):
    """What the pushed refs hold: path → bytes."""
    git = github.state.git("acme/shop")
    refs = git.line("for-each-ref", "--format=%(refname)", "refs/signalbox/").split()
    return {
        path: git.run("cat-file", "blob", f"{ref}:{path}")
        for ref in refs
        for path in git.line("ls-tree", "-r", "--name-only", ref).split()
    }


def test_a_runs_decisions_and_outcomes_are_recorded_byte_for_byte(runner, repository, github):
    bundles = [bundle(number) for number in (1, 2)]
    for name, data in bundles:
        runner.leave_artifact(f"signalbox-decision-{name}", {name: data})
    announced = " ".join(hashlib.sha256(data).hexdigest() for _, data in bundles)
    inputs = {"expect": announced, "outcome": json.dumps(OUTCOME)}
    run = runner.call(repository(SHOP), "telemetry-feedback.yml", inputs)
    assert run.code == 0, run.explain()
    assert run.outputs("called")["recorded"] == "3"
    assert run.outputs("called")["missing"] == "0"
    kept = ledger_of(github)
    assert {data for _, data in bundles} <= set(kept.values())
    assert all(not name.startswith("untrusted/") for name in kept)


def test_a_bundle_that_never_came_is_named_and_can_fail_the_job(runner, repository, github):
    name, data = bundle()
    runner.leave_artifact(f"signalbox-decision-{name}", {name: data})
    lost = "f" * 64
    inputs = {"expect": lost, "fail-on": "review"}
    run = runner.call(repository(SHOP), "telemetry-feedback.yml", inputs)
    assert run.code == 1
    assert run.result("record") == "failure"
    assert lost in run.log
    assert len(ledger_of(github)) == 1, "what did come is recorded all the same"


def test_by_hand_for_another_run_is_recorded_as_untrusted(runner, repository, github):
    name, data = bundle()
    runner.leave_artifact(f"signalbox-decision-{name}", {name: data}, run="77")
    run = runner.start(repository(SHOP), "telemetry-feedback.yml", {"run-id": "77", "ledger": "git:"})
    assert run.code == 0, run.explain()
    assert [name.split("/")[0] for name in ledger_of(github)] == ["untrusted"]


def test_what_is_no_bundle_is_refused_and_nothing_is_unpacked_outside(runner, repository, github, tmp_path):
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("../../../escaped.json", b"{}")
    files = {"x.json": b'{"decision": "not one"}', "y.zip": inner.read_bytes()}
    runner.leave_artifact("signalbox-decision-bad", files)
    run = runner.call(repository(SHOP), "telemetry-feedback.yml", {"fail-on": "review"})
    assert run.code == 1
    assert ledger_of(github) == {}
    assert not list(tmp_path.rglob("escaped.json"))


def test_what_the_runners_really_cost_is_recorded_for_the_next_plan(runner, repository, github):
    matrix = {"include": [{"shard": n, "minutes": 1.0} for n in (1, 2)]}
    data = records.bundle("concurrency", id="c-1", outputs={"matrix": matrix}, inputs={"queue": {"jobs": 3}})
    runner.leave_artifact("signalbox-decision-c", {"c.json": data})
    for number, seconds in ((1, 90.0), (2, 30.0)):
        case = f'<testcase classname="tests.test_a" name="test_{number}" time="{seconds}"/>'
        name = f"signalbox-results-tests-{number}-of-2-{'a' * 40}"
        runner.leave_artifact(name, {"junit.xml": f"<testsuite>{case}</testsuite>".encode()})
    made = repository(SHOP)
    github.add_run("acme/shop", id=4242)
    for number in (1, 2):
        times = {"created_at": "2026-01-01T00:00:00Z", "started_at": "2026-01-01T00:00:20Z"}
        job = {"run": 4242, "name": f"Check / Test {number} of 2", "completed_at": "2026-01-01T00:03:00Z"}
        github.state.repositories["acme/shop"].jobs.append(
            {"id": number, "status": "completed", "conclusion": "success", **times, **job}
        )
    run = runner.call(made, "telemetry-feedback.yml", {})
    assert run.code == 0, run.explain()
    [told] = [json.loads(kept) for name, kept in ledger_of(github).items() if name.startswith("outcomes/")]
    assert told["decision"] == "c-1"
    assert told["facts"]["observed"]["shard_seconds"] == [90.0, 30.0]
    assert told["facts"]["observed"]["waiting"] == 3
    assert [ended - started for _, started, ended in told["facts"]["observed"]["jobs"]] == [160.0, 160.0]
