"""Recorded outcomes → coefficients, the threshold that keeps the risk budget, and the tripwire.

The threshold is conformal risk control over scores that did not see their own outcomes: the model is either
fixed by policy, or refitted with each outcome scored by a model fitted on the other folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import msgspec

from signalbox.config.scoring import Scoring
from signalbox.promotion.history import MOST
from signalbox.promotion.inputs import Past
from signalbox.promotion.score import FEATURES, SIGNS, row, shipped_model
from signalbox.stats.conformal import budget_evidence, least_outcomes, threshold
from signalbox.stats.logistic import Fit, fit, linear, sigmoid

FOLDS = 5
# The tripwire's false-alarm rate is 5% over as many outcomes as are ever looked at.
TRIP_AT = MOST / 0.05
_LIKE = 10


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What the outcomes carry.

    ``carried``: the loosest threshold within the budget, None if there is none yet. ``threshold``: the
    one in force, None while everything is reviewed. ``recorded``: outcomes with a label; ``counted_bad``
    includes the unknown. ``bad_if_auto``: share of the recorded ones at or above the threshold that
    turned out bad.
    """

    model: Fit
    carried: float | None
    threshold: float | None
    recorded: int
    needed: int
    counted: int
    counted_bad: int
    tripped: bool
    refitted: bool
    auto_share: float | None = None
    bad_if_auto: float | None = None


def calibrate(past: Sequence[Past], scoring: Scoring) -> Calibration:
    """Learn from the past as far as policy allows."""
    shipped = shipped_model(scoring)
    refit = scoring.auto_promote_at == "calibrated" and len(past) >= max(scoring.refit_after, 2 * FOLDS)
    bad = [item.label != "clean" for item in past]
    rows = [row(item.features) for item in past]
    model, scores = shipped, [lower(shipped, x, scoring.confidence) for x in rows]
    if refit:
        clean = [not b for b in bad]
        model = fit(rows, clean, shipped, SIGNS)
        scores = _out_of_fold(rows, clean, shipped, scoring.confidence)
    recorded = sum(item.label != "unknown" for item in past)
    needed = least_outcomes(scoring.risk_budget)
    carried = None
    if recorded >= needed:
        carried = threshold(list(zip(scores, bad, strict=True)), scoring.risk_budget)
    known = [item.auto and item.label == "bad" for item in past if item.label != "unknown"]
    tripped = budget_evidence(known, scoring.risk_budget) >= TRIP_AT
    in_force = None if tripped else _in_force(carried, scoring)
    at = in_force if in_force is not None else carried
    above = [b for s, b in zip(scores, bad, strict=True) if at is not None and s >= at]
    return Calibration(
        model=model,
        carried=carried,
        threshold=in_force,
        recorded=recorded,
        needed=needed,
        counted=len(past),
        counted_bad=sum(bad),
        tripped=tripped,
        refitted=refit,
        auto_share=round(len(above) / len(past), 4) if past and at is not None else None,
        bad_if_auto=round(sum(above) / len(above), 4) if above else None,
    )


def lower(model: Fit, values: Sequence[float], confidence: float) -> float:
    """The lower end of the probability's interval: the score."""
    centre, error = linear(model, values)
    return round(sigmoid(centre - NormalDist().inv_cdf(confidence) * error), 6)


def likeness(near: Sequence[Past]) -> float:
    """Share of bad among the most similar past artifacts; 0 where there are none to compare with."""
    return sum(item.label == "bad" for item in near) / len(near) if near else 0.0


def alike(named: dict[str, float], past: Sequence[Past]) -> list[Past]:
    """The ten past artifacts with a known outcome most similar to these features, the nearest first.

    More than ten where several are equally far; none with fewer than ten, or where nothing ever went bad.
    """
    known = [item for item in past if item.label != "unknown"]
    if len(known) < _LIKE or not any(item.label == "bad" for item in known):
        return []
    # The feature made of likeness itself is left out, or it would feed on itself.
    names = [name for name in FEATURES if name != "like_past_incidents"]
    spread = {name: max((abs(i.features.get(name, 0.0)) for i in known), default=0) or 1 for name in names}

    def distance(item: Past) -> float:
        return sum(
            ((item.features.get(name, 0.0) - named.get(name, 0.0)) / spread[name]) ** 2 for name in names
        )

    far = sorted(((distance(item), at) for at, item in enumerate(known)), key=lambda pair: pair)
    # Artifacts at the same distance are equally similar: all of them count.
    reach = far[_LIKE - 1][0]
    return [known[at] for distant, at in far if distant <= reach]


def _in_force(carried: float | None, scoring: Scoring) -> float | None:
    """Policy's threshold, never looser than what the outcomes carry nor than the review band's floor."""
    wanted = scoring.auto_promote_at
    if wanted is None or carried is None:
        return None
    told = carried if wanted == "calibrated" else float(wanted)
    return max(told, carried, scoring.review_threshold)


def _out_of_fold(
    rows: Sequence[Sequence[float]], clean: Sequence[bool], start: Fit, confidence: float
) -> list[float]:
    scores = [0.0] * len(rows)
    for fold in range(FOLDS):
        seen = [i for i in range(len(rows)) if i % FOLDS != fold]
        model = fit([rows[i] for i in seen], [clean[i] for i in seen], start, SIGNS)
        for i in range(fold, len(rows), FOLDS):
            scores[i] = lower(model, rows[i], confidence)
    return scores
