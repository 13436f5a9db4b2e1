"""`record_telemetry.py` as people and jobs call it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from doubles.github.fixtures import github_double as github_double
from doubles.records import bundle
from signalbox.decision import sha256_hex
from signalbox.ledger import FolderLedger, GitLedger

SCRIPT = Path(__file__).parents[2] / "scripts" / "record_telemetry.py"


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "artifacts"
    path.mkdir()
    return path


def call(*arguments: object, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "SIGNALBOX_", "RUNNER_"))}
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *map(str, arguments)],
        cwd=cwd,
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_artifacts_and_outcomes_into_a_folder(tmp_path, folder):
    one, two = bundle(id="one"), bundle("promotion", id="two")
    (folder / "one.json").write_bytes(one)
    with zipfile.ZipFile(folder / "bundle.zip", "w") as archive:
        archive.writestr("two.json", two)
    (tmp_path / "o.json").write_text('{"decision": "one", "label": "bad", "source": "rollback"}')
    done = call(
        "--decisions", folder, "--outcome", "o.json", "--ledger", "led", "--format", "json", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    ledger = FolderLedger(tmp_path / "led")
    assert {e.raw for e in ledger.decisions().entries} == {one, two}
    assert [e.data["decision"] for e in ledger.outcomes().entries] == ["one"]
    entries = (*ledger.decisions().entries, *ledger.outcomes().entries)
    assert {line["name"] for line in said["lines"]} == {e.name for e in entries}


def test_a_push_to_a_remote(tmp_path, folder):
    remote, local = tmp_path / "remote", tmp_path / "local"
    subprocess.run(["git", "init", "-q", "--bare", remote], check=True)
    subprocess.run(["git", "clone", "-q", remote, local], check=True, capture_output=True)
    (folder / "one.json").write_bytes(bundle(id="one"))
    output = tmp_path / "output"
    done = call(
        *("--decisions", folder, "--ledger", "git:", "--push", "origin", "--repo", local),
        cwd=tmp_path,
        GITHUB_RUN_ID="77",
        GITHUB_RUN_ATTEMPT="2",
        GITHUB_ACTIONS="true",
        GITHUB_OUTPUT=str(output),
    )
    assert done.returncode == 0, done.stderr
    assert [e.id for e in GitLedger(remote).decisions().entries] == ["one"]
    assert "refs/signalbox/ledger/77-2-" in output.read_text()


def test_a_push_through_the_api_of_github(tmp_path, folder, github_double):
    github_double.add_repository("acme/shop")
    subprocess.run(["git", "init", "-q", tmp_path / "local"], check=True)
    data = bundle(id="one")
    (folder / "one.json").write_bytes(data)
    done = call(
        *("--decisions", folder, "--ledger", "git:", "--push", "api:", "--repo", tmp_path / "local"),
        cwd=tmp_path,
        **github_double.environ("acme/shop"),
    )
    assert done.returncode == 0, done.stderr
    there = GitLedger(github_double.state.git("acme/shop").folder)
    (entry,) = there.decisions().entries
    assert entry.raw == data
    (ref,) = there.repository.refs("refs/signalbox/ledger/")
    assert ref in done.stdout


def test_what_was_announced_and_never_came_is_missing(tmp_path, folder):
    one, extra = bundle(id="one"), bundle(id="extra")
    (folder / "one.json").write_bytes(one)
    (folder / "extra.json").write_bytes(extra)
    gone = "0" * 64
    done = call(
        *("--decisions", folder, "--ledger", "led", "--expect", f"{sha256_hex(one)},{gone}"), cwd=tmp_path
    )
    assert done.returncode == 3
    assert gone in done.stdout
    trust = {e.id: e.trusted for e in FolderLedger(tmp_path / "led").decisions().entries}
    assert trust == {"one": True, "extra": False}


@pytest.mark.parametrize(
    ("head", "event_name", "trusted"),
    [
        ("octo/shop", "pull_request", True),
        ("mallory/shop", "pull_request", False),
        (None, "pull_request", False),
        ("mallory/shop", "push", True),
    ],
)
def test_a_fork_is_a_stranger(head, event_name, trusted, tmp_path, folder):
    (folder / "one.json").write_bytes(bundle(id="one"))
    event = {"pull_request": {"base": {"repo": {"full_name": "octo/shop"}}}}
    if head:
        event["pull_request"]["head"] = {"repo": {"full_name": head}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    done = call(
        *("--decisions", folder, "--ledger", "led"),
        cwd=tmp_path,
        GITHUB_EVENT_NAME=event_name,
        GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
    )
    assert done.returncode == 0, done.stderr
    assert [e.trusted for e in FolderLedger(tmp_path / "led").decisions().entries] == [trusted]


def test_a_refused_bundle_does_not_stop_the_others(tmp_path, folder):
    (folder / "one.json").write_bytes(bundle(id="one"))
    (folder / "two.json").write_bytes(bundle(id="two")[:-40])
    done = call("--decisions", folder, "--ledger", "led", cwd=tmp_path)
    assert done.returncode == 3
    assert "refused   two.json" in done.stdout
    assert [e.id for e in FolderLedger(tmp_path / "led").decisions().entries] == ["one"]


def test_an_enforced_rollout_brings_its_own_outcome(tmp_path, folder):
    (folder / "r.json").write_bytes(bundle("rollout", id="r", verdict="rollback", mode="enforce"))
    for _ in range(2):
        done = call("--decisions", folder, "--ledger", "led", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    (entry,) = FolderLedger(tmp_path / "led").outcomes().entries
    assert (entry.data["label"], entry.data["source"], entry.data["decision"]) == ("bad", "rollback", "r")


def test_without_a_ledger_it_only_says_what_it_would_do(tmp_path, folder):
    (folder / "one.json").write_bytes(bundle(id="one"))
    done = call("--decisions", folder, cwd=tmp_path)
    assert done.returncode == 0
    assert "would record 1" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["artifacts"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "nothing to record"),
        (("--decisions", "absent"), "no folder"),
        (("--outcome", "absent.json"), "outcomes"),
        (("--decisions", ".", "--expect", "xyz"), "SHA-256"),
        (("--decisions", ".", "--ledger", "l", "--push", "origin"), "git ledger"),
        (("--decisions", ".", "--ledger", "s3:x"), "kind of ledger"),
    ],
)
def test_wrong_calls_end_with_2_and_a_sentence(arguments, word, tmp_path):
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_secret_in_a_bundle_is_taken_out_and_said(tmp_path, folder):
    token = "ghp_" + "Zy9" * 12
    (folder / "one.json").write_bytes(bundle(id="one", inputs={"env": token}))
    done = call("--decisions", folder, "--ledger", "led", cwd=tmp_path)
    assert "taken out: github-token" in done.stdout
    (entry,) = FolderLedger(tmp_path / "led").decisions().entries
    assert token.encode() not in entry.raw
