"""A change: selected, spread, built, tested and commented, for pytest and for any other language."""

import contextlib
import json
import sqlite3

import act
import pytest
import shop
from caller import Repository


@pytest.fixture
def changed(repository):
    """A repository on a branch with one commit beyond main; the base's and the head's commit."""

    def make(files, changes) -> tuple[Repository, str, str]:
        made = repository(files)
        base = made.git("rev-parse", "HEAD")
        made.branch("feature")
        return made, base, made.commit("change", changes)

    return make


def matrix(run):
    return json.loads(run.outputs("plan")["matrix"])["include"]


def test_selection_hands_on_a_plan_that_a_test_job_can_check(runner, changed):
    made, base, head = changed(shop.FILES, {"shop/price.py": shop.SLOWER})
    run = runner.call(made, "test-selection.yml", {"base": base, "head": head, "max-runners": "2"})
    assert run.code == 0, run.explain()
    called = run.outputs("called")
    assert called["risk_tier"] in ("low", "medium", "high")
    assert called["mode"] == "enforce"
    assert json.loads(called["test_plan"])["suites"]
    assert called["pytest"] == "true"
    shards = json.loads(run.file(f"signalbox-plan-{head}", "shards.json"))["include"]
    assert [shard["artifact"] for shard in shards] == [
        f"signalbox-results-tests-{n}-of-{len(shards)}-{head}" for n in range(1, len(shards) + 1)
    ]
    kept = {name for name in run.artifacts if name.startswith("signalbox-decision-")}
    assert len(kept) == 2 == len(called["bundle-sha256s"].split())


def test_an_unknown_base_is_an_error_and_leaves_no_plan(runner, changed):
    made, _, head = changed(shop.FILES, {"shop/price.py": shop.SLOWER})
    run = runner.call(made, "test-selection.yml", {"base": "0" * 40, "head": head, "policy-ref": head})
    assert run.result("select") == "failure"
    assert not any(name.startswith("signalbox-plan") for name in run.artifacts)


def test_a_pull_request_is_tested_and_its_plan_commented(runner, changed, github):
    made, base, head = changed(shop.FILES, {"shop/price.py": shop.SLOWER})
    number = github.add_pull("acme/shop", "feature")
    inputs = {"base": base, "head": head, "comment": True, "max-runners": "2"}
    payload = {"pull_request": {"number": number, "head": {"ref": "feature"}, "base": {"ref": "main"}}}
    run = runner.call(made, "change.yml", inputs, event="pull_request", payload=payload)
    assert run.code == 0, run.explain()
    assert run.result("test") == run.result("result") == run.result("comment") == "success"
    comments = github.state.repositories["acme/shop"].comments
    assert len(comments) == 1, run.explain()
    [comment] = comments
    assert "Test plan" in comment["body"]
    assert "To run everything" in comment["body"]
    results = [name for name in run.artifacts if name.startswith("signalbox-results-")]
    assert results
    about = [json.loads((run.artifacts[name].parent / "about.json").read_text()) for name in results]
    assert {row["retention"] for row in about} == {"7"}


def test_failing_tests_fail_the_change_and_their_results_are_kept(runner, changed):
    made, base, head = changed(shop.FILES, {"shop/price.py": shop.WRONG})
    run = runner.call(made, "change.yml", {"base": base, "head": head, "runner": act.LABEL})
    assert run.code == 1
    assert run.result("test") == "failure"
    reports = [run.file(name) for name in run.artifacts if name.startswith("signalbox-results-")]
    assert any(b"<failure" in report for report in reports)


def test_observing_runs_every_test_and_only_reports_the_plan(runner, changed):
    files = shop.FILES | {".github/signalbox.yml": shop.POLICY.replace("enforce", "observe")}
    made, base, head = changed(files, {"README.md": "# Words only\n"})
    run = runner.start(made, "change.yml", {"base": base, "head": head})
    assert run.code == 0, run.explain()
    reports = b"".join(run.file(name) for name in run.artifacts if name.startswith("signalbox-results-"))
    assert b"test_total" in reports
    assert b"test_left" in reports


def test_the_policy_that_judges_is_the_bases(runner, changed):
    loose = shop.POLICY.replace("mode: enforce", "mode: observe")
    made, base, head = changed(shop.FILES, {".github/signalbox.yml": loose, "shop/price.py": shop.SLOWER})
    run = runner.call(made, "test-selection.yml", {"base": base, "head": head, "policy-ref": base})
    assert run.outputs("called")["mode"] == "enforce", run.explain()


APART = """\
mode: enforce
suites:
  price: {minutes: 1, paths: ["**"], tests: ["tests/test_price.py"]}
  stock: {minutes: 1, paths: ["**"], tests: ["tests/test_stock.py"]}
selection: {audit-rate: 0}
"""


def test_where_everything_runs_each_shard_records_and_one_index_is_made(runner, changed, tmp_path):
    """The label asks for everything, and the run that shows it is the next recording."""
    made, base, head = changed(shop.FILES | {".github/signalbox.yml": APART}, {"shop/price.py": shop.SLOWER})
    inputs = {"base": base, "head": head, "labels": "a label,full-tests", "max-runners": "2"}
    run = runner.call(made, "change.yml", inputs)
    assert run.code == 0, run.explain()
    assert len(matrix(run)) == 2
    assert all(entry["full"] for entry in matrix(run))
    assert "the label full-tests" in run.log
    index = tmp_path / "index.sqlite"
    index.write_bytes(run.file(f"signalbox-impact-{head}"))
    with contextlib.closing(sqlite3.connect(index)) as connection:
        tests = {row[0] for row in connection.execute("SELECT nodeid FROM test")}
        meta = dict(connection.execute("SELECT key, value FROM meta"))
    assert tests == {"tests/test_price.py::test_total", "tests/test_stock.py::test_left"}
    assert (meta["commit"], meta["shards"]) == (head, "2")


def test_any_language_takes_part_by_its_suites_and_modules(runner, changed):
    made, base, head = changed(shop.SHELL_FILES, {"app.sh": "echo hello again\n"})
    run = runner.call(made, "change.yml", {"base": base, "head": head})
    assert run.code == 0, run.explain()
    assert run.result("build") == run.result("test") == "success"
    assert run.file(f"signalbox-build-app-{head}") == b"built\n"
    [results] = [name for name in run.artifacts if name.startswith("signalbox-results-")]
    assert json.loads(run.file(results)) == {"total": 1, "passed": 1, "failed": 0, "skipped": 0}


def test_a_failing_suite_of_any_language_fails_the_change(runner, changed):
    made, base, head = changed(shop.SHELL_FILES, {"app.sh": "echo bye\n"})
    run = runner.call(made, "change.yml", {"base": base, "head": head})
    assert run.result("test") == "failure"
    [results] = [name for name in run.artifacts if name.startswith("signalbox-results-")]
    assert json.loads(run.file(results))["failed"] == 1


@pytest.mark.parametrize(
    ("select", "check", "verdict", "runners", "good"),
    [
        ("success", "success", "full", "2", True),
        ("success", "skipped", "targeted", "0", True),
        ("success", "skipped", "full", "2", False),
        ("success", "failure", "full", "2", False),
        ("success", "cancelled", "full", "2", False),
        ("failure", "skipped", "", "", False),
        ("success", "success", "", "2", False),
    ],
)
def test_the_required_check_passes_only_on_proof(runner, repository, select, check, verdict, runners, good):
    """act ends with a failed call, so what the calls answer is set here; the job itself is the real one."""
    answers = {
        "select": (select, {"verdict": verdict, "runners": runners, "builds": "0" if runners else ""}),
        "check": (check, {}),
    }
    run = runner.only(repository({"a": "b"}), "change.yml", ["result"], answers)
    assert (run.result("result") == "success") is good, run.explain()
