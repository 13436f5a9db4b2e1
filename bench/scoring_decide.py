"""Histories through the whole of ``decide``: evidence, signals, model, calibration, doubts, advice."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import msgspec
from results import Figure
from scoring_worlds import error_of

from signalbox.config import Settings
from signalbox.config.scoring import Scoring
from signalbox.decision import Advice, Decision, Evidence, PolicyRef, Stamp, Subject
from signalbox.promotion import Inputs, Past, decide
from signalbox.promotion.score import features
from signalbox.stats.logistic import sigmoid

SETTINGS = Settings(mode="enforce", scoring=Scoring(auto_promote_at="calibrated"))
POLICY = PolicyRef(sha256="0" * 64)
STAMP = Stamp(id="d", at="2026-01-31T00:00:00Z", producer="bench")
SUBJECT = Subject(commit="b" * 40, digest="sha256:" + "a" * 64)
TESTS = LINES = 1000
BASE = 950


@dataclass(frozen=True)
class Artifact:
    """What was counted about one artifact, and whether it would turn out bad."""

    skipped: int
    flaky: int
    covered: int
    medium: int
    risk: str
    bad: bool

    @property
    def signals(self) -> dict[str, float]:
        """As ``signalbox.promotion.measure`` would give them."""
        coverage = 100 * self.covered / LINES
        delta = round(coverage - 100 * BASE / LINES, 4)
        told = {"tests_total": TESTS, "tests_skipped": self.skipped, "tests_flaky": self.flaky}
        return {**told, "coverage": coverage, "coverage_delta": delta, "new_medium": self.medium}

    @property
    def features(self) -> dict[str, float]:
        """The model's features of it."""
        return features(self.signals, self.risk)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Its reports, from a protected run."""

        def item(kind: str, **facts: object) -> Evidence:
            return Evidence(kind=kind, status="pass", source=kind, origin="protected", facts=facts)

        found = [{"id": f"R{i}", "key": f"k{i}", "severity": "medium"} for i in range(self.medium)]
        passed = TESTS - self.skipped
        return (
            item("tests", total=TESTS, passed=passed, failed=0, skipped=self.skipped, flaky=self.flaky),
            item("coverage", statements=LINES, covered_lines=self.covered),
            item("static-analysis", findings=found),
        )


def artifact(rng: random.Random) -> Artifact:
    """About one in twenty is bad, mostly those that show trouble; the truth is not the shipped model."""
    skipped, flaky = rng.choice((0, 0, 0, 60, 250)), rng.choice((0, 0, 0, 0, 30))
    covered, medium = BASE - rng.choice((0, 0, 0, 6, 9, 40)), rng.choice((0, 0, 0, 0, 1, 4))
    risk = rng.choice(("low", "low", "medium", "high"))
    odds = 6.4 - 8 * skipped / TESTS - 60 * flaky / TESTS - 40 * (BASE - covered) / LINES - 0.35 * medium
    odds -= {"low": 0.0, "medium": 0.8, "high": 2.3}[risk]
    return Artifact(skipped, flaky, covered, medium, risk, rng.random() >= sigmoid(odds))


def _past(found: Artifact, at: int, *, auto: bool = False, label: str = "") -> Past:
    told = label or ("bad" if found.bad else "clean")
    return Past(features=found.features, label=told, auto=auto, at=f"{at:06}")  # type: ignore[arg-type]


def _decided(found: Artifact, past: tuple[Past, ...], advice: tuple[Advice, ...] = ()) -> Decision:
    before = Evidence(kind="coverage", status="pass", facts={"statements": LINES, "covered_lines": BASE})
    inputs = Inputs(
        subject=SUBJECT,
        evidence=found.evidence,
        baseline=(before,),
        past=past,
        advice=advice,
        risk=found.risk,
    )
    return decide(inputs, SETTINGS, POLICY, STAMP)


def world(seed: int, n: int = 100_000) -> tuple[float, float]:
    """Share of bad artifacts, and the AUC of the shipped model's score over them."""
    from signalbox.promotion.calibrate import lower
    from signalbox.promotion.score import row, shipped_model

    rng, model = random.Random(seed), shipped_model(SETTINGS.scoring)
    found = [artifact(rng) for _ in range(n)]
    scored = sorted((lower(model, row(one.features), SETTINGS.scoring.confidence), one.bad) for one in found)
    bad = sum(one.bad for one in found)
    # Rank sum with ties shared: the chance that a clean one scores higher than a bad one.
    groups: dict[float, list[int]] = {}
    for score, is_bad in scored:
        groups.setdefault(score, [0, 0])[is_bad] += 1
    below, area = 0, 0.0
    for clean_here, bad_here in groups.values():
        area += clean_here * (below + bad_here / 2)
        below += bad_here
    return bad / n, area / (bad * (n - bad))


def through_decide(n: int, alpha: float, runs: int, seed: int) -> list[Figure]:
    """P(auto and bad) without advice, and with an adversary behind the advisor who knows the truth.

    One leaves the past alone: it asks to promote what is bad and to review what is clean. The other also
    spoils the past: of the clean artifacts that it sent to review one in ten was never followed up.
    """
    rng = random.Random(seed)
    auto: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    opened = 0
    for _ in range(runs):
        drawn = [artifact(rng) for _ in range(n)]
        new = artifact(rng)
        past = tuple(_past(one, at) for at, one in enumerate(drawn))
        spoilt = tuple(
            one
            if one.label == "bad" or rng.random() >= 0.1
            else msgspec.structs.replace(one, label="unknown")
            for one in past
        )
        wanted = "auto-promote" if new.bad else "manual-review"
        advice = (Advice(source="adversary", verdict=wanted, text="trust me"),)
        plain = _decided(new, past)
        told = {k: v for k, v in plain.outputs["features"].items() if k != "like_past_incidents"}
        if told != new.features:
            raise SystemExit(f"the simulated past is not what decide() sees: {told} {new.features}")
        for name, found in (
            ("no adviser", plain),
            ("adversary, past left alone", _decided(new, past, advice)),
            ("adversary, past spoilt", _decided(new, spoilt, advice)),
        ):
            promoted = found.verdict == "auto-promote"
            auto[name] += promoted
            bad[name] += promoted and new.bad
            opened += promoted and plain.verdict != "auto-promote" and name.endswith("alone")
    share, auc = world(seed)
    goal = f"<= {alpha + error_of(alpha, runs):.4f}"
    where = f"whole decision, {100 * share:.1f}% bad, AUC {auc:.2f}, {n} outcomes"
    figures = []
    for name in ("no adviser", "adversary, past left alone", "adversary, past spoilt"):
        joint, all_of = bad[name] / runs, auto[name]
        figures += [
            Figure(f"P(auto and bad), {where}, {name}", joint, "share", {}, runs, seed, goal),
            Figure(
                f"auto share, {where}, {name}",
                all_of / runs, "share", {}, runs, seed,
                ">= 0.4" if name == "no adviser" else "",
            ),
            Figure(
                f"P(bad | auto), {where}, {name}",
                bad[name] / all_of if all_of else 0.0,
                "share", {}, runs, seed,
            ),
        ]  # fmt: skip
    name = f"promotions the adversary opened, {where}, past left alone"
    return [*figures, Figure(name, opened, "promotions", {}, runs, seed, "<= 0")]


def after_drift(runs: int, seed: int) -> list[Figure]:
    """The best artifact there can be, decided after promotions began to go bad: is it reviewed again?

    Three hundred clean promotions, then one in five goes bad. ``decide`` is asked after each tenth one.
    """
    rng = random.Random(seed)
    best = Artifact(skipped=0, flaky=0, covered=BASE, medium=0, risk="low", bad=False)
    delays, before = [], 0
    for _ in range(runs):
        past = [_past(best, at, auto=True, label="clean") for at in range(300)]
        before += _decided(best, tuple(past)).verdict == "auto-promote"
        for delay in range(1, 301):
            label = "bad" if rng.random() < 0.2 else "clean"
            past.append(_past(best, 300 + delay, auto=True, label=label))
            if delay % 10 == 0:
                found = _decided(best, tuple(past))
                if any(reason.code == "tripwire" for reason in found.reasons):
                    if found.verdict != "manual-review":
                        raise SystemExit(f"tripped and still {found.verdict}")
                    delays.append(delay)
                    break
    delays.sort()
    median = float(delays[len(delays) // 2]) if delays else 300.0
    return [
        Figure("promoted by itself before the drift", before / runs, "share", {}, runs, seed, ">= 1"),
        Figure("back to review within 300 of it", len(delays) / runs, "share", {}, runs, seed, ">= 0.95"),
        Figure("outcomes until it is back to review, 0% → 20% bad", median, "median", {}, runs, seed),
    ]
