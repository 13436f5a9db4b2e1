"""How good the decisions were: misses of the selection, the score against what happened, rollouts, advice."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import msgspec

from signalbox.feedback.estimates import Estimate, brier, missing, share
from signalbox.feedback.history import History
from signalbox.stats.ece import calibration_error, debiased_error, diagram

# Below this many outcomes the plain error says more about the bins than about the score.
LEAST_FOR_ECE = 2000
LEAST_FOR_DEBIASED = 100
LEAST_FOR_BRIER = 30


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over a period, and the estimates worth a row each.

    `reliability` holds (score, share that was clean, how many) per bin of promotion scores.
    """

    counts: dict[tuple[str, str], int]
    untrusted: int
    unknown: int
    followed: int
    estimates: tuple[Estimate, ...]
    reliability: tuple[tuple[float, float, int], ...]
    brier: float | None
    calibration_error: float | None
    debiased_error: float | None
    scored: int


def scorecard(history: History, *, since: datetime, now: datetime) -> Scorecard:
    """The scorecard of the trusted decisions from `since` (inclusive) to `now`."""
    period = msgspec.structs.replace(history, made=tuple(m for m in history.made if since <= m.at <= now))
    promoted = [m for m in period.of("promotion") if m.verdict != "block"]
    pairs = [
        (score, not m.bad)
        for m in period.of("promotion")
        if m.bad is not None and (score := _score(m.outputs.get("score"))) is not None
    ]
    followed = [*promoted, *period.of("rollout")]
    return Scorecard(
        counts=dict(sorted(Counter((m.kind, m.verdict) for m in period.made if m.trusted).items())),
        untrusted=sum(not m.trusted for m in period.made),
        unknown=sum(m.bad is None for m in followed),
        followed=len(followed),
        estimates=(
            _bad("automatic promotions that turned out bad", period, "promotion", "auto-promote"),
            _bad("reviewed promotions that turned out bad", period, "promotion", "manual-review"),
            _missed(period),
            _bad("rollouts let through that turned out bad", period, "rollout", "proceed"),
            _false_rollbacks(period),
            _assumed(period),
            _advice(period),
        ),
        reliability=tuple((row.given, row.happened, row.n) for row in diagram(pairs)),
        brier=brier(pairs) if len(pairs) >= LEAST_FOR_BRIER else None,
        calibration_error=calibration_error(pairs) if len(pairs) >= LEAST_FOR_ECE else None,
        debiased_error=debiased_error(pairs) if len(pairs) >= LEAST_FOR_DEBIASED else None,
        scored=len(pairs),
    )


def _bad(name: str, period: History, kind: str, verdict: str) -> Estimate:
    made = period.of(kind, verdict)
    known = [m for m in made if m.bad is not None]
    return share(name, sum(m.bad is True for m in known), len(known), len(made) - len(known))


def _missed(period: History) -> Estimate:
    """Regressions that a selection missed, among the runs in which the whole suite ran as an audit."""
    name = "audited selections that missed a failing test"
    audited = [m for m in period.of("test-plan") if m.label is not None and m.label.source == "audit"]
    if not audited and period.of("test-plan"):
        return missing(name, "share", "audits' outcomes (source: audit)")
    return share(name, sum(m.bad is True for m in audited), len(audited))


def _false_rollbacks(period: History) -> Estimate:
    """Rollbacks that somebody later found to have been of a good artifact.

    The rollback itself is no evidence that it was right, so only other sources count.
    """
    name = "rollbacks found to have been wrong"
    judged = [
        m
        for m in period.of("rollout", "rollback")
        if m.bad is not None and m.label is not None and m.label.source != "rollback"
    ]
    if not judged and period.of("rollout", "rollback"):
        return missing(name, "share", "what people found after a rollback (source: incident-link or manual)")
    return share(name, sum(m.bad is False for m in judged), len(judged))


def _assumed(period: History) -> Estimate:
    plans = period.of("concurrency")
    return share(
        "concurrency plans that had to assume something",
        sum(m.verdict == "assumed" for m in plans),
        len(plans),
    )


def _advice(period: History) -> Estimate:
    asked = [m for m in period.made if m.trusted and m.advised]
    return share(
        "advised decisions that the advice made stricter", sum(m.accepted > 0 for m in asked), len(asked)
    )


def _score(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= 1 else None  # type: ignore[operator, arg-type]
