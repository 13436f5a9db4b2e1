"""Who is meant by a revert, an incident, a hotfix or a failed deployment, and by what it is taken back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.records import bundle
from signalbox.decision import Subject, format_time
from signalbox.feedback import read_history
from signalbox.feedback.gathering import Failure, Report, Revert, Told, gather
from signalbox.ledger import decision_name, decode_outcome, outcome_name
from signalbox.ledger.reading import collect, read_entry

START = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING = Told(reverts=(), incidents=(), hotfixes=(), failures=())


def sha(name):
    return format(ord(name), "x") * 20


def digest(name):
    return "sha256:" + format(ord(name), "x") * 32


def at(days):
    return format_time(START + timedelta(days=days))


def rollout(name, day, **more):
    subject = Subject(digest=digest(name), commit=sha(name), environment="production")
    given = {"verdict": "proceed", "mode": "enforce", "decided_at": at(day), "subject": subject}
    return bundle("rollout", id=name, **given | more)


class Night:
    """A ledger that lives through several nights."""

    def __init__(self, *decisions):
        self.decisions = collect([read_entry(decision_name(d), d) for d in decisions])
        self.kept = []

    def history(self):
        return read_history(self.decisions, collect([read_entry(outcome_name(o), o) for o in self.kept]))

    def gather(self, told, day=30, quiet=365.0, **more):
        before = self.history()
        given = {"since": START - timedelta(days=60), "hotfix_hours": 48.0} | more
        found = gather(
            told,
            before.made,
            before.outcomes,
            now=START + timedelta(days=day),
            quiet_days=quiet,
            producer="test",
            **given,
        )
        self.kept += found.outcomes
        return found

    @property
    def labels(self):
        return {m.id: m.label.label for m in self.history().made if m.label and m.label.label != "unknown"}


def reported(key="#1", text="", day=5.0, **more):
    return Report(key=key, at=at(day), text=text, url="https://github.com/acme/shop/issues/1", **more)


@pytest.mark.parametrize("named", [digest("B"), sha("B"), "see deployment of " + sha("B") + "."])
def test_an_incident_counts_for_what_it_names_and_carries_its_link(named):
    night = Night(rollout("A", 1), rollout("B", 2))
    night.gather(Told(incidents=(reported(text=named),)))
    assert night.labels == {"B": "bad"}
    [label] = [m.label for m in night.history().made if m.label]
    assert (label.source, label.links) == ("incident-link", ("https://github.com/acme/shop/issues/1",))


def test_an_incident_that_names_two_counts_for_both_once_and_says_so():
    night = Night(rollout("A", 1), rollout("B", 2))
    told = Told(incidents=(reported(text=f"{digest('A')} and {sha('B')}, {digest('A')}"),))
    assert len(night.gather(told).outcomes) == 2
    assert night.labels == {"A": "bad", "B": "bad"}
    assert all("names 2 deliveries" in o.text for o in night.history().outcomes)
    assert night.gather(told).outcomes == ()


def test_an_incident_that_names_nothing_on_record_blames_nobody():
    night = Night(rollout("A", 1))
    found = night.gather(Told(incidents=(reported(text=f"after {digest('Z')}"), reported("#2"))))
    assert found.outcomes == ()
    assert [what for what, _ in found.unattributed] == ["incident #1", "incident #2"]


def test_a_dismissed_incident_is_taken_back_and_holds_again_when_it_is_opened_again():
    night = Night(rollout("A", 1))
    real, dismissed = reported(text=sha("A")), reported(text=sha("A"), dismissed=True)
    for told, expected in [(real, {"A": "bad"}), (dismissed, {}), (real, {"A": "bad"}), (dismissed, {})]:
        night.gather(Told(incidents=(told,)))
        assert night.labels == expected
        assert night.gather(Told(incidents=(told,))).outcomes == ()


def test_a_source_that_could_not_be_read_takes_nothing_back():
    night = Night(rollout("A", 1))
    night.gather(Told(incidents=(reported(text=sha("A")),)))
    assert night.gather(Told(reverts=())).outcomes == ()
    assert night.labels == {"A": "bad"}


def test_what_is_older_than_what_was_read_stays():
    night = Night(rollout("A", 1))
    night.gather(Told(incidents=(reported(text=sha("A")),)))
    assert night.gather(NOTHING, since=START + timedelta(days=10)).outcomes == ()


def test_a_revert_counts_for_the_delivery_that_brought_the_commit():
    night = Night(rollout("A", 1), rollout("B", 2))
    revert = Revert(commit="d" * 40, reverts=("c" * 40,), at=at(3))
    night.gather(Told(reverts=(revert,), delivered_by={"c" * 40: sha("B")}))
    assert night.labels == {"B": "bad"}
    assert Night(rollout("A", 1)).gather(Told(reverts=(revert,))).outcomes == ()


@given(st.integers(0, 6))
def test_reverts_of_reverts_count_by_their_parity(length):
    """A commit reverted an even number of times stands."""
    night = Night(rollout("A", 1))
    chain, target = [], sha("A")
    for number in range(length):
        commit = f"{number:040x}"
        chain.append(Revert(commit=commit, reverts=(target,), at=at(3 + number)))
        target = commit
        night.gather(Told(reverts=tuple(chain)))
    assert night.labels == ({"A": "bad"} if length % 2 else {})


def test_a_hotfix_counts_for_the_one_deployment_before_it_and_else_for_none():
    fix = (reported("#9", day=2.5),)
    one = Night(rollout("A", 2))
    one.gather(Told(hotfixes=fix))
    assert one.labels == {"A": "bad"}
    assert one.history().made[0].label.confidence == 0.5
    two = Night(rollout("A", 1), rollout("B", 2))
    assert two.gather(Told(hotfixes=fix)).unattributed[0][0] == "hotfix #9"
    assert two.labels == {}
    named = Night(rollout("A", 1), rollout("B", 2))
    named.gather(Told(hotfixes=(reported("#9", text=f"mends {sha('A')}", day=2.5),)))
    assert named.labels == {"A": "bad"}


def test_a_failed_deployment_counts_in_its_environment_alone():
    night = Night(rollout("A", 1))
    failed = Failure(key="7", commit=sha("A"), environment="staging", at=at(2))
    night.gather(Told(failures=(failed,)))
    assert night.labels == {}
    other = Failure(key="8", commit=sha("A"), environment="production", at=at(2))
    night.gather(Told(failures=(failed, other)))
    assert night.labels == {"A": "bad"}


def test_silence_is_clean_only_when_everything_was_asked():
    night = Night(rollout("A", 1), rollout("B", 29))
    assert night.gather(Told(reverts=(), incidents=(), hotfixes=()), quiet=7.0).outcomes == ()
    night.gather(NOTHING, quiet=7.0)
    assert night.labels == {"A": "clean"}, "B is too young"
    assert night.gather(NOTHING, quiet=7.0).outcomes == ()
    night.gather(Told(incidents=(reported(text=sha("A")),)))
    assert night.labels == {"A": "bad"}, "a late word counts before silence"


def test_what_was_only_observed_or_recorded_by_a_stranger_is_no_delivery():
    night = Night(rollout("A", 1, mode="observe"))
    assert night.gather(NOTHING, quiet=7.0).outcomes == ()


def test_what_is_gathered_is_a_valid_outcome():
    night = Night(rollout("A", 1))
    [data] = night.gather(Told(incidents=(reported(text=sha("A")),))).outcomes
    assert decode_outcome(data).facts["gathered"].startswith("incident #1 about sha256:")
