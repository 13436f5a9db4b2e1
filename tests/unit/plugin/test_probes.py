"""Rewritten modules run as before, and mark exactly the blocks they enter."""

from __future__ import annotations

import ast
import copy
import marshal
import pickle
import textwrap
from pathlib import Path
from typing import Any

import pytest
from plugin_path import add

add()

from pytest_signalbox.probes import Row, bind  # noqa: E402
from pytest_signalbox.rewrite import instrument  # noqa: E402


class Memo:
    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def __setitem__(self, entry: int, step: int) -> None:
        self.steps.append((entry, step))


def load(source: str) -> tuple[dict[str, Any], Row, list[tuple[int, int]], Memo]:
    code, starts = instrument(source.encode(), "sample.py")
    row, memo = Row(len(starts)), Memo()
    space: dict[str, Any] = {"__name__": "sample"}
    # Through marshal, as from the cache of compiled code.
    exec(bind(marshal.loads(marshal.dumps(code)), row, memo), space)
    return space, row, starts, memo


def lines(row: Row, starts: list[tuple[int, int]]) -> list[int]:
    return sorted(starts[i][0] for i, mark in enumerate(row) if mark)


SAMPLE = '''"""Doc."""
from __future__ import annotations
LIMIT = 3
def pick(a):
    """Doc."""
    if a > LIMIT:
        return "big"
    b = a + 1
    for i in range(2):
        if i == a:
            continue
        b += i
    try:
        c = 1 // (a - 2)
        b += c
    except ZeroDivisionError:
        b = -1
    return b
'''


def test_each_way_through_a_function_marks_its_own_blocks():
    space, row, starts, _ = load(SAMPLE)
    assert lines(row, starts) == [3]
    row[:] = bytes(len(row))
    assert space["pick"](9) == "big"
    assert lines(row, starts) == [6, 7]
    row[:] = bytes(len(row))
    assert space["pick"](2) == -1
    assert lines(row, starts) == [6, 8, 10, 12, 13, 14, 17]
    assert space["pick"].__doc__ == "Doc."


def test_nothing_is_added_to_the_module_namespace():
    space, *_ = load(SAMPLE)
    assert set(space) == {"__name__", "__builtins__", "__doc__", "annotations", "LIMIT", "pick"}


def test_a_generator_marks_where_it_is_resumed():
    space, row, starts, _ = load("def g():\n    yield 1\n    x = 2\n    yield x\n    y = 3\n")
    generator = space["g"]()
    next(generator)
    row[:] = bytes(len(row))
    next(generator)
    assert lines(row, starts) == [3]


def test_code_objects_stay_hashable_comparable_and_picklable_parts():
    space, row, *_ = load(SAMPLE)
    assert isinstance(hash(space["pick"].__code__), int)
    assert type(pickle.loads(pickle.dumps(row))) is bytearray
    assert type(copy.copy(row)) is bytearray


MEMOS = {
    "global dictionary": (
        """
        CACHE = {}
        def f(k):
            if k not in CACHE:
                CACHE[k] = k + 1
            return CACHE[k]
        """,
        True,
    ),
    "early return": (
        """
        C = {}
        def f(k):
            v = C.get(k)
            if v is not None:
                return v
            C[k] = k
            return k
        """,
        True,
    ),
    "handler": (
        """
        C = {}
        def f(k):
            try:
                return C[k]
            except KeyError:
                C[k] = k
                return k
        """,
        True,
    ),
    "global name": (
        """
        X = None
        def f(k):
            global X
            if X is None:
                X = [k]
            return X
        """,
        True,
    ),
    "class attribute": (
        """
        class A:
            one = None
            @classmethod
            def get(cls):
                if cls.one is None:
                    cls.one = cls()
                return cls.one
        def f(k):
            return A.get()
        """,
        True,
    ),
    "attribute of self": (
        """
        class A:
            def __init__(self):
                self.x = None
            def get(self):
                if self.x is None:
                    self.x = len('a')
                return self.x
        a = A()
        def f(k):
            return a.get()
        """,
        True,
    ),
    "mutable default": (
        """
        def f(k, seen={}):
            if k not in seen:
                seen[k] = k
            return seen[k]
        """,
        True,
    ),
    "alias": (
        """
        class A:
            def __init__(self):
                self.c = {}
            def get(self, k):
                c = self.c
                if k not in c:
                    c[k] = k
                return c[k]
        a = A()
        def f(k):
            return a.get(k)
        """,
        True,
    ),
    "a flag after work": (
        """
        class A:
            on = False
            def load(self):
                if not self.on:
                    len('x')
                    self.on = True
        a = A()
        def f(k):
            a.load()
        """,
        True,
    ),
    "a list that is empty at first": (
        """
        ALL = []
        def f(k):
            if not ALL:
                ALL.append(k)
            return ALL
        """,
        True,
    ),
    "set aside and put back": (
        """
        import types
        m = types.SimpleNamespace(x=1)
        def f(k):
            old = m.x
            m.x = 2
            m.x = old
        """,
        False,
    ),
    "what is told to an exception": (
        """
        class E(Exception):
            where = None
        def f(k):
            try:
                try:
                    raise E
                except E as e:
                    if e.where is None:
                        e.where = k
                    raise
            except E:
                pass
        """,
        False,
    ),
    "a count": (
        """
        N = {'n': 1}
        def f(k):
            if N['n']:
                N['n'] += 1
        """,
        False,
    ),
    "local dictionary": (
        """
        def f(k):
            c = {}
            if k not in c:
                c[k] = 1
            return c[k]
        """,
        False,
    ),
    "plain state of self": (
        """
        class A:
            on = False
            def turn(self):
                if self.on:
                    self.on = False
        a = A()
        def f(k):
            a.turn()
        """,
        False,
    ),
}


@pytest.mark.parametrize("name", MEMOS)
def test_filling_a_hand_written_cache_is_bracketed(name: str):
    source, is_cache = MEMOS[name]
    space, _, _, memo = load(textwrap.dedent(source))
    memo.steps.clear()
    space["f"](1)
    steps = [step for _, step in memo.steps]
    assert steps == ([1, 0] if is_cache else [])


def test_the_entry_of_a_fill_is_the_first_block_of_its_function():
    source, _ = MEMOS["global dictionary"]
    space, _, starts, memo = load(textwrap.dedent(source).lstrip())
    space["f"](1)
    assert starts[memo.steps[0][0]] == (3, 4)


def test_a_fill_that_fails_is_closed_as_well():
    space, _, _, memo = load(
        "C = {}\ndef f(k):\n    if k not in C:\n        C[k] = 1 // k\n    return C[k]\n"
    )
    with pytest.raises(ZeroDivisionError):
        space["f"](0)
    assert [step for _, step in memo.steps] == [1, 0]


def test_every_statement_keeps_its_line():
    code, _ = instrument(SAMPLE.encode(), "sample.py")
    plain = compile(SAMPLE, "sample.py", "exec")

    def all_lines(code: Any) -> set[int]:
        found = {line for *_, line in code.co_lines() if line}
        for constant in code.co_consts:
            if hasattr(constant, "co_lines"):
                found |= all_lines(constant)
        return found

    assert all_lines(code) <= all_lines(plain) | {0}


def test_the_standard_library_still_compiles_with_probes():
    import argparse
    import asyncio.base_events
    import dataclasses
    import enum
    import typing

    for module in (argparse, asyncio.base_events, dataclasses, enum, typing):
        source = Path(module.__file__ or "").read_bytes()
        code, starts = instrument(source, "x")
        assert len(starts) == len(set(starts)) > 10
        assert code.co_filename == "x"
        statements = {
            (n.lineno, n.col_offset) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.stmt)
        }
        assert set(starts) <= statements
