"""The demo as `make demo` runs it, with fewer and shorter slices: both outcomes, the records, the report."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, str(ROOT / "examples" / "demo" / "run.py")]
SHORT = ["--slices", "25,100", "--slice-seconds", "4"]


def decision(folder, kind):
    return json.loads((folder / f"{kind}.json").read_text())


def events(folder):
    return [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]


def assert_nothing_runs(out):
    ports = [file.read_text() for file in out.glob("releases/*.port")]
    ports += [
        str(port) for file in out.glob("*/ports.json") for port in json.loads(file.read_text()).values()
    ]
    assert ports
    for port in ports:
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run([*DEMO, "--out", str(out), *SHORT], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return out, done.stdout


def test_the_good_commit_reaches_all_of_the_traffic(demo):
    out, _ = demo
    rollout = decision(out / "good", "rollout")
    assert (rollout["verdict"], rollout["outputs"]["ending"]) == ("proceed", "done")
    moves = [event["move"]["read_back"] for event in events(out / "good") if event["event"] == "moved"]
    assert moves == [25.0, 100.0]


def test_the_bad_commit_is_rolled_back_by_live_signals(demo):
    out, _ = demo
    rollout = decision(out / "bad", "rollout")
    assert (rollout["verdict"], rollout["outputs"]["ending"]) == ("rollback", "rolled-back")
    assert rollout["reasons"][0]["code"] == "CANARY_WORSE"
    moves = [event["move"]["read_back"] for event in events(out / "bad") if event["event"] == "moved"]
    assert moves == [25.0, 0.0]
    # Its tests ran and passed, as those of the good one did: only live traffic could tell.
    for name in ("good", "bad"):
        (tests,) = [e for e in decision(out / name, "promotion")["evidence"] if e["kind"] == "tests"]
        assert (tests["facts"]["failed"], tests["facts"]["passed"]) == (0, tests["facts"]["total"])
        assert tests["facts"]["total"] > 0


def test_both_were_reviewed_and_the_rollback_was_approved_beforehand(demo):
    out, printed = demo
    for name in ("good", "bad"):
        promotion = decision(out / name, "promotion")
        assert promotion["verdict"] == "manual-review"
        approval = json.loads((out / name / "standing-approval.json").read_text())
        assert (
            approval["digest"]
            == promotion["subject"]["digest"]
            == decision(out / name, "rollout")["subject"]["digest"]
        )
    (rollback,) = [event for event in events(out / "bad") if event["event"] == "rollback"]
    assert approval["approved_by"] in rollback["authority"]
    assert printed.count("Approved, in this demo by you") == 2


def test_every_decision_and_both_outcomes_are_in_the_ledger_and_replay(demo):
    out, _ = demo
    bundles = sorted((out / "ledger" / "decisions").rglob("*.json"))
    kinds = sorted(json.loads(bundle.read_text())["decision"]["kind"] for bundle in bundles)
    assert kinds == sorted(["test-plan", "concurrency", "promotion", "rollout"] * 2)
    outcomes = [json.loads(file.read_text()) for file in (out / "ledger" / "outcomes").rglob("*.json")]
    promotions = {name: decision(out / name, "promotion")["id"] for name in ("good", "bad")}
    assert {(o["decision"], o["label"]) for o in outcomes} == {
        (promotions["good"], "clean"),
        (promotions["bad"], "bad"),
    }
    replay = [sys.executable, "-I", str(ROOT / "scripts" / "replay.py"), *map(str, bundles)]
    done = subprocess.run(replay, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["same"] * 8


def test_it_says_what_it_types_in_plain_lines(demo):
    out, printed = demo
    for script in ("index_tests", "select_tests", "plan_concurrency", "score_artifact", "monitor_rollout"):
        assert (
            f"$ .venv/bin/python -I scripts/{script}.py" in printed
            or f"$ python -I scripts/{script}.py" in printed
        )
    assert "\x1b" not in printed
    assert (out / "transcript.txt").read_text() == printed
    assert str(out / "report.html") in printed


def test_the_report_stands_alone(demo):
    out, _ = demo
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 8
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert re.findall(r"(?i)<script|<link|\b(?:src|href)=|@import|url\(", page) == []
    for name in ("good", "bad"):
        for kind in ("test-plan", "concurrency", "promotion", "rollout"):
            assert decision(out / name, kind)["id"] in page


def test_nothing_is_left_running(demo):
    assert_nothing_runs(demo[0])


def test_interrupted_it_stops_everything_and_says_where_the_records_lie(tmp_path):
    out = tmp_path / "out"
    # A shell starts its background jobs, and so whatever they start, with SIGINT ignored; a person's is not.
    listening = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    command = [*DEMO, "--out", str(out), *SHORT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **listening) as running:
        printed = []
        deadline = time.monotonic() + 120
        for line in running.stdout:
            printed.append(line)
            if "canary now at 25%" in line or time.monotonic() > deadline:
                break
        running.send_signal(signal.SIGINT)
        printed += running.stdout.readlines()
        assert running.wait(30) == 130
    text = "".join(printed)
    assert "canary now at 25%" in text
    assert f"What was recorded until then lies in {out}" in text
    assert decision(out / "good", "promotion")["verdict"] == "manual-review"
    assert events(out / "good")
    assert_nothing_runs(out)


def test_touches_no_folder_that_is_not_its_own(tmp_path):
    (tmp_path / "precious").write_text("mine")
    done = subprocess.run([*DEMO, "--out", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "choose another --out" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["precious"]


def test_a_wrong_option_ends_with_its_reason_and_the_place_of_the_records(tmp_path):
    out = tmp_path / "out"
    done = subprocess.run(
        [*DEMO, "--out", str(out), "--slices", "50,25"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "the slices do not increase" in done.stdout
    assert f"What was recorded until then lies in {out}" in done.stdout
    assert_nothing_runs(out)
