"""bench_pairs.py on a real repository of two revisions, and what the score makes of its pairs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Times that the benchmark itself reports: nothing here depends on how busy this machine is.
BENCH = """
import json, os, pathlib
n = int(pathlib.Path("count").read_text()) if pathlib.Path("count").exists() else 0
pathlib.Path("count").write_text(str(n + 1))
base = {times}
with open(os.environ["SIGNALBOX_BENCH_OUT"], "w") as out:
    json.dump({{name: t * (1 + 0.001 * (n % 3)) for name, t in base.items()}}, out)
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "repo"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    return path


def git(repo: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    ran = subprocess.run(["git", "-C", str(repo), *identity, *arguments], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def commit(repo: Path, times: dict[str, float], code: str = "") -> str:
    (repo / "bench.py").write_text(code or BENCH.format(times=times))
    git(repo, "add", ".")
    git(repo, "commit", "-q", "--allow-empty", "-m", "change")
    return git(repo, "rev-parse", "HEAD")


def bench(repo: Path, baseline: str, *more: str) -> subprocess.CompletedProcess[str]:
    out = repo.parent / "evidence" / "pairs.json"
    command = [sys.executable, str(ROOT / "scripts" / "bench_pairs.py"), "--repo", str(repo)]
    return subprocess.run(
        [*command, "--baseline", baseline, "--pairs-out", str(out), *more, "--", sys.executable, "bench.py"],
        env={"PATH": os.environ["PATH"], "HOME": str(repo.parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("slower", "verdict"), [(1.0, "no-regression"), (1.1, "regression"), (1.02, "no-regression")]
)
def test_a_slower_candidate_is_found_beyond_the_margin(repo: Path, slower: float, verdict: str) -> None:
    before = commit(repo, {"parse": 1.0})
    after = commit(repo, {"parse": slower})
    ran = bench(repo, before)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"{verdict}: 1 benchmarks")
    report = json.loads((repo.parent / "evidence" / "pairs.json").read_text())
    assert (report["baseline"], report["candidate"]) == (before, after)
    assert len(report["benchmarks"]["parse"]) == 5
    assert git(repo, "worktree", "list").count("\n") == 0
    assert git(repo, "status", "--porcelain") == ""


def test_two_benchmarks_take_six_pairs_and_the_score_blocks_on_them(repo: Path, tmp_path: Path) -> None:
    before = commit(repo, {"parse": 1.0, "render": 0.2})
    after = commit(repo, {"parse": 1.0, "render": 0.23})
    assert bench(repo, before).returncode == 0
    evidence = tmp_path / "evidence"
    (evidence / "junit.xml").write_text(
        '<testsuite name="s" tests="1"><testcase name="a" classname="s"/></testsuite>'
    )
    command = [sys.executable, str(ROOT / "scripts" / "score_artifact.py"), "--evidence", str(evidence)]
    ran = subprocess.run(
        [*command, "--repo", str(repo), "--sha", after],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 1, ran.stderr
    assert "render takes 15." in ran.stdout
    assert "the margin is 3%" in ran.stdout


def test_without_times_of_its_own_the_command_is_timed(repo: Path) -> None:
    before = commit(repo, {}, "print('done')")
    commit(repo, {}, "print('done too')")
    ran = bench(repo, before, "--pairs", "2")
    assert ran.returncode == 0, ran.stderr
    report = json.loads((repo.parent / "evidence" / "pairs.json").read_text())
    assert list(report["benchmarks"]) == ["command"]
    assert ran.stdout.startswith("inconclusive")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit('no data')", "ended with 1 at the candidate"),
        (
            "import os; open(os.environ['SIGNALBOX_BENCH_OUT'], 'w').write('{\"a\": -1}')",
            "a time that is not positive",
        ),
        ("import os; open(os.environ['SIGNALBOX_BENCH_OUT'], 'w').write('fast')", "does not hold times"),
        (
            "import os; open(os.environ['SIGNALBOX_BENCH_OUT'], 'w').write('{\"other\": 1}')",
            "do not report the same benchmarks",
        ),
    ],
)
def test_a_run_that_fails_is_no_fast_run(repo: Path, code: str, says: str) -> None:
    before = commit(repo, {"parse": 1.0})
    commit(repo, {}, code)
    ran = bench(repo, before)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert git(repo, "worktree", "list").count("\n") == 0


def test_an_unknown_revision_or_one_that_looks_like_an_option(repo: Path) -> None:
    commit(repo, {"parse": 1.0})
    for name in ("no-such", "--upload-pack=x"):
        ran = bench(repo, f"{name}")
        assert ran.returncode == 2
