"""The file of arguments: never empty, never an option, never too long."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.arguments import Places, safe_node
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
        (plan(full_suite=True, full_paths=["tests", "src/a/tests"]), ["tests", "src/a/tests"]),
        (
            plan(full_suite=True, full_paths=["tests"], new_test_files=["new/test_n.py"]),
            ["tests", "new/test_n.py"],
        ),
        (plan(suites=[suite("unit", "tests/unit")]), ["tests/unit"]),
        (plan(new_test_files=["-k.py", "@x.py"]), ["./-k.py", "./@x.py"]),
        (plan(tests=["tests/a.py::t"], suites=[suite("unit", "tests")]), ["tests"]),
    ],
)
def test_lines(given: dict[str, Any], expected: list[str]):
    assert plan_lines(given, None) == expected


def known(count: int, file: str = "tests/a.py") -> list[str]:
    return [f"{file}::f[{i}]" for i in range(count)]


def test_a_whole_file_or_function_is_named_once():
    tests = [*known(5), *known(3, "tests/b.py"), "tests/b.py::g"]
    chosen = [t for t in tests if t.startswith("tests/a.py") or "::f[" in t]
    assert grouped(chosen, tests) == ["tests/a.py", "tests/b.py::f"]
    assert grouped(["tests/b.py::f[1]"], tests) == ["tests/b.py::f[1]"]


def test_many_parameters_become_their_function():
    tests = known(MANY_IDS * 3)
    assert grouped(tests[: MANY_IDS + 1], tests) == ["tests/a.py::f"]


@pytest.mark.parametrize(
    ("node", "argument"),
    [
        ("t.py::f[c]", "sub/t.py::f[c]"),
        ("t.py::f[a\nb]", "sub/t.py::f"),
        ("t.py::f[\u202eb]", "sub/t.py::f"),
        ("a\nb/t.py::f", "sub"),
        ("a/x\u2028.py::f", "sub/a"),
        ("a\\xff/t.py::f", "sub"),
    ],
)
def test_what_does_not_fit_on_a_line_runs_more(node: str, argument: str):
    assert Places("sub").node(node) == argument


def test_arguments_are_taken_where_pytest_runs():
    place = Places("sub", "sub")
    assert place.argument("sub/tests/test_a.py") == "tests/test_a.py"
    assert place.argument("other/@x.py") == "../other/@x.py"
    assert place.node("tests/test_a.py::f") == "tests/test_a.py::f"
    assert Places(".", "-x").argument("-x/@a.py") == "./@a.py"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_no_name_becomes_two_arguments_or_an_option(name: str):
    for argument in (Places().argument(name), Places().node(f"{name}::f[{name}]"), safe_node(name)):
        assert argument
        assert argument.splitlines() == [argument]
        assert not argument.startswith(("-", "@"))
