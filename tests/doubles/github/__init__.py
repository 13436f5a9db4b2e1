"""A stateful double of the GitHub REST API on loopback, held to GitHub's own OpenAPI description.

In a test::

    def test_something(github_double):
        github_double.add_repository("acme/shop")
        client = GitHub.from_environ(github_double.environ("acme/shop"))

As a program, for workflows run with ``act``::

    python -m doubles.github --port 0 --state state.json
"""

from .description import Description, DescriptionMissing, load_description
from .faults import Fault
from .server import GitHubDouble

__all__ = ["Description", "DescriptionMissing", "Fault", "GitHubDouble", "load_description"]
