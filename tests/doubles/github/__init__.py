"""A stateful double of the GitHub REST API on loopback, held to GitHub's own OpenAPI description.

In a test::

    def test_something(github_double):
        github_double.add_repository("acme/shop")
        client = GitHub.from_environ(github_double.environ("acme/shop"))

As a program, for workflows run with ``act``::

    python -m doubles.github --port 0 --state state.json

From another process ``GET /_double/violations``, ``/_double/requests`` and ``/_double/state`` look
inside and ``POST /_double/faults`` orders a failure (the fields of :class:`Fault` as JSON). The state
file needs no more than ``{"tokens": {"t": {}}, "repositories": {"acme/shop": {}}}``: a token of a job
that may do everything, and a repository whose default branch has one commit.
"""

from .description import Description, DescriptionMissing, load_description
from .faults import Fault
from .server import GitHubDouble

__all__ = ["Description", "DescriptionMissing", "Fault", "GitHubDouble", "load_description"]
