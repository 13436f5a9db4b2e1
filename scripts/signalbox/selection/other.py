"""The weaker index of a project in any language, from reports of coverage or from its own graph. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from signalbox.arguments import below
from signalbox.config import Settings
from signalbox.config.globs import first_match
from signalbox.errors import InputError

from .reports import Case, Unreadable, read_coverage, read_junit
from .weaker import Weak, WeakTest

_NAMED = re.compile(r"(?i)test|spec")


class Paths:
    """Tracked paths, and what a report may mean by a name of its own."""

    def __init__(self, tracked: Iterable[str]) -> None:
        self._all = frozenset(tracked)
        self._by_name: dict[str, list[str]] = {}
        for path in sorted(self._all):
            base = path.rpartition("/")[2]
            self._by_name.setdefault(base, []).append(path)
            self._by_name.setdefault(base.partition(".")[0], []).append(path)

    def of(self, name: str) -> frozenset[str]:
        """Every tracked file that a file's name may mean: the same path, or the end of one in the other."""
        name = name.replace("\\", "/").removeprefix("./")
        if name in self._all:
            return frozenset({name})
        found = self._by_name.get(name.rpartition("/")[2], ())
        return frozenset(p for p in found if p.endswith(f"/{name}") or name.endswith(f"/{p}"))

    def of_class(self, name: str) -> frozenset[str]:
        """Every tracked file that a dotted name, or the beginning of one, may mean."""
        parts = name.replace("/", ".").split(".")
        for end in range(len(parts), 0, -1):
            stem = "/".join(parts[:end])
            found = self._by_name.get(parts[end - 1], ())
            named = frozenset(p for p in found if f"/{p}".rpartition(".")[0].endswith(f"/{stem}"))
            if named:
                return named
        return frozenset()


def weak_of_reports(
    tracked: Mapping[str, str],
    coverage: Mapping[str, bytes],
    junit: Mapping[str, bytes],
    settings: Settings,
    *,
    commit: str,
    recorded_at: str,
) -> Weak:
    """From reports by their name below a folder: ``<suite>.<suffix>`` and ``<suite>/…`` are of the whole
    suite, ``<suite>/<path of a test>.<suffix>`` is of that test alone, as is what LCOV's TN names by path.

    `InputError` for a report that cannot be believed, and for a suite that the policy gives no ``tests``.
    """
    paths = Paths(tracked)
    needs: dict[str, set[str]] = {}
    for name, data in sorted(coverage.items()):
        suite, test = _whose(name, settings, tracked)
        try:
            covered = read_coverage(data)
        except Unreadable as error:
            raise InputError("this report of coverage cannot be used", where=name, why=str(error)) from None
        named = {t: files for t, files in covered.tests.items() if t in tracked}
        for each, files in named.items():
            needs.setdefault(each, set()).update(*map(paths.of, files))
        if not named or len(named) < len(covered.tests):
            for each in [test] if test else _tests_of(suite, settings, tracked):
                needs.setdefault(each, set()).update(*map(paths.of, covered.files))
    every = {t for s in settings.suites for t in _tests_of(s, settings, tracked)} | needs.keys()
    seconds, failed, troubles = _history(junit, paths, every)
    tests = [
        WeakTest(
            id=test,
            file=test,
            needs=tuple(sorted(needs.get(test, ()))),
            seconds=seconds.get(test, 0.0),
            outcome="failed" if test in failed else "passed" if test in seconds else "unknown",
        )
        for test in sorted(every)
    ]
    return Weak(
        evidence="coverage",
        commit=commit,
        recorded_at=recorded_at,
        files=tracked,
        tests=tests,
        unknown={test: "no report says what it covers" for test in every if not needs.get(test)},
        troubles=troubles,
    )


def weak_of_graph(
    tracked: Mapping[str, str], data: bytes, settings: Settings, *, commit: str, recorded_at: str
) -> Weak:
    """From ``{"depends": {path: [paths it needs]}, "tests": [paths]}``, or just such a mapping, whose tests
    are the files that the policy's ``test-paths`` name. `InputError` for anything else."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("this graph is not JSON", where="--graph", why=str(error)[:200]) from None
    plain = isinstance(found, dict) and "depends" not in found
    try:
        depends = msgspec.convert(found if plain else found["depends"], dict[str, list[str]])
        named = None if plain or "tests" not in found else msgspec.convert(found["tests"], list[str])
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise InputError(
            "this is not a graph",
            where="--graph",
            why=str(error),
            fix='Give {"depends": {"a": ["b"]}, "tests": ["a"]}.',
        ) from None
    gone = [path for path in named or () if path not in tracked]
    if gone:
        raise InputError(
            "the graph names a test that git does not track", where="--graph", why=repr(gone[0][:200])
        )
    globs = settings.selection.test_paths
    tests = sorted(
        named if named is not None else (p for p in depends if p in tracked and first_match(p, globs))
    )
    if not tests:
        raise InputError("the graph has no test", where="--graph", fix='Name them: "tests": ["path", …].')
    return Weak(
        evidence="graph",
        commit=commit,
        recorded_at=recorded_at,
        files=tracked,
        tests=[WeakTest(id=path, file=path) for path in tests],
        uses={path: [other for other in others if other in tracked] for path, others in depends.items()},
        unknown={path: "the graph does not say what it needs" for path in tests if path not in depends},
    )


def _whose(name: str, settings: Settings, tracked: Mapping[str, str]) -> tuple[str, str]:
    """(suite, test or nothing) of a report by its name."""
    first, _, rest = name.partition("/")
    suite = first if rest else first.partition(".")[0]
    if suite not in settings.suites or not settings.suites[suite].tests:
        raise InputError(
            "the report's name does not begin with a suite that has tests",
            where=name,
            fix="Name it <suite>.<suffix> or <suite>/<path of a test>.<suffix>, and give the suite `tests:`.",
        )
    stem = rest
    while "." in stem:
        if stem in tracked:
            return suite, stem
        stem = stem.rpartition(".")[0]
    return suite, stem if stem in tracked else ""


def _tests_of(suite: str, settings: Settings, tracked: Mapping[str, str]) -> list[str]:
    """Files below the suite's paths that the policy's globs or their own names call tests."""
    roots, globs = settings.suites[suite].tests, settings.selection.test_paths
    inside = (path for path in tracked if below(path, roots))
    return sorted(p for p in inside if first_match(p, globs) or _NAMED.search(p.rpartition("/")[2]))


def _history(
    junit: Mapping[str, bytes], paths: Paths, tests: set[str]
) -> tuple[dict[str, float], set[str], list[tuple[str, str]]]:
    """Seconds of each test file, those that failed, and failures that no file could be found for."""
    seconds: dict[str, float] = {}
    failed: set[str] = set()
    troubles = []
    for name, data in sorted(junit.items()):
        try:
            cases = read_junit(data)
        except Unreadable as error:
            raise InputError("this JUnit report cannot be used", where=name, why=str(error)) from None
        for case in cases:
            files = _file_of(case, paths) & tests
            for file in files:
                seconds[file] = seconds.get(file, 0.0) + case.seconds / len(files)
            if case.failed:
                failed |= files
                if not files:
                    troubles.append(
                        ("unknown-failure", f"{'.'.join(case.names)[:200]} failed and lies in no known file")
                    )
    return seconds, failed, troubles[:20]


def _file_of(case: Case, paths: Paths) -> frozenset[str]:
    for name in case.names:
        found = paths.of(name) or paths.of_class(name)
        if found:
            return found
    return frozenset()
