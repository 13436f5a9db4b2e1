"""Indexes of shards made one: the same plans as from one recording, and refusals for what does not belong."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PROJECT = {
    "a.py": "def one():\n    return 1\n\n\ndef two():\n    return 2\n",
    "b.py": "import functools\nimport a\n\n\n@functools.lru_cache\ndef kept():\n    return a.two()\n",
    "data.txt": "x",
    ".gitignore": "__pycache__/\n",
    "conftest.py": "import os\n\nos.environ.get('SHARD_NUMBER')\n",
    "tests/test_one.py": "import a\n\n\ndef test_one():\n    assert a.one() == 1\n\n\n"
    "def test_data():\n    assert open('data.txt').read() == 'x'\n",
    "tests/test_two.py": "import b\n\n\ndef test_first():\n    assert b.kept() == 2\n\n\n"
    "def test_second():\n    assert b.kept() == 2\n",
}
CHANGES = {
    "function": ("a.py", "return 1", "return 5"),
    "behind a cache": ("a.py", "return 2", "return 5"),
    "at import": ("b.py", "import functools", "import functools\nX = 1"),
    "data": ("data.txt", "x", "y"),
    "test": ("tests/test_two.py", "def test_first():", "def test_first():\n    b.a"),
    "new": ("c.txt", "", "new"),
}


def git(repo: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=repo, check=True, capture_output=True)


def script(repo: Path, name: str, *arguments: Any, **more: str) -> subprocess.CompletedProcess[str]:
    dropped = ("PYTEST_", "SIGNALBOX_", "GITHUB_", "PYTHONPATH", "SHARD_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    environ = kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | more
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=repo, env=environ, capture_output=True, text=True)


def record(repo: Path, index: Path, *tests: str, **more: str) -> None:
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = script(repo, "index_tests", "--index", index, "--", *pytest_, **more)
    assert done.returncode == 0, done.stdout + done.stderr


def merge(repo: Path, target: Path, *indexes: Path) -> subprocess.CompletedProcess[str]:
    return script(repo, "index_tests", "--merge", *indexes, "--index", target)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    repo = folder / "repo"
    for name, text in PROJECT.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    git(repo, "init", "-q", "-b", "main")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "one")
    record(repo, folder / "whole.sqlite", "tests")
    record(repo, folder / "one.sqlite", "tests/test_one.py")
    record(repo, folder / "two.sqlite", "tests/test_two.py")
    record(repo, folder / "other.sqlite", "tests/test_two.py", SHARD_NUMBER="2")
    done = merge(repo, folder / "merged.sqlite", folder / "one.sqlite", folder / "two.sqlite")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "policy.yml").write_text("selection: {audit-rate: 0, full-paths: []}\n")
    return folder


def chosen(place: Path, repo: Path, index: str) -> dict[str, Any]:
    out = place / "plan.json"
    done = script(
        repo, "select_tests", "--base", "main", "--index", place / index, "--out", out,
        "--config", place / "policy.yml",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    plan: dict[str, Any] = json.loads(out.read_text())["outputs"]["test_plan"]
    return {key: plan[key] for key in ("full_suite", "tests", "known_tests", "skipped_tests")}


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_plan_as_from_one_recording(place: Path, tmp_path: Path, name: str):
    path, old, new = CHANGES[name]
    repo = tmp_path / "repo"
    shutil.copytree(place / "repo", repo)
    git(repo, "checkout", "-q", "-b", "change")
    text = (repo / path).read_text() if old else ""
    (repo / path).write_text(text.replace(old, new, 1) if old else new)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "two")
    assert chosen(place, repo, "merged.sqlite") == chosen(place, repo, "whole.sqlite")


def test_a_test_of_both_shards_is_one_test(place: Path, tmp_path: Path):
    target = tmp_path / "all.sqlite"
    done = merge(place / "repo", target, *(place / f"{n}.sqlite" for n in ("whole", "one", "two")))
    assert "4 tests" in done.stdout
    connection = sqlite3.connect(target)
    assert connection.execute("SELECT count(*), sum(reruns) FROM test").fetchone() == (4, 0)
    assert connection.execute("SELECT value FROM meta WHERE key = 'shards'").fetchone() == ("3",)
    connection.close()


def test_a_variable_that_differed_between_shards_selects_its_readers(place: Path, tmp_path: Path):
    done = merge(place / "repo", place / "mixed.sqlite", place / "one.sqlite", place / "other.sqlite")
    assert done.returncode == 0, done.stdout + done.stderr
    for index, said in (
        ("mixed.sqlite", "SHARD_NUMBER, which has another value"),
        ("whole.sqlite", "because its whole suite does"),
    ):
        done = script(
            place / "repo", "select_tests", "--base", "main", "--index", place / index,
            "--config", place / "policy.yml", "--explain", "tests/test_one.py::test_one",
        )  # fmt: skip
        assert said in done.stdout


def test_what_does_not_belong_together_is_refused(place: Path, tmp_path: Path):
    repo = tmp_path / "repo"
    shutil.copytree(place / "repo", repo)
    git(repo, "commit", "-q", "-m", "another", "--allow-empty")
    record(repo, tmp_path / "later.sqlite", "tests/test_two.py")
    (tmp_path / "text.sqlite").write_text("no index")
    shutil.copy(place / "two.sqlite", tmp_path / "dirty.sqlite")
    for name, statement in {
        "dirty": "UPDATE file SET blob = 'f' WHERE path = 'a.py'",
        "old": "UPDATE meta SET value = '3.9.1' WHERE key = 'python'",
        "broken": "DELETE FROM node",
    }.items():
        shutil.copy(place / "two.sqlite", tmp_path / f"{name}.sqlite")
        connection = sqlite3.connect(tmp_path / f"{name}.sqlite")
        connection.execute(statement)
        connection.commit()
        connection.close()
    target = tmp_path / "out.sqlite"
    for name, why in {
        "later": "not of one run",
        "text": "not an impact index",
        "dirty": "different files",
        "old": "different versions of Python",
        "broken": "damaged",
        "missing": "no impact index",
    }.items():
        done = merge(repo, target, place / "one.sqlite", tmp_path / f"{name}.sqlite")
        assert done.returncode == 2, name
        assert why in done.stdout + done.stderr, name
    done = script(repo, "index_tests", "--merge", place / "one.sqlite", "--expect", 2, "--index", target)
    assert done.returncode == 2
    assert "1 of 2 are here" in done.stderr
    (tmp_path / "none").mkdir()
    assert merge(repo, target, tmp_path / "none").returncode == 2
    assert not target.exists()
    assert not list(tmp_path.glob("*.tmp"))
