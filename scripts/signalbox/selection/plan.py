"""The plan itself: suites, tests, minutes, for a verdict that is already reached. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from signalbox.arguments import below
from signalbox.config import Settings
from signalbox.config.globs import first_match as _first
from signalbox.decision import Reason

from .advised import Advised
from .facts import FileFact, Inputs, SuiteFact

FULL = "full"
TEST_MODULES = ("**/test_*.py", "**/*_test.py")
BY_PYTEST = ("recorded", "imports")
"""What an index was made from, where its tests are pytest's."""
BASELINE, MEDIUM, EVERYTHING = "unit", "integration", "full"
"""Suites that the tiers call for by name, where the caller has them."""

_OVERHEAD_SECONDS = 3.0  # starting Python and collecting, where nobody has measured it: paid by any run


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
    rest = [t for t in wanted if not below(inputs.tests[t].file, covered)]
    index = inputs.index
    full_seconds = index.seconds if index is not None else None
    beside = _OVERHEAD_SECONDS if index is None or index.collect_seconds is None else index.collect_seconds
    if verdict == FULL and full_seconds:
        minutes = full_seconds / 60 + sum(s["minutes"] for s in whole if s["command"])
    else:
        minutes = sum(inputs.tests[t].seconds for t in rest) / 60 + sum(s["minutes"] for s in whole)
        if index is not None and index.tests and not full_seconds:
            # Nobody has timed a test: the suites' declared minutes, by the share of their tests.
            minutes += _declared(inputs, settings) * len(rest) / index.tests
    minutes += beside / 60
    full_minutes = (full_seconds + beside) / 60 if full_seconds else None
    saved = max(0.0, full_minutes - minutes) if full_minutes and verdict != FULL else 0.0
    prices = settings.concurrency
    by_command = [_take(s, inputs, rest) for s in suites if s["command"] and s["how"] == "selected"]
    taken_over = {test for s in by_command for test in s["tests"]}
    new = {*kinds.new_tests, *inputs.new_test_files}
    return {
        "full_suite": verdict == FULL,
        "suites": suites,
        "tests": [inputs.tests[t].id for t in rest if inputs.tests[t].id not in taken_over],
        "new_test_files": sorted(p for p in new if verdict != FULL or not _in_full(p, inputs)),
        "whole_files": list(inputs.whole_files) if verdict != FULL else [],
        "gone_test_files": list(inputs.gone_test_files),
        "full_paths": list(inputs.full_paths) if verdict == FULL else [],
        "rootdir": index.rootdir if index is not None else ".",
        "invocation": index.invocation if index is not None else ".",
        "not_pytest": _not_pytest(inputs, settings),
        "estimated_minutes": round(minutes, 3),
        "full_minutes": None if full_minutes is None else round(full_minutes, 3),
        "saved_minutes": round(saved, 3),
        "saved_money": round(saved * (prices.runner_minute_price + prices.wait_minute_value), 3),
        "known_tests": index.tests if index is not None else None,
        "skipped_tests": 0 if verdict == FULL else None if index is None else index.tests - len(wanted),
        "reasons": [{"code": r.code, "text": r.text, "effect": r.effect} for r in reasons],
    }


def _not_pytest(inputs: Inputs, settings: Settings) -> list[str]:
    """Where tests lie that a suite's own command runs, in an index that knows not only pytest's tests."""
    if inputs.index is None or inputs.index.evidence in BY_PYTEST:
        return []
    own = [name for name, suite in settings.suites.items() if suite.command]
    return sorted({path for name in own for path in inputs.suites.get(name, SuiteFact()).paths})


def _declared(inputs: Inputs, settings: Settings) -> float:
    """Declared minutes of the suites that have a test in the index."""
    names = [
        n for n, fact in inputs.suites.items() if fact.tests and n in settings.suites and n != EVERYTHING
    ]
    return sum(settings.suites[name].minutes for name in names)


def _in_full(path: str, inputs: Inputs) -> bool:
    return not inputs.full_paths or below(path, inputs.full_paths)


def _take(suite: dict[str, Any], inputs: Inputs, chosen: Sequence[int]) -> dict[str, Any]:
    """Give a suite with a command of its own those of the ``chosen`` tests that lie below its paths."""
    suite["tests"] = [inputs.tests[t].id for t in chosen if below(inputs.tests[t].file, suite["paths"])]
    return suite


def _suites(
    inputs: Inputs, settings: Settings, kinds: Kinds, taken: Advised, verdict: str
) -> list[dict[str, Any]]:
    """Which suites run: ``all`` of it, or the ``selected`` tests of it."""
    if verdict == FULL and EVERYTHING in settings.suites:
        everything = _suite(EVERYTHING, inputs, settings, "all", "everything runs")
        # A command of its own is the caller's word for everything; else other suites may lie beside it.
        others = [
            _suite(name, inputs, settings, "all", "everything runs")
            for name, suite in sorted(settings.suites.items())
            if name != EVERYTHING and not everything["command"] and _beside(inputs, name, suite.command)
        ]
        return [everything, *others]
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
            if any(below(file, fact.paths) for file in files):
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


def _beside(inputs: Inputs, name: str, command: str) -> bool:
    """Whether the suite runs what the suite ``full`` does not: a command, or tests in another place."""
    full = inputs.suites.get(EVERYTHING, SuiteFact()).paths
    paths = inputs.suites.get(name, SuiteFact()).paths
    return bool(command) or any(not below(path, full) for path in paths)
