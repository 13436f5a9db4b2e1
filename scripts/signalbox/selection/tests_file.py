"""The plan as pytest takes it: arguments, one a line, for ``pytest @FILE`` (from pytest 8.2 on) or xargs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from signalbox.arguments import Places, below

from .facts import Inputs

MANY_IDS = 400
"""Node ids beyond this number are told apart no longer: pytest looks each one up by itself."""


def plan_lines(
    plan: Mapping[str, Any],
    connection: sqlite3.Connection | None,
) -> list[str]:
    """The arguments for a plan. Never empty: pytest without arguments would run something else."""
    place = Places(_meta(connection, "rootdir", "."), _meta(connection, "invocation", "."))
    if plan["full_suite"]:
        paths = [*plan.get("full_paths", ()), *plan["new_test_files"]]
        return list(dict.fromkeys(map(place.argument, paths))) or ["."]
    suites = [suite for suite in plan["suites"] if not suite.get("command")]
    paths = [path for suite in suites if suite["how"] == "all" for path in suite["paths"]]
    lines = [place.argument(path) for path in [*paths, *plan["new_test_files"]]]
    chosen = [test for test in plan["tests"] if not below(place.file(test), paths)]
    lines += map(place.node, grouped(chosen, _known(connection)))
    return list(dict.fromkeys(lines)) or ["."]


def everything(plan: dict[str, Any], inputs: Inputs) -> dict[str, Any]:
    """The plan that runs everything, in the shape of ``plan``."""
    return {**plan, "full_suite": True, "full_paths": list(inputs.full_paths)}


def short(plan: dict[str, Any]) -> str:
    """The plan for a job output, which must stay small: long lists are only in the decision."""
    text = json.dumps(plan, separators=(",", ":"))
    if len(text) <= 100_000:
        return text
    left_out: dict[str, Any] = {"tests": [], "whole_files": [], "gone_test_files": [], "new_test_files": []}
    suites = [{**suite, "tests": []} if "tests" in suite else suite for suite in plan["suites"]]
    text = json.dumps({**plan, **left_out, "suites": suites, "tests_listed": False}, separators=(",", ":"))
    if len(text) <= 500_000:
        return text
    return json.dumps({"full_suite": plan["full_suite"], "tests_listed": False}, separators=(",", ":"))


def grouped(chosen: Sequence[str], known: Iterable[str]) -> list[str]:
    """Whole files and whole functions where every known test of them is chosen, node ids otherwise."""
    total: dict[str, int] = {}
    for test in known:
        for prefix in _prefixes(test):
            total[prefix] = total.get(prefix, 0) + 1
    picked: dict[str, int] = {}
    for test in chosen:
        for prefix in _prefixes(test):
            picked[prefix] = picked.get(prefix, 0) + 1
    found: dict[str, None] = {}
    coarse = len(chosen) > MANY_IDS
    for test in chosen:
        whole = next((p for p in _prefixes(test) if picked[p] == total.get(p)), None)
        function = _prefixes(test)[-1]
        if whole is None:
            whole = function if coarse else test
        found[whole] = None
    if len(found) > MANY_IDS * 5:
        return list(dict.fromkeys(line.split("::")[0] for line in found))
    return list(found)


def _prefixes(nodeid: str) -> list[str]:
    """file, file::Class, file::Class::function (without parameters), outermost first."""
    parts = nodeid.partition("[")[0].split("::")
    return ["::".join(parts[: i + 1]) for i in range(len(parts))]


def _known(connection: sqlite3.Connection | None) -> list[str]:
    return [] if connection is None else [row[0] for row in connection.execute("SELECT nodeid FROM test")]


def _meta(connection: sqlite3.Connection | None, key: str, default: str) -> str:
    if connection is None:
        return default
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else default
