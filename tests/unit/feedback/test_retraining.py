"""Each model's own trigger, and what is missing to say; the audits' share of misses off policy."""

import random
from datetime import UTC, datetime

import pytest

from doubles.records import bundle, outcome
from signalbox.config import Settings
from signalbox.decision import Subject
from signalbox.feedback import read_history
from signalbox.feedback.drifting import watch
from signalbox.feedback.history import Made
from signalbox.feedback.proposals import _off_policy
from signalbox.feedback.retraining import models
from signalbox.ledger import decision_name, outcome_name
from signalbox.ledger.labels import Resolved
from signalbox.ledger.reading import collect, read_entry


def history(decisions, outcomes):
    return read_history(
        collect([read_entry(decision_name(d), d) for d in decisions]),
        collect([read_entry(outcome_name(o), o) for o in outcomes]),
    )


def judged(decisions, outcomes):
    found = history(decisions, outcomes)
    return {m.name: m for m in models(found, watch(found, Settings()), Settings())}


def changes(**bad_of):
    """For each tier (bad, of): a plan with the tier and its rollout's outcome."""
    decisions, outcomes, number = [], [], 0
    for tier, (bad, of) in bad_of.items():
        for index in range(of):
            number += 1
            subject = Subject(commit=f"{number:040x}", digest=f"sha256:{number:064x}")
            decisions.append(
                bundle(
                    "test-plan",
                    id=f"t{number}",
                    subject=Subject(commit=subject.commit),
                    outputs={"risk_tier": tier},
                )
            )
            decisions.append(bundle("rollout", id=f"r{number}", subject=subject))
            label = "bad" if index < bad else "clean"
            outcomes.append(outcome(id=f"o{number}", decision=f"r{number}", label=label, source="manual"))
    return decisions, outcomes


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
    found = judged(*changes(**counts))["risk tiers"]
    assert (found.due, says in found.why) == (due, True), found.why


@pytest.mark.parametrize(("n", "right", "due"), [(60, True, False), (200, True, False), (200, False, True)])
def test_the_scores_trigger(n, right, due):
    rng = random.Random(3)
    decisions, outcomes = [], []
    for number in range(n):
        score = rng.choice([0.3, 0.6, 0.9])
        clean = rng.random() < (score if right else 0.55)
        subject = Subject(digest=f"sha256:{number:064x}")
        decisions.append(bundle("promotion", id=f"p{number}", subject=subject, outputs={"score": score}))
        label = "clean" if clean else "bad"
        outcomes.append(outcome(id=f"o{number}", decision=f"p{number}", label=label, source="manual"))
    assert judged(decisions, outcomes)["promotion score"].due is due


def test_the_indexs_trigger_is_the_drift_of_the_escapes():
    decisions = [bundle("test-plan", id=f"t{i}", subject=Subject(commit=f"{i:040x}")) for i in range(60)]
    bad = [outcome(id=f"o{i}", decision=f"t{i}", label="bad", source="audit") for i in range(60)]
    assert judged(decisions, bad)["impact index"].due
    assert not judged(decisions, [])["impact index"].due


@pytest.mark.parametrize("lost", [0.0, 0.5])
def test_misses_of_all_plans_are_told_from_those_that_were_drawn(lost):
    """One in twenty is audited; one in ten misses something; every other audit may never be told of."""
    rng = random.Random(5)
    plans = []
    for number in range(2000):
        drawn = rng.random() < 0.05
        label = None
        if drawn and rng.random() >= lost:
            what = "bad" if rng.random() < 0.1 else "clean"
            label = Resolved(label=what, confidence=1.0, source="audit", outcome="o", observed_at="")
        plans.append(
            Made(
                id=f"t{number}",
                kind="test-plan",
                verdict="full" if drawn else "targeted",
                mode="enforce",
                subject=Subject(),
                at=datetime(2026, 1, 1, tzinfo=UTC),
                trusted=True,
                outputs={},
                propensity=0.05 if drawn else 0.95,
                advised=0,
                accepted=0,
                label=label,
            )
        )
    found = _off_policy(plans, 0.95)
    assert found.low < 0.9 < found.high
    assert found.estimate == pytest.approx(0.9, abs=0.08)
