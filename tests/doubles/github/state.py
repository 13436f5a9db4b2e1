"""What the double knows: tokens and repositories as plain rows that survive in a JSON file."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .git import Git

Row = dict[str, Any]

# What a workflow's token holds when the workflow asks for everything.
EVERYTHING = dict.fromkeys(
    (
        "actions",
        "administration",
        "checks",
        "contents",
        "deployments",
        "discussions",
        "issues",
        "metadata",
        "pull_requests",
        "statuses",
    ),
    "write",
)


@dataclass
class Token:
    """Who a token speaks for. ``kind`` is ``installation`` (GITHUB_TOKEN and Apps) or ``user``."""

    login: str = "github-actions[bot]"
    kind: str = "installation"
    permissions: dict[str, str] = field(default_factory=lambda: dict(EVERYTHING))


@dataclass
class Repository:
    """One repository: lists of rows, newest last, ids unique over the whole double."""

    name: str
    private: bool = False
    default_branch: str = "main"
    issues: list[Row] = field(default_factory=list)
    comments: list[Row] = field(default_factory=list)
    pulls: list[Row] = field(default_factory=list)
    statuses: list[Row] = field(default_factory=list)
    check_runs: list[Row] = field(default_factory=list)
    deployments: list[Row] = field(default_factory=list)
    deployment_statuses: list[Row] = field(default_factory=list)
    environments: list[Row] = field(default_factory=list)
    artifacts: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    workflows: list[Row] = field(default_factory=list)
    caches: list[Row] = field(default_factory=list)
    discussions: list[Row] = field(default_factory=list)
    discussion_categories: list[str] = field(default_factory=lambda: ["Announcements", "General"])
    secrets: list[str] = field(default_factory=list)
    organization_secrets: list[str] = field(default_factory=list)
    protections: dict[str, Row] = field(default_factory=dict)
    rulesets: list[Row] = field(default_factory=list)
    actions_permissions: Row = field(
        default_factory=lambda: {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False}
    )
    workflow_permissions: Row = field(
        default_factory=lambda: {
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": False,
        }
    )


class State:
    """All rows of the double, under one lock; ids and times come from here."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.clock = clock
        self.lock = threading.RLock()
        self.tokens: dict[str, Token] = {}
        self.repositories: dict[str, Repository] = {}
        self._next_id = 1000
        self._git: dict[str, Git] = {}

    def new_id(self) -> int:
        """Return an id that no other row has."""
        self._next_id += 1
        return self._next_id

    def now(self) -> str:
        """Return the time as GitHub writes it."""
        return datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def git(self, name: str) -> Git:
        """Return the bare repository behind ``name``."""
        if name not in self._git:
            self._git[name] = Git(self.folder / f"{name}.git")
        return self._git[name]

    def blob_file(self, artifact_id: int) -> Path:
        """Return where an artifact's archive lies."""
        return self.folder / "artifacts" / f"{artifact_id}.zip"

    def dump(self) -> Row:
        """Return everything as JSON-ready data."""
        with self.lock:
            return {
                "next_id": self._next_id,
                "tokens": {token: asdict(who) for token, who in self.tokens.items()},
                "repositories": {name: asdict(repo) for name, repo in self.repositories.items()},
            }

    def load(self, data: Row) -> None:
        """Take what :meth:`dump` gave, or a hand-written part of it."""
        with self.lock:
            self._next_id = data.get("next_id", self._next_id)
            self.tokens = {token: Token(**who) for token, who in data.get("tokens", {}).items()}
            for name, row in data.get("repositories", {}).items():
                self.repositories[name] = Repository(**{"name": name, **row})

    def save(self, file: Path) -> None:
        """Write :meth:`dump` to ``file`` in one step."""
        with self.lock:
            part = file.with_name(f"{file.name}.{os.getpid()}.part")
            part.write_text(json.dumps(self.dump(), indent=1, sort_keys=True) + "\n", "utf-8")
            part.replace(file)
