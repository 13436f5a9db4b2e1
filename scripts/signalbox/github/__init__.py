"""The only room that speaks to the GitHub API.

``GitHub.from_environ(environ)`` reads ``GITHUB_API_URL``, ``GITHUB_REPOSITORY`` and the token. Reads
answer with a value or with :class:`Unavailable`, which says why there is none; writes answer with
what was written or raise :class:`GitHubError`. PyGithub is imported at the first call.
"""

from __future__ import annotations

from .artifacts import Artifact, Expected, Limits
from .client import GitHub
from .comments import Comment, fit
from .deployments import Deployment
from .errors import GitHubError, Unavailable
from .names import pull_number
from .pulls import Pull
from .retry import Retry
from .runs import Job, Queue, Run
from .setup import Environment, Rules
from .trees import Pushed

__all__ = [
    "Artifact",
    "Comment",
    "Deployment",
    "Environment",
    "Expected",
    "GitHub",
    "GitHubError",
    "Job",
    "Limits",
    "Pull",
    "Pushed",
    "Queue",
    "Retry",
    "Rules",
    "Run",
    "Unavailable",
    "fit",
    "pull_number",
]
