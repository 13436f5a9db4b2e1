"""What a decision says beside its verdict: prices, past artifacts like this one, its signals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.config.scoring import Costs, Scoring
from signalbox.decision import Decision, Evidence, PolicyRef, Stamp, Subject
from signalbox.promotion import Inputs, Past, blocks, decide
from signalbox.promotion.costs import explained, of_threshold, sentence
from signalbox.render import Fold, Table, Text

TESTS = Evidence(
    kind="tests", status="pass", origin="protected", facts={"total": 90, "passed": 90, "skipped": 9}
)


def decided(past: tuple[Past, ...] = (), costs: Costs | None = None, risk: str = "low") -> Decision:
    scoring = Scoring(auto_promote_at=0.8, costs=costs or Costs())
    subject = Subject(digest="sha256:" + "a" * 64)
    inputs = Inputs(subject=subject, evidence=(TESTS,), past=past, risk=risk)
    stamp = Stamp(id="d", at="2026-05-01T12:00:00Z", producer="test")
    return decide(inputs, Settings(mode="enforce", scoring=scoring), PolicyRef(sha256="0" * 64), stamp)


def test_the_expected_cost_of_each_verdict() -> None:
    told = explained(0.9, Costs(review=2, bad_promotion=50, false_block=10))
    assert told["expected"] == pytest.approx({"auto-promote": 5.0, "manual-review": 2.0, "block": 9.0})
    assert told["cheapest"] == "manual-review"
    assert told["break_even"] == pytest.approx(0.04)
    text = sentence(told, 0.9, "block")
    assert "promoting it would cost 5 on average, a review 2, blocking it 9" in text
    assert "a review pays from a 4% chance that it is bad, and here that is 10%" in text
    assert "manual-review would be the cheapest, and no price overrules a reason" in text
    assert "cheapest" not in sentence(told, 0.9, "manual-review")


@given(st.floats(0, 1), *[st.floats(0, 1e6)] * 3)
def test_any_price_has_a_sentence(clean: float, review: float, bad: float, false: float) -> None:
    told = explained(clean, Costs(review=review, bad_promotion=bad, false_block=false))
    assert min(told["expected"].values()) == told["expected"][told["cheapest"]]
    assert (told["break_even"] is None) == (bad == 0)
    assert sentence(told, clean, "block").startswith("At policy's prices")


def test_a_threshold_is_priced_against_reviewing_everything() -> None:
    assert of_threshold(None, None, Costs()) == ""
    text = of_threshold(0.7, 0.01, Costs(review=1, bad_promotion=50))
    assert "65 (30 for reviews, 35 for bad promotions), reviewing each 100" in text


def test_prices_explain_and_decide_nothing() -> None:
    past = tuple(Past(label="clean", at=f"{i:03}") for i in range(60))
    verdicts = {
        decided(past, Costs(review=review, bad_promotion=bad, false_block=false)).verdict
        for review in (0, 1e6) for bad in (0, 1e6) for false in (0, 1e6)
    }  # fmt: skip
    assert verdicts == {"auto-promote"}


def test_past_artifacts_like_this_one_that_went_bad_are_named() -> None:
    like = {"skipped_share": 0.1}
    past = [
        Past(label="clean", at=f"{i:03}", features={"risk": 1.0, "skipped_share": 0.09}) for i in range(40)
    ]
    past += [Past(label="clean", at=f"1{i:02}", features=like) for i in range(8)]
    dated = ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
    past += [Past(label="bad", at=at, features=like, digest=f"sha256:{'c' * 64}") for at in dated]
    found = decided(tuple(past))
    [reason] = [reason for reason in found.reasons if reason.code == "like-past-incidents"]
    assert reason.effect == ""
    assert "2 of the 10 past artifacts most like this one turned out bad" in reason.text
    assert "sha256:cccccccccccc of 2026-02-01" in reason.text
    assert found.outputs["features"]["like_past_incidents"] == pytest.approx(0.2)
    other = decided(tuple(past), risk="high")
    assert other.outputs["features"].get("like_past_incidents", 0) == 0
    assert "like-past-incidents" not in [reason.code for reason in other.reasons]


def test_signals_that_say_nothing_are_folded_into_two_lines() -> None:
    shown = blocks(decided())
    [table] = [b for b in shown if isinstance(b, Table) and b.title == "Signals"]
    assert dict(table.rows) == {"tests total": 90, "tests skipped": 9, "pass rate": 1.0}
    [fold] = [b for b in shown if isinstance(b, Fold) and b.title == "Signals that show nothing"]
    lines = [block.text for block in fold.blocks if isinstance(block, Text)]
    assert lines[0].startswith("None seen: tests failed, tests flaky, scans, critical")
    assert lines[1].startswith("Not known: coverage, coverage delta")
    assert "malicious" in lines[0]
    assert "production" in lines[1]
