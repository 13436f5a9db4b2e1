"""The demo's own parts: nothing it starts outlives it, nothing that is not its own is touched."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.append(str(EXAMPLES / "demo"))

from processes import Children, DidNotStart, TookTooLong, environment  # noqa: E402
from repository import Repository, unpack  # noqa: E402


def gone(pid, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            # A zombie that nobody waited for answers too.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def storefront(folder):
    port_file = folder / "port"
    argv = [sys.executable, "-m", "storefront", "--port", "0", "--port-file", port_file, "--stop-with-stdin"]
    return argv, port_file


def test_stops_what_it_started_and_what_that_started(tmp_path):
    pid_file = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pid_file}.tmp; mv {pid_file}.tmp {pid_file}; trap '' TERM; wait; wait"
    with Children() as children:
        parent = children.serve(
            "stubborn", ["sh", "-c", script], cwd=tmp_path, log=tmp_path / "log", ready=pid_file
        )
        grandchild = int(pid_file.read_text())
        assert not gone(grandchild, seconds=0.2)
    assert parent.returncode is not None
    assert gone(grandchild)


def test_a_server_that_dies_is_named_with_its_log(tmp_path):
    with Children() as children, pytest.raises(DidNotStart, match=r"broken did not start.*the-log"):
        children.serve("broken", ["false"], cwd=tmp_path, log=tmp_path / "the-log", ready=tmp_path / "never")


def test_a_command_gets_its_time_and_no_more(tmp_path):
    with Children() as children, pytest.raises(TookTooLong):
        children.run(["sleep", "60"], cwd=tmp_path, seconds=0.3, on_line=print)


def test_a_command_s_lines_and_exit_code_are_passed_on(tmp_path):
    lines = []
    with Children() as children:
        code = children.run(
            ["sh", "-c", "echo one; echo two >&2; exit 3"], cwd=tmp_path, seconds=20, on_line=lines.append
        )
    assert (code, lines) == (3, ["one\n", "two\n"])


def test_what_would_steer_the_demo_from_outside_is_left_out(monkeypatch):
    for name in ("SIGNALBOX_MODE", "GITHUB_ACTIONS", "PYTEST_ADDOPTS", "PYTHONPATH", "GIT_DIR"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("KEPT_AS_IT_IS", "x")
    found = environment({"MORE": "y"})
    assert {"SIGNALBOX_MODE", "GITHUB_ACTIONS", "PYTEST_ADDOPTS", "PYTHONPATH", "GIT_DIR"}.isdisjoint(found)
    assert (found["KEPT_AS_IT_IS"], found["MORE"]) == ("x", "y")


def test_servers_go_when_the_demo_is_killed_without_warning(tmp_path):
    argv, port_file = storefront(tmp_path)
    driver = f"""
import sys, time
from pathlib import Path
sys.path.append({str(EXAMPLES / "demo")!r})
from processes import Children
with Children() as children:
    process = children.serve("shop", {[str(a) for a in argv]!r}, cwd={str(EXAMPLES / "storefront")!r},
                             log=Path({str(tmp_path / "log")!r}), ready=Path({str(port_file)!r}))
    print(process.pid, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE, text=True) as running:
        pid = int(running.stdout.readline())
        assert not gone(pid, seconds=0.2)
        running.kill()
        assert gone(pid)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port_file.read_text()}/healthz", timeout=2)


def test_the_patches_apply_and_the_artifact_is_the_commit(tmp_path):
    shop = Repository.make(tmp_path / "shop", EXAMPLES / "storefront")
    base = shop.head()
    good = shop.commit_patch(EXAMPLES / "demo" / "changes" / "good.patch")
    bad = shop.commit_patch(EXAMPLES / "demo" / "changes" / "bad.patch")
    assert shop.git("rev-list", "--reverse", "HEAD").splitlines() == [base, good, bad]
    assert shop.git("status", "--porcelain") == ""
    artifact, digest = shop.build(good, tmp_path / "artifacts")
    again, same = shop.build(good, tmp_path / "again")
    assert digest == same != shop.build(bad, tmp_path / "artifacts")[1]
    assert artifact.read_bytes() == again.read_bytes()
    release = unpack(artifact, tmp_path / "release")
    assert "most" in (release / "storefront" / "data" / "price_rules.json").read_text()


@pytest.mark.parametrize("patch", ["good", "bad"])
def test_the_tests_of_each_change_pass_and_fail_without_it(patch, tmp_path):
    """The faulty commit must look right to its own tests; and those tests must be about the change."""
    shop = Repository.make(tmp_path / "shop", EXAMPLES / "storefront")
    for name in ("good", "bad")[: ("good", "bad").index(patch) + 1]:
        shop.commit_patch(EXAMPLES / "demo" / "changes" / f"{name}.patch")

    def suite():
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
            cwd=shop.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )

    whole = suite()
    assert whole.returncode == 0, whole.stdout
    shop.git("checkout", "-q", "HEAD~1", "--", "storefront")
    assert suite().returncode == 1


def load(url, out, *more):
    argv = [sys.executable, str(EXAMPLES / "demo" / "traffic.py"), "--url", url, "--out", str(out), *more]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "url", ["http://example.com:80", "https://127.0.0.1:1", "http://127.0.0.1", "127.0.0.1:80"]
)
def test_shoppers_go_nowhere_but_to_this_machine(url, tmp_path):
    done = load(url, tmp_path / "seen")
    assert done.returncode == 2
    assert "127.0.0.1" in done.stderr


@pytest.mark.parametrize("more", [("--rate", "5000"), ("--seconds", "100000"), ("--rate", "0")])
def test_the_load_is_bounded(more, tmp_path):
    assert load("http://127.0.0.1:1", tmp_path / "seen", *more).returncode == 2


def test_shoppers_write_down_what_they_saw(tmp_path):
    argv, port_file = storefront(tmp_path)
    with Children() as children:
        children.serve("shop", argv, cwd=EXAMPLES / "storefront", log=tmp_path / "log", ready=port_file)
        url = f"http://127.0.0.1:{port_file.read_text()}"
        assert load(url, tmp_path / "seen", "--rate", "50", "--seconds", "2").returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    # Behind no proxy nobody says which arm it was.
    seen = [row["arms"]["nobody"] for row in rows if row["arms"]]
    assert 50 < sum(second["requests"] for second in seen) < 150
    assert sum(second["errors"] for second in seen) == 0
    assert all(second["p50_ms"] <= second["p99_ms"] for second in seen)


def test_shoppers_count_a_shop_that_is_closed_as_errors(tmp_path):
    assert load("http://127.0.0.1:9", tmp_path / "seen", "--rate", "30", "--seconds", "1").returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    counted = [row["arms"]["nobody"] for row in rows]
    assert sum(second["errors"] for second in counted) == sum(second["requests"] for second in counted) > 0


def test_shoppers_stop_when_they_are_told_to(tmp_path):
    argv = [sys.executable, str(EXAMPLES / "demo" / "traffic.py"), "--url", "http://127.0.0.1:9"]
    with subprocess.Popen([*argv, "--out", str(tmp_path / "seen"), "--seconds", "600"]) as running:
        deadline = time.monotonic() + 20
        while not (tmp_path / "seen").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
