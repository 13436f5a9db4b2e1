"""Both arms read together, and what happened on them between two readings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from signalbox.config.rollout import Ratio, Rollout
from signalbox.signals import (
    Change,
    Endpoints,
    Prometheus,
    QuerySet,
    Reading,
    Series,
    State,
    change,
    ratio_series,
    recognise,
)
from signalbox.stats.eprocess import Pair

# Closer than this counts as one moment: the time it takes to ask for both.
_SAME_MOMENT = 1.0
_MOST_HELD = 50


class Arms(msgspec.Struct, frozen=True):
    """One reading of each arm, taken as closely together as the source allows."""

    canary: Reading
    baseline: Reading


class Source(Protocol):
    """Where the signals come from."""

    def describe(self) -> str:
        """A name for people, without credentials."""

    def read(self) -> Arms:
        """Both arms now; never raises for trouble of the source, which is a state of the readings."""


class DirectSource:
    """``/metrics`` of both arms."""

    def __init__(self, canary: Endpoints, baseline: Endpoints) -> None:
        self._canary = canary
        self._baseline = baseline

    def describe(self) -> str:
        """A name for people."""
        return (
            f"/metrics of {len(self._canary.urls)} canary and {len(self._baseline.urls)} baseline instances"
        )

    def read(self) -> Arms:
        """Both arms, the baseline last: if either leads, it is the one that cannot be blamed."""
        canary = self._canary.read()
        return Arms(canary=canary, baseline=self._baseline.read())


class PrometheusSource:
    """Two label selectors of one Prometheus, and the caller's own counts under each."""

    def __init__(
        self, prometheus: Prometheus, canary: str, baseline: str, ratios: tuple[Ratio, ...] = ()
    ) -> None:
        self._prometheus = prometheus
        self._ratios = ratios
        self._canary = canary
        self._baseline = baseline

    def describe(self) -> str:
        """A name for people."""
        return f"Prometheus at {self._prometheus.url}"

    def read(self) -> Arms:
        """Both arms."""
        canary = self._read(self._canary)
        return Arms(canary=canary, baseline=self._read(self._baseline))

    def _read(self, selector: str) -> Reading:
        reading = self._prometheus.read(selector)
        series = []
        for ratio in self._ratios if reading.state == "ok" else ():
            # The total last: what is bad was counted by then.
            for part, query in (("bad", ratio.bad), ("good", ratio.good), ("total", ratio.total)):
                if not query:
                    continue
                sample = self._prometheus.scalar(query.replace("$selector", selector))
                if sample.state != "ok" or sample.value is None:
                    return msgspec.structs.replace(
                        reading,
                        state=sample.state,
                        detail=f"{ratio.name}, {part}: {sample.detail}",
                        series=(),
                    )
                series.append(Series(ratio_series(ratio.name, part), (), sample.value))
        return msgspec.structs.replace(reading, series=(*reading.series, *series))


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a look found: as in :class:`signalbox.rollout.model.Look`."""

    state: State
    arm: str = ""
    detail: str = ""
    signals: dict[str, tuple[Pair, ...]] = {}
    routed: tuple[int, int] | None = None
    skew: float = 0.0
    shadow: Pair | None = None


class Tracker:
    """Keeps the last good reading of both arms, so that counts span a gap in the measurements.

    Both arms are compared over the same stretch, as nearly as the source allows. Where their values were
    taken at different moments (a Prometheus scrapes each in its own second of the interval), a canary's
    values are held back until there are values of the baseline no older than they: in an incident that
    hits both, the baseline's errors are then counted first, never the canary's alone. With a scrape
    interval of 15 s, comparing whatever is newest would roll back most canaries in such an incident.

    After a reset or a lost series on one arm, both begin anew.
    """

    def __init__(self, rules: Rollout) -> None:
        self._rules = rules
        self._before: Arms | None = None
        self._held: list[Reading] = []
        self._since = 0.0

    def restart(self, arms: Arms | None, since: float = 0.0) -> None:
        """Count from ``arms`` on (from the next good reading, if it is None or not good).

        With ``since`` (seconds since 1970) counting begins with values measured from then on: what a canary
        answered before its rollout, and a Prometheus scraped later, is not held against it.
        """
        self._held, self._since = [], since
        good = arms is not None and arms.canary.state == arms.baseline.state == "ok"
        self._before = arms if arms and good and not self._early(arms) else None

    def _early(self, arms: Arms) -> bool:
        times = [reading.sampled_at for reading in (arms.canary, arms.baseline)]
        return any(time is not None and time < self._since for time in times)

    def measure(self, arms: Arms, *, control: bool) -> Measured:
        """What happened since the reading before. Without ``control`` the baseline need not answer."""
        trouble = _first_trouble(arms, control)
        if trouble:
            return trouble
        chosen = self._choose(arms) if control else arms.canary
        if chosen is None:
            return Measured(state="ok", detail="waiting for values of the baseline as new as the canary's")
        before, arms = self._before, Arms(canary=chosen, baseline=arms.baseline)
        if before is None and self._early(arms):
            return Measured(state="ok", detail="waiting for values measured since the rollout began")
        if before is None:
            self._advance(arms)
            return Measured(state="empty", detail="the first reading; counting begins here")
        queries = recognise(series.name for series in chosen.series)
        if queries is None:
            return Measured(state="empty", arm="canary", detail="no requests are counted there")
        canary = self._change(before.canary, arms.canary, queries)
        baseline = self._change(before.baseline, arms.baseline, queries)
        if not control and baseline.state != "ok":
            baseline = Change(state="ok", requests=0, errors=0, timed=0, slow=(0, 0))
            baseline = msgspec.structs.replace(baseline, ratios=dict.fromkeys(canary.ratios, (0, 0)))
        for arm, found in (("canary", canary), ("baseline", baseline)):
            if found.state != "ok":
                self._advance(arms)
                return Measured(state=found.state, arm=arm, detail=found.detail)
        if control and not (canary.requests and baseline.requests):
            # One arm moved and the other did not yet: alone it says nothing, so both go on being counted
            # from the reading before, until both have moved.
            return Measured(state="ok", detail="not both arms have new requests", skew=_skew(arms))
        self._advance(arms)
        shadow = self._shadow(before.baseline, arms.baseline, queries) if control else None
        return msgspec.structs.replace(self._pairs(canary, baseline, arms), shadow=shadow)

    def _shadow(self, before: Reading, after: Reading, queries: QuerySet) -> Pair | None:
        """Errors of one half of the baseline's instances against the other's; None with one instance."""
        found = []
        for half in halves(after):
            old, new = (
                msgspec.structs.replace(one, series=tuple(s for s in one.series if instance_of(s) in half))
                for one in (before, after)
            )
            found.append(self._change(old, new, queries) if half else Change(state="empty"))
        first, second = found
        if first.state != "ok" or second.state != "ok":
            return None
        pairs = _error_pairs(first, second)
        return pairs[0] if pairs else None

    def _choose(self, arms: Arms) -> Reading | None:
        """The newest reading of the canary that is not newer than the baseline's."""
        self._held = [*self._held, arms.canary][-_MOST_HELD:]
        limit = arms.baseline.sampled_at
        fitting = [
            reading
            for reading in self._held
            if limit is None or reading.sampled_at is None or reading.sampled_at <= limit + _SAME_MOMENT
        ]
        return fitting[-1] if fitting else None

    def _advance(self, arms: Arms) -> None:
        """Count from ``arms`` on; what the canary showed later is still held."""
        self._before = arms
        # The same scrape is read many times: what equals the chosen reading goes too.
        while arms.canary in self._held:
            self._held = self._held[self._held.index(arms.canary) + 1 :]

    def _change(self, before: Reading, after: Reading, queries: QuerySet) -> Change:
        return change(before, after, queries, objective_seconds=self._rules.latency_objective_ms / 1000)

    def _pairs(self, canary: Change, baseline: Change, arms: Arms) -> Measured:
        signals: dict[str, tuple[Pair, ...]] = {}
        absent: list[str] = []
        for signal in self._rules.signals:
            pairs = _error_pairs(canary, baseline) if signal == "errors" else _slow_pairs(canary, baseline)
            if pairs:
                signals[signal] = pairs
            else:
                absent.append(signal)
        for ratio in self._rules.ratios:
            if ratio.name in canary.ratios and ratio.name in baseline.ratios:
                signals[ratio.name] = (_pair(*canary.ratios[ratio.name], *baseline.ratios[ratio.name]),)
            else:
                absent.append(ratio.name)
        what = {"errors": "no status code on the requests", "latency": "no duration histogram"}
        return Measured(
            state="empty" if absent else "ok",
            detail="; ".join(what.get(signal, f"no {signal}") for signal in absent),
            signals=signals,
            routed=(canary.requests or 0, baseline.requests or 0),
            skew=_skew(arms),
        )


def instance_of(series: Series) -> str | None:
    """The instance that a series is from, by the label that its source gives it."""
    return next((value for value in map(series.label, ("instance", "pod", "server")) if value), None)


def halves(reading: Reading) -> tuple[frozenset[str], frozenset[str]]:
    """The reading's instances in two halves, the same ones as long as the instances stay."""
    known = sorted({name for name in map(instance_of, reading.series) if name})
    return frozenset(known[::2]), frozenset(known[1::2])


def _first_trouble(arms: Arms, control: bool) -> Measured | None:
    readings: Mapping[str, Reading] = {"baseline": arms.baseline, "canary": arms.canary}
    for arm, reading in readings.items():
        if reading.state != "ok" and (control or arm == "canary"):
            return Measured(state=reading.state, arm=arm, detail=reading.detail)
    return None


def _skew(arms: Arms) -> float:
    if arms.canary.sampled_at is None or arms.baseline.sampled_at is None:
        return 0.0
    return round(abs(arms.canary.sampled_at - arms.baseline.sampled_at), 3)


def _error_pairs(canary: Change, baseline: Change) -> tuple[Pair, ...]:
    if canary.requests is None or canary.errors is None:
        return ()
    # A baseline whose requests carry no status is no baseline for errors.
    if baseline.requests is None or baseline.errors is None:
        return ()
    return (_pair(canary.requests, canary.errors, baseline.requests, baseline.errors),)


def _slow_pairs(canary: Change, baseline: Change) -> tuple[Pair, ...]:
    if canary.timed is None or canary.slow is None or baseline.timed is None or baseline.slow is None:
        return ()
    exact = canary.slow[0] == canary.slow[1] and baseline.slow[0] == baseline.slow[1]
    pairs = [_pair(canary.timed, canary.slow[0], baseline.timed, baseline.slow[0])]
    if not exact:
        pairs.append(_pair(canary.timed, canary.slow[1], baseline.timed, baseline.slow[1]))
    return tuple(pairs)


def _pair(treated: int, treated_events: int, control: int, control_events: int) -> Pair:
    return Pair(treated, min(treated_events, treated), control, min(control_events, control))


__all__ = ["Arms", "DirectSource", "Measured", "PrometheusSource", "Source", "Tracker"]
