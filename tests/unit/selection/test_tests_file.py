"""The file of arguments: never empty, never an option, never too long."""

from __future__ import annotations

from typing import Any

import pytest

from signalbox.config import Settings
from signalbox.selection.tests_file import MANY_IDS, grouped, plan_lines


def plan(**more: Any) -> dict[str, Any]:
    return {"full_suite": False, "suites": [], "tests": [], "new_test_files": []} | more


def suite(name: str, *paths: str) -> dict[str, Any]:
    return {"name": name, "how": "all", "paths": list(paths)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (plan(), ["."]),
        (plan(full_suite=True), ["."]),
        (plan(full_suite=True, suites=[suite("full", "tests")]), ["tests"]),
        (plan(suites=[suite("unit", "tests/unit")]), ["tests/unit"]),
        (plan(new_test_files=["-k.py", "@x.py"]), ["./-k.py", "./@x.py"]),
        (plan(tests=["tests/a.py::t"], suites=[suite("unit", "tests")]), ["tests"]),
    ],
)
def test_lines(given: dict[str, Any], expected: list[str]):
    assert plan_lines(given, None, Settings(), {}) == expected


def known(count: int, file: str = "tests/a.py") -> dict[str, tuple[str, str]]:
    return {f"{file}::f[{i}]": (file, "passed") for i in range(count)}


def test_a_whole_file_or_function_is_named_once():
    tests = known(5) | known(3, "tests/b.py") | {"tests/b.py::g": ("tests/b.py", "passed")}
    chosen = [t for t in tests if t.startswith("tests/a.py") or "::f[" in t]
    assert grouped(chosen, tests, ".") == ["tests/a.py", "tests/b.py::f"]
    assert grouped(["tests/b.py::f[1]"], tests, ".") == ["tests/b.py::f[1]"]


def test_many_parameters_become_their_function():
    tests = known(MANY_IDS * 3)
    assert grouped(list(tests)[: MANY_IDS + 1], tests, ".") == ["tests/a.py::f"]


def test_a_parameter_that_does_not_fit_on_a_line_becomes_its_function():
    tests = {
        "t.py::f[a\nb]": ("t.py", "passed"),
        "t.py::f[c]": ("t.py", "passed"),
        "t.py::g": ("t.py", "passed"),
    }
    assert grouped(["t.py::f[a\nb]"], tests, "sub") == ["sub/t.py::f"]
