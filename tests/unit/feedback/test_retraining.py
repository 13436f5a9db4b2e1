"""Each model's own trigger, and what is missing to say; the audits' share of misses off policy."""

import random
from datetime import UTC, datetime

import pytest

from signalbox.config import Settings
from signalbox.decision import Subject
from signalbox.feedback.drifting import watch
from signalbox.feedback.history import History, Made
from signalbox.feedback.proposals import _off_policy
from signalbox.feedback.retraining import models
from signalbox.ledger.labels import Resolved


def made(ident, kind, *, label=None, source="manual", number=0, **more):
    told = label and Resolved(label=label, confidence=1.0, source=source, outcome="o", observed_at="")
    given = {
        "verdict": {"test-plan": "targeted", "promotion": "auto-promote", "rollout": "proceed"}[kind],
        "subject": Subject(commit=f"{number:040x}", digest=f"sha256:{number:064x}"),
        "outputs": {},
        "propensity": None,
    }
    fixed = {"mode": "enforce", "at": datetime(2026, 1, 1, tzinfo=UTC), "trusted": True, "advised": 0}
    return Made(id=ident, kind=kind, label=told, accepted=0, **fixed, **given | more)


def judged(decisions):
    found = History(made=tuple(decisions), outcomes=(), orphans=(), circular=(), damaged=())
    return {m.name: m for m in models(found, watch(found, Settings()), Settings())}


def changes(**bad_of):
    """For each tier (bad, of): a plan with the tier and its rollout's outcome."""
    decisions, number = [], 0
    for tier, (bad, of) in bad_of.items():
        for index in range(of):
            number += 1
            decisions.append(made(f"t{number}", "test-plan", number=number, outputs={"risk_tier": tier}))
            label = "bad" if index < bad else "clean"
            decisions.append(made(f"r{number}", "rollout", number=number, label=label))
    return decisions


@pytest.mark.parametrize(
    ("counts", "due", "says"),
    [
        ({"low": (0, 10), "high": (5, 10)}, False, "20 more are needed"),
        ({"low": (1, 60), "medium": (3, 20), "high": (15, 30)}, False, "they tell changes apart"),
        ({"low": (20, 40), "high": (2, 40)}, True, "low risk is no lower than high"),
        ({"low": (20, 60)}, True, "over the policy's bad-deployment-limit"),
        ({"low": (4, 30), "high": (3, 15)}, False, "too few to say"),
    ],
)
def test_the_risk_tiers_trigger(counts, due, says):
    found = judged(changes(**counts))["risk tiers"]
    assert (found.due, says in found.why) == (due, True), found.why


@pytest.mark.parametrize(("n", "right", "due"), [(60, True, False), (200, True, False), (200, False, True)])
def test_the_scores_trigger(n, right, due):
    rng = random.Random(3)
    decisions = []
    for number in range(n):
        score = rng.choice([0.3, 0.6, 0.9])
        clean = rng.random() < (score if right else 0.55)
        label = "clean" if clean else "bad"
        decisions.append(
            made(f"p{number}", "promotion", number=number, label=label, outputs={"score": score})
        )
    assert judged(decisions)["promotion score"].due is due


def test_the_indexs_trigger_is_the_drift_of_the_escapes():
    bad = [made(f"t{i}", "test-plan", number=i, label="bad", source="audit") for i in range(60)]
    assert judged(bad)["impact index"].due
    assert not judged([made("t", "test-plan")])["impact index"].due


@pytest.mark.parametrize("lost", [0.0, 0.5])
def test_misses_of_all_plans_are_told_from_those_that_were_drawn(lost):
    """One in twenty is audited; one in ten misses something; every other audit may never be told of."""
    rng = random.Random(5)
    plans = []
    for number in range(2000):
        drawn = rng.random() < 0.05
        label = None
        if drawn and rng.random() >= lost:
            label = "bad" if rng.random() < 0.1 else "clean"
        verdict, chance = ("full", 0.05) if drawn else ("targeted", 0.95)
        plan = {"verdict": verdict, "propensity": chance, "label": label, "source": "audit"}
        plans.append(made(f"t{number}", "test-plan", **plan))
    found = _off_policy(plans, 0.95)
    assert found.low < 0.9 < found.high
    assert found.estimate == pytest.approx(0.9, abs=0.08)
