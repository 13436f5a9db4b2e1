"""The double must catch what it is there to catch, also as a program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from doubles.github import GitHubDouble, load_description
from doubles.github.fixtures import need_description
from signalbox.github import GitHub

TESTS = Path(__file__).parents[1]
REPO = "acme/shop"
SIGNED = {"Authorization": "Bearer ghs_double"}


@pytest.fixture
def strict_double() -> Iterator[GitHubDouble]:
    """A double whose violations the test itself looks at."""
    need_description()
    with GitHubDouble() as double:
        double.add_repository(REPO)
        yield double


def test_a_misspelt_field_is_a_violation(strict_double: GitHubDouble) -> None:
    issue = strict_double.add_issue(REPO)
    url = f"{strict_double.url}/repos/{REPO}/issues/{issue}/comments"
    answer = requests.post(url, json={"body": "x", "boddy": "y"}, headers=SIGNED, timeout=5)
    assert answer.status_code == 422
    assert len(strict_double.violations) == 1
    assert "boddy" in strict_double.violations[0]
    assert strict_double.state.repositories[REPO].comments == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("issues/1/comments?perpage=5", "'perpage' is not described"),
        ("actions/runs?status=sleeping", "status"),
        ("no-such-thing", "GitHub's description does not have"),
        ("hooks", "the double does not implement"),
    ],
)
def test_a_wrong_request_is_a_violation(strict_double: GitHubDouble, path: str, says: str) -> None:
    answer = requests.get(f"{strict_double.url}/repos/{REPO}/{path}", headers=SIGNED, timeout=5)
    assert answer.status_code in (404, 422)
    assert says in "\n".join(strict_double.violations)


def test_a_wrong_answer_of_the_double_is_a_violation(strict_double: GitHubDouble) -> None:
    strict_double.add_run(REPO, status="having lunch", created_at="yesterday")
    requests.get(f"{strict_double.url}/repos/{REPO}/actions/runs", headers=SIGNED, timeout=5)
    assert any("created_at" in violation for violation in strict_double.violations)


def test_a_token_sent_to_the_archives_host_is_a_violation(strict_double: GitHubDouble) -> None:
    answer = requests.get(f"{strict_double.blob_url}/archives/1?sig=signed", headers=SIGNED, timeout=5)
    assert answer.status_code == 400
    assert strict_double.violations == ["the token was sent to another host: GET /archives/1"]


def test_tokens_are_held_to_their_permissions(strict_double: GitHubDouble) -> None:
    strict_double.add_token("ghs_reader", "github-actions[bot]", "installation", {"issues": "read"})
    issue = strict_double.add_issue(REPO)
    url = f"{strict_double.url}/repos/{REPO}/issues/{issue}/comments"
    answers = {
        who: requests.post(url, json={"body": "x"}, headers={"Authorization": f"token {who}"}, timeout=5)
        for who in ("ghs_reader", "nobody", "ghs_double")
    }
    assert {who: answer.status_code for who, answer in answers.items()} == {
        "ghs_reader": 403,
        "nobody": 401,
        "ghs_double": 201,
    }
    assert "issues=write" in answers["ghs_reader"].headers["X-Accepted-GitHub-Permissions"]
    assert requests.post(url, json={"body": "x"}, timeout=5).status_code == 401
    assert strict_double.violations == []


def test_a_private_repository_is_hidden_from_strangers(strict_double: GitHubDouble) -> None:
    strict_double.add_repository("acme/secret", private=True)
    url = f"{strict_double.url}/repos/acme/secret"
    assert requests.get(url, timeout=5).status_code == 404
    assert requests.get(url, headers=SIGNED, timeout=5).status_code == 200
    assert strict_double.violations == []


def test_the_description_knows_every_route_of_the_double() -> None:
    from doubles.github.routing import ROUTES

    need_description()
    description = load_description()
    unknown = []
    for entry in ROUTES:
        example = entry.pattern.pattern.replace("\\", "")
        for name in entry.pattern.groupindex:
            example = example.replace(f"(?P<{name}>.+)", "x").replace(f"(?P<{name}>[^/]+)", "1")
        if description.operation(entry.method, example) is None:
            unknown.append((entry.method, example))
    assert unknown == []


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    need_description()
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"tokens": {"t": {}}, "repositories": {REPO: {"issues": []}}}))
    process = subprocess.Popen(
        [sys.executable, "-m", "doubles.github", "--port", "0", "--state", str(state), "--seconds", "60"],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["url"], state
        finally:
            if process.poll() is None:
                process.kill()


def test_as_a_program_it_keeps_its_state(program: tuple[subprocess.Popen[str], str, Path]) -> None:
    process, url, state = program
    environ = {"GITHUB_API_URL": url, "GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": REPO}
    with GitHub.from_environ(environ) as client:
        pushed = client.put_files("refs/signalbox/runs/1", {"a.json": b"{}\n"}, "record")
        assert client.contents("a.json", pushed.commit) == b"{}\n"
        client.set_status(pushed.commit, "signalbox", "success")
    order = {"method": "GET", "path": f"/repos/{REPO}", "status": 404, "message": "Not Found"}
    requests.post(f"{url}/_double/faults", json=order, timeout=5).raise_for_status()
    assert requests.get(f"{url}/repos/{REPO}", timeout=5).status_code == 404
    assert requests.get(f"{url}/_double/violations", timeout=5).json() == []
    seen = requests.get(f"{url}/_double/requests", timeout=5).json()
    assert [entry["path"] for entry in seen if entry["method"] == "GET"][-1] == f"/repos/{REPO}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    kept = json.loads(state.read_text())["repositories"][REPO]
    assert [(row["context"], row["sha"]) for row in kept["statuses"]] == [("signalbox", pushed.commit)]


def test_as_a_program_it_fails_when_the_description_was_broken(
    program: tuple[subprocess.Popen[str], str, Path],
) -> None:
    process, url, _ = program
    requests.get(f"{url}/repos/{REPO}/nonsense", timeout=5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 1
    assert process.stderr is not None
    assert "nonsense" in process.stderr.read()
