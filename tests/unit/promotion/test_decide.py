"""The promotion decision: vetoes, bands, doubts, advice, and what it says about itself."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.config.scoring import ScoreModel, Scoring
from signalbox.decision import (
    ORDERS,
    Advice,
    Decision,
    Evidence,
    Gap,
    PolicyRef,
    Stamp,
    Subject,
    canonical,
    digest_of,
    make_bundle,
)
from signalbox.errors import InputError
from signalbox.kinds import replay
from signalbox.promotion import Inputs, Past, Waiver, band, decide

NOW = "2026-05-01T12:00:00Z"
DIGEST = "sha256:" + "a" * 64
SUBJECT = Subject(repository="shop/cart", commit="b" * 40, digest=DIGEST)
STAMP = Stamp(id="00000000-0000-4000-8000-000000000001", at=NOW, producer="test")
POLICY = PolicyRef(sha256="0" * 64, source=".github/signalbox.yml")
ORDER = ORDERS["promotion"]


def evidence(kind: str, status: Any = "pass", **facts: Any) -> Evidence:
    gaps = (Gap("truncated", "the file is cut short"),) if status == "not_verified" else ()
    return Evidence(kind=kind, status=status, source=f"{kind}.x", origin="protected", gaps=gaps, facts=facts)


TESTS = evidence("tests", total=200, passed=200, failed=0, skipped=0, flaky=0)
COVERAGE = evidence("coverage", covered_lines=900, statements=1000)
CLEAN_PAST = tuple(Past(label="clean", features={"risk": 0.5}, at=f"{i:04}") for i in range(60))


def finding(severity: str, key: str = "k", **more: Any) -> dict[str, Any]:
    return {"key": key, "id": "R1", "severity": severity, "where": "a.py:1", **more}


def scan(*findings: dict[str, Any], kind: str = "static-analysis") -> Evidence:
    severe = any(f["severity"] in ("critical", "high") and not f.get("suppressed") for f in findings)
    return evidence(kind, "fail" if severe else "pass", findings=list(findings))


def decided(*items: Evidence, scoring: Scoring | None = None, **more: Any) -> Decision:
    inputs = Inputs(subject=more.pop("subject", SUBJECT), evidence=items, **more)
    return decide(inputs, Settings(mode="enforce", scoring=scoring or Scoring()), POLICY, STAMP)


AUTO = Scoring(auto_promote_at=0.8)


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_good_evidence_is_reviewed_until_outcomes_are_recorded() -> None:
    decision = decided(TESTS, COVERAGE, scoring=AUTO, past=CLEAN_PAST[:12])
    assert decision.verdict == "manual-review"
    wanted = "auto-promotion begins after 49 recorded outcomes at a 2% budget; you have 12"
    assert wanted in [reason.text for reason in decision.reasons]
    assert decision.outputs["promoted_tag"] == ""


def test_enough_clean_outcomes_and_a_merged_threshold_promote() -> None:
    decision = decided(TESTS, COVERAGE, scoring=AUTO, past=CLEAN_PAST, risk="low")
    assert decision.verdict == decision.outputs["decision"] == "auto-promote"
    assert decision.outputs["promoted_tag"] == "promoted-" + "b" * 12


def test_without_a_merged_threshold_it_says_which_one_to_merge() -> None:
    decision = decided(TESTS, COVERAGE, past=CLEAN_PAST)
    assert decision.verdict == "manual-review"
    text = next(reason.text for reason in decision.reasons if reason.code == "threshold-not-merged")
    assert "auto-promote-at: 0.75" in text


def test_calibrated_accepts_beforehand_what_the_outcomes_carry() -> None:
    scoring = Scoring(auto_promote_at="calibrated")
    assert decided(TESTS, COVERAGE, scoring=scoring, past=CLEAN_PAST).verdict == "auto-promote"
    assert decided(TESTS, COVERAGE, scoring=scoring, past=CLEAN_PAST[:48]).verdict == "manual-review"


def test_a_merged_threshold_is_never_looser_than_the_outcomes_carry() -> None:
    # Ten bad ones that looked as good as this artifact: no threshold below their score is within 2%.
    bad = tuple(Past(label="bad", features={"risk": 0.5}, at=f"x{i}") for i in range(10))
    decision = decided(TESTS, COVERAGE, scoring=AUTO, past=CLEAN_PAST + bad)
    assert decision.verdict == "manual-review"


def test_unknown_outcomes_count_as_bad() -> None:
    unknown = tuple(Past(features={"risk": 0.5}, at=f"x{i}") for i in range(10))
    decision = decided(TESTS, COVERAGE, scoring=AUTO, past=CLEAN_PAST + unknown)
    assert decision.verdict == "manual-review"
    assert decision.outputs["calibration"]["counted_bad"] == 10


def test_the_tripwire_returns_to_review() -> None:
    past = CLEAN_PAST * 20 + tuple(
        Past(label="bad", auto=True, features={"flaky_share": 0.2}, at=f"x{i}") for i in range(12)
    )
    decision = decided(TESTS, COVERAGE, scoring=AUTO, past=past, risk="low")
    assert decision.outputs["calibration"]["tripped"] is True
    assert decision.verdict == "manual-review"
    assert "tripwire" in codes(decision)


VETOES = {
    "required-evidence": (evidence("tests", "not_verified", total=3, passed=3),),
    "tests-fail": (evidence("tests", "fail", total=3, passed=2, failed=1, failing=["a.b"]),),
    "new-critical": (TESTS, scan(finding("critical"))),
    "new-high": (TESTS, scan(finding("high"))),
    "malicious-component": (TESTS, scan(finding("low", aliases=["MAL-2026-1"]), kind="vulnerabilities")),
    "known-exploited": (
        TESTS,
        scan(finding("low", aliases=["CVE-1"]), kind="vulnerabilities"),
        evidence("exploited-feed", exploited=["CVE-1"]),
    ),
    "performance-regression": (
        TESTS,
        evidence("performance", pairs={"parse": [[1.0, 1.2 + i / 100] for i in range(6)]}),
    ),
}


@pytest.mark.parametrize("code", VETOES)
def test_a_veto_blocks_whatever_the_outcomes_carry(code: str) -> None:
    decision = decided(*VETOES[code], scoring=AUTO, past=CLEAN_PAST, risk="low")
    assert decision.verdict == "block"
    assert decision.reasons[0].code == code
    assert decision.outputs["score"] == 0.0


@pytest.mark.parametrize("code", VETOES)
def test_only_a_valid_waiver_lifts_a_veto_and_then_a_person_decides(code: str) -> None:
    good = Waiver(
        veto=code, digest=DIGEST, expires="2026-05-02T00:00:00Z", signed_role="security", signer="s"
    )
    assert decided(*VETOES[code], scoring=AUTO, waivers=(good,)).verdict == "manual-review"
    for change in (
        {"signed_role": ""},
        {"signed_role": "developer"},
        {"expires": "2026-05-01T11:59:59Z"},
        {"expires": "soon"},
        {"digest": "sha256:" + "c" * 64},
        {"veto": "something-else"},
        {"target": "R2"},
    ):
        bad = msgspec.structs.replace(good, **change)
        assert decided(*VETOES[code], scoring=AUTO, waivers=(bad,)).verdict == "block"


def test_a_failure_seen_in_a_report_that_is_cut_short_still_blocks_on_failure() -> None:
    scoring = Scoring(required=("coverage",))
    cut = evidence("tests", "not_verified", total=3, passed=2, failed=1, partial=True)
    assert "tests-fail" in codes(decided(COVERAGE, cut, scoring=scoring))


def test_no_evidence_at_all_blocks() -> None:
    decision = decided()
    assert (decision.verdict, decision.reasons[0].code) == ("block", "required-evidence")


DOUBTS = {
    "not-verified": (TESTS, evidence("coverage", "not_verified")),
    "coverage-dropped": (TESTS, evidence("coverage", covered_lines=880, statements=1000)),
    "performance-inconclusive": (TESTS, evidence("performance", pairs={"parse": [[1.0, 1.0]] * 3})),
    "severity-unknown": (TESTS, scan(finding("unknown"))),
    "suppressed-here": (TESTS, scan(finding("critical", suppressed=True))),
    "production": (TESTS, evidence("production-health", "fail")),
    "self-reported": (msgspec.structs.replace(TESTS, origin="self-reported"),),
}


@pytest.mark.parametrize("code", DOUBTS)
def test_a_doubt_asks_a_person_whatever_the_score(code: str) -> None:
    sure = ScoreModel(intercept=20.0)
    scoring = Scoring(auto_promote_at=0.8, model=sure)
    clean = decided(TESTS, COVERAGE, baseline=(COVERAGE,), scoring=scoring, past=CLEAN_PAST, risk="low")
    assert clean.verdict == "auto-promote"
    decision = decided(*DOUBTS[code], baseline=(COVERAGE,), scoring=scoring, past=CLEAN_PAST, risk="low")
    assert decision.verdict == "manual-review"
    assert code in codes(decision)


@pytest.mark.parametrize(
    ("gap", "item"),
    [
        ("stale", msgspec.structs.replace(TESTS, fresh_until="2026-05-01T11:00:00Z")),
        ("other-digest", msgspec.structs.replace(TESTS, subject=Subject(digest="sha256:" + "c" * 64))),
        ("other-commit", msgspec.structs.replace(TESTS, subject=Subject(commit="c" * 40))),
        ("from-the-future", msgspec.structs.replace(TESTS, observed_at="2026-05-01T13:00:00Z")),
    ],
)
def test_evidence_that_is_stale_or_about_something_else_is_none(gap: str, item: Evidence) -> None:
    decision = decided(item, scoring=AUTO, past=CLEAN_PAST)
    assert decision.verdict == "block"
    assert gap in [g.code for g in decision.evidence[0].gaps]


def test_only_what_the_baseline_lacks_is_new() -> None:
    base = scan(finding("high", "k1"), finding("critical", "k2", suppressed=True))
    same = decided(TESTS, scan(finding("high", "k1")), baseline=(base,))
    assert same.outputs["signals"]["new_high"] == 0
    assert same.verdict == "manual-review"
    twice = decided(TESTS, scan(finding("high", "k1"), finding("high", "k1")), baseline=(base,))
    assert (twice.outputs["signals"]["new_high"], twice.verdict) == (1, "block")
    opened = decided(TESTS, scan(finding("critical", "k2")), baseline=(base,))
    assert opened.verdict == "block"
    still = decided(TESTS, scan(finding("critical", "k2", suppressed=True)), baseline=(base,))
    assert still.outputs["signals"]["new_suppressed_severe"] == 0


def test_a_policy_that_requires_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="every artifact would pass"):
        decided(TESTS, scoring=Scoring(required=()))


def test_a_weight_of_no_signal_is_refused() -> None:
    with pytest.raises(InputError, match="typo"):
        decided(TESTS, scoring=Scoring(model=ScoreModel(weights={"typo": 1.0})))


@given(
    st.floats(0, 1, allow_nan=False),
    st.floats(0, 1, allow_nan=False),
    st.none() | st.floats(0, 1, allow_nan=False),
)
def test_every_score_falls_in_exactly_one_band(value: float, floor: float, auto: float | None) -> None:
    at = 2.0 if auto is None else max(auto, floor)
    inside = {
        "block": value < floor,
        "manual-review": floor <= value < at,
        "auto-promote": value >= at,
    }
    assert sum(inside.values()) == 1
    assert inside[band(value, review_from=floor, auto_from=auto)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1])
def test_what_is_no_score_falls_in_no_band(value: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        band(value, review_from=0.75, auto_from=0.9)


def test_advice_tightens_and_never_loosens_over_the_whole_order() -> None:
    worlds = {
        "auto-promote": ((TESTS, COVERAGE), CLEAN_PAST),
        "manual-review": ((TESTS, COVERAGE), ()),
        "block": ((), ()),
    }
    words = (*ORDER.verdicts, "promote it", "")
    for ruled, said in itertools.product(worlds, itertools.product(words, repeat=2)):
        items, past = worlds[ruled]
        advice = tuple(Advice(source="model", verdict=word, text="…") for word in said)
        decision = decided(*items, scoring=AUTO, past=past, risk="low", advice=advice)
        assert ORDER.rank(decision.verdict) >= ORDER.rank(ruled)
        # Never beyond the verdict that asks a person.
        assert decision.verdict == ruled or decision.verdict == "manual-review"
        assert (
            decision.outputs["score"] == decided(*items, scoring=AUTO, past=past, risk="low").outputs["score"]
        )


FACTS = st.fixed_dictionaries(
    {
        "total": st.integers(0, 50),
        "passed": st.integers(0, 50),
        "failed": st.integers(0, 2),
        "skipped": st.integers(0, 50),
        "flaky": st.integers(0, 50),
    }
)
ITEMS = st.lists(
    st.builds(
        lambda kind, status, facts, rows: msgspec.structs.replace(
            evidence(kind, status, **facts), facts={**facts, "findings": rows}
        ),
        st.sampled_from(["tests", "coverage", "static-analysis", "sbom", "unknown"]),
        st.sampled_from(["pass", "fail", "not_verified"]),
        FACTS,
        st.lists(st.sampled_from([finding("critical"), finding("medium"), finding("unknown")]), max_size=3),
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(ITEMS, st.sampled_from(["", "low", "high"]))
def test_no_worse_evidence_ever_loosens_a_decision(items: list[Evidence], risk: str) -> None:
    decision = decided(*items, scoring=AUTO, past=CLEAN_PAST, risk=risk)
    for extra in (evidence("coverage", "not_verified"), evidence("tests", "fail", failed=1, total=1)):
        worse = decided(*items, extra, scoring=AUTO, past=CLEAN_PAST, risk=risk)
        assert ORDER.rank(worse.verdict) >= ORDER.rank(decision.verdict)
    if decision.verdict == "auto-promote":
        assert all(item.status != "not_verified" for item in items)
        assert [item.kind for item in items if item.status == "pass"].count("tests") >= 1
    canonical(decision)


def test_a_bundle_is_replayed_byte_for_byte() -> None:
    inputs = Inputs(subject=SUBJECT, evidence=(TESTS, scan(finding("medium"))), past=CLEAN_PAST)
    configured = Settings(mode="enforce", scoring=AUTO)
    policy = PolicyRef(sha256=digest_of(configured))
    data = make_bundle(decide(inputs, configured, policy, STAMP), inputs, configured).encode()
    assert replay(data).same
    turned = data.replace(b'"skipped":0', b'"skipped":9')
    assert turned != data
    assert not replay(turned).same


def test_contributions_are_in_words_and_add_up() -> None:
    cut = evidence("tests", total=10, passed=7, failed=0, skipped=3, flaky=2)
    out = decided(cut).outputs
    texts = [c["text"] for c in out["contributions"]]
    assert "3 of 10 tests were skipped" in texts
    assert "2 tests passed only after a rerun" in texts
    assert all(c["log_odds"] < 0 and c["points"] < 0 for c in out["contributions"])
    assert out["score"] < out["probability"] < 1
