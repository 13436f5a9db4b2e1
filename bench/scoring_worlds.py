"""Simulated histories for bench/scoring.py: artifacts that are good or bad, and scores that half know it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from signalbox.decision import Advice, take_advice
from signalbox.stats.conformal import threshold

REVIEW_FROM = 0.75


@dataclass(frozen=True)
class World:
    """``bad``: share of artifacts that would turn out bad. ``auc``: how well scores tell them apart."""

    bad: float
    auc: float

    @property
    def name(self) -> str:
        """For tables."""
        return f"{100 * self.bad:g}% bad, AUC {self.auc:g}"

    def item(self, rng: random.Random) -> tuple[float, bool]:
        """One artifact: two normal signals of equal spread, and the score is what it should be: P(clean)."""
        is_bad = rng.random() < self.bad
        distance = 2**0.5 * NormalDist().inv_cdf(self.auc)
        z = rng.gauss(0.0 if is_bad else distance, 1.0)
        clean = (1 - self.bad) * NormalDist(distance).pdf(z)
        return clean / (clean + self.bad * NormalDist().pdf(z)), is_bad


@dataclass(frozen=True)
class Outcome:
    """Shares over histories: promoted by itself; promoted and bad; bad among the promoted.

    ``opened`` counts what was promoted only because an adviser asked for it.
    """

    auto: float
    auto_bad: float
    bad_if_auto: float
    opened: int = 0


Rule = Callable[[list[tuple[float, bool]], float], bool]


def error_of(share: float, runs: int) -> float:
    """Three standard errors of a share counted over ``runs``."""
    return 3.0 * (share * (1 - share) / runs) ** 0.5


def conformal(world: World, n: int, alpha: float, runs: int, seed: int, adviser: str = "") -> Outcome:
    """Each run draws its own ``n`` recorded outcomes and one new artifact."""
    rng = random.Random(seed)

    def accepts(past: list[tuple[float, bool]], score: float) -> bool:
        at = threshold(past, alpha)
        return at is not None and score >= at

    return _play(world, n, runs, rng, accepts, adviser)


def fixed(world: World, at: float, runs: int, seed: int) -> Outcome:
    """A fixed threshold, whatever was recorded."""
    return _play(world, 0, runs, random.Random(seed), lambda _, score: score >= at)


def _play(world: World, n: int, runs: int, rng: random.Random, accepts: Rule, adviser: str = "") -> Outcome:
    """``adviser``: a model that knows the truth and wants harm. It asks to promote whatever is bad and to
    review whatever is clean: only the artifact at hand (``now``), or in every recorded decision too
    (``always``), where a review left the outcome unknown.
    """
    auto = auto_bad = opened = 0
    for _ in range(runs):
        past = [world.item(rng) for _ in range(n)]
        score, is_bad = world.item(rng)
        if adviser == "always":
            # Of the clean ones that it sent to review one in ten is never followed up: unknown counts as bad.
            past = [(s, b or rng.random() < 0.1) for s, b in past]
        ruled = "auto-promote" if accepts(past, score) else "manual-review"
        verdict = ruled
        if adviser:
            wanted = "auto-promote" if is_bad else "manual-review"
            advice = Advice(source="adversary", verdict=wanted, text="trust me")
            verdict, _ = take_advice("promotion", ruled, (advice,))
        opened += verdict == "auto-promote" != ruled
        auto += verdict == "auto-promote"
        auto_bad += verdict == "auto-promote" and is_bad
    return Outcome(auto / runs, auto_bad / runs, auto_bad / auto if auto else 0.0, opened)


def artifact(rng: random.Random) -> tuple[dict[str, float], float]:
    """Features of an artifact, and its true probability of being clean (not the shipped model's)."""
    from signalbox.stats.logistic import sigmoid

    values = {
        "skipped_share": rng.choice((0, 0, 0.05, 0.2)) * rng.random(),
        "flaky_share": rng.choice((0, 0, 0, 0.05)) * rng.random(),
        "uncovered_share": 0.4 * rng.random(),
        "coverage_drop": rng.choice((0, 0, 2)) * rng.random(),
        "new_medium": rng.choice((0, 0, 0.7, 1.1)),
        "risk": rng.choice((0.0, 0.5, 1.0)),
    }
    truth = 3.0 - 6 * values["skipped_share"] - 30 * values["flaky_share"] - 0.2 * values["uncovered_share"]
    truth -= 0.5 * values["coverage_drop"] + 0.9 * values["new_medium"] + 1.2 * values["risk"]
    return {name: value for name, value in values.items() if value}, sigmoid(truth)


def calibration_error(n: int, seed: int, held_out: int = 5000, bins: int = 10) -> tuple[float, float]:
    """Expected calibration error of the refitted and of the shipped model on artifacts neither has seen.

    Against the true chance of each, which only a simulation knows: counted outcomes of 500 a bin would add
    about 0.014 of noise to the error of even a perfect model.
    """
    from signalbox.config.scoring import Scoring
    from signalbox.promotion import Past
    from signalbox.promotion.calibrate import calibrate
    from signalbox.promotion.score import row, shipped_model
    from signalbox.stats.logistic import linear, sigmoid

    rng = random.Random(seed)
    past = []
    for index in range(n):
        features, clean = artifact(rng)
        past.append(
            Past(features=features, label="clean" if rng.random() < clean else "bad", at=f"{index:06}")
        )
    scoring = Scoring(auto_promote_at="calibrated")
    models = (calibrate(past, scoring).model, shipped_model(scoring))
    tests = [artifact(rng) for _ in range(held_out)]
    chances = [clean for _, clean in tests]
    errors = []
    for model in models:
        told = [sigmoid(linear(model, row(features))[0]) for features, _ in tests]
        ordered = sorted(zip(told, chances, strict=True))
        size = held_out // bins
        error = 0.0
        for start in range(0, held_out, size):
            group = ordered[start : start + size]
            mean = sum(p for p, _ in group) / len(group)
            share = sum(o for _, o in group) / len(group)
            error += abs(mean - share) * len(group) / held_out
        errors.append(error)
    return errors[0], errors[1]
