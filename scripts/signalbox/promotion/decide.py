"""The promotion of one artifact digest: auto-promote, manual-review or block. Pure; replay calls it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from signalbox.config import Settings
from signalbox.config.scoring import Scoring
from signalbox.decision import (
    Decision,
    Evidence,
    PolicyRef,
    Reason,
    Stamp,
    strictest,
    take_advice,
    verify,
)
from signalbox.errors import InputError
from signalbox.promotion.calibrate import Calibration, alike, calibrate, likeness
from signalbox.promotion.costs import explained, of_threshold, sentence
from signalbox.promotion.inputs import Inputs, Past
from signalbox.promotion.measure import Signals, measure, new_dependencies
from signalbox.promotion.performance import Comparison
from signalbox.promotion.rules import AUTO, BLOCK, REVIEW, doubts, vetoes, waive
from signalbox.promotion.score import Score, features, score
from signalbox.promotion.supply import reasons as reasons_of_supply

KIND = "promotion"
_HIDDEN = frozenset(
    {"findings", "names", "pairs", "exploited", "epss", "malicious", "vex", "component_list", "dependencies"}
    | {"popular", "licence_ids", "osi_approved", "licence_examples"}
)


def band(value: float, *, review_from: float, auto_from: float | None) -> str:
    """The one band a score falls in. ``auto_from`` None: nothing is promoted without a person.

    Raises ValueError for what is no score, so that a NaN can never slip between two comparisons.
    """
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ValueError(f"a score lies between 0 and 1, not {value}")
    if value < review_from:
        return BLOCK
    if auto_from is not None and value >= max(auto_from, review_from):
        return AUTO
    return REVIEW


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """Vetoes, then the score's band, then doubts, then advice; each can only tighten the one before."""
    scoring = settings.scoring
    if not scoring.required:
        raise InputError(
            "scoring.required is empty, so that every artifact would pass without evidence",
            where=policy.source,
            fix="Name at least one kind of evidence, for example `required: [tests]`.",
        )
    evidence = tuple(verify(item, now=stamp.at, subject=inputs.subject) for item in inputs.evidence)
    signals, comparison = measure(evidence, inputs.baseline, scoring, inputs.subject.digest)
    calibration = calibrate(inputs.past, scoring)
    named = features(signals, inputs.risk)
    near = alike(named, inputs.past)
    named = features(signals, inputs.risk, likeness(near))
    scored = score(calibration.model, named, scoring.confidence, signals)
    added = new_dependencies(evidence, inputs.baseline) or []
    supply = reasons_of_supply(evidence, inputs.baseline, signals, added, scoring, now=stamp.at)
    standing, lifted = waive(
        [
            *vetoes(evidence, signals, comparison, scoring),
            *(reason for reason in supply if reason.effect == BLOCK),
        ],
        inputs.waivers,
        digest=inputs.subject.digest,
        now=stamp.at,
    )
    value = 0.0 if standing else scored.value
    banded = band(value, review_from=scoring.review_threshold, auto_from=calibration.threshold)
    reasons = [
        *standing,
        *lifted,
        *doubts(inputs, evidence, signals, comparison, scoring),
        *(reason for reason in supply if reason.effect == REVIEW),
    ]
    if not inputs.subject.digest:
        reasons.append(
            Reason(
                code="no-digest", text="no digest was given, so nothing can be promoted by it", effect=REVIEW
            )
        )
    ruled = strictest(KIND, [banded, *(reason.effect for reason in reasons)])
    verdict, advice = take_advice(KIND, ruled, inputs.advice)
    reasons.append(_band_reason(value, banded, calibration, scoring, bool(standing)))
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=(
            *reasons,
            *_context(calibration, scoring),
            *_resembles(near),
            *_without_effect(inputs.notes),
        ),
        next_action=_next_action(verdict, reasons, inputs.subject.environment),
        evidence=tuple(_brief(item) for item in evidence),
        advice=advice,
        models=inputs.models,
        policy=policy,
        outputs=_outputs(verdict, value, scored, signals, named, calibration, comparison, inputs, scoring)
        | {"costs": _priced(scored, verdict, calibration, scoring, bool(standing))},
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _band_reason(
    value: float, banded: str, calibration: Calibration, scoring: Scoring, vetoed: bool
) -> Reason:
    floor, auto = scoring.review_threshold, calibration.threshold
    if vetoed:
        text = "a veto stands, and sets the score to 0"
    elif banded == BLOCK:
        text = f"the score {value:.3f} is below {floor:g}, under which nothing is promoted"
    elif banded == AUTO:
        text = f"the score {value:.3f} reaches {auto:.3f}, which the recorded outcomes carry"
    elif auto is None:
        text = f"the score {value:.3f} is at least {floor:g}, and nothing is promoted without a person yet"
    else:
        text = f"the score {value:.3f} lies between {floor:g} and {auto:.3f}, where a person decides"
    return Reason(code="score", text=text, effect=banded)


def _context(calibration: Calibration, scoring: Scoring) -> list[Reason]:
    """How far this repository is from promoting by itself."""
    budget = f"{100 * scoring.risk_budget:g}% budget"
    if calibration.tripped:
        text = f"more automatic promotions went bad than the {budget} allows, so everything is reviewed"
        return [Reason(code="tripwire", text=text, effect=REVIEW)]
    if calibration.recorded < calibration.needed:
        text = (
            f"auto-promotion begins after {calibration.needed} recorded outcomes at a {budget}; "
            f"you have {calibration.recorded}"
        )
        return [Reason(code="cold-start", text=text)]
    if calibration.carried is None:
        counted = f"{calibration.counted_bad} of {calibration.counted}"
        text = f"no threshold keeps the {budget}: {counted} outcomes count as bad"
        return [Reason(code="no-threshold", text=text)]
    if calibration.threshold is None:
        at = max(calibration.carried, scoring.review_threshold)
        text = (
            f"{calibration.recorded} recorded outcomes carry auto-promotion from a score of {at:.3f} on; "
            f"it begins when `scoring: {{auto-promote-at: {math.ceil(at * 1000) / 1000:g}}}` is merged"
        )
        return [Reason(code="threshold-not-merged", text=text)]
    share, bad = calibration.auto_share, calibration.bad_if_auto
    text = (
        f"of {calibration.counted} past artifacts {100 * (share or 0):.0f}% would have been promoted, "
        f"{100 * (bad or 0):.1f}% of those bad; the {budget} bounds promoted and bad together"
    )
    return [Reason(code="calibration", text=text)]


def _resembles(near: Sequence[Past]) -> list[Reason]:
    """The past artifacts most like this one that were followed by trouble, by name."""
    bad = [item for item in near if item.label == "bad"]
    if not bad:
        return []
    shown = ", ".join(f"{item.digest[:19] or 'one'} of {item.at[:10] or 'unknown date'}" for item in bad[:3])
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    text = f"{len(bad)} of the {len(near)} past artifacts most like this one turned out bad: {shown}{more}"
    return [Reason(code="like-past-incidents", text=text)]


def _priced(
    scored: Score, verdict: str, calibration: Calibration, scoring: Scoring, vetoed: bool
) -> dict[str, Any]:
    """What policy's costs say; nothing about an artifact with a veto, of which the model knows nothing."""
    told = {} if vetoed else explained(scored.probability, scoring.costs)
    lines = [
        sentence(told, scored.probability, verdict) if told else "",
        of_threshold(calibration.auto_share, calibration.bad_if_auto, scoring.costs),
    ]
    return told | {"explained": [line for line in lines if line]}


def _without_effect(notes: Sequence[Reason]) -> list[Reason]:
    return [msgspec.structs.replace(note, effect="") for note in notes]


def _next_action(verdict: str, reasons: Sequence[Reason], environment: str) -> str:
    place = f" to {environment}" if environment else ""
    if verdict == AUTO:
        return f"Promote the digest{place}: promote.py --decision FILE."
    first = next((r for r in reasons if r.effect == verdict), None)
    if verdict == BLOCK:
        ways = {
            "required-evidence": "Run the missing check to its end and score again.",
            "tests-fail": "Mend the failing tests and score the new artifact.",
            "performance-regression": "Mend the slower benchmark, or widen the margin in policy.",
            "score": "Look at the largest contributions below, mend them and score again.",
        }
        mend = "Remove what is named, or have security sign an expiring waiver for this digest."
        return ways.get(first.code if first else "", mend)
    return f"A reviewer looks at the reasons above and approves or rejects this digest{place}."


def _brief(item: Evidence) -> Evidence:
    """Without the long lists: the bundle's inputs keep them."""
    return msgspec.structs.replace(
        item, facts={key: value for key, value in item.facts.items() if key not in _HIDDEN}
    )


def _outputs(
    verdict: str,
    value: float,
    scored: Score,
    signals: Signals,
    named: dict[str, float],
    calibration: Calibration,
    comparison: Comparison,
    inputs: Inputs,
    scoring: Scoring,
) -> dict[str, Any]:
    commit = inputs.subject.commit[:12] or inputs.subject.digest.removeprefix("sha256:")[:12]
    return {
        "score": value,
        "decision": verdict,
        "promoted_tag": scoring.promoted_tag.replace("{commit}", commit) if verdict == AUTO else "",
        "probability": scored.probability,
        "signals": signals,
        "features": named,
        "contributions": msgspec.to_builtins(scored.contributions),
        "recommendations": _recommendations(signals, scored, calibration, scoring),
        "benchmarks": msgspec.to_builtins(comparison.benchmarks),
        "calibration": {
            "threshold": calibration.threshold,
            "carried": calibration.carried,
            "recorded": calibration.recorded,
            "needed": calibration.needed,
            "counted_bad": calibration.counted_bad,
            "bad_if_auto": calibration.bad_if_auto,
            "tripped": calibration.tripped,
            "refitted": calibration.refitted,
        },
    }


def _recommendations(
    signals: Signals, scored: Score, calibration: Calibration, scoring: Scoring
) -> list[str]:
    """What would help most, in plain words."""
    ways = {
        "coverage_unknown": "Add a coverage report, so that coverage need not count as unknown.",
        "skipped_share": "Look at the skipped tests: a skipped test has verified nothing.",
        "flaky_share": "Mend the tests that pass only after a rerun.",
        "coverage_drop": "Cover the lines that this change added.",
        "not_verified": "Mend the evidence that could not be verified; each piece is named above.",
        "risk": "Give the change's risk tier (--risk), or make the change smaller.",
        "new_dependencies": "Have the new dependencies looked at.",
    }
    result = [ways[c.signal] for c in scored.contributions if c.signal in ways][:3]
    if not signals["scans"]:
        result.append("Add a scanner's report (SARIF): without one nothing is known about vulnerabilities.")
    elif not signals["scan_baseline"]:
        result.append("Give the base branch's reports (--baseline), so that only new findings count.")
    if calibration.recorded < calibration.needed:
        saved = scoring.costs.review
        result.append(
            f"Record outcomes: {calibration.needed - calibration.recorded} more, and a clean artifact may go "
            f"without a review that policy prices at {saved:g}."
        )
    return result
