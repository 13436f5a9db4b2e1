"""One call of every script that must permit nothing, and every way in which text can come into it.

Inputs are found, not listed: the options that a script's parser knows, the inputs of its ``action.yml``, and
the variables of the runner that the sources read.
"""

from __future__ import annotations

import argparse
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from workflow_files import ROOT, read, steps

from signalbox.decision import sha256_hex

SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))
SHA = "a" * 40
DIGEST = "sha256:" + "b" * 64
NOWHERE = "http://127.0.0.1:9"
MORE = '{"commands":[{"command":"false","suite":"s","tests":[]}],"files":[],"functions":[]}'
METRICS = "http://127.0.0.1:9/metrics"
"""Answered by the world: counters that stand still, from which nothing follows."""
# What every script takes; see signalbox.cli.
COMMON = frozenset(
    ("repo", "config", "policy-ref", "environment", "ledger", "out", "bundles", "format", "mode", "fail-on")
)
# Options whose value is run by design: the caller's own command, written in the caller's own workflow.
COMMANDS = {
    ("run_e2e", "integration"): "the suite that the caller's workflow names",
    ("run_e2e", "e2e"): "the same for the end-to-end suite",
    ("index_tests", "env:SUITE"): "the suite that the caller's workflow names",
    ("bench_pairs", "prepare"): "prepares a revision; a person types it",
}
# Inputs by which the caller, who writes the workflow, may say that there is nothing to guard.
LOOSENS = {
    ("check_gate", "not-applicable"): "says so in so many words",
    ("record_phase", "folder"): "where no flow was ever declared, nothing is guarded",
}
# Options that name a place to write to: there, and nowhere else, a file may come to be.
WRITES = frozenset(
    {
        *(
            "out",
            "bundles",
            "ledger",
            "tests-out",
            "shards-out",
            "record",
            "index",
            "cache",
            "results",
            "store",
        ),
        *(
            "markdown",
            "export",
            "sent",
            "pairs-out",
            "audit",
            "state",
            "attestation",
            "hand-over",
            "evidence",
        ),
        *("standing-approval", "folder", "approval", "approvals", "write-baseline", "work", "add-trailers"),
        *("promptfoo", "metrics-out"),
    }
)


@dataclass(frozen=True)
class Scene:
    """One call of a script that must not permit anything."""

    script: str
    options: dict[str, str] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)
    name: str = ""
    kind: str = ""
    """The kind of its verdict; empty where it gives none."""
    permits: bool = False
    """Whether the plain call ends with 0: it decides nothing, or what it decides denies nothing."""

    @property
    def title(self) -> str:
        return self.script + (f" {self.name}" if self.name else "")


_SUBJECT = {"repo": "", "digest": DIGEST, "sha": SHA}
SCENES = (
    Scene("select_tests", {"base": "HEAD~1", "tests-out": "tests.txt"}, kind="test-plan", permits=True),
    Scene(
        "plan_concurrency",
        {"plan": "plan.json", "history": "history.json", "shards-out": "shards"},
        kind="concurrency",
        permits=True,
    ),
    Scene(
        "score_artifact",
        {
            "evidence": "reports",
            "baseline": "reports",
            "digest": DIGEST,
            "sha": SHA,
            "attestation": "attested",
            "ledger": "ledger",
        },
        kind="promotion",
    ),
    Scene("promote", {"decision": "block.json", "digest": DIGEST, "registry": "127.0.0.1:9/acme/shop"}),
    Scene(
        "promote",
        {
            "decision": "review.json",
            "digest": DIGEST,
            "image-policy": "policy.yaml",
            "range": "1.0.0",
            "comment": "1",
            "standing-approval": "approval.json",
        },
        name="pull request",
    ),
    Scene(
        "monitor_rollout",
        {
            "deployment": "web",
            "digest": DIGEST,
            "slices": "100",
            "slice-seconds": "1",
            "look-seconds": "0.5",
            "metrics-url": f"canary={METRICS}\nbaseline={METRICS}",
            "mode": "observe",
        },
        kind="rollout",
        permits=True,
    ),
    Scene(
        "monitor_rollout",
        {
            "deployment": "web",
            "digest": DIGEST,
            "traffic": f"proxy:{NOWHERE}",
            "state": "state.json",
            "prometheus": NOWHERE,
            "environment": "staging",
        },
        name="moving",
    ),
    Scene(
        "check_gate",
        {
            "gate": "gate-5",
            "evidence": "reports",
            "digest": DIGEST,
            "sha": SHA,
            "approvals": "approvals.json",
            "hand-over": "hand-over.json",
            "needs": '{"unit": {"result": "failure"}}',
        },
        kind="gate",
    ),
    Scene(
        "check_gate",
        {
            "gate": "gate-3",
            "base": "HEAD~1",
            "evidence": "reports",
            "incidents": "reports",
            "pusher": "ada",
            "nonce": "1",
        },
        name="of a change",
        kind="gate",
    ),
    Scene(
        "check_gate",
        {
            "entering": "staging",
            "ref": "feature",
            "data": "secrets",
            "value": "production-vault",
            "origin": "production",
        },
        name="entering",
        kind="gate",
    ),
    Scene(
        "check_gate",
        {"gate": "evidence", "claims": "claims.json", "digest": DIGEST},
        name="evidence",
        kind="gate",
    ),
    Scene("check_gate", {"gate": "readiness", "claims": "claims.json"}, name="readiness", kind="readiness"),
    Scene(
        "check_gate",
        {
            "approve": "ada",
            "role": "qa-lead",
            "key": "no-key",
            "approvals": "approvals.json",
            "gate": "gate-5",
            "digest": DIGEST,
            "nonce": "1",
        },
        name="approving",
    ),
    Scene(
        "authorize_agent",
        {
            "agent": "developer-agent",
            "environment": "production",
            "action": "deploy",
            "inputs": "x",
            "outputs": "y",
            "approval": "signed.json",
            "digest": DIGEST,
        },
        kind="authorization",
    ),
    Scene(
        "authorize_agent",
        {
            "agent": "ops-agent",
            "environment": "production",
            "action": "monitor",
            "identity-token": "token.txt",
            "identity-keys": "keys.json",
        },
        name="by token",
    ),
    Scene(
        "run_evals",
        {"results": "reports/unit.xml", "digest": DIGEST, "sha": SHA, "skip": "e2e=no time"},
        kind="evals",
    ),
    Scene(
        "run_e2e",
        {
            "url": NOWHERE,
            "integration": "false",
            "digest": DIGEST,
            "sha": SHA,
            "results": "e2e",
            "digest-url": f"{NOWHERE}/version",
            "admin-url": f"{NOWHERE}/admin",
        },
        kind="evals",
        environ={"DEV_API_KEY": "k"},
    ),
    Scene(
        "run_shard",
        {
            "shard": json.dumps(
                {
                    "artifact": "results-1",
                    "file": "shard-1.txt",
                    "tests": 0,
                    "sha256": sha256_hex(b"t\n"),
                    "more": "shard-1.json",
                    "more-sha256": sha256_hex(MORE.encode()),
                }
            ),
            "plan": "plan",
            "results": "results",
        },
    ),
    Scene("index_tests", {"index": "index.sqlite"}, argv=("false",)),
    Scene("bench_pairs", {"baseline": "HEAD~1", "pairs": "1", "pairs-out": "pairs.json"}, argv=("false",)),
    Scene(
        "validate_dispatch",
        {"event-type": "signalbox-rollback", "payload-file": "payload.json"},
        permits=True,
    ),
    Scene("post_comment", {"decisions": "plans", "head": "acme:feature", "sha": SHA}, permits=True),
    Scene(
        "post_status",
        {
            "verdicts": "evals=FAIL e2e=PASS",
            "digest": DIGEST,
            "sha": SHA,
            "base": "main",
            "target": "https://example.com/run",
        },
        permits=True,
    ),
    Scene("require_review", {"reviewed": "production"}),
    Scene(
        "require_review",
        {
            "reviewed": "production",
            "run-id": "1",
            "not-by": "ada",
            "deployment": "web",
            "digest": DIGEST,
            "environment": "production",
            "standing-approval": "standing.json",
        },
        name="approval",
        permits=True,
    ),
    Scene(
        "propose_rollback",
        {
            "deployment": "web",
            "digest": DIGEST,
            "environment": "production",
            "severity": "high",
            "reason": "it fails",
            "record": "new-incident.json",
        },
    ),
    Scene(
        "propose_rollback",
        {"decision": "rollback.json", "environment": "production", "severity": "high"},
        name="of a decision",
    ),
    Scene("propose_rollback", {"record": "incident.json", "approval": "signed.json"}, name="approved"),
    Scene(
        "propose_rollback",
        {
            "drill": "true",
            "environment": "staging",
            "deployment": "web",
            "digest": DIGEST,
            "traffic": f"proxy:{NOWHERE}",
            "evidence": "drill.json",
        },
        name="drill",
    ),
    Scene(
        "record_phase",
        {"what": "begin", "folder": "work-item", "work-item": "ABC-1", "by": "ada"},
        permits=True,
    ),
    Scene(
        "record_phase",
        {"what": "advance", "folder": "begun", "to": "release-readiness", "reason": "r"},
        name="advance",
    ),
    Scene(
        "record_phase",
        {"what": "record", "folder": "begun", "phase": "plan-work", "record": "claims.json"},
        name="record",
    ),
    Scene(
        "record_phase",
        {"what": "trust", "record": "claims.json", "artifact": "block.json", "providers": "name=authority"},
        name="trust",
    ),
    Scene("record_telemetry", {"decisions": "plans", "ledger": "recorded", "expect": "0" * 64}),
    Scene(
        "record_telemetry", {"outcome": "outcome.json", "ledger": "recorded"}, name="outcome", permits=True
    ),
    Scene(
        "gather_outcomes",
        {"ledger": "ledger", "github": "none", "now": "2026-04-01T00:00:00Z"},
        permits=True,
    ),
    Scene("refine_policy", {"ledger": "ledger", "now": "2026-04-01T00:00:00Z"}, permits=True),
    Scene(
        "report_health",
        {"ledger": "ledger", "now": "2026-04-01T00:00:00Z", "out": "r.html", "markdown": "r.md"},
        permits=True,
    ),
    Scene("replay", {"sha256": "0" * 64}, argv=("bundle.json",)),
    Scene("replay", {"statement": "claims.json", "digest": DIGEST}, argv=("bundle.json",), name="statement"),
    Scene(
        "usage_feedback",
        {"runtime": "r", "telemetry-dir": "telemetry", "store": "usage.jsonl"},
        argv=("import",),
        permits=True,
    ),
    Scene("usage_feedback", {"store": "telemetry/runs.jsonl"}, argv=("report",), name="report", permits=True),
    Scene("compact_ledger", {"ledger": "ledger", "export": "records.jsonl"}, permits=True),
    Scene("compact_ledger", {"ledger": "git:", "push": "origin"}, name="push", permits=True),
    Scene("compact_ledger", {"ledger": "ledger", "send": f"otlp:{NOWHERE}", "sent": "sent.txt"}, name="send"),
    Scene(
        "add_golden_case",
        {"role": "qa-agent", "incident": "claims.json", "promptfoo": "claims.json", "tools": "none"},
    ),
    Scene("doctor", {}),
)


_CODE: dict[str, Any] = {}


def execute(script: str) -> None:
    """The script as ``python script.py`` would run it."""
    path = ROOT / "scripts" / f"{script}.py"
    code = _CODE.get(script) or _CODE.setdefault(script, compile(path.read_bytes(), str(path), "exec"))
    exec(code, {"__name__": "__main__", "__file__": str(path)})


@dataclass(frozen=True)
class Input:
    """One way for text to come in: an option (``name``) or a variable of the environment (``env:NAME``)."""

    scene: Scene
    name: str
    flag: bool = False

    @property
    def title(self) -> str:
        return f"{self.scene.title}: {self.name}"


def parser_of(script: str) -> argparse.ArgumentParser:
    """The script's own parser, taken at the moment it would be used."""
    from signalbox import cli

    found: list[argparse.ArgumentParser] = []

    class Taken(Exception):
        pass

    def take(self: Any, function: Any, argv: Any = None) -> int:
        found.append(self.parser)
        raise Taken

    with mock.patch.object(cli.Command, "run", take), suppress(Taken):
        execute(script)
    return found[0]


def inputs() -> list[Input]:
    """Every input of every scene; the common ones only with the first scene of a script."""
    found, seen = [], set()
    for scene in SCENES:
        first = scene.script not in seen
        seen.add(scene.script)
        for action in parser_of(scene.script)._actions:
            if not action.option_strings or action.dest in ("help", "version"):
                continue
            name = action.option_strings[-1].removeprefix("--")
            if (scene.script, name) in COMMANDS or (scene.script, name) in LOOSENS:
                continue
            if first or name in scene.options:
                found.append(Input(scene, name, flag=action.nargs == 0))
        if first:
            found += [Input(scene, f"env:{name}") for name in environment_of(scene.script)]
    return found


def environment_of(script: str) -> list[str]:
    """Variables, beside options, that its action sets from inputs or that the sources read of the runner."""
    names = set(_runner_variables())
    action = ROOT / "actions" / script.replace("_", "-") / "action.yml"
    if action.exists():
        [step] = [step for step in steps(read(action)) if step.get("id") == "run"]
        names |= {name for name, value in step["env"].items() if "inputs." in str(value)}
    names = {name for name in names if not name.startswith("SIGNALBOX_")}
    return sorted(name for name in names if (script, f"env:{name}") not in COMMANDS)


# The runner's own files, addresses and switches: whoever sets these is the runner.
_RUNNERS = {
    "GITHUB_OUTPUT",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_ACTIONS",
    "GITHUB_API_URL",
    "GITHUB_EVENT_PATH",
    "GITHUB_REF_PROTECTED",
    "RUNNER_TEMP",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
}


def _runner_variables() -> set[str]:
    text = "".join(path.read_text() for path in (ROOT / "scripts").rglob("*.py"))
    return set(re.findall(r'"((?:GITHUB|RUNNER|ACTIONS)_[A-Z_]*[A-Z])"', text)) - _RUNNERS | {
        "GITHUB_HEAD_REF"
    }
