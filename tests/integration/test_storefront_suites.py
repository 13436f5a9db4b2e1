"""The storefront's own suites, as an adopter runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from signalbox import config

STOREFRONT = Path(__file__).parents[2] / "examples" / "storefront"


@pytest.mark.parametrize("suite", ["unit", "integration", "contract", "performance"])
def test_suite_passes(suite, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{suite}"],
        cwd=STOREFRONT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_pairs_measures_both_checkouts_in_pairs(tmp_path):
    out = tmp_path / "pairs.json"
    subprocess.run(
        [sys.executable, "tests/performance/pairs.py", "--baseline", ".", "--pairs", "2", "--out", str(out)],
        cwd=STOREFRONT,
        check=True,
        timeout=120,
    )
    (benchmark,) = json.loads(out.read_text())["benchmarks"]
    assert benchmark["name"] == "quote"
    assert [len(pair) for pair in benchmark["pairs"]] == [2, 2]
    assert all(seconds > 0 for pair in benchmark["pairs"] for seconds in pair)


def test_the_caller_is_short_and_is_what_the_readme_shows():
    caller = (STOREFRONT / ".github" / "workflows" / "path-to-production.yml").read_text()
    assert f"```yaml\n{caller}```\n" in (STOREFRONT / "README.md").read_text()
    assert len(caller.splitlines()) <= 10


def test_the_policy_is_one_that_decides():
    policy = config.load(STOREFRONT)
    assert policy.settings.mode == "enforce"
    assert all(
        (STOREFRONT / path).is_dir() for suite in policy.settings.suites.values() for path in suite.tests
    )
