"""A rollout told in a GitHub deployment's statuses: written step by step, swept after its runner is gone."""

import json
import subprocess

import pytest

from doubles.github.fixtures import github_double  # noqa: F401
from doubles.rollout_rig import DIGEST, environment, proxy_rig, proxy_share, set_faults, wait_for

pytestmark = pytest.mark.real
NAME = "acme/shop"


@pytest.fixture
def told(github_double, tmp_path):  # noqa: F811
    """A rig whose monitor tells GitHub, the commit it is about, and the double's view of the statuses."""
    github_double.add_repository(NAME)
    sha = github_double.state.git(NAME).resolve("main")
    repo = github_double.state.repositories[NAME]
    with proxy_rig(tmp_path) as rig:
        rig.sha, rig.repo, rig.double = sha, repo, github_double
        rig.statuses = lambda: [(row["state"], row["description"]) for row in repo.deployment_statuses]
        yield rig


def command(rig, *more, run="71", outputs=None, **options):
    environ = environment() | rig.double.environ(NAME)
    environ |= {"GITHUB_RUN_ID": run, "GITHUB_SERVER_URL": "https://github.com"}
    if outputs:
        environ["GITHUB_OUTPUT"] = str(outputs)
    base = ["--deployment-status", "yes", "--sha", rig.sha, "--url", "https://shop.example"]
    return {"args": rig.command(*base, *more, **options), "env": environ}


def run(rig, *more, **options):
    return subprocess.run(**command(rig, *more, **options), capture_output=True, text=True, timeout=120)


def expire(rig):
    """As if the lease's quarter of an hour had gone by."""
    for row in rig.repo.deployment_statuses:
        head, _, tail = row["description"].partition("lease until ")
        row["description"] = f"{head}lease until 2020-01-01T00:00:00Z{tail[20:]}"


def test_every_step_is_a_status_and_the_end_is_success(told):
    done = run(told)
    assert done.returncode == 0, done.stderr
    [deployment] = told.repo.deployments
    assert (deployment["sha"], deployment["environment"]) == (told.sha, "staging")
    assert deployment["payload"] == {"signalbox": f"rollout web {DIGEST}"}
    states = [state for state, _ in told.statuses()]
    assert states == ["in_progress"] * (len(states) - 1) + ["success"]
    words = [text.partition(";")[0] for _, text in told.statuses()]
    assert words == ["stepping at 20%", "watching at 20%", "stepping at 100%", "watching at 100%",
                     "finishing at 100%", "done at 100%"]  # fmt: skip
    last = told.repo.deployment_statuses[-1]
    assert last["environment_url"] == "https://shop.example"
    assert last["log_url"] == f"https://github.com/{NAME}/actions/runs/71"


def test_a_vanished_runner_is_swept_and_a_bad_digest_known_to_the_next_one(told, tmp_path):
    sweep = ["--sweep", "yes", "--digest", "", "--slices", ""]
    call = command(told)
    with subprocess.Popen(**call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as monitor:
        wait_for(lambda: told.events("look"), what="a look")
        monitor.kill()
        monitor.wait(10)
    # The runner takes its disk along.
    for path in (told.state, told.audit):
        path.unlink()
    early = run(told, *sweep, run="72")
    assert early.returncode == 0, early.stderr
    assert "lease is good until" in early.stdout
    assert proxy_share(told) == 20
    second = run(told, run="73")
    assert second.returncode == 2
    assert "another monitor holds this rollout" in second.stderr
    expire(told)
    outputs = tmp_path / "outputs"
    look = run(told, "--sweep", "look", "--digest", "", "--format", "github", run="72", outputs=outputs)
    assert look.returncode == 0, look.stderr
    said = outputs.read_text()
    for part in ("due<<", "\ntrue\n", f"\n{DIGEST}\n", "\n71\n"):
        assert part in said
    assert proxy_share(told) == 20, "looking moves nothing"
    swept = run(told, *sweep, run="72")
    assert swept.returncode == 3, swept.stderr
    assert proxy_share(told) == 0
    assert told.statuses()[-1][0] == "inactive"
    again = run(told, *sweep, run="74")
    assert "nothing to sweep" in again.stdout
    # It was no finding, so it may be tried again: now it is found to be bad, and that outlives the disk.
    told.state.unlink()
    set_faults(told.canary, errors=0.3)
    found = run(told, run="75")
    assert found.returncode == 1, found.stderr
    assert told.statuses()[-1][0] == "failure"
    told.state.unlink()
    set_faults(told.canary, errors=0.0)
    moves = len(told.events("moved"))
    outputs.unlink()
    looked = run(told, "--sweep", "look", "--format", "github", run="76", outputs=outputs)
    assert looked.returncode == 0, looked.stderr
    assert "worse<<" in outputs.read_text()
    assert "was found worse before" in looked.stdout
    known = run(told, run="76")
    assert known.returncode == 1, known.stderr
    assert json.loads(told.decision.read_text())["reasons"][0]["code"] == "KNOWN_BAD"
    assert len(told.events("moved")) == moves


def test_without_the_right_to_write_it_is_said_and_the_rollout_goes_on(told):
    told.double.fail("POST", "*/deployments*", 403, times=-1)
    done = run(told, slices="100")
    assert done.returncode == 0, done.stderr
    assert "was not told" in done.stderr


@pytest.mark.parametrize(
    ("more", "said"), [(["--sha", ""], "--sha"), (["--environment", ""], "--environment")]
)
def test_what_a_deployment_needs_is_asked_for_before_anything_moves(told, more, said):
    done = run(told, *more)
    assert done.returncode == 2
    assert said in done.stderr
    assert proxy_share(told) == 0
