"""``command:``: the caller's own program moves the traffic.

``PROGRAM get`` prints ``{"canary": n, "baseline": m}``; ``PROGRAM set --canary N --baseline M`` sets them.
No shell is involved; the program runs with the monitor's environment.
"""

from __future__ import annotations

import shlex
import subprocess

from signalbox.errors import InputError
from signalbox.rollout.traffic.base import Routed, TrafficError
from signalbox.rollout.traffic.proxy import share_of, weights


class Command:
    """``line`` is the program and its first arguments, quoted as for a shell; ``timeout`` in seconds."""

    def __init__(self, line: str, *, timeout: float = 30.0) -> None:
        try:
            self._argv = shlex.split(line)
        except ValueError as error:
            raise InputError("the command cannot be read", where="--traffic", why=str(error)) from None
        if not self._argv:
            raise InputError("there is no command after 'command:'", where="--traffic")
        self._timeout = timeout

    def describe(self) -> str:
        """A name for people; arguments are left out, they may hold secrets."""
        return f"the command {self._argv[0]}"

    def check(self, percents: tuple[float, ...]) -> None:
        """The program can say the weights; any share can be ordered."""
        self.read()

    def read(self) -> float:
        """The canary's share in force, in percent."""
        return share_of(self._run("get"), self.describe())

    def write(self, percent: float) -> None:
        """Run ``set``; its exit code 0 proves nothing yet."""
        wanted = weights(percent)
        self._run("set", "--canary", str(wanted["canary"]), "--baseline", str(wanted["baseline"]))

    def finish(self) -> None:
        """Nothing is to do: the weights stay until the next release."""

    def routed(self) -> Routed | None:
        """A command does not count requests."""
        return None

    def _run(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                [*self._argv, *arguments], capture_output=True, timeout=self._timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise TrafficError(f"{self.describe()} {arguments[0]} took over {self._timeout:g} s") from None
        except OSError as error:
            raise TrafficError(f"{self.describe()} cannot be started: {error.strerror}") from None
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise TrafficError(
                f"{self.describe()} {arguments[0]} ended with {done.returncode}: {last[0][:300]}"
            )
        return done.stdout.decode(errors="replace")
