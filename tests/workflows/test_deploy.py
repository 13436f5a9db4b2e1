"""Deploying: real services, a real proxy, real load; a good canary gets all traffic, a bad one none."""

import json
import urllib.request

import act
import pytest

from doubles.rollout_rig import DIGEST, POLICY, proxy_rig, proxy_share, set_faults

LOOKS = "  look-seconds: 0.5\n"
ENFORCED = {"README.md": "# A shop\n", ".github/signalbox.yml": "mode: enforce\n" + POLICY + LOOKS}


def move_to(rig, percent):
    body = json.dumps({"canary": percent, "baseline": 100 - percent}).encode()
    url = f"http://127.0.0.1:{rig.control_port}/_weights"
    urllib.request.urlopen(urllib.request.Request(url, data=body, method="PUT"), timeout=5).close()


def inputs(rig, **more):
    arms = {"canary": rig.canary, "baseline": rig.baseline}
    return {
        "digest": DIGEST,
        "environment": "staging",
        "deployment": "web",
        "slices": "20,100",
        "slice-seconds": "20",
        "runner": act.LABEL,
        "traffic": rig.traffic,
        "metrics": "\n".join(f"{arm}=http://127.0.0.1:{port}/metrics" for arm, port in arms.items()),
        **more,
    }


@pytest.fixture
def waiting_run(github):
    """The run as GitHub knows it, reviewed by grace."""

    def make(*environments):
        github.add_run("acme/shop", approvals=[])
        row = github.state.repositories["acme/shop"].runs[-1]
        row["id"] = 4242
        row["approvals"] = [{"state": "approved", "user": "grace", "environments": list(environments)}]

    return make


def statuses(github):
    rows = github.state.repositories["acme/shop"].deployment_statuses
    return [(row["state"], row["description"].partition(";")[0]) for row in rows]


def test_a_healthy_canary_reaches_all_traffic(runner, repository, tmp_path, github):
    shop = repository(ENFORCED)
    with proxy_rig(tmp_path) as rig:
        start = {"start-command": 'echo "$DIGEST in $ENVIRONMENT" > "$STUB_STORE/started"'}
        start["url"] = "https://shop.example"
        run = runner.call(shop, "deploy.yml", inputs(rig, **start))
        assert run.code == 0, run.explain()
        assert proxy_share(rig) == 100
    called = run.outputs("called")
    assert (called["verdict"], called["mode"], called["last-slice"]) == ("proceed", "enforce", "100")
    assert (run.store / "started").read_text() == f"{DIGEST} in staging\n"
    events = [json.loads(x) for x in run.file("signalbox-rollout-staging", "audit.jsonl").splitlines()]
    assert [e["move"]["ordered"] for e in events if e["event"] == "moved"] == [20, 100]
    assert any(name.startswith("signalbox-decision-") for name in run.artifacts)
    told = statuses(github)
    assert (told[0], told[-1]) == (("in_progress", "stepping at 20%"), ("success", "done at 100%"))
    assert github.state.repositories["acme/shop"].deployment_statuses[-1]["environment_url"] == start["url"]
    assert [text[:7] for text in run.annotations("notice")] == ["proceed"] * 2, (
        "only a changed verdict is one"
    )


def test_a_bad_canary_is_rolled_back_in_production_by_the_reviewers_approval(
    runner, repository, tmp_path, waiting_run
):
    shop = repository(ENFORCED)
    waiting_run("promotion-review")
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.3)
        run = runner.call(shop, "deploy.yml", inputs(rig, environment="production"))
        assert proxy_share(rig) == 0, run.explain()
    assert run.result("deploy") == "failure"
    assert run.outputs("monitor")["verdict"] == "rollback"
    assert "grace" in run.log
    assert "signalbox-rollout-production" in run.artifacts, "the audit trail is kept when the job fails"


def test_without_approval_production_keeps_a_floor_and_drafts_the_rollback(
    runner, repository, tmp_path, github
):
    shop = repository(ENFORCED)
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.3)
        run = runner.call(shop, "deploy.yml", inputs(rig, environment="production"))
        assert proxy_share(rig) == pytest.approx(1)
    assert run.result("deploy") == "failure"
    incident = json.loads(run.file("signalbox-rollout-production", "incident.json"))
    assert (incident["status"], incident["digest"], incident["severity"]) == ("proposed", DIGEST, "high")
    assert any("--standing-approval" in step for step in incident["runbook"])
    assert run.outputs("propose")["decide-by"] == incident["decide_by"]
    assert statuses(github)[-1] == ("pending", "proposed at 1%, found worse")


def test_observing_moves_nothing_and_passes(runner, repository, tmp_path):
    shop = repository({"README.md": "# A shop\n", ".github/signalbox.yml": POLICY + LOOKS})
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.5)
        run = runner.start(shop, "deploy.yml", inputs(rig, **{"slice-seconds": "2"}))
        assert proxy_share(rig) == 0
    assert run.code == 0, run.explain()
    assert run.outputs("monitor").get("verdict") == "hold", run.explain()


def vanished(github, sha, environment, text="watching at 20%"):
    """As a monitor leaves it whose runner is lost: the last words in the deployment's statuses."""
    repo, log = github.state.repositories["acme/shop"], "https://github.com/acme/shop/actions/runs/4242"
    common = {"creator": "github-actions[bot]", "created_at": github.state.now(), "environment": environment}
    made = dict.fromkeys(("transient_environment", "production_environment"), False)
    made |= {"id": github.state.new_id(), "sha": sha, "ref": sha, "task": "deploy", "description": ""}
    repo.deployments.append({**common, **made, "payload": {"signalbox": f"rollout web {DIGEST}"}})
    text = f"{text}; lease until 2020-01-01T00:00:00Z; slice 1 of 20,100"
    said = {
        "id": github.state.new_id(),
        "deployment": made["id"],
        "state": "in_progress",
        "description": text,
    }
    addresses = {"target_url": log, "log_url": log, "environment_url": ""}
    repo.deployment_statuses.append({**common, **said, **addresses})


def test_a_digest_that_was_found_worse_by_a_lost_runner_is_not_even_started(
    runner, repository, tmp_path, github
):
    shop = repository(ENFORCED)
    vanished(github, shop.git("rev-parse", "HEAD"), "staging", "rolled-back at 0%, found worse")
    with proxy_rig(tmp_path) as rig:
        start = {"start-command": 'touch "$STUB_STORE/started"'}
        run = runner.call(shop, "deploy.yml", inputs(rig, **start))
        assert proxy_share(rig) == 0
    assert run.result("deploy") == "failure"
    assert run.outputs("monitor")["verdict"] == "rollback", run.explain()
    assert not (run.store / "started").exists()


@pytest.mark.parametrize(
    ("environment", "approved", "ending", "share"),
    [
        ("production", True, "retreated", 0),
        ("production", False, "proposed", 1),
    ],
)
def test_a_rollout_whose_runner_vanished_is_swept(
    runner, repository, tmp_path, github, waiting_run, environment, approved, ending, share
):
    shop = repository(ENFORCED)
    waiting_run(*(["promotion-review"] if approved else []))
    vanished(github, shop.git("rev-parse", "HEAD"), environment)
    with proxy_rig(tmp_path) as rig:
        move_to(rig, 20)
        given = {"sweep": True, "environment": environment, "deployment": "web", "traffic": rig.traffic}
        given["runner"] = act.LABEL
        run = runner.call(shop, "rollback.yml", given)
        assert run.code == 0, run.explain()
        assert proxy_share(rig) == pytest.approx(share)
    assert run.outputs("called")["swept"] == ending
    assert statuses(github)[-1][0] == ("pending" if ending == "proposed" else "inactive")
    if ending == "proposed":
        incident = json.loads(run.file(f"signalbox-sweep-{environment}", "incident.json"))
        assert incident["status"] == "proposed"
