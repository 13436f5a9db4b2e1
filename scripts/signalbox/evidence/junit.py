"""JUnit XML, as pytest, Surefire, Gradle, GoogleTest, Jest, node, PHPUnit, CTest and others write it.

There is no one specification, so the reader goes by what must hold in all of them: every case is counted
once, whatever is said twice must agree, and a case passes only if nothing says otherwise.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from typing import Any

from signalbox.decision import Gap
from signalbox.evidence.reading import Reading, Untrusted, XmlReader

_PASSED = frozenset(
    {"run", "pass", "passed", "success", "successful", "succeeded", "ok"}
    | {"completed", "complete", "executed", "finished", "true"}
)
_FAILED = frozenset(
    {"fail", "failed", "failure", "error", "errored", "broken", "false", "crashed", "killed"}
    | {"timedout", "timeout", "timed-out", "aborted", "abort", "interrupted"}
)
# "notrun" is GoogleTest's disabled test and CTest's missing program: neither is a pass.
_SKIPPED = frozenset(
    {"skip", "skipped", "disabled", "ignored", "pending", "todo", "suppressed"}
    | {"notrun", "not-run", "notrunnable"}
)
_RERUN = frozenset({"flakyfailure", "flakyerror", "rerunfailure", "rerunerror"})
_CHILDREN = frozenset({"failure", "error", "skipped", "disabled", "ignored"}) | _RERUN
# Linters write one case per place, so the place is part of what a case is.
_IDENTITY = ("file", "classname", "name", "line", "column")
_PASS, _SKIP, _FAIL, _UNKNOWN = 0, 1, 2, 3
# A failure that took no time: in a report where nothing passes it is a linter's finding, and no rerun.
_FINDING = 4
_NAMES_KEPT = 20


class _Suite:
    """Counts of one ``<testsuite>`` with those below it, and what its attributes declare."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.declared = {
            key: _count(attributes.get(key)) for key in ("tests", "failures", "errors", "skipped")
        }
        if self.declared["skipped"] is None:
            self.declared["skipped"] = _count(attributes.get("skip"))
        self.own = self.below = self.children = 0
        self.outcomes = [0, 0, 0, 0]
        self.broken = 0
        self.assumed = False


class _Handler:
    def __init__(self) -> None:
        self.suites: list[_Suite] = []
        self.stack: list[str] = []
        self.gaps: dict[str, str] = {}
        self.counts = {
            "errors": 0,
            "suite_errors": 0,
            "failures_without_cases": 0,
            "flaky": 0,
            "duplicates": 0,
        }
        self.outcomes = [0, 0, 0, 0]
        self.seconds = 0.0
        self.failing: list[str] = []
        self.reported_at: str | None = None
        # Eight bytes a case, by the first byte of its hash: duplicates are found in ten million cases
        # without holding their names.
        self.seen = [array("Q") for _ in range(256)]
        self.case: dict[str, str] | None = None
        self.said: set[str] = set()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        parent = self.stack[-1] if self.stack else ""
        self.stack.append(name)
        if name in ("testsuite", "testsuites"):
            if parent not in ("", "testsuite", "testsuites"):
                raise Untrusted("hostile", f"a <{name}> inside a <{parent}>")
            self.suites.append(_Suite(attributes.get("name", ""), attributes))
            self.reported_at = self.reported_at or attributes.get("timestamp")
        elif name == "testcase":
            if parent not in ("testsuite", "testsuites"):
                raise Untrusted("hostile", f"a <testcase> inside a <{parent or 'document'}>")
            self.case, self.said = attributes, set()
        elif self.case is not None and parent == "testcase":
            self.said.update({name.lower()} & _CHILDREN)
        elif parent in ("testsuite", "testsuites") and name in ("error", "failure"):
            # The suite itself broke: a fixture, a class that does not load, a process that crashed.
            self._name(f"suite {self.suites[-1].name or '(without a name)'}")
            self.counts["suite_errors"] += 1
            self.suites[-1].broken += 1

    def end(self, name: str) -> None:
        self.stack.pop()
        if name == "testcase" and self.case is not None:
            self._case(self.case, self.said)
            self.case = None
        elif name in ("testsuite", "testsuites"):
            self._suite(self.suites.pop())

    def _case(self, attributes: dict[str, str], said: set[str]) -> None:
        suite = self.suites[-1]
        outcome = self._outcome(attributes, said)
        label = ".".join(filter(None, (attributes.get("classname"), attributes.get("name"))))
        if outcome == _FAIL:
            self._name(label)
            self.counts["errors"] += "error" in said
        elif outcome == _PASS and said & _RERUN:
            self.counts["flaky"] += 1
        elif outcome == _UNKNOWN:
            told = attributes.get("status") or attributes.get("result") or ""
            self._gap(
                "unknown-status", f"a case says status {told[:40]!r}, which is neither pass nor failure"
            )
        suite.own += 1
        suite.outcomes[outcome] += 1
        self.outcomes[outcome] += 1
        self.seconds += _seconds(attributes.get("time"))
        self._remember(suite, attributes, outcome)

    def _outcome(self, attributes: dict[str, str], said: set[str]) -> int:
        if said & {"failure", "error"}:
            return _FAIL
        outcome = _PASS
        words = [attributes.get("status", ""), attributes.get("result", "")]
        for word in (w.strip().lower() for w in words if w.strip()):
            if word in _FAILED:
                return _FAIL
            if word in _SKIPPED:
                outcome = max(outcome, _SKIP)
            elif word not in _PASSED:
                outcome = _UNKNOWN
        if said & {"skipped", "disabled", "ignored"}:
            outcome = max(outcome, _SKIP)
        return outcome

    def _remember(self, suite: _Suite, attributes: dict[str, str], outcome: int) -> None:
        parts = [attributes.get(key, "") for key in _IDENTITY]
        identity = "\0".join([*(s.name for s in self.suites), *parts]).encode(errors="replace")
        digest = hashlib.blake2b(identity, digest_size=8).digest()
        if outcome == _FAIL and attributes.get("time", "0") == "0":
            outcome |= _FINDING
        self.seen[digest[0]].append(int.from_bytes(digest, "big") & ~7 | outcome)

    def _name(self, label: str) -> None:
        if len(self.failing) < _NAMES_KEPT:
            self.failing.append(label[:200])

    def _suite(self, suite: _Suite) -> None:
        self._left_out(suite)
        cases = suite.own + suite.below
        self._compare(suite, cases)
        if self.suites:
            parent = self.suites[-1]
            parent.below += cases
            parent.children += 1
            parent.broken += suite.broken
            parent.outcomes = [a + b for a, b in zip(parent.outcomes, suite.outcomes, strict=True)]

    def _left_out(self, suite: _Suite) -> None:
        """Skipped cases that are declared and not listed, as Mocha's reporter has it: they count as skipped.

        Where only a suite around this one says how many were skipped, its count must fit in the end.
        """
        missing = (suite.declared["tests"] or 0) - suite.own - suite.below
        around = [*reversed(self.suites)]
        teller = next((s for s in (suite, *around) if s.declared["skipped"] is not None), None)
        if missing <= 0 or teller is None:
            return
        listed = teller.outcomes[_SKIP] + (suite.outcomes[_SKIP] if teller is not suite else 0)
        if missing <= (teller.declared["skipped"] or 0) - listed:
            teller.assumed = True
            suite.own += missing
            suite.outcomes[_SKIP] += missing
            self.outcomes[_SKIP] += missing

    def _compare(self, suite: _Suite, cases: int) -> None:
        """What a suite declares against what it holds. Writers disagree on whether skipped cases and nested
        suites count, so each of those readings is allowed; anything else is a contradiction.
        """
        who = f"suite {suite.name[:80]!r}" if suite.name else "a suite"
        told = suite.declared
        found_bad = suite.outcomes[_FAIL] + suite.broken
        said_bad = (told["failures"] or 0) + (told["errors"] or 0)
        if said_bad > found_bad:
            self.counts["failures_without_cases"] += said_bad - found_bad
            suite.broken += said_bad - found_bad
            self._gap(
                "failures-without-cases", f"{who} declares {said_bad} failures and shows {found_bad} of them"
            )
        tests, skipped = told["tests"], suite.outcomes[_SKIP]
        if suite.assumed and told["skipped"] != skipped:
            self._gap("cases-missing", f"{who} misses cases that its skipped ones do not account for")
        if tests is None:
            return
        direct = suite.own + suite.children
        allowed = {cases, suite.own, direct, cases - skipped, suite.own - skipped, cases + suite.broken}
        if tests > max(allowed):
            self._gap(
                "cases-missing", f"{who} declares {tests} tests and holds {cases}: the report is cut short"
            )
        elif tests not in allowed:
            self._gap("counts-differ", f"{who} declares {tests} tests and holds {cases}")

    def _gap(self, code: str, text: str) -> None:
        self.gaps.setdefault(code, text)

    def partial(self) -> dict[str, Any]:
        passed, skipped, failed, unknown = self.outcomes
        return {
            "total": sum(self.outcomes),
            "passed": passed,
            "failed": failed,
            "skipped": skipped,
            "unknown": unknown,
            **self.counts,
            "seconds": round(self.seconds, 6),
            "failing": self.failing,
        }

    def reading(self) -> Reading:
        self._duplicates()
        facts = self.partial()
        if facts["failed"] + facts["suite_errors"] + facts["failures_without_cases"]:
            gaps = tuple(Gap(code, text) for code, text in self.gaps.items())
            return Reading(status="fail", facts=facts, gaps=gaps, observed_at=self.reported_at)
        if not facts["total"]:
            self._gap("no-tests", "the report holds no test case: nothing ran, or nothing was collected")
        elif not facts["passed"]:
            self._gap(
                "all-skipped", f"all {facts['total']} cases were skipped or did not say that they passed"
            )
        gaps = tuple(Gap(code, text) for code, text in self.gaps.items())
        return Reading(status="pass", facts=facts, gaps=gaps, observed_at=self.reported_at)

    def _duplicates(self) -> None:
        """Cases that appear more than once: a rerun is one test, and one that failed and passed is flaky."""
        for bucket in self.seen:
            if len(bucket) < 2:
                continue
            ordered = sorted(bucket)
            start = 0
            for index in range(1, len(ordered) + 1):
                if index < len(ordered) and ordered[index] >> 3 == ordered[start] >> 3:
                    continue
                if index - start > 1:
                    self._same_case([entry & 7 for entry in ordered[start:index]])
                start = index

    def _same_case(self, outcomes: list[int]) -> None:
        if not self.outcomes[_PASS] and all(outcome & _FINDING for outcome in outcomes):
            return
        self.counts["duplicates"] += len(outcomes) - 1
        failures = sum(outcome & 3 == _FAIL for outcome in outcomes)
        if failures > 1:
            # A rerun that failed again, or a test whose teardown broke too: one test.
            self.outcomes[_FAIL] -= failures - 1
        if failures and _PASS in outcomes:
            self.outcomes[_FAIL] -= 1
            self.counts["flaky"] += 1
            self._gap(
                "failed-and-passed",
                "a case of one name both failed and passed: a rerun, or two tests that share a name",
            )


def _count(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    cleaned = text.strip().replace(",", "")
    if not cleaned.isascii() or not cleaned.isdigit() or len(cleaned) > 12:
        raise Untrusted("bad-count", f"a suite declares the count {text[:40]!r}")
    return int(cleaned)


def _seconds(text: str | None) -> float:
    """Seconds of one case; a duration decides nothing, so an unreadable one is worth nothing."""
    try:
        value = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and 0 <= value < 1e7 else 0.0


READER = XmlReader(
    format="junit", kind="tests", roots=frozenset({"testsuites", "testsuite"}), handler=_Handler
)
