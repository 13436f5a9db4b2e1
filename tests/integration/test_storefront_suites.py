"""The storefront's own suites, as an adopter runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from signalbox import config

STOREFRONT = Path(__file__).parents[2] / "examples" / "storefront"
sys.path.append(str(STOREFRONT.parent / "demo"))

from repository import Repository  # noqa: E402


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


def test_the_benchmark_runs_in_pairs_of_two_revisions(tmp_path):
    shop = Repository.make(tmp_path / "shop", STOREFRONT)
    base = shop.head()
    shop.commit_patch(STOREFRONT.parent / "demo" / "changes" / "good.patch")
    out = tmp_path / "pairs.json"
    script = [sys.executable, "-I", str(STOREFRONT.parents[1] / "scripts" / "bench_pairs.py")]
    options = ["--repo", str(shop.folder), "--baseline", base, "--pairs", "2", "--pairs-out", str(out)]
    benchmark = [sys.executable, "tests/performance/bench_quote.py"]
    done = subprocess.run([*script, *options, "--", *benchmark], capture_output=True, text=True, timeout=120)
    assert out.exists(), done.stderr
    report = json.loads(out.read_text())
    assert (report["baseline"], report["candidate"]) == (base, shop.head())
    assert [len(pair) for pair in report["benchmarks"]["quote"]] == [2, 2]
    assert all(seconds > 0 for pair in report["benchmarks"]["quote"] for seconds in pair)


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
