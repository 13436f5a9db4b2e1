"""The ledger's records joined into the past: one item a digest, the strongest outcome, nothing invented."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.promotion import past_of


def decision(ident: str, digest: str, at: str = "2026-01-01T00:00:00Z", **outputs: Any) -> dict[str, Any]:
    made = {"kind": "promotion", "id": ident, "verdict": "auto-promote", "decided_at": at}
    return {"decision": made | {"subject": {"digest": digest}, "outputs": outputs}}


def outcome(label: str, **more: Any) -> dict[str, Any]:
    fields = {"id": f"o-{label}-{more}", "label": label, "source": "manual", "recorded_at": "2026-01-02"}
    return fields | {"observed_at": "2026-01-02T00:00:00Z"} | more


def labels(*outcomes: dict[str, Any]) -> list[str]:
    return [item.label for item in past_of([decision("d", "sha256:1")], outcomes)]


def test_outcomes_are_joined_by_decision_or_by_digest() -> None:
    assert labels(outcome("clean", decision="d")) == ["clean"]
    assert labels(outcome("bad", subject={"digest": "sha256:1"})) == ["bad"]
    assert labels(outcome("bad", subject={"digest": "sha256:2"})) == ["unknown"]
    assert labels() == ["unknown"]


def test_the_strongest_source_counts_and_then_the_latest() -> None:
    weak = outcome("clean", decision="d", source="time-window", recorded_at="2026-03-01")
    strong = outcome("bad", decision="d", source="incident-link", recorded_at="2026-02-01")
    assert labels(weak, strong) == labels(strong, weak) == ["bad"]
    later = outcome("clean", decision="d", source="incident-link", recorded_at="2026-02-02")
    assert labels(strong, later) == labels(later, strong) == ["clean"]


def test_a_retracted_outcome_is_none() -> None:
    bad = outcome("bad", decision="d", id="x")
    assert labels(bad, outcome("unknown", retracts="x")) == ["unknown"]


def test_a_rerun_is_one_artifact_and_the_one_at_hand_is_none() -> None:
    runs = [
        decision("a", "sha256:1", "2026-01-01T00:00:00Z", score=0.1),
        decision("b", "sha256:1", "2026-01-02T00:00:00Z", score=0.2, features={"risk": 0.5, "x": "no"}),
        decision("c", "sha256:2", "2026-01-03T00:00:00Z"),
    ]
    past = past_of(runs, [], without="sha256:2")
    assert [(item.score, item.features, item.auto) for item in past] == [(0.2, {"risk": 0.5}, True)]


RECORDS = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.dictionaries(
        st.sampled_from(
            ["decision", "kind", "subject", "digest", "outputs", "features", "label", "id", "retracts"]
        ),
        inner | st.sampled_from(["promotion", "clean"]),
    ),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@settings(max_examples=40)
@given(st.lists(RECORDS, max_size=4), st.lists(RECORDS, max_size=4))
def test_records_of_any_shape_are_read_without_harm(decisions: list[Any], outcomes: list[Any]) -> None:
    past = past_of(decisions, outcomes)
    assert len(past) <= len(decisions)
    assert all(item.label in ("clean", "unknown") for item in past)
