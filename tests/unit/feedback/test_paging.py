"""Events of paging systems: what they name, the same incident told often, and one that was none."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.errors import InputError
from signalbox.feedback.paging import outcomes_of
from signalbox.ledger import decode_outcome, read_outcomes

DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
UUID = "01234567-89ab-4def-8123-456789abcdef"


def told(event):
    data = outcomes_of(json.dumps(event).encode())
    found = read_outcomes(data, recorded_at="2026-02-01T00:00:00Z", producer="test", where="event")
    return [decode_outcome(one) for one in found]


def pagerduty(kind="incident.triggered", **data):
    base = {
        "id": "PGR0VU2",
        "type": "incident",
        "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
        "created_at": "2026-01-02T03:04:05Z",
        "title": "Orders are lost",
        "body": {"details": {"image": f"registry.test/shop@{DIGEST}"}},
    }
    return {"event": {"event_type": kind, "occurred_at": "2026-01-02T03:04:06.169Z", "data": base | data}}


def opsgenie(action="Create", **alert):
    base = {
        "alertId": "052652ac",
        "message": "down",
        "createdAt": 1767323045000,
        "details": {"commit": "e" * 40},
    }
    return {"action": action, "alert": base | alert, "source": {"name": "web"}}


def plain(status="triggered"):
    return {"incident": "PD-1", "status": status, "at": "2026-01-02T03:04:05Z", "digest": DIGEST,
            "environment": "production"}  # fmt: skip


def test_pagerduty():
    [one] = told(pagerduty())
    assert (one.label, one.source, one.subject.digest) == ("bad", "incident-link", DIGEST)
    assert one.observed_at == "2026-01-02T03:04:05Z"
    assert one.links == ("https://acme.pagerduty.com/incidents/PGR0VU2",)


def test_opsgenie():
    [one] = told(opsgenie())
    assert (one.subject.commit, one.observed_at) == ("e" * 40, "2026-01-02T03:04:05Z")


def test_a_dispatch():
    [one] = told(plain())
    assert (one.subject.digest, one.subject.environment) == (DIGEST, "production")


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (pagerduty(), pagerduty("incident.acknowledged")),
        (opsgenie(), opsgenie("Close")),
        (plain(), plain("resolved")),
    ],
)
def test_all_events_of_an_incident_are_one_outcome(first, later):
    assert told(first) == told(later)


@pytest.mark.parametrize(
    ("first", "none"),
    [
        (pagerduty(), pagerduty("incident.deleted")),
        (opsgenie(), opsgenie("Delete")),
        (plain(), plain("dismissed")),
    ],
)
def test_an_incident_that_was_none_is_taken_back(first, none):
    [bad], [back] = told(first), told(none)
    assert back.retracts == bad.id
    assert back.label == "unknown"


def test_two_deliveries_are_two_outcomes_that_say_so():
    found = told(pagerduty(title=f"{DIGEST} or {OTHER}", body={}))
    assert {one.subject.digest for one in found} == {DIGEST, OTHER}
    assert all("names 2 deliveries" in one.text for one in found)


def test_a_decision_by_its_id():
    [one] = told(pagerduty(body={"details": f"decision {UUID}"}))
    assert one.decision == UUID


def test_an_incident_that_names_nothing_is_refused_with_what_to_do():
    with pytest.raises(InputError, match="names no delivery"):
        outcomes_of(json.dumps(pagerduty(body={}, html_url="javascript:alert(1)")).encode())


KEYS = st.sampled_from(["event", "alert", "incident", "status", "data", "event_type", "alertId", "x"])
LEAVES = st.none() | st.booleans() | st.text(max_size=9) | st.integers()
ANYTHING = st.recursive(LEAVES, lambda below: st.lists(below) | st.dictionaries(KEYS, below), max_leaves=9)


@given(ANYTHING)
def test_whatever_comes_is_an_event_nothing_or_refused(value):
    with contextlib.suppress(InputError):
        found = outcomes_of(json.dumps(value).encode())
        assert found is None or json.loads(found)


def test_what_is_no_event_is_left_to_the_other_reader():
    assert outcomes_of(b'{"decision": "d", "label": "bad"}') is None
    assert outcomes_of(b"\xff not JSON") is None
