"""Histories made by hand, and what the metrics and the report say of them."""

from datetime import UTC, datetime, timedelta

import pytest

from doubles.records import bundle, outcome
from signalbox.decision import Advice, Subject, format_time
from signalbox.feedback import five, health_report, read_history, scorecard
from signalbox.ledger import decision_name, outcome_name
from signalbox.ledger.reading import Damage, Reading, collect, read_entry

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SINCE = NOW - timedelta(days=28)


def at(days: float) -> str:
    return format_time(SINCE + timedelta(days=days))


def about(name: str, environment: str = "production", commit: str = "") -> Subject:
    return Subject(repository="o/r", commit=commit, digest=f"sha256:{name}", environment=environment)


def rollout(name: str, days: float, verdict: str = "proceed", **fields) -> bytes:
    given = {"id": f"r-{name}", "subject": about(name), "decided_at": at(days), "mode": "enforce"}
    return bundle("rollout", verdict=verdict, **(given | fields))


def promotion(name: str, days: float, verdict: str = "auto-promote", score: float = 0.9) -> bytes:
    subject = about(name, commit=f"c-{name}")
    return bundle(
        "promotion",
        id=f"p-{name}",
        subject=subject,
        verdict=verdict,
        decided_at=at(days),
        outputs={"score": score},
    )


def history(decisions, outcomes=(), damaged=(), strangers=()):
    made = [read_entry(decision_name(d), d) for d in decisions]
    made += [read_entry(decision_name(d, trusted=False), d) for d in strangers]
    told = [read_entry(outcome_name(o), o) for o in outcomes]
    reading = collect(made)
    return read_history(Reading(entries=reading.entries, damaged=tuple(damaged)), collect(told))


def dora(past):
    return {e.name: e for e in five(past, since=SINCE, now=NOW, environment="production")}


def report(past):
    return health_report(past, since=SINCE, now=NOW, environment="production")


def test_five_metrics_of_a_known_month():
    decisions = [promotion("a", 0), rollout("a", 1)]
    decisions += [promotion("b", 2), rollout("b", 3, "rollback"), promotion("c", 3.25), rollout("c", 3.5)]
    decisions += [rollout("held", 4, "hold")]
    told = [outcome(id="o", decision="p-a", label="clean", source="time-window")]
    found = dora(history(decisions, told))
    assert found["deployment frequency"].n == 3
    assert found["deployment frequency"].value == pytest.approx(3 / 28)
    # a: 24 h from its promotion, c: 6 h; b was never delivered.
    assert found["lead time for changes"].value == pytest.approx(15)
    failures = found["change failure rate"]
    assert (failures.value, failures.n, failures.unknown) == (0.5, 2, 1)
    assert found["failed deployment recovery time"].value == pytest.approx(12)
    assert found["deployment rework rate"].value == pytest.approx(1 / 3)
    assert not any(e.enough for e in found.values())


def test_other_environments_and_other_times_do_not_count():
    staging = bundle("rollout", id="s", subject=about("a", "staging"), decided_at=at(1))
    found = dora(history([staging, rollout("old", -1), rollout("new", 29), rollout("in", 27)]))
    assert found["deployment frequency"].n == 1


def test_several_failures_share_one_recovery():
    past = history([rollout("a", 1, "rollback"), rollout("b", 2, "rollback"), rollout("c", 3)])
    found = dora(past)
    assert found["failed deployment recovery time"].n == 2
    assert found["failed deployment recovery time"].value == pytest.approx(36)
    assert found["deployment rework rate"].value == pytest.approx(1 / 3)


def test_an_incident_found_later_makes_a_good_looking_deployment_a_failure():
    past = history(
        [promotion("a", 0), rollout("a", 1)], [outcome(id="o", decision="p-a", source="incident-link")]
    )
    assert dora(past)["change failure rate"].value == 1.0


def test_a_rollback_that_was_only_observed_proves_nothing():
    found = dora(history([rollout("a", 1, "rollback", mode="observe")]))["change failure rate"]
    assert (found.value, found.unknown) == (None, 1)


def test_a_strangers_decision_counts_nowhere():
    past = history([rollout("a", 1)], strangers=[rollout("evil", 1, "rollback")])
    card = scorecard(past, since=SINCE, now=NOW)
    assert card.counts == {("rollout", "proceed"): 1}
    assert card.untrusted == 1
    assert dora(past)["deployment frequency"].n == 1


def test_the_scorecard_counts_what_is_known_and_what_is_not():
    decisions = [
        promotion(str(i), i, "auto-promote" if i < 6 else "manual-review", i / 10) for i in range(10)
    ]
    told = [outcome(id=f"o{i}", decision=f"p-{i}", label="bad" if i == 3 else "clean") for i in range(8)]
    card = scorecard(history(decisions, told), since=SINCE, now=NOW)
    rows = {e.name: (e.value, e.n, e.unknown) for e in card.estimates}
    assert rows["automatic promotions that turned out bad"] == (1 / 6, 6, 0)
    assert rows["reviewed promotions that turned out bad"] == (0.0, 2, 2)
    assert (card.scored, card.unknown, card.followed) == (8, 2, 10)
    assert card.brier is None
    assert sum(n for _, _, n in card.reliability) == 8


def test_a_rollback_does_not_prove_itself_right():
    past = history([rollout("a", 1, "rollback")], [outcome(id="o", decision="r-a", source="rollback")])
    rows = {e.name: e for e in scorecard(past, since=SINCE, now=NOW).estimates}
    assert rows["rollbacks found to have been wrong"].missing
    wrong = history(
        [rollout("a", 1, "rollback")], [outcome(id="o", decision="r-a", label="clean", source="manual")]
    )
    rows = {e.name: e for e in scorecard(wrong, since=SINCE, now=NOW).estimates}
    assert rows["rollbacks found to have been wrong"].value == 1.0


def test_advice_that_was_taken_is_counted():
    advice = (Advice(source="m", verdict="hold", text="t", accepted=True),)
    past = history([rollout("a", 1, "hold", advice=advice), rollout("b", 2)])
    rows = {e.name: e for e in scorecard(past, since=SINCE, now=NOW).estimates}
    advised = rows["advised decisions that the advice made stricter"]
    assert (advised.value, advised.n) == (1.0, 1)


def test_one_verdict_and_one_recommendation_from_worst_to_best():
    good = [promotion("a", 1), rollout("a", 2)]
    clean = outcome(id="o", decision="p-a", label="clean", source="audit")
    bad = outcome(id="o", decision="p-a")
    torn = Damage(name="decisions/x", code="corrupt", why="cut")
    assert report(history([])).verdict.startswith("Nothing was decided")
    assert report(history(good, [bad], [torn])).verdict.startswith("1 record cannot be counted")
    assert report(history(good, [bad])).verdict.startswith("Automatic promotions turned out bad")
    assert report(history(good)).verdict.startswith("What came of 2 of 2")
    assert report(history(good, [clean])).verdict == "No bad outcome is on record for 2 decisions."


def test_a_record_that_does_not_fit_is_named_and_the_rest_is_read():
    odd = bundle("rollout", id="odd", decided_at=at(1)).replace(b'"verdict":"proceed"', b'"verdict":7')
    past = read_history(collect([read_entry(_renamed(odd), odd)]), Reading(entries=(), damaged=()))
    assert past.made == ()
    assert [d.code for d in past.damaged] == ["unreadable"]


def _renamed(data: bytes) -> str:
    from signalbox.decision import sha256_hex

    return f"decisions/2026/02/02/rollout-odd.{sha256_hex(data)[:32]}.json"


def test_orphans_and_contradictions_are_shown():
    told = [outcome(id="lost", decision="nobody"), outcome(id="o1", decision="p-a")]
    told += [outcome(id="o2", decision="p-a", label="clean", source="time-window")]
    shown = str(report(history([promotion("a", 1)], told)).sections)
    assert "Another source contradicts 1 label" in shown
    assert "lost" in shown


def test_drift_comes_first_and_is_drawn_against_its_alarm():
    """Thirty of forty audits missed something: the verdict says so, and the timeline ends above its alarm."""
    plans = [
        bundle("test-plan", id=f"t{i}", decided_at=at(i / 4), propensity=0.05, subject=about(f"t{i}"))
        for i in range(40)
    ]
    told = [
        outcome(id=f"o{i}", decision=f"t{i}", label="bad" if i >= 10 else "clean", source="audit")
        for i in range(40)
    ]
    report = health_report(history(plans, told), since=SINCE, now=NOW, environment="production")
    assert report.verdict.startswith("Drift: ")
    assert "refine_policy.py" in report.recommendation
    table, _, chart = dict(report.sections)["Drift"]
    assert table.rows[0][:2] == ("escapes", "ALARM")
    assert chart.limit is not None
    assert chart.series["evidence"][-1] >= chart.limit[1]
