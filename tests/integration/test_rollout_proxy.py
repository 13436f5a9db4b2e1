"""The monitor with real services, a real weighted proxy and real load; signals straight from /metrics."""

import json
import signal
import subprocess
import sys
import time

import pytest

from doubles.rollout_rig import (
    DIGEST,
    POLICY,
    ROOT,
    Load,
    Rig,
    environment,
    proxy_rig,
    proxy_share,
    service,
    set_faults,
    wait_for,
)

pytestmark = pytest.mark.real


def codes(decision):
    return [reason["code"] for reason in decision["reasons"]]


def approval(tmp_path, **changes):
    path = tmp_path / "approval.json"
    path.write_text(
        json.dumps(
            {
                "schema_version": 1,
                "deployment": "web",
                "digest": DIGEST,
                "environment": "production",
                "approved_by": "kim",
                "role": "platform-engineer",
                "approved_at": "2020-01-01T00:00:00Z",
                "expires_at": "2099-01-01T00:00:00Z",
                **changes,
            }
        )
    )
    return f"--standing-approval={path}"


def test_a_healthy_canary_reaches_all_traffic_and_its_decision_can_be_made_again(tmp_path):
    with proxy_rig(tmp_path) as rig:
        done = rig.run()
        assert done.returncode == 0, done.stderr
        assert proxy_share(rig) == 100
    decision = rig.verdict()
    assert decision["verdict"] == "proceed"
    assert codes(decision) == ["CERTIFIED", "SLO_ONLY"]
    moves = [event["move"] for event in rig.events("moved")]
    assert [move["ordered"] for move in moves] == [20, 100]
    assert all(abs(move["seen"] - move["ordered"]) < 10 for move in moves)
    assert "needs about" in done.stderr
    (bundle,) = (tmp_path / "bundles").iterdir()
    from signalbox.kinds import replay

    assert replay(bundle.read_bytes()).same


def test_a_faulty_canary_is_rolled_back_and_its_digest_is_never_deployed_again(tmp_path):
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.2)
        done = rig.run()
        assert done.returncode == 1, done.stderr
        assert proxy_share(rig) == 0
        assert codes(rig.verdict())[0] == "CANARY_WORSE"
        set_faults(rig.canary, errors=0.0)
        again = rig.run()
        assert again.returncode == 1, again.stderr
        assert codes(rig.verdict())[0] == "KNOWN_BAD"
        assert proxy_share(rig) == 0
    assert [event["move"]["ordered"] for event in rig.events("moved")] == [20, 0]


def test_a_slow_canary_is_rolled_back_though_it_never_fails(tmp_path):
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, slow=0.3)
        done = rig.run()
        assert done.returncode == 1, done.stderr
        assert "share of slow requests" in rig.verdict()["reasons"][0]["text"]
        assert proxy_share(rig) == 0


def test_both_arms_failing_together_is_held_and_not_blamed_on_the_canary(tmp_path):
    with proxy_rig(tmp_path) as rig:
        for port in (rig.canary, rig.baseline):
            set_faults(port, errors=0.1)
        (tmp_path / "repo" / ".github").mkdir(parents=True)
        (tmp_path / "repo" / ".github" / "signalbox.yml").write_text(POLICY + "  deadline-seconds: 6\n")
        done = rig.run(seconds=6)
        assert done.returncode == 3, done.stderr
        assert proxy_share(rig) == 20
    assert "SHARED_INCIDENT" in codes(rig.verdict())


def test_production_without_approval_keeps_the_floor_share_and_proposes(tmp_path):
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.3)
        done = rig.run("--environment", "production")
        assert proxy_share(rig) == pytest.approx(1)
        assert rig.verdict()["outputs"]["ending"] == "proposed"
        assert "NEEDS_APPROVAL" in codes(rig.verdict())
        assert rig.events("proposal")
        proposal = subprocess.run(
            [sys.executable, ROOT / "scripts" / "propose_rollback.py", "--decision", rig.decision,
             "--severity", "high", "--format", "json", "--repo", tmp_path],
            capture_output=True, text=True, env=environment(), timeout=60,
        )  # fmt: skip
        assert proposal.returncode == 3, proposal.stderr
        assert json.loads(proposal.stdout)["digest"] == DIGEST
        # An approval for another digest is none; the right one carries the rollback out.
        refused = rig.run("--environment", "production", approval(tmp_path, digest="sha256:" + "cd" * 32))
        assert proxy_share(rig) == pytest.approx(1)
        assert "another digest" in refused.stderr
        approved = rig.run("--environment", "production", approval(tmp_path))
        assert proxy_share(rig) == 0
    assert done.returncode == 3, done.stderr
    assert refused.returncode == 3, refused.stderr
    assert approved.returncode == 1, approved.stderr
    assert "kim" in approved.stderr


def test_with_a_standing_approval_production_rolls_back_by_itself(tmp_path):
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.3)
        done = rig.run("--environment", "production", approval(tmp_path))
        assert done.returncode == 1, done.stderr
        assert proxy_share(rig) == 0


def test_observing_moves_nothing_and_says_what_it_would_have_done(tmp_path):
    with proxy_rig(tmp_path) as rig:
        set_faults(rig.canary, errors=0.5)
        done = rig.run("--mode", "observe", seconds=2)
        assert proxy_share(rig) == 0
        assert not rig.state.exists()
    assert "traffic was not moved" in done.stdout
    assert rig.verdict()["verdict"] == "hold"


def test_killed_monitor_leaves_no_lock_and_the_next_run_resumes(tmp_path):
    with proxy_rig(tmp_path) as rig:
        with rig.start() as monitor:
            wait_for(lambda: len(rig.events("look")) >= 2, what="two looks")
            locked = rig.run()
            monitor.kill()
            monitor.wait(10)
        assert locked.returncode == 2
        assert "another monitor" in locked.stderr
        assert proxy_share(rig) == 20
        done = rig.run()
        assert done.returncode == 0, done.stderr
        assert proxy_share(rig) == 100
    assert rig.events("resumed")
    assert len({event["rollout"] for event in rig.events("look")}) == 1


def test_killed_monitor_of_a_faulty_canary_retreats_when_run_again(tmp_path):
    with proxy_rig(tmp_path) as rig:
        with rig.start() as monitor:
            wait_for(lambda: rig.events("look"), what="a look")
            monitor.kill()
            monitor.wait(10)
        set_faults(rig.canary, errors=0.3)
        done = rig.run()
        assert done.returncode == 1, done.stderr
        assert proxy_share(rig) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_monitor_freezes_the_traffic_and_says_so(tmp_path, number):
    with proxy_rig(tmp_path) as rig:
        with rig.start() as monitor:
            wait_for(lambda: rig.events("look"), what="a look")
            monitor.send_signal(number)
            said = monitor.communicate(timeout=20)[0].decode()
            assert monitor.returncode == 3, said
        assert "frozen" in said
        assert proxy_share(rig) == 20
        time.sleep(0.5)
        assert proxy_share(rig) == 20
    assert rig.events("end")[-1]["ending"] == "interrupted"


def test_stopped_while_its_signals_hang_it_ends_within_the_seconds_that_actions_leaves(tmp_path):
    """SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL; an adapter that cannot count asks the signals too."""
    rig = Rig(tmp_path)
    script = tmp_path / "traffic.sh"
    script.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"\n'
        'if [ "$1" = set ]; then echo "{\\"canary\\": $3, \\"baseline\\": $5}" > said; fi\n'
        'cat said 2>/dev/null || echo \'{"canary": 0, "baseline": 100}\'\n'
    )
    script.chmod(0o755)
    rig.traffic = f"command:{script}"
    with (
        service(tmp_path, "canary") as (rig.canary, canary),
        service(tmp_path, "baseline") as (rig.baseline, baseline),
        Load(rig.canary, 20, clients=1),
        Load(rig.baseline, 80, clients=1),
        rig.start() as monitor,
    ):
        wait_for(lambda: rig.events("look"), what="a look")
        for one in (canary, baseline):
            one.send_signal(signal.SIGSTOP)
        wait_for(lambda: rig.events("look")[-1]["look"].get("state") == "timeout", 20, "a look that hangs")
        monitor.send_signal(signal.SIGINT)
        said = monitor.communicate(timeout=9)[0].decode()
        for one in (canary, baseline):
            one.send_signal(signal.SIGCONT)
    assert monitor.returncode == 3, said
    assert "frozen" in said
    assert rig.verdict()["outputs"]["ending"] == "interrupted"


def test_two_monitors_of_one_proxy_exclude_each_other_whatever_their_state_files(tmp_path):
    with proxy_rig(tmp_path) as rig, rig.start():
        wait_for(lambda: rig.events("look"), what="a look")
        state, rig.state = rig.state, tmp_path / "other.json"
        second = rig.run(slices="40,100")
        assert second.returncode == 2, second.stderr
        assert "another monitor holds this rollout" in second.stderr
        assert proxy_share(rig) == 20
        assert not rig.state.exists()
        rig.state = state


def test_a_restarted_or_vanished_canary_is_held_and_neither_promoted_nor_blamed(tmp_path):
    with proxy_rig(tmp_path) as rig:
        (tmp_path / "repo" / ".github").mkdir(parents=True)
        (tmp_path / "repo" / ".github" / "signalbox.yml").write_text(POLICY + "  deadline-seconds: 5\n")
        with service(tmp_path, "extra") as (port, child):
            rig.signals = [*rig.metrics()[1:], f"--metrics-url=canary=http://127.0.0.1:{port}/metrics"]
            with rig.start(seconds=5) as monitor:
                wait_for(lambda: rig.events("look"), what="a look")
                child.kill()
                child.wait(10)
                said = monitor.communicate(timeout=40)[0].decode()
                assert monitor.returncode == 3, said
        assert proxy_share(rig) == 20
    assert "SIGNAL_DOWN" in codes(rig.verdict())
    assert {event["verdict"] for event in rig.events("look")} == {"hold"}


def test_an_adapter_that_accepts_and_does_nothing_is_found_out(tmp_path):
    lazy = tmp_path / "lazy.sh"
    lazy.write_text('#!/bin/sh\necho \'{"canary": 0, "baseline": 100}\'\n')
    lazy.chmod(0o755)
    with proxy_rig(tmp_path) as rig:
        rig.traffic = f"command:{lazy}"
        done = rig.run()
        assert done.returncode == 3, done.stderr
    assert "nothing moved" in rig.verdict()["reasons"][0]["text"]


def test_an_adapter_that_lies_is_found_out_by_where_the_requests_go(tmp_path):
    liar = tmp_path / "liar.sh"
    liar.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"\n'
        'if [ "$1" = set ]; then echo "{\\"canary\\": $3, \\"baseline\\": $5}" > said; fi\n'
        'cat said 2>/dev/null || echo \'{"canary": 0, "baseline": 100}\'\n'
    )
    liar.chmod(0o755)
    with proxy_rig(tmp_path) as rig:
        rig.traffic = f"command:{liar}"
        done = rig.run()
        assert done.returncode == 3, done.stderr
    assert "the canary got 0%" in rig.verdict()["reasons"][0]["text"]


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Ports of two services that answer, for whoever only reads them."""
    folder = tmp_path_factory.mktemp("services")
    with service(folder, "one") as (port, _), service(folder, "two") as (other, _):
        yield port, other


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--slices", "50,20,100"], "do not increase"),
        (["--slices", "10,50"], "not 100"),
        (["--slices", "ten"], "not a list of percentages"),
        (["--slices", "0,100"], "above 0"),
        (["--digest", "latest"], "is not a digest"),
        (["--deployment", "web; rm"], "not the name"),
        (["--traffic", "proxy:http://127.0.0.1:9"], "cannot be steered"),
        (["--traffic", "teleport:x"], "names no traffic adapter"),
        (["--metrics-url", "canary"], "does not say whose"),
        (["--prometheus", "http://127.0.0.1:9"], "one of the two"),
        (["--standing-approval", "/nowhere"], "cannot be read"),
        (["--slice-seconds", "-1"], "positive"),
        (["--slice-seconds", "nan"], "positive"),
        (["--look-seconds", "inf"], "positive and finite"),
        (["--look-seconds", "300"], "shorter than the time between two looks"),
        (["--error-objective", "5"], "positive and below 1"),
        (["--sweep", "yes", "--mode", "observe"], "needs mode enforce"),
        (["--serve", "here"], "is not HOST:PORT"),
        (["--deployment-status", "yes"], "no repository is named"),
    ],
)
def test_bad_input_is_refused_before_any_traffic_moves(tmp_path, services, wrong, said):
    script = tmp_path / "traffic.sh"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho \'{{"canary": 0, "baseline": 100}}\'\n'
    )
    script.chmod(0o755)
    rig = Rig(tmp_path)
    rig.canary, rig.baseline = services
    rig.traffic = f"command:{script}"
    done = rig.run(*wrong)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    asked = tmp_path / "asked"
    assert not asked.exists() or "set" not in asked.read_text()


def test_a_baseline_that_cannot_be_measured_stops_it_before_any_traffic_moves(tmp_path):
    with proxy_rig(tmp_path) as rig:
        rig.signals = [rig.metrics()[0], "--metrics-url=baseline=http://127.0.0.1:9/metrics"]
        done = rig.run(seconds=1)
        assert done.returncode == 2, done.stdout
        assert "no traffic was moved" in done.stderr
        assert proxy_share(rig) == 0


def test_the_state_of_another_deployment_or_from_the_future_is_refused(tmp_path):
    with proxy_rig(tmp_path) as rig:
        with rig.start() as monitor:
            wait_for(lambda: rig.events("look"), what="a look")
            monitor.kill()
        state = json.loads(rig.state.read_text())
        rig.state.write_text(json.dumps({**state, "updated_at": "2999-01-01T00:00:00Z"}))
        future = rig.run()
        rig.state.write_text(json.dumps({**state, "deployment": "other"}))
        other = rig.run()
        rig.state.write_text("{")
        broken = rig.run()
    assert [future.returncode, other.returncode, broken.returncode] == [2, 2, 2]
    assert "jumped back" in future.stderr
    assert "'other'" in other.stderr
    assert "not a rollout's state" in broken.stderr
