"""From a test plan and recorded durations to pieces of work.

Tests of one file stay together: their module- and class-scoped fixtures are paid once per runner. A long file
also comes in parts, classes first and then functions; whether that pays is decided with the runners.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from signalbox.arguments import Places, below, safe_node

from .model import Work

_WORTH_SPLITTING = 5.0  # seconds


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces of a plan, and ``rest``: paths (as pytest takes them) whose every test must run, also those
    that no duration is known of; empty where only what is named runs."""

    work: tuple[Work, ...]
    rest: tuple[str, ...] = ()


def work_of(
    plan: Mapping[str, Any], durations: Mapping[str, float], max_runners: int, minutes: Mapping[str, float]
) -> Asked:
    """The pieces of a plan. ``durations``: node id → seconds; ``minutes``: suite → declared minutes."""
    place = Places(str(plan.get("rootdir", ".")), str(plan.get("invocation", ".")))
    suites = [s for s in plan.get("suites", ()) if s["how"] == "all"]
    found: list[Work] = []
    rest: tuple[str, ...] = ()
    ids = list(plan.get("tests", ()))
    full = bool(plan.get("full_suite"))
    gone = set(plan.get("gone_test_files", ()))
    other = tuple(plan.get("not_pytest", ()))
    known = [t for t in durations if place.file(t) not in gone and not below(place.file(t), other)]
    whole = set(plan.get("whole_files", ()))
    if full:
        ids, whole = sorted(known), {place.file(test) for test in known}
        rest = tuple(map(place.argument, plan.get("full_paths") or ["."])) if ids else ()
    for suite in suites:
        inside = sorted(t for t in known if below(place.file(t), suite["paths"]))
        if suite.get("command"):
            arguments = tuple(map(place.argument, suite["paths"]))
            found.append(_suite(suite, minutes, command=suite["command"], arguments=arguments))
        elif full:
            if not ids:
                paths = tuple(map(place.argument, suite["paths"])) or (".",)
                found.append(_suite(suite, minutes, arguments=paths))
        elif inside:
            # Whatever else lies there is not known, so the paths themselves are named once.
            ids += inside
            whole |= {place.file(test) for test in inside}
            rest += tuple(map(place.argument, suite["paths"]))
        elif suite["paths"]:
            found.append(_suite(suite, minutes, arguments=tuple(map(place.argument, suite["paths"]))))
    found += _by_file(list(dict.fromkeys(ids)), durations, max_runners, place, whole)
    found += [
        Work(name=path, arguments=(place.argument(path),), file=place.argument(path), whole=True)
        for path in plan.get("new_test_files", ())
        if not any(path == work.name for work in found)
    ]
    for suite in plan.get("suites", ()):
        if suite["how"] != "all" and suite.get("command"):
            found += _selected(suite, durations, place)
    return Asked(work=tuple(found), rest=tuple(dict.fromkeys(rest)))


def _suite(suite: Mapping[str, Any], minutes: Mapping[str, float], **rest: Any) -> Work:
    seconds = 60 * (suite.get("minutes") or minutes.get(suite["name"], 0.0))
    return Work(name=f"suite {suite['name']}", suite=suite["name"], seconds=seconds or None, **rest)


def _selected(suite: Mapping[str, Any], durations: Mapping[str, float], place: Places) -> list[Work]:
    """The chosen tests of a suite that has its own command, one piece for each test."""
    return [
        Work(
            name=f"suite {suite['name']}: {test}",
            suite=suite["name"],
            command=suite["command"],
            seconds=durations.get(test) or None,
            arguments=(place.node(test),),
        )
        for test in suite.get("tests", ())
    ]


def _by_file(
    ids: Sequence[str],
    durations: Mapping[str, float],
    max_runners: int,
    place: Places,
    whole: set[str],
) -> list[Work]:
    total = sum(durations.get(test, 0.0) for test in ids)
    # Parts of half a runner's fair share and less, so that they can be spread evenly.
    share = max(total / max_runners / 2, _WORTH_SPLITTING)
    files = _grouped(ids, lambda test: test.split("::")[0])
    every = _grouped(durations, lambda test: test.split("::")[0])
    found = []
    for file, tests in files.items():
        complete = place.file(file) in whole or len(tests) == len(every.get(file, ())) or "::" not in tests[0]
        argument = place.argument(place.file(file))
        piece = Work(
            name=file,
            seconds=_seconds(tests, durations),
            arguments=(argument,) if complete else tuple(dict.fromkeys(map(place.node, tests))),
            file=argument,
            whole=complete,
        )
        if sum(durations.get(test, 0.0) for test in tests) > share and len(tests) > 1:
            parts = _parts(tests, durations, share, place, argument, complete)
            piece = msgspec.structs.replace(piece, parts=parts if len(parts) > 1 else ())
        found.append(piece)
    return found


def _parts(
    tests: Sequence[str],
    durations: Mapping[str, float],
    share: float,
    place: Places,
    argument: str,
    complete: bool,
) -> tuple[Work, ...]:
    """A long file's classes, and the functions of a class that is too long by itself.

    The test that ran first paid for the fixtures which the file shares, and nothing says which part of its
    time that was: what it took beyond the median of the others is counted again in every part without it.
    """
    # Durations come in the order in which the tests ran.
    asked = set(tests)
    known = [test for test in durations if test in asked]
    others = sorted(durations[test] for test in known[1:])
    first = known[0] if known else ""
    shared = max(0.0, durations[first] - others[len(others) // 2]) if others else 0.0
    groups: dict[str, list[str]] = {}
    for name, inner in _grouped(tests, _class).items():
        if sum(durations.get(test, 0.0) for test in inner) <= share and "::" in name:
            groups[name] = inner
            continue
        for function, cases in _grouped(inner, lambda test: test.partition("[")[0]).items():
            if sum(durations.get(test, 0.0) for test in cases) <= share or not all(map(_nameable, cases)):
                groups[function] = cases
                continue
            for number, chunk in enumerate(_chunks(cases, durations, share), 1):
                groups[f"{function}[{number}]"] = chunk
    found = []
    for name, inner in groups.items():
        seconds = _seconds(inner, durations)
        again = 0.0 if first in inner else shared
        cases_apart = name.endswith("]")
        functions = tuple(dict.fromkeys(t if cases_apart else t.partition("[")[0] for t in inner))
        named = [name] if complete and name.isprintable() and not cases_apart else inner
        found.append(
            Work(
                name=name,
                seconds=None if seconds is None else seconds + again,
                arguments=tuple(dict.fromkeys(map(place.node, named))),
                file=argument,
                functions=functions,
                whole=complete,
            )
        )
    return tuple(found)


def _nameable(test: str) -> bool:
    """Whether just this case of a parametrised test can be named as an argument."""
    return test.endswith("]") and safe_node(test).endswith(test.partition("::")[2])


def _chunks(cases: Sequence[str], durations: Mapping[str, float], share: float) -> list[list[str]]:
    """Cases in their order, in stretches that take about ``share`` seconds each."""
    found: list[list[str]] = []
    room = 0.0
    for test in cases:
        seconds = durations.get(test, 0.0)
        if not found or seconds > room:
            found.append([])
            room = share
        found[-1].append(test)
        room -= seconds
    return found


def _class(test: str) -> str:
    """``file::Class`` of a method, the file of a plain function."""
    return test.partition("[")[0].rpartition("::")[0]


def _grouped(tests: Iterable[str], key: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for test in tests:
        found.setdefault(key(test), []).append(test)
    return found


def _seconds(tests: Sequence[str], durations: Mapping[str, float]) -> float | None:
    """What they take together; those that nobody timed count as the others' mean."""
    known = [durations[test] for test in tests if test in durations]
    return sum(known) / len(known) * len(tests) if known else None
