"""Repositories as they come: shallow, orphaned, rebased, huge, oddly named. A wider plan or a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
POLICY = "selection: {audit-rate: 0, full-paths: []}\n"


def environ() -> dict[str, str]:
    dropped = ("PYTEST_", "SIGNALBOX_", "GITHUB_", "PYTHONPATH", "CI")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def run(repo: Path, *command: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=repo, env=environ(), capture_output=True, text=True)


def git(repo: Path, *arguments: Any, given: bytes | None = None) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
    command = ["git", *who, *map(str, arguments)]
    subprocess.run(command, cwd=repo, check=True, capture_output=True, input=given)


def commit(repo: Path, message: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", message)


def index(repo: Path, target: Path, *command: str) -> subprocess.CompletedProcess[str]:
    script = (sys.executable, SCRIPTS / "index_tests.py", "--index", target, "--")
    return run(repo, *script, *(command or PYTEST))


def select(repo: Path, *more: Any, base: str = "HEAD~1") -> subprocess.CompletedProcess[str]:
    out = ("--out", "plan.json", "--tests-out", "tests.txt", "--config", "policy.yml")
    return run(repo, sys.executable, SCRIPTS / "select_tests.py", "--base", base, *out, *more)


def decided(repo: Path, *more: Any, base: str = "HEAD~1") -> tuple[dict[str, Any], set[str]]:
    done = select(repo, *more, base=base)
    assert done.returncode == 0, done.stdout + done.stderr
    decision: dict[str, Any] = json.loads((repo / "plan.json").read_text())
    return decision, {reason["code"] for reason in decision["reasons"]}


FILES = {
    "policy.yml": POLICY,
    ".gitignore": "plan.json\ntests.txt\n__pycache__/\n",
    "conftest.py": "",
    "one.py": "def f():\n    return 1\n",
    "two.py": "def f():\n    return 2\n",
    "tests/test_one.py": "import one\ndef test_one():\n    assert one.f()\n",
    "tests/test_two.py": "import two\ndef test_two():\n    assert two.f()\n",
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    place = tmp_path / "repo"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    commit(place, "zero", FILES | {"zero.txt": ""})
    commit(place, "one", {"one.py": "def f():\n    return 11\n"})
    return place


def test_only_ci_draws_audits_unless_it_is_asked_for(repo: Path):
    (repo / "policy.yml").write_text("selection: {audit-rate: 1, full-paths: []}\n")
    decision, codes = decided(repo)
    assert "audit" not in codes
    assert decision["propensity"] == 1.0, "nothing was drawn"
    decision, codes = decided(repo, "--audit", "yes")
    assert (decision["verdict"], decision["reasons"][0]["code"]) == ("full", "audit")
    assert decision["outputs"]["audited_plan"]["tests"] == ["tests/test_one.py"]
    done = run(repo, "env", "CI=true", sys.executable, SCRIPTS / "select_tests.py", "--base", "HEAD~1",
               "--config", "policy.yml")  # fmt: skip
    assert "one of the 100% that run everything" in done.stdout


def test_the_last_commits_trailer_runs_everything_also_below_a_merge(repo: Path):
    git(repo, "checkout", "-q", "-b", "feature")
    commit(repo, "words\n\nSignalbox-Tests: full", {"two.py": "def f():\n    return 22\n"})
    assert "forced" in decided(repo, base="main")[1]
    git(repo, "checkout", "-q", "main")
    commit(repo, "meanwhile", {"zero.txt": "0"})
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge feature into main", "feature")
    decision, codes = decided(repo)
    assert "forced" in codes
    assert "the commit's trailer" in json.dumps(decision["reasons"])


def test_a_shallow_clone_runs_everything_and_names_the_way_out(repo: Path, tmp_path: Path):
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{repo}", "shallow")
    decision, codes = decided(tmp_path / "shallow")
    assert decision["verdict"] == "full"
    assert "shallow-clone" in codes
    assert "fetch-depth: 0" in json.dumps(decision["reasons"])
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repo}", "shallower")
    done = select(tmp_path / "shallower")
    assert done.returncode == 2
    assert "fetch-depth: 0" in done.stderr


def test_histories_that_share_nothing_run_everything(repo: Path):
    git(repo, "checkout", "-q", "--orphan", "other")
    commit(repo, "orphan", {"one.py": "def f():\n    return 5\n"})
    decision, codes = decided(repo, base="main")
    assert decision["verdict"] == "full"
    assert "no-merge-base" in codes


def test_an_index_of_a_commit_that_a_rebase_took_away_still_compares_files(repo: Path, tmp_path: Path):
    git(repo, "checkout", "-q", "-b", "away", "HEAD~1")
    commit(repo, "away", {"zero.txt": "away"})
    assert index(repo, tmp_path / "i.sqlite").returncode == 0
    git(repo, "checkout", "-q", "main")
    git(repo, "branch", "-q", "-D", "away")
    decision, _ = decided(repo, "--index", tmp_path / "i.sqlite")
    assert decision["outputs"]["test_plan"]["tests"] == ["tests/test_one.py::test_one"]


def test_an_index_of_another_repository_runs_everything(repo: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "main")
    commit(other, "one", {"test_x.py": "def test_x():\n    pass\n"})
    assert index(other, tmp_path / "other.sqlite").returncode == 0
    decision, codes = decided(repo, "--index", tmp_path / "other.sqlite")
    assert decision["verdict"] == "full"
    assert codes & {"unseen-file", "empty-selection"}
    assert (repo / "tests.txt").read_text().split() == ["tests"]


def test_a_suite_that_never_starts_leaves_the_last_index_alone(repo: Path, tmp_path: Path):
    target = tmp_path / "i.sqlite"
    assert index(repo, target).returncode == 0
    before = target.read_bytes()
    commit(repo, "broken", {"conftest.py": "raise RuntimeError('no')\n"})
    for command in ((), ("false",), ("no-such-program",)):
        done = index(repo, target, *command)
        assert done.returncode == 2
        assert done.stderr
    assert target.read_bytes() == before
    assert list(tmp_path.glob(".*.tmp")) == []


def test_a_project_without_tests_gets_its_baseline(tmp_path: Path):
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, "zero", {"a.py": "x = 1\n", "policy.yml": POLICY, ".gitignore": "plan.json\n"})
    commit(tmp_path, "one", {"a.py": "x = 2\n"})
    decision, codes = decided(tmp_path)
    assert decision["verdict"] == "widened"
    assert "no-index" in codes
    assert [s["name"] for s in decision["outputs"]["test_plan"]["suites"]] == ["unit"]


def test_fifty_thousand_changed_files_run_everything(repo: Path):
    """Written by fast-import: one blob under fifty thousand names."""
    lines = [
        "blob",
        "mark :1",
        "data 2",
        "x",
        "",
        "commit refs/heads/huge",
        "committer t <t@example.org> 0 +0000",
    ]
    lines += ["data 4", "huge", "from refs/heads/main"]
    lines += [f"M 100644 :1 d{i % 200}/f{i}.py" for i in range(50_000)]
    git(repo, "fast-import", "--quiet", given="\n".join([*lines, ""]).encode())
    decision, codes = decided(repo, "--head", "huge", base="main")
    assert decision["verdict"] == "full"
    assert "many-files" in codes
    assert (repo / "plan.json").stat().st_size < 3_000_000


@pytest.mark.parametrize(
    "odd", [("test_“q\"'.py", "test_\u202egnp.py", "-test_x.py", "test_a\nb.py"), ("test_c::d.py",)]
)
def test_a_hostile_name_is_run_or_runs_everything(repo: Path, tmp_path: Path, odd: tuple[str, ...]):
    policy = "[pytest]\npython_files = *test_*.py\npythonpath = .\naddopts = --import-mode=importlib\n"
    test = "import two\ndef test_odd():\n    assert two.f()\n"
    commit(repo, "odd", {f"tests/{name}": test for name in odd} | {"pytest.ini": policy})
    recorded = index(repo, tmp_path / "i.sqlite")
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    commit(repo, "two", {"two.py": "def f():\n    return 0\n"})
    decided(repo, "--index", tmp_path / "i.sqlite")
    done = run(repo, *PYTEST, "@tests.txt")
    assert done.returncode == 1
    assert f"{len(odd) + 1} failed" in done.stdout, done.stdout + (repo / "tests.txt").read_text()
