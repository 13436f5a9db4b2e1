"""Suites whose outcome is known because it was written into them: passing, failing, broken, skipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Mix(NamedTuple):
    """How many cases pass, fail, break and are skipped."""

    passed: int
    failed: int
    broken: int
    skipped: int


MIXES = (Mix(5, 0, 0, 0), Mix(7, 2, 0, 1), Mix(3, 1, 1, 2), Mix(60, 0, 0, 4))


def _cases(mix: Mix, shapes: tuple[str, str, str, str]) -> str:
    rows = []
    for count, shape in zip(mix, shapes, strict=True):
        rows += [shape.format(i=len(rows) + k) for k in range(count)]
    return "".join(rows)


def pytest(mix: Mix) -> str:
    shapes = (
        "def test_{i}(): pass\n",
        "def test_{i}(): assert 1 == 2\n",
        "def test_{i}(broken): pass\n",
        "@pytest.mark.skip\ndef test_{i}(): pass\n",
    )
    return "import pytest\n@pytest.fixture\ndef broken(): raise RuntimeError('no database')\n" + _cases(
        mix, shapes
    )


def unittest(mix: Mix) -> str:
    shapes = (
        "    def test_{i}(self): pass\n",
        "    def test_{i}(self): self.assertEqual(1, 2)\n",
        "    def test_{i}(self): raise RuntimeError('x')\n",
        "    @unittest.skip('later')\n    def test_{i}(self): pass\n",
    )
    return "import unittest\nclass TestShop(unittest.TestCase):\n" + _cases(mix, shapes)


def behave(mix: Mix) -> str:
    shapes = (
        "  Scenario: case {i}\n    Given all is well\n",
        "  Scenario: case {i}\n    Given it fails\n",
        "  Scenario: case {i}\n    Given it breaks\n",
        "  @skip\n  Scenario: case {i}\n    Given all is well\n",
    )
    return "Feature: shop\n" + _cases(mix, shapes)


BEHAVE_STEPS = """from behave import given
@given('all is well')
def well(context): pass
@given('it fails')
def fails(context): assert 1 == 2
@given('it breaks')
def breaks(context): raise RuntimeError('x')
"""


def robot(mix: Mix) -> str:
    shapes = (
        "Case {i}\n    No Operation\n",
        "Case {i}\n    Fail    no\n",
        "Case {i}\n    No Such Keyword\n",
        "Case {i}\n    Skip    later\n",
    )
    return "*** Test Cases ***\n" + _cases(mix, shapes)


def javascript(head: str) -> Callable[[Mix], str]:
    shapes = (
        "test('case {i}', () => {{}});\n",
        "test('case {i}', () => {{ throw new Error('no'); }});\n",
        "test('case {i}', () => {{ null.x; }});\n",
        "test.skip('case {i}', () => {{}});\n",
    )
    return lambda mix: head + "".join(_cases(mix, shapes))


def nested_javascript(mix: Mix) -> str:
    """node's own runner, with the cases inside two groups."""
    inner = javascript("")(mix)
    return (
        "import {test, describe} from 'node:test';\n"
        f"describe('shop', () => {{ describe('cart', () => {{\n{inner}}}); }});\n"
    )


def golang(mix: Mix) -> str:
    shapes = (
        "func TestCase{i}(t *testing.T) {{}}\n",
        'func TestCase{i}(t *testing.T) {{ t.Error("no") }}\n',
        'func TestCase{i}(t *testing.T) {{ t.Fatal("broken") }}\n',
        'func TestCase{i}(t *testing.T) {{ t.Skip("later") }}\n',
    )
    return 'package shop\nimport "testing"\n' + _cases(mix, shapes)


def covered(lines: int, uncovered: int) -> str:
    """A module of which ``lines`` statements run and ``uncovered`` do not, beside two ``def`` and a call."""
    used = "".join(f"    x = {i}\n" for i in range(lines))
    unused = "".join(f"    y = {i}\n" for i in range(uncovered))
    return f"def used():\n{used}def unused():\n{unused}used()\n"
