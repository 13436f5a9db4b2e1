"""Deployments and their statuses, and commit statuses."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from . import names
from .errors import GitHubError

if TYPE_CHECKING:
    from .client import GitHub

CommitState = Literal["error", "failure", "pending", "success"]
DeploymentState = Literal["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]
_MOST_ROWS = 500
DESCRIPTION = 140  # characters, for both kinds of status


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that GitHub knows."""

    id: int
    sha: str
    environment: str
    created: bool


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment of ours and the latest word on it; everything is empty where nobody said anything yet."""

    id: int
    key: str
    sha: str
    state: str = ""
    description: str = ""
    log: str = ""
    at: str = ""


def set_status(
    client: GitHub, sha: str, context: str, state: CommitState, description: str, target: str
) -> int:
    """Set the commit status ``context``; the latest of a context counts, so repeating does no harm."""
    content = {
        "state": state,
        "context": names.shorten(context, 255),
        "description": names.shorten(description, DESCRIPTION),
    }
    if names.link(target):
        content["target_url"] = target
    path = f"/repos/{client.repository}/statuses/{names.sha(sha)}"
    return int(client.transport.call("POST", path, content, repeatable=True).body["id"])


def create(
    client: GitHub, sha: str, environment: str, *, key: str, description: str = "", production: bool = False
) -> Deployment:
    """Record that ``sha`` goes to ``environment``. ``key`` names it: the same key is the same deployment.

    GitHub's own merging and status rules are switched off: what may be deployed was decided before.
    """
    names.sha(sha)
    root = f"/repos/{client.repository}/deployments"
    content: dict[str, Any] = {
        "ref": sha,
        "environment": environment,
        "description": names.shorten(description, DESCRIPTION),
        "payload": {"signalbox": key},
        "auto_merge": False,
        "required_contexts": [],
        "production_environment": production,
    }
    row, created = _known(client, sha, environment, key), False
    if row is None:
        try:
            row, created = client.transport.call("POST", root, content).body, True
        except GitHubError as error:
            if not error.uncertain:
                raise
            row = _known(client, sha, environment, key)
            if row is None:
                row, created = client.transport.call("POST", root, content).body, True
    return Deployment(id=int(row["id"]), sha=sha, environment=environment, created=created)


def _known(client: GitHub, sha: str, environment: str, key: str) -> Any:
    query = f"sha={sha}&environment={names.segment(environment)}"
    for row in client.transport.pages(f"/repos/{client.repository}/deployments?{query}"):
        payload = row.get("payload")
        if isinstance(payload, dict) and payload.get("signalbox") == key:
            return row
    return None


def standings(client: GitHub, environment: str, prefix: str, most: int) -> tuple[Standing, ...]:
    """Our deployments in ``environment`` whose key begins with ``prefix``, newest first, at most ``most``.

    The latest status is the latest with a text by the account that made the deployment: others may add
    theirs, and GitHub adds empty ones when a newer deployment takes over.
    """
    found: list[Standing] = []
    root = f"/repos/{client.repository}/deployments"
    rows = client.transport.pages(f"{root}?environment={names.segment(environment)}")
    # Newest first: what lies further back than this is history, also where thousands were deployed.
    for row in itertools.islice(rows, _MOST_ROWS):
        payload = row.get("payload")
        key = payload.get("signalbox") if isinstance(payload, dict) else None
        if not isinstance(key, str) or not key.startswith(prefix):
            continue
        creator = (row.get("creator") or {}).get("login")
        latest: dict[str, Any] = {}
        for status in client.transport.pages(f"{root}/{int(row['id'])}/statuses"):
            if status.get("description") and (status.get("creator") or {}).get("login") == creator:
                latest = status
                break
        found.append(
            Standing(
                id=int(row["id"]),
                key=key,
                sha=str(row["sha"]),
                state=str(latest.get("state") or ""),
                description=str(latest.get("description") or ""),
                log=str(latest.get("log_url") or ""),
                at=str(latest.get("created_at") or ""),
            )
        )
        if len(found) >= most:
            break
    return tuple(found)


def set_deployment_status(
    client: GitHub, deployment: int, state: DeploymentState, description: str, url: str, log: str
) -> int:
    """Add a status to a deployment; GitHub shows the latest."""
    content: dict[str, Any] = {
        "state": state,
        "description": names.shorten(description, DESCRIPTION),
        "auto_inactive": state == "success",
    }
    content |= {"environment_url": url} if names.link(url) else {}
    content |= {"log_url": log} if names.link(log) else {}
    path = f"/repos/{client.repository}/deployments/{int(deployment)}/statuses"
    return int(client.transport.call("POST", path, content, repeatable=True).body["id"])
