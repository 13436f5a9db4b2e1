"""The pytest fixture; a test that leaves a violation behind fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import GitHubDouble


@pytest.fixture
def github_double() -> Iterator[GitHubDouble]:
    """A fresh double; after the test every exchange must have kept to GitHub's description."""
    with GitHubDouble() as double:
        yield double
    assert not double.violations, "\n".join(["GitHub's description was broken:", *double.violations])
