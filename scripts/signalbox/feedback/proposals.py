"""Changes of policy that recorded decisions speak for, each proved on decisions it was not chosen on.

Decisions are pure, so what another policy would have decided is not estimated but decided again, from the
same bundle. What each verdict would have cost is known where the outcome is; where it is not, whatever speaks
against the change is assumed. A candidate is chosen on the older decisions and judged on the newer: it is
proposed only if the lower bound of its gain is above 0, at a confidence shared among everything that is
tried. The audit rate is the one choice made at random; its proposal rests on the logged propensities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from signalbox.config import Settings
from signalbox.config.scoring import Costs
from signalbox.feedback.bands import cost, learn, range_of
from signalbox.feedback.history import Made
from signalbox.stats.binomial import lower_bound, upper_bound
from signalbox.stats.bounded import Interval, is_above, mean_interval
from signalbox.stats.bounded import lower_bound as least_mean
from signalbox.stats.offpolicy import Logged, doubly_robust

Value = float | None
Decide = Callable[[Made, Settings], str | None]
"""What a past decision would be under other settings; None where it cannot be made again."""

_ACTION = {
    "auto-promote": "auto",
    "proceed": "auto",
    "manual-review": "review",
    "hold": "review",
    "block": "block",
    "rollback": "block",
}
MOST_CASES = 4000
LEAST_AUDIT_RATE = 0.01


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One value to change. ``gain`` is per decision, in the unit of the costs, on ``held_out`` decisions;
    ``least`` its one-sided lower bound. ``tightens``: proposed on an alarm, which needs no bound."""

    section: str
    key: str
    today: Value
    proposed: Value
    why: str
    held_out: int = 0
    unknown: int = 0
    gain: Interval | None = None
    least: float = 0.0
    tightens: bool = False

    @property
    def name(self) -> str:
        """As it stands in the policy file."""
        return f"{self.section}.{self.key}"


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is proposed for a setting, and how much evidence is missing."""

    name: str
    text: str


def propose(
    cases: Mapping[str, Sequence[Made]], settings: Settings, decide: Decide
) -> tuple[tuple[Proposal, ...], tuple[Missing, ...]]:
    """Proposals, and why there are no others. ``cases``: kind → decisions old enough to be known, oldest
    first."""
    tried: list[tuple[str, str, str, list[Value]]] = []
    missing: list[Missing] = []
    for kind, section, key, candidates in _searched(cases, settings):
        known = sum(m.bad is not None for m in cases.get(kind, ()))
        least = settings.feedback.least_decisions
        if known < least:
            text = f"{known} {kind} decisions have a known outcome; {least - known} more are needed"
            missing.append(Missing(name=f"{section}.{key}", text=text))
        elif not candidates:
            missing.append(Missing(name=f"{section}.{key}", text="no other value would have cost less"))
        else:
            tried.append((kind, section, key, candidates))
    # What is tried together shares the error, so that trying much does not find something by chance.
    confidence = 1 - (1 - settings.feedback.proposal_confidence) / max(1, len(tried))
    found: list[Proposal] = []
    for kind, section, key, candidates in tried:
        recent = list(cases[kind])[-MOST_CASES:]
        result = _one(recent, section, key, candidates, settings, decide, confidence)
        (found if isinstance(result, Proposal) else missing).append(result)  # type: ignore[arg-type]
    audits = audit_rate(cases.get("test-plan", ()), settings)
    (found if isinstance(audits, Proposal) else missing).append(audits)  # type: ignore[arg-type]
    return tuple(found), tuple(missing)


def audit_rate(plans: Sequence[Made], settings: Settings) -> Proposal | Missing:
    """Whether fewer or more audits are worth their price, by exact bounds on the share that missed something.

    An audit is worth it where P(miss) × escape-cost > audit-cost. The share of misses among audits is that of
    all targeted runs, because the draw is at random; its logged propensity says so.
    """
    rate, feedback = settings.selection.audit_rate, settings.feedback
    name = "selection.audit-rate"
    audited = [m for m in plans if m.label is not None and m.label.source == "audit" and _drawn(m)]
    n, missed = len(audited), sum(m.bad is True for m in audited)
    worth = feedback.audit_cost / feedback.escape_cost if feedback.escape_cost else 1.0
    confidence = feedback.proposal_confidence
    if not n or not rate:
        return Missing(
            name=name, text="no audit drawn at random has an outcome; selection needs an audit rate"
        )
    low, high = lower_bound(missed, n, confidence), upper_bound(missed, n, confidence)
    seen = f"{missed} of {n} audits found a miss ({100 * low:.2g}% to {100 * high:.2g}%)"
    everything = _off_policy(plans, confidence)
    if everything is not None:
        seen += f"; off-policy, of all {everything.n} plans {100 * (1 - everything.estimate):.2g}%"
        seen += (
            f" ({100 * (1 - everything.high):.2g}% to {100 * (1 - everything.low):.2g}%) would have missed"
        )
    at = f"an audit is worth its price from {100 * worth:.2g}% on"
    if high < worth and rate > LEAST_AUDIT_RATE:
        proposed = max(LEAST_AUDIT_RATE, round(rate / 2, 4))
        least = (rate - proposed) * (feedback.audit_cost - high * feedback.escape_cost)
    elif low > worth and rate < 0.5:
        proposed = min(0.5, round(2 * rate, 4))
        least = (proposed - rate) * (low * feedback.escape_cost - feedback.audit_cost)
    else:
        more = next((k for k in range(n, 20 * n + 2000) if upper_bound(missed, k, confidence) < worth), None)
        need = f"; {more - n} more without a miss would speak for fewer" if more and high >= worth else ""
        return Missing(name=name, text=f"{seen}; {at}{need}")
    return Proposal(
        section="selection",
        key="audit-rate",
        today=rate,
        proposed=proposed,
        why=f"{seen}; {at}",
        held_out=n,
        least=least,
    )


def _off_policy(plans: Sequence[Made], confidence: float) -> Interval | None:
    """The share of all plans, audited or not, that miss nothing: doubly robust, by logged propensities.

    Audits whose outcome never came are taken to be like the others: the propensity is that of being told of.
    """
    drawn = [m for m in plans if _drawn(m)][-MOST_CASES:]
    told = {m.id for m in drawn if m.label is not None and m.label.source == "audit" and m.bad is not None}
    waiting = {m.id for m in drawn if m.verdict == "full" and m.id not in told}
    if not told:
        return None
    answered = len(told) / (len(told) + len(waiting))
    logged = [
        Logged(
            action="audit" if m.id in told else "skip",
            propensity=(m.propensity or 1.0) * (answered if m.id in told else 1.0),
            reward=float(not m.bad) if m.id in told else 0.0,
            target={"audit": 1.0},
            predicted={"audit": 1.0, "skip": 1.0},
        )
        for m in drawn
        if m.id not in waiting
    ]
    return doubly_robust(logged, confidence=confidence)


def _drawn(made: Made) -> bool:
    """Whether the audit was a draw: its propensity is a chance, not a certainty."""
    return made.propensity is not None and 0 < made.propensity < 1


def _searched(
    cases: Mapping[str, Sequence[Made]], settings: Settings
) -> list[tuple[str, str, str, list[Value]]]:
    scoring, rollout = settings.scoring, settings.rollout
    older, _ = _parts(cases.get("promotion", ()), settings)
    pairs = [(s, m.bad is True) for m in older if m.bad is not None and (s := _score(m)) is not None]
    bands = learn(pairs, scoring.costs, doubt=1.2)
    auto: list[Value] = [_round_up(bands.auto_from)] if bands.auto_from <= 1 else []
    floor: list[Value] = [_round_up(bands.review_from)] if 0 < bands.review_from <= 1 else []
    if isinstance(scoring.auto_promote_at, str):
        auto = []  # "calibrated" already takes whatever the outcomes allow
    tried: list[tuple[str, str, str, list[Value]]] = [
        ("promotion", "scoring", "auto-promote-at", auto),
        ("promotion", "scoring", "review-threshold", floor),
    ]
    for kind, section, key, today in (
        ("promotion", "scoring", "coverage-drop-points", scoring.coverage_drop_points),
        ("promotion", "scoring", "performance-margin", scoring.performance_margin),
        ("rollout", "rollout", "slice-seconds", rollout.slice_seconds),
        ("rollout", "rollout", "min-excess", rollout.min_excess),
    ):
        tried.append((kind, section, key, [round(today / 2, 6), round(today * 2, 6)] if today else []))
    return tried


def _one(
    cases: Sequence[Made],
    section: str,
    key: str,
    candidates: Sequence[Value],
    settings: Settings,
    decide: Decide,
    confidence: float,
) -> Proposal | Missing:
    name = f"{section}.{key}"
    older, newer = _parts(cases, settings)
    costs = settings.scoring.costs
    totals = [
        (sum(_gains(older, settings, _changed(settings, section, key, value), decide, costs)[0]), value)
        for value in candidates
    ]
    best, value = max(totals, key=lambda item: item[0])
    if best <= 0:
        return Missing(name=name, text="no other value would have cost less on the older decisions")
    other = _changed(settings, section, key, value)
    gains, changes = _gains(newer, settings, other, decide, costs)
    low, high = range_of(changes, costs)
    estimate = mean_interval(gains, low=low, high=high, confidence=settings.feedback.proposal_confidence)
    unknown = sum(m.bad is None for m in newer)
    shown = f"{value:g} would gain {estimate.estimate:.3g} a decision on {len(gains)} newer ones"
    if gains and is_above(gains, 0.0, low=low, high=high, confidence=confidence):
        return Proposal(
            section=section,
            key=key,
            today=_today(settings, section, key),
            proposed=value,
            why=f"chosen on {len(older)} older decisions, judged on {len(gains)} newer ones",
            held_out=len(gains),
            unknown=unknown,
            gain=estimate,
            least=least_mean(gains, low=low, high=high, confidence=confidence),
        )
    need = _needed(gains, low, high, confidence)
    text = f"{shown}, which is not sure enough; {need}" + (f"; {unknown} have no outcome" if unknown else "")
    return Missing(name=name, text=text)


def _needed(gains: Sequence[float], low: float, high: float, confidence: float) -> str:
    """How many more such decisions would settle it, if they turn out like these."""
    if sum(gains) <= 0:
        return "more decisions like these would not change that"
    for times in range(2, 41):
        if is_above(list(gains) * times, 0.0, low=low, high=high, confidence=confidence):
            return f"about {len(gains) * (times - 1)} more like these would settle it"
    return f"more than {len(gains) * 40} like these would be needed"


def _gains(
    cases: Sequence[Made], today: Settings, other: Settings, decide: Decide, costs: Costs
) -> tuple[list[float], list[tuple[str, str]]]:
    """What each decision would have gained, and which action would have become which."""
    gains, changes = [], []
    for made in cases:
        now, then = decide(made, today), decide(made, other)
        if now is None or then is None:
            continue
        labels = (True, False) if made.bad is None else (made.bad,)
        pair = (_ACTION[now], _ACTION[then])
        gains.append(min(cost(pair[0], bad, costs) - cost(pair[1], bad, costs) for bad in labels))
        changes.append(pair)
    return gains, changes


def _parts(cases: Sequence[Made], settings: Settings) -> tuple[Sequence[Made], Sequence[Made]]:
    cut = len(cases) - int(len(cases) * settings.feedback.held_out_share)
    return cases[:cut], cases[cut:]


def _changed(settings: Settings, section: str, key: str, value: Value) -> Settings:
    inner = msgspec.structs.replace(getattr(settings, section), **{key.replace("-", "_"): value})
    return msgspec.structs.replace(settings, **{section: inner})


def _today(settings: Settings, section: str, key: str) -> Any:
    value = getattr(getattr(settings, section), key.replace("-", "_"))
    return None if isinstance(value, str) else value


def _score(made: Made) -> float | None:
    value = made.outputs.get("score")
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return float(value) if good else None  # type: ignore[arg-type]


def _round_up(value: float) -> float:
    """To three digits, towards the safe side."""
    return min(1.0, -(-round(value * 1000, 6) // 1) / 1000)
