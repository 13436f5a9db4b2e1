"""post_status.py at the double of GitHub and a real registry: no promotion gets a status it did not earn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_promote_registry import host as host
from test_promote_registry import push, pytestmark  # noqa: F401 (the same registry is needed)

from doubles.github import GitHubDouble
from doubles.github.fixtures import github_double as github_double
from signalbox.github import GitHub
from signalbox.gitops import Registry, parse_repository

SCRIPT = Path(__file__).parents[2] / "scripts" / "post_status.py"
FLEET, APP, FILE = "acme/fleet", "acme/shop", "clusters/prod/shop.yaml"
POLICY = "kind: ImagePolicy\nspec:\n  policy:\n    semver:\n      range: 1.4.1 # strict\n"


class World:
    """A fleet with one strict policy, an application whose commit was tested, a registry with two images."""

    def __init__(self, double: GitHubDouble, host: str, folder: Path) -> None:
        self.double, self.host, self.folder = double, host, folder
        for name in (FLEET, APP):
            double.add_repository(name)
        double.commit(FLEET, "main", {FILE: POLICY, "README": "x\n"})
        self.tested = double.commit(APP, "main", {"app.py": "x = 1\n"})
        registry = Registry(parse_repository(f"{host}/acme/shop"))
        self.digest = push(host, "acme/shop", b"tested")
        registry.retag(self.digest, "1.4.2", move=True)
        self.other = push(host, "acme/shop", b"another")
        registry.retag(self.other, "1.4.3", move=True)

    def pull(self, text: str, body: str = "", path: str = FILE) -> str:
        """An open pull request with this content; its head."""
        head = self.double.commit(FLEET, "change", {path: text})
        with GitHub.from_environ(self.double.environ(FLEET)) as client:
            client.upsert_pull("change", "main", "Promote", body)
        return head

    def post(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), "--repo", str(self.folder), *options]
        environ = self.double.environ(FLEET)
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)

    def seen(self, *options: str) -> subprocess.CompletedProcess[str]:
        """As each pull request of the fleet calls it."""
        given = ("--pull", "1", "--image-policy-path", FILE, "--registry", f"{self.host}/acme/shop")
        return self.post(*given, "--tested", APP, *options)

    def statuses(self, repository: str = FLEET) -> list[tuple[str, str]]:
        rows: list[dict[str, Any]] = self.double.state.repositories[repository].statuses
        return [(row["sha"], row["state"]) for row in rows]


@pytest.fixture
def world(github_double: GitHubDouble, host: str, tmp_path: Path) -> World:
    return World(github_double, host, tmp_path)


def gate(world: World, *options: str, evals: str = "PASS") -> subprocess.CompletedProcess[str]:
    return world.post("--verdicts", f"evals={evals} e2e=PASS", "--digest", world.digest, *options)


def test_the_gate_finds_the_promotion_by_what_the_registry_says(world: World) -> None:
    head = world.pull(POLICY.replace("1.4.1", "1.4.2"))
    found = ("--image-policy-path", FILE)
    without = gate(world, *found)
    assert (without.returncode, world.statuses()) == (0, []), without.stderr
    done = gate(world, *found, "--registry", f"{world.host}/acme/shop")
    assert done.returncode == 0, done.stderr
    assert world.statuses() == [(head, "success")]


def test_a_forged_promotion_gets_nothing(world: World) -> None:
    gate(world, "--into", APP, "--sha", world.tested)
    for text in (
        POLICY.replace("1.4.1", "1.4.3"),
        POLICY.replace("1.4.1", "1.9.9"),
        POLICY.replace("1.4.1", '">=0.0.0"'),
        POLICY.replace("1.4.1 # strict", f"1.4.3 # {world.digest}"),
        POLICY.replace("1.4.1", "1.4.2") + "  imageRepositoryRef: {name: evil}\n",
    ):
        world.pull(text, body=f"promotes {world.digest}, tested as {world.tested}")
        call = world.seen()
        assert "nothing was posted on it" in call.stdout, call.stdout + call.stderr
    call = gate(world, "--image-policy-path", FILE, "--registry", f"{world.host}/acme/shop")
    assert "nothing was posted on it" in call.stdout
    assert world.statuses() == []


@pytest.mark.parametrize("evals", ["PASS", "FAIL", ""])
def test_a_promotion_proposed_later_gets_what_the_gate_said_of_its_digest(world: World, evals: str) -> None:
    posted = gate(world, "--into", APP, "--sha", world.tested, evals=evals)
    assert posted.returncode == 0, posted.stderr
    head = world.pull(
        POLICY.replace("1.4.1", "1.4.2"),
        body=f"**Promotion** · `{world.tested[: 40 if evals == 'PASS' else 12]}` · `{world.digest[:19]}`",
    )
    done = world.seen()
    assert done.returncode == 0, done.stderr
    state = {"PASS": "success", "FAIL": "failure", "": "error"}[evals]
    assert world.statuses() == [(head, state)]
    assert world.statuses(APP) == [(world.tested, state)]


def test_without_a_record_or_with_somebody_elses_nothing_is_posted(world: World) -> None:
    world.pull(POLICY.replace("1.4.1", "1.4.2"), body=f"built from {world.tested} or {'0' * 40}")
    assert "has not tested" in world.seen().stdout
    assert gate(world, "--into", APP, "--sha", world.tested).returncode == 0
    assert "has not tested" in world.seen("--tested-by", "somebody-else").stdout
    assert world.statuses() == []


def test_a_change_that_promotes_nothing_is_not_applicable_and_says_so(world: World) -> None:
    head = world.pull("y\n", path="README")
    done = world.seen()
    assert (done.returncode, world.statuses()) == (0, [(head, "success")]), done.stderr
    assert "not applicable" in done.stdout


def test_a_call_that_names_nothing_and_a_status_that_github_refuses(world: World) -> None:
    assert world.post().returncode == 2
    refused = gate(world, "--sha", "0" * 40)
    assert refused.returncode == 2
    assert "No commit found" in refused.stderr
    assert world.statuses() == []
