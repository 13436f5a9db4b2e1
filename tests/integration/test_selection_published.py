"""Two consecutive releases of a published project, fetched from the package index at run time.

The index is recorded on the first, tests are selected for the second's change, and both the selection and the
whole suite run on the second: whatever fails must have been selected.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "sqlparse==0.5.1", "sqlparse==0.5.2"
BREAKING = ("sqlparse/filters/others.py", "sqlparse/engine/grouping.py")


class Prepared(NamedTuple):
    repo: Path
    index: Path
    folder: Path


def environ() -> dict[str, str]:
    dropped = ("PYTEST_", "SIGNALBOX_", "GITHUB_", "PYTHONPATH")
    return {k: v for k, v in os.environ.items() if not k.startswith(dropped)} | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def run(repo: Path, *command: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=repo, env=environ(), capture_output=True, text=True)


def git(repo: Path, *arguments: str) -> str:
    done = run(repo, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fetch(release: str, folder: Path) -> Path:
    """The source distribution of ``release``, unpacked; pip comes from an environment made for it."""
    python = folder / "pip" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "pip"], check=True, timeout=120)
    wanted = ["--no-deps", "--no-binary", ":all:", "-d", str(folder), release]
    done = subprocess.run(
        [python, "-m", "pip", "download", "-q", *wanted], capture_output=True, text=True, timeout=300
    )
    name = release.replace("==", "-")
    archive = folder / f"{name}.tar.gz"
    assert archive.exists(), f"the package index did not give {release}: {done.stderr[-500:]}"
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / name


def replace_tree(repo: Path, source: Path) -> None:
    for inner in repo.iterdir():
        if inner.name != ".git":
            shutil.rmtree(inner) if inner.is_dir() else inner.unlink()
    shutil.copytree(source, repo, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("published")
    repo = folder / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    replace_tree(repo, fetch(OLD, folder))
    git(repo, "add", "-A", "-f")
    git(repo, "commit", "-q", "-m", OLD)
    index = folder / "index.sqlite"
    suite = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no")
    done = run(repo, sys.executable, ROOT / "scripts/index_tests.py", "--index", index, "--", *suite)
    assert done.returncode == 0, done.stdout + done.stderr
    git(repo, "checkout", "-q", "-b", "release")
    replace_tree(repo, fetch(NEW, folder))
    git(repo, "add", "-A", "-f")
    git(repo, "commit", "-q", "-m", NEW)
    return Prepared(repo, index, folder)


def select(prepared: Prepared, base: str, *more: Any) -> dict[str, Any]:
    out = prepared.folder / "decision.json"
    policy = prepared.folder / "policy.yml"
    policy.write_text("selection: {audit-rate: 0}\n")
    script = (sys.executable, ROOT / "scripts/select_tests.py", "--base", base, "--index", prepared.index)
    written = ("--out", out, "--tests-out", prepared.folder / "tests.txt", "--config", policy)
    done = run(prepared.repo, *script, *written, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    decision: dict[str, Any] = json.loads(out.read_text())
    return decision


def results(prepared: Prepared, *arguments: str) -> tuple[set[str], set[str]]:
    """(tests that ran, tests that failed)"""
    suite = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "-rA")
    done = run(prepared.repo, *suite, *arguments)
    ran, failed = set(), set()
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("PASSED", "FAILED", "ERROR", "XFAIL", "XPASS", "SKIPPED"):
            name = rest.split(" - ")[0]
            ran.add(name)
            if word in ("FAILED", "ERROR"):
                failed.add(name)
    assert ran, done.stdout[-2000:] + done.stderr[-2000:]
    return ran, failed


@pytest.mark.network
def test_the_real_change_of_a_release(prepared: Prepared):
    decision = select(prepared, "main")
    plan = decision["outputs"]["test_plan"]
    everything, failing = results(prepared)
    ran, failed = results(prepared, f"@{prepared.folder / 'tests.txt'}")
    assert failing <= ran
    assert failed == failing
    changed = git(
        prepared.repo, "diff", "--name-only", "--diff-filter=d", "main", "HEAD", "--", "tests"
    ).split()
    assert changed
    in_changed_files = {name for name in everything if name.split("::")[0] in changed}
    assert in_changed_files <= ran
    # A release changes its build file and its version, which every test imports: nothing may be left out.
    assert plan["full_suite"]


@pytest.mark.network
def test_the_code_of_the_release_alone(prepared: Prepared):
    """The same change without what makes every release run everything: build files, version, new files."""
    git(prepared.repo, "checkout", "-q", "-f", "-B", "code", "main")
    named = git(prepared.repo, "diff", "--name-only", "--diff-filter=M", "main", "release").split("\n")
    taken = [p for p in named if p.startswith(("sqlparse/engine/", "sqlparse/filters/", "tests/test_"))]
    assert any(p.startswith("tests/") for p in taken)
    assert any(p.startswith("sqlparse/") for p in taken)
    git(prepared.repo, "checkout", "release", "--", *taken)
    git(prepared.repo, "commit", "-q", "-m", "code")
    plan = select(prepared, "main")["outputs"]["test_plan"]
    everything, failing = results(prepared)
    ran, failed = results(prepared, f"@{prepared.folder / 'tests.txt'}")
    assert failed == failing
    assert not plan["full_suite"]
    assert {name for name in everything if name.split("::")[0] in taken} <= ran
    assert len(ran) < len(everything)


@pytest.mark.network
@pytest.mark.parametrize("path", BREAKING)
def test_one_file_of_the_real_change_broken(prepared: Prepared, path: str):
    """Back at the first release, one function of a file of its is broken by hand."""
    git(prepared.repo, "checkout", "-q", "-f", "-B", "broken", "main")
    target = prepared.repo / path
    text = target.read_text()
    at = text.rindex("return ")
    target.write_text(text[:at] + "return None and " + text[at + len("return ") :])
    git(prepared.repo, "commit", "-q", "-a", "-m", "broken")
    plan = select(prepared, "main")["outputs"]["test_plan"]
    everything, failing = results(prepared)
    ran, failed = results(prepared, f"@{prepared.folder / 'tests.txt'}")
    assert failed == failing
    assert not plan["full_suite"]
    assert len(ran) < len(everything)


@pytest.mark.network
def test_a_data_file_that_tests_read(prepared: Prepared):
    git(prepared.repo, "checkout", "-q", "-f", "-B", "data", "main")
    for path in (prepared.repo / "tests/files").glob("*.sql"):
        path.write_text("broken")
    git(prepared.repo, "commit", "-q", "-a", "-m", "data")
    plan = select(prepared, "main")["outputs"]["test_plan"]
    everything, failing = results(prepared)
    ran, failed = results(prepared, f"@{prepared.folder / 'tests.txt'}")
    assert len(failing) >= 5
    assert failed == failing
    assert not plan["full_suite"]
    assert len(ran) < len(everything) / 4
