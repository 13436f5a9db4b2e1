"""Deploying: real services, a real proxy, real load; a good canary gets all traffic, a bad one none."""

import json

import pytest

from doubles.rollout_rig import DIGEST, POLICY, proxy_rig, proxy_share, set_faults

LOOKS = "  look-seconds: 0.5\n"
ENFORCED = {"README.md": "# A shop\n", ".github/signalbox.yml": "mode: enforce\n" + POLICY + LOOKS}


def inputs(rig, **more):
    arms = {"canary": rig.canary, "baseline": rig.baseline}
    return {
        "digest": DIGEST,
        "environment": "staging",
        "deployment": "web",
        "slices": "20,100",
        "slice-seconds": "20",
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


def test_a_healthy_canary_reaches_all_traffic(runner, repository, tmp_path):
    shop = repository(ENFORCED)
    with proxy_rig(tmp_path) as rig:
        start = {"start-command": 'echo "$DIGEST in $ENVIRONMENT" > "$STUB_STORE/started"'}
        run = runner.call(shop, "deploy.yml", inputs(rig, **start))
        assert run.code == 0, run.explain()
        assert proxy_share(rig) == 100
    called = run.outputs("called")
    assert (called["verdict"], called["mode"], called["last-slice"]) == ("proceed", "enforce", "100")
    assert (run.store / "started").read_text() == f"{DIGEST} in staging\n"
    events = [json.loads(x) for x in run.file("signalbox-rollout-staging", "audit.jsonl").splitlines()]
    assert [e["move"]["ordered"] for e in events if e["event"] == "moved"] == [20, 100]
    assert any(name.startswith("signalbox-decision-") for name in run.artifacts)


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


def test_without_approval_production_keeps_a_floor_and_the_job_does_not_pass(runner, repository, tmp_path):
    shop = repository(ENFORCED)
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.3)
        run = runner.call(shop, "deploy.yml", inputs(rig, environment="production"))
        assert proxy_share(rig) == pytest.approx(1)
    assert run.result("deploy") == "failure"


def test_observing_moves_nothing_and_passes(runner, repository, tmp_path):
    shop = repository({"README.md": "# A shop\n", ".github/signalbox.yml": POLICY + LOOKS})
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.5)
        run = runner.start(shop, "deploy.yml", inputs(rig, **{"slice-seconds": "2"}))
        assert proxy_share(rig) == 0
    assert run.code == 0, run.explain()
    assert run.outputs("monitor").get("verdict") == "hold", run.explain()
