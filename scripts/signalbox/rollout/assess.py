"""From what is proved to a verdict with its reasons. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.decision import Reason, strictest
from signalbox.rollout import judge
from signalbox.rollout.judge import Judgement
from signalbox.rollout.traffic.share import fits
from signalbox.stats.eprocess import Pair

WORDS = {"errors": "error rate", "latency": "share of slow requests"}
UNITS = {"errors": "errors", "latency": "slow requests"}


def words(signal: str) -> str:
    """A signal's rate for people; a caller's own ratio is called by its name."""
    return WORDS.get(signal, f"rate of {signal}")


def units(signal: str) -> str:
    """What a signal counts."""
    return UNITS.get(signal, signal)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One signal in this slice: counts at the edge that decides, and ln of its e-values."""

    counts: Pair
    log_e: float
    certified_log_e: float
    certified: bool
    breach: bool


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one look, its reasons by weight, and the numbers they rest on.

    ``log_e`` and ``threshold`` are natural logarithms; ``overdue`` says that the slice's deadline is past.
    """

    verdict: str
    reasons: tuple[Reason, ...]
    figures: dict[str, Figures]
    log_e: float
    threshold: float
    overdue: bool = False


def assess(judgement: Judgement, rules: Rollout) -> Assessment:
    """The verdict after the looks folded into ``judgement``; with no look at all it holds."""
    look = judgement.last
    threshold = judge.alarm(rules)
    if look is None:
        reason = Reason(code="NO_LOOK", text="Nothing has been measured.", effect="hold")
        return Assessment(verdict="hold", reasons=(reason,), figures={}, log_e=0.0, threshold=threshold)
    figures = _figures(judgement, rules)
    log_e = judge.total_log_e(judgement, rules)
    reasons = _worse(judgement, rules, figures, log_e)
    shadow = judge.shadow_log_e(judgement)
    if shadow >= threshold:
        # Whatever makes equals differ (bursts, a bad node) may be what makes the canary differ.
        reasons = [msgspec.structs.replace(reason, effect="hold") for reason in reasons]
        text = (
            f"Two halves of the baseline differ (e-value {_e(shadow)}, limit {_e(threshold)}), "
            "so a difference to the canary says nothing: requests fail in bursts, or an instance is ill."
        )
        reasons.insert(0, Reason(code="NEGATIVE_CONTROL", text=text, effect="hold"))
    if look.state != "ok":
        reasons.append(_missing(judgement))
    elif not look.signals:
        text = "Nothing new was counted on both arms since the look before."
        reasons.append(Reason(code="NOTHING_NEW", text=text, effect="hold"))
    reasons += _over_objective(judgement, rules, figures)
    reasons += _not_moved(judgement, rules)
    unproven = [signal for signal in rules.judged if signal not in figures or not figures[signal].certified]
    if unproven and not any(reason.effect == "rollback" for reason in reasons):
        reasons.append(_unproven(unproven, figures, rules, look.slice))
    soak = min(rules.soak_seconds, rules.slice_seconds)
    if look.since < soak:
        text = f"{look.since:.0f} s at this slice; none ends before {soak:.0f} s."
        reasons.append(Reason(code="SOAKING", text=text, effect="hold"))
    overdue = look.since >= rules.deadline_seconds
    if not reasons:
        reasons.append(_certified(figures, rules, look.slice))
    elif overdue:
        text = f"This slice is past its deadline of {rules.deadline_seconds:.0f} s."
        reasons.append(Reason(code="DEADLINE", text=text, effect="hold"))
    verdict = strictest("rollout", (reason.effect for reason in reasons if reason.effect))
    order = {"rollback": 0, "hold": 1, "proceed": 2}
    reasons.sort(key=lambda reason: order.get(reason.effect, 3))
    return Assessment(
        verdict=verdict,
        reasons=tuple(reasons),
        figures=figures,
        log_e=log_e,
        threshold=threshold,
        overdue=overdue and verdict == "hold",
    )


def _figures(judgement: Judgement, rules: Rollout) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    limit = -math.log(rules.proceed_alpha)
    for signal in rules.judged:
        tracks = judgement.tracks.get(signal, ())
        counted = [track.totals[judgement.slice] for track in tracks if len(track.totals) > judgement.slice]
        if not counted or not counted[0].treated + counted[0].control:
            continue
        certified = judge.certified_log_e(tracks, rules, judgement.slice)
        found[signal] = Figures(
            counts=counted[0],
            log_e=judge.signal_log_e(tracks, rules, judgement.slice),
            certified_log_e=certified,
            certified=certified >= limit,
            breach=judge.breach_log_e(tracks) >= judge.alarm(rules),
        )
    return found


def _worse(judgement: Judgement, rules: Rollout, figures: dict[str, Figures], log_e: float) -> list[Reason]:
    look = judgement.last
    if look is None or not look.signals or log_e < judge.alarm(rules) or not figures:
        return []
    # When it is acted upon, the reason is a signal that matters, not one whose excess is too small to.
    telling = [
        signal
        for signal in figures
        if not judgement.alarmed or judge.matters(judgement.tracks[signal], rules, judgement.slice, signal)
    ]
    worst = max(telling or figures, key=lambda signal: figures[signal].log_e)
    # The slice in which it began to show may be an earlier one than the one we are in.
    track = judgement.tracks[worst][0]
    values = judge.components(track, rules, judgement.slice)
    total = track.totals[min(values.index(max(values)), len(track.totals) - 1)]
    compared = f"e-value {_e(log_e)}, limit {_e(judge.alarm(rules))}"
    if not judgement.alarmed:
        text = (
            f"The canary's {words(worst)} is higher, by too little to act on: {_rates(total)} ({compared})."
        )
        return [Reason(code="WORSE_BUT_SMALL", text=text, effect="hold")]
    against = "the baseline's" if total.control else "its objective"
    text = f"The canary's {words(worst)} is worse than {against}: {_rates(total)} ({compared})."
    return [Reason(code="CANARY_WORSE", text=text, effect="rollback")]


def _missing(judgement: Judgement) -> Reason:
    look = judgement.last
    assert look is not None
    where = f" of the {look.arm}" if look.arm else ""
    detail = f" ({look.detail})" if look.detail else ""
    text = f"No measurement{where}: {look.state}{detail}. Missing data is neither health nor failure."
    return Reason(code=f"SIGNAL_{look.state.upper()}", text=text, effect="hold")


def _over_objective(judgement: Judgement, rules: Rollout, figures: dict[str, Figures]) -> list[Reason]:
    reasons = []
    for signal, figure in figures.items():
        if not figure.breach:
            continue
        objective, _ = judge.limits(rules, signal)
        canary, baseline = judge.rate_of(figure.counts)
        # A canary far worse than a baseline that is just over it is no shared incident.
        both = bool(figure.counts.control) and baseline > objective and canary < rules.worse_ratio * baseline
        code = "SHARED_INCIDENT" if both else "OVER_OBJECTIVE"
        whose = "Both arms are" if both else "The canary is"
        text = (
            f"{whose} over the objective of {_percent(objective)} {units(signal)}: {_rates(figure.counts)}."
        )
        reasons.append(Reason(code=code, text=text, effect="hold"))
    return reasons


def _not_moved(judgement: Judgement, rules: Rollout) -> list[Reason]:
    look = judgement.last
    total = sum(judgement.routed)
    if look is None or look.percent is None:
        return []
    ordered = judge.weight_at(rules, look.slice)
    if abs(look.percent - ordered) > 1:
        text = (
            f"The canary's share was set to {ordered:g}% and reads back {look.percent:g}%: someone moved it."
        )
        return [Reason(code="TRAFFIC_REVERTED", text=text, effect="hold")]
    if look.routed is None or not total:
        return []
    wanted = look.percent / 100
    seen = judgement.routed[0] / total
    if fits(seen, wanted, total):
        return []
    text = (
        f"The canary gets {_percent(seen)} of {total} requests where {_percent(wanted)} was set: "
        "traffic did not move as ordered."
    )
    return [Reason(code="TRAFFIC_NOT_MOVED", text=text, effect="hold")]


def _unproven(signals: Sequence[str], figures: dict[str, Figures], rules: Rollout, index: int) -> Reason:
    parts = []
    for signal in signals:
        if signal not in figures:
            parts.append(f"no {units(signal)} nor requests were counted yet")
            continue
        figure = figures[signal]
        parts.append(
            f"{words(signal)} {_rates(figure.counts)} (e-value {_e(figure.certified_log_e)}, "
            f"needed {1 / rules.proceed_alpha:.0f})"
        )
    text = f"Not yet proved {_claim(rules, index)}: {'; '.join(parts)}."
    return Reason(code="NOT_YET_PROVEN", text=text, effect="hold")


def _certified(figures: dict[str, Figures], rules: Rollout, index: int) -> Reason:
    rates = "; ".join(f"{words(signal)} {_rates(figure.counts)}" for signal, figure in figures.items())
    return Reason(code="CERTIFIED", text=f"Proved {_claim(rules, index)}: {rates}.", effect="proceed")


def _claim(rules: Rollout, index: int) -> str:
    if judge.has_control(rules, index):
        return f"to be less than {rules.worse_ratio:g} times worse than the baseline"
    return "to be within its objectives (no baseline is left to compare with)"


def _rates(pair: Pair) -> str:
    canary, baseline = judge.rate_of(pair)
    text = f"{_percent(canary)} of {pair.treated}"
    return text + (f" against {_percent(baseline)} of {pair.control}" if pair.control else "")


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _e(log_e: float) -> str:
    """An e-value for people: 0.31, 12, 4.2e+05."""
    if log_e > 690:
        return f"1e+{log_e / math.log(10):.0f}"
    return f"{math.exp(log_e):.3g}"
