"""The plan itself: suites, tests, minutes, for a verdict that is already reached. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from signalbox.config import Settings
from signalbox.config.globs import first_match as _first
from signalbox.decision import Reason

from .advised import Advised
from .facts import FileFact, Inputs, SuiteFact

FULL = "full"
TEST_MODULES = ("**/test_*.py", "**/*_test.py")
BASELINE, MEDIUM, EVERYTHING = "unit", "integration", "full"
"""Suites that the tiers call for by name, where the caller has them."""

_OVERHEAD_SECONDS = 3.0  # starting Python and collecting: paid by any run


class Kinds:
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
            if f.status in ("added", "renamed", "copied") and _first(f.path, TEST_MODULES)
        ]
        full = [(f.path, _first(f.path, policy.full_paths)) for f in files]
        self.full = [(path, glob) for path, glob in full if glob]
        self.cross_cutting = self.full[0][0] if self.full else ""
        self.sensitive = next((f.path for f in self.code if _first(f.path, policy.sensitive_paths)), "")


def make_plan(
    inputs: Inputs, settings: Settings, kinds: Kinds, taken: Advised, verdict: str, reasons: Sequence[Reason]
) -> dict[str, Any]:
    """The plan as it is published: suites, node ids, new test files, minutes and reasons."""
    wanted = inputs.touched_tests()
    suites = _suites(inputs, settings, kinds, taken, verdict)
    whole = [s for s in suites if s["how"] == "all"]
    if verdict == FULL:
        wanted = ()
    covered = tuple(path for s in whole for path in s["paths"])
    rest = [t for t in wanted if not _below(inputs.tests[t].file, covered)]
    seconds = sum(inputs.tests[t].seconds for t in rest)
    full_seconds = inputs.index.seconds if inputs.index is not None else None
    if verdict == FULL:
        fallback = settings.suites[EVERYTHING].minutes if EVERYTHING in settings.suites else 0.0
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
    inputs: Inputs, settings: Settings, kinds: Kinds, taken: Advised, verdict: str
) -> list[dict[str, Any]]:
    """Which suites run: ``all`` of it, or the ``selected`` tests of it."""
    if verdict == FULL and EVERYTHING in settings.suites:
        return [_suite(EVERYTHING, inputs, settings, "all", "everything runs")]
    found = []
    paths = [f.path for f in kinds.code]
    files = {inputs.tests[t].file for t in inputs.touched_tests()}
    extra = dict(taken.suites)
    if not extra and any(r.code in ("advice", "advised-risk") and r.effect for r in taken.reasons):
        # More was asked for and nothing named: the suite that the next tier would run, or the baseline.
        extra = {next((n for n in (MEDIUM, BASELINE) if n in settings.suites), ""): "advice asked for more"}
    # By name: canonical JSON keeps no order of keys, and a replay must find the same one.
    for name, suite in sorted(settings.suites.items()):
        fact = inputs.suites.get(name, SuiteFact())
        glob = next((g for p in paths if (g := _first(p, suite.paths))), "")
        runs_by_test = inputs.index is not None and fact.tests > 0
        if name == EVERYTHING:
            continue
        if verdict == FULL:
            found.append(_suite(name, inputs, settings, "all", "everything runs"))
        elif name == MEDIUM and taken.tier == "medium":
            found.append(_suite(name, inputs, settings, "all", "medium risk"))
        elif name in extra:
            found.append(_suite(name, inputs, settings, "all", extra[name]))
        elif not kinds.code and name == BASELINE:
            found.append(_suite(name, inputs, settings, "all", "a baseline: no code is changed"))
        elif runs_by_test:
            if any(_below(file, fact.paths) for file in files):
                found.append(_suite(name, inputs, settings, "selected", "tests that the change can reach"))
        elif glob and (fact.paths or suite.command or not suite.tests):
            found.append(_suite(name, inputs, settings, "all", f"a changed path matches {glob}"))
    ruled = [s for s in found if s["name"] not in extra and not (s["name"] == MEDIUM and taken.raised)]
    if not ruled and not inputs.touched_tests() and settings.suites:
        # What advice adds comes on top: it must never stand in for the baseline.
        name = BASELINE if BASELINE in settings.suites else min(settings.suites)
        if name not in {s["name"] for s in found}:
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
        "minutes": round(float(minutes), 3) if how == "all" else 0.0,
    }


def _below(path: str, roots: Sequence[str]) -> bool:
    return any(root in (".", path) or path.startswith(root.rstrip("/") + "/") for root in roots)
