"""The double itself: two servers on loopback, one for the API and one for the host of the archives."""

from __future__ import annotations

import io
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from . import routes_actions, routes_checks, routes_git, routes_issues, routes_repos
from .description import Description, load_description
from .faults import Fault, Faults
from .handlers import ApiHandler, BlobHandler
from .routing import Request
from .state import EVERYTHING, Repository, Row, State, Token

# importing one of these registers its endpoints
ROUTES = (routes_actions, routes_checks, routes_git, routes_issues, routes_repos)
TOKEN = "ghs_double"  # the token that a double knows from the start


@dataclass(frozen=True)
class Exchange:
    """One request as the double saw it and the status it answered; 0 when it answered nothing."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    login: str
    status: int


class _Server(ThreadingHTTPServer):
    """A server that closes its open connections when it stops, so that nothing outlives a test."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port: int, handler: type, double: GitHubDouble) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.double = double
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client may go when it likes
            self.double.violate(f"the double itself failed: {sys.exc_info()[1]!r}")

    def stop(self) -> None:
        self.shutdown()
        for request in list(self._open):
            self.shutdown_request(request)
        self.server_close()


class GitHubDouble:
    """A running double. ``violations`` must be empty at the end of every test that used one."""

    def __init__(
        self,
        folder: Path | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        state_file: Path | None = None,
        description: Description | None = None,
    ) -> None:
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="github-double-")
        self.state = State(folder or Path(self._temporary.name if self._temporary else ""), clock)
        self.state_file = state_file
        self.description = description or load_description()
        self.faults = Faults()
        self.violations: list[str] = []
        self.requests: list[Exchange] = []
        self.rate_remaining = 5000
        self.rate_reset = int(clock()) + 3600
        self.stopping = threading.Event()
        self.state.tokens[TOKEN] = Token()
        self._api = _Server(port, ApiHandler, self)
        self._blobs = _Server(0, BlobHandler, self)
        self.url = f"http://127.0.0.1:{self._api.server_address[1]}"
        self.blob_url = f"http://127.0.0.1:{self._blobs.server_address[1]}"
        self._threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            for server in (self._api, self._blobs)
        ]

    def start(self) -> GitHubDouble:
        """Begin to answer."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Close every socket, write the state file if there is one, remove the temporary folder."""
        self.stopping.set()
        for server, thread in zip((self._api, self._blobs), self._threads, strict=True):
            server.stop()
            thread.join(5)
        self.save()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self) -> GitHubDouble:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def save(self) -> None:
        """Write the state file, if this double keeps one."""
        if self.state_file:
            self.state.save(self.state_file)

    def violate(self, text: str) -> None:
        """Note that an exchange broke GitHub's description."""
        self.violations.append(text)

    def fail(self, method: str, path: str, status: int = 500, **options: Any) -> Fault:
        """Order a failure, see :class:`Fault`."""
        return self.faults.add(Fault(method, path, status=status, **options))

    def count(self, method: str, path_part: str) -> int:
        """Count the requests of a method whose path contains a text."""
        return sum(e.method == method and path_part in e.path for e in list(self.requests))

    def environ(self, repository: str = "", token: str = TOKEN) -> dict[str, str]:
        """Return the variables by which a workflow's job finds GitHub."""
        return {"GITHUB_API_URL": self.url, "GITHUB_TOKEN": token, "GITHUB_REPOSITORY": repository}

    def request_for(self, repository: str, login: str = "someone") -> Request:
        """Return a request as if ``login`` had sent it, for seeding through the handlers."""
        owner, name = repository.split("/")
        params = {"owner": owner, "repo": name}
        return Request(self.state, self.url, self.blob_url, "POST", "", {}, {}, Token(login, "user"), params)

    def add_token(
        self, token: str, login: str, kind: str = "user", permissions: Mapping[str, str] | None = None
    ) -> str:
        """Make a token known; ``permissions`` None are all that a workflow can ask for."""
        self.state.tokens[token] = Token(
            login, kind, dict(EVERYTHING if permissions is None else permissions)
        )
        return token

    def add_repository(
        self, name: str, files: Mapping[str, str] | None = None, private: bool = False
    ) -> Repository:
        """Create a repository whose default branch holds one commit with ``files``."""
        repository = self.state.repositories[name] = Repository(name, private)
        self.commit(name, repository.default_branch, files or {"README.md": "# A repository\n"})
        return repository

    def commit(self, name: str, branch: str, files: Mapping[str, str], message: str = "change") -> str:
        """Commit ``files`` on ``branch`` (made from the default branch if new); return the hash."""
        git = self.state.git(name)
        ref = f"refs/heads/{branch}"
        parent = git.resolve(ref) or git.resolve(f"refs/heads/{self.state.repositories[name].default_branch}")
        entries = [("100644", git.blob(text.encode()), path) for path, text in files.items()]
        tree = git.tree(entries, parent and git.resolve(parent, "tree"))
        sha = git.commit(tree, message, [parent] if parent else [], self.state.now())
        git.run("update-ref", ref, sha)
        return sha

    def add_issue(self, repository: str, title: str = "An issue", login: str = "someone") -> int:
        """Open an issue and return its number."""
        request = self.request_for(repository, login)
        return int(routes_issues.new_issue(request, title, "", [])["number"])

    def add_pull(self, repository: str, head: str, base: str = "main", login: str = "someone") -> int:
        """Open a pull request for a branch that exists and return its number."""
        request = self.request_for(repository, login)
        request.body = {"title": f"Merge {head}", "head": head, "base": base}
        return int(routes_issues.create_pull(request).body["number"])

    def add_comment(self, repository: str, issue: int, body: str, login: str = "someone") -> int:
        """Write a comment and return its id."""
        request = self.request_for(repository, login)
        request.params["number"] = str(issue)
        request.body = {"body": body}
        return int(routes_issues.create_comment(request).body["id"])

    def add_run(self, repository: str, jobs: Sequence[Row] = (), **row: Any) -> int:
        """Add a workflow run with its jobs and return its id."""
        repo = self.state.repositories[repository]
        sha = self.state.git(repository).resolve(repo.default_branch) or "0" * 40
        run_id = self.state.new_id()
        base = {"head_sha": sha, "status": "completed", "conclusion": "success"}
        repo.runs.append({"id": run_id, "created_at": self.state.now(), **base, **row})
        for job in jobs:
            defaults = {"name": "job", "status": "completed", "conclusion": "success"}
            repo.jobs.append({"id": self.state.new_id(), "run": run_id, **defaults, **job})
        return run_id

    def add_artifact(self, repository: str, run: int, name: str, files: Mapping[str, bytes] | bytes) -> int:
        """Add an artifact, from files to be zipped or from an archive as it is, and return its id."""
        if not isinstance(files, bytes):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for path, content in files.items():
                    archive.writestr(path, content)
            files = buffer.getvalue()
        row = routes_actions.add_artifact(self.request_for(repository), run, name, files)
        return int(row["id"])
