"""Another language: an index from reports or the project's graph, a plan, shards with its own command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
POLICY = """\
mode: enforce
selection: {audit-rate: 0}
suites:
  unit: {minutes: 4, tests: [test], command: 'cat "$SIGNALBOX_TESTS" > "$SIGNALBOX_RESULTS/ran.txt"'}
  full: {minutes: 4, tests: [test], command: 'echo everything > "$SIGNALBOX_RESULTS/ran.txt"'}
"""
JAVA = {
    "src/acme/Cart.java": "class Cart {}\n",
    "src/acme/Price.java": "class Price {}\n",
    "src/acme/data.txt": "1\n",
    "test/acme/CartTest.java": "class CartTest {}\n",
    "test/acme/PriceTest.java": "class PriceTest {}\n",
    ".gitignore": "out/\n",
}


def report(*covered: str) -> str:
    files = "".join(
        f'<sourcefile name="{f}"><counter type="LINE" missed="0" covered="1"/></sourcefile>' for f in covered
    )
    return f'<report name="x"><package name="acme">{files}</package></report>'


def run(repo: Path, name: str, *arguments: Any, ok: bool = True) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "GITHUB_", "PYTEST_"))}
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=repo, env=environ, capture_output=True, text=True)
    assert not ok or done.returncode == 0, done.stdout + done.stderr
    return done


def git(repo: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=repo, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("java")
    for name, text in (JAVA | {".github/signalbox.yml": POLICY}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "one")
    coverage = place / "out/coverage/unit/test/acme"
    coverage.mkdir(parents=True)
    (coverage / "CartTest.java.xml").write_text(report("Cart.java", "Price.java"))
    (coverage / "PriceTest.java.xml").write_text(report("Price.java"))
    (place / "out/junit").mkdir()
    (place / "out/junit/unit.xml").write_text(
        '<testsuite><testcase classname="acme.CartTest" name="a" time="100"/>'
        '<testcase classname="acme.PriceTest" name="a" time="50"/></testsuite>'
    )
    run(place, "index_tests", "--coverage", "out/coverage", "--junit", "out/junit", "--index", "out/c.sqlite")
    needs = {f"test/acme/{n}Test.java": [f"src/acme/{n}.java"] for n in ("Cart", "Price")}
    needs["src/acme/Cart.java"] = ["src/acme/Price.java", "src/acme/data.txt"]
    (place / "out/graph.json").write_text(json.dumps({"depends": needs, "tests": list(needs)[:2]}))
    run(place, "index_tests", "--graph", "out/graph.json", "--index", "out/g.sqlite")
    git(place, "checkout", "-q", "-b", "change")
    return place


def plan(repo: Path, index: str, *paths: str) -> dict[str, Any]:
    git(repo, "reset", "-q", "--hard", "main")
    for path in paths:
        (repo / path).write_text("changed\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "two")
    run(repo, "select_tests", "--base", "main", "--index", f"out/{index}.sqlite", "--out", "out/plan.json")
    decision: dict[str, Any] = json.loads((repo / "out/plan.json").read_text())
    return decision


def ran(repo: Path, index: str) -> str:
    """What the suite's command was given on all shards."""
    given = ("--plan", "out/plan.json", "--history", f"out/{index}.sqlite", "--shards-out", "out/s")
    run(repo, "plan_concurrency", *given)
    found = []
    for shard in json.loads((repo / "out/s/shards.json").read_text())["include"]:
        run(repo, "run_shard", "--shard", json.dumps(shard), "--plan", "out/s", "--results", "out/r")
        found.append((repo / "out/r" / shard["artifact"] / "ran.txt").read_text())
    return "".join(sorted(found))


@pytest.mark.parametrize(
    ("index", "path", "tests"),
    [
        ("c", "src/acme/Cart.java", ["Cart"]),
        ("c", "src/acme/Price.java", ["Cart", "Price"]),
        ("c", "test/acme/PriceTest.java", ["Price"]),
        ("c", "src/acme/data.txt", None),
        ("g", "src/acme/Cart.java", ["Cart"]),
        ("g", "src/acme/data.txt", ["Cart"]),
        ("g", "src/acme/New.java", None),
    ],
)
def test_the_tests_that_reach_a_change_run_by_the_suites_own_command(
    repo: Path, index: str, path: str, tests: list[str] | None
):
    decision = plan(repo, index, path)
    codes = {reason["code"] for reason in decision["reasons"]}
    if tests is None:
        assert decision["verdict"] == "full"
        assert codes & {"unseen-reads", "unseen-file"}
        assert ran(repo, index) == "everything\n"
        return
    assert decision["verdict"] == "widened", "weaker evidence is never called targeted"
    assert codes & {"weaker-evidence-coverage", "weaker-evidence-graph"}
    assert ran(repo, index) == "".join(f"test/acme/{n}Test.java\n" for n in tests)


def test_a_report_that_is_cut_short_makes_no_index(repo: Path, tmp_path: Path):
    folder = tmp_path / "coverage"
    folder.mkdir()
    (folder / "unit.xml").write_text(report("Cart.java")[:-5])
    done = run(repo, "index_tests", "--coverage", folder, "--index", tmp_path / "x.sqlite", ok=False)
    assert done.returncode == 2
    assert "cut short" in done.stderr
    assert not (tmp_path / "x.sqlite").exists()
