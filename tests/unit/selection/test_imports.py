"""The graph of imports: whatever may be meant is meant, and what nobody can know is said."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signalbox.config import Settings
from signalbox.selection.gather import gather
from signalbox.selection.imports import import_graph
from signalbox.selection.static import weak_of_imports
from signalbox.selection.weaker import Weak, write_weak

FILES = {
    "src/shop/__init__.py": "from . import cart",
    "src/shop/cart.py": "from .price import total\nimport json",
    "src/shop/price.py": "",
    "src/shop/plug_a.py": "",
    "src/shop/deep/__init__.py": "",
    "src/shop/deep/low.py": "from ..price import total",
    "lib/util.py": "",
    "tests/conftest.py": "import util",
    "tests/test_cart.py": "import shop.cart",
    "tests/test_low.py": "from shop.deep import low",
    "tests/test_name.py": "x = 'shop.plug_a:run'",
    "tests/test_patch.py": "patch('shop.price.total')",
    "tests/test_text.py": "open('README.md')",
    "tests/test_none.py": "import json",
}


def graph(**more: str):
    sources = {path: text.encode() for path, text in (FILES | more).items()}
    return import_graph(sources, {"setup.cfg": b"run = shop.plug_a:main"}, ["README.md"])


def reaches(files: dict[str, frozenset[str]], start: str) -> set[str]:
    found, todo = set(), [start]
    while todo:
        for other in files.get(todo.pop(), ()):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


@pytest.mark.parametrize(
    ("test", "needs"),
    [
        ("cart", {"src/shop/price.py", "src/shop/__init__.py", "lib/util.py"}),
        ("low", {"src/shop/deep/low.py", "src/shop/price.py", "src/shop/deep/__init__.py"}),
        ("name", {"src/shop/plug_a.py"}),
        ("patch", {"src/shop/price.py"}),
        ("text", {"README.md"}),
        ("none", {"tests/conftest.py", "lib/util.py"}),
    ],
)
def test_what_a_test_reaches(test: str, needs: set[str]):
    found = reaches(graph().uses, f"tests/test_{test}.py")
    assert needs <= found
    if test == "none":
        assert not any(path.startswith("src/") for path in found)


def test_configuration_names_modules_that_any_test_may_load():
    assert "src/shop/plug_a.py" in graph().everywhere


@pytest.mark.parametrize(
    "code",
    [
        "import importlib\nimportlib.import_module(name)",
        "__import__(x)",
        "exec('import os')",
        "import subprocess",
        "import os\nos.system('x')",
        "import runpy\nrunpy.run_path('x')",
        "def test(pytester): pass",
        "import pkgutil\npkgutil.walk_packages([])",
        "print 'two'",
        "from subprocess import run",
    ],
)
def test_what_no_source_says_is_named(code: str):
    assert "tests/test_x.py" in graph(**{"tests/test_x.py": code}).unknown
    assert (
        "tests/test_x.py" not in graph(**{"tests/test_x.py": "import importlib\nos.path.join('a')"}).unknown
    )


@given(st.lists(st.sampled_from([*FILES, "a\nb/test_x.py", "x.py"]), unique=True), st.binary(max_size=80))
@hypothesis_settings(max_examples=60, deadline=None)
def test_no_source_breaks_it(paths: list[str], junk: bytes):
    found = import_graph(dict.fromkeys(paths, junk), {"a.toml": junk}, paths)
    assert set(found.uses) == set(paths)


def plan(change: str, settings: Settings | None = None) -> set[str]:
    """Test files that a changed file touches."""
    files = dict.fromkeys([*FILES, "README.md", "data.json"], "a" * 40)
    contents = {path: text.encode() for path, text in FILES.items()}
    settings = settings or Settings()
    weak = weak_of_imports(files, contents, settings, commit="c" * 40, recorded_at="2026-01-01T00:00:00Z")
    assert isinstance(weak, Weak)
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        digest = write_weak(connection, weak, "")
        head = files | {change: "b" * 40}
        found = gather(connection, digest, head, lambda *_: None, settings, {})
    return {found.tests[t].file for touched in found.touched for t in touched.tests}


def test_a_changed_file_touches_the_tests_that_reach_it():
    assert plan("src/shop/price.py") == {f"tests/test_{n}.py" for n in ("cart", "low", "name", "patch")}
    assert plan("tests/test_none.py") == {"tests/test_none.py"}
    assert len(plan("lib/util.py")) == 6
    assert plan("data.json") == set()
    assert plan("README.md") == {"tests/test_text.py"}


@pytest.mark.parametrize(
    "more",
    [{"pytest.ini": b"python_files = check_*.py"}, {"tests/conftest.py": b"def pytest_collect_file(): pass"},
     {"setup.cfg": b"addopts = --doctest-modules"}],
)  # fmt: skip
def test_where_names_do_not_say_what_a_test_is_imports_are_not_asked(more: dict[str, bytes]):
    contents = {path: text.encode() for path, text in FILES.items()} | more
    files = dict.fromkeys([*contents], "a" * 40)
    told = weak_of_imports(files, contents, Settings(), commit="c" * 40, recorded_at="2026-01-01T00:00:00Z")
    assert isinstance(told, str)
