"""Taking looks: when, what was counted since the last, and whether the clock can be trusted."""

from __future__ import annotations

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.errors import InputError
from signalbox.rollout import bursts, judge
from signalbox.rollout.clock import Clock, at
from signalbox.rollout.engine import Engine
from signalbox.rollout.forecast import Known, sentence
from signalbox.rollout.model import Look
from signalbox.rollout.observe import Arms, Measured, Source, Tracker
from signalbox.rollout.progress import Journal
from signalbox.rollout.traffic import Routed, TrafficError
from signalbox.signals import Reading, change, recognise

JUMP_SECONDS = 5.0


class Looker:
    """Takes the looks of one run. ``engine`` is None when traffic is only observed."""

    def __init__(
        self, rules: Rollout, *, source: Source, engine: Engine | None, clock: Clock, journal: Journal
    ) -> None:
        self._rules = rules
        self._source = source
        self._engine = engine
        self._clock = clock
        self._journal = journal
        self._tracker = Tracker(rules)
        self.cluster_size = 0.0
        self._known: Known | None = None
        self._routed: Routed | None = None
        self._elapsed = 0.0
        self._begun = False
        self._began = self._slice_began = self._next = clock.monotonic()
        self._offset = clock.now() - clock.monotonic()

    def prepare(self, elapsed: float, cluster_size: float = 0.0) -> None:
        """Prove, before traffic moves, that the baseline can be measured, and learn its usual rates.

        Waits up to one slice for the first good reading of it; ``InputError`` if there is none. Then it
        learns how failures cluster, if the policy asks for it and ``cluster_size`` is not known already.
        """
        self.cluster_size = cluster_size
        self._elapsed = elapsed
        self._began = self._clock.monotonic()
        first = self._good_baseline()
        if self._clock.wait(min(self._rules.look_seconds, 5.0)):
            return
        second = self._source.read()
        if self._rules.burst_seconds and not cluster_size:
            second = self._measure_bursts(first)
        if self.cluster_size > self._rules.cluster_size:
            self._rules = msgspec.structs.replace(self._rules, cluster_size=self.cluster_size)
        self._known = _known(first, second, self._rules)

    def _measure_bursts(self, first: Arms) -> Arms:
        """Watch the baseline alone; returns the last good reading."""
        seconds = self._rules.burst_seconds
        self._journal.say(f"watching the baseline for {seconds:g} s to see how failures cluster")
        end = self._clock.monotonic() + seconds
        counts: dict[str, list[tuple[int, int]]] = {}
        before = last = first
        while self._clock.monotonic() < end and not self._clock.wait(self._rules.look_seconds):
            arms = self._source.read()
            if arms.baseline.state != "ok":
                continue
            for signal, pair in _counts(before.baseline, arms.baseline, self._rules).items():
                counts.setdefault(signal, []).append(pair)
            before = last = arms
        measured = bursts.cluster_size(list(counts.values()))
        self.cluster_size = round(measured, 2) if measured else 0.0
        self._journal.event("bursts", stretches=counts, cluster_size=self.cluster_size)
        said = f"about {measured:.1f} together (approximate)" if measured else "too few failures to tell"
        self._journal.say(f"failures of the baseline come {said}")
        return last

    def _good_baseline(self) -> Arms:
        deadline = self._clock.monotonic() + self._rules.slice_seconds
        while True:
            arms = self._source.read()
            if arms.baseline.state == "ok" and arms.canary.state in ("ok", "empty"):
                return arms
            arm, reading = (
                ("baseline", arms.baseline) if arms.baseline.state != "ok" else ("canary", arms.canary)
            )
            if self._clock.monotonic() >= deadline or self._clock.wait(self._rules.look_seconds):
                break
            self._journal.say(f"waiting for signals: the {arm} is {reading.state} ({reading.detail})")
        raise InputError(
            f"the {arm} cannot be measured, and no traffic was moved: {reading.state}",
            where=self._source.describe(),
            why=reading.detail,
            fix="Check the URL, the selectors and that the service is up and gets requests.",
        )

    def forecast(self, index: int) -> str:
        """How long slice ``index`` will need."""
        if self._known is None or self._known.per_second <= 0:
            return (
                f"{judge.weight_at(self._rules, index):g}%: no requests were seen, so no forecast can be made"
            )
        return sentence(self._rules, index, self._known)

    def begin(self, index: int, watched: float) -> None:
        """A slice begins (or goes on, after ``watched`` seconds of it in an earlier run)."""
        now = self._clock.monotonic()
        self._slice_began = now - watched
        self._next = now + self._rules.look_seconds
        self._offset = self._clock.now() - now
        # Between slices it is the same canary, and every request counts; before the first it was not yet.
        since = now + self._offset if not self._elapsed and not watched and not self._begun else 0.0
        self._begun = True
        self._tracker.restart(self._source.read(), since)
        self._routed = self._engine.routed() if self._engine else None

    def wait(self) -> bool:
        """Let time pass until the next look; True if the monitor was told to stop."""
        return self._clock.wait(self._next - self._clock.monotonic())

    def look(self, index: int) -> Look:
        """One look at both arms."""
        control = judge.has_control(self._rules, index)
        found = self._tracker.measure(self._source.read(), control=control)
        percent, trouble = self._read_back()
        now, wall = self._clock.monotonic(), self._clock.now()
        jump = wall - now - self._offset
        self._offset = wall - now
        self._next = max(self._next + self._rules.look_seconds, now)
        state, arm, detail, signals = found.state, found.arm, found.detail, found.signals
        signals_dropped = abs(jump) > JUMP_SECONDS
        if trouble:
            state, arm, detail = "down", "traffic", trouble
        if signals_dropped:
            # What was counted over an unknown time is not used, and says so.
            state, arm, detail, signals = "stale", "", f"the clock jumped by {jump:.0f} s", {}
        return Look(
            at=at(wall),
            elapsed=round(self._elapsed + now - self._began, 3),
            slice=index,
            since=round(now - self._slice_began, 3),
            percent=percent,
            state=state,
            arm=arm,
            detail=detail,
            signals=signals,
            routed=self._routed_since(found),
            skew=found.skew,
            shadow=found.shadow if not signals_dropped else None,
        )

    def _read_back(self) -> tuple[float | None, str]:
        if self._engine is None:
            return None, ""
        try:
            return round(self._engine.read(), 3), ""
        except TrafficError as error:
            return None, str(error)

    def _routed_since(self, found: Measured) -> tuple[int, int] | None:
        if self._engine is None or found.state in ("down", "timeout"):
            # What does not answer is not asked a second time in one look.
            return found.routed
        before, self._routed = self._routed, self._engine.routed()
        if before is None or self._routed is None:
            return found.routed
        since = (self._routed.canary - before.canary, self._routed.baseline - before.baseline)
        # A restarted engine counts from zero again.
        return since if min(since) >= 0 else None


def _counts(before: Reading, after: Reading, rules: Rollout) -> dict[str, tuple[int, int]]:
    """(requests, events) of each signal on one arm between two readings; empty after a reset."""
    queries = recognise(series.name for series in after.series)
    if queries is None:
        return {}
    found = change(before, after, queries, objective_seconds=rules.latency_objective_ms / 1000)
    if found.state != "ok":
        return {}
    counts = dict(found.ratios)
    if found.requests is not None and found.errors is not None:
        counts["errors"] = (found.requests, min(found.errors, found.requests))
    if found.timed is not None and found.slow is not None:
        counts["latency"] = (found.timed, min(found.slow[0], found.timed))
    return {signal: counts[signal] for signal in rules.judged if signal in counts}


def _known(first: Arms, second: Arms, rules: Rollout) -> Known | None:
    """Requests a second from two readings, and the baseline's rates since its counters began."""
    queries = recognise(series.name for series in second.baseline.series)
    seconds = second.baseline.at - first.baseline.at
    if queries is None or seconds <= 0:
        return None
    objective = rules.latency_objective_ms / 1000
    rate = 0.0
    for before, after in ((first.baseline, second.baseline), (first.canary, second.canary)):
        grown = change(before, after, queries, objective_seconds=objective)
        rate += (grown.requests or 0) / seconds
    nothing = Reading(state="ok", at=0.0, source="", series=())
    ever = change(nothing, second.baseline, queries, objective_seconds=objective)
    rates = {}
    if ever.requests and ever.errors is not None:
        rates["errors"] = ever.errors / ever.requests
    if ever.timed and ever.slow is not None:
        rates["latency"] = ever.slow[1] / ever.timed
    return Known(per_second=rate, rates=rates)
