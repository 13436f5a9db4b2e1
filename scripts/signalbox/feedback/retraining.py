"""When a model is due to be trained again: each by a trigger of its own, or how much is missing to say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from signalbox.config import Settings
from signalbox.feedback.drifting import Watched
from signalbox.feedback.history import History
from signalbox.stats.binomial import lower_bound, upper_bound
from signalbox.stats.ece import debiased_error

TIERS = ("low", "medium", "high")
LEAST_SCORED = 100
WORST_ERROR = 0.05


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model: whether it is due, and in a sentence why or why not."""

    name: str
    due: bool
    why: str


def models(history: History, watched: Sequence[Watched], settings: Settings) -> tuple[Model, ...]:
    """The impact index, the risk tiers and the promotion's score."""
    alarmed = {item.name: item for item in watched if item.alarmed}
    return (
        _index(alarmed.get("escapes")),
        _risk(history, settings),
        _score(history, alarmed.get("score")),
    )


def _index(alarm: Watched | None) -> Model:
    if alarm is None:
        return Model(name="impact index", due=False, why="no drift of the escapes")
    why = f"{alarm.sentence} Record it anew with everything running (select_tests.py --full)."
    return Model(name="impact index", due=True, why=why)


def _risk(history: History, settings: Settings) -> Model:
    """Due when changes of low risk turn out bad no less often than those of high risk."""
    name = "risk tiers"
    bad_by_commit: dict[str, bool] = {}
    for made in history.made:
        if made.trusted and made.kind in ("promotion", "rollout") and made.bad is not None:
            commit = made.subject.commit
            bad_by_commit[commit] = bad_by_commit.get(commit, False) or made.bad
    counts = {tier: [0, 0] for tier in TIERS}
    for made in history.of("test-plan"):
        tier = made.outputs.get("risk_tier")
        if tier in counts and made.subject.commit in bad_by_commit:
            counts[tier][0] += bad_by_commit[made.subject.commit]
            counts[tier][1] += 1
    known = sum(n for _, n in counts.values())
    least = settings.feedback.least_decisions
    if known < least:
        why = f"{known} changes with a tier have a known outcome; {least - known} more are needed"
        return Model(name=name, due=False, why=why)
    shown = ", ".join(f"{tier} {bad} of {n} bad" for tier, (bad, n) in counts.items() if n)
    (low_bad, low_n), (high_bad, high_n) = counts["low"], counts["high"]
    confidence = settings.feedback.proposal_confidence
    if low_n and high_n and lower_bound(low_bad, low_n, confidence) > high_bad / high_n:
        return Model(name=name, due=True, why=f"{shown}: low risk is no lower than high")
    if low_n and lower_bound(low_bad, low_n, confidence) > settings.feedback.bad_deployment_limit:
        return Model(name=name, due=True, why=f"{shown}: low risk is over the policy's bad-deployment-limit")
    if low_n and high_n and upper_bound(low_bad, low_n, confidence) < high_bad / high_n:
        return Model(name=name, due=False, why=f"{shown}: they tell changes apart")
    return Model(name=name, due=False, why=f"{shown}: too few to say whether they tell changes apart")


def _score(history: History, alarm: Watched | None) -> Model:
    name = "promotion score"
    pairs = [
        (float(value), not made.bad)
        for made in history.of("promotion")
        if made.bad is not None
        and isinstance(value := made.outputs.get("score"), int | float)
        and not isinstance(value, bool)
        and 0 <= value <= 1
    ]
    if alarm is not None:
        return Model(name=name, due=True, why=alarm.sentence)
    if len(pairs) < LEAST_SCORED:
        missing = LEAST_SCORED - len(pairs)
        why = f"{len(pairs)} scored promotions have a known outcome; {missing} more are needed"
        return Model(name=name, due=False, why=why)
    error = debiased_error(pairs)
    due = error > WORST_ERROR
    why = f"its calibration error is about {error:.3f} over {len(pairs)} outcomes (due above {WORST_ERROR})"
    return Model(name=name, due=due, why=why)
