"""Fixtures of the act lane: one copy of the library, one kept folder of built environments, one double."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import act
import caller
import library
import pytest

from doubles.github import GitHubDouble, load_description

TOOLS = library.ROOT / ".cache" / "actions"
KEEP_DAYS = 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.workflow)


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as act can run it."""
    return library.build(tmp_path_factory.mktemp("library") / "signalbox")


@pytest.fixture(scope="session")
def tools() -> Path:
    """Where the launcher keeps the environments it builds: named by their content, so they stay right.

    Kept between runs of the tests, so that only a change of the library costs a build.
    """
    TOOLS.mkdir(parents=True, exist_ok=True)
    for old in TOOLS.glob("env-*"):
        if time.time() - old.stat().st_mtime > KEEP_DAYS * 86400:
            shutil.rmtree(old, ignore_errors=True)
    return TOOLS


@pytest.fixture(scope="session")
def description():
    return load_description()


@pytest.fixture
def github(tmp_path: Path, description) -> Iterator[GitHubDouble]:
    """GitHub's API; every exchange must have kept to GitHub's own description."""
    with GitHubDouble(tmp_path / "github", description=description) as double:
        yield double
    assert double.violations == []


@pytest.fixture
def runner(copy: Path, tools: Path, tmp_path: Path, github: GitHubDouble) -> act.Runner:
    return act.Runner(copy, tmp_path, tools, github)


@pytest.fixture
def repository(tmp_path: Path, github: GitHubDouble) -> Callable[[dict[str, str]], caller.Repository]:
    """Make the caller's repository: the double's own git is its origin."""

    def make(files: dict[str, str]) -> caller.Repository:
        github.add_repository("acme/shop")
        bare = github.state.git("acme/shop")
        bare.run("update-ref", "-d", "refs/heads/main")
        return caller.Repository.create(tmp_path / "work", bare.folder, files)

    return make
