"""More kinds of blind spots: those that need several files, fixtures, processes or the suite's own files."""

from __future__ import annotations

import random

from selection_kinds import KINDS, TWICE, Spot

__all__ = ["KINDS"]


def _made(name: str, files: dict[str, str], *shapes: tuple[str, str, str | None]) -> None:
    def make(randomness: random.Random) -> Spot:
        path, old, new = randomness.choice(shapes)
        number = randomness.randint(2, 900)
        fill = lambda text: text.replace("N1", str(number + 1)).replace("NN", str(number))  # noqa: E731
        return Spot(
            {p: fill(t) for p, t in files.items()}, path, fill(old), None if new is None else fill(new)
        )

    KINDS[name] = make


_made(
    "wide fixture",
    {
        "pkg/fixed.py": "def prepare():\n    return {'k': NN}\n\n\ndef deeper():\n    return NN\n",
        "tests/wide/conftest.py": (
            "import pytest\nfrom pkg import fixed\n\n\n@pytest.fixture(scope='module')\ndef ready():\n"
            "    yield fixed.prepare()\n\n\n@pytest.fixture(scope='session')\ndef deep():\n"
            "    return fixed.deeper()\n"
        ),
        "tests/wide/test_wide.py": (
            "def test_first(ready): assert ready['k'] == NN\n\n\n"
            "def test_second(ready): assert ready['k'] == NN\n\n\n"
            "def test_deep(deep): assert deep == NN\n\n\ndef test_deep_again(deep): assert deep == NN\n\n\n"
            "def test_none(): assert True\n"
        ),
    },
    ("pkg/fixed.py", "{'k': NN}", "{'k': N1}"),
    ("pkg/fixed.py", "    return NN\n", "    return N1\n"),
)
_made(
    "conftest",
    {
        "tests/conf/conftest.py": (
            "import pytest\n\n\n@pytest.fixture\ndef value():\n    return NN\n\n\n"
            "def pytest_generate_tests(metafunc):\n    if 'each' in metafunc.fixturenames:\n"
            "        metafunc.parametrize('each', [NN])\n"
        ),
        "tests/conf/test_conf.py": (
            "def test_value(value): assert value == NN\n\n\ndef test_each(each): assert each == NN\n"
        ),
    },
    ("tests/conf/conftest.py", "return NN", "return N1"),
    ("tests/conf/conftest.py", "[NN]", "[N1, NN, 1]"),
)
_made(
    "helper beside the tests",
    {
        "tests/side/helping.py": "BASE = NN\n\n\ndef twice(x):\n    return x * BASE\n",
        "tests/side/test_side.py": (
            "from helping import twice\n\n\ndef test_twice(): assert twice(1) == NN\n\n\n"
            "def test_again(): assert twice(1) == NN\n"
        ),
    },
    ("tests/side/helping.py", "BASE = NN", "BASE = N1"),
    ("tests/side/helping.py", "x * BASE", "x + BASE"),
)
_made(
    "dynamic import",
    {
        "pkg/plug_one.py": "def run():\n    return NN\n",
        "tests/test_plug.py": (
            "import importlib, pkgutil\nimport pkg\n\n\ndef test_module():\n"
            "    assert importlib.import_module('pkg.plug_' + 'one').run() == NN\n\n\ndef test_import():\n"
            "    assert __import__('pkg.plug_one', fromlist=['run']).run() == NN\n\n\ndef test_walk():\n"
            "    names = [m.name for m in pkgutil.iter_modules(pkg.__path__) if m.name.startswith('plug_')]\n"
            "    assert names == ['plug_one']\n"
        ),
    },
    ("pkg/plug_one.py", "return NN", "return N1"),
    ("pkg/plug_two.py", "", "def run():\n    return 1\n"),
    ("pkg/plug_one.py", "", None),
)
_made(
    "import inside a test",
    {
        "pkg/lazy.py": "VALUE = NN\n\n\ndef get():\n    return VALUE\n",
        "tests/test_lazy.py": (
            "def test_first():\n    from pkg import lazy\n    assert lazy.get() == NN\n\n\n"
            "def test_second():\n    from pkg.lazy import VALUE\n    assert VALUE == NN\n\n\n"
            "def test_none(): pass\n"
        ),
    },
    ("pkg/lazy.py", "VALUE = NN", "VALUE = N1"),
)
_made(
    "import that may fail",
    {
        "pkg/maybe.py": "try:\n    from pkg import extra\nexcept ImportError:\n    extra = None\n",
        "tests/test_maybe.py": (
            "def test_without():\n    from pkg import maybe\n    assert maybe.extra is None\n\n\n"
            "def test_late():\n    try:\n        import pkg.extra\n    except ImportError:\n        return\n"
            "    assert False\n"
        ),
    },
    ("pkg/extra.py", "", "X = 1\n"),
    ("pkg/extra/__init__.py", "", "X = 1\n"),
)
_made(
    "exported again",
    {
        "pkg/inner.py": "__all__ = ['K', 'f']\nK = NN\n\n\ndef f():\n    return K\n",
        "pkg/outer.py": "from pkg.inner import *\n",
        "tests/test_outer.py": (
            "from pkg import outer\n\n\ndef test_k(): assert outer.K == NN\n\n\n"
            "def test_f(): assert outer.f() == NN\n"
        ),
    },
    ("pkg/inner.py", "K = NN", "K = N1"),
    ("pkg/inner.py", "['K', 'f']", "['f']"),
    ("pkg/outer.py", "import *", "import f"),
)
_made(
    "child process",
    {
        "pkg/said.py": "def word():\n    return NN\n",
        "pkg/tool.py": "from pkg.said import word\n\nif __name__ == '__main__':\n    print(word())\n",
        "tests/test_tool.py": (
            "import subprocess, sys\n\n\ndef test_module():\n"
            "    assert subprocess.check_output([sys.executable, '-m', 'pkg.tool']) == b'NN\\n'\n\n\n"
            "def test_code():\n    code = 'from pkg.said import word; print(word())'\n"
            "    assert subprocess.check_output([sys.executable, '-c', code]) == b'NN\\n'\n\n\n"
            "def test_none(): pass\n"
        ),
    },
    ("pkg/said.py", "return NN", "return N1"),
    ("pkg/tool.py", "print(word())", "print(word(), 1)"),
    ("pkg/tool.py", "print(word())", "raise SystemExit(3)"),
)
_made(
    "forked worker",
    {
        "pkg/forked.py": "def work(x):\n    return x * NN\n",
        "tests/test_forked.py": (
            "import multiprocessing, os\nfrom pkg import forked\n\n\ndef test_pool():\n"
            "    with multiprocessing.get_context('fork').Pool(1) as pool:\n"
            "        assert pool.map(forked.work, [1]) == [NN]\n        pool.close()\n"
            "        pool.join()\n\n\n"
            "def test_none(): pass\n"
        ),
    },
    ("pkg/forked.py", "x * NN", "x * N1"),
)
_made(
    "new module that shadows",
    {
        "pkg/shade.py": "def get():\n    return NN\n",
        "tests/test_shade.py": "from pkg import shade\n\n\ndef test_get(): assert shade.get() == NN\n",
    },
    ("pkg/shade/__init__.py", "", "def get():\n    return N1\n"),
    ("tests/pkg.py", "", "shade = None\n"),
)
_made(
    "deleted module",
    {
        "pkg/leaves.py": "def get():\n    return NN\n",
        "tests/test_leaves.py": (
            "def test_get():\n    from pkg import leaves\n\n    assert leaves.get() == NN\n"
        ),
    },
    ("pkg/leaves.py", "", None),
)
_made(
    "configuration",
    {"tests/test_ini.py": "def test_strict(pytestconfig): assert not pytestconfig.getini('xfail_strict')\n"},
    ("pyproject.toml", 'pythonpath = ["."]', 'pythonpath = ["."]\nxfail_strict = true'),
    ("pyproject.toml", '["."]', '["elsewhere"]'),
)
_made(
    "the test itself",
    {"tests/test_self.py": "K = NN\n\n\ndef test_self():\n    assert K == NN\n\n\ndef test_none(): pass\n"},
    ("tests/test_self.py", "assert K == NN", "assert K == N1"),
    ("tests/test_self.py", "K = NN\n", "K = N1\n"),
)
_made(
    "new test file",
    {"tests/test_old.py": "def test_old(): pass\n"},
    ("tests/test_new.py", "", "def test_new(): assert False\n"),
    ("tests/deep/test_new_too.py", "", "def test_new(): assert False\n"),
)
_made(
    "signature, decorator, docstring",
    {
        "pkg/signed.py": (
            "import inspect\n\n\ndef target(x, y=NN):\n    '''Say NN.'''\n    return x\n\n\n"
            "def get(x):\n    return inspect.signature(target).parameters['y'].default\n\n\n"
            "def said():\n    return target.__doc__\n"
        ),
        "tests/test_signed.py": (
            "from pkg import signed as m\n\n\n" + TWICE + "\n\ndef test_doc(): assert m.said() == 'Say NN.'\n"
        ),
    },
    ("pkg/signed.py", "y=NN", "y=N1"),
    ("pkg/signed.py", "Say NN.", "Say N1."),
)
