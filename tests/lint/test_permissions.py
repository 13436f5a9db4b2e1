"""Least privilege: who may write, who sees a secret, who gets an identity, what a fork's run can reach."""

import re
import subprocess
import sys

import pytest
from workflow_files import CALLERS, ROOT, WORKFLOWS, name_of, read, steps, walk

# What turns the right to an identity token into something: without one of these the grant is for nothing.
IDENTITY = re.compile(
    r"aws-actions/configure-aws-credentials@|actions/attest@|identity-token|google-github-actions/auth@"
    r"|azure/login@|identity"
)
# Steps that run the caller's own commands: code of the change, which gets no right to write.
CALLERS_CODE = re.compile(r"\$/actions/(run-shard|index-tests|run-e2e)$")


def test_the_page_says_what_the_workflows_say():
    command = [sys.executable, ROOT / "docs/permissions.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def jobs(paths):
    return [(path, name, job) for path in paths for name, job in read(path)["jobs"].items()]


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_an_identity_is_asked_for_only_where_it_is_used(path):
    for name, job in read(path)["jobs"].items():
        if job["permissions"].get("id-token") and "uses" not in job:
            said = " ".join(str(value) for _, value in walk(job.get("steps", [])))
            said += " ".join(str(place[-1]) for place, _ in walk(job.get("steps", [])))
            assert IDENTITY.search(said), f"{name} may ask for an identity and never does"


@pytest.mark.parametrize("path", [*WORKFLOWS, *CALLERS], ids=name_of)
def test_secrets_are_handed_to_one_step_by_name(path):
    for place, value in walk(read(path)):
        if "secrets." not in str(value):
            continue
        assert "secrets[" not in str(value)
        assert place[-1] not in ("if", "run", "name", "group"), place
        assert "outputs" not in place, f"a secret would leave by an output: {place}"
        step = "steps" in place and {"with", "env"} & set(map(str, place))
        handed_on = "secrets" in place or ("with" in place and "steps" not in place)
        assert step or handed_on, f"seen by more than one step: {place}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_the_changes_own_code_runs_where_nothing_can_be_written(path):
    for name, job in read(path)["jobs"].items():
        if any(CALLERS_CODE.match(step.get("uses", "")) for step in job.get("steps", [])):
            writes = [scope for scope, level in job["permissions"].items() if level == "write"]
            assert writes == [], name


def forks():
    """Callers that a fork's pull request starts."""
    return [path for path in CALLERS if "pull_request" in read(path)["on"]]


def test_there_is_a_caller_for_pull_requests():
    assert forks()


def only_posts(job):
    """Whether a job runs no code at all but our posting actions: nothing of the change is in it."""
    used = [step.get("uses", "run") for step in job.get("steps", [])]
    return bool(used) and all(re.fullmatch(r"OWNER/signalbox/actions/post-\w+@v1", use) for use in used)


@pytest.mark.parametrize("path", forks(), ids=name_of)
def test_a_forks_run_sees_no_secret_and_nothing_that_runs_its_code_may_write_more_than_a_comment(path):
    workflow = read(path)
    assert not [value for _, value in walk(workflow) if "secrets." in str(value)]
    for name, job in workflow["jobs"].items():
        writes = {scope for scope, level in job["permissions"].items() if level == "write"}
        if only_posts(job):
            continue  # a fork's token cannot write whatever is asked for, and our own branches' may
        # The gate reads the change and runs none of it; its verdict is a status on the commit.
        gate = job.get("uses", "").partition("@")[0].endswith("/environment-gate.yml")
        assert writes <= ({"pull-requests", "statuses"} if gate else {"pull-requests"}), name
        if writes:
            said = " ".join(str(value) for _, value in walk(job))
            assert "head.repo.full_name == github.repository" in said, name


def after_forks():
    return [path for path in CALLERS if "workflow_run" in read(path)["on"]]


def test_what_posts_for_a_fork_runs_none_of_its_code():
    assert after_forks()
    for path in after_forks():
        for step in steps(read(path)):
            used = step.get("uses", "")
            assert "run" not in step, path.name
            assert "checkout" not in used, path.name
            assert used.startswith(("actions/download-artifact@", "OWNER/signalbox/actions/post-")), used
        assert not [value for _, value in walk(read(path)) if "secrets." in str(value)]
