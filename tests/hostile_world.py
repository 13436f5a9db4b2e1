"""Every script in a world of its own, in this process, and what it did to that world.

A :class:`World` is a folder with a caller's repository, its reports and records, and the files that a runner
gives a step. Nothing in it permits anything: what permits in it has been talked into that.
"""

from __future__ import annotations

import http.server
import importlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import hostile
import msgspec
from hostile_scenes import DIGEST, MORE, SHA, Scene, execute

from doubles.records import bundle, decision
from signalbox.decision import Reason, Subject, canonical

POLICY = """\
mode: enforce
modules:
  app: {command: "true"}
suites:
  unit: {minutes: 1, paths: ["**"], tests: ["tests"]}
  full: {minutes: 1, paths: [], tests: ["tests"]}
rollout:
  soak-seconds: 0.1
"""
JUNIT = (
    '<testsuite name="unit" tests="2" failures="1" errors="0" skipped="0" timestamp="2026-01-01T00:00:00Z">'
    '<testcase name="good" classname="a"/>'
    '<testcase name="bad" classname="a"><failure message="no">no</failure></testcase></testsuite>'
)


@dataclass
class Ran:
    """What one run left behind."""

    code: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    others: dict[str, str]
    summary: str
    changed: set[Path]
    comments: list[str]
    states: list[str]


class World:
    """The folder, made once, and put back after every run.

    ``ports`` are the doubles that can be reached: by the port that a script asks for, the one that answers,
    or -1 for no answer in time.
    The world's last commit is the head of the double's branch ``feature`` and of its one pull request; it
    stands wherever a scene says ``SHA``.
    """

    def __init__(self, root: Path, github: Any, ports: dict[int, int]) -> None:
        self.root, self.github, self.ports = root, github, ports
        self._mutated: set[Path] = set()
        self.work = root / "a" / "b" / "c" / "d" / "e" / "f" / "work"
        self.temp = root / "temp"
        self.pristine = root.with_name(root.name + "-pristine")
        self._fill()
        shutil.copytree(root, self.pristine, symlinks=True)
        self._before = self._look()

    def run(
        self,
        scene: Scene,
        *,
        given: dict[str, str] | None = None,
        environ: dict[str, str] | None = None,
        look: Callable[[Path], object] | None = None,
    ) -> Ran:
        """Run the scene with some options and variables changed; the world is as before afterwards.

        ``look`` is shown every file that was changed, before it is put back.
        """
        options = {"mode": "enforce", "fail-on": "review", "format": "github"} | scene.options | (given or {})
        variables = self._environ(scene) | (environ or {})
        for name, value in options.items():
            variables["SIGNALBOX_" + name.replace("-", "_").upper()] = value.replace(SHA, self.sha)
        repository = self.github.state.repositories["acme/shop"]
        repository.comments.clear()
        repository.statuses.clear()
        streams = [
            io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True) for _ in range(2)
        ]
        here = Path.cwd()
        with (
            mock.patch.dict(os.environ, variables, clear=True),
            mock.patch.object(sys, "argv", [f"{scene.script}.py", *scene.argv]),
            redirect_stdout(streams[0]),
            redirect_stderr(streams[1]),
            _no_network(self.ports),
            _no_waiting(),
        ):
            os.chdir(self.work)
            try:
                execute(scene.script)
                code: Any = 0
            except SystemExit as end:
                code = end.code
            except Exception as error:
                code = f"{type(error).__name__}: {error}"
            finally:
                os.chdir(here)
        texts = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in streams]
        ran = Ran(
            code=code if isinstance(code, int) else -1,
            stdout=texts[0],
            stderr=texts[1] + ("" if isinstance(code, int) else f"\nescaped: {code}"),
            outputs=hostile.outputs(self._runner("output")),
            others={name: self._runner(name) for name in ("env", "path", "state")},
            summary=self._runner("summary"),
            changed=self._changed() - self._mutated,
            comments=[row["body"] for row in repository.comments],
            states=[row["state"] for row in repository.statuses],
        )
        for path in sorted(ran.changed) if look else ():
            if path.is_file() and look:
                look(path)
        self.restore()
        return ran

    def mutate(self, path: Path, data: bytes) -> None:
        """Change a file until the next run is over; it does not count as changed by that run."""
        path.write_bytes(data)
        self._mutated.add(path)

    def restore(self) -> None:
        """Make everything as it was."""
        self._mutated.clear()
        for path in sorted(self._changed(), reverse=True):
            original = self.pristine / path.relative_to(self.root)
            if path.is_dir() and not path.is_symlink():
                if not original.exists():
                    shutil.rmtree(path, ignore_errors=True)
                continue
            path.unlink(missing_ok=True)
            if original.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(original, path)
        for path in self._before:
            if not os.path.lexists(path):
                original = self.pristine / path.relative_to(self.root)
                path.mkdir(parents=True, exist_ok=True) if original.is_dir() else shutil.copy2(original, path)

    def _runner(self, name: str) -> str:
        return (self.temp / "files" / name).read_bytes().decode("utf-8", "replace")

    def _environ(self, scene: Scene) -> dict[str, str]:
        given = self.temp / "files"
        found = {"GITHUB_OUTPUT": str(given / "output"), "GITHUB_STEP_SUMMARY": str(given / "summary")}
        found |= {f"GITHUB_{name.upper()}": str(given / name) for name in ("env", "path", "state")}
        found |= {"PATH": os.environ["PATH"], "HOME": str(self.root), "LANG": "C.UTF-8"}
        found |= {"GITHUB_ACTIONS": "true"}
        found |= {"RUNNER_TEMP": str(self.temp), "GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": self.sha}
        found |= {"GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1"}
        found |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        return found | self.github.environ("acme/shop") | scene.environ

    def _look(self) -> dict[Path, tuple[int, int, int]]:
        found = {}
        for folder, names, files in os.walk(self.root):
            for name in (*names, *files):
                path = f"{folder}/{name}"
                about = os.lstat(path)
                size = 0 if name in names else about.st_size
                stamp = 0 if name in names else about.st_mtime_ns
                found[Path(path)] = (about.st_mode, size, stamp)
        return found

    def _changed(self) -> set[Path]:
        now = self._look()
        return {path for path in now.keys() | self._before.keys() if now.get(path) != self._before.get(path)}

    def _fill(self) -> None:
        """Lay everything that the scenes name."""
        for name in ("output", "summary", "env", "path", "state"):
            file = self.temp / "files" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        # What "../../../../../../etc/passwd" leads to from here.
        (self.root / "a" / "etc").mkdir(parents=True)
        (self.root / "a" / "etc" / "passwd").write_text("canary:x:0:0\n")
        work = self.work
        self.sha = self._repository(work)
        subject = Subject(repository="acme/shop", commit=self.sha, digest=DIGEST, environment="production")
        reason = (Reason(code="because", text="a reason"),)

        def made(kind: str, verdict: str, **more: Any) -> bytes:
            return canonical(
                decision(kind, verdict=verdict, mode="enforce", subject=subject, reasons=reason, **more)
            )

        plan = {"suites": [], "tests": [], "full_suite": True, "estimated_minutes": 1.0, "reasons": []}
        files: dict[str, str | bytes] = {
            "reports/unit.xml": JUNIT,
            "reports/counts.json": '{"total": 2, "passed": 1, "failed": 1, "skipped": 0}',
            "block.json": made("promotion", "block"),
            "review.json": _of_no_evidence(subject),
            "rollback.json": made("rollout", "rollback", outputs={"deployment": "web"}),
            "plan.json": made("test-plan", "full", outputs={"test_plan": plan}),
            "bundle.json": bundle("promotion", verdict="block", subject=subject),
            "history.json": '{"tests/test_price.py::test_total": 0.1}',
            "policy.yaml": "spec: {policy: {semver: {range: 0.1.0}}}\n",
            "approval.json": json.dumps(
                {
                    "deployment": "web",
                    "digest": DIGEST,
                    "environment": "production",
                    "approved_by": "ada",
                    "role": "r",
                    "approved_at": "2020-01-01T00:00:00Z",
                    "expires_at": "2020-01-02T00:00:00Z",
                }
            ),
            "approvals.json": json.dumps(
                [
                    {
                        "payload": {
                            "login": "ada",
                            "gate": "gate-5",
                            "role": "qa-lead",
                            "decision": "approve",
                            "at": "2026-01-01T00:00:00Z",
                            "digest": DIGEST,
                            "nonce": "1",
                        },
                        "signer": "ada",
                        "signature": "-----BEGIN SSH SIGNATURE-----",
                    }
                ]
            ),
            "signed.json": json.dumps(
                {
                    "payload": {
                        "by": "ada",
                        "agent": "developer-agent",
                        "environment": "production",
                        "action": "deploy",
                        "expires": "2030-01-01T00:00:00Z",
                        "digest": DIGEST,
                    },
                    "signer": "ada",
                    "signature": "-----BEGIN SSH SIGNATURE-----",
                }
            ),
            "incident.json": json.dumps(
                {
                    "id": "i-1",
                    "status": "proposed",
                    "deployment": "web",
                    "digest": DIGEST,
                    "environment": "production",
                    "severity": "high",
                    "reason": "it fails",
                }
            ),
            "claims.json": json.dumps({"criteria": [], "work_item": "ABC-1", "at": "2026-01-01T00:00:00Z"}),
            "token.txt": "e30.e30.e30",
            "keys.json": '{"keys": []}',
            "plan/shard-1.txt": "t\n",
            "plan/shard-1.json": MORE,
            "payload.json": json.dumps(
                {"environment": "production", "digest": DIGEST, "severity": "high", "reason": "it fails"}
            ),
            "outcome.json": json.dumps(
                {
                    "decision": "d-1",
                    "label": "bad",
                    "source": "manual",
                    "by": "ada",
                    "note": "a note",
                    "links": ["https://example.com/1"],
                }
            ),
            "telemetry/runs.jsonl": '{"run": "1", "runtime": "r", "repo": "acme/shop", "profile_id": "p"}\n',
            "ledger/README": "",
        }
        for name, content in files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self._records(work)

    def _repository(self, work: Path) -> str:
        """Two commits, the second of which is the pull request's; its id."""
        files = {
            ".github/signalbox.yml": POLICY,
            "app/price.py": "def total(a, b):\n    return a * b\n",
            "tests/test_price.py": "import app.price as p\ndef test_six():\n    assert p.total(2, 3) == 6\n",
            "tests/test_other.py": "def test_other():\n    assert True\n",
        }
        for name, content in files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        run = ["git", "-C", str(work), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        quiet: dict[str, Any] = {"check": True, "capture_output": True}
        subprocess.run([*run[:3], "init", "-q", "-b", "main"], **quiet)
        subprocess.run([*run, "add", "--all"], **quiet)
        subprocess.run([*run, "commit", "-q", "-m", "first"], **quiet)
        (work / "app/price.py").write_text("def total(a, b):\n    return b * a\n")
        subprocess.run([*run, "commit", "-q", "-a", "-m", "second"], **quiet)
        bare = self.github.state.git("acme/shop").folder
        subprocess.run([*run, "push", "-q", str(bare), "HEAD:refs/heads/feature"], **quiet)
        self.github.add_pull("acme/shop", "feature")
        found = subprocess.run([*run, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
        return found.stdout.strip()

    def _records(self, work: Path) -> None:
        """A ledger with a decision, a work item that was begun, and the plan of the pull request."""
        from signalbox.ledger import open_ledger

        ledger = open_ledger("ledger", repo=work, run="1-1")
        here = Path.cwd()
        os.chdir(work)
        try:
            ledger.record(bundle("promotion", verdict="block"), trusted=True)
            for script, options in (
                ("record_phase", {"WHAT": "begin", "FOLDER": "begun", "WORK_ITEM": "ABC-1"}),
                ("select_tests", {"BASE": "HEAD~1", "BUNDLES": "plans"}),
            ):
                environ = {f"SIGNALBOX_{name}": value for name, value in options.items()}
                given = mock.patch.dict(os.environ, environ | {"GITHUB_REPOSITORY": "acme/shop"})
                argv = mock.patch.object(sys, "argv", [f"{script}.py"])
                with given, argv, redirect_stdout(io.StringIO()), suppress(SystemExit):
                    execute(script)
            assert (work / "begun/state.json").is_file()
            assert len(list((work / "plans").iterdir())) == 1
        finally:
            os.chdir(here)


def _of_no_evidence(subject: Subject) -> bytes:
    """The promotion that nobody had evidence for: a person must look."""
    from signalbox.config import Settings
    from signalbox.decision import PolicyRef, Stamp, digest_of, format_time
    from signalbox.promotion import Inputs, decide

    rules = Settings(mode="enforce")
    stamp = Stamp(id="0f0e", at=format_time(datetime.now(UTC)), producer="test")
    made = decide(Inputs(subject=subject, evidence=()), rules, PolicyRef(sha256=digest_of(rules)), stamp)
    return canonical(msgspec.structs.replace(made, verdict="manual-review"))


@contextmanager
def _no_network(ports: dict[int, int]) -> Iterator[None]:
    """Nothing but the doubles can be reached, and no name is looked up."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] == "127.0.0.1" and address[1] in ports:
            if ports[address[1]] < 0:
                raise TimeoutError(110, "Connection timed out")
            return real(self, ("127.0.0.1", ports[address[1]]))
        raise ConnectionRefusedError(111, "Connection refused")

    def look_up(host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
        if host in ("127.0.0.1", b"127.0.0.1"):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (str(host), int(port)))]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with (
        mock.patch.object(socket.socket, "connect", connect),
        mock.patch.object(socket, "getaddrinfo", look_up),
    ):
        yield


@contextmanager
def metrics() -> Iterator[int]:
    """The port of a service whose counters stand still."""
    text = (
        b'# TYPE http_requests_total counter\nhttp_requests_total{code="200"} 100\n'
        b"# TYPE http_request_duration_seconds histogram\n"
        b'http_request_duration_seconds_bucket{le="0.5"} 90\n'
        b'http_request_duration_seconds_bucket{le="+Inf"} 100\n'
        b"http_request_duration_seconds_sum 10\nhttp_request_duration_seconds_count 100\n"
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Time passes when somebody waits, and costs none."""
    clock = importlib.import_module("signalbox.rollout.clock")
    began, passed = time.time(), [0.0]

    def wait(self: Any, seconds: float) -> bool:
        passed[0] += max(0.0, seconds) + 0.001
        return False

    def now(self: Any) -> float:
        return began + passed[0]

    def monotonic(self: Any) -> float:
        return passed[0]

    def ended(*_: Any) -> None:
        raise AssertionError("a run took longer than 20 seconds")

    # Whatever loops for ever is ended, loudly.
    before = signal.signal(signal.SIGALRM, ended)
    signal.alarm(20)
    try:
        with (
            mock.patch.object(clock.RealClock, "wait", wait),
            mock.patch.object(clock.RealClock, "pause", return_value=None),
            mock.patch.object(clock.RealClock, "now", now),
            mock.patch.object(clock.RealClock, "monotonic", monotonic),
            mock.patch.object(time, "sleep", return_value=None),
        ):
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def leaves(tree: Any, change: Callable[[str], str]) -> Any:
    """A JSON document with every text in it changed; keys stay."""
    if isinstance(tree, dict):
        return {key: leaves(value, change) for key, value in tree.items()}
    if isinstance(tree, list):
        return [leaves(value, change) for value in tree]
    return change(tree) if isinstance(tree, str) else tree


def one_leaf(tree: Any, number: int, text: str) -> Any:
    """A JSON document with its text of this number replaced."""
    seen = iter(range(1_000_000))
    return leaves(tree, lambda value: text if next(seen) == number else value)


def count_leaves(tree: Any) -> int:
    found: list[str] = []
    leaves(tree, lambda value: found.append(value) or value)
    return len(found)
