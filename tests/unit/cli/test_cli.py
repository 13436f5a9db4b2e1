"""The steps every script shares, with a decision of the test's own."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import signalbox.kinds
from signalbox.cli import Command, Result
from signalbox.decision import Subject, sha256_hex
from signalbox.errors import InputError
from signalbox.kinds import replay
from unit.decision.test_records import decision

SCRIPTS = Path(__file__).parents[3] / "scripts"


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    verdict: str


def decide(inputs, settings, policy, stamp):
    return decision(
        id=stamp.id,
        decided_at=stamp.at,
        producer=stamp.producer,
        verdict=inputs.verdict,
        mode=settings.mode,
        policy=policy,
    )


def run(argv, environ=None, verdict="PASS", fail=None):
    command = Command("check", "Checks.", environ=environ or {})
    command.option("--verdict", default=verdict)
    command.option("--flag", default=False, action="store_true")
    command.option("--many", default=[], action="append")
    command.option("--count", type=int, default=3)
    command.option("--must", required=True)
    seen = {}

    def function(context):
        seen["context"] = context
        if fail:
            raise fail
        inputs = Inputs(verdict=context.args.verdict)
        made = decide(inputs, context.policy.settings, context.policy.ref, context.stamp)
        return Result(decision=made, inputs=inputs, outputs={"extra": "1"})

    return command.run(function, ["--must", "x", *argv]), seen.get("context")


@pytest.mark.parametrize(("verdict", "code"), [("PASS", 0), ("FAIL", 1), ("NOT_VERIFIED", 3)])
def test_on_a_laptop_the_exit_code_is_the_verdicts(tmp_path, capsys, verdict, code):
    assert run(["--repo", str(tmp_path), "--verdict", verdict])[0] == code
    assert verdict in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mode", "fail_on", "verdict", "code"),
    [
        ("observe", "", "FAIL", 0),
        ("observe", "review", "FAIL", 0),
        ("advise", "", "FAIL", 0),
        ("enforce", "", "FAIL", 1),
        ("enforce", "", "NOT_VERIFIED", 0),
        ("enforce", "review", "NOT_VERIFIED", 3),
        ("enforce", "never", "FAIL", 0),
        ("enforce", "", "PASS", 0),
    ],
)
def test_under_actions_mode_and_fail_on_decide(tmp_path, mode, fail_on, verdict, code):
    environ = {"SIGNALBOX_FAIL_ON": fail_on, "SIGNALBOX_MODE": mode, "GITHUB_ACTIONS": "true"}
    assert run(["--repo", str(tmp_path), "--verdict", verdict], environ)[0] == code


@pytest.mark.parametrize(("mode", "code"), [("observe", 0), ("enforce", 2)])
def test_a_fault_of_ours_fails_only_where_it_is_enforced_and_never_passes_for_a_verdict(
    tmp_path, capsys, mode, code
):
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(tmp_path / "out")}
    assert run(["--repo", str(tmp_path), "--mode", mode], environ, fail=RuntimeError("boom"))[0] == code
    assert "a fault in check.py" in capsys.readouterr().err
    assert "verdict" not in (tmp_path / "out").read_text()


def test_a_policy_that_cannot_be_read_fails_in_every_mode(tmp_path, capsys):
    (tmp_path / "p.yml").write_text("mode: observe\nrolout: {}\n")
    environ = {"GITHUB_ACTIONS": "true"}
    assert run(["--repo", str(tmp_path), "--config", "p.yml"], environ)[0] == 2
    captured = capsys.readouterr()
    assert "p.yml:2" in captured.err
    assert "::error::p.yml:2" in captured.out


def test_options_come_from_the_environment_and_empty_means_unset(tmp_path):
    environ = {
        "SIGNALBOX_COUNT": "7",
        "SIGNALBOX_FLAG": "true",
        "SIGNALBOX_MANY": "a\nb\n",
        "SIGNALBOX_VERDICT": "",
    }
    code, context = run(["--repo", str(tmp_path)], environ)
    assert code == 0
    assert (context.args.count, context.args.flag, context.args.many) == (7, True, ["a", "b"])
    assert context.args.verdict == "PASS"


def test_a_required_option_may_come_from_the_environment(tmp_path):
    command = Command("check", "Checks.", environ={"SIGNALBOX_MUST": "--looks-like-a-flag"})
    command.option("--must", required=True)
    seen = []
    command.run(lambda context: seen.append(context.args.must) or Result(text="x"), ["--repo", str(tmp_path)])
    assert seen == ["--looks-like-a-flag"]


@pytest.mark.parametrize(
    "environ", [{"SIGNALBOX_FLAG": "yes"}, {"SIGNALBOX_FORMAT": "xml"}, {"SIGNALBOX_COUNT": "many"}]
)
def test_a_wrong_value_in_the_environment_is_a_wrong_call(tmp_path, environ):
    with pytest.raises(SystemExit) as ended:
        run(["--repo", str(tmp_path)], environ)
    assert ended.value.code == 2


def test_what_a_step_leaves_behind(tmp_path, monkeypatch):
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_REPOSITORY": "o/r",
    }
    out = tmp_path / "made" / "decision.json"
    code, context = run(["--repo", str(tmp_path), "--out", str(out), "--environment", "staging"], environ)
    assert code == 0
    assert context.subject(digest="sha256:1") == Subject(
        repository="o/r", digest="sha256:1", environment="staging"
    )
    assert json.loads(out.read_bytes())["id"] == context.stamp.id
    (bundle,) = (tmp_path / "temp" / "signalbox" / "bundles").iterdir()
    output = (tmp_path / "output").read_text()
    for part in ("verdict<<", "extra<<", str(bundle), sha256_hex(bundle.read_bytes())):
        assert part in output
    assert (tmp_path / "summary").read_text().startswith("### 🟢 Gate: PASS")
    monkeypatch.setitem(signalbox.kinds.ROOMS, "gate", __name__)
    assert replay(bundle.read_bytes()).same


def test_every_flipped_byte_of_a_bundle_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setitem(signalbox.kinds.ROOMS, "gate", __name__)
    run(["--repo", str(tmp_path), "--bundles", str(tmp_path / "b")])
    (path,) = (tmp_path / "b").iterdir()
    data = path.read_bytes()
    assert replay(data).same
    for index in range(len(data)):
        flipped = data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]
        try:
            assert not replay(flipped).same, (
                f"byte {index} went unnoticed: {flipped[index - 20 : index + 20]!r}"
            )
        except InputError:
            continue


def test_the_help_is_a_page_a_stranger_can_work_from():
    done = subprocess.run(
        [sys.executable, "-I", SCRIPTS / "replay.py", "--help"], capture_output=True, text=True, check=True
    )
    for part in ("usage: replay.py", "examples:", "exit codes:", "--policy-ref"):
        assert part in done.stdout


def test_a_folder_that_is_not_there_is_a_wrong_call(capsys):
    assert run(["--repo", "/nowhere/at/all"])[0] == 2
    assert "/nowhere/at/all: there is no such folder. Check --repo." in capsys.readouterr().err
