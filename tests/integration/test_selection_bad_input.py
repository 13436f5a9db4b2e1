"""Indexes that cannot be used, changes that cannot be known: wider plans or refusals, never smaller plans."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def git(repo: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=repo, check=True, capture_output=True)


def script(repo: Path, name: str, *arguments: Any, **more: str) -> subprocess.CompletedProcess[str]:
    dropped = ("PYTEST_", "SIGNALBOX_", "GITHUB_", "PYTHONPATH")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | more
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=repo, env=environ, capture_output=True, text=True)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bad")
    (place / "code.py").write_text("def one():\n    return 1\n")
    (place / "other.py").write_text("def two():\n    return 2\n")
    (place / ".gitignore").write_text("*.sqlite\n*.probes\n__pycache__/\n*.json\n*.txt\nout/\n")
    (place / "tests").mkdir()
    (place / "tests/test_one.py").write_text(
        "import code_of\ndef test_one():\n    assert code_of.one() == 1\n"
    )
    (place / "tests/test_two.py").write_text("import other\ndef test_two():\n    assert other.two() == 2\n")
    (place / "code.py").rename(place / "code_of.py")
    (place / "conftest.py").write_text("")
    (place / "policy.yml").write_text("selection: {audit-rate: 0}\n")
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "one")
    done = script(place, "index_tests", "--index", "index.sqlite", "--", sys.executable, "-m", "pytest", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    (place / "code_of.py").write_text("def one():\n    return 3\n")
    git(place, "commit", "-q", "-a", "-m", "two")
    return place


def plan(repo: Path, index: str | Path, *more: Any) -> dict[str, Any]:
    out = repo / "plan.json"
    done = script(
        repo, "select_tests", "--base", "HEAD~1", "--index", index, "--config", "policy.yml",
        "--out", out, "--tests-out", repo / "tests.txt", *more,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    decision: dict[str, Any] = json.loads(out.read_text())
    return decision


def test_a_good_index_chooses_one_test(repo: Path):
    decision = plan(repo, "index.sqlite")
    assert decision["outputs"]["test_plan"]["tests"] == ["tests/test_one.py::test_one"]
    assert (repo / "tests.txt").read_text() == "tests/test_one.py\n"


def damage(text: bytes) -> bytes:
    return text[:4000] + b"\xff" * 3000 + text[7000:]


def edit(*statements: str) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    return apply


BAD: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no database"),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "damaged": lambda path: path.write_bytes(damage(path.read_bytes())),
    "another version": edit("PRAGMA user_version = 99"),
    "another application": edit("PRAGMA application_id = 7"),
    "a view": edit("CREATE VIEW test2 AS SELECT * FROM test"),
    "a trigger": edit("CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM test; END"),
    "not finished": edit("DELETE FROM meta WHERE key = 'complete'"),
    "no table": edit("DROP TABLE footprint"),
    "no time": edit("DELETE FROM meta WHERE key = 'recorded_at'"),
    "nonsense time": edit("UPDATE meta SET value = 'soon' WHERE key = 'recorded_at'"),
    "nonsense positions": edit("UPDATE file SET starts = x'ff00' WHERE path = 'code_of.py'"),
    "a trouble": edit("INSERT INTO trouble VALUES ('x', 'y')"),
    "too old": edit("UPDATE meta SET value = '2020-01-01T00:00:00Z' WHERE key = 'recorded_at'"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_index_that_is_no_good_runs_more_and_says_why(repo: Path, tmp_path: Path, name: str):
    index = tmp_path / "index.sqlite"
    index.write_bytes((repo / "index.sqlite").read_bytes())
    BAD[name](index)
    decision = plan(repo, index)
    chosen = decision["outputs"]["test_plan"]
    if name == "nonsense positions":
        assert "tests/test_one.py::test_one" in chosen["tests"]
    else:
        assert chosen["full_suite"] is True
        assert (repo / "tests.txt").read_text().split() in (
            ["tests"],
            ["tests/test_one.py", "tests/test_two.py"],
        )
        assert decision["reasons"][0]["effect"] == "full"


def test_no_index_yet_follows_imports_or_runs_whole_suites(repo: Path, tmp_path: Path):
    decision = plan(repo, tmp_path / "none.sqlite")
    assert decision["verdict"] == "widened"
    assert decision["reasons"][0]["code"] == "weaker-evidence-imports"
    assert (repo / "tests.txt").read_text() == "tests/test_one.py\n"
    policy = tmp_path / "policy.yml"
    policy.write_text("selection: {audit-rate: 0, without-index: suites}\n")
    decision = plan(repo, tmp_path / "none.sqlite", "--config", policy)
    assert decision["verdict"] == "widened"
    assert (repo / "tests.txt").read_text() == "tests\n"


def test_everything_can_be_asked_for(repo: Path):
    assert plan(repo, "index.sqlite", "--full")["reasons"][0]["code"] == "forced"
    assert plan(repo, "index.sqlite", "--labels", "bug,full-tests")["reasons"][0]["code"] == "forced"


def test_only_observing_leaves_the_job_running_everything(repo: Path, tmp_path: Path):
    output = tmp_path / "output"
    output.touch()
    done = script(
        repo, "select_tests", "--base", "HEAD~1", "--index", "index.sqlite", "--config", "policy.yml",
        "--tests-out", repo / "tests.txt", GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(output),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (repo / "tests.txt").read_text() == "tests\n"
    assert "targeted" in output.read_text()


@pytest.mark.parametrize("arguments", [("--base", "nothing"), ("--base=--output=x",), ("--head", "gone")])
def test_unknown_refs_are_refused(repo: Path, arguments: tuple[str, ...]):
    done = script(repo, "select_tests", "--index", "index.sqlite", *arguments)
    assert done.returncode == 2
    assert "--base" in done.stderr or "--head" in done.stderr


def test_a_test_is_explained(repo: Path):
    common = ("--base", "HEAD~1", "--index", "index.sqlite", "--config", "policy.yml", "--explain")
    assert (
        "code_of.py: one is changed"
        in script(repo, "select_tests", *common, "tests/test_one.py::test_one").stdout
    )
    assert "is skipped" in script(repo, "select_tests", *common, "tests/test_two.py::test_two").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--plan", "nowhere.json"), "test plan"),
        (("--plan", "policy.yml"), "not a test plan"),
        (("--max-runners", "0"), "number of runners"),
        (("--max-runners", "257"), "number of runners"),
    ],
)
def test_a_runner_plan_of_nothing_is_refused(repo: Path, arguments: tuple[str, ...], says: str):
    done = script(repo, "plan_concurrency", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
