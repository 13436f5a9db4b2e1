"""Time, passed in."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol

from signalbox.decision import format_time


class Clock(Protocol):
    """Wall clock for records, monotonic clock for durations, and two ways to let time pass."""

    def now(self) -> float:
        """Seconds since 1970."""

    def monotonic(self) -> float:
        """Seconds since some moment; never falls."""

    def wait(self, seconds: float) -> bool:
        """Let time pass; True, at once, if the monitor was told to stop."""

    def pause(self, seconds: float) -> bool:
        """Let time pass, come what may: for what must be finished. True if the monitor was told to stop."""


class RealClock:
    """The machine's clocks. ``stop`` is set by a signal handler."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Let time pass; True, at once, if ``stop`` is set."""
        return self._stop.wait(max(0.0, seconds))

    def pause(self, seconds: float) -> bool:
        """Let time pass; True if ``stop`` is set by then (at once, if it is set meanwhile)."""
        if self._stop.is_set():
            time.sleep(seconds)
            return True
        return self._stop.wait(max(0.0, seconds))


def at(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC."""
    return format_time(datetime.fromtimestamp(seconds, UTC))
