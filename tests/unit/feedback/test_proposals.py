import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from signalbox.config import Settings
from signalbox.decision import Subject
from signalbox.feedback.drifting import watch
from signalbox.feedback.history import History, Made
from signalbox.feedback.proposals import Missing, Proposal, audit_rate, propose
from signalbox.feedback.refining import bodies, of_alarms, text
from signalbox.ledger.labels import Resolved

START = datetime(2026, 1, 1, tzinfo=UTC)


def made(n, kind, *, bad=None, verdict="manual-review", source="manual", propensity=None, **outputs):
    label = None
    if bad is not None:
        label = Resolved(
            label="bad" if bad else "clean", confidence=1.0, source=source, outcome=f"o{n}", observed_at=""
        )
    return Made(
        id=f"{kind}-{n}", kind=kind, verdict=verdict, mode="enforce", subject=Subject(), trusted=True,
        at=START + timedelta(hours=n), outputs=outputs, propensity=propensity, advised=0, accepted=0,
        label=label,
    )  # fmt: skip


def audits(n, missed, **fields):
    given = {"verdict": "full", "source": "audit", "propensity": 0.05} | fields
    return [made(i, "test-plan", bad=i < missed, **given) for i in range(n)]


def by_score(past, settings):
    """A decision function that looks at the score alone."""
    at = settings.scoring.auto_promote_at
    at = 0.9 if isinstance(at, str) else at
    if past.outputs["score"] < settings.scoring.review_threshold:
        return "block"
    return "auto-promote" if at is not None and past.outputs["score"] >= at else "manual-review"


def promotions(n, seed=1, share_known=1.0):
    rng = random.Random(seed)
    out = []
    for i in range(n):
        score = rng.uniform(0.75, 1)
        bad = rng.random() < (0.001 if score > 0.9 else 0.3)
        out.append(made(i, "promotion", bad=bad if rng.random() < share_known else None, score=score))
    return out


def found_for(name, cases, settings=None, decide=by_score):
    found, missing = propose(cases, settings or Settings(), decide)
    return next(item for item in (*found, *missing) if item.name == name)


def test_a_threshold_that_pays_is_proposed_with_its_proof():
    found = found_for("scoring.auto-promote-at", {"promotion": promotions(2500)})
    assert isinstance(found, Proposal)
    assert 0.88 <= found.proposed <= 0.93
    assert 0 < found.least <= found.gain.estimate
    assert found.held_out == 1000


def test_too_little_evidence_says_how_much_is_missing():
    found = found_for("scoring.auto-promote-at", {"promotion": promotions(30)})
    assert isinstance(found, Missing)
    assert "10 more are needed" in found.text


def test_nothing_unknown_is_taken_for_good():
    found = found_for("scoring.auto-promote-at", {"promotion": promotions(2500, share_known=0.5)})
    assert isinstance(found, Missing)


def test_what_cannot_be_decided_again_proves_nothing():
    found = found_for("scoring.auto-promote-at", {"promotion": promotions(2500)}, decide=lambda *_: None)
    assert isinstance(found, Missing)


def test_calibrated_needs_no_proposal():
    settings = Settings()
    scoring = msgspec.structs.replace(settings.scoring, auto_promote_at="calibrated")
    settings = msgspec.structs.replace(settings, scoring=scoring)
    assert isinstance(
        found_for("scoring.auto-promote-at", {"promotion": promotions(2500)}, settings), Missing
    )


@pytest.mark.parametrize(
    ("n", "missed", "proposed"), [(148, 0, None), (149, 0, 0.025), (300, 30, 0.1), (300, 6, None)]
)
def test_audits_are_worth_their_price_or_not(n, missed, proposed):
    """149 audits without a miss bound the share at 2%: the break-even of a price of 1 and an escape of 50."""
    found = audit_rate(audits(n, missed), Settings())
    assert (found.proposed if isinstance(found, Proposal) else None) == proposed


def test_one_more_audit_is_asked_for():
    assert "1 more without a miss" in audit_rate(audits(148, 0), Settings()).text


def test_only_audits_drawn_at_random_count():
    assert isinstance(audit_rate(audits(500, 0, propensity=1.0), Settings()), Missing)


def history(*items):
    return History(made=items, outcomes=(), orphans=(), circular=(), damaged=())


def test_escapes_are_named_dated_and_tighten_the_audits():
    settings = Settings()
    quiet = audits(300, 0)
    loud = [msgspec.structs.replace(m, at=m.at + timedelta(hours=300)) for m in audits(60, 12)]
    (found,) = watch(history(*quiet, *loud), settings)
    assert found.alarmed
    assert "audited test plans missed a failing test" in found.sentence
    assert "2026-01-13" in found.sentence  # the 300th hour
    assert "retrain the index" in found.sentence
    assert "40,000 runs at 5% audits" in found.sentence
    (proposal,) = of_alarms([found], settings)
    assert (proposal.name, proposal.proposed, proposal.tightens) == ("selection.audit-rate", 0.1, True)


def test_automatic_promotions_gone_bad_return_to_review():
    settings = Settings()
    scoring = msgspec.structs.replace(settings.scoring, auto_promote_at=0.9)
    settings = msgspec.structs.replace(settings, scoring=scoring)
    bad = [made(i, "promotion", bad=i % 2 == 0, verdict="auto-promote", probability=0.99) for i in range(60)]
    found = watch(history(*bad), settings)
    assert {w.name for w in found if w.alarmed} == {"automatic promotions", "score"}
    (proposal,) = of_alarms(found, settings)
    assert (proposal.name, proposal.proposed) == ("scoring.auto-promote-at", None)


def test_a_stranger_s_record_moves_nothing():
    bad = [msgspec.structs.replace(m, trusted=False) for m in audits(100, 100)]
    assert watch(history(*bad), Settings()) == ()


def test_the_words_hold_what_a_reader_needs():
    settings = Settings()
    found, missing = propose({"promotion": promotions(2500)}, settings, by_score)
    body = bodies(found, settings)["scoring.auto-promote-at"]
    assert "To take it back" in body
    assert "`auto-promote-at: null`" in body
    assert "lower bound" in body
    shown = text(found, missing, (), {"scoring.auto-promote-at": "https://example.test/1"})
    assert "https://example.test/1" in shown
    assert "nothing yet" in shown
