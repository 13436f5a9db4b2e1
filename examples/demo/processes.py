"""Everything the demo starts, so that nothing of it outlives the demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

Words = Sequence[str | Path]
"""A command line."""

START_SECONDS = 20.0
STOP_SECONDS = 5.0
# What steers pytest, Python, git or our own scripts from outside has no business in a demo.
FOREIGN = ("SIGNALBOX_", "GITHUB_", "RUNNER_", "PYTHON", "PYTEST_", "COV_", "COVERAGE_", "GIT_", "ACTIONS_")


class DidNotStart(RuntimeError):
    """A server of the demo did not come up; the message says where its log is."""


class TookTooLong(RuntimeError):
    """A command of the demo was stopped because its time was up."""


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for everything started here: this one, without what would steer it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"} | dict(more or {})


class Children:
    """Starts processes, each in a session of its own, and stops them all at the end.

    Servers are also given a pipe as standard input and stop when it closes: should the demo itself be killed
    without a chance to clean up, they go with it.
    """

    def __init__(self) -> None:
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        # Who presses Ctrl-C twice must not be left with half of the processes.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.stop_all()
        finally:
            signal.signal(signal.SIGINT, before)

    def serve(
        self, name: str, argv: Words, *, cwd: Path, log: Path, ready: Path | None
    ) -> subprocess.Popen[bytes]:
        """Start a server and wait for the file in which it says that it listens. Raises `DidNotStart`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(word) for word in argv],
                cwd=cwd,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((name, process))
        deadline = time.monotonic() + START_SECONDS
        while ready is not None and not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(f"{name} did not start; its last words are in {log}")
            time.sleep(0.02)
        return process

    def run(
        self,
        argv: Words,
        *,
        cwd: Path,
        seconds: float,
        on_line: Callable[[str], None],
        env: Mapping[str, str] | None = None,
    ) -> int:
        """Run a command to its end, pass on each line it prints, and return its exit code.

        Raises `TookTooLong` when it is not done within `seconds`.
        """
        process = subprocess.Popen(
            [str(word) for word in argv],
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running.append((Path(str(argv[0])).name, process))
        assert process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            _pass_on(process.stdout, on_line)
            code = process.wait()
        finally:
            timer.cancel()
            process.stdout.close()
        self._running = [entry for entry in self._running if entry[1] is not process]
        if late.is_set():
            raise TookTooLong(f"{' '.join(map(str, argv[:4]))} … was stopped after {seconds:.0f} s")
        return code

    def stop(self, *names: str) -> None:
        """Stop the servers with these names, gently and then not."""
        chosen = [process for name, process in self._running if name in names]
        _stop(chosen)
        self._running = [entry for entry in self._running if entry[1] not in chosen]

    def stop_all(self) -> None:
        """Stop everything that still runs."""
        _stop([process for _, process in self._running])
        self._running = []


def _pass_on(stream: IO[bytes], on_line: Callable[[str], None]) -> None:
    for line in stream:
        on_line(line.decode("utf-8", "replace"))


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        _signal(process, signal.SIGTERM)
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.close()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    # The whole session: a test run has children of its own.
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
