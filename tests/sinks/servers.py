"""The servers that the lane starts: each where a test asks for it, and stopped with it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sinks import parts

from signalbox.ledger import FolderLedger

# Neither its own jobs nor its statistics have a part in these tests.
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def serving(
    command: Sequence[str], folder: Path, url: str, seconds: float = 300
) -> Iterator[subprocess.Popen]:
    """A server from when it answers at ``url`` (any status) until the block ends."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env=os.environ | QUIET, start_new_session=True
        )
        try:
            until = time.monotonic() + seconds
            while not answers(url):
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"{command[0]} did not start: {(folder / 'log').read_text()[-3000:]}")
                time.sleep(0.2)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=20)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


def tracking(folder: Path, port: int) -> list[str]:
    """The command of an MLflow server on a database in ``folder``."""
    python = parts.mlflow()
    command = [str(python.with_name("mlflow")), "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/db.sqlite"]
    return [*command, "--artifacts-destination", str(folder / "artifacts")]


def entries(ledger: FolderLedger) -> list:
    return [*ledger.decisions().entries, *ledger.outcomes().entries]
