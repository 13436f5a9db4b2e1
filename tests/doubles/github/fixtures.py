"""The pytest fixture; a test that leaves a violation behind fails."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .description import DescriptionMissing, package_folder
from .server import GitHubDouble


def need_description() -> None:
    """Skip the test, saying how to install GitHub's description; where lanes are strict, fail it."""
    try:
        package_folder()
    except DescriptionMissing as error:
        if os.environ.get("SIGNALBOX_STRICT_LANES") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture
def github_double() -> Iterator[GitHubDouble]:
    """A fresh double; after the test every exchange must have kept to GitHub's description."""
    need_description()
    with GitHubDouble() as double:
        yield double
    assert not double.violations, "\n".join(["GitHub's description was broken:", *double.violations])
