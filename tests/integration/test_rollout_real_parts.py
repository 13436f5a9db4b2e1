"""The whole monitor on real parts: Prometheus scraping real services, HAProxy splitting real requests."""

import pytest

from doubles.metrics_stack import canary_requests, haproxy_rig, prometheus, weight
from doubles.rollout_rig import free_port, set_faults, wait_for

pytestmark = pytest.mark.real


def test_prometheus_and_haproxy_bring_a_healthy_canary_through_an_outage_of_prometheus(tmp_path):
    """Killed midway, Prometheus makes the monitor hold; when it is back the rollout goes on to the end."""
    with haproxy_rig(tmp_path) as rig:
        port = free_port()
        rig.signals = [f"--prometheus=http://127.0.0.1:{port}"]
        with prometheus(tmp_path, rig, port) as server, rig.start(look=0.7) as monitor:
            wait_for(lambda: rig.events("look"), 20, "a look")
            server.kill()
            server.wait(10)

            def missing():
                return [event for event in rig.events("look") if event["look"].get("state") == "down"]

            wait_for(lambda: len(missing()) >= 3, 20, "looks without Prometheus")
            assert {event["verdict"] for event in missing()} == {"hold"}
            assert weight(rig, "c1") == 20 * weight(rig, "b1") / 80
            with prometheus(tmp_path, rig, port):
                said = monitor.communicate(timeout=60)[0].decode()
                assert monitor.returncode == 0, said
        assert weight(rig, "b1") == 0
        assert weight(rig, "c1") > 0
    assert rig.verdict()["verdict"] == "proceed"
    # Nothing was promoted on the looks without data.
    verdicts = [(event["look"].get("state", "ok"), event["verdict"]) for event in rig.events("look")]
    assert {state for state, verdict in verdicts if verdict == "proceed"} == {"ok"}


def test_prometheus_and_haproxy_roll_a_faulty_canary_back_to_no_traffic(tmp_path):
    with haproxy_rig(tmp_path) as rig:
        port = free_port()
        rig.signals = [f"--prometheus=http://127.0.0.1:{port}"]
        with prometheus(tmp_path, rig, port):
            set_faults(rig.canary, errors=0.2, slow=0.2)
            done = rig.run(look=0.7)
        assert done.returncode == 1, done.stderr
        assert weight(rig, "c1") == 0
        assert canary_requests(rig) == 0
    assert rig.verdict()["reasons"][0]["code"] == "CANARY_WORSE"


def test_haproxy_moved_by_someone_else_stops_the_rollout_where_it_is(tmp_path):
    from signalbox.rollout.traffic.haproxy import HAProxy

    with haproxy_rig(tmp_path) as rig:
        with rig.start() as monitor:
            wait_for(lambda: rig.events("look"), 20, "a look")
            HAProxy(f"unix:{rig.socket}", backend="web", canary=["c1"], baseline=["b1"]).write(70)
            said = monitor.communicate(timeout=30)[0].decode()
            assert monitor.returncode == 3, said
        assert "someone moved it" in said
    assert "PROBLEM" in [reason["code"] for reason in rig.verdict()["reasons"]]


def test_killed_between_two_steps_the_real_haproxy_is_brought_to_the_end(tmp_path):
    with haproxy_rig(tmp_path) as rig:
        with rig.start() as monitor:
            wait_for(lambda: rig.events("moved"), 20, "the first move")
            monitor.kill()
            monitor.wait(10)
        done = rig.run()
        assert done.returncode == 0, done.stderr
        assert weight(rig, "b1") == 0


RATIOS = """\
  signals: [errors]
  ratios:
    - name: checkouts
      total: sum(http_requests_total{$selector})
      %s
      objective: 0.05
      min-excess: 0.05
"""
BAD = 'bad: sum(http_requests_total{$selector,code="500"}) or vector(0)'
GOOD = 'good: sum(http_requests_total{$selector,code!~"5.."})'


# Satisfied within 0.05 s, and half of those that tolerate 0.1 s.
SUM = 'sum(http_request_duration_seconds_bucket{$selector,le="%s"})'
APDEX = f"good: ({SUM % 0.05} + {SUM % 0.1}) / 2"


@pytest.mark.parametrize("part", [BAD, GOOD, APDEX])
def test_a_ratio_of_the_callers_own_rolls_back(tmp_path, part):
    with haproxy_rig(tmp_path) as rig:
        port = free_port()
        rig.signals = [f"--prometheus=http://127.0.0.1:{port}"]
        rig.command()
        # Errors as such are not acted upon here, so that what acts is the ratio.
        policy = tmp_path / "repo" / ".github" / "signalbox.yml"
        policy.write_text(
            policy.read_text().replace("min-excess: 0.05", "min-excess: 0.9", 1) + RATIOS % part
        )
        with prometheus(tmp_path, rig, port):
            set_faults(rig.canary, errors=0.2, slow=0.3)
            done = rig.run(look=0.7)
        assert done.returncode == 1, done.stderr
        assert weight(rig, "c1") == 0
    reason = rig.verdict()["reasons"][0]
    assert reason["code"] == "CANARY_WORSE"
    assert "rate of checkouts" in reason["text"]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("bad: http_requests_total{$selector}[5m]", "gives a matrix, not a number"),
        ("bad: sum(http_requests_total{$selector", "does not understand the query"),
        ("bad: '`$selector`'", "gives a string, not a number"),
        ("bad: sum(http_requests_total)", "does not say whose counts it wants"),
        ('bad: http_requests_total{$selector,code="418"}', "0 series where one was asked for"),
        (
            "bad: '{__name__=~\"http_requests_total|process_start_time_seconds\",$selector}'",
            "series where one",
        ),
    ],
)
def test_a_ratio_that_is_no_number_is_refused_before_anything_moves(tmp_path, part, why):
    with haproxy_rig(tmp_path) as rig:
        port = free_port()
        rig.signals = [f"--prometheus=http://127.0.0.1:{port}"]
        rig.command()
        policy = tmp_path / "repo" / ".github" / "signalbox.yml"
        policy.write_text(policy.read_text() + RATIOS % part)
        with prometheus(tmp_path, rig, port):
            done = rig.run(look=0.5, seconds=3)
        assert done.returncode == 2, done.stderr
        assert why in done.stderr
        assert weight(rig, "c1") == 0
