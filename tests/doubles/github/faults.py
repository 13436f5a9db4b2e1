"""Failures on order: what GitHub, or the road to it, answers instead of the truth."""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

Wire = Literal["answer", "hang", "reset", "truncate", "garbage"]


@dataclass
class Fault:
    """One scripted failure. ``times`` below zero means always.

    ``after_effect`` lets the request do its work first and spoils only the answer: the case in
    which a careless retry writes twice. ``skip`` lets that many matching requests through.
    """

    method: str
    path: str
    wire: Wire = "answer"
    status: int = 500
    message: str = "Server Error"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    times: int = 1
    skip: int = 0
    after_effect: bool = False

    def matches(self, method: str, path: str) -> bool:
        """Say whether this failure is meant for a request; ``*`` in ``path`` spans slashes."""
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


class Faults:
    """The failures still to come, in the order they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Queue a failure."""
        with self._lock:
            self._pending.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """Return the failure for this request, using it up."""
        with self._lock:
            for fault in self._pending:
                if not fault.matches(method, path) or fault.times == 0:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                return fault
        return None

    def clear(self) -> None:
        """Forget all failures."""
        with self._lock:
            self._pending.clear()


def permission(method: str, path: str, needed: str, **options: Any) -> Fault:
    """403 for a token without a permission, with the header in which GitHub names it."""
    return Fault(
        method,
        path,
        status=403,
        message="Resource not accessible by integration",
        headers={"X-Accepted-GitHub-Permissions": needed},
        **options,
    )


def secondary_limit(method: str, path: str, retry_after: int = 1, status: int = 403, **options: Any) -> Fault:
    """The secondary rate limit, which names its delay in ``Retry-After``."""
    return Fault(
        method,
        path,
        status=status,
        message="You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        headers={"Retry-After": str(retry_after)},
        **options,
    )
