"""select_tests.py with a model on a socket: what it is shown, what it may add, and what it may not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doubles.model import INJECTION, ModelDouble
from doubles.model.fixtures import model_double as model_double

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "select_tests.py"
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
SUITES = (
    "suites: {unit: {minutes: 1, tests: [tests]}, browser: {paths: [x.css], command: make it, minutes: 9}, "
    "full: {minutes: 9, tests: [tests]}}"
)


def git(repo: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=repo, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    place = tmp_path / "repo"
    (place / "tests").mkdir(parents=True)
    (place / "shop.py").write_text("def one():\n    return 1\n")
    (place / "big.txt").write_text("old\n")
    (place / "tests/test_shop.py").write_text("def test_one():\n    assert True\n")
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "one")
    (place / "shop.py").write_text(f"def one():\n    return connect('{SECRET}')\n")
    (place / "big.txt").write_text(("filler of this line " * 300 + "\n") * 30)
    git(place, "commit", "-q", "-a", "-m", "two")
    return place


def plan(repo: Path, model: ModelDouble) -> dict[str, Any]:
    policy, out = repo.parent / "policy.yml", repo.parent / "plan.json"
    policy.write_text(
        f"{SUITES}\nselection: {{audit-rate: 0, without-index: suites}}\n"
        f"advisor: {{endpoint: '{model.url}', model: stand-in, timeout-seconds: 5}}\n"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "GITHUB_"))}
    command = [sys.executable, str(SCRIPT), "--base", "HEAD~1", "--config", str(policy), "--out", str(out)]
    done = subprocess.run(command, cwd=repo, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def whole(decision: dict[str, Any]) -> set[str]:
    return {s["name"] for s in decision["outputs"]["test_plan"]["suites"] if s["how"] == "all"}


def test_the_model_adds_a_suite_and_sees_every_file_but_no_secret(repo: Path, model_double: ModelDouble):
    fields = {"verdict": "widened", "text": "Pages call this.", "additions": ["browser", "rm -rf"]}
    quiet = {"verdict": "low", "text": "Small."}
    model_double.follow(
        {
            "rules": [{"when": {"contains": "tier of risk. Is"}, "do": "answer", "fields": quiet}],
            "default": {"do": "answer", "fields": fields},
        }
    )
    decision = plan(repo, model_double)
    assert "browser" in whole(decision)
    assert any(r["text"].startswith("Pages call this.") for r in decision["reasons"])
    assert decision["models"] == {"advisor": "stand-in"}
    assert len(model_double.asked) == 2
    for asked in model_double.asked:
        seen = json.dumps(asked.body)
        assert "return connect(" in seen, "the long file must not hide the short one"
        assert "characters left out" in seen
        assert SECRET not in seen


def test_a_higher_tier_is_taken_by_one_step(repo: Path, model_double: ModelDouble):
    model_double.follow(
        {
            "rules": [
                {
                    "when": {"contains": "tier of risk. Is"},
                    "do": "answer",
                    "fields": {"verdict": "high", "text": "Hard to undo."},
                }
            ],
            "default": {"do": "answer", "fields": {"verdict": "targeted", "text": "Fine.", "additions": []}},
        }
    )
    decision = plan(repo, model_double)
    before = ["low", "medium", "high"].index(decision["outputs"]["risk"]["ruled"])
    assert decision["outputs"]["risk_tier"] == ["medium", "high", "high"][before]


@pytest.mark.parametrize("do", ["garbage", "error", "inject"])
def test_nonsense_leaves_the_rules_plan(repo: Path, model_double: ModelDouble, do: str):
    if do == "garbage":
        model_double.follow({"default": {"do": "say", "text": "{{{ not json"}})
    elif do == "error":
        model_double.stop()
    else:
        model_double.follow({"default": {"do": "say", "text": INJECTION}})
    decision = plan(repo, model_double)
    assert decision["advice"] == []
    assert any(r["code"].startswith("advisor-") and not r.get("effect") for r in decision["reasons"])
    assert "unit" in whole(decision)
