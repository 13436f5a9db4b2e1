"""Inputs of the actions that no workflow gives: each with the effect it should have."""

import hashlib
import json

import library
import pytest
import shop
from act import RUN_ID

from doubles.rollout_rig import DIGEST, POLICY, proxy_rig

SHA = "0123456789abcdef0123456789abcdef01234567"


def say(name, command):
    """A step that hands ``command``'s output to the test."""
    return {"id": name, "if": "${{ !cancelled() }}", "run": f'echo "out=$({command})" >> "$GITHUB_OUTPUT"'}


def action(name, **inputs):
    return {"id": name, "uses": f"{library.NAME}/actions/{name}@{library.REF}", "with": inputs}


def arms(rig):
    ports = {"canary": rig.canary, "baseline": rig.baseline}
    return "\n".join(f"{arm}=http://127.0.0.1:{port}/metrics" for arm, port in ports.items())


@pytest.fixture
def changed(repository):
    made = repository(shop.FILES)
    made.commit("slower", {"shop/price.py": shop.SLOWER})
    return made


def test_an_index_of_one_command_lets_single_tests_be_chosen(runner, changed):
    index = {"command": "python -m pytest tests", "index": "out/index.sqlite", "cache": "out/probes"}
    select = {"base": "HEAD~1", "head": "HEAD", "index": "out/index.sqlite", "tests-out": "out/tests.txt"}
    # Recorded before the change, as the push before it would have.
    back = [{"run": "git checkout -q HEAD~1"}]
    after = [
        {"run": "git checkout -q -"},
        action("select-tests", **select, seed="fixed", python="3.11"),
        say("tests", "tr '\\n' ' ' < out/tests.txt"),
        say("probes", "ls out/probes | wc -l"),
    ]
    run = runner.use(changed, "index-tests", index, before=back, after=after)
    assert run.code == 0, run.explain()
    assert run.outputs("used")["tests"] == "2"
    assert int(run.outputs("probes")["out"]) > 0
    assert "test_price" in run.outputs("tests")["out"], run.explain()
    assert "test_stock" not in run.outputs("tests")["out"]


@pytest.mark.parametrize(
    "inputs", [{"coverage": "out/coverage", "junit": "out/junit"}, {"graph": "out/graph.json"}]
)
def test_an_index_is_made_of_reports_or_of_a_graph(runner, changed, inputs):
    lcov = "TN:\\nSF:shop/price.py\\nDA:1,1\\nend_of_record\\n"
    graph = json.dumps(
        {"depends": {"tests/test_price.py": ["shop/price.py"]}, "tests": ["tests/test_price.py"]}
    )
    lay = f"""\
mkdir -p out/coverage/unit/tests out/junit
printf '{lcov}' > out/coverage/unit/tests/test_price.py.info
echo '<testsuite><testcase classname="tests.test_price" name="a" time="1"/></testsuite>' > out/junit/a.xml
echo '{graph}' > out/graph.json
"""
    run = runner.use(changed, "index-tests", {"index": "out/i.sqlite", **inputs}, before=[{"run": lay}])
    assert run.code == 0, run.explain()
    assert run.outputs("used")["tests"] == ("1" if "graph" in inputs else "2")


def test_an_index_whose_suite_records_nothing_is_no_index(runner, changed):
    run = runner.use(changed, "index-tests", {"command": "true", "index": "out/index.sqlite"})
    assert run.code == 1
    assert "index" not in run.outputs("used")


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"labels": "other\nfull-tests"}, "the label full-tests"),
        ({"full": "true"}, "the input full"),
        ({"audit": "yes", "seed": "3"}, "unit"),
        ({"explain": "tests/test_price.py::test_total"}, "test_total"),
    ],
)
def test_selection_says_why(runner, changed, inputs, says):
    run = runner.use(changed, "select-tests", {"base": "HEAD~1", **inputs})
    assert run.code == 0, run.explain()
    assert says in run.log


def test_selection_comments_where_it_may(runner, changed, github):
    changed.branch("feature")
    changed.commit("more", {"shop/stock.py": "def left(stock, sold):\n    return -sold + stock\n"})
    number = github.add_pull("acme/shop", "feature")
    inputs = {"base": "HEAD~1", "comment": str(number), "github-token": "${{ github.token }}"}
    runner.use(changed, "select-tests", inputs, permissions={"pull-requests": "read"})
    assert github.state.repositories["acme/shop"].comments == []
    runner.use(changed, "select-tests", inputs, permissions={"pull-requests": "write"})
    assert len(github.state.repositories["acme/shop"].comments) == 1


@pytest.mark.parametrize(
    ("queue", "token", "says"),
    [
        ("github:acme/shop", "${{ github.token }}", "3 jobs wait"),
        ("github:acme/shop", "ghs_unknown", "not known"),
        ("http://127.0.0.1:9/queue", "", "not known"),
    ],
)
def test_the_plan_asks_the_queue_or_says_that_it_could_not(runner, changed, github, queue, token, says):
    waiting = [{"name": f"job {n}", "status": "queued", "conclusion": None} for n in range(3)]
    github.add_run("acme/shop", waiting, status="queued", conclusion=None)
    inputs = {"queue": queue, "github-token": token, "metrics-out": "demand.prom"}
    after = [{"run": "cat demand.prom"}]
    run = runner.use(changed, "plan-concurrency", inputs, permissions={"actions": "read"}, after=after)
    assert run.code == 0, run.explain()
    assert says in run.log
    assert 'signalbox_runners_wanted{repository="acme/shop",runner="ubuntu-latest"} ' in run.log
    assert run.outputs("used")["runner"] == "ubuntu-latest"


def test_the_monitor_takes_its_objectives_from_its_inputs(runner, repository, tmp_path):
    made = repository({".github/signalbox.yml": POLICY})
    with proxy_rig(tmp_path) as rig:
        inputs = {
            "deployment": "web",
            "digest": DIGEST,
            "slices": "100",
            "slice-seconds": "2",
            "look-seconds": "0.4",
            "error-objective": "0.3",
            "latency-objective-ms": "250",
            "metrics-url": arms(rig),
            "audit": "trail.jsonl",
            "serve": "127.0.0.1:0",
            # The runner's own folder is gone when the job is.
            "bundles": str(tmp_path / "bundles"),
        }
        run = runner.use(made, "monitor-rollout", inputs, after=[say("trail", "wc -l < trail.jsonl")])
    assert run.code == 0, run.explain()
    [bundle] = (tmp_path / "bundles").iterdir()
    given = json.loads(bundle.read_text())["inputs"]
    found = [given[key] for key in ("look_seconds", "error_objective", "latency_objective_ms")]
    assert found == [0.4, 0.3, 250]
    assert int(run.outputs("trail")["out"]) > 0
    assert "serving /metrics and /judge at 127.0.0.1:" in run.log


def test_the_sweeper_leaves_alone_what_is_not_under_way(runner, repository, tmp_path):
    made = repository({".github/signalbox.yml": POLICY})
    with proxy_rig(tmp_path) as rig:
        inputs = {
            "deployment": "web",
            "digest": DIGEST,
            "environment": "staging",
            "mode": "enforce",
            "sweep": "yes",
            "state": str(tmp_path / "state.json"),
            "github-token": "ghs_none",
            "traffic": rig.traffic,
            "fail-on": "never",
        }
        run = runner.use(made, "monitor-rollout", inputs)
    assert run.code == 0, run.explain()
    assert "nothing to sweep" in run.log


def test_scoring_takes_waivers_and_an_advisors_key(runner, repository):
    made = repository({"waivers/one.json": "{}", "reports/counts.json": '{"total": 1, "passed": 1}'})
    inputs = {"evidence": "reports", "waivers": "waivers", "advisor-key": "sk-none"}
    run = runner.use(made, "score-artifact", inputs)
    assert run.code == 0, run.explain()
    assert "sk-none" not in run.log


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (
            {
                "registry": "127.0.0.1:9/shop",
                "tag": "stable",
                "move": "true",
                "registry-user": "u",
                "registry-password": "p",
            },
            "as stable",
        ),
        (
            {
                "manifest": "app.yaml",
                "policy-name": "flux:shop",
                "image": "ghcr.io/acme/shop",
                "tag": "1.2.3",
            },
            "1.2.3",
        ),
    ],
)
def test_promotion_only_says_what_it_would_do_until_it_is_enforced(runner, repository, target, says):
    from test_promote import decided

    manifest = 'image: acme/shop:1.0.0 # {"$imagepolicy": "flux:shop"}\n'
    made = repository({"app.yaml": manifest})
    decided(runner, "auto-promote", made.git("rev-parse", "HEAD"))
    fetch = {
        "uses": library.pinned("actions/download-artifact", runner.copy),
        "with": {"pattern": "signalbox-decision-*", "path": "d"},
    }
    name = {"run": "mv d/*.json d.json"}
    inputs = {"decision": "d.json", "digest": DIGEST, "github-token": "${{ github.token }}", **target}
    run = runner.use(made, "promote", inputs, before=[fetch, name])
    assert run.code == 0, run.explain()
    assert says in run.log
    assert run.outputs("used").get("promoted") != "true"


def test_no_rollback_is_proposed_from_a_decision_that_asks_for_none(runner, repository, tmp_path):
    made = repository({".github/signalbox.yml": POLICY})
    with proxy_rig(tmp_path) as rig:
        watch = {"deployment": "web", "digest": DIGEST, "slices": "100", "slice-seconds": "2"}
        watch |= {"metrics-url": arms(rig), "look-seconds": "0.5", "out": "rollout.json"}
        inputs = {
            "decision": "rollout.json",
            "severity": "high",
            "record": "incident.json",
            "mode": "enforce",
        }
        run = runner.use(made, "propose-rollback", inputs, before=[action("monitor-rollout", **watch)])
    assert run.code == 1
    assert "hold" in " ".join(run.annotations("error"))
    assert "record" not in run.outputs("used")


@pytest.mark.parametrize(("not_by", "by"), [("ada", "grace"), ("ada grace", "")])
def test_who_approved_is_noted_for_some_hours(runner, repository, github, not_by, by):
    made = repository({"a": "b"})
    github.add_run(
        "acme/shop", approvals=[{"state": "approved", "user": "grace", "environments": ["production"]}]
    )
    github.state.repositories["acme/shop"].runs[-1]["id"] = int(RUN_ID)
    inputs = {
        "reviewed": "production",
        "standing-approval": "approval.json",
        "run-id": RUN_ID,
        "not-by": not_by,
        "deployment": "web",
        "digest": DIGEST,
        "environment": "production",
        "hours": "1",
        "github-token": "${{ github.token }}",
    }
    after = [say("file", "tr -d '\\n' < approval.json || true")]
    run = runner.use(made, "require-review", inputs, after=after, permissions={"actions": "read"})
    assert run.code == 0, run.explain()
    assert run.outputs("used").get("approved-by", "") == by
    assert ('"approved_by":"grace"' in run.outputs("file").get("out", "")) is bool(by)


def test_a_shard_runs_in_the_interpreter_that_is_named(runner, repository):
    more = '{"commands":[],"files":[],"functions":[]}'
    made = repository(shop.FILES | {"plan/shard-1.txt": "tests/test_price.py\n", "plan/shard-1.json": more})
    sha256 = hashlib.sha256(b"tests/test_price.py\n").hexdigest()
    shard = {"artifact": "results-1", "file": "shard-1.txt", "sha256": sha256, "tests": 1}
    shard |= {"more": "shard-1.json", "more-sha256": hashlib.sha256(more.encode()).hexdigest()}
    inputs = {"shard": json.dumps(shard), "plan": "plan", "results": "out", "python": "/nowhere/python"}
    run = runner.use(made, "run-shard", inputs)
    assert run.code == 1
    assert "/nowhere/python" in " ".join(run.annotations("error"))
    run = runner.use(made, "run-shard", inputs | {"python": "python"})
    assert run.code == 0, run.explain()
    indexed = inputs | {"python": "python", "index": "indexes/shard-1.sqlite"}
    merge = action("index-tests", merge="indexes", expect="2", index="whole.sqlite") | {"id": "merged"}
    run = runner.use(made, "run-shard", indexed, after=[merge])
    assert run.code == 1
    assert "1 of 2 are here" in " ".join(run.annotations("error"))
    copied = [{"run": "cp indexes/shard-1.sqlite indexes/shard-2.sqlite"}, merge]
    run = runner.use(made, "run-shard", indexed, after=copied)
    assert run.outputs("merged")["tests"] == "1", run.explain()
    changed_plan = json.dumps(shard | {"sha256": "0" * 64})
    assert runner.use(made, "run-shard", inputs | {"shard": changed_plan}).code == 1


def test_a_report_looks_back_from_the_time_it_is_given(runner, repository):
    from bundles import bundle

    name, data = bundle()
    made = repository({f"d/{name}": data.decode()})
    record = action("record-telemetry", decisions="d", ledger="records", **{"github-token": ""})
    inputs = {"ledger": "records", "now": "2026-01-03T00:00:00Z", "out": "r.html", "markdown": "r.md"}
    run = runner.use(made, "report-health", inputs, before=[record], after=[say("page", "wc -c < r.html")])
    assert run.code == 0, run.explain()
    assert int(run.outputs("page")["out"]) > 1000


def test_a_comment_with_a_token_that_is_none_fails(runner, changed):
    inputs = {
        "decisions": ".",
        "head": "acme:main",
        "sha": SHA,
        "github-token": "ghs_unknown",
        "mode": "enforce",
    }
    assert runner.use(changed, "post-comment", inputs).code == 1
