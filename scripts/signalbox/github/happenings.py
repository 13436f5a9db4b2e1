"""What people and systems reported: issues and merged pull requests by label, deployments that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from . import names

if TYPE_CHECKING:
    from .client import GitHub

TRUSTED = ("OWNER", "MEMBER", "COLLABORATOR")


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """An issue. ``ours`` says whether its text is by somebody who may write here, or by an app."""

    number: int
    url: str
    text: str
    created: str
    state: str
    reason: str
    ours: bool


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """A merged pull request."""

    number: int
    url: str
    text: str
    merged: str
    commit: str
    ours: bool


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment with its last state; the state is empty where nobody said anything."""

    id: int
    commit: str
    environment: str
    state: str
    at: str
    url: str


def issues(client: GitHub, label: str, since: str) -> tuple[Issue, ...]:
    """The issues that carry ``label`` and were opened at ``since`` (RFC 3339) or later, newest first."""
    found = []
    for row in _labelled(client, label, "all"):
        if str(row["created_at"]) < since:
            break
        if "pull_request" in row:
            continue
        found.append(
            Issue(
                number=int(row["number"]),
                url=str(row["html_url"]),
                text=_text(row),
                created=str(row["created_at"]),
                state=str(row["state"]),
                reason=str(row.get("state_reason") or ""),
                ours=_ours(row),
            )
        )
    return tuple(found)


def merged(client: GitHub, label: str, since: str) -> tuple[Merged, ...]:
    """The pull requests with ``label`` that were merged at ``since`` or later."""
    found = []
    for row in _labelled(client, label, "closed"):
        if "pull_request" not in row or str(row.get("closed_at") or "") < since:
            continue
        pull = client.transport.get(f"/repos/{client.repository}/pulls/{int(row['number'])}")
        if pull.get("merged_at"):
            found.append(
                Merged(
                    number=int(row["number"]),
                    url=str(row["html_url"]),
                    text=_text(row),
                    merged=str(pull["merged_at"]),
                    commit=str(pull.get("merge_commit_sha") or ""),
                    ours=_ours(row),
                )
            )
    return tuple(found)


def deployments(client: GitHub, environment: str, since: str) -> tuple[Deployed, ...]:
    """Deployments to ``environment`` made at ``since`` or later, newest first, with their last state."""
    found = []
    root = f"/repos/{client.repository}/deployments"
    for row in client.transport.pages(f"{root}?environment={names.segment(environment)}"):
        if str(row["created_at"]) < since:
            break
        last: dict[str, Any] = next(iter(client.transport.pages(f"{root}/{int(row['id'])}/statuses")), {})
        found.append(
            Deployed(
                id=int(row["id"]),
                commit=str(row["sha"]),
                environment=str(row["environment"]),
                state=str(last.get("state") or ""),
                at=str(last.get("created_at") or row["created_at"]),
                url=names.link(str(last.get("log_url") or last.get("target_url") or "")),
            )
        )
    return tuple(found)


def _labelled(client: GitHub, label: str, state: str) -> Any:
    query = f"labels={names.segment(label)}&state={state}&sort=created&direction=desc"
    return client.transport.pages(f"/repos/{client.repository}/issues?{query}")


def _text(row: dict[str, Any]) -> str:
    return f"{row.get('title') or ''}\n{row.get('body') or ''}"[:100_000]


def _ours(row: dict[str, Any]) -> bool:
    # Anybody may open an issue and edit its text after somebody else has labelled it.
    return row.get("author_association") in TRUSTED or (row.get("user") or {}).get("type") == "Bot"
