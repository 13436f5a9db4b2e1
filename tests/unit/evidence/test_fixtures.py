"""Every trap of the formats that has a hand-written fixture: status, gaps and exact counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalbox.evidence import read

FIXTURES = Path(__file__).parents[2] / "fixtures" / "evidence"

# file → (status, codes of the gaps, facts that must be exactly these)
JUNIT = {
    "surefire-flaky": ("pass", [], {"total": 3, "passed": 3, "failed": 0, "flaky": 2}),
    "surefire-rerun-failed": ("fail", [], {"total": 2, "passed": 1, "failed": 1, "flaky": 0}),
    "status-failed": ("fail", [], {"total": 2, "passed": 1, "failed": 1, "failing": ["Queue.pop"]}),
    "gtest-notrun": ("pass", [], {"total": 3, "passed": 1, "skipped": 2}),
    "suite-error": ("fail", [], {"total": 2, "passed": 2, "failed": 0, "suite_errors": 1}),
    "failures-without-cases": (
        "fail",
        ["failures-without-cases"],
        {"total": 2, "passed": 2, "failed": 0, "failures_without_cases": 3},
    ),
    "cases-missing": ("not_verified", ["cases-missing"], {"total": 2, "passed": 2}),
    "more-cases-than-declared": ("not_verified", ["counts-differ"], {"total": 3}),
    "rerun-listed-twice": (
        "not_verified",
        ["failed-and-passed"],
        {"total": 2, "passed": 2, "failed": 0, "flaky": 1, "duplicates": 1},
    ),
    "failed-twice-listed-twice": ("fail", [], {"total": 2, "passed": 1, "failed": 1, "duplicates": 1}),
    "linter-one-name": ("fail", [], {"total": 3, "failed": 3, "duplicates": 0, "failures_without_cases": 0}),
    "same-name-in-two-suites": ("fail", [], {"total": 2, "passed": 1, "failed": 1, "duplicates": 0}),
    "namespaced": ("fail", [], {"total": 2, "passed": 1, "failed": 1}),
    "default-namespace": ("fail", [], {"total": 1, "failed": 1, "errors": 1}),
    "all-skipped": ("not_verified", ["all-skipped"], {"total": 2, "skipped": 2, "passed": 0}),
    "no-cases": ("not_verified", ["no-tests"], {"total": 0}),
    "unknown-status": ("not_verified", ["unknown-status"], {"total": 2, "passed": 1, "unknown": 1}),
    "nested": ("pass", [], {"total": 3, "passed": 2, "skipped": 1, "seconds": 1000.5}),
    "failure-outside-cdata": ("pass", [], {"total": 1, "passed": 1, "failed": 0}),
    "entities": ("not_verified", ["hostile"], {}),
    "external-entity": ("not_verified", ["hostile"], {}),
    "skipped-not-listed": ("pass", [], {"total": 5, "passed": 2, "skipped": 3}),
    "skipped-and-more-missing": ("not_verified", ["cases-missing"], {"passed": 2}),
    "truncated": ("not_verified", ["not-xml"], {"total": 2, "failed": 1, "partial": True}),
    "negative-count": ("not_verified", ["bad-count"], {}),
    "pytest-collection-error": ("fail", [], {"total": 1, "failed": 1, "errors": 1}),
}
COVERAGE = {
    "coverage.json": (
        "pass",
        [],
        {"covered_lines": 7, "statements": 8, "line_percent": 87.5, "percent": 66.6667, "files": 2},
    ),
    "zero-statements.json": ("not_verified", ["nothing-measured"], {"statements": 0}),
    "totals-differ.json": ("not_verified", ["counts-differ"], {"covered_lines": 1, "line_percent": 10.0}),
    "more-covered-than-there-is.json": ("not_verified", ["contradictory"], {}),
    "cobertura.xml": (
        "pass",
        [],
        {"covered_lines": 3, "statements": 5, "covered_branches": 1, "branches": 2, "line_percent": 60.0},
    ),
    "cobertura-nothing.xml": ("not_verified", ["nothing-measured"], {"statements": 0}),
    "cobertura-boasts.xml": ("not_verified", ["counts-differ"], {"line_percent": 50.0}),
    "cobertura-method-heads.xml": ("pass", [], {"covered_lines": 2, "statements": 3}),
    "slipcover.json": ("pass", [], {"covered_lines": 4, "statements": 5, "files": 2}),
    "slipcover-boasts.json": ("not_verified", ["counts-differ"], {"covered_lines": 4}),
    "clover.xml": ("not_verified", ["unknown-format"], {}),
    "lcov.info": (
        "pass",
        [],
        {"covered_lines": 3, "statements": 4, "covered_branches": 1, "branches": 2, "files": 2},
    ),
    "lcov-cut.info": ("not_verified", ["bad-value"], {}),
    "lcov-empty-record.info": ("not_verified", ["nothing-measured"], {"statements": 0}),
    "lcov-boasts.info": ("not_verified", ["counts-differ"], {"covered_lines": 1, "statements": 1}),
}
NONE = {"critical": 0, "high": 0, "medium": 0, "low": 0, "none": 0, "unknown": 0}
SARIF = {
    "clean": ("pass", [], {"total": 0, "by_severity": NONE, "tools": ["scan"]}),
    # R1 error, R1/sub by its parent rule, R2 note, R3 and the unknown R9 warn by default, R4 scores 9.8.
    "levels-from-rules": (
        "fail",
        [],
        {"by_severity": NONE | {"critical": 1, "high": 2, "medium": 2, "low": 1, "none": 1}},
    ),
    "rule-index": ("fail", [], {"by_severity": NONE | {"critical": 1, "low": 1}}),
    "extension-pack": ("fail", [], {"by_severity": NONE | {"high": 1}}),
    "override": ("pass", [], {"by_severity": NONE | {"low": 1}}),
    "tool-failed": ("not_verified", ["tool-failed"], {"total": 0}),
    "tool-error-notification": ("not_verified", ["tool-errors"], {"total": 0}),
    "kinds": ("pass", [], {"total": 0, "not_findings": 3}),
    "open": ("not_verified", ["undetermined"], {"total": 0, "undetermined": 2}),
    "absent": ("pass", [], {"total": 1, "absent": 1, "by_severity": NONE | {"medium": 1}}),
    "suppressed": ("pass", [], {"total": 0, "suppressed": 2, "by_severity": NONE}),
    "suppression-rejected": ("fail", [], {"total": 2, "by_severity": NONE | {"critical": 1, "high": 1}}),
    "severity-not-a-number": ("pass", [], {"by_severity": NONE | {"unknown": 1}}),
    "no-runs": ("not_verified", ["no-runs"], {}),
    "runs-null": ("not_verified", ["bad-value"], {}),
    "results-absent": ("not_verified", ["no-results"], {"total": 0}),
    "results-null": ("not_verified", ["no-results"], {"total": 0}),
    "external": ("not_verified", ["elsewhere"], {}),
    "version-2.0.0": ("not_verified", ["bad-version"], {}),
    "bad-level": ("not_verified", ["bad-value"], {}),
    "rule-mismatch": ("fail", ["rule-mismatch"], {"by_severity": NONE | {"high": 1}}),
    "other-commit": ("pass", [], {"total": 0}),
}
PLAIN = {
    "plain": ("pass", [], {"total": 10, "passed": 8, "skipped": 2, "coverage_percent": 81.5}),
    "failed": ("fail", [], {"failed": 3}),
    "does-not-add-up": ("not_verified", ["counts-differ"], {}),
    "nothing-ran": ("not_verified", ["no-tests"], {}),
    "all-skipped": ("not_verified", ["all-skipped"], {}),
    "text-counts": ("not_verified", ["bad-value"], {}),
    "negative": ("not_verified", ["bad-value"], {}),
    "true": ("not_verified", ["bad-value"], {}),
    "coverage-over-100": ("not_verified", ["bad-value"], {}),
    "nan": ("not_verified", ["not-json"], {}),
    "twice": ("not_verified", ["not-json"], {}),
}
VULNERABILITIES = {
    # One vulnerability under two names is one finding.
    "osv": ("fail", [], {"total": 1, "by_severity": NONE | {"critical": 1}, "packages": 1}),
    "osv-no-severity": ("pass", [], {"by_severity": NONE | {"unknown": 1}}),
    "osv-malicious": ("pass", [], {"by_severity": NONE | {"unknown": 1}}),
    "osv-clean": ("pass", [], {"total": 0, "format": "osv"}),
    "osv-no-results": ("not_verified", ["no-results"], {}),
    "grype": ("fail", [], {"by_severity": NONE | {"high": 1, "low": 1}}),
    "trivy": ("fail", [], {"by_severity": NONE | {"critical": 1, "unknown": 1, "low": 1}}),
    "trivy-null": ("not_verified", ["no-results"], {"total": 0}),
    "pip-audit": ("pass", [], {"by_severity": NONE | {"unknown": 1}, "packages": 2}),
    "pip-audit-skipped": ("not_verified", ["skipped"], {"total": 0, "packages": 2}),
    "pip-audit-nothing": ("not_verified", ["nothing-audited"], {}),
}
FEEDS = {
    "kev": ("pass", [], {"exploited": ["CVE-2026-6", "CVE-2026-9"]}),
    "kev-short": ("not_verified", ["counts-differ"], {}),
}
SBOM = {
    "cyclonedx": (
        "pass",
        [],
        {"names": ["c", "pkg:npm/%40scope/b", "pkg:pypi/a"], "licences": {"MIT": 1, "MIT OR Apache-2.0": 1}},
    ),
    "cyclonedx-empty": ("not_verified", ["no-components"], {"components": 0}),
    "spdx": ("pass", [], {"names": ["b", "pkg:pypi/a"], "licences": {"MIT": 1, "NOASSERTION": 1}}),
    "spdx-3": ("not_verified", ["bad-version"], {}),
}
PERFORMANCE = {
    "pairs.json": ("pass", [], {"benchmarks": 2}),
    "pairs-none.json": ("not_verified", ["no-pairs"], {}),
    "pairs-zero.json": ("not_verified", ["bad-value"], {}),
    "pytest-benchmark.json": ("pass", [], {"medians": {"tests/b.py::test_parse": 0.002}}),
    "hyperfine.json": ("pass", [], {"medians": {"./parse": 0.29}}),
    "hyperfine-failed.json": ("not_verified", ["command-failed"], {}),
    "google-benchmark.json": ("pass", [], {"medians": {"BM_a": 0.0014, "BM_b": 2e-08}}),
    "go-bench.txt": ("pass", [], {"medians": {"BenchmarkParse-8": 2.1e-06}}),
    "go-bench-cut.txt": ("not_verified", ["truncated"], {}),
    "go-bench-fail.txt": ("not_verified", ["command-failed"], {}),
}
DAST = {
    "zap": ("fail", [], {"total": 2, "suppressed": 1, "by_severity": NONE | {"high": 2}}),
    "zap-nothing": ("not_verified", ["nothing-scanned"], {}),
}
SUPPLY = {
    "epss.csv": (
        "exploit-likelihood",
        ("pass", [], {"epss": {"CVE-2026-0001": 0.91234, "CVE-2026-0002": 0.00042}, "entries": 2}),
    ),
    "epss-cut.csv": ("unknown", ("not_verified", ["bad-value"], {})),
    "epss-empty.csv": ("exploit-likelihood", ("not_verified", ["empty-feed"], {"entries": 0})),
    "epss-nan.csv": ("unknown", ("not_verified", ["bad-value"], {})),
    "epss-no-date.csv": ("unknown", ("not_verified", ["bad-head"], {})),
    "openvex.json": ("vex", ("pass", [], {"statements": 2})),
    "openvex-no-reason.json": ("vex", ("not_verified", ["no-reason", "no-statements"], {"vex": []})),
    "openvex-empty.json": ("vex", ("not_verified", ["no-statements"], {})),
    "openvex-status.json": ("vex", ("not_verified", ["bad-value"], {})),
    "cyclonedx-vex.json": ("vex", ("pass", [], {"statements": 1, "by_severity": NONE | {"medium": 1}})),
    "cyclonedx-vex-no-reason.json": ("vex", ("fail", ["no-reason"], {"vex": []})),
    "cyclonedx-with-findings.json": (
        "sbom",
        ("fail", [], {"components": 1, "by_severity": NONE | {"high": 1}, "vex": []}),
    ),
    "malicious.json": (
        "malicious-feed",
        (
            "pass",
            [],
            {
                "malicious": {
                    "npm/left-padd": [{"id": "MAL-2026-1", "versions": ["1.0.0"]}],
                    "pypi/reqests-x": [{"id": "MAL-2026-2", "versions": []}],
                }
            },
        ),
    ),
    "malicious-withdrawn.json": ("malicious-feed", ("not_verified", ["empty-feed"], {"malicious": {}})),
    "malicious-odd.json": ("malicious-feed", ("not_verified", ["unknown-ecosystem"], {})),
    "licences.json": (
        "licence-list",
        ("pass", [], {"licence_ids": ["JSON", "MIT"], "osi_approved": ["MIT"]}),
    ),
    "dependencies.json": ("dependency-behaviour", ("pass", [], {"packages": 2, "popular": ["requests"]})),
    "dependencies-incomplete.json": ("dependency-behaviour", ("not_verified", ["incomplete"], {})),
    "dependencies-no-date.json": ("dependency-behaviour", ("not_verified", ["no-date"], {})),
    "dependencies-bad-purl.json": ("dependency-behaviour", ("not_verified", ["bad-value"], {})),
    "dependencies-version-2.json": ("dependency-behaviour", ("not_verified", ["bad-version"], {})),
}
CASES = {
    **{f"supply/{name}": expected for name, expected in SUPPLY.items()},
    **{f"vulnerabilities/{name}.json": ("vulnerabilities", e) for name, e in VULNERABILITIES.items()},
    **{f"vulnerabilities/{name}.json": ("exploited-feed", expected) for name, expected in FEEDS.items()},
    **{f"sbom/{name}.json": ("sbom", expected) for name, expected in SBOM.items()},
    **{f"performance/{name}": ("performance", expected) for name, expected in PERFORMANCE.items()},
    **{f"dast/{name}.json": ("dast", expected) for name, expected in DAST.items()},
    **{f"junit/{name}.xml": ("tests", expected) for name, expected in JUNIT.items()},
    **{f"coverage/{name}": ("coverage", expected) for name, expected in COVERAGE.items()},
    **{f"sarif/{name}.sarif": ("static-analysis", expected) for name, expected in SARIF.items()},
    **{f"plain/{name}.json": ("tests", expected) for name, expected in PLAIN.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_a_fixture_is_read_exactly(name: str) -> None:
    kind, (status, gaps, facts) = CASES[name]
    evidence = read(FIXTURES / name)
    assert (evidence.status, sorted(gap.code for gap in evidence.gaps)) == (status, sorted(gaps))
    assert {key: evidence.facts.get(key) for key in facts} == facts
    # What cannot be told from its content may still be told from its name, and is unknown otherwise.
    if not {"unknown-format", "not-json", "hostile"} & set(gaps) and not name.endswith(".txt"):
        assert evidence.kind == kind
    assert len(evidence.sha256) == 64


def test_every_fixture_has_an_expectation() -> None:
    folders = {name.partition("/")[0] for name in CASES}
    present = {f"{folder}/{path.name}" for folder in folders for path in (FIXTURES / folder).iterdir()}
    assert present == set(CASES)


def test_a_report_about_another_commit_says_so_itself() -> None:
    assert read(FIXTURES / "sarif" / "other-commit.sarif").subject.commit == "c" * 40


def test_a_report_time_with_its_offset_is_taken_over_that_of_the_file() -> None:
    evidence = read(FIXTURES / "junit" / "pytest-collection-error.xml")
    assert evidence.observed_at == "2026-03-01T09:00:00Z"
