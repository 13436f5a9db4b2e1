"""What blocks whatever the score says, and what needs a person whatever the score says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from signalbox.config.scoring import Scoring
from signalbox.decision import Evidence, Reason, parse_time
from signalbox.promotion.inputs import Inputs, Waiver
from signalbox.promotion.measure import Signals, tests_failed
from signalbox.promotion.performance import Comparison

BLOCK, REVIEW, AUTO = "block", "manual-review", "auto-promote"
_ORIGIN_RANK = {"self-reported": 0, "protected": 1, "attested": 2}


def vetoes(
    evidence: Sequence[Evidence], signals: Signals, comparison: Comparison, scoring: Scoring
) -> list[Reason]:
    """Every reason to block, the gravest first."""
    found: list[Reason] = []

    def veto(code: str, text: str, sources: tuple[str, ...] = ()) -> None:
        found.append(Reason(code=code, text=text, effect=BLOCK, sources=sources))

    if signals["malicious"]:
        veto("malicious-component", f"{signals['malicious']} malicious components: {_worst(signals)}")
    if signals["known_exploited"]:
        count = signals["known_exploited"]
        veto("known-exploited", f"{count} known-exploited vulnerabilities: {_worst(signals)}")
    for kind in scoring.required:
        text, sources = _missing(kind, [item for item in evidence if item.kind == kind])
        if text:
            veto("required-evidence", text, sources)
    failing = [item for item in evidence if item.kind == "tests" and tests_failed(item)]
    if failing:
        names = [name for item in failing for name in item.facts.get("failing", ())]
        shown = f": {', '.join(names[:3])}" if names else ""
        text = f"{sum(map(tests_failed, failing))} tests fail{shown}"
        veto("tests-fail", text, tuple(item.source for item in failing))
    elif any(item.kind == "tests" and item.status == "fail" for item in evidence):
        veto("tests-fail", "a test report says that it failed")
    for severity, allowed in (("critical", scoring.new_critical_allowed), ("high", scoring.new_high_allowed)):
        count = signals[f"new_{severity}"]
        if count > allowed:
            base = "" if signals["scan_baseline"] else " (without a baseline every finding counts as new)"
            veto(f"new-{severity}", f"{count} new {severity} findings{base}: {_worst(signals)}")
    if comparison.verdict == "regression":
        slow = [b for b in comparison.benchmarks if b.slower]
        text = ", ".join(f"{b.name} takes {100 * (b.ratio - 1):.1f}% longer (p {b.p:.3g})" for b in slow[:3])
        veto("performance-regression", f"{text}; the margin is {100 * scoring.performance_margin:g}%")
    return found


def doubts(
    inputs: Inputs,
    evidence: Sequence[Evidence],
    signals: Signals,
    comparison: Comparison,
    scoring: Scoring,
) -> list[Reason]:
    """Every reason for which a person must look, although nothing blocks."""
    found: list[Reason] = []

    def doubt(code: str, text: str, sources: tuple[str, ...] = ()) -> None:
        found.append(Reason(code=code, text=text, effect=REVIEW, sources=sources))

    unclear = [e for e in evidence if e.status == "not_verified" and e.kind not in scoring.required]
    for kind in dict.fromkeys(item.kind for item in unclear):
        items = [item for item in unclear if item.kind == kind]
        why = f": {items[0].gaps[0].text}" if items[0].gaps else ""
        more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
        text = f"{kind} from {items[0].source or 'nowhere'} is not verified{why}{more}"
        doubt("not-verified", text, tuple(item.source for item in items[:20]))
    for item in inputs.baseline:
        if item.status == "not_verified":
            doubt("baseline-not-verified", f"the baseline's {item.kind} ({item.source}) cannot be trusted")
    if comparison.verdict == "inconclusive":
        text = f"{comparison.pairs_needed} interleaved pairs a benchmark are the fewest that can decide"
        if not comparison.pairs_needed:
            text = "the benchmarks did not come as interleaved pairs; bench_pairs.py makes them"
        doubt("performance-inconclusive", text)
    delta, coverage = signals["coverage_delta"], signals["coverage"]
    if delta is not None and -delta > scoring.coverage_drop_points:
        doubt("coverage-dropped", f"coverage fell by {-delta:.2f} points to {coverage:.2f}%")
    if scoring.minimum_coverage is not None and (coverage is None or coverage < scoring.minimum_coverage):
        shown = "not known" if coverage is None else f"{coverage:.2f}%"
        doubt("coverage-low", f"coverage is {shown}, and policy asks for {scoring.minimum_coverage:g}%")
    if signals["unknown_severity"]:
        doubt("severity-unknown", f"{signals['unknown_severity']} new findings carry no severity")
    if signals["new_suppressed_severe"]:
        count = signals["new_suppressed_severe"]
        doubt(
            "suppressed-here",
            f"{count} new critical or high findings are suppressed, by the change itself or by VEX",
        )
    if signals["vex_untrusted"]:
        claims = f"{signals['vex_untrusted']} findings do not apply"
        doubt("vex-untrusted", f"VEX that is not {scoring.vex_origin} says that {claims}: that lifts nothing")
    if signals["vex_open"]:
        doubt("vex-open", f"{signals['vex_open']} findings are under investigation, as VEX says")
    if signals["production"] in ("unhealthy", "unknown"):
        doubt("production", f"production is {signals['production']}: do not promote into an incident")
    wanted = _ORIGIN_RANK[scoring.auto_origin]
    needed = [item for item in evidence if item.kind in scoring.required]
    weak = sorted({item.kind for item in needed if _ORIGIN_RANK[item.origin] < wanted})
    if weak:
        kinds = ", ".join(weak)
        text = f"the change itself could have written the reports on {kinds}: not {scoring.auto_origin}"
        doubt("self-reported", text)
    return found


def waive(
    found: Sequence[Reason], waivers: Sequence[Waiver], *, digest: str, now: str
) -> tuple[list[Reason], list[Reason]]:
    """The vetoes that stand, and those that a valid waiver turns into a question for a person.

    A waiver counts for one veto code and one digest, signed by the security role, until it expires.
    """
    standing, lifted = [], []
    for reason in found:
        waiver = next((w for w in waivers if _valid(w, reason, digest, now)), None)
        if waiver is None:
            standing.append(reason)
            continue
        by = f"waived by {waiver.signer or 'security'} until {waiver.expires}"
        text = f"{reason.text}; {by}: {waiver.reason}"
        code = f"waived-{reason.code}"
        lifted.append(Reason(code=code, text=text, effect=REVIEW, sources=reason.sources))
    return standing, lifted


def _valid(waiver: Waiver, reason: Reason, digest: str, now: str) -> bool:
    if waiver.veto != reason.code or not digest or waiver.digest != digest:
        return False
    if waiver.signed_role != "security" or (waiver.target and waiver.target not in reason.text):
        return False
    try:
        return parse_time(waiver.expires) > parse_time(now)
    except ValueError:
        return False


def _missing(kind: str, items: Sequence[Evidence]) -> tuple[str, tuple[str, ...]]:
    if not items:
        return f"{kind} is required and there is no evidence of it", ()
    bad = [item for item in items if item.status == "not_verified"]
    if not bad:
        return "", ()
    gaps = [gap.text for item in bad for gap in item.gaps][:2]
    return f"{kind} is required and cannot be verified: {'; '.join(gaps)}", tuple(i.source for i in bad)


def _worst(signals: dict[str, Any]) -> str:
    shown = ", ".join(signals["worst_findings"][:3])
    return shown or "see the report"
