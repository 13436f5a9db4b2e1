"""What must survive the monitor: the state file, its lock, and the audit trail."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from signalbox.decision import canonical
from signalbox.errors import InputError
from signalbox.files import write_atomic
from signalbox.rollout.model import Look

Phase = Literal[
    "stepping", "watching", "retreating", "rolled-back", "retreated", "proposed", "finishing", "done"
]
_MAX_STATE = 1024 * 1024


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rollout is. Written before each step, so ``percent`` is what was *about* to be in force.

    ``bad`` maps digests that were found worse to the sentence that says why: they are not deployed
    again. Times are RFC 3339; ``lease_until`` is when a sweeper may take the monitor for dead.
    ``cluster_size`` is what was measured before the rollout; 0 = nothing was.
    """

    rollout: str
    deployment: str
    digest: str
    slices: tuple[float, ...]
    phase: Phase
    slice: int
    percent: float
    started_at: str
    updated_at: str
    lease_until: str
    bad: dict[str, str] = {}
    cluster_size: float = 0.0
    schema_version: int = 1


@contextlib.contextmanager
def held(lock: Path, what: str) -> Iterator[None]:
    """Hold ``lock`` (advisory, flock) to the end of the block; it ends with the process, however that ends.

    ``InputError`` says that another monitor holds ``what``.
    """
    descriptor = -1
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(lock, flags, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InputError(
            "another monitor holds this rollout",
            where=what,
            fix="Wait for it, or end it: two monitors would pull the traffic in two directions.",
        ) from None
    except OSError as error:
        raise InputError("the state cannot be locked", where=str(lock), why=error.strerror or "") from None
    try:
        yield
    finally:
        os.close(descriptor)


def held_traffic(url: str, folder: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the traffic at ``url`` on this machine, whatever state file a monitor was given."""
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return held(folder / f"signalbox-{os.getuid()}-traffic-{name}.lock", url.partition("?")[0])


class StateFile:
    """The state of one deployment, held by one monitor at a time by a lock beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._held.enter_context(held(self.path.with_name(self.path.name + ".lock"), str(self.path)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def read(self) -> State | None:
        """The state, or None if there is none yet; ``InputError`` if it cannot be read."""
        fix = "Look at where the traffic is; then repair the file, or remove it to begin a new rollout."
        try:
            with self.path.open("rb") as file:
                data = file.read(_MAX_STATE)
            return msgspec.json.decode(data, type=State)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(
                "the state cannot be read", where=str(self.path), why=error.strerror or ""
            ) from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(
                "this is not a rollout's state", where=str(self.path), why=str(error), fix=fix
            ) from None

    def write(self, state: State) -> None:
        """Replace the state at once and durably."""
        write_atomic(self.path, canonical(state))


class Audit:
    """The audit trail: one JSON line per event, each on disk before the next thing happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Audit:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o644)
            # A monitor killed in the middle of a line leaves it unfinished; the next must not be glued to it.
            size = os.fstat(self._descriptor).st_size
            if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
                os.write(self._descriptor, b"\n")
        except OSError as error:
            self.__exit__(None, None, None)
            raise InputError(
                "the audit trail cannot be opened", where=str(self.path), why=error.strerror or ""
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, event: dict[str, Any]) -> None:
        """Append one event."""
        assert self._descriptor is not None
        line = canonical(event)
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise InputError(
                "the audit trail cannot be written", where=str(self.path), why=error.strerror or ""
            ) from None

    def looks(self, rollout: str) -> list[Look]:
        """The looks of one rollout that an earlier run of the monitor took."""
        return [
            msgspec.convert(event["look"], Look)
            for event in self._events()
            if event.get("rollout") == rollout and event.get("event") == "look"
        ]

    def _events(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            for line in file:
                try:
                    event = msgspec.json.decode(line)
                    if isinstance(event, dict) and event.get("event") == "look":
                        msgspec.convert(event["look"], Look)
                # An unfinished line of a killed run: what it would have said is simply not known.
                except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError):
                    continue
                if isinstance(event, dict):
                    yield event
