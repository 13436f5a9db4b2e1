"""Rollback by policy: escalation, a person's yes, a drill; and a production prompt stays secret."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signalbox.config.environments import Calendar
from signalbox.decision import Subject
from signalbox.errors import SignalboxError
from signalbox.gates import rollback

ROOT = Path(__file__).parents[2]
BENCH = str(ROOT / "bench")
sys.path.insert(0, BENCH)
try:
    import gates_world
finally:
    sys.path.remove(BENCH)

NOW = "2026-03-02T12:00:00Z"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    world = gates_world.World(tmp_path_factory.mktemp("rollback"))
    world.policy(gates_world.shipped())
    return world


def propose(here, severity="high", where="production"):
    record = here.repo / ".git" / "incident.json"
    what = ("--deployment", "web", "--digest", gates_world.DIGEST, "--environment", where)
    more = ("--severity", severity, "--reason", "errors at 4%", "--record", str(record))
    here.ask("propose_rollback", *what, *more)
    return record


def later(record, **change):
    """The same incident, proposed so many minutes ago."""
    plain = json.loads(record.read_text())
    record.write_text(json.dumps(plain | change))


def ago(minutes):
    moment = datetime.now(UTC) - timedelta(minutes=minutes)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def test_a_deadline_that_passes_escalates_and_is_in_the_log(here):
    record = propose(here)
    assert here.ask("propose_rollback", "--escalate", "--record", str(record)).code == 3
    assert json.loads(record.read_text())["status"] == "proposed"
    later(record, decide_by=ago(1))
    assert here.ask("propose_rollback", "--escalate", "--record", str(record)).code == 3
    found = json.loads(record.read_text())
    assert (found["status"], found["log"][-1]["status"]) == ("escalated", "escalated")
    assert "platform-engineer" in found["decides"]


def test_a_sprint_that_ends_escalates_what_was_only_logged(here):
    record = propose(here, "low")
    assert json.loads(record.read_text())["status"] == "logged"
    assert here.ask("propose_rollback", "--escalate", "--record", str(record)).code == 0
    later(record, fix_by=ago(1))
    assert here.ask("propose_rollback", "--escalate", "--record", str(record)).code == 3


def consent(here, by, file, **change):
    question = {"agent": "ops-agent", "environment": "production", "action": "execute-rollback"} | change
    arguments = [word for key, value in question.items() for word in (f"--{key}", value)]
    done = here.ask("authorize_agent", *arguments, "--digest", gates_world.DIGEST, "--approve", by,
                    "--key", str(here.keys / by), "--approval", str(file))  # fmt: skip
    assert done.code == 0, done.output


@pytest.mark.parametrize(
    ("by", "change", "approved"),
    [
        ("pete", {}, True),
        ("dora", {}, False),
        ("pete", {"action": "deploy"}, False),
        ("pete", {"agent": "platform-agent"}, False),
        ("pete", {"environment": "staging"}, False),
    ],
    ids=["the holder", "another person", "another action", "another agent", "another place"],
)
def test_a_rollback_needs_the_yes_of_who_holds_the_role(here, tmp_path, by, change, approved):
    record, file, standing = propose(here), tmp_path / "yes.json", tmp_path / "standing.json"
    consent(here, by, file, **change)
    more = ("--approval", str(file), "--standing-approval", str(standing))
    found = here.ask("propose_rollback", "--record", str(record), *more)
    assert (found.code == 0) == approved, found.output
    assert standing.exists() == approved
    if approved:
        from signalbox.rollout.authority import read_approval

        assert read_approval(standing).approved_by == by
        assert json.loads(record.read_text())["log"][-1]["by"] == by


def test_a_changed_approval_counts_for_nothing(here, tmp_path):
    record, file = propose(here), tmp_path / "yes.json"
    consent(here, "dora", file)
    plain = json.loads(file.read_text())
    plain["payload"]["by"] = "pete"
    file.write_text(json.dumps(plain))
    assert here.ask("propose_rollback", "--record", str(record), "--approval", str(file)).code == 3


def test_the_agent_may_execute_with_that_yes_and_not_without(here, tmp_path):
    file = tmp_path / "yes.json"
    consent(here, "pete", file)
    question = ("--agent", "ops-agent", "--environment", "production", "--action", "execute-rollback",
                "--digest", gates_world.DIGEST)  # fmt: skip
    assert here.ask("authorize_agent", *question).code == 3
    assert here.ask("authorize_agent", *question, "--approval", str(file)).code == 0


def test_no_record_is_no_incident(here, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    assert here.ask("propose_rollback", "--escalate", "--record", str(bad)).code == 2


class Engine:
    """A traffic engine that forgets, refuses or obeys."""

    def __init__(self, share=10.0, stuck=None):
        self.share, self.stuck = share, stuck

    def describe(self):
        return "engine"

    def read(self):
        if self.stuck == "blind":
            raise SignalboxError("it does not answer")
        return self.share

    def move(self, percent):
        if self.stuck == percent:
            raise SignalboxError("nothing moved")
        self.share = percent
        return percent


@pytest.mark.parametrize(
    ("stuck", "status", "left"),
    [(None, "pass", 10.0), (0.0, "fail", 10.0), (10.0, "fail", 0.0), ("blind", "not_verified", 10.0)],
)
def test_a_drill_passes_only_when_zero_was_read_back_and_the_share_restored(stuck, status, left):
    engine = Engine(stuck=stuck)
    found = rollback.drill(
        engine, engine.move, adapter="proxy", deployment="web", subject=Subject(), now=NOW, clock=lambda: 0.0
    )
    assert (found.status, engine.share, found.tier) == (status, left, "live-acceptance")
    assert found.facts["adapter"] == "proxy"


def test_a_drill_never_runs_in_production_and_moves_nothing_while_observing(here):
    arguments = (
        "--drill",
        "--deployment",
        "web",
        "--digest",
        gates_world.DIGEST,
        "--traffic",
        "proxy:http://127.0.0.1:9",
    )
    assert (
        here.ask("propose_rollback", *arguments, "--environment", "production", "--mode", "enforce").code == 2
    )
    found = here.ask("propose_rollback", *arguments, "--environment", "staging")
    assert (found.code, "only observed" in found.output) == (0, True)


@pytest.mark.parametrize(
    ("now", "later_sprints", "ends"),
    [
        ("2026-01-05T00:00:00Z", 0, "2026-01-19T00:00:00Z"),
        ("2026-01-18T23:59:59Z", 0, "2026-01-19T00:00:00Z"),
        ("2026-01-19T00:00:00Z", 0, "2026-02-02T00:00:00Z"),
        ("2026-01-06T00:00:00Z", 1, "2026-02-02T00:00:00Z"),
        ("2025-01-01T00:00:00Z", 0, "2026-01-19T00:00:00Z"),
    ],
)
def test_sprints_end_by_the_calendar(now, later_sprints, ends):
    assert rollback.sprint_end(Calendar(), now, later_sprints) == ends


@pytest.mark.parametrize("kind", ["haproxy", "proxy"])
def test_a_drill_of_a_real_proxy_is_what_gate_six_asks_for(here, tmp_path, kind):
    """By the command line: the proxy is moved and is where it was; gate 6 takes it for this adapter alone."""
    from doubles.metrics_stack import haproxy_rig
    from doubles.rollout_rig import proxy_rig

    drill = tmp_path / "evidence" / "drill.json"
    command = [sys.executable, str(ROOT / "scripts" / "propose_rollback.py"), "--repo", str(here.repo)]
    command += ["--drill", "--mode", "enforce", "--environment", "staging", "--deployment", "web"]
    command += ["--digest", gates_world.DIGEST, "--evidence", str(drill), "--format", "text"]
    with (haproxy_rig if kind == "haproxy" else proxy_rig)(tmp_path, per_second=40) as rig:
        done = subprocess.run([*command, "--traffic", rig.traffic], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(drill.read_text())
    assert (shown["status"], shown["facts"]["adapter"]) == ("pass", kind)
    assert any("took it to 0%" in step for step in shown["facts"]["steps"])
    made = {"rollback-tested": {name: shown[name] for name in ("status", "subject", "observed_at", "facts")}}
    tables = gates_world.shipped()
    for adapter, verdict in ((kind, "PASS"), ("argo", "NOT_VERIFIED")):
        found = here.gate(tables, "gate-6", change=made, more=("--adapter", adapter))
        assert found.verdict == verdict, found.output
