"""Moves that are not believed before they are seen: ordered, read back, and observed in the requests."""

from __future__ import annotations

import math

import msgspec

from signalbox.rollout.clock import Clock
from signalbox.rollout.observe import Source
from signalbox.rollout.traffic import Routed, Traffic, TrafficError, move
from signalbox.signals import Reading, recognise

_TOLERANCE = 0.03
_ENOUGH = 20


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A move that is in force. ``seen`` is the canary's share of ``requests`` routed since, in percent, or
    None when too few came to tell (the looks go on checking).
    """

    ordered: float
    read_back: float
    seen: float | None = None
    requests: int = 0


class Engine:
    """A traffic adapter with its proof."""

    def __init__(
        self, traffic: Traffic, source: Source, clock: Clock, *, confirm_seconds: float = 3.0
    ) -> None:
        self._traffic = traffic
        self._source = source
        self._clock = clock
        self._confirm_seconds = confirm_seconds

    def describe(self) -> str:
        """A name for people."""
        return self._traffic.describe()

    def read(self) -> float:
        """The canary's share in force, in percent."""
        return self._traffic.read()

    def routed(self) -> Routed | None:
        """Requests of each arm so far, from the engine, or else from the signals."""
        try:
            counted = self._traffic.routed()
        except TrafficError:
            counted = None
        if counted is not None:
            return counted
        arms = self._source.read()
        canary, baseline = _requests(arms.canary), _requests(arms.baseline)
        return None if canary is None or baseline is None else Routed(canary, baseline)

    def move(self, percent: float, *, tries: int = 2) -> Moved:
        """Set the canary's share; ``TrafficError`` if it is not in force or requests go elsewhere."""
        read_back = move(self._traffic, percent, tries=tries, wait=self._clock.pause)
        before, waited = self.routed(), 0.0
        share, total = None, 0
        while waited < self._confirm_seconds:
            self._clock.pause(0.5)
            waited += 0.5
            after = self.routed()
            if before is None or after is None or after.canary < before.canary:
                before = after
                continue
            canary, total = after.canary - before.canary, sum(_since(before, after))
            if total < _ENOUGH:
                continue
            share = canary / total
            if fits(share, percent / 100, total):
                return Moved(ordered=percent, read_back=read_back, seen=100 * share, requests=total)
            # Requests that were under way when the weights changed count as the old share: begin anew.
            before = after
        if share is not None and total >= _ENOUGH:
            raise TrafficError(
                f"{self.describe()} reads back {read_back:g}%, but the canary got {100 * share:.0f}% of the "
                f"last {total} requests: nothing moved"
            )
        return Moved(ordered=percent, read_back=read_back, requests=max(total, 0))


def fits(share: float, wanted: float, total: int) -> bool:
    """Whether a share seen in ``total`` requests agrees with the wanted one."""
    return abs(share - wanted) <= _TOLERANCE + 4 * math.sqrt(wanted * (1 - wanted) / total)


def _since(before: Routed, after: Routed) -> tuple[int, int]:
    return after.canary - before.canary, max(0, after.baseline - before.baseline)


def _requests(reading: Reading) -> int | None:
    queries = recognise(series.name for series in reading.series)
    if reading.state != "ok" or queries is None:
        return None
    return round(sum(series.value for series in reading.series if series.name == queries.requests))
