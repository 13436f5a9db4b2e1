"""The hook-influence cases at the command where it is installed: it refuses, says why, and changes nothing.

This proves the tier ``installed-command``: the hook runs and tells. What an agent does about it only a live
session shows.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signalbox.phases import PHASES
from signalbox.phases.store import Store
from unit.phases.samples import SAMPLES

ROOT = Path(__file__).parents[2]
FOUND = json.loads((ROOT / "evals/fixtures/hook-influence/cases.json").read_text())
CASES = {case["id"]: case for case in FOUND["cases"]}
AT = "2026-03-02T12:00:00Z"
# The record of the phase that the case starts in, where the hook has one to look at.
RECORDS = {
    "missing-pickup-probe": {"readiness": "needs-probe", "probe_notes": "the price contract"},
    "verification-failed": {
        "result": "FAIL",
        "criteria": [{**SAMPLES["verify-work"]["criteria"][0], "result": "FAIL"}],
    },
}


def installed(folder):
    """The command outside of this checkout, as an action or a package puts it."""
    shutil.copytree(ROOT / "scripts", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "record_phase.py"


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    return installed(tmp_path_factory.mktemp("installed") / "scripts")


def reach(folder, phase):
    """A work item that has come to a phase with every record before it."""
    store = Store(folder)
    store.begin("ABC-1", AT, "ada")
    for name, to in itertools.pairwise(PHASES):
        if name == phase:
            return store
        store.write(name, json.dumps(SAMPLES[name]).encode(), name)
        move = store.advance(to, at=AT, by="ada")
        assert move is not None
        assert not move.refused
    raise AssertionError(phase)


def call(command, store, *arguments):
    given = [sys.executable, command, *arguments, "--folder", store.folder, "--repo", store.folder.parent]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(command.parent)}
    return subprocess.run(given, env=environ, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", CASES)
def test_the_installed_command_refuses_and_says_what_comes_first(tmp_path, command, name):
    case = CASES[name]["command"]
    store = reach(tmp_path / "work", case["from"])
    if name in RECORDS:
        record = SAMPLES[case["from"]] | RECORDS[name]
        store.write(case["from"], json.dumps(record).encode(), name)
    before = {path.name: path.read_bytes() for path in store.folder.glob("*.json")}
    done = call(command, store, "advance", "--to", case["to"])
    assert done.returncode == 1, done.stdout + done.stderr
    assert [words for words in case["says"] if words not in done.stdout] == []
    assert {path.name: path.read_bytes() for path in store.folder.glob("*.json")} == before
    assert CASES[name]["tier"]["command-line"] == {"reached": "installed-command", "gap": ""}


def test_a_failed_verification_goes_back_with_its_reason_and_its_fail_is_kept(tmp_path, command):
    store = reach(tmp_path / "work", "verify-work")
    failed = SAMPLES["verify-work"] | RECORDS["verification-failed"]
    store.write("verify-work", json.dumps(failed).encode(), "evidence.json")
    assert call(command, store, "advance", "--to", "execute").returncode == 1
    done = call(command, store, "advance", "--to", "execute", "--reason", "AC1 is FAIL")
    assert done.returncode == 0, done.stdout + done.stderr
    assert store.records()["verify-work"].result == "FAIL"


def test_stopping_in_a_delivery_warns_and_strict_blocks(tmp_path, command):
    store = reach(tmp_path / "work", "goal-fit")
    warned, blocked = call(command, store, "stop"), call(command, store, "stop", "--strict")
    assert (warned.returncode, blocked.returncode) == (0, 1)
    assert "still in goal-fit" in warned.stdout
