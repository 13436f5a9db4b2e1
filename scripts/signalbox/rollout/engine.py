"""Moves that are not believed before they are seen: ordered, read back, and observed in the requests."""

from __future__ import annotations

import msgspec

from signalbox.rollout.clock import Clock
from signalbox.rollout.observe import Source
from signalbox.rollout.traffic import KnowsDigests, Routed, Traffic, TrafficError, move
from signalbox.rollout.traffic.share import fits, telling, tolerance
from signalbox.signals import Reading, recognise

_ENOUGH = 20
_SETTLE_SECONDS = 0.5


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

    def check(self, percents: tuple[float, ...], digest: str) -> None:
        """Prove, without moving anything, that each of these shares could be ordered, and that it is
        ``digest`` that would get them, where the engine can say.
        """
        self._traffic.check(percents)
        known = self._traffic.digests() if isinstance(self._traffic, KnowsDigests) else ()
        if known and digest not in known:
            raise TrafficError(
                f"{self._traffic.describe()} rolls out {', '.join(known)}, and not {digest}: "
                "the digest is not known there"
            )

    def finish(self) -> None:
        """Make the canary the version that stays."""
        self._traffic.finish()

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
        """Set the canary's share; ``TrafficError`` if it is not in force or requests go elsewhere.

        Waits until enough requests were seen to tell, for a few seconds at most: the looks go on checking.
        """
        read_back = move(self._traffic, percent, tries=tries, wait=self._clock.pause)
        wanted, share, total = percent / 100, 0.0, 0
        before: Routed | None = None
        # A source that is slow to answer counts against the same few seconds.
        end = self._clock.monotonic() + self._confirm_seconds
        while self._clock.monotonic() < end:
            if self._clock.pause(_SETTLE_SECONDS):
                # Told to stop: the order is in force, and there are seconds left to say so.
                break
            after = self.routed()
            if after is None:
                continue
            # Counting begins after the requests that were under way when the weights changed.
            if before is None or after.canary < before.canary or after.baseline < before.baseline:
                before = after
                continue
            total = after.canary + after.baseline - before.canary - before.baseline
            if total < _ENOUGH:
                continue
            share = (after.canary - before.canary) / total
            if fits(share, wanted, total) and tolerance(wanted, total) < telling(wanted):
                break
        if total < _ENOUGH:
            return Moved(ordered=percent, read_back=read_back, requests=total)
        if not fits(share, wanted, total):
            raise TrafficError(
                f"{self.describe()} reads back {read_back:g}%, but the canary got {100 * share:.0f}% of the "
                f"last {total} requests: nothing moved"
            )
        return Moved(ordered=percent, read_back=read_back, seen=round(100 * share, 2), requests=total)


def _requests(reading: Reading) -> int | None:
    queries = recognise(series.name for series in reading.series)
    if reading.state != "ok" or queries is None:
        return None
    return round(sum(series.value for series in reading.series if series.name == queries.requests))
