"""The test plan: which tests and suites must run for a change, and how risky it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from signalbox.config import Settings
from signalbox.config.globs import first_match as _first
from signalbox.decision import (
    Decision,
    PolicyRef,
    Reason,
    Stamp,
    parse_time,
    strictest,
    take_advice,
)

from .facts import FileFact, Inputs, SuiteFact
from .risk import Risk, assess

__all__ = ["KIND", "Inputs", "decide"]

KIND = "test-plan"
TARGETED, WIDENED, FULL = "targeted", "widened", "full"

# Suites that the tiers call for by name, where the caller has them.
_BASELINE, _MEDIUM, _EVERYTHING = "unit", "integration", "full"
_TEST_MODULES = ("**/test_*.py", "**/*_test.py")
_OVERHEAD_SECONDS = 3.0  # starting Python and collecting: paid by any run
_DAY = 86_400.0


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """Make the plan. Anything not known widens it, and advice can only widen it by one step."""
    kinds = _Kinds(inputs.change.files, settings)
    risk = assess(inputs.change, kinds.source, len(kinds.tests), kinds.cross_cutting, kinds.sensitive)
    reasons = _widening(inputs, settings, kinds, risk, stamp)
    ruled = strictest(KIND, [TARGETED, *(r.effect for r in reasons if r.effect)])
    verdict, advice = take_advice(KIND, ruled, inputs.advice)
    reasons += [
        Reason(code="advice", text=item.text, effect=verdict, sources=(item.source,))
        for item in advice
        if item.accepted
    ]
    propensity = 1.0
    rate = settings.selection.audit_rate
    if verdict != FULL and rate > 0:
        if inputs.audit_draw < rate:
            text = f"this run is one of the {rate:.0%} that run everything, so that misses are measured"
            reasons.append(Reason(code="audit", text=text, effect=FULL))
            verdict, propensity = FULL, rate
        else:
            propensity = 1.0 - rate
    plan = _plan(inputs, settings, kinds, risk, verdict, reasons)
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=tuple(_ordered(reasons) or [_targeted(inputs, plan)]),
        next_action=_next_action(inputs, plan, verdict),
        evidence=inputs.evidence,
        advice=advice,
        policy=policy,
        outputs={
            "test_plan": plan,
            "risk_tier": risk.tier,
            "risk": {
                "points": risk.points,
                "features": [{"name": f.name, "value": f.value, "points": f.points} for f in risk.features],
            },
        },
        propensity=propensity,
        decided_at=stamp.at,
        producer=stamp.producer,
    )


class _Kinds:
    """The changed files by what they are."""

    def __init__(self, files: Sequence[FileFact], settings: Settings) -> None:
        policy = settings.selection
        self.docs = [f for f in files if _first(f.path, policy.docs_paths)]
        self.code = [f for f in files if not _first(f.path, policy.docs_paths)]
        self.tests = [f for f in self.code if _first(f.path, policy.test_paths)]
        self.source = [f for f in self.code if f not in self.tests]
        # Of new files only those that pytest finds by their name can be run by naming them.
        self.new_tests = [
            f.path
            for f in self.tests
            if f.status in ("added", "renamed", "copied") and _first(f.path, _TEST_MODULES)
        ]
        full = [(f.path, _first(f.path, policy.full_paths)) for f in files]
        self.full = [(path, glob) for path, glob in full if glob]
        self.cross_cutting = self.full[0][0] if self.full else ""
        self.sensitive = next((f.path for f in self.code if _first(f.path, policy.sensitive_paths)), "")


def _widening(inputs: Inputs, settings: Settings, kinds: _Kinds, risk: Risk, stamp: Stamp) -> list[Reason]:
    reasons: list[Reason] = []

    def full(code: str, text: str, *sources: str) -> None:
        reasons.append(Reason(code=code, text=text, effect=FULL, sources=sources))

    if inputs.force:
        full("forced", f"everything was asked for by {inputs.force}")
    for code, text in inputs.change.troubles:
        full(code, text)
    if len(inputs.change.files) > settings.selection.max_changed_files:
        full("many-files", f"{len(inputs.change.files)} files are changed, more than the policy's limit")
    for path, glob in kinds.full[:5]:
        full("cross-cutting", f"{path} can change how anything is built or tested (policy: {glob})", path)
    if kinds.sensitive:
        full("sensitive", f"{kinds.sensitive} is security-sensitive by policy", kinds.sensitive)
    if risk.tier == "high" and not kinds.full and not kinds.sensitive:
        full("high-risk", f"the change is risky: {', '.join(f.value for f in risk.features[:3])}")
    _index_reasons(inputs, settings, kinds, stamp, reasons)
    if risk.tier == "medium" and _MEDIUM in inputs.suites:
        text = f"medium risk adds the suite {_MEDIUM}: {', '.join(f.value for f in risk.features[:3])}"
        reasons.append(Reason(code="medium-risk", text=text, effect=WIDENED))
    return reasons


def _index_reasons(
    inputs: Inputs, settings: Settings, kinds: _Kinds, stamp: Stamp, reasons: list[Reason]
) -> None:
    index, policy = inputs.index, settings.selection

    def full(code: str, text: str, *sources: str) -> None:
        reasons.append(Reason(code=code, text=text, effect=FULL, sources=sources))

    if index is None:
        if inputs.index_problem:
            full("index-unusable", inputs.index_problem)
        elif kinds.code:
            text = "there is no impact index, so whole suites are chosen by the paths of the change"
            reasons.append(Reason(code="no-index", text=text, effect=WIDENED))
        return
    age = (parse_time(stamp.at) - parse_time(index.recorded_at)).total_seconds() / _DAY
    if age > policy.index_max_age_days:
        full("index-old", f"the index is {age:.0f} days old, the limit is {policy.index_max_age_days:g}")
    if age < -1:
        full("index-future", "the index says it was recorded in the future: a clock is wrong")
    if inputs.python and _minor(inputs.python) != _minor(index.python):
        full(
            "index-python", f"the index was recorded on Python {index.python}, this run uses {inputs.python}"
        )
    for code, text in index.troubles[:5]:
        full("index-trouble", f"the recording has a hole ({code}): {text}")
    if index.tests and index.flaky / index.tests > policy.flaky_rate_limit:
        full("flaky", f"{index.flaky} of {index.tests} tests needed a rerun: outcomes here say little")
    unseen = [
        path
        for path in index.added
        if not _first(path, policy.docs_paths)
        and not (_first(path, policy.test_paths) and _first(path, _TEST_MODULES))
    ]
    if unseen:
        full("unseen-file", f"the index has never seen {_some(unseen)}", *unseen[:5])
    for path in (*index.changed, *index.deleted):
        glob = _first(path, policy.full_paths)
        if glob and path not in dict(kinds.full):
            full("cross-cutting", f"{path} differs from the indexed one (policy: {glob})", path)
    unknown = [name for name in index.extensions if not _first(name, policy.trusted_extensions)]
    data = [
        path
        for path in (*index.changed, *index.deleted)
        if not path.endswith((".py", ".pyi")) and not _first(path, policy.docs_paths)
    ]
    if unknown and data:
        text = f"{_some(data)} changed, and C code in {_some(unknown)} may read it unseen"
        full("unseen-reads", f"{text} (selection: trusted-extensions)", *data[:5])
    untold = {f.path for f in kinds.code} - set(kinds.new_tests)
    untold -= {touched.path for touched in inputs.touched if touched.code == "no-code"}
    if untold and not inputs.touched_tests():
        full("empty-selection", "code is changed, yet no recorded test depends on it")


def _plan(
    inputs: Inputs, settings: Settings, kinds: _Kinds, risk: Risk, verdict: str, reasons: Sequence[Reason]
) -> dict[str, Any]:
    wanted = inputs.touched_tests()
    suites = _suites(inputs, settings, kinds, risk, verdict)
    whole = [s for s in suites if s["how"] == "all"]
    if verdict == FULL:
        wanted = ()
    covered = tuple(path for s in whole for path in s["paths"])
    rest = [t for t in wanted if not _below(inputs.tests[t].file, covered)]
    seconds = sum(inputs.tests[t].seconds for t in rest)
    full_seconds = inputs.index.seconds if inputs.index is not None else None
    if verdict == FULL:
        fallback = settings.suites[_EVERYTHING].minutes if _EVERYTHING in settings.suites else 0.0
        minutes = full_seconds / 60 if full_seconds else fallback
    else:
        minutes = seconds / 60 + sum(s["minutes"] for s in whole)
    return {
        "full_suite": verdict == FULL,
        "suites": suites,
        "tests": [inputs.tests[t].id for t in rest],
        "new_test_files": sorted(kinds.new_tests) if verdict != FULL else [],
        "estimated_minutes": round(minutes + _OVERHEAD_SECONDS / 60, 3),
        "full_minutes": round((full_seconds + _OVERHEAD_SECONDS) / 60, 3) if full_seconds else None,
        "known_tests": inputs.index.tests if inputs.index is not None else None,
        "skipped_tests": inputs.index.tests - len(wanted)
        if inputs.index is not None and verdict != FULL
        else 0
        if verdict == FULL
        else None,
        "reasons": [{"code": r.code, "text": r.text, "effect": r.effect} for r in reasons],
    }


def _suites(
    inputs: Inputs, settings: Settings, kinds: _Kinds, risk: Risk, verdict: str
) -> list[dict[str, Any]]:
    """Which suites run: ``all`` of it, or the ``selected`` tests of it."""
    if verdict == FULL and _EVERYTHING in settings.suites:
        return [_suite(_EVERYTHING, inputs, settings, "all", "everything runs")]
    found = []
    paths = [f.path for f in kinds.code]
    files = {inputs.tests[t].file for t in inputs.touched_tests()}
    accepted = any(item.accepted for item in inputs.advice)
    # By name: canonical JSON keeps no order of keys, and a replay must find the same one.
    for name, suite in sorted(settings.suites.items()):
        fact = inputs.suites.get(name, SuiteFact())
        glob = next((g for p in paths if (g := _first(p, suite.paths))), "")
        runs_by_test = inputs.index is not None and fact.tests > 0
        if name == _EVERYTHING:
            continue
        if verdict == FULL:
            found.append(_suite(name, inputs, settings, "all", "everything runs"))
        elif name == _MEDIUM and risk.tier == "medium":
            found.append(_suite(name, inputs, settings, "all", "medium risk"))
        elif not kinds.code and name == _BASELINE:
            found.append(_suite(name, inputs, settings, "all", "a baseline: no code is changed"))
        elif runs_by_test:
            if any(_below(file, fact.paths) for file in files):
                found.append(_suite(name, inputs, settings, "selected", "tests that the change can reach"))
        elif glob and (fact.paths or suite.command or not suite.tests):
            found.append(_suite(name, inputs, settings, "all", f"a changed path matches {glob}"))
    if not found and not accepted and not inputs.touched_tests() and settings.suites:
        name = _BASELINE if _BASELINE in settings.suites else min(settings.suites)
        found.append(_suite(name, inputs, settings, "all", "a baseline: nothing else is called for"))
    return found


def _suite(name: str, inputs: Inputs, settings: Settings, how: str, why: str) -> dict[str, Any]:
    suite, fact = settings.suites[name], inputs.suites.get(name, SuiteFact())
    minutes = fact.seconds / 60 if fact.tests else suite.minutes
    return {
        "name": name,
        "how": how,
        "why": why,
        "paths": list(fact.paths),
        "command": suite.command,
        "minutes": round(minutes, 3) if how == "all" else 0.0,
    }


def _targeted(inputs: Inputs, plan: dict[str, Any]) -> Reason:
    if not inputs.change.files:
        return Reason(
            code="no-change", text="nothing is changed: the unit suite runs as a baseline", effect=TARGETED
        )
    if inputs.index is None or not inputs.touched_tests():
        return Reason(
            code="no-code", text="no code is changed: the unit suite runs as a baseline", effect=TARGETED
        )
    text = f"{len(inputs.touched_tests())} of {inputs.index.tests} tests can be reached by the change"
    return Reason(code="targeted", text=text, effect=TARGETED)


def _next_action(inputs: Inputs, plan: dict[str, Any], verdict: str) -> str:
    if verdict == FULL:
        return "Run the whole suite."
    names = [s["name"] for s in plan["suites"] if s["how"] == "all"]
    tests = len(plan["tests"])
    parts = ([f"{tests} selected tests"] if tests else []) + (
        [f"the suite {', '.join(names)}"] if names else []
    )
    if plan["new_test_files"]:
        parts.append(f"{len(plan['new_test_files'])} new test files")
    return f"Run {' and '.join(parts)}." if parts else "Run the unit suite."


def _ordered(reasons: Sequence[Reason]) -> list[Reason]:
    weight = {FULL: 0, WIDENED: 1, TARGETED: 2, "": 3}
    return sorted(reasons, key=lambda reason: weight[reason.effect])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _below(path: str, roots: Sequence[str]) -> bool:
    return any(root in (".", path) or path.startswith(root.rstrip("/") + "/") for root in roots)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
