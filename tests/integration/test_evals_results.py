"""run_evals.py on results that other jobs left: the command line, its exit codes and its errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from doubles import promptfoo_results as corpus

ROOT = Path(__file__).parents[2]
GREEN = '<testsuite tests="2"><testcase name="a"/><testcase name="b"/></testsuite>'
RED = '<testsuite tests="1" failures="1"><testcase name="a"><failure/></testcase></testsuite>'
NONE = '<testsuite tests="0"/>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An honest scene as files, made just now."""
    scene = corpus.honest()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for number, document in enumerate(scene.files):
        document["results"]["timestamp"] = now
        (tmp_path / f"results-{number}.json").write_text(json.dumps(document), "utf-8")
    (tmp_path / "baseline.json").write_text(json.dumps(scene.baseline), "utf-8")
    for name, text in (("green", GREEN), ("red", RED), ("none", NONE)):
        (tmp_path / f"{name}.xml").write_text(text, "utf-8")
    return tmp_path


def run(folder: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "run_evals.py"), *options],
        cwd=folder,
        env={
            k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "PROMPTFOO_", "GITHUB_"))
        },
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


HONEST = ("--results", "results-0.json", "--results", "results-1.json", "--baseline", "baseline.json")


def test_honest_results_pass(folder: Path) -> None:
    code, said = run(folder, *HONEST, "--digest", corpus.DIGEST)
    assert code == 0, said
    assert "PASS" in said


@pytest.mark.parametrize(("suite", "code"), [("green", 0), ("red", 1), ("none", 3)])
def test_a_junit_suite_beside_them_counts(folder: Path, suite: str, code: int) -> None:
    assert run(folder, *HONEST, "--results", f"{suite}.xml")[0] == code
    assert run(folder, "--results", f"{suite}.xml")[0] == code


def test_results_of_another_digest_are_a_stale_image(folder: Path) -> None:
    code, said = run(folder, *HONEST, "--digest", corpus.OTHER)
    assert code == 3
    assert "these results are about" in said


def test_a_baseline_is_recorded_from_results(folder: Path) -> None:
    code, said = run(folder, "--results", "results-0.json", "--write-baseline", "new.json")
    assert code == 0, said
    assert json.loads((folder / "new.json").read_bytes())["suite"] == "golden"
    given = ("--results", "results-0.json", "--results", "results-1.json", "--baseline", "new.json")
    assert run(folder, *given)[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "either a config to run or results to read"),
        (("--results", "a.json", "--promptfoo", "b.yaml"), "either a config to run or results to read"),
        (("--results", "nowhere.json"), "there is no results file here"),
        (("--promptfoo", "nowhere.yaml"), "there is no promptfoo config here"),
        ((*HONEST[:2], "--baseline", "nowhere.json"), "there is no baseline here"),
        ((*HONEST[:2], "--anchors", "none.xml"), "anchors"),
        ((*HONEST, "--digest", "***"), "not a digest"),
        ((*HONEST, "--sha", "main"), "not a full commit id"),
        ((*HONEST, "--skip", "adversarial"), "LAYER=REASON"),
        (("--results", "red.xml", "--write-baseline", "b.json"), "no baseline was written"),
    ],
)
def test_a_wrong_call_is_named(folder: Path, options: tuple[str, ...], said: str) -> None:
    code, printed = run(folder, *options)
    assert code == 2
    assert said in printed


def test_a_skip_is_shown_with_its_reason(folder: Path) -> None:
    _, said = run(folder, *HONEST, "--skip", "end-to-end=no browser here")
    assert "the layer end-to-end was skipped: no browser here" in said
