"""A canary in a prompt: kept in full where policy says so, and in production nowhere at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from test_ledger_sinks_http import collector  # noqa: F401
from test_selection_advisor import SUITES, git

from doubles.model import ModelDouble
from signalbox.config import Settings
from signalbox.ledger import FolderLedger, deliver
from signalbox.ledger.sinks import open_sink

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "select_tests.py"
CANARY = "zebra-4711-underneath-the-piano"
SAYS = {"verdict": "widened", "text": f"It says {CANARY}.", "additions": ["browser"]}
LOW = {"when": {"contains": "tier of risk. Is"}, "do": "answer", "fields": SAYS | {"verdict": "low"}}
REPEATS = {"rules": [LOW], "default": {"do": "answer", "fields": SAYS}}


@pytest.fixture
def repo(tmp_path):
    place = tmp_path / "repo"
    (place / "tests").mkdir(parents=True)
    (place / "shop.py").write_text("def one():\n    return 1\n")
    (place / "tests/test_shop.py").write_text("import shop\ndef test_one():\n    assert shop.one()\n")
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "one")
    (place / "shop.py").write_text(f"def one():\n    return '{CANARY}'\n")
    git(place, "commit", "-q", "-a", "-m", "two")
    return place


def select(repo, model, environment, *, policy=""):
    """The folder with all that the script leaves: decision, ledger, cache, outputs, what it printed …"""
    left = repo.parent / "left"
    left.mkdir()
    (repo.parent / "policy.yml").write_text(
        f"{SUITES}\nselection: {{audit-rate: 0}}\n{policy}"
        f"advisor: {{endpoint: '{model.url}', model: stand-in, timeout-seconds: 5, cache: '{left}/cache'}}\n"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "GITHUB_"))}
    kept |= {"GITHUB_OUTPUT": str(left / "outputs"), "GITHUB_STEP_SUMMARY": str(left / "summary.md")}
    command = [sys.executable, str(SCRIPT), "--base=HEAD~1", "--config=../policy.yml", "--format=github"]
    command += [f"--environment={environment}", f"--bundles={left / 'bundles'}"]
    command += [f"--ledger={left / 'ledger'}", f"--out={left / 'out.json'}"]
    done = subprocess.run(command, cwd=repo, env=kept, capture_output=True)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    (left / "log").write_bytes(done.stdout + done.stderr)
    return left


def holding(folder):
    """Names of the files below that hold the canary, in plain or as JSON escapes it."""
    return sorted(
        path.relative_to(folder).parts[0]
        for path in folder.rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes()
    )


def test_in_production_it_is_in_no_ledger_log_cache_summary_or_sink(repo, collector):  # noqa: F811
    with ModelDouble(REPEATS) as model:
        left = select(repo, model, "production")
        assert CANARY in model.asked[0].text  # it was shown: otherwise this would prove nothing
    assert holding(left) == []
    assert {path.name for path in left.iterdir()} == {
        "outputs", "summary.md", "cache", "ledger", "out.json", "bundles", "log"}  # fmt: skip
    advice = json.loads((left / "out.json").read_text())["advice"]
    assert advice
    assert all("not kept here" in one["text"] for one in advice)
    sink = open_sink(f"otlp:http://127.0.0.1:{collector.server_port}", {})
    entries = FolderLedger(left / "ledger").decisions().entries
    assert deliver(sink, entries, repo.parent / "sent").sent == len(entries) > 0
    assert collector.spans
    assert CANARY not in json.dumps(collector.bodies)


def test_in_staging_prompt_and_words_are_kept(repo):
    with ModelDouble(REPEATS) as model:
        left = select(repo, model, "staging")
    assert {"cache", "ledger", "log", "out.json"} <= set(holding(left))


def test_policy_and_nothing_else_says_where_prompts_are_kept(repo):
    tables = msgspec.to_builtins(Settings().environments.data)
    tables["prompts"]["production"] = "full"
    with ModelDouble(REPEATS) as model:
        left = select(repo, model, "production", policy=f"environments: {json.dumps({'data': tables})}\n")
    assert "cache" in holding(left)


@pytest.mark.parametrize(
    ("environment", "kept"),
    [("", True), ("development", True), ("staging", True), ("production", False), ("prodution", False)],
)
def test_a_place_that_policy_does_not_know_is_like_production(environment, kept):
    assert Settings().environments.keeps_prompts(environment) is kept
