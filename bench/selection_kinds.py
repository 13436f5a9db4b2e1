"""Kinds of changes that selection by executed lines misses, as small modules with their tests and one change.

Every kind has several shapes, drawn by a seed. A `Spot` says which files there are, and what is changed; the
change breaks at least one test, which running the whole suite shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple


class Spot(NamedTuple):
    """``files`` of the project, and the change: in ``path``, ``old`` becomes ``new``.

    An empty ``old``: the file is new. ``new`` of ``None``: it is deleted.
    """

    files: dict[str, str]
    path: str
    old: str
    new: str | None


KINDS: dict[str, Callable[[random.Random], Spot]] = {}


def _kind(name: str) -> Callable[[Callable[[random.Random], Spot]], Callable[[random.Random], Spot]]:
    def keep(make: Callable[[random.Random], Spot]) -> Callable[[random.Random], Spot]:
        KINDS[name] = make
        return make

    return keep


def _simple(name: str, shapes: list[tuple[str, str, str, str]]) -> None:
    """Shapes as (module, tests, old, new); module ``m`` is imported by the tests' file."""

    def make(randomness: random.Random) -> Spot:
        module, tests, old, new = randomness.choice(shapes)
        number = randomness.randint(2, 900)
        stem = name.replace(" ", "_").replace("-", "_")
        fill = lambda text: text.replace("N1", str(number + 1)).replace("NN", str(number))  # noqa: E731
        path = f"pkg/{stem}.py"
        head = f"import pytest\nfrom pkg import {stem} as m\n\n\n"
        files = {path: fill(module), f"tests/test_{stem}.py": head + fill(tests)}
        return Spot(files, path, fill(old), fill(new))

    KINDS[name] = make


TWICE = "def test_first(): assert m.get(1) == NN\n\n\ndef test_second(): assert m.get(1) == NN\n"
READS = [
    "return open(HERE / name).read()",
    "return (HERE / name).read_text()",
    "return io.open(str(HERE / name)).read()",
    "return os.fdopen(os.open(HERE / name, os.O_RDONLY)).read()",
    "return pkgutil.get_data('pkg', 'data/' + name).decode()",
    "return importlib.resources.files('pkg').joinpath('data', name).read_text()",
    "return string.Template((HERE / name).read_text()).substitute(x='x')",
    "return ''.join(linecache.getlines(str(HERE / name)))",
]
READER = (
    "import importlib.resources, io, linecache, os, pkgutil, string\nfrom pathlib import Path\n"
    "HERE = Path(__file__).parent / 'data'\n\n\ndef load(name):\n    {}\n"
)


def _data(stem: str, body: str, tests: str, files: dict[str, str]) -> dict[str, str]:
    head = f"import pytest\nfrom pkg import {stem} as m\n\n\n"
    return {f"pkg/{stem}.py": READER.format(body), f"tests/test_{stem}.py": head + tests, **files}


@_kind("data file")
def _(randomness: random.Random) -> Spot:
    tests = (
        "def test_a(): assert m.load('a.txt') == 'one'\n\n\ndef test_b(): assert m.load('b.txt') == 'two'\n"
    )
    body = randomness.choice(READS).replace("getlines", "getlines")
    if "linecache" in body:
        tests = tests.replace("'one'", "'one\\n'").replace("'two'", "'two\\n'")
    name = randomness.choice("ab")
    files = {"pkg/data/a.txt": "one", "pkg/data/b.txt": "two"}
    old = files[f"pkg/data/{name}.txt"]
    return Spot(_data("datafile", body, tests, files), f"pkg/data/{name}.txt", old, "three")


@_kind("data file of one parameter")
def _(randomness: random.Random) -> Spot:
    tests = (
        "NAMES = ['p.txt', 'q.txt', 'r.txt']\n\n\n@pytest.mark.parametrize('name', NAMES)\n"
        "def test_each(name): assert m.load(name) == name[:1]\n"
    )
    files = {f"pkg/data/{name}.txt": name for name in "pqr"}
    name = randomness.choice("pqr")
    return Spot(
        _data("params", READS[randomness.randrange(4)], tests, files), f"pkg/data/{name}.txt", name, "?"
    )


@_kind("data file read at collection")
def _(randomness: random.Random) -> Spot:
    tests = (
        "CASES = m.load('cases.txt').split()\n\n\n@pytest.mark.parametrize('case', CASES)\n"
        "def test_case(case): assert case.isdigit()\n"
    )
    files = {"pkg/data/cases.txt": "1 2 3"}
    new = randomness.choice(["1 x 3", "1 2 3 four"])
    return Spot(
        _data("collected", READS[randomness.randrange(4)], tests, files), "pkg/data/cases.txt", "1 2 3", new
    )


LISTS = [
    "return sorted(os.listdir(HERE / 'many'))",
    "return sorted(p.name for p in (HERE / 'many').glob('*.x'))",
    "return sorted(p.name for p in (HERE / 'many').iterdir())",
    "return sorted(e.name for e in os.scandir(HERE / 'many'))",
    "return sorted(n for _, _, names in os.walk(HERE / 'many') for n in names)",
]


def _listing(stem: str, randomness: random.Random) -> dict[str, str]:
    tests = "def test_list(): assert m.load('') == ['a.x', 'b.x']\n\n\ndef test_other(): assert m.HERE\n"
    body = randomness.choice(LISTS).replace("many", stem)
    return _data(stem, body, tests, {f"pkg/data/{stem}/{name}.x": name for name in "ab"})


@_kind("file deleted from a folder")
def _(randomness: random.Random) -> Spot:
    return Spot(_listing("gone", randomness), f"pkg/data/gone/{randomness.choice('ab')}.x", "x", None)


@_kind("file added to a folder")
def _(randomness: random.Random) -> Spot:
    return Spot(_listing("come", randomness), "pkg/data/come/c.x", "", "c")


@_kind("file that was looked for")
def _(randomness: random.Random) -> Spot:
    body = randomness.choice(
        [
            "return os.path.exists(HERE / 'later.cfg')",
            "return (HERE / 'later.cfg').is_file()",
            "return os.access(HERE / 'later.cfg', os.R_OK)",
            "try:\n        open(HERE / 'later.cfg')\n        return True\n"
            "    except FileNotFoundError:\n        return False",
        ]
    )
    tests = "def test_not_there(): assert not m.load('')\n"
    return Spot(_data("looked", body, tests, {}), "pkg/data/later.cfg", "", "x = 1\n")


@_kind("data file read by a program")
def _(randomness: random.Random) -> Spot:
    body = randomness.choice(
        [
            "import subprocess\n    return subprocess.check_output(['cat', str(HERE / 'prog.txt')]).decode()",
            "import subprocess\n"
            "    return subprocess.check_output(['sort', str(HERE / 'prog.txt')]).decode()",
            "import subprocess\n"
            "    return subprocess.check_output('cat < prog.txt', shell=True, cwd=HERE).decode()",
            "return os.popen(f'head -1 {HERE}/prog.txt').read()",
        ]
    )
    tests = "def test_told(): assert m.load('') == 'one\\n'\n"
    files = _data("program", body, tests, {"pkg/data/prog.txt": "one\n"})
    return Spot(files, "pkg/data/prog.txt", "one", "two")


@_kind("code read as data")
def _(randomness: random.Random) -> Spot:
    body = randomness.choice(
        [
            "space = {}\n    exec((HERE / 'script.py').read_text(), space)\n    return space['X']",
            "import runpy\n    return runpy.run_path(str(HERE / 'script.py'))['X']",
        ]
    )
    files = _data(
        "scripted", body, "def test_x(): assert m.load('') == 1\n", {"pkg/data/script.py": "X = 1\n"}
    )
    return Spot(files, "pkg/data/script.py", "X = 1", "X = 2")


_simple(
    "constant at import",
    [
        ("K = NN\n\n\ndef get(x):\n    return K\n", TWICE, "K = NN", "K = N1"),
        ("T = {1: NN}\n\n\ndef get(x):\n    return T[x]\n", TWICE, "NN", "N1"),
        ("class C:\n    K = NN\n\n\ndef get(x):\n    return C.K\n", TWICE, "NN", "N1"),
        ("def get(x, k=NN):\n    return k\n", TWICE, "NN", "N1"),
        (
            "import enum\n\n\nclass E(enum.IntEnum):\n    A = NN\n\n\ndef get(x):\n    return int(E.A)\n",
            TWICE, "NN", "N1",
        ),
        (
            "def times(k):\n    def wrap(f):\n        return lambda x: k * f(x)\n    return wrap\n\n\n"
            "@times(NN)\ndef get(x):\n    return x\n",
            TWICE, "NN", "N1",
        ),
        (
            "ALL = []\n\n\nclass Base:\n    def __init_subclass__(cls, k=0):\n        ALL.append(k)\n\n\n"
            "class One(Base, k=NN):\n    pass\n\n\ndef get(x):\n    return ALL[0]\n",
            TWICE, "NN", "N1",
        ),
    ],
)  # fmt: skip
_simple(
    "behind lru_cache",
    [
        (
            f"import functools\n\n\ndef slow(x):\n    return x * NN\n\n\n@functools.{how}\n"
            "def get(x):\n    return slow(x)\n",
            TWICE, "x * NN", "x * N1",
        )
        for how in ("lru_cache", "lru_cache(maxsize=None)", "cache", "lru_cache(4, True)")
    ],
)  # fmt: skip
_simple(
    "behind a dictionary",
    [
        (f"D = {{}}\n\n\ndef slow(x):\n    return x * NN\n\n\ndef get(x):\n{body}", TWICE, "x * NN", "x * N1")
        for body in (
            "    if x not in D:\n        D[x] = slow(x)\n    return D[x]\n",
            "    try:\n        return D[x]\n    except KeyError:\n        D[x] = slow(x)\n"
            "        return D[x]\n",
            "    found = D.get(x)\n    if found is None:\n        found = D[x] = slow(x)\n    return found\n",
            "    if x in D:\n        return D[x]\n    D[x] = slow(x)\n    return D[x]\n",
        )
    ],
)
_simple(
    "behind a singleton",
    [
        (f"def make():\n    return NN\n\n\n{body}", TWICE, "return NN", "return N1")
        for body in (
            "ONE = None\n\n\ndef get(x):\n    global ONE\n    if ONE is None:\n        ONE = make()\n"
            "    return ONE\n",
            "class S:\n    one = None\n\n    @classmethod\n    def it(cls):\n        if cls.one is None:\n"
            "            cls.one = make()\n        return cls.one\n\n\ndef get(x):\n    return S.it()\n",
            "class L:\n    def __init__(self):\n        self.v = None\n\n    def it(self):\n"
            "        if self.v is None:\n            self.v = make()\n        return self.v\n\n\n"
            "ONE = L()\n\n\ndef get(x):\n    return ONE.it()\n",
        )
    ],
)
_simple(
    "behind cached_property",
    [
        (
            "import functools\n\n\ndef far():\n    return NN\n\n\nclass T:\n    @functools.cached_property\n"
            "    def heavy(self):\n        return far()\n\n\nONE = T()\n\n\ndef get(x):\n"
            "    return ONE.heavy\n",
            TWICE, "return NN", "return N1",
        )
    ],
)  # fmt: skip
_simple(
    "thread",
    [
        (f"def work(x):\n    return x * NN\n\n\ndef get(x):\n{body}", TWICE, "x * NN", "x * N1")
        for body in (
            "    import threading\n    found = []\n"
            "    t = threading.Thread(target=lambda: found.append(work(x)))\n"
            "    t.start()\n    t.join()\n    return found[0]\n",
            "    from concurrent.futures import ThreadPoolExecutor\n    with ThreadPoolExecutor(1) as pool:\n"
            "        return pool.submit(work, x).result()\n",
            "    import asyncio\n\n    async def main():\n        loop = asyncio.get_running_loop()\n"
            "        return await loop.run_in_executor(None, work, x)\n    return asyncio.run(main())\n",
        )
    ],
)
_simple(
    "coroutine",
    [
        (
            "import asyncio\n\n\nasync def work(x):\n    await asyncio.sleep(0)\n    return x * NN\n\n\n"
            "def get(x):\n    return asyncio.run(work(x))\n",
            TWICE, "x * NN", "x * N1",
        )
    ],
)  # fmt: skip
_simple(
    "generator resumed elsewhere",
    [
        (
            "def count():\n    last = NN\n    yield 0\n    yield last\n\n\nG = count()\n\n\ndef get(x):\n"
            "    return next(G)\n",
            "def test_begins(): assert m.get(1) == 0\n\n\ndef test_goes_on(): assert m.get(1) == NN\n",
            "last = NN", "last = N1",
        )
    ],
)  # fmt: skip
_simple(
    "name that becomes local",
    [
        (
            "K = NN\n\n\ndef get(x, flag=False):\n    if flag:\n        pass\n    return K\n",
            TWICE + "\n\ndef test_flag(): assert m.get(1, True) == NN\n",
            "        pass", "        K = NN",
        )
    ],
)  # fmt: skip
