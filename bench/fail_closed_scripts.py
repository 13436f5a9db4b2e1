"""The scripts that carry a yes out, in the world of tests/hostile_world.py, with what they rest on gone."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fail_closed import Gate

POLICY = """\
mode: enforce
suites:
  unit: {minutes: 1, paths: ["**"], tests: ["tests"]}
  full: {minutes: 1, paths: [], tests: ["tests"]}
selection: {audit-rate: 0}
environments:
  gates:
    gate-3: {title: ci, from: development, to: staging, auto: [{check: unit-tests}], human: []}
    gate-5: {title: "-", from: staging, to: production, auto: [{check: unit-tests}], human: []}
    gate-6: {title: "-", from: production, to: production, auto: [{check: unit-tests}], human: []}
    gate-7: {title: "-", from: production, to: production, auto: [{check: unit-tests}], human: []}
"""
PASSED = (
    '<testsuite name="unit" tests="1" failures="0" errors="0" skipped="0"><testcase name="a"/></testsuite>'
)


@contextmanager
def _answering(text: str, code: int = 200) -> Iterator[int]:
    """The port of a server that answers everything with ``text``; to an admin call with 401 at best."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(max(code, 401) if "admin" in self.path else code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = _answer

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


class Scripts:
    """The world with everything right in it, and ways to make one thing of it wrong."""

    def __init__(self, world: Any, failing: int) -> None:
        self.world, self.failing = world, failing

    def permits(
        self,
        script: str,
        options: dict[str, str],
        *,
        argv: tuple[str, ...] = (),
        environ: dict[str, str] | None = None,
        files: dict[str, bytes] | None = None,
        network: str = "",
        said: str = "",
    ) -> bool:
        """Whether the script permits: exit 0 and, where it says one, the output ``said`` (name=value)."""
        from hostile_scenes import Scene

        world = self.world
        for name, data in {".github/signalbox.yml": POLICY.encode(), **(files or {})}.items():
            path = world.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        kept = dict(world.ports)
        if network == "5xx":
            world.ports.update(dict.fromkeys(kept, self.failing))
        elif network == "timeout":
            world.ports.update(dict.fromkeys(kept, -1))
        try:
            ran = world.run(Scene(script, options, argv, environ or {}))
        finally:
            world.ports.clear()
            world.ports.update(kept)
        name, _, value = said.partition("=")
        return ran.code == 0 and (not said or ran.outputs.get(name) == value)


@contextmanager
def gates(folder: Path) -> Iterator[list[Gate]]:
    """Every gate that is a script; the doubles run as long as the context."""
    from hostile_scenes import DIGEST, SHA
    from hostile_world import World

    from doubles.github import GitHubDouble, shapes

    with (
        GitHubDouble(folder / "github") as github,
        _answering('{"message": "Service Unavailable"}', 503) as failing,
        _answering(DIGEST) as digest,
    ):
        github.add_repository("acme/shop")
        port = int(github.url.rsplit(":", 1)[1])
        reviewer = {"type": "User", "reviewer": shapes.user(github.request_for("acme/shop"), "ada")}
        rule = {"id": 3, "type": "required_reviewers", "prevent_self_review": True, "reviewers": [reviewer]}
        github.state.repositories["acme/shop"].environments.append(
            {"id": 1, "name": "production", "protection_rules": [rule]}
        )
        world = World(folder / "world", github, {9: digest, port: port})
        here = Scripts(world, failing)
        yield [
            _gate(here, DIGEST, SHA),
            _shard(here),
            _e2e(here, DIGEST),
            _status(here, DIGEST, SHA),
            _review(here),
            _replay(here),
            _promote(here, DIGEST),
            _dispatch(here),
            _plan(here),
        ]


def _gate(here: Scripts, digest: str, sha: str) -> Gate:
    from fail_closed import Gate

    def needs(value: Any, **more: Any) -> Any:
        text = value if isinstance(value, str) else json.dumps({"unit": value})
        options = {"gate": "gate-3", "needs": text, "digest": digest, "sha": sha}
        return partial(here.permits, "check_gate", options, said="verdict=PASS", **more)

    def reports(data: bytes) -> Any:
        options = {"gate": "gate-3", "evidence": "gate-reports", "digest": digest, "sha": sha}
        files = {"gate-reports/unit.xml": data}
        return partial(here.permits, "check_gate", options, files=files, said="verdict=PASS")

    asked = {"gate": "gate-3", "ask-github": "true", "digest": digest, "sha": sha}
    github = partial(here.permits, "check_gate", asked, said="verdict=PASS")
    skipped = PASSED.replace('"a"/>', '"a"><skipped/></testcase>').replace('skipped="0"', 'skipped="1"')
    ways = {
        "empty": [needs("{}"), reports(b""), reports(b"<testsuite/>"), github],
        "malformed": [needs("{"), needs("[]"), needs('{"unit": "success"}'), reports(PASSED.encode()[:-15])],
        "timeout": [partial(github, network="timeout"), needs({"result": "timed_out"})],
        "5xx": [partial(github, network="5xx")],
        "masked": [needs(""), needs({"result": ""}), needs({"result": "***"})],
        "skipped": [needs({"result": "skipped"}), reports(skipped.encode())],
        "cancelled": [needs({"result": "cancelled"}), needs({"result": "failure"})],
    }
    return Gate("check-gate, by jobs and reports", needs({"result": "success"}), ways)


def _shard(here: Scripts) -> Gate:
    from fail_closed import Gate

    from signalbox.decision import sha256_hex

    entry = {"artifact": "results-1", "file": "shard-1.txt", "tests": 0, "sha256": sha256_hex(b"t\n")}

    def shard(
        command: str = "true",
        text: str | None = None,
        tests: bytes = b"t\n",
        other: bytes | None = None,
        **change: str,
    ) -> Any:
        commands = [{"command": command, "tests": []}]
        more = json.dumps({"commands": commands, "files": [], "functions": []}).encode()
        given = entry | {"more": "shard-1.json", "more-sha256": sha256_hex(more)} | change
        options = {"shard": json.dumps(given) if text is None else text, "plan": "plan", "results": "r"}
        files = {"plan/shard-1.txt": tests, "plan/shard-1.json": more if other is None else other}
        return partial(here.permits, "run_shard", options, files=files)

    ways = {
        "empty": [shard(tests=b""), shard(text="{}"), shard(other=b"")],
        "malformed": [
            shard(text="{"),
            shard(tests=b"other\n"),
            shard(other=b'{"commands": []}'),
            shard(sha256="0" * 64),
            shard(file="../x"),
        ],
        "timeout": [shard("exit 124")],
        "masked": [shard(text=""), shard(text="***"), shard(sha256="")],
        "cancelled": [shard("kill -9 $$"), shard("exit 143"), shard("kill -TERM $$")],
    }
    return Gate("run-shard", shard(), ways)


def _e2e(here: Scripts, digest: str) -> Gate:
    from fail_closed import Gate

    leave = f"""printf '%s' '{PASSED}' > "$JUNIT" """
    url = "http://127.0.0.1:9"
    good = {"url": url, "integration": leave, "e2e": leave, "digest": digest, "results": "e2e",
            "digest-url": f"{url}/version", "admin-url": f"{url}/admin"}  # fmt: skip

    def run(network: str = "", key: str = "k", **change: str) -> Any:
        options = good | {name.replace("_", "-"): value for name, value in change.items()}
        environ = {"DEV_API_KEY": key}
        return partial(
            here.permits, "run_e2e", options, environ=environ, network=network, said="verdict=PASS"
        )

    none = leave.replace('tests="1"', 'tests="0"').replace('<testcase name="a"/>', "")
    skipped = leave.replace('"a"/>', '"a"><skipped/></testcase>').replace('skipped="0"', 'skipped="1"')
    ways = {
        "empty": [run(integration=":"), run(integration=': > "$JUNIT"'), run(e2e=none)],
        "malformed": [run(e2e='echo "<testsuite" > "$JUNIT"'), run(digest="sha256:" + "c" * 64)],
        "timeout": [run("timeout")],
        "5xx": [run("5xx")],
        "masked": [run(key=""), run(digest_url=""), run(integration=""), run(e2e="", e2e_dir="")],
        "skipped": [run(e2e=skipped), run(e2e="", e2e_dir="nowhere")],
        "cancelled": [run(integration=f"{leave}; exit 143"), run(e2e=f"{leave}; kill -9 $$")],
    }
    return Gate("run-e2e", run(), ways)


def _status(here: Scripts, digest: str, sha: str) -> Gate:
    from fail_closed import Gate

    def post(verdicts: str, **more: Any) -> Any:
        options = {"verdicts": verdicts, "digest": digest, "sha": sha, "base": "main"} | more.pop("given", {})
        return partial(here.permits, "post_status", options, said="state=success", **more)

    good = "evals=PASS e2e=PASS"
    ways = {
        "empty": [post(""), post("evals= e2e=")],
        "malformed": [post("evals=pass e2e=PASS"), post("PASS"), post("evals=PASSe2e=PASS")],
        "timeout": [post(good, network="timeout")],
        "5xx": [post(good, network="5xx")],
        "masked": [post("evals=PASS e2e="), post("evals=*** e2e=PASS"), post(good, given={"digest": ""})],
        "skipped": [post("evals=PASS e2e=NOT_VERIFIED"), post("evals=skipped e2e=PASS")],
        "cancelled": [post("evals=cancelled e2e=PASS"), post("evals=FAIL e2e=PASS")],
    }
    return Gate("post-status", post(good), ways)


def _review(here: Scripts) -> Gate:
    from fail_closed import Gate

    def guard(names: str = "production", **more: Any) -> Any:
        return partial(here.permits, "require_review", {"reviewed": names}, **more)

    ways = {
        "empty": [guard("unguarded"), guard("")],
        "malformed": [guard("production unguarded"), guard("../production")],
        "timeout": [guard(network="timeout")],
        "5xx": [guard(network="5xx")],
        "masked": [guard("***"), guard(environ={"GITHUB_TOKEN": "***"})],
    }
    return Gate("require-review", guard(), ways)


def _replay(here: Scripts) -> Gate:
    from fail_closed import Gate

    from signalbox.config import Settings
    from signalbox.decision import PolicyRef, Stamp, Subject, digest_of, make_bundle, sha256_hex
    from signalbox.promotion import Inputs, decide

    rules = Settings()
    inputs = Inputs(subject=Subject(repository="acme/shop"), evidence=())
    stamp = Stamp(id="00000000-0000-4000-8000-000000000002", at="2026-01-02T03:04:05Z", producer="bench")
    made = decide(inputs, rules, PolicyRef(sha256=digest_of(rules)), stamp)
    whole = make_bundle(made, inputs, rules).encode()

    def replay(data: bytes, sha256: str = sha256_hex(whole)) -> Any:
        return partial(here.permits, "replay", {"sha256": sha256}, argv=("b.json",), files={"b.json": data})

    ways = {
        "empty": [replay(b""), replay(b"{}")],
        "malformed": [replay(whole.replace(b"block", b"blocc")), replay(whole + b" "), replay(b"\xff")],
        "masked": [replay(whole, "***"), replay(whole.replace(b"acme/shop", b"***"), "")],
        "cancelled": [replay(whole[: len(whole) // 2]), replay(whole[:-2])],
    }
    return Gate("replay", replay(whole), ways)


def _promote(here: Scripts, digest: str) -> Gate:
    from datetime import UTC, datetime

    from fail_closed import Gate

    from doubles.records import decision
    from signalbox.decision import Subject, canonical, format_time

    def made(verdict: str = "auto-promote", **change: Any) -> bytes:
        subject = Subject(repository="acme/shop", digest=change.pop("digest", digest))
        given = {"mode": "enforce", "decided_at": format_time(datetime.now(UTC))} | change
        return canonical(decision("promotion", verdict=verdict, subject=subject, **given))

    manifest = b'image: acme/shop:1.0.0 # {"$imagepolicy": "flux:shop"}\n'

    def promote(data: bytes, asked: str = digest) -> Any:
        # Only observed: what it would do is shown with exit 0, what it refuses is not.
        options = {
            "decision": "d.json",
            "digest": asked,
            "mode": "enforce",
            "registry": "127.0.0.1:9/acme/shop",
        }
        return partial(_would, here, options, {"d.json": data, "app.yaml": manifest})

    whole = made()
    other = whole.replace(b'"kind":"promotion"', b'"kind":"evals"')
    ways = {
        "empty": [promote(b""), promote(b"{}"), promote(made(digest=""), "")],
        "malformed": [promote(b"\xff"), promote(other), promote(made("PASS"))],
        "masked": [promote(made(digest="***"), ""), promote(whole, "***"), promote(made(""))],
        "skipped": [promote(made("manual-review")), promote(made(mode="observe"))],
        "cancelled": [promote(whole[: len(whole) // 2]), promote(made(decided_at="2020-01-01T00:00:00Z"))],
    }  # fmt: skip
    return Gate("promote", promote(whole), ways)


def _would(here: Scripts, options: dict[str, str], files: dict[str, bytes]) -> bool:
    """Whether it went on to the registry: it then fails there, and never says that nothing was promoted."""
    from hostile_scenes import Scene

    for name, data in {".github/signalbox.yml": POLICY.encode(), **files}.items():
        (here.world.work / name).write_bytes(data)
    ran = here.world.run(Scene("promote", options))
    return "127.0.0.1" in ran.stderr and ran.code != 1 and "nothing was promoted" not in ran.stdout


def _dispatch(here: Scripts) -> Gate:
    from fail_closed import Gate

    good = {"environment": "production", "digest": "sha256:" + "b" * 64, "sha": "a" * 40}

    def event(payload: Any, kind: str = "signalbox-deploy") -> Any:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        return partial(here.permits, "validate_dispatch", {"event-type": kind, "payload": text})

    ways = {
        "empty": [event("{}"), event(good, "")],
        "malformed": [
            event("{"),
            event("[]"),
            event(good | {"url": "x"}),
            event(good | {"digest": "latest"}),
        ],
        "masked": [event(""), event("***"), event(good | {"digest": ""}), event(good | {"sha": "***"})],
        "skipped": [event({key: good[key] for key in ("digest", "sha")})],
    }
    return Gate("validate-dispatch", event(good), ways)


def _plan(here: Scripts) -> Gate:
    """Here permitting means skipping tests: a plan that is narrower than everything."""
    from fail_closed import Gate

    index = _recorded(here)

    def plan(index: bytes | None, base: str = "HEAD~1") -> Any:
        files = {} if index is None else {"index.sqlite": index}
        options = {"base": base, "index": "index.sqlite", "tests-out": "t.txt"}
        return partial(here.permits, "select_tests", options, files=files, said="verdict=targeted")

    ways = {
        "empty": [plan(b""), plan(None)],
        "malformed": [plan(b"SQLite format 3\0" + b"\xff" * 4096), plan(b"[]"), plan(index, "no-such-ref")],
        "masked": [plan(b"***")],
        "cancelled": [plan(index[: len(index) // 2]), plan(index[:100])],
    }
    return Gate("select-tests", plan(index), ways)


def _recorded(here: Scripts) -> bytes:
    """A real index of the world's one test, recorded before the change as the push before it would have."""
    import subprocess
    import sys

    from hostile_scenes import Scene

    before, out = here.world.root.with_name("before"), here.world.root.with_name("recorded.sqlite")
    subprocess.run(["git", "clone", "-q", str(here.world.work), str(before)], check=True)
    subprocess.run(["git", "-C", str(before), "checkout", "-q", "HEAD~1"], check=True)
    command = ("--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    with Path(os.devnull).open("w") as nowhere:
        kept = os.dup(1)
        os.dup2(nowhere.fileno(), 1)
        try:
            ran = here.world.run(Scene("index_tests", {"index": str(out), "repo": str(before)}, command))
        finally:
            os.dup2(kept, 1)
            os.close(kept)
    assert ran.code == 0, ran.stderr
    return out.read_bytes()
