"""The typed client that scripts use: one repository, one token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signalbox.errors import InputError

from . import artifacts, comments, deployments, names, pulls, runs, setup, trees
from .artifacts import Artifact, Expected, Limits
from .comments import Comment
from .deployments import CommitState, Deployment, DeploymentState, Standing
from .errors import GitHubError, reading
from .pulls import Pull
from .runs import Job, Queue, Run
from .setup import Environment, Rules
from .transport import DEFAULT_API, Transport
from .trees import Pushed

ACTIONS_LOGIN = "github-actions[bot]"


class GitHub:
    """Calls on one repository. Use it as a context manager, so that its connections are closed."""

    def __init__(self, repository: str, transport: Transport) -> None:
        self.repository = names.repository(repository)
        self.transport = transport
        self._login = ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], repository: str = "", **options: Any) -> GitHub:
        """Build a client from ``GITHUB_REPOSITORY``, ``GITHUB_API_URL`` and ``GITHUB_TOKEN``.

        ``GH_TOKEN`` is read when ``GITHUB_TOKEN`` is empty; without a token everything is read-only.
        ``options`` go to :class:`Transport`. Raises ``InputError``.
        """
        name = repository or environ.get("GITHUB_REPOSITORY", "")
        if not name:
            raise InputError(
                "no repository is named", where="GITHUB_REPOSITORY", fix="Give it as owner/name."
            )
        api = environ.get("GITHUB_API_URL", "") or DEFAULT_API
        if not names.link(api):
            raise InputError("this is no address of an API", where="GITHUB_API_URL", why=repr(api[:200]))
        token = (environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or "").strip()
        if any(not 32 < ord(character) < 127 for character in token):
            raise InputError("the token holds characters that no token has", where="GITHUB_TOKEN")
        return cls(name, Transport(api, token, **options))

    def __repr__(self) -> str:
        return f"GitHub({self.repository!r}, {self.transport!r})"

    def __enter__(self) -> GitHub:
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    @property
    def writable(self) -> bool:
        """Whether there is a token; without one every write raises."""
        return self.transport.signed

    def login(self) -> str:
        """Return whom the token speaks for.

        GraphQL's viewer answers for every kind of token, also for a job's, which may not ask ``/user``.
        Where GraphQL is not served, a token that may not ask ``/user`` is taken to be a job's own.
        """
        if not self._login:
            try:
                query = {"query": "{ viewer { login } }"}
                # below an enterprise server's /api/v3 GraphQL is at /api/graphql: PyGithub knows
                answer = self.transport.graphql(query)
                self._login = str(answer["data"]["viewer"]["login"])
            except (GitHubError, KeyError, TypeError):
                try:
                    self._login = str(self.transport.get("/user")["login"])
                except GitHubError as error:
                    if error.status != 403:
                        raise
                    self._login = ACTIONS_LOGIN
        return self._login

    # -- writes: what was written, or GitHubError

    def upsert_comment(self, number: int, key: str, body: str) -> Comment:
        """Write the one comment ``key`` of ours on an issue or pull request."""
        return comments.upsert(self, number, key, body)

    def set_status(
        self, sha: str, context: str, state: CommitState, description: str = "", target: str = ""
    ) -> int:
        """Set a commit status and return its id."""
        return deployments.set_status(self, sha, context, state, description, target)

    def upsert_pull(self, head: str, base: str, title: str, body: str, draft: bool = False) -> Pull:
        """Open a pull request for branch ``head`` or bring the open one up to date."""
        return pulls.upsert(self, head, base, title, body, draft)

    def create_deployment(
        self, sha: str, environment: str, *, key: str, description: str = "", production: bool = False
    ) -> Deployment:
        """Record a deployment once per ``key``."""
        return deployments.create(
            self, sha, environment, key=key, description=description, production=production
        )

    def set_deployment_status(
        self, deployment: int, state: DeploymentState, description: str = "", url: str = "", log: str = ""
    ) -> int:
        """Add a status to a deployment and return its id."""
        return deployments.set_deployment_status(self, deployment, state, description, url, log)

    def standings(self, environment: str, prefix: str, most: int = 20) -> tuple[Standing, ...]:
        """Return our deployments whose key begins with ``prefix``, and the latest word on each."""
        return deployments.standings(self, environment, prefix, most)

    def put_files(self, ref: str, files: Mapping[str, bytes], message: str) -> Pushed:
        """Write files under a new ref; never over another."""
        return trees.put(self, ref, files, message)

    def append_files(self, branch: str, files: Mapping[str, bytes], message: str) -> Pushed:
        """Add files on top of a branch."""
        return trees.append(self, branch, files, message)

    # -- reads: a value, or Unavailable with the reason

    @reading
    def artifact(self, artifact: int) -> Artifact:
        """Return what GitHub says of an artifact."""
        return artifacts.get(self, artifact)

    @reading
    def artifacts_of_run(self, run: int, name: str = "") -> tuple[Artifact, ...]:
        """Return a run's artifacts."""
        return artifacts.of_run(self, run, name)

    @reading
    def fetch_artifact(
        self, artifact: int, folder: Path, expected: Expected | None = None, limits: Limits | None = None
    ) -> tuple[Path, ...]:
        """Unpack an artifact into the new folder ``folder`` and return its files."""
        return artifacts.fetch(self, artifact, folder, expected or Expected(), limits or Limits())

    @reading
    def queue_depth(self, statuses: Sequence[str] = runs.WAITING) -> Queue:
        """Return how many jobs wait."""
        return runs.queue(self, statuses)

    @reading
    def last_runs(
        self, limit: int = 100, *, status: str = "completed", event: str = "", branch: str = ""
    ) -> tuple[Run, ...]:
        """Return the newest runs, newest first."""
        return runs.last(self, limit, status, event, branch)

    @reading
    def jobs(self, run: int) -> tuple[Job, ...]:
        """Return a run's jobs."""
        return runs.jobs(self, run)

    @reading
    def contents(self, path: str, ref: str = "", limit: int = 10_000_000) -> bytes:
        """Return a file at a ref."""
        return trees.contents(self, path, ref, limit)

    @reading
    def default_branch(self) -> str:
        """Return the name of the default branch."""
        return setup.default_branch(self)

    @reading
    def environments(self) -> tuple[Environment, ...]:
        """Return all environments with their protection."""
        return setup.environments(self)

    @reading
    def branch_rules(self, branch: str) -> Rules:
        """Return what active rulesets demand of a branch."""
        return setup.branch_rules(self, branch)

    @reading
    def actions_policy(self) -> dict[str, Any]:
        """Return what Actions may do in this repository."""
        return setup.actions_policy(self)

    @reading
    def caches(self, key: str, ref: str) -> tuple[str, ...]:
        """Return the keys of the caches of a ref that begin with ``key``."""
        return setup.caches(self, key, ref)

    @reading
    def changed_files(self, sha: str) -> tuple[str, ...]:
        """Return the paths that a commit changed."""
        return setup.changed_files(self, sha)
