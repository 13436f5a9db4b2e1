"""What a traffic adapter is, and a step that is only done when it has been read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import msgspec

from signalbox.errors import SignalboxError

# Weights are whole numbers in most engines: 33% of three servers cannot be set exactly.
TOLERANCE_PERCENT = 1.0


class TrafficError(SignalboxError):
    """Traffic could not be read or moved; the message names the adapter and what it said."""


class Routed(msgspec.Struct, frozen=True, array_like=True):
    """Requests that went to each arm since the engine started."""

    canary: int
    baseline: int


class Traffic(Protocol):
    """One engine that splits requests between a canary and its baseline.

    Every method raises ``TrafficError`` when the engine cannot be reached, refuses, or answers what
    cannot be understood, within a bounded time.
    """

    def describe(self) -> str:
        """A name for people, without credentials."""

    def check(self, percents: tuple[float, ...]) -> None:
        """Prove, without moving anything, that each of ``percents`` could be ordered here."""

    def read(self) -> float:
        """The canary's share in force, in percent."""

    def write(self, percent: float) -> None:
        """Ask for ``percent`` of the requests to go to the canary. Not believed until read back."""

    def finish(self) -> None:
        """The canary was proved at 100%: make it the version that stays, where the engine knows such a thing.

        Done twice it does no more than done once.
        """

    def routed(self) -> Routed | None:
        """How many requests each arm got so far; None if this engine cannot say."""


@runtime_checkable
class KnowsDigests(Protocol):
    """An engine that can say what it rolls out."""

    def digests(self) -> tuple[str, ...]:
        """Digests of the canary's images; empty where none is pinned."""


def move(
    traffic: Traffic, percent: float, *, tries: int = 1, wait: Callable[[float], object] | None = None
) -> float:
    """Bring the canary's share to ``percent`` and return what is read back.

    Raises ``TrafficError`` when it is not in force after ``tries`` attempts: also when the engine
    accepted the order and did nothing.
    """
    trouble = TrafficError("no attempt was made")
    for attempt in range(max(1, tries)):
        if attempt and wait is not None:
            wait(min(2.0, 0.25 * 2**attempt))
        try:
            traffic.write(percent)
            found = traffic.read()
        except TrafficError as error:
            trouble = error
            continue
        if abs(found - percent) <= TOLERANCE_PERCENT and (found > 0) == (percent > 0):
            return found
        trouble = TrafficError(
            f"{traffic.describe()} took the order for {percent:g}% and reads back {found:g}%: nothing moved"
        )
    raise trouble
