"""The steps every script shares, with a decision of the test's own."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import signalbox.kinds
from signalbox.actions import Annotation
from signalbox.cli import Command, Result
from signalbox.decision import Reason, Subject, sha256_hex
from signalbox.errors import InputError
from signalbox.kinds import replay
from signalbox.ledger import open_ledger
from signalbox.render import Text
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
    settings = data.index(b'"settings"')
    # The settings are one long text of a kind, so a sample of their bytes stands for all.
    for index in (*range(settings), *range(settings, len(data), 23)):
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


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_a_python_without_the_packages_is_a_wrong_call_and_no_denial(script):
    done = subprocess.run([sys.executable, "-S", SCRIPTS / script, "--help"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_is_told_where_the_bundle_to_replay_lies(tmp_path, capsys):
    assert run(["--repo", str(tmp_path), "--bundles", str(tmp_path / "bundles")])[0] == 0
    [bundle] = (tmp_path / "bundles").iterdir()
    assert f"replay.py {bundle}" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_a_wrong_call(capsys):
    assert run(["--repo", "/nowhere/at/all"])[0] == 2
    assert "/nowhere/at/all: there is no such folder. Check --repo." in capsys.readouterr().err


@pytest.mark.parametrize("actions", ["true", ""])
def test_a_fault_prints_no_line_that_is_a_command(tmp_path, capsys, actions):
    """The traceback goes to stderr, which no fence on stdout holds: each of its lines is made harmless."""
    attack = RuntimeError("x\n::add-path::/evil\n  ::error::y\n##[add-path]z\x1b[31m")
    run(["--repo", str(tmp_path)], {"GITHUB_ACTIONS": actions}, fail=attack)
    captured = capsys.readouterr()
    lines = (captured.out + captured.err).splitlines()
    assert any("Traceback" in line for line in lines)
    commands = [line for line in lines if line.strip().startswith("::") or "##[" in line]
    assert len(commands) == (actions == "true")
    assert all(line.startswith("::error::a fault in check.py: RuntimeError: x") for line in commands)
    assert "\x1b" not in captured.out + captured.err


def test_what_fails_in_showing_does_not_take_the_verdict_back(tmp_path, capsys):
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": "/dev/full",
        "SIGNALBOX_MODE": "enforce",
        "SIGNALBOX_BUNDLES": str(tmp_path / "bundles"),
    }
    assert run(["--repo", str(tmp_path)], environ)[0] == 2
    assert "GITHUB_STEP_SUMMARY cannot be written: No space left" in capsys.readouterr().err
    assert "verdict<<" in (tmp_path / "output").read_text()
    assert len(list((tmp_path / "bundles").iterdir())) == 1


@pytest.mark.parametrize("option", ["--out", "--bundles", "--ledger"])
@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_place_that_cannot_be_written_is_named_and_sets_no_verdict(tmp_path, capsys, option, mode):
    (tmp_path / "file").write_text("in the way")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(tmp_path / "output")}
    argv = ["--repo", str(tmp_path), "--mode", mode, option, str(tmp_path / "file" / "below")]
    assert run(argv, environ)[0] == (2 if mode == "enforce" else 0)
    assert str(tmp_path / "file") in capsys.readouterr().err
    assert "verdict" not in (tmp_path / "output").read_text()


def test_a_git_ledger_is_that_of_the_repository_and_a_forks_record_is_untrusted(tmp_path, monkeypatch):
    """Not whatever repository the working directory happens to be in."""
    repo, elsewhere = tmp_path / "repo", tmp_path / "elsewhere"
    for folder in (repo, elsewhere):
        subprocess.run(["git", "init", "-q", folder], check=True)
    monkeypatch.chdir(elsewhere)
    event = {"pull_request": {"head": {"repo": {"full_name": "x/r"}}, "base": {"repo": {"full_name": "o/r"}}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    environ = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_RUN_ID": "77",
        "GITHUB_RUN_ATTEMPT": "2",
    }
    assert run(["--repo", str(repo), "--ledger", "git:"], environ)[0] == 0

    def refs(folder):
        return subprocess.check_output(
            ["git", "-C", folder, "for-each-ref", "--format=%(refname)"], text=True
        )

    assert refs(repo).startswith("refs/signalbox/ledger/77-2-")
    assert refs(elsewhere) == ""
    (entry,) = open_ledger("git:", repo=repo).decisions().entries
    assert not entry.trusted
    (tmp_path / "policy.yml").write_text(f"ledger: {{url: '{tmp_path / 'led'}'}}")
    assert run(["--repo", str(repo), "--config", str(tmp_path / "policy.yml")])[0] == 0
    (entry,) = open_ledger(str(tmp_path / "led")).decisions().entries
    assert entry.trusted


def fenced(log):
    """What stands where the runner takes nothing for a command."""
    token = re.search(r"^::stop-commands::(.*)$", log, re.MULTILINE)
    return log[token.end() : log.index(f"\n::{token[1]}::")] if token else ""


HOSTILE = ["file \udc80", "\x1b[31m", "\u202egnp", "##[add-path]x", "a\n::error::b", "::add-path::/evil"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("format", ["text", "json", "github"])
def test_a_hostile_name_in_a_step_is_shown_and_neither_kills_nor_commands(tmp_path, capfd, name, format):
    def function(context):
        reasons, subject = (Reason(code="a", text=name),), Subject(commit=name)
        context.say(name)
        return Result(
            decision=decision(id=context.stamp.id, reasons=reasons, subject=subject),
            inputs={"name": name},
            blocks=[Text(name)],
            annotations=[Annotation(level="error", text=name)],
        )

    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "s"),
        "GITHUB_OUTPUT": str(tmp_path / "o"),
    }
    argv = ["--repo", str(tmp_path), "--format", format, "--bundles", str(tmp_path / "b")]
    assert Command("check", "Checks.", environ=environ).run(function, argv) == 0
    captured = capfd.readouterr()
    shown = captured.out + captured.err
    outside = shown.replace(fenced(captured.out), "")
    commands = [line for line in outside.splitlines() if line.lstrip().startswith("::")]
    assert all(re.match(r"::(stop-commands|error|[0-9a-f]{32})::", line) for line in commands)
    assert "\x1b" not in shown
    if format != "json":
        assert "##[" not in shown
        assert "\u202e" not in shown
        assert fenced(captured.out)
    assert len(list((tmp_path / "b").iterdir())) == 1


def test_a_reader_that_has_seen_enough_does_not_change_the_exit_code(tmp_path):
    program = (
        "import sys; from signalbox.cli import Command, Result\n"
        "sys.exit(Command('x', 'X.', environ={}).run(lambda c: Result(text='line\\n' * 100_000, exit=3)))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.wait() == 3
        assert process.stderr.read() == b""


def test_a_terminal_with_a_small_alphabet_gets_the_verdict_all_the_same(tmp_path):
    program = (
        "import sys; from signalbox.cli import Command, Result\n"
        "run = lambda c: c.say('\\u2713') or Result(text='\\u2713 done')\n"
        "sys.exit(Command('x', 'X.', environ={}).run(run))"
    )
    for encoding in ("latin-1", "ascii", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            env={"PYTHONIOENCODING": encoding, "PATH": os.environ["PATH"]},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ("\u2713" if encoding == "utf-8" else "\\u2713").encode() + b" done\n"


def test_a_list_in_the_environment_is_converted_or_refused(tmp_path):
    def take(given):
        command = Command("check", "Checks.", environ={"SIGNALBOX_NUMBER": given})
        command.option("--number", type=int, default=[], action="append")
        seen = []
        command.run(lambda context: seen.extend(context.args.number) or Result(), ["--repo", str(tmp_path)])
        return seen

    assert take("1\n\n2\n") == [1, 2]
    with pytest.raises(SystemExit) as ended:
        take("1\nmany\n")
    assert ended.value.code == 2


def test_an_interruption_is_one_line_and_its_own_code(tmp_path, capsys):
    assert run(["--repo", str(tmp_path)], fail=KeyboardInterrupt())[0] == 130
    assert capsys.readouterr().err.startswith("error: interrupted; what was written so far is kept")


def test_nothing_in_the_workspace_is_imported(tmp_path):
    names = ("msgspec", "sitecustomize", "usercustomize", "yaml", "json", "signalbox", "argparse")
    for name in names:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the workspace')")
    (tmp_path / ".env").write_text("SIGNALBOX_MODE=observe\nPYTHONPATH=.\n")
    (tmp_path / "bundle.json").write_text("{}")
    for flags in (["-I"], []):
        done = subprocess.run(
            [sys.executable, *flags, SCRIPTS / "replay.py", "bundle.json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert "this is not a decision bundle" in done.stderr


@pytest.mark.parametrize(
    ("verdict", "asks", "code"), [("FAIL", 3, 3), ("FAIL", 0, 1), ("PASS", 3, 0), ("NOT_VERIFIED", 1, 3)]
)
def test_only_a_denial_can_be_handed_to_a_person_and_nothing_else_moves_a_verdicts_code(
    tmp_path, capsys, verdict, asks, code
):
    def function(context):
        return Result(decision=decision(id=context.stamp.id, verdict=verdict), inputs={}, exit=asks)

    assert Command("check", "Checks.", environ={}).run(function, ["--repo", str(tmp_path)]) == code
    assert verdict in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verdict", "mode", "level"),
    [
        ("FAIL", "enforce", "error"),
        ("NOT_VERIFIED", "enforce", "warning"),
        ("FAIL", "observe", "notice"),
        ("PASS", "enforce", ""),
    ],
)
def test_a_verdict_that_needs_somebody_is_an_annotation(tmp_path, capsys, verdict, mode, level):
    run(["--repo", str(tmp_path), "--verdict", verdict, "--mode", mode], {"GITHUB_ACTIONS": "true"})
    found = re.findall(
        r"^::(notice|warning|error) title=Gate%3A (\w+)::", capsys.readouterr().out, re.MULTILINE
    )
    assert found == ([(level, verdict)] if level else [])


def test_a_script_that_decides_nothing_has_its_text_summary_and_outputs_shown(tmp_path, capsys):
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }

    def function(_):
        return Result(text="one\ntwo", summary="**two**", outputs={"n": "2"})

    assert Command("check", "Checks.", environ=environ).run(function, ["--repo", str(tmp_path)]) == 0
    assert fenced(capsys.readouterr().out).split() == ["one", "two"]
    assert (tmp_path / "summary").read_text() == "**two**\n"
    assert "n<<" in (tmp_path / "output").read_text()
    argv = ["--repo", str(tmp_path), "--format", "json"]
    assert Command("check", "Checks.", environ={}).run(function, argv) == 0
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_stream_of_somebody_elses_is_written_to_as_text(tmp_path):
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        command = Command("check", "Checks.", environ={})
        command.run(lambda _: Result(text="shown"), ["--repo", str(tmp_path)])
    assert stream.getvalue() == "shown\n"
