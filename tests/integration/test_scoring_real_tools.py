"""Reports that real tools really write, against what is known about the run by other means."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from signalbox.decision import Evidence
from signalbox.evidence import read

BIN = Path(sys.executable).parent

SUITE = """
import unittest
import pytest

def test_passes(): pass
def test_fails(): assert 1 == 2
def test_breaks(broken): pass
@pytest.fixture
def broken(): raise RuntimeError("no database")
@pytest.fixture
def leaky():
    yield
    raise RuntimeError("teardown")
def test_leaks(leaky): pass
def test_fails_and_leaks(leaky): assert False
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_expected_failure(): assert False
@pytest.mark.parametrize("n", range(5))
def test_many(n): pass
class TestOld(unittest.TestCase):
    def test_passes(self): pass
    @unittest.skip("later")
    def test_later(self): pass
"""


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(cwd), "NO_COLOR": "1"}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("family", ["xunit1", "xunit2", "legacy"])
def test_pytest(tmp_path: Path, family: str) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    arguments = ("-q", "-p", "no:cacheprovider", "-o", f"junit_family={family}", "--junitxml=junit.xml")
    ran = run(sys.executable, "-m", "pytest", *arguments, cwd=tmp_path)
    evidence = read(tmp_path / "junit.xml")
    said = {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", ran.stdout.splitlines()[-1])}
    # One case both failed and broke at its end, and the one that only broke there passed before.
    assert evidence.status == "fail"
    assert evidence.facts["failed"] == said["failed"] + said["errors"] - 1
    assert evidence.facts["skipped"] == said["skipped"] + said["xfailed"]
    assert evidence.facts["passed"] == said["passed"] - 1
    assert evidence.facts["total"] == 14


def test_pytest_without_tests_and_with_a_broken_module(tmp_path: Path) -> None:
    (tmp_path / "test_none.py").write_text("")
    run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junitxml=none.xml", cwd=tmp_path)
    assert [gap.code for gap in read(tmp_path / "none.xml").gaps] == ["no-tests"]
    (tmp_path / "test_none.py").write_text("import no_such_module\n")
    run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junitxml=broken.xml", cwd=tmp_path)
    assert read(tmp_path / "broken.xml").status == "fail"


def test_pytest_stopped_at_the_first_failure_and_in_parallel(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    base = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    run(*base, "-x", "--junitxml=stopped.xml", cwd=tmp_path)
    stopped = read(tmp_path / "stopped.xml")
    assert (stopped.status, stopped.facts["total"], stopped.facts["failed"]) == ("fail", 2, 1)
    run(*base, "-n", "2", "--junitxml=parallel.xml", cwd=tmp_path)
    parallel = read(tmp_path / "parallel.xml")
    assert (parallel.status, parallel.facts["total"]) == ("fail", 14)
    run(*base, "-k", "many", "--junitxml=good.xml", cwd=tmp_path)
    good = read(tmp_path / "good.xml")
    assert (good.status, good.facts["total"], good.facts["passed"]) == ("pass", 5, 5)


def test_node(tmp_path: Path) -> None:
    (tmp_path / "cart.test.mjs").write_text(
        "import {test, describe, it} from 'node:test'; import assert from 'node:assert';\n"
        "test('passes', () => {});\ntest('fails', () => assert.equal(1, 2));\n"
        "test('later', {skip: true}, () => {});\ntest('someday', {todo: true}, () => {});\n"
        "describe('group', () => { it('inner', () => {});\n"
        "  it('inner fails', () => { throw new Error('x'); });\n"
        "  describe('deeper', () => { it('a', () => {}); it('b', () => {}); }); });\n"
    )
    arguments = ("--test", "--test-reporter=junit", "--test-reporter-destination=junit.xml")
    run("node", *arguments, "cart.test.mjs", cwd=tmp_path)
    evidence = read(tmp_path / "junit.xml")
    assert evidence.status == "fail"
    facts = {key: evidence.facts[key] for key in ("total", "failed", "skipped")}
    assert facts == {"total": 8, "failed": 2, "skipped": 2}


def test_node_when_all_is_well(tmp_path: Path) -> None:
    (tmp_path / "cart.test.mjs").write_text(
        "import {test, describe, it} from 'node:test';\ntest('passes', () => {});\n"
        "describe('group', () => { describe('deeper', () => { it('a', () => {}); it('b', () => {}); }); });\n"
    )
    arguments = ("--test", "--test-reporter=junit", "--test-reporter-destination=junit.xml")
    run("node", *arguments, "cart.test.mjs", cwd=tmp_path)
    evidence = read(tmp_path / "junit.xml")
    assert (evidence.status, evidence.facts["total"], evidence.gaps) == ("pass", 3, ())


PYTHON = "import os, sys\nassert True\nx = eval('1')\nimport pickle\npassword = 'hunter2'\n"


def test_ruff_as_sarif_and_as_junit(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(PYTHON)
    ruff = (BIN / "ruff", "check", "--isolated", "--no-cache", "--select", "E,F,S", "code.py")
    told = json.loads(run(*ruff, "--output-format", "json", cwd=tmp_path).stdout)
    (tmp_path / "ruff.sarif").write_text(run(*ruff, "--output-format", "sarif", cwd=tmp_path).stdout)
    found = read(tmp_path / "ruff.sarif")
    assert found.facts["total"] == len(told) >= 4
    assert Counter(f["id"] for f in found.facts["findings"]) == Counter(row["code"] for row in told)
    (tmp_path / "ruff.xml").write_text(run(*ruff, "--output-format", "junit", cwd=tmp_path).stdout)
    as_tests = read(tmp_path / "ruff.xml")
    assert (as_tests.status, as_tests.facts["failed"]) == ("fail", len(told))


def test_zizmor(tmp_path: Path) -> None:
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "ci.yml").write_text(
        "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v4\n"
        '      - run: echo "${{ github.event.pull_request.title }}"\n'
    )
    zizmor = (BIN / "zizmor", "--offline", "--no-progress", ".")
    told = json.loads(run(*zizmor, "--format", "json", cwd=tmp_path).stdout)
    (tmp_path / "zizmor.sarif").write_text(run(*zizmor, "--format", "sarif", cwd=tmp_path).stdout)
    found = read(tmp_path / "zizmor.sarif")
    assert found.status == "fail"
    assert found.facts["total"] == len(told) >= 3
    assert not found.gaps


def test_mypy(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("x: int = 'text'\n")
    mypy = (sys.executable, "-m", "mypy", "--junit-xml", "mypy.xml", "--cache-dir", tmp_path / "c", "code.py")
    run(*mypy, cwd=tmp_path)
    assert read(tmp_path / "mypy.xml").status == "fail"
    (tmp_path / "code.py").write_text("x: int = 1\n")
    run(*mypy, cwd=tmp_path)
    clean = read(tmp_path / "mypy.xml")
    assert (clean.status, clean.facts["total"]) == ("pass", 1)


def test_a_large_report_is_read_in_bounded_memory(tmp_path: Path) -> None:
    def write(cases: int) -> Path:
        path = tmp_path / f"{cases}.xml"
        with path.open("w") as out:
            out.write(f'<testsuite name="big" tests="{cases}">')
            for i in range(cases):
                out.write(f'<testcase classname="a.b{i % 99}" name="case_{i}" file="{"x" * 80}"/>\n')
            out.write("</testsuite>")
        return path

    def peak(path: Path) -> int:
        code = (
            "import sys, resource\nfrom signalbox.evidence import read\nfound = read(sys.argv[1])\n"
            "assert found.status == 'pass', found.gaps\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        ran = run(sys.executable, "-c", code, path, cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        return int(ran.stdout)

    small, large = write(1_000), write(90_000)
    assert large.stat().st_size > 12_000_000
    # Eight bytes a case and the allocator's slack; a tree of the file would take ten times its size.
    assert peak(large) - peak(small) < 8_000


def test_evidence_is_the_same_for_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text('<testsuite name="s" tests="1"><testcase name="a"/></testsuite>')
    first, second = read(path), read(path)
    assert isinstance(first, Evidence)
    assert first == second
