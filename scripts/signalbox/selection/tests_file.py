"""The plan as pytest takes it: arguments, one a line, for ``pytest @FILE`` (from pytest 8.2 on) or xargs."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from signalbox.config import Settings

from .facts import Inputs

MANY_IDS = 400
"""Node ids beyond this number are told apart no longer: pytest looks each one up by itself."""


def full_lines(settings: Settings, present: Mapping[str, Sequence[str]], files: Iterable[str]) -> list[str]:
    """Everything: the paths of the suite ``full``, else the files that hold known tests, else all."""
    paths = list(present.get("full", ()))
    every = sorted({*files})
    if paths and all(_below(file, paths) for file in every):
        return [_safe(path) for path in paths]
    return [_safe(path) for path in every] if every else ["."]


def plan_lines(
    plan: Mapping[str, Any],
    connection: sqlite3.Connection | None,
    settings: Settings,
    head: Mapping[str, str],
) -> list[str]:
    """The arguments for a plan. Never empty: pytest without arguments would run something else."""
    present = {suite["name"]: suite["paths"] for suite in plan["suites"]}
    known = _known(connection)
    invocation = _meta(connection, "invocation", ".")
    rootdir = _meta(connection, "rootdir", ".")
    if plan["full_suite"]:
        lines = full_lines(
            settings, present, (file for file in {f for f, _ in known.values()} if file in head)
        )
        return [_relative(line, invocation) for line in lines]
    paths = [path for suite in plan["suites"] if suite["how"] == "all" for path in suite["paths"]]
    lines = [_safe(path) for path in [*paths, *plan["new_test_files"]]]
    chosen = [test for test in plan["tests"] if not _below(_file(test, rootdir), paths)]
    lines += grouped(chosen, known, rootdir)
    lines = [_relative(line, invocation) for line in dict.fromkeys(lines)]
    return lines or [_relative(line, invocation) for line in full_lines(settings, present, ())]


def everything(plan: dict[str, Any], inputs: Inputs) -> dict[str, Any]:
    """The plan that runs everything, in the shape of ``plan``."""
    full = inputs.suites.get("full")
    suites = [{"name": "full", "how": "all", "paths": list(full.paths)}] if full else []
    return {**plan, "full_suite": True, "suites": suites}


def short(plan: dict[str, Any]) -> str:
    """The plan for a job output, which must stay small: long lists are only in the decision."""
    text = json.dumps(plan, separators=(",", ":"))
    if len(text) <= 100_000:
        return text
    return json.dumps({**plan, "tests": [], "tests_listed": False}, separators=(",", ":"))[:500_000]


def grouped(chosen: Sequence[str], known: Mapping[str, tuple[str, str]], rootdir: str) -> list[str]:
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
            whole = function if coarse or not test.isascii() or not test.isprintable() else test
        found[_rooted(whole, rootdir)] = None
    if len(found) > MANY_IDS * 5:
        return list(dict.fromkeys(line.split("::")[0] for line in found))
    return list(found)


def _prefixes(nodeid: str) -> list[str]:
    """file, file::Class, file::Class::function (without parameters), outermost first."""
    parts = nodeid.partition("[")[0].split("::")
    return ["::".join(parts[: i + 1]) for i in range(len(parts))]


def _known(connection: sqlite3.Connection | None) -> dict[str, tuple[str, str]]:
    if connection is None:
        return {}
    rows = connection.execute("SELECT nodeid, file, outcome FROM test")
    return {nodeid: (file, outcome) for nodeid, file, outcome in rows}


def _meta(connection: sqlite3.Connection | None, key: str, default: str) -> str:
    if connection is None:
        return default
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else default


def _file(nodeid: str, rootdir: str) -> str:
    return os.path.normpath(f"{rootdir}/{nodeid.split('::')[0]}")


def _rooted(line: str, rootdir: str) -> str:
    path, mark, rest = line.partition("::")
    return os.path.normpath(f"{rootdir}/{path}") + mark + rest


def _relative(line: str, invocation: str) -> str:
    path, mark, rest = line.partition("::")
    return _safe(os.path.relpath(path, invocation)) + mark + rest if invocation != "." else _safe(line)


def _safe(path: str) -> str:
    """No argument may be read as an option or as another file of arguments."""
    return f"./{path}" if path.startswith(("-", "@")) else path


def _below(path: str, roots: Iterable[str]) -> bool:
    return any(root in (".", path) or path.startswith(root.rstrip("/") + "/") for root in roots)
