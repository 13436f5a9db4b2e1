"""``haproxy:``: HAProxy's runtime API over its unix socket or a TCP address.

Every server of an arm gets the same weight, chosen so that the arm's sum has the wanted share. All weights
go in one line of commands, so that no request sees half of them.
"""

from __future__ import annotations

import csv
import io
import re
import socket
from collections.abc import Sequence
from math import gcd

from signalbox.errors import InputError
from signalbox.rollout.traffic.base import Routed, TrafficError

# What HAProxy allows in names; a semicolon or a line break would be another command.
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_WEIGHT = re.compile(r"(\d+) \(initial \d+\)")
_MOST = 256
_MAX_BYTES = 16 * 1024 * 1024


class HAProxy:
    """``address`` is ``unix:/path`` or ``tcp:host:port``; names are servers of ``backend``."""

    def __init__(
        self,
        address: str,
        *,
        backend: str,
        canary: Sequence[str],
        baseline: Sequence[str],
        timeout: float = 3.0,
    ) -> None:
        for name in (backend, *canary, *baseline):
            if not _NAME.fullmatch(name):
                raise InputError(f"{name!r} cannot be a name in HAProxy", where="--traffic")
        if not canary or not baseline or set(canary) & set(baseline):
            raise InputError(
                "canary and baseline must each name servers, and not the same ones", where="--traffic"
            )
        self._address = address
        self._backend = backend
        self._canary = tuple(canary)
        self._baseline = tuple(baseline)
        self._timeout = timeout

    def describe(self) -> str:
        """A name for people."""
        return f"HAProxy's backend {self._backend} at {self._address}"

    def check(self, percents: tuple[float, ...]) -> None:
        """The socket answers and every server is known; any share can be ordered."""
        self.read()

    def read(self) -> float:
        """The canary's share of the weights in force, in percent."""
        canary = sum(self._weight(server) for server in self._canary)
        baseline = sum(self._weight(server) for server in self._baseline)
        if not canary + baseline:
            raise TrafficError(f"{self.describe()} has weight 0 on every server: it serves nobody")
        return 100.0 * canary / (canary + baseline)

    def write(self, percent: float) -> None:
        """Set the weight of every server of both arms."""
        each, other = server_weights(percent, len(self._canary), len(self._baseline))
        raising = [(name, other) for name in self._baseline] if percent < 50 else []
        rest = [(name, each) for name in self._canary]
        rest += [] if raising else [(name, other) for name in self._baseline]
        line = ";".join(
            f"set server {self._backend}/{name} weight {weight}" for name, weight in [*raising, *rest]
        )
        answer = self._ask(line).strip()
        if answer:
            raise TrafficError(f"{self.describe()} refused: {answer[:300]}")

    def finish(self) -> None:
        """Nothing is to do: the weights stay until the next release."""

    def routed(self) -> Routed | None:
        """How often each arm was chosen, from the statistics' ``lbtot``."""
        table = self._ask("show stat").lstrip("# ")
        counted = {"canary": 0, "baseline": 0}
        try:
            for row in csv.DictReader(io.StringIO(table)):
                if row["pxname"] == self._backend and row["svname"] in (*self._canary, *self._baseline):
                    counted["canary" if row["svname"] in self._canary else "baseline"] += int(row["lbtot"])
        except (KeyError, ValueError, TypeError, csv.Error):
            return None
        return Routed(counted["canary"], counted["baseline"])

    def _weight(self, server: str) -> int:
        answer = self._ask(f"get weight {self._backend}/{server}").strip()
        found = _WEIGHT.fullmatch(answer)
        if not found:
            raise TrafficError(f"{self.describe()} knows no server {server}: {answer[:300] or 'no answer'}")
        return int(found.group(1))

    def _ask(self, line: str) -> str:
        kind, _, place = self._address.partition(":")
        try:
            if kind == "unix":
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            else:
                connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            with connection:
                connection.settimeout(self._timeout)
                host, _, port = place.rpartition(":")
                connection.connect(place if kind == "unix" else (host, int(port)))
                connection.sendall(line.encode() + b"\n")
                received = b""
                while chunk := connection.recv(65536):
                    received += chunk
                    if len(received) > _MAX_BYTES:
                        raise TrafficError(f"{self.describe()} does not stop answering")
        except TimeoutError:
            raise TrafficError(f"{self.describe()} did not answer within {self._timeout:g} s") from None
        except OSError as error:
            raise TrafficError(f"{self.describe()} cannot be reached: {error.strerror or error}") from None
        text = received.decode(errors="replace")
        if "Permission denied" in text:
            raise TrafficError(f"{self.describe()} denies it: the socket needs 'level admin'")
        return text


def server_weights(percent: float, canaries: int, baselines: int) -> tuple[int, int]:
    """Weight of each canary and of each baseline server, 0..256, for the canary's share in percent."""
    each = round(percent * 10) * baselines
    other = round((100 - percent) * 10) * canaries
    common = gcd(each, other) or 1
    each, other = each // common, other // common
    top = max(each, other)
    if top > _MOST:
        # Rounding must not turn a small share into none.
        each = max(1, round(each * _MOST / top)) if each else 0
        other = max(1, round(other * _MOST / top)) if other else 0
    elif top < 100:
        # Room for the engine to interleave the servers evenly.
        factor = 100 // top
        each, other = each * factor, other * factor
    return each, other
