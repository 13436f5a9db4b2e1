"""The plugin's raw recording of a small suite, in the interpreter and with the pytest that run this file.

Standard library and Python 3.9 only: `tests/pythons.py` runs it in one environment after the other. The suite
runs by itself and beside each plugin that is installed; every time the same must be recorded.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "plugin" / "src"
FILES = {
    "code.cfg": "x",
    "shop.py": (
        "import functools\nRATE = 2\ndef gross(x):\n    return x * RATE\ndef other(x):\n    return x\n"
        "@functools.lru_cache(maxsize=None)\ndef quick(x):\n    return slow(x)\n"
        "def slow(x):\n    return x + 1\n"
        "async def work(x):\n    return gross(x)\n"
    ),
    "tool.py": "import shop\nprint(shop.other(3))\n",
    "test_shop.py": (
        "import asyncio, os, subprocess, sys, unittest\nimport pytest\nimport shop\n"
        "@pytest.fixture(scope='module')\ndef made():\n    return shop.other(1)\n"
        "def test_gross():\n    assert shop.gross(1) == 2\n"
        "def test_quick_first():\n    assert shop.quick(1) == 2\n"
        "def test_quick_second():\n    assert shop.quick(1) == 2\n"
        "def test_file():\n    assert open('code.cfg').read() == 'x'\n"
        "def test_exists():\n    assert not os.path.exists('later.cfg')\n"
        "def test_environment():\n    assert os.environ.get('NOT_SET_HERE') is None\n"
        "def test_made(made):\n    assert made == 1\n"
        "def test_async():\n    assert asyncio.run(shop.work(1)) == 2\n"
        "def test_child():\n    assert subprocess.check_output([sys.executable, 'tool.py']).strip() == b'3'\n"
        "class TestUnit(unittest.TestCase):\n"
        "    def test_unit(self):\n        self.assertEqual(shop.gross(2), 4)\n"
        "@pytest.mark.parametrize('x', [1, 2])\ndef test_each(x):\n    assert shop.other(x) == x\n"
        "@pytest.mark.skip\ndef test_skipped():\n    pass\n"
    ),
}
BLOCKS = {"gross": 4, "other": 6, "quick": 9, "slow": 11}  # line of each body in shop.py
EXPECTED = {  # test → bodies of shop.py that it depends on
    "test_gross": {"gross"},
    "test_quick_first": {"quick", "slow"},
    "test_quick_second": {"quick", "slow"},
    "test_file": set(),
    "test_exists": set(),
    "test_environment": set(),
    "test_made": {"other"},
    "test_async": {"gross"},
    "test_child": {"other"},
    "TestUnit::test_unit": {"gross"},
    "test_each[1]": {"other"},
    "test_each[2]": {"other"},
    "test_skipped": set(),
}
BESIDE = {
    "": [],
    "pytest_cov": ["--cov=shop", "--cov-report="],
    "xdist": ["-n", "2"],
    "pytest_rerunfailures": ["--reruns", "1"],
}


class Recorded:
    """All processes of one run, united."""

    def __init__(self, folder: Path) -> None:
        self.tests: dict[str, set[str]] = {}
        self.held: dict[str, dict[str, list[str]]] = {}
        self.troubles: list[object] = []
        processes = [
            [json.loads(line) for line in path.read_text().splitlines()]
            for path in folder.glob("raw-*.jsonl")
        ]
        roots = {lines[0]["parent"]: lines for lines in processes if lines[0]["parent"]}
        for lines in processes:
            self._read(lines, roots)

    def _read(self, lines: list[dict], roots: dict[str, list[dict]]) -> None:
        if not any("end" in line for line in lines):
            self.troubles.append("a recording without its end")
        self.troubles += [line["trouble"] for line in lines if "trouble" in line]
        contexts = {line["ctx"]: line for line in lines if "ctx" in line}
        for line in lines:
            if "test" in line:
                name = line["test"].partition("::")[2]
                self.tests.setdefault(name, set()).update(_bodies(lines, contexts, line, roots))
                self.held[name] = {key: line.get(key, []) for key in ("read", "looked", "env")}


def _bodies(
    lines: list[dict], contexts: dict[int, dict], line: dict, roots: dict[str, list[dict]]
) -> set[str]:
    """The bodies of shop.py that a test executed, itself or by a fixture, a cache or a child process."""
    files = {entry["file"]: entry for entry in lines if "file" in entry}
    sets = {entry["set"]: entry for entry in lines if "set" in entry}
    found, todo, seen = set(), [line], set()
    while todo:
        context = todo.pop()
        for number in context.get("seen", []):
            entry = sets[number]
            file = files[entry["of"]]
            marked = int(entry["bits"], 16)
            if file["path"] == "shop.py":
                at = {start[0] for i, start in enumerate(file["starts"]) if marked >> i & 1}
                found |= {name for name, first in BLOCKS.items() if first in at}
        for start in context.get("spawned", []):
            child = roots.get(start["token"])
            if child:
                inner = {entry["ctx"]: entry for entry in child if "ctx" in entry}
                for each in inner.values():
                    found |= _bodies(child, {}, {**each, "uses": []}, {})
        for used in context.get("uses", []):
            if (
                used in contexts
                and used not in seen
                and contexts[used]["kind"] not in ("import", "collect", "root")
            ):
                seen.add(used)
                todo.append(contexts[used])
    return found


def run(options: list[str]) -> list[str]:
    """What is wrong with the recording of one run; empty when nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        place, raw = Path(folder, "repo").resolve(), Path(folder, "raw").resolve()
        place.mkdir()
        for name, text in FILES.items():
            (place / name).write_text(text)
        environ = {**os.environ, "PYTEST_SIGNALBOX_DIR": str(raw), "PYTEST_SIGNALBOX_ROOT": str(place)}
        environ["PYTHONPATH"] = os.pathsep.join([str(SRC), str(SRC / "pytest_signalbox" / "boot")])
        command = [sys.executable, "-W", "error::pytest.PytestWarning", "-m", "pytest", "-q"]
        done = subprocess.run(
            [*command, "-p", "pytest_signalbox", *options],
            cwd=place,
            env=environ,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            return [f"pytest ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}"]
        found = Recorded(raw)
    wrong = [f"trouble: {trouble}" for trouble in found.troubles]
    wrong += [f"{name}: {found.tests.get(name)} instead of {EXPECTED[name]}" for name in EXPECTED
              if found.tests.get(name) != EXPECTED[name]]  # fmt: skip
    for name, kind, what in (
        ("test_file", "read", "code.cfg"),
        ("test_exists", "looked", "later.cfg"),
        ("test_environment", "env", "NOT_SET_HERE"),
    ):
        if what not in found.held.get(name, {}).get(kind, []):
            wrong.append(f"{name} did not note {what}")
    return wrong


def main() -> int:
    """Run it beside everything that is installed."""
    import pytest

    beside = [name for name in BESIDE if not name or importlib.util.find_spec(name)]
    bad = 0
    for name in beside:
        for wrong in run(BESIDE[name]):
            bad += 1
            print(f"beside {name or 'nothing'}: {wrong}")
    told = ", ".join(name or "nothing" for name in beside)
    print(f"{bad} wrong on Python {sys.version.split()[0]}, pytest {pytest.__version__}, beside {told}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
