"""The plugin beside other machinery, and suites that go wrong while they are recorded."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import plugin_on_this_python
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "index_tests.py"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short")


def project(place: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", *who, *command], cwd=place, check=True)
    return place


def record(place: Path, *command: Any, **more: str) -> subprocess.CompletedProcess[str]:
    dropped = ("PYTEST_", "SIGNALBOX_", "GITHUB_", "PYTHONPATH")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    arguments = [sys.executable, str(SCRIPT), "--index", "index.sqlite", "--", *map(str, command or PYTEST)]
    return subprocess.run(
        arguments, cwd=place, env=environ | more, capture_output=True, text=True, timeout=120
    )


def rows(place: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(place / "index.sqlite")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def executing(place: Path, path: str) -> set[str]:
    query = (
        "SELECT nodeid FROM test JOIN seen ON seen.node = test.id "
        "JOIN footprint ON footprint.id = seen.footprint "
        f"JOIN file ON file.id = footprint.file WHERE file.path = '{path}'"
    )
    return {row[0] for row in rows(place, query)}


CODE = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"


def test_unittest_classes_async_code_markers_and_doctests(tmp_path: Path):
    place = project(
        tmp_path,
        {
            "code.py": CODE,
            "doc.py": (
                'import code_more\n\n\ndef f():\n    """\n    >>> f()\n    3\n    """\n'
                "    return code_more.three()\n"
            ),
            "code_more.py": "def three():\n    return 3\n",
            "test_it.py": (
                "import asyncio, unittest, pytest\nfrom code_more import three\nimport other\n"
                "class T(unittest.TestCase):\n"
                "    @classmethod\n    def setUpClass(cls):\n        cls.value = other.one()\n"
                "    def test_a(self):\n        self.assertEqual(self.value, 1)\n"
                "    def test_b(self):\n        with self.subTest(i=1):\n            assert self.value == 1\n"
                "async def work():\n    await asyncio.sleep(0)\n    return three()\n"
                "def test_async():\n    assert asyncio.run(work()) == 3\n"
                "@pytest.mark.skip\ndef test_skipped():\n    pass\n"
                "@pytest.mark.xfail(strict=True)\ndef test_xfail():\n    assert three() == 4\n"
            ),
            "other.py": CODE,
        },
    )
    done = record(place, *PYTEST, "--doctest-modules")
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = dict(rows(place, "SELECT nodeid, outcome FROM test"))
    assert outcomes == {
        "doc.py::doc.f": "passed",
        "test_it.py::T::test_a": "passed",
        "test_it.py::T::test_b": "passed",
        "test_it.py::test_async": "passed",
        "test_it.py::test_skipped": "skipped",
        "test_it.py::test_xfail": "xfailed",
    }
    assert executing(place, "code_more.py") == {
        "doc.py::doc.f",
        "test_it.py::test_async",
        "test_it.py::test_xfail",
    }
    assert rows(place, "SELECT count(*) FROM trouble") == [(0,)]


def test_workers_of_xdist_are_united(tmp_path: Path):
    head = "import pytest, code_here\n@pytest.mark.parametrize('i', range(12))\n"
    tests = head + "def test_it(i):\n    assert code_here.one()\n"
    strict = {"pytest.ini": "[pytest]\nfilterwarnings = error\n"}
    place = project(tmp_path, {"code_here.py": CODE, "test_many.py": tests, **strict})
    done = record(place, *PYTEST, "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(executing(place, "code_here.py")) == 12
    assert rows(place, "SELECT value FROM meta WHERE key = 'processes'") == [("3",)]
    assert {program for (program,) in rows(place, "SELECT program FROM process")} <= {"uname"}


def test_the_callers_own_sitecustomize_still_runs_in_children(tmp_path: Path):
    custom = tmp_path / "custom"
    custom.mkdir()
    (custom / "sitecustomize.py").write_text("import os\nos.environ['CUSTOM'] = 'yes'\n")
    test = (
        "import subprocess, sys\n"
        "def test_it():\n"
        "    code = 'import os, tool; print(os.environ[\"CUSTOM\"])'\n"
        "    assert subprocess.check_output([sys.executable, '-c', code]) == b'yes\\n'\n"
    )
    place = tmp_path / "repo"
    place.mkdir()
    project(place, {"tool.py": CODE, "test_child.py": test})
    done = record(place, PYTHONPATH=f"{place}{os.pathsep}{custom}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_suite_that_fails_is_indexed_and_its_exit_code_kept(tmp_path: Path):
    place = project(tmp_path, {"test_bad.py": "def test_bad():\n    assert 0\ndef test_good():\n    pass\n"})
    done = record(place)
    assert done.returncode == 1
    assert dict(rows(place, "SELECT nodeid, outcome FROM test")) == {
        "test_bad.py::test_bad": "failed",
        "test_bad.py::test_good": "passed",
    }


@pytest.mark.parametrize(
    ("files", "command", "says"),
    [
        ({"test_none.py": "x = 1\n"}, PYTEST, "recorded no test"),
        ({"test_broken.py": "import nothing_there\n"}, PYTEST, "recorded no test"),
        ({"test_a.py": "def test_a(): pass\n"}, ("no-such-program",), "cannot be started"),
        ({"test_a.py": "def test_a(): pass\n"}, (sys.executable, "-I", "-c", "pass"), "recorded no test"),
    ],
)
def test_no_index_is_written_of_nothing(
    tmp_path: Path, files: dict[str, str], command: tuple[str, ...], says: str
):
    place = project(tmp_path, files)
    (place / "index.sqlite").write_text("the old one")
    done = record(place, *command)
    assert done.returncode == 2
    assert says in done.stderr
    assert (place / "index.sqlite").read_text() == "the old one"


def test_a_run_that_is_killed_leaves_a_hole_that_is_known(tmp_path: Path):
    place = project(tmp_path, {"test_kill.py": "import os\ndef test_a(): pass\ndef test_b(): os._exit(3)\n"})
    done = record(place)
    assert done.returncode in (2, 3)
    if done.returncode == 3:
        assert [code for code, _ in rows(place, "SELECT * FROM trouble")] == ["unfinished-recording"]


def test_programs_that_cannot_be_followed_are_named(tmp_path: Path):
    test = (
        "import subprocess\ndef test_a():\n    subprocess.run(['ls'], check=True)\ndef test_b():\n    pass\n"
    )
    place = project(tmp_path, {"test_ls.py": test})
    assert record(place).returncode == 0
    query = "SELECT nodeid, program FROM process JOIN test ON test.id = process.node"
    assert rows(place, query) == [("test_ls.py::test_a", "ls")]


def test_code_that_warns_about_its_caller_at_import_still_names_the_caller(tmp_path: Path):
    place = project(
        tmp_path,
        {
            "old.py": "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n",
            "test_warn.py": (
                "import warnings\ndef test_it():\n    with warnings.catch_warnings(record=True) as found:\n"
                "        warnings.simplefilter('always')\n        import old\n"
                "    assert found[0].filename == __file__\n"
            ),
        },
    )
    done = record(place)
    assert done.returncode == 0, done.stdout


def test_a_small_suite_is_recorded_whole_on_this_python():
    """Also what a child's program itself is: the interpreter opens it before there is any frame."""
    assert plugin_on_this_python.run([]) == []
