"""The judge: what the looks so far prove about a canary. Pure; one look at a time, or all again.

Roll back when "no worse than the baseline" is refuted: one e-value, a mean over signals and over slices
(each slice starts a process of its own that runs on to the end), reaches 1/α. Certify a signal when "worse
by the policy's ratio *and* by more than its smallest excess" is refuted within the slice. Every signal must
certify; one look without data neither advances nor rolls back anything. See statistics.md in the docs for
what is guaranteed and what is assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.rollout.model import Look
from signalbox.stats import eprocess
from signalbox.stats.eprocess import FAR_BELOW, NOT_WORSE, WORSE, Logs, Pair

CERTIFY_WEIGHTS = (0.8, 0.2)
"""Of the two ways to certify: by the ratio, and by the smallest excess that matters. The second is what
proves a service that hardly ever fails; the first loses little power to it (bench/rollout.py)."""


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of one signal, counted at one edge. ``worse`` and ``totals`` have one entry a slice."""

    worse: tuple[Logs, ...] = ()
    totals: tuple[Pair, ...] = ()
    over: Logs = eprocess.fresh(WORSE)
    under: Logs = eprocess.fresh(FAR_BELOW)
    ratio: Logs = eprocess.fresh(NOT_WORSE)
    small: Logs = eprocess.fresh(FAR_BELOW)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known after some looks. ``alarmed``: E is over the limit, and by enough to act upon."""

    tracks: dict[str, tuple[Track, ...]] = {}
    slice: int = -1
    alarmed: bool = False
    shadow: tuple[Logs, Logs] = (eprocess.fresh(WORSE), eprocess.fresh(WORSE))
    """The negative control: each half of the baseline tested for being worse than the other."""
    routed: tuple[int, int] = (0, 0)
    looks: int = 0
    missing: int = 0
    last: Look | None = None


def limits(rules: Rollout, signal: str) -> tuple[float, float]:
    """(objective, smallest excess that matters) of a signal, as shares of requests."""
    if signal == "latency":
        # 1 - 0.99 is 0.010000000000000009; the records should not show that.
        return round(1 - rules.latency_quantile, 9), rules.min_slow_excess
    for ratio in rules.ratios:
        if ratio.name == signal:
            return ratio.objective, ratio.min_excess
    return rules.error_objective, rules.min_excess


def weight_at(rules: Rollout, index: int) -> float:
    """The canary's percent in slice ``index``: the last leaves the control share, if there is one."""
    return min(rules.slices[index], 100.0 - rules.control_share)


def shares(rules: Rollout) -> tuple[float, ...]:
    """Every share that going forward takes."""
    return tuple(weight_at(rules, index) for index in range(len(rules.slices)))


def has_control(rules: Rollout, index: int) -> bool:
    """Whether a concurrent baseline is left in slice ``index``."""
    return weight_at(rules, index) < 100


def advance(before: Judgement, look: Look, rules: Rollout) -> Judgement:
    """The judgement after one more look."""
    new_slice = look.slice != before.slice
    tracks = dict(before.tracks)
    for signal in rules.judged:
        pairs = look.signals.get(signal, ())
        old = tracks.get(signal, ())
        width = max(len(pairs), len(old), 1)
        # As long as nothing fell between the two edges, both had the same counts: one history is both's.
        grown = [old[min(i, len(old) - 1)] if old else Track() for i in range(width)]
        tracks[signal] = tuple(
            _track(
                track, pairs[min(i, len(pairs) - 1)] if pairs else None, look.slice, rules, signal, new_slice
            )
            for i, track in enumerate(grown)
        )
    routed = (0, 0) if new_slice else before.routed
    if look.routed:
        routed = (routed[0] + look.routed[0], routed[1] + look.routed[1])
    after = Judgement(
        tracks=tracks,
        slice=look.slice,
        routed=routed,
        looks=before.looks + 1,
        missing=before.missing + (look.state != "ok"),
        last=look,
        shadow=_shadow(before.shadow, look.shadow, rules),
    )
    return msgspec.structs.replace(after, alarmed=acting_log_e(after, rules) >= alarm(rules))


def _shadow(logs: tuple[Logs, Logs], pair: Pair | None, rules: Rollout) -> tuple[Logs, Logs]:
    if pair is None:
        return logs
    turned = Pair(pair.control, pair.control_events, pair.treated, pair.treated_events)
    cluster = rules.cluster_size
    return (
        eprocess.compare(logs[0], pair, WORSE, cluster=cluster),
        eprocess.compare(logs[1], turned, WORSE, cluster=cluster),
    )


def shadow_log_e(judgement: Judgement) -> float:
    """ln E of "two halves of the baseline fail alike": the mean of both directions."""
    return eprocess.weighted_mean([eprocess.log_e(logs, WORSE) for logs in judgement.shadow], (0.5, 0.5))


def fold(looks: Iterable[Look], rules: Rollout) -> Judgement:
    """The judgement of all looks, from the beginning."""
    judgement = Judgement()
    for look in looks:
        judgement = advance(judgement, look, rules)
    return judgement


def _track(track: Track, pair: Pair | None, index: int, rules: Rollout, signal: str, anew: bool) -> Track:
    objective, excess = limits(rules, signal)
    cluster = rules.cluster_size
    # Processes of slices that this signal missed stay at 1: nothing was learnt.
    missing = index + 1 - len(track.worse)
    worse = track.worse + (eprocess.fresh(WORSE),) * missing
    totals = track.totals + (Pair(0, 0, 0, 0),) * missing
    if anew:
        track = Track()
    if pair is None:
        return msgspec.structs.replace(track, worse=worse, totals=totals)
    exposure, events = pair.treated, pair.treated_events
    return Track(
        worse=tuple(
            eprocess.compare(logs, pair, WORSE, null=rules.null_ratio, cluster=cluster) for logs in worse
        ),
        totals=tuple(add(total, pair) for total in totals),
        over=eprocess.exceed(track.over, exposure, events, WORSE, limit=objective, cluster=cluster),
        under=eprocess.stay_below(track.under, exposure, events, FAR_BELOW, limit=objective, cluster=cluster),
        ratio=eprocess.certify(track.ratio, pair, NOT_WORSE, limit=rules.worse_ratio, cluster=cluster),
        small=eprocess.stay_below(track.small, exposure, events, FAR_BELOW, limit=excess, cluster=cluster),
    )


def add(a: Pair, b: Pair) -> Pair:
    """Counts of two looks together."""
    return Pair(
        a.treated + b.treated,
        a.treated_events + b.treated_events,
        a.control + b.control,
        a.control_events + b.control_events,
    )


def start_weights(slices: int) -> list[float]:
    """Weights of the processes begun with each slice. The first, which sees the most, has over half: any
    fixed weights keep α, and these find a doubled error rate most often (bench/rollout.py).
    """
    return [1.0] if slices == 1 else [0.55] + [0.45 / (slices - 1)] * (slices - 1)


def signal_weights(signals: int) -> list[float]:
    """Weights of the signals: half for the first that the policy names, the rest in equal parts."""
    return [1.0] if signals == 1 else [0.5] + [0.5 / (signals - 1)] * (signals - 1)


def alarm(rules: Rollout) -> float:
    """ln(1/α): what the mean e-value must reach."""
    return -math.log(rules.alpha)


def components(track: Track, rules: Rollout, index: int) -> list[float]:
    """ln E of one track per slice of the plan; a slice not begun counts as E = 1."""
    values = [0.0] * len(rules.slices)
    for begun, logs in enumerate(track.worse[: len(values)]):
        values[begun] = eprocess.log_e(logs, WORSE)
    if not has_control(rules, index) and index < len(values):
        # Nobody left to compare with: this slice tests the objective instead.
        values[index] = eprocess.log_e(track.over, WORSE)
    return values


def signal_log_e(tracks: tuple[Track, ...], rules: Rollout, index: int) -> float:
    """ln of the mean e-value of one signal over the slices; of two edges the one that says less."""
    weights = start_weights(len(rules.slices))
    return min(eprocess.weighted_mean(components(track, rules, index), weights) for track in tracks)


def total_log_e(judgement: Judgement, rules: Rollout) -> float:
    """ln of the one e-value over all signals and slices."""
    return _mean([signal_log_e(t, rules, judgement.slice) for t in _in_order(judgement, rules)], rules)


def acting_log_e(judgement: Judgement, rules: Rollout) -> float:
    """The same with signals whose excess is too small to matter counted as having found nothing."""
    values = []
    for signal, tracks in zip(rules.judged, _in_order(judgement, rules), strict=True):
        value = signal_log_e(tracks, rules, judgement.slice)
        values.append(value if matters(tracks, rules, judgement.slice, signal) else min(value, 0.0))
    return _mean(values, rules)


def matters(tracks: tuple[Track, ...], rules: Rollout, index: int, signal: str) -> bool:
    """Whether the excess seen since the most telling slice began is large enough to act upon.

    Beside a control that is the policy's smallest excess. Without one it is any excess over the
    objective, provided that the baseline met the objective while it was there: a service that never met
    it is not made worse by this canary.
    """
    objective, excess = limits(rules, signal)
    for track in tracks:
        values = components(track, rules, index)
        begun = values.index(max(values))
        if begun >= len(track.totals) or not track.totals[begun].treated:
            return False
        total = track.totals[begun]
        if has_control(rules, index) or begun != index:
            if not total.control or rate_of(total)[0] - rate_of(total)[1] < excess:
                return False
        elif rate_of(total)[0] <= objective or rate_of(track.totals[0])[1] > objective:
            return False
    return True


def rate_of(pair: Pair) -> tuple[float, float]:
    """Rates of events of the canary and of the baseline; 0 without requests."""
    return (
        pair.treated_events / pair.treated if pair.treated else 0.0,
        pair.control_events / pair.control if pair.control else 0.0,
    )


def _mean(values: list[float], rules: Rollout) -> float:
    return eprocess.weighted_mean(values, signal_weights(len(rules.judged)))


def _in_order(judgement: Judgement, rules: Rollout) -> list[tuple[Track, ...]]:
    return [
        judgement.tracks.get(signal, (Track(worse=(), totals=(Pair(0, 0, 0, 0),)),))
        for signal in rules.judged
    ]


def certified_log_e(tracks: tuple[Track, ...], rules: Rollout, index: int) -> float:
    """ln E of the certification of one signal in this slice; of two edges the one that proves less."""
    if not has_control(rules, index):
        return min(eprocess.log_e(track.under, FAR_BELOW) for track in tracks)
    return min(
        eprocess.weighted_mean(
            (eprocess.log_e(track.ratio, NOT_WORSE), eprocess.log_e(track.small, FAR_BELOW)), CERTIFY_WEIGHTS
        )
        for track in tracks
    )


def breach_log_e(tracks: tuple[Track, ...]) -> float:
    """ln E of "the canary is over its objective" in this slice."""
    return min(eprocess.log_e(track.over, WORSE) for track in tracks)
