"""From a test plan and recorded durations to pieces of work.

Tests of one file stay together, because their module- and class-scoped fixtures are paid once per runner; a
file that would alone keep one runner longer than its fair share is taken apart by function.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .decide import Work

_WORTH_SPLITTING = 30.0  # seconds


def work_of(
    plan: Mapping[str, Any], durations: Mapping[str, float], max_runners: int, minutes: Mapping[str, float]
) -> tuple[Work, ...]:
    """The pieces of a plan. ``durations``: node id → seconds; ``minutes``: suite → declared minutes."""
    found: list[Work] = []
    ids = list(plan.get("tests", ()))
    if plan.get("full_suite"):
        ids = sorted(durations)
    for suite in plan.get("suites", ()):
        if suite["how"] != "all":
            continue
        if suite.get("command"):
            found.append(_suite(suite, minutes, command=suite["command"]))
        elif not plan.get("full_suite"):
            below = sorted(test for test in durations if _below(test.split("::")[0], suite["paths"]))
            if below:
                ids += below
            elif suite["paths"]:
                found.append(_suite(suite, minutes, arguments=tuple(map(_safe, suite["paths"]))))
        elif not ids:
            found.append(_suite(suite, minutes, arguments=tuple(map(_safe, suite["paths"])) or (".",)))
    found += _by_file(list(dict.fromkeys(ids)), durations, max_runners)
    found += [
        Work(name=path, arguments=(_safe(path),))
        for path in plan.get("new_test_files", ())
        if not any(path == work.name for work in found)
    ]
    return tuple(found)


def _suite(suite: Mapping[str, Any], minutes: Mapping[str, float], **rest: Any) -> Work:
    seconds = 60 * (suite.get("minutes") or minutes.get(suite["name"], 0.0))
    return Work(name=f"suite {suite['name']}", suite=suite["name"], seconds=seconds or None, **rest)


def _by_file(ids: Sequence[str], durations: Mapping[str, float], max_runners: int) -> list[Work]:
    total = sum(durations.get(test, 0.0) for test in ids)
    share = max(total / max_runners, _WORTH_SPLITTING)
    files: dict[str, list[str]] = {}
    for test in ids:
        files.setdefault(test.split("::")[0], []).append(test)
    every: dict[str, int] = {}
    for test in durations:
        every[test.split("::")[0]] = every.get(test.split("::")[0], 0) + 1
    found = []
    for file, tests in files.items():
        if sum(durations.get(test, 0.0) for test in tests) <= share:
            whole = len(tests) == every.get(file)
            found.append(_piece(file, tests, durations, (file,) if whole else None))
            continue
        functions: dict[str, list[str]] = {}
        for test in tests:
            functions.setdefault(test.partition("[")[0], []).append(test)
        found += [_piece(name, inner, durations, None) for name, inner in functions.items()]
    return found


def _piece(
    name: str, tests: Sequence[str], durations: Mapping[str, float], arguments: tuple[str, ...] | None
) -> Work:
    known = [durations[test] for test in tests if test in durations]
    seconds = sum(known) / len(known) * len(tests) if known else None
    if arguments is None:
        # A name that does not fit on one line of a file of arguments runs with its whole function.
        fits = [t if t.isprintable() and t.isascii() else t.partition("[")[0] for t in tests]
        arguments = tuple(dict.fromkeys(fits))
    return Work(name=name, seconds=seconds, arguments=tuple(map(_safe, arguments)))


def _below(path: str, roots: Sequence[str]) -> bool:
    return any(root in (".", path) or path.startswith(root.rstrip("/") + "/") for root in roots)


def _safe(argument: str) -> str:
    return f".{os.sep}{argument}" if argument.startswith(("-", "@")) else argument
