"""Signals → the probability that a promotion will be clean, its interval, and what each signal took away.

Every feature is 0 for the best that can be observed and grows with trouble; its coefficient is held at or
below zero, so no signal of trouble can ever raise a score. The shipped coefficients are a stated prior, not
measured on anybody's artifacts; recorded outcomes update them (signalbox.stats.logistic).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import msgspec

from signalbox.config.scoring import Scoring
from signalbox.errors import InputError
from signalbox.stats.logistic import Fit, linear, prior, sigmoid

SHIPPED_WEIGHTS = {
    "skipped_share": 1.5,
    "flaky_share": 15.0,
    "uncovered_share": 0.8,
    "coverage_unknown": 0.3,
    "coverage_drop": 0.15,
    "standing_severe": 0.4,
    "new_medium": 0.5,
    "new_low": 0.15,
    "unknown_severity": 0.6,
    "new_dependencies": 0.25,
    "slowdown": 4.0,
    "not_verified": 0.6,
    "production_unknown": 0.3,
    "production_unhealthy": 1.0,
    "risk": 0.8,
    "like_past_incidents": 1.5,
}
FEATURES = tuple(SHIPPED_WEIGHTS)
SIGNS = (0, *(-1 for _ in FEATURES))


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one signal took away: log-odds, points of probability (0–100), and a phrase."""

    signal: str
    log_odds: float
    points: float
    text: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """``value`` is the lower end of the interval around ``probability``; all in [0, 1]."""

    value: float
    probability: float
    contributions: tuple[Contribution, ...]


def features(signals: Mapping[str, Any], risk: str = "", likeness: float = 0.0) -> dict[str, float]:
    """The model's features of these signals; only those that are not zero."""
    total = signals.get("tests_total") or 0
    coverage, delta = signals.get("coverage"), signals.get("coverage_delta")
    slowdown = signals.get("performance_regression")
    values = {
        "skipped_share": signals.get("tests_skipped", 0) / total if total else 0.0,
        "flaky_share": min(0.2, signals.get("tests_flaky", 0) / total) if total else 0.0,
        "uncovered_share": (100 - coverage) / 100 if coverage is not None else 0.0,
        "coverage_unknown": float(coverage is None),
        "coverage_drop": min(20.0, max(0.0, -delta)) if delta is not None else 0.0,
        "standing_severe": math.log1p(signals.get("critical", 0) + signals.get("high", 0)),
        "new_medium": math.log1p(signals.get("new_medium", 0)),
        "new_low": math.log1p(signals.get("new_low", 0)),
        "unknown_severity": math.log1p(signals.get("unknown_severity", 0)),
        "new_dependencies": math.log1p(signals.get("new_dependencies") or 0),
        "slowdown": min(0.5, max(0.0, slowdown)) if slowdown is not None else 0.0,
        "not_verified": float(min(3, signals.get("not_verified", 0))),
        "production_unknown": float(signals.get("production") == "unknown"),
        "production_unhealthy": float(signals.get("production") == "unhealthy"),
        "risk": {"low": 0.0, "medium": 0.5, "high": 1.0}.get(risk, 0.5),
        "like_past_incidents": min(1.0, max(0.0, likeness)),
    }
    return {name: round(value, 6) for name, value in values.items() if value}


def row(named: Mapping[str, float]) -> list[float]:
    """Features in the model's order; names that this version does not know are left out."""
    return [float(named.get(name, 0.0)) for name in FEATURES]


def shipped_model(scoring: Scoring) -> Fit:
    """The policy's coefficients over the shipped ones. InputError names a signal that does not exist."""
    model = scoring.model
    unknown = sorted(set(model.weights) - set(FEATURES))
    if unknown:
        raise InputError(
            f"scoring.model.weights names no signal of the score: {unknown[0]}",
            fix=f"The signals are {', '.join(FEATURES)}.",
        )
    weights = [model.weights.get(name, SHIPPED_WEIGHTS[name]) for name in FEATURES]
    return prior(
        [model.intercept, *(-weight for weight in weights)],
        [model.intercept_deviation, *(model.deviation * weight for weight in weights)],
    )


def score(model: Fit, named: Mapping[str, float], confidence: float, signals: Mapping[str, Any]) -> Score:
    """The score of one artifact and each signal's part in it."""
    values = row(named)
    centre, error = linear(model, values)
    contributions = []
    for index, name in enumerate(FEATURES):
        part = model.coefficients[index + 1] * values[index]
        if part:
            points = 100 * (sigmoid(centre) - sigmoid(centre - part))
            contributions.append(
                Contribution(
                    signal=name,
                    log_odds=round(part, 6),
                    points=round(points, 4),
                    text=_phrase(name, signals, values[index]),
                )
            )
    contributions.sort(key=lambda c: (c.log_odds, c.signal))
    return Score(
        value=round(sigmoid(centre - NormalDist().inv_cdf(confidence) * error), 6),
        probability=round(sigmoid(centre), 6),
        contributions=tuple(contributions),
    )


def _phrase(name: str, signals: Mapping[str, Any], value: float) -> str:
    get = signals.get
    phrases = {
        "skipped_share": f"{get('tests_skipped', 0)} of {get('tests_total', 0)} tests were skipped",
        "flaky_share": f"{get('tests_flaky', 0)} tests passed only after a rerun",
        "uncovered_share": f"{100 * value:.1f}% of the measured lines are not covered",
        "coverage_unknown": "coverage is not known",
        "coverage_drop": f"coverage fell by {value:.2f} points against the base",
        "standing_severe": f"{get('critical', 0)} critical and {get('high', 0)} high findings stand",
        "new_medium": f"{get('new_medium', 0)} new medium findings",
        "new_low": f"{get('new_low', 0)} new low findings",
        "unknown_severity": f"{get('unknown_severity', 0)} new findings of unknown severity",
        "new_dependencies": f"{get('new_dependencies') or 0} new dependencies",
        "slowdown": f"the slowest benchmark takes {100 * value:.1f}% longer",
        "not_verified": f"{get('not_verified', 0)} kinds of evidence could not be verified",
        "production_unknown": "production's health could not be seen",
        "production_unhealthy": "production is not healthy now",
        "risk": f"the change's risk counts as {value:g} (0 low, 0.5 medium or not assessed, 1 high)",
        "like_past_incidents": f"{100 * value:.0f}% of the most similar past artifacts turned out bad",
    }
    return phrases[name]
