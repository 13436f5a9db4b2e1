"""Edits are given to the blocks that must be executed for the edit to matter."""

from __future__ import annotations

import pytest
from plugin_path import add

from signalbox.change import Edit, compare

add()

from pytest_signalbox.rewrite import instrument  # noqa: E402

SOURCE = '''"""Module."""
from __future__ import annotations
import os
LIMIT = 3
def f(a):
    """Say."""
    if a:
        return 1
    b = 2
    for i in range(3):
        if i:
            continue
        b += i
    try:
        x()
        y()
    except ValueError:
        z()
    return b
class C:
    K = 1
    def m(self):
        return 1
    def n(self): return 2
def g():
    yield 1
    while True:
        w = 1
        yield w
'''
WHOLE_F = {7, 8, 9, 11, 12, 13, 14, 15, 16, 18}
CASES = {
    "a constant of the module": ("LIMIT = 3", "LIMIT = 4", {3}, True),
    "a line of a body": ("b = 2", "b = 3", {9}, False),
    "a nested line": ("return 1\n    b", "return 5\n    b", {8}, False),
    "one statement of a try": ("y()", "y(1)", {16}, False),
    "a handler": ("z()", "z(1)", {18}, False),
    "a condition": ("if a:", "if not a:", {7, 8}, False),
    "a loop's header reaches what is in it": ("range(3)", "range(4)", {9, 11, 12, 13}, False),
    "a statement put in": ("    return b\n", "    print(b)\n    return b\n", {14}, False),
    "a new branch": ("    b = 2\n", "    if b_is:\n        b = 2\n    b = 2\n", {9}, False),
    "a name that becomes local": ("b += i", "LIMIT = i", WHOLE_F, False),
    "a default": ("def f(a)", "def f(a=1)", {3} | WHOLE_F, True),
    "a docstring": ('"""Say."""', '"""Tell."""', {3} | WHOLE_F, True),
    "a method's body": ("return 2", "return 3", {24}, False),
    "a class attribute": ("K = 1", "K = 2", {21}, True),
    "a new method": ("    def m(self)", "    def k(self):\n        pass\n    def m(self)", {21}, True),
    "a function deleted": ("    def n(self): return 2\n", "", {21, 24}, True),
    "a line of a generator": ("w = 1", "w = 2", {28}, False),
    "a name that becomes local in a generator": ("w = 1", "LIMIT = 1", {26, 27, 28}, False),
    "an import": ("import os", "import os.path", {3}, True),
    "a comment": ("LIMIT = 3", "LIMIT = 3  # three", set(), False),
    "blank lines above": ("def f(a)", "\n\n\ndef f(a)", set(), False),
}


def edit(new: str) -> tuple[Edit, set[int]]:
    _, starts = instrument(SOURCE.encode(), "s.py")
    found = compare(SOURCE.encode(), new.encode(), starts)
    assert found is not None
    return found, {starts[block][0] for block in found.blocks}


@pytest.mark.parametrize("name", CASES)
def test_an_edit_changes_these_blocks(name: str):
    old, new, expected, at_import = CASES[name]
    assert old in SOURCE
    found, changed = edit(SOURCE.replace(old, new, 1))
    assert changed == expected
    assert found.import_time is at_import


def test_who_resumes_a_generator_it_did_not_start_is_reached_by_any_change_of_it():
    """From the first block on it ran elsewhere: what it holds by now may differ."""
    _, starts = instrument(SOURCE.encode(), "s.py")
    found, _ = edit(SOURCE.replace("w = 1", "w = 2"))
    ((entry, later),) = found.resumed
    assert starts[entry][0] == 26
    assert {starts[block][0] for block in later} == {27, 28}
    assert edit(SOURCE.replace("b = 2", "b = 3"))[0].resumed == ()


def test_symbols_are_named():
    found, _ = edit(SOURCE.replace("return 2", "return 3").replace("b = 2", "b = 3"))
    assert found.symbols == ("C.n", "f")


@pytest.mark.parametrize(
    ("old", "new", "starts"),
    [
        (b"x = 1\n", b"x = (\n", [(1, 0)]),
        (b"x = (\n", b"x = 1\n", [(1, 0)]),
        (b"x = 1\n", b"x = 2\n", []),
        (b"", b"x = 2\n", []),
        (b"x = 1\n", b"x = \xff\n", [(1, 0)]),
        (b"x = 1\n", b"x = 1\0\n", [(1, 0)]),
        (b"x = 1\n", b"x = " + b"(" * 5000 + b"\n", [(1, 0)]),
    ],
)
def test_what_cannot_be_compared_counts_as_a_whole(old: bytes, new: bytes, starts: list[tuple[int, int]]):
    assert compare(old, new, starts) is None


def test_an_unchanged_file_changes_nothing():
    found, changed = edit(SOURCE)
    assert changed == set()
    assert found.symbols == ()


def test_moved_definitions_are_seen():
    one = "    def m(self):\n        return 1\n"
    moved = SOURCE.replace(one, "").replace(
        "    def n(self): return 2\n", "    def n(self): return 2\n" + one
    )
    _, changed = edit(moved)
    assert 21 in changed
