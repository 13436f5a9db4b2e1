"""Changes that selection by executed lines misses: each must select the test it breaks, and not everything.

One small project is recorded once. Every case changes it in one way and gets a plan of its own; which tests
fail is known by running the whole suite, so a case whose change breaks nothing fails by itself. The suite
runs once for all changes of a batch, which touch different things.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "--tb=no",
    "-rfE",
]

PROJECT = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    ".gitignore": "__pycache__/\n",
    "shop/__init__.py": "from .prices import RATE\n",
    "shop/prices.py": "RATE = 2\nTABLE = {'a': 1}\n\n\ndef gross(x):\n    return x * RATE\n",
    "shop/text.py": "def shout(s):\n    return s.upper()\n\n\ndef whisper(s):\n    return s.lower()\n",
    "shop/cached.py": (
        "import functools\n\n\ndef slow(x):\n    return x + 1\n\n\n"
        "@functools.lru_cache(maxsize=None)\ndef quick(x):\n    return slow(x)\n\n\n"
        "STORE = {}\n\n\ndef deep(x):\n    return x + 10\n\n\n"
        "def stored(x):\n    if x not in STORE:\n        STORE[x] = deep(x)\n    return STORE[x]\n\n\n"
        "def far(x):\n    return x + 100\n\n\n"
        "class Thing:\n    @functools.cached_property\n    def heavy(self):\n        return far(1)\n\n\n"
        "THING = Thing()\n"
    ),
    "shop/single.py": (
        "def make():\n    return ['made']\n\n\n"
        "class Single:\n    _one = None\n\n    @classmethod\n    def get(cls):\n"
        "        if cls._one is None:\n            cls._one = make()\n        return cls._one\n"
    ),
    "shop/tool.py": (
        "from shop.text import whisper\n\nif __name__ == '__main__':\n    print(whisper('OUT'))\n"
    ),
    "shop/lazy.py": "VALUE = 7\n\n\ndef seven():\n    return VALUE\n",
    "shop/plug_a.py": "def run():\n    return 'a'\n",
    "shop/reader.py": (
        "from pathlib import Path\nimport os\nHERE = Path(__file__).parent / 'data'\n\n\n"
        "def load(name):\n    return (HERE / name).read_text()\n\n\n"
        "def names():\n    return sorted(os.listdir(HERE))\n\n\n"
        "def has(name):\n    return os.path.exists(HERE / name)\n"
    ),
    "shop/data/one.txt": "one\n",
    "shop/data/two.txt": "two\n",
    "shop/generator.py": "def count():\n    yield 1\n    last = 2\n    yield last\n",
    "shop/fixture_help.py": (
        "def prepare():\n    return {'ready': True}\n\n\ndef cleanup():\n    return 'clean'\n"
    ),
    "shop/workers.py": "def in_process(x):\n    return x * 3\n\n\ndef in_thread(x):\n    return x * 5\n",
    "shop/settings.py": "import os\n\n\ndef level():\n    return os.environ.get('SHOP_LEVEL', 'low')\n",
    "shop/scope.py": "HIGH = 1\n\n\ndef scoped(flag):\n    if flag:\n        pass\n    return HIGH\n",
    "tests/helper.py": "def twice(x):\n    return x * 2\n",
    "tests/conftest.py": (
        "import pytest\nfrom shop import fixture_help\n\n\n"
        "@pytest.fixture(scope='session')\ndef ready():\n"
        "    yield fixture_help.prepare()\n    fixture_help.cleanup()\n"
    ),
    "tests/test_each.py": """
import pytest
from shop import reader
NAMES = reader.names()

@pytest.mark.parametrize('name', NAMES)
def test_each(name): assert reader.load(name).strip() == name[:3]
""",
    "tests/test_all.py": """
import importlib
import multiprocessing
import os
import subprocess
import sys
import threading

from helper import twice
from shop import RATE, prices, text, cached, single, reader, generator, workers, settings, scope

COUNTER = generator.count()


def test_constant(): assert RATE == 2
def test_gross(): assert prices.gross(2) == 4
def test_table(): assert prices.TABLE['a'] == 1
def test_shout(): assert text.shout('a') == 'A'
def test_whisper(): assert text.whisper('A') == 'a'
def test_quick_first(): assert cached.quick(1) == 2
def test_quick_second(): assert cached.quick(1) == 2
def test_stored_first(): assert cached.stored(1) == 11
def test_stored_second(): assert cached.stored(1) == 11
def test_heavy_first(): assert cached.THING.heavy == 101
def test_heavy_second(): assert cached.THING.heavy == 101
def test_single_first(): assert single.Single.get() == ['made']
def test_single_second(): assert single.Single.get() == ['made']
def test_lazy():
    from shop import lazy
    assert lazy.seven() == 7
def test_lazy_again():
    from shop import lazy
    assert lazy.VALUE == 7
def test_dynamic(): assert importlib.import_module('shop.plug_' + 'a').run() == 'a'
def test_load(): assert reader.load('one.txt') == 'one\\n'
def test_names(): assert reader.names() == ['one.txt', 'two.txt']
def test_has_not(): assert not reader.has('three.txt')
def test_through_a_link(): assert open('shop/linked/two.txt').read() == 'two\\n'
def test_a_linked_file(): assert open('shop/one.link').read() == 'one\\n'
def test_a_link_made(tmp_path):
    os.symlink(os.path.abspath('shop/data/one.txt'), tmp_path / 'x')
    assert (tmp_path / 'x').read_text() == 'one\\n'
def test_printed(): assert subprocess.check_output(['cat', 'shop/data/two.txt']) == b'two\\n'
def test_printed_by_a_shell():
    assert subprocess.check_output('cat < shop/data/one.txt', shell=True) == b'one\\n'
def test_printed_somehow(): assert subprocess.check_output(['sort', 'shop/data/two.txt']) == b'two\\n'
def test_generator_begins(): assert next(COUNTER) == 1
def test_generator_goes_on(): assert next(COUNTER) == 2
def test_ready_first(ready): assert ready['ready']
def test_ready_second(ready): assert ready['ready']
def test_helper(): assert twice(2) == 4
def test_process():
    done = subprocess.run([sys.executable, '-m', 'shop.tool'], capture_output=True, text=True)
    assert done.stdout == 'out\\n'
def test_fork():
    with multiprocessing.get_context('fork').Pool(1) as pool:
        assert pool.map(workers.in_process, [2]) == [6]
        pool.close()
        pool.join()
def test_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(workers.in_thread(2)))
    thread.start()
    thread.join()
    assert found == [10]
def test_level(): assert settings.level() == 'low'
def test_scope_off(): assert scope.scoped(False) == 1
def test_scope_on(): assert scope.scoped(True) == 1
""",
    "tests/test_alone.py": "def test_alone():\n    assert 1 + 1 == 2\n",
}


class Case(NamedTuple):
    path: str
    old: str
    new: str
    fails: tuple[str, ...]


CASES = {
    "data file read": Case(
        "shop/data/one.txt", "one", "uno", ("test_load", "tests/test_each.py::test_each[one.txt]")
    ),
    "data file behind a link": Case("shop/data/two.txt", "two", "dos", ("test_through_a_link",)),
    "data file behind a link to it": Case(
        "shop/data/one.txt", "one", "uno", ("test_a_linked_file", "test_a_link_made")
    ),
    "data file read by a program": Case(
        "shop/data/two.txt", "two", "dos", ("test_printed", "test_printed_somehow")
    ),
    "data file read by a shell": Case("shop/data/one.txt", "one", "uno", ("test_printed_by_a_shell",)),
    "data file read by one parameter": Case(
        "shop/data/two.txt", "two", "dos", ("tests/test_each.py::test_each[two.txt]",)
    ),
    "data file deleted": Case("shop/data/two.txt", "", "", ("test_names",)),
    "constant at import": Case("shop/prices.py", "RATE = 2", "RATE = 3", ("test_constant", "test_gross")),
    "container at import": Case("shop/prices.py", "'a': 1", "'a': 2", ("test_table",)),
    "behind lru_cache": Case(
        "shop/cached.py", "return x + 1\n", "return x + 2\n", ("test_quick_first", "test_quick_second")
    ),
    "behind a dictionary": Case(
        "shop/cached.py", "x + 10\n", "x + 20\n", ("test_stored_first", "test_stored_second")
    ),
    "behind cached_property": Case(
        "shop/cached.py", "x + 100", "x + 200", ("test_heavy_first", "test_heavy_second")
    ),
    "behind a singleton": Case(
        "shop/single.py", "'made'", "'broken'", ("test_single_first", "test_single_second")
    ),
    "imported inside tests": Case("shop/lazy.py", "VALUE = 7", "VALUE = 8", ("test_lazy", "test_lazy_again")),
    "dynamic import": Case("shop/plug_a.py", "'a'", "'b'", ("test_dynamic",)),
    "generator resumed in another test": Case(
        "shop/generator.py", "last = 2", "last = 3", ("test_generator_goes_on",)
    ),
    "session fixture": Case(
        "shop/fixture_help.py", "True", "False", ("test_ready_first", "test_ready_second")
    ),
    "helper beside the tests": Case("tests/helper.py", "x * 2", "x * 3", ("test_helper",)),
    "conftest": Case(
        "tests/conftest.py",
        "fixture_help.prepare()",
        "{'ready': 0}",
        ("test_ready_first", "test_ready_second"),
    ),
    "child process": Case("shop/tool.py", "whisper('OUT')", "whisper('IN')", ("test_process",)),
    "imported by a child process": Case(
        "shop/text.py", "s.lower()", "s.title()", ("test_whisper", "test_process")
    ),
    "forked worker": Case("shop/workers.py", "x * 3", "x * 4", ("test_fork",)),
    "thread": Case("shop/workers.py", "x * 5", "x * 6", ("test_thread",)),
    "name that becomes local": Case("shop/scope.py", "        pass", "        HIGH = 1", ("test_scope_off",)),
    "test itself": Case(
        "tests/test_alone.py", "1 + 1 == 2", "1 + 1 == 3", ("tests/test_alone.py::test_alone",)
    ),
    "configuration": Case("pyproject.toml", '["."]', '["elsewhere"]', ()),
    "new file": Case("shop/data/three.txt", "", "three\n", ("test_names", "test_has_not")),
    "new package that shadows": Case(
        "shop/prices/__init__.py",
        "",
        "RATE = 5\nTABLE = {'a': 1}\n\n\ndef gross(x):\n    return 0\n",
        ("test_constant", "test_gross"),
    ),
    "new test file": Case(
        "tests/test_more.py", "", "def test_more(): assert False\n", ("tests/test_more.py::test_more",)
    ),
}
# These may run everything (conftest imports the package that holds the constants); all others must leave
# something out.
WIDE = {
    "constant at import",
    "container at import",
    "conftest",
    "configuration",
    "new file",
    "new package that shadows",
    "test itself",
}


def git(repo: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=repo, check=True, capture_output=True, text=True
    ).stdout


def environ() -> dict[str, str]:
    dropped = ("PYTEST_", "SIGNALBOX_", "GITHUB_", "PYTHONPATH")
    return {k: v for k, v in os.environ.items() if not k.startswith(dropped)} | {
        "PYTHONDONTWRITEBYTECODE": "1"
    }


def script(repo: Path, name: str, *arguments: Any, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=repo, env=environ() | more, capture_output=True, text=True)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, committed and recorded: folder with ``repo`` and ``index.sqlite``."""
    folder = tmp_path_factory.mktemp("blind")
    repo = folder / "repo"
    for name, text in PROJECT.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    (repo / "shop/linked").symlink_to("data")
    (repo / "shop/one.link").symlink_to("data/one.txt")
    git(repo, "init", "-q", "-b", "main")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "one")
    done = script(repo, "index_tests", "--index", folder / "index.sqlite", "--", *PYTEST)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "troubles" not in done.stdout
    (folder / "policy.yml").write_text("selection: {audit-rate: 0}\n")
    return folder


def select(folder: Path, repo: Path, **more: str) -> dict[str, Any]:
    out = folder / "plan.json"
    done = script(
        repo, "select_tests", "--base", "main", "--index", folder / "index.sqlite", "--out", out,
        "--tests-out", folder / "tests.txt", "--config", folder / "policy.yml", **more,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    plan: dict[str, Any] = json.loads(out.read_text())["outputs"]["test_plan"]
    return plan


def failing(repo: Path, *arguments: str) -> set[str]:
    done = subprocess.run([*PYTEST, *arguments], cwd=repo, env=environ(), capture_output=True, text=True)
    found = {
        line.split(" ")[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))
    }
    return {name.removeprefix("tests/test_all.py::") for name in found}


def covered(test: str, lines: list[str]) -> bool:
    """Whether pytest, given these arguments, runs the test."""
    name = test if "/" in test else f"tests/test_all.py::{test}"
    ways = [name, name.partition("[")[0], name.split("::")[0], "tests", "."]
    return any(way in lines for way in ways)


# Changes that hide other changes' failures are run alone; the rest in batches of what does not collide.
ALONE = (
    "conftest",
    "configuration",
    "constant at import",
    "data file deleted",
    "new package that shadows",
    "name that becomes local",
)
APART = (("imported by a child process",), ("data file behind a link",))


def batches() -> list[list[str]]:
    taken = {*ALONE, *(name for group in APART for name in group)}
    rest = [name for name in CASES if name not in taken]
    return [[name] for name in ALONE] + [list(group) for group in APART] + [rest]


def apply(repo: Path, case: Case) -> None:
    target = repo / case.path
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        target.write_text(case.new)
    elif not case.old:
        target.unlink()
    elif case.old in target.read_text():
        target.write_text(target.read_text().replace(case.old, case.new, 1))
    else:  # another case of the batch has made the same change
        assert case.new in target.read_text()


class Judged(NamedTuple):
    """What a case led to: the plan, its lines for pytest, and the tests that its whole batch broke."""

    plan: dict[str, Any]
    lines: list[str]
    broken: set[str]


@pytest.fixture(scope="module")
def judged(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Judged]:
    repo = tmp_path_factory.mktemp("changed") / "repo"
    shutil.copytree(recorded / "repo", repo, symlinks=True)
    plans: dict[Case, tuple[dict[str, Any], list[str]]] = {}
    found = {}
    for batch in batches():
        for name in batch:
            change = CASES[name]._replace(fails=())
            if change not in plans:
                git(repo, "checkout", "-q", "-f", "-B", "change", "main")
                git(repo, "clean", "-q", "-f", "-d", "-x")
                apply(repo, change)
                git(repo, "add", "-A")
                git(repo, "commit", "-q", "-m", name)
                plan = select(recorded, repo)
                plans[change] = plan, (recorded / "tests.txt").read_text().splitlines()
        git(repo, "checkout", "-q", "-f", "-B", "batch", "main")
        git(repo, "clean", "-q", "-f", "-d", "-x")
        for name in batch:
            apply(repo, CASES[name])
        broken = failing(repo)
        for name in batch:
            found[name] = Judged(*plans[CASES[name]._replace(fails=())], broken)
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_broken_tests_are_selected(judged: dict[str, Judged], name: str):
    plan, lines, broken = judged[name]
    fails = set(CASES[name].fails)
    assert fails <= broken
    assert {test for test in fails if not covered(test, lines)} == set()
    if name not in WIDE:
        assert not plan["full_suite"]
        assert "tests/test_alone.py::test_alone" not in plan["tests"]


@pytest.mark.parametrize("batch", batches(), ids=lambda batch: batch[0])
def test_nothing_else_breaks_that_no_plan_runs(judged: dict[str, Judged], batch: list[str]):
    lines = [line for name in batch for line in judged[name].lines]
    # Without its conftest pytest does not even begin, so the configuration's change breaks no test by name.
    assert judged[batch[0]].broken or batch == ["configuration"]
    assert {test for test in judged[batch[0]].broken if not covered(test, lines)} == set()


def test_no_change_runs_the_baseline_and_nothing_more_is_claimed(recorded: Path):
    plan = select(recorded, recorded / "repo")
    assert [suite["why"] for suite in plan["suites"]] == ["a baseline: no code is changed"]


def test_an_environment_variable_that_changed_selects_its_readers(recorded: Path):
    repo = recorded / "repo"
    assert select(recorded, repo)["tests"] == []
    done = script(
        repo, "select_tests", "--base", "main", "--index", recorded / "index.sqlite",
        "--config", recorded / "policy.yml", "--explain", "tests/test_all.py::test_level", SHOP_LEVEL="high",
    )  # fmt: skip
    assert "SHOP_LEVEL" in done.stdout


def test_pytest_runs_the_file_of_arguments(recorded: Path, tmp_path: Path):
    repo = tmp_path / "repo"
    shutil.copytree(recorded / "repo", repo, symlinks=True)
    git(repo, "checkout", "-q", "-b", "change")
    (repo / "shop/data/two.txt").write_text("zwei")
    git(repo, "commit", "-q", "-a", "-m", "two")
    plan = select(recorded, repo)
    done = subprocess.run(
        [*PYTEST, f"@{recorded / 'tests.txt'}"], cwd=repo, env=environ(), capture_output=True, text=True
    )
    readers = ("through_a_link", "printed", "printed_somehow")
    assert plan["tests"] == [
        *(f"tests/test_all.py::test_{name}" for name in readers),
        "tests/test_each.py::test_each[two.txt]",
    ]
    assert "4 failed" in done.stdout
    assert "passed" not in done.stdout
