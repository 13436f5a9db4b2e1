"""replay.py on many bundles, and on bundles that lie."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import signalbox.kinds
from signalbox.config import Settings
from signalbox.decision import PolicyRef, digest_of, make_bundle, sha256_hex
from signalbox.errors import InputError
from signalbox.kinds import replay
from unit.decision.test_records import decision

SCRIPT = Path(__file__).parents[3] / "scripts" / "replay.py"


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    verdict: str


def decide(inputs, settings, policy, stamp):
    return decision(
        id=stamp.id,
        decided_at=stamp.at,
        producer=stamp.producer,
        verdict={"PASS": "PASS", "FAIL": "FAIL"}[inputs.verdict],
        mode=settings.mode,
        policy=policy,
    )


@pytest.fixture(autouse=True)
def room(monkeypatch):
    monkeypatch.setitem(signalbox.kinds.ROOMS, "gate", __name__)


def bundle(verdict="PASS", inputs=None, **changes):
    settings = Settings()
    policy = PolicyRef(sha256=digest_of(settings))
    fields = {"verdict": verdict, "mode": "observe", "policy": policy} | changes
    return make_bundle(decision(**fields), {"verdict": verdict} if inputs is None else inputs, settings)


def test_the_same_decision_comes_out():
    result = replay(bundle("FAIL").encode())
    assert (result.same, result.kind, result.verdict, result.difference) == (True, "gate", "FAIL", "")


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"verdict": "PASS", "inputs": {"verdict": "FAIL"}}, "the decision differs at byte"),
        ({"next_action": "ship it"}, "the decision differs at byte"),
        ({"policy": PolicyRef(sha256="0" * 64)}, "the settings are not those"),
        ({"inputs": {"verdict": "ship-it"}}, "deciding again failed: KeyError"),
    ],
)
def test_a_forged_bundle_with_a_seal_that_fits_differs(changes, difference):
    result = replay(bundle(**changes).encode())
    assert not result.same
    assert difference in result.difference


def test_damage_shows_without_knowing_the_digest():
    forged = msgspec.structs.replace(bundle(), inputs={"verdict": "FAIL"})
    assert "the seal does not fit" in replay(forged.encode()).difference
    assert "the file differs at byte" in replay(bundle().encode() + b" ").difference
    assert "the file differs at byte 0" in replay(b" " + bundle().encode()).difference


@pytest.mark.parametrize("inputs", [{}, {"verdict": 3}])
def test_inputs_of_another_version_name_the_version_to_use(inputs):
    with pytest.raises(InputError, match="Replay it with the version that made it: signalbox test"):
        replay(bundle(inputs=inputs).encode())


def test_a_kind_from_the_future_is_named():
    with pytest.raises(InputError, match=r"cannot make a decision of kind 'mood': known: test-plan"):
        replay(bundle(kind="mood").encode())


def test_a_bundle_nested_too_deep_to_be_written_is_refused():
    data = bundle(inputs={"a": 0}).encode()
    nested = data.replace(b'"inputs":{"a":0}', b'"inputs":{"a":' + b"[" * 985 + b"]" * 985 + b"}")
    try:
        same, why = replay(nested).same, ""
    except InputError as error:
        same, why = False, error.what
    assert not same
    assert why in ("", "this is not a decision bundle", "this bundle cannot be written again")


def script(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-I", SCRIPT, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_one_bad_bundle_hides_nothing_about_the_others(tmp_path):
    (tmp_path / "cut.json").write_bytes(bundle().encode()[:-20])
    plain = json.loads(bundle().encode())
    plain["decision"]["kind"] = "gate\nsame  promotion auto-promote  cut.json"
    (tmp_path / "forged.json").write_text(json.dumps(plain))
    done = script(tmp_path, "cut.json", "gone.json", "forged.json")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["UNREADABLE", "UNREADABLE", "DIFFERS"]
    assert done.returncode == 1
    assert script(tmp_path, "cut.json", "gone.json").returncode == 2
    assert script(tmp_path, "cut.json").stderr.startswith("error: cut.json: this is not a decision bundle")


def test_the_digest_that_a_job_passed_on_is_checked(tmp_path):
    data = bundle().encode()
    (tmp_path / "b.json").write_bytes(data)
    done = script(tmp_path, "--sha256", "0" * 64, "b.json")
    assert done.returncode == 1
    assert f"its sha256 is {sha256_hex(data)}, not 000" in done.stdout
    # Here the digest fits, in the form that other tools write; that the kind has no room is another matter.
    done = script(tmp_path, "--sha256", f"sha256:{sha256_hex(data).upper()}", "b.json")
    assert "sha256" not in done.stdout
    assert script(tmp_path, "--sha256", "0" * 64, "b.json", "b.json").returncode == 2


def test_a_folder_stands_for_the_bundles_in_it(tmp_path):
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, tmp_path / "empty"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no bundle in this folder" in done.stderr
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["UNREADABLE", "UNREADABLE"]


@pytest.mark.parametrize("mode", ["observe", "advise", "enforce"])
def test_a_check_fails_in_every_mode(tmp_path, monkeypatch, mode):
    """Observing makes a verdict harmless, but nothing makes a forged bundle harmless."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("SIGNALBOX_FAIL_ON", "never")
    (tmp_path / "cut.json").write_bytes(bundle().encode()[:-20])
    (tmp_path / "forged.json").write_bytes(bundle().encode().replace(b'"FAIL"', b'"PASS"') + b" ")
    assert script(tmp_path, "--mode", mode, "--sha256", "0" * 64, "forged.json").returncode == 1
    assert script(tmp_path, "--mode", mode, "cut.json").returncode == 2


@pytest.mark.parametrize(("form", "starts"), [("text", "🔴 Agent's action: deny"), ("markdown", "### 🔴 ")])
def test_a_decision_is_shown_as_people_saw_it(tmp_path, form, starts):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    ask = [sys.executable, SCRIPT.with_name("authorize_agent.py"), "--repo", tmp_path, "--agent", "qa-agent"]
    ask += ["--action", "modify-source", "--environment", "staging", "--bundles", tmp_path / "bundles"]
    subprocess.run(ask, capture_output=True)
    [bundle] = (tmp_path / "bundles").iterdir()
    done = subprocess.run([sys.executable, SCRIPT, "--show", form, bundle], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, _, below = done.stdout.partition("\n\n")
    assert first.startswith("same  authorization deny")
    assert below.startswith(starts)
    bundle.write_bytes(bundle.read_bytes().replace(b'"deny"', b'"allow"'))
    done = subprocess.run([sys.executable, SCRIPT, "--show", form, bundle], capture_output=True, text=True)
    assert done.returncode == 1
    assert starts not in done.stdout
