"""A small repository that passes every gate, and one way to break each row of the environment tables.

Each row is asked through the command line three times: in a world where it holds, in one where it is broken,
and again with the row taken out of the policy, when the answer must be another one.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SHIPPED = ROOT / "scripts" / "signalbox" / "config" / "environments.yml"
DIGEST = "sha256:" + "a" * 64
NONCE = "4711"
PEOPLE = {
    "developer": "dora",
    "qualified-reviewer": "quinn",
    "qa-lead": "quentin",
    "security-engineer": "sue",
    "compliance-officer": "carl",
    "plan-reviewer": "paula",
    "platform-engineer": "pete",
}
MESSAGE = "change\n\nAI-Usage: assisted\nAgent-IDs: developer-agent\nAI-Prompt-Ref: docs/prompt.md\n"
COUNTS = {"critical": 0, "high": 0, "medium": 0, "low": 0, "none": 0, "unknown": 0}
FACTS: dict[str, dict[str, Any]] = {
    "coverage": {"percent": 91.0},
    "compliance-pack": {"items": [{"name": "sbom", "sha256": "0" * 64}]},
    "monitoring": {"query": f'count(up{{digest="{DIGEST}"}})', "series": 2},
    "feature-flags": {"provider": "openfeature", "flags": ["new-cart"]},
    "rollback-tested": {"adapter": "haproxy", "seconds": 3.1},
    "no-critical-incident": {"open_critical": 0},
    "feedback": {"outcome": "o-1"},
}


def when(hours: float = 0) -> str:
    """Now plus some hours, RFC 3339."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds").replace("+00:00", "Z")


@functools.cache
def _tables() -> dict[str, Any]:
    plain: dict[str, Any] = yaml.load(SHIPPED.read_text("utf-8"), Loader=FAST)
    return plain


def shipped() -> dict[str, Any]:
    """The shipped tables with people in their roles and flags in use."""
    plain: dict[str, Any] = copy.deepcopy(_tables())
    plain["roles"] = {role: [login] for role, login in PEOPLE.items()}
    plain["people"] = {"ada": {"emails": ["ada@example.com"]}}
    plain["people"] |= {login: {"emails": [f"{login}@example.com"]} for login in PEOPLE.values()}
    plain["feature-flags"] = True
    return plain


@dataclass
class Answer:
    """What the command line said."""

    code: int
    decision: dict[str, Any] = field(default_factory=dict)
    output: str = ""

    @property
    def verdict(self) -> str:
        """The verdict, or the exit code where nothing was decided."""
        return str(self.decision.get("verdict", f"exit {self.code}"))


class World:
    """One repository on disk with keys for everybody; asked in this process, which is quick."""

    def __init__(self, folder: Path) -> None:
        self.repo = folder / "repo"
        self.keys = folder / "keys"
        self.repo.mkdir()
        self.keys.mkdir()
        self._git("init", "-q", "-b", "main")
        signers = []
        for login in PEOPLE.values():
            key = self.keys / login
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", login, "-f", str(key)]
            subprocess.run(command, check=True, capture_output=True)
            signers.append(f"{login} {key.with_suffix('.pub').read_text()}")
        (self.repo / ".github").mkdir()
        (self.repo / ".github" / "signalbox-approval-signers").write_text("".join(signers))
        (self.repo / "docs").mkdir()
        (self.repo / "docs" / "prompt.md").write_text("a prompt\n")
        self.base = self.commit("first\n")
        (self.repo / "code.py").write_text("x = 1\n")
        self.head = self.commit(MESSAGE)
        self.evidence = folder / "evidence"
        self._approvals: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._passing: dict[str, Answer] = {}

    def commit(self, message: str) -> str:
        """Commit everything; the commit's id."""
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", message)
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
               for key, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))}  # fmt: skip
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.keys), "GIT_CONFIG_NOSYSTEM": "1", **who}
        done = subprocess.run(
            ["git", *arguments], cwd=self.repo, env=environ, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def record(self, check: str, **change: Any) -> dict[str, Any]:
        """Evidence that passes ``check``."""
        facts = dict(FACTS.get(check, {}))
        if check in ("sast-critical", "sast", "dast", "dependency-scan", "no-open-findings"):
            facts = {"by_severity": COUNTS}
        row = {"kind": check, "status": "pass", "subject": {"commit": self.head, "digest": DIGEST},
               "observed_at": when(-0.1), "tier": "live-acceptance", "facts": facts}  # fmt: skip
        return row | change

    def approval(self, gate: str, role: str, environment: str, **change: Any) -> dict[str, Any]:
        """A signed approval of the role's holder for ``gate``; ``by`` is who signs."""
        by = change.pop("by", PEOPLE[role])
        payload = {"role": role, "login": by, "gate": gate, "environment": environment, "digest": DIGEST,
                   "commit": self.head, "nonce": NONCE, "at": when(-0.1), "expires": when(5)}  # fmt: skip
        payload |= change
        data = (json.dumps(payload, sort_keys=True, separators=(",", ":")) + "\n").encode()
        file = self.keys / "payload"
        file.write_bytes(data)
        file.with_name("payload.sig").unlink(missing_ok=True)
        command = [
            "ssh-keygen",
            "-q",
            "-Y",
            "sign",
            "-n",
            "signalbox-approval",
            "-f",
            str(self.keys / by),
            str(file),
        ]
        subprocess.run(command, check=True, capture_output=True)
        return {"payload": payload, "signer": by, "signature": file.with_name("payload.sig").read_text()}

    def consent(self, gate: str, role: str, environment: str) -> dict[str, Any]:
        """The same, signed once and kept."""
        key = (gate, role, environment)
        if key not in self._approvals:
            self._approvals[key] = self.approval(*key)
        return self._approvals[key]

    def policy(self, plain: dict[str, Any]) -> None:
        """Lay down the policy."""
        text = json.dumps({"environments": plain})  # which is YAML, and quickly written
        (self.repo / ".github" / "signalbox.yml").write_text(text)

    def ask(self, script: str, *arguments: str) -> Answer:
        """Run a script of the command line with these arguments."""
        out = self.repo / ".git" / "decision.json"
        out.unlink(missing_ok=True)
        argv = [script, "--repo", str(self.repo), "--format", "text", "--out", str(out), *arguments]
        before, shown = sys.argv, io.StringIO()
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "GITHUB_"))}
        kept = dict(os.environ)
        try:
            sys.argv = argv
            os.environ.clear()
            os.environ.update(environ)
            with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
                code = _script(script).main()
        finally:
            sys.argv = before
            os.environ.clear()
            os.environ.update(kept)
        decision = json.loads(out.read_text()) if out.exists() else {}
        return Answer(code, decision, shown.getvalue())

    def passing(self, plain: dict[str, Any], gate: str) -> Answer:
        """The answer where nothing is broken; asked once as long as the policy is the shipped one."""
        if plain != shipped():
            return self.gate(plain, gate)
        if gate not in self._passing:
            self._passing[gate] = self.gate(plain, gate)
        return self._passing[gate]

    def gate(
        self,
        plain: dict[str, Any],
        gate: str,
        *,
        without: tuple[str, ...] = (),
        change: dict[str, dict[str, Any]] | None = None,
        approvals: list[dict[str, Any]] | None = None,
        nobody: tuple[str, ...] = (),
        risk: str = "high",
        severity: str = "high",
        more: tuple[str, ...] = (),
    ) -> Answer:
        """Ask a gate. ``without``: checks that nothing is said of; ``change``: fields of some records;
        ``nobody``: roles that have not answered."""
        reference = shipped()
        chain, at = [], gate
        while at:
            chain.append(at)
            at = reference["gates"][at].get("includes", "")
        checks = [row["check"] for name in chain for row in reference["gates"][name].get("auto", [])]
        rows = [self.record(check, **(change or {}).get(check, {})) for check in checks
                if check not in without and check != "ai-metadata"]  # fmt: skip
        self.evidence.mkdir(exist_ok=True)
        (self.evidence / "records.json").write_text(json.dumps(rows))
        if approvals is None:
            approvals = [
                self.consent(name, row["role"], reference["gates"][name]["to"])
                for name in chain
                for row in reference["gates"][name].get("human", [])
                if row["role"] not in nobody
            ]
        file = self.evidence.with_name("approvals.json")
        file.write_text("[\n" + ",\n".join(json.dumps(one) for one in approvals) + "\n]\n")
        self.policy(plain)
        return self.ask(
            "check_gate", "--gate", gate, "--evidence", str(self.evidence), "--sha", self.head,
            "--digest", DIGEST, "--base", self.base, "--head", self.head, "--approvals", str(file),
            "--nonce", NONCE, "--risk", risk, "--severity", severity, "--adapter", "haproxy",
            "--deployment", "web", *more,
        )  # fmt: skip


def _script(name: str) -> Any:
    known = sys.modules.get(f"signalbox_script_{name}")
    if known is None:
        spec = importlib.util.spec_from_file_location(
            f"signalbox_script_{name}", ROOT / "scripts" / f"{name}.py"
        )
        assert spec is not None
        assert spec.loader is not None
        known = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = known
        spec.loader.exec_module(known)
    return known


@contextlib.contextmanager
def world() -> Iterator[World]:
    """A world in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="signalbox-gates-") as name:
        yield World(Path(name))


@dataclass
class Row:
    """One row: how it is taken out, a question that it answers with yes, and one with no."""

    table: str
    name: str
    remove: Callable[[dict[str, Any]], None]
    good: Callable[[World, dict[str, Any]], Any]
    bad: Callable[[World, dict[str, Any]], Any]
    wanted: Any
    refused: Any

    def judge(self, here: World) -> str:
        """Empty when the row does what it says and nothing else does it for it."""
        plain = shipped()
        good, bad = self.good(here, plain), self.bad(here, plain)
        if good != self.wanted:
            return f"holds: {good!r} instead of {self.wanted!r}"
        if bad != self.refused:
            return f"broken: {bad!r} instead of {self.refused!r}"
        cut = copy.deepcopy(plain)
        self.remove(cut)
        if self.bad(here, cut) == bad and self.good(here, cut) == good:
            return "taking the row out changes nothing"
        return ""
