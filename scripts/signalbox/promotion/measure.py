"""Evidence → signals: plain numbers with their units, None for what is not known. Nothing is invented."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from signalbox.config.scoring import Scoring
from signalbox.decision import Evidence
from signalbox.promotion.performance import Comparison, compare
from signalbox.promotion.supply import likelihoods, malicious_components
from signalbox.promotion.vex import apply

SCANS = ("static-analysis", "vulnerabilities", "dast")
# A CycloneDX document may carry findings beside its components or its statements.
_HOLDERS = (*SCANS, "sbom", "vex")
Signals = dict[str, Any]


def tests_failed(evidence: Evidence) -> int:
    """Failing tests in any report, also one that is cut short: a failure seen is a failure."""
    keys = ("failed", "suite_errors", "failures_without_cases")
    return sum(int(evidence.facts.get(key, 0)) for key in keys)


def measure(
    evidence: Sequence[Evidence], baseline: Sequence[Evidence], scoring: Scoring, digest: str = ""
) -> tuple[Signals, Comparison]:
    """The signals, and the comparison of benchmarks they rest on. ``digest`` is what VEX must be about."""
    signals: Signals = {
        **_tests(evidence),
        **_coverage(evidence, baseline),
        **_findings(evidence, baseline, scoring, digest),
    }
    comparison = compare(evidence, margin=scoring.performance_margin, alpha=scoring.performance_alpha)
    signals["performance_regression"] = comparison.worst
    signals["performance_verdict"] = comparison.verdict
    added = new_dependencies(evidence, baseline)
    signals["new_dependencies"] = len(added) if added is not None else None
    signals["production"] = _production(evidence)
    # By kind, not by file: fifty unreadable shards are one kind of doubt. Production is a signal of its own.
    unclear = {item.kind for item in evidence if item.status == "not_verified"}
    signals["not_verified"] = len(unclear - {"production-health"})
    return signals, comparison


def _tests(evidence: Sequence[Evidence]) -> Signals:
    tests = [item for item in evidence if item.kind == "tests"]
    total = sum(item.facts.get("total", 0) for item in tests)
    passed = sum(item.facts.get("passed", 0) for item in tests)
    failed = sum(map(tests_failed, tests))
    judged = passed + failed
    return {
        "tests_total": total,
        "tests_failed": failed,
        "tests_skipped": sum(item.facts.get("skipped", 0) for item in tests),
        "tests_flaky": sum(item.facts.get("flaky", 0) for item in tests),
        "pass_rate": round(passed / judged, 6) if judged else None,
    }


def _coverage(evidence: Sequence[Evidence], baseline: Sequence[Evidence]) -> Signals:
    now, before = _percent(evidence), _percent(baseline)
    delta = round(now - before, 4) if now is not None and before is not None else None
    return {"coverage": now, "coverage_delta": delta}


def _percent(evidence: Sequence[Evidence]) -> float | None:
    """Lines covered over lines measured in all trusted reports; a plain report's figure if there is none."""
    reports = [item for item in evidence if item.kind == "coverage" and item.status == "pass"]
    statements = sum(item.facts.get("statements", 0) for item in reports)
    if statements:
        covered = sum(float(item.facts.get("covered_lines", 0)) for item in reports)
        return round(100 * covered / float(statements), 4)
    told = [item.facts["coverage_percent"] for item in evidence if "coverage_percent" in item.facts]
    return float(told[0]) if len(told) == 1 and not reports else None


def _findings(
    evidence: Sequence[Evidence], baseline: Sequence[Evidence], scoring: Scoring, digest: str
) -> Signals:
    scans = [item for item in evidence if item.kind in SCANS]
    told = [f for item in evidence if item.kind in _HOLDERS for f in item.facts.get("findings", ())]
    vex = apply(told, evidence, digest=digest, wanted=scoring.vex_origin)
    now = vex.findings
    new = _new(now, baseline)
    standing, fresh = _by_severity(now), _by_severity(new)
    malicious = [_short(f) for f in now if _is_malicious(f)] + malicious_components(evidence)
    listed = {name for item in evidence for name in item.facts.get("exploited", ())}
    exploited = [f for f in now if listed & {f["id"], *f.get("aliases", ())}]
    likely = likelihoods(evidence, now)
    return {
        "scans": len(scans),
        "scan_baseline": any(item.kind in SCANS for item in baseline),
        **{name: standing[name] for name in ("critical", "high", "medium", "low")},
        "unknown_severity": fresh["unknown"],
        **{f"new_{name}": fresh[name] for name in ("critical", "high", "medium", "low")},
        "new_suppressed_severe": sum(
            f["severity"] in ("critical", "high") and bool(f.get("suppressed")) for f in new
        ),
        "malicious": len(malicious),
        "known_exploited": len(exploited),
        "vex_lifted": vex.lifted,
        "vex_untrusted": vex.untrusted,
        "vex_open": vex.open_questions,
        "exploit_likelihood": dict(sorted(likely.items(), key=lambda item: -item[1])[:10]),
        "exploit_likelihood_max": max(likely.values(), default=None),
        "worst_findings": [
            *malicious[:10],
            *[_short(f) for f in (*exploited, *(f for f in new if _severe(f)))],
        ][:10],
    }


def _new(now: Iterable[dict[str, Any]], baseline: Sequence[Evidence]) -> list[dict[str, Any]]:
    """Findings beyond those of the baseline, counted: a second one under the same key is new.

    A finding that was suppressed there and is open here is new; the other way round it is not.
    """
    before = [f for item in baseline if item.kind in _HOLDERS for f in item.facts.get("findings", ())]
    known = Counter((f["key"], bool(f.get("suppressed"))) for f in before)
    new = []
    for finding in now:
        places = [(finding["key"], False)]
        if finding.get("suppressed"):
            places.insert(0, (finding["key"], True))
        place = next((at for at in places if known[at] > 0), None)
        if place is not None:
            known[place] -= 1
        elif finding.get("state") not in ("unchanged", "updated"):
            new.append(finding)
    return new


def _by_severity(findings: Iterable[dict[str, Any]]) -> Counter[str]:
    return Counter(f["severity"] for f in findings if not f.get("suppressed"))


def _is_malicious(finding: dict[str, Any]) -> bool:
    """OSV's identifiers of malicious packages; a suppression by the change's author lifts nothing."""
    return any(name.startswith("MAL-") for name in (finding["id"], *finding.get("aliases", ())))


def _severe(finding: dict[str, Any]) -> bool:
    return finding["severity"] in ("critical", "high") and not finding.get("suppressed")


def _short(finding: dict[str, Any]) -> str:
    place = f" at {finding['where']}" if finding.get("where") else ""
    return f"{finding['severity']} {finding['id']}{place}"[:200]


def new_dependencies(evidence: Sequence[Evidence], baseline: Sequence[Evidence]) -> list[str] | None:
    """Names in the bill that the baseline's does not have; None where one of the two is missing."""
    now, before = _components(evidence), _components(baseline)
    return sorted(now - before) if now is not None and before is not None else None


def _components(evidence: Sequence[Evidence]) -> set[str] | None:
    bills = [item for item in evidence if item.kind == "sbom" and item.status != "not_verified"]
    return {name for item in bills for name in item.facts.get("names", ())} if bills else None


def _production(evidence: Sequence[Evidence]) -> str:
    """``healthy``, ``unhealthy``, ``unknown``, or ``not-asked`` where no source was configured."""
    states = [item.status for item in evidence if item.kind == "production-health"]
    if not states:
        return "not-asked"
    if "fail" in states:
        return "unhealthy"
    return "unknown" if "not_verified" in states else "healthy"
