"""How a repository is set up: what doctor looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from . import names
from .errors import GitHubError

if TYPE_CHECKING:
    from .client import GitHub

LISTED = 3000  # files that GitHub lists of one commit or pull request


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """One environment: the kinds of its protection rules and how many may review."""

    name: str
    rules: tuple[str, ...]
    reviewers: int
    self_review: bool
    branches: str  # "", "protected" or "custom"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What active rulesets demand of one branch. ``checks`` are (context, id of the app it must be from)."""

    kinds: tuple[str, ...]
    checks: tuple[tuple[str, int | None], ...]


def default_branch(client: GitHub) -> str:
    """Return the name of the default branch."""
    return str(client.transport.get(f"/repos/{client.repository}")["default_branch"])


def environments(client: GitHub) -> tuple[Environment, ...]:
    """Return all environments with their protection rules."""
    rows = client.transport.pages(f"/repos/{client.repository}/environments", "environments")
    return tuple(_environment(row) for row in rows)


def _environment(row: dict[str, Any]) -> Environment:
    rules = row.get("protection_rules") or []
    policy = row.get("deployment_branch_policy") or {}
    return Environment(
        name=str(row["name"]),
        rules=tuple(str(rule["type"]) for rule in rules),
        reviewers=sum(len(rule.get("reviewers") or ()) for rule in rules),
        self_review=not any(rule.get("prevent_self_review") for rule in rules),
        branches="protected"
        if policy.get("protected_branches")
        else "custom"
        if policy.get("custom_branch_policies")
        else "",
    )


def branch_rules(client: GitHub, branch: str) -> Rules:
    """Return what the active rulesets demand of a branch, whether it exists or not."""
    rows = list(client.transport.pages(f"/repos/{client.repository}/rules/branches/{names.path(branch)}"))
    checks = [
        (str(check["context"]), check.get("integration_id"))
        for row in rows
        if row["type"] == "required_status_checks"
        for check in row["parameters"]["required_status_checks"]
    ]
    return Rules(kinds=tuple(sorted({str(row["type"]) for row in rows})), checks=tuple(checks))


def actions_policy(client: GitHub) -> dict[str, Any]:
    """Return what Actions may do: ``allowed_actions``, ``sha_pinning_required``, ``default_permissions``."""
    root = f"/repos/{client.repository}/actions/permissions"
    policy = dict(client.transport.get(root))
    workflow = client.transport.get(f"{root}/workflow")
    policy["default_permissions"] = workflow["default_workflow_permissions"]
    return policy


def caches(client: GitHub, key: str, ref: str) -> tuple[str, ...]:
    """Return the keys of the Actions caches of ``ref`` that begin with ``key``."""
    query = f"key={names.segment(key)}&ref={names.segment(ref)}"
    rows = client.transport.pages(f"/repos/{client.repository}/actions/caches?{query}", "actions_caches")
    return tuple(str(row["key"]) for row in rows)


def changed_files(client: GitHub, sha: str) -> tuple[str, ...]:
    """Return the paths that a commit, and every pull request it belongs to, changed.

    Old names of renames count as well. GitHub lists at most 3,000 files: a change with as many raises,
    because the rest would be unknown.
    """
    root = f"/repos/{client.repository}"
    commit = f"{root}/commits/{names.sha(sha)}"
    lists = [(commit, "files")]
    lists += [
        (f"{root}/pulls/{int(row['number'])}/files", "") for row in client.transport.pages(f"{commit}/pulls")
    ]
    found: set[str] = set()
    for path, inside in lists:
        rows = list(client.transport.pages(path, inside))
        if len(rows) >= LISTED:
            raise GitHubError("the change has more files than GitHub lists", call=f"GET {path}")
        found |= {
            str(row[name]) for row in rows for name in ("filename", "previous_filename") if row.get(name)
        }
    return tuple(sorted(found))
