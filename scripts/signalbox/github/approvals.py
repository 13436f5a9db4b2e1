"""Reviews, members of teams, checks of a commit, and answers to a deployment's protection rule.

Every function raises :class:`GitHubError` when there is no answer: no answer is nobody's consent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from signalbox.errors import InputError

from . import names
from .errors import GitHubError

if TYPE_CHECKING:
    from .client import GitHub

_TEAM = re.compile(r"@?([A-Za-z0-9][A-Za-z0-9-]{0,38})/([A-Za-z0-9][A-Za-z0-9_.-]{0,99})")


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """The last word of one person on a pull request: what, about which commit, and when."""

    login: str
    bot: bool
    state: str
    commit: str
    at: str


class CheckRun(msgspec.Struct, frozen=True, kw_only=True):
    """A check run or a commit status of one commit. ``app`` is the id of the App that made it, or 0."""

    name: str
    conclusion: str
    app: int
    url: str
    at: str


def reviews(client: GitHub, pull: int) -> tuple[Review, ...]:
    """The last review of each person that says yes or no; a comment changes nothing, a dismissal does."""
    last: dict[str, Review] = {}
    for row in client.transport.pages(f"/repos/{client.repository}/pulls/{int(pull)}/reviews"):
        user = row.get("user") or {}
        login, state = str(user.get("login") or ""), str(row.get("state") or "").upper()
        if not login or state in ("COMMENTED", "PENDING"):
            continue
        last[login.lower()] = Review(
            login=login,
            bot=user.get("type") != "User",
            state=state,
            commit=str(row.get("commit_id") or ""),
            at=str(row.get("submitted_at") or ""),
        )
    return tuple(last.values())


def merged_pull(client: GitHub, sha: str) -> tuple[int, str] | None:
    """Number and head commit of the one pull request whose merge made this commit; None where none did."""
    rows = client.transport.pages(f"/repos/{client.repository}/commits/{names.sha(sha)}/pulls")
    made = [row for row in rows if row.get("merged_at") and row.get("merge_commit_sha") == sha]
    return (int(made[0]["number"]), str(made[0]["head"]["sha"])) if len(made) == 1 else None


def made_by_github(client: GitHub, sha: str) -> bool:
    """Whether GitHub itself made and signed this commit, as it does with what it squashes."""
    row = client.transport.get(f"/repos/{client.repository}/commits/{names.sha(sha)}")
    signed = ((row.get("commit") or {}).get("verification") or {}).get("verified") is True
    return signed and (row.get("committer") or {}).get("login") == "web-flow"


def members(client: GitHub, team: str) -> tuple[str, ...]:
    """The logins of ``@organisation/team``, those of its child teams included, as GitHub does."""
    found = _TEAM.fullmatch(team)
    if not found:
        raise InputError("this is no team", where=team, fix="Write it as @organisation/team.")
    rows = client.transport.pages(f"/orgs/{found[1]}/teams/{found[2]}/members")
    return tuple(str(row["login"]) for row in rows)


def logins_of(client: GitHub, pull: int) -> dict[str, str]:
    """Address → login of everybody who wrote or committed a pull request's commits, where GitHub knows it."""
    found: dict[str, str] = {}
    for row in client.transport.pages(f"/repos/{client.repository}/pulls/{int(pull)}/commits"):
        for role in ("author", "committer"):
            login = (row.get(role) or {}).get("login")
            address = ((row.get("commit") or {}).get(role) or {}).get("email")
            if login and address:
                found[str(address).lower()] = str(login)
    return found


def check_runs(client: GitHub, sha: str) -> tuple[CheckRun, ...]:
    """Every check run of a commit, and of each status context the latest."""
    root = f"/repos/{client.repository}/commits/{names.sha(sha)}"
    found = [_run(row) for row in client.transport.pages(f"{root}/check-runs", "check_runs")]
    latest: dict[str, Any] = {}
    for row in client.transport.pages(f"{root}/statuses"):  # newest first
        latest.setdefault(str(row["context"]), row)
    return (*found, *(_status(row) for row in latest.values()))


def _run(row: dict[str, Any]) -> CheckRun:
    done = row.get("status") == "completed"
    return CheckRun(
        name=str(row["name"]),
        conclusion=str(row.get("conclusion") or "") if done else str(row.get("status") or "queued"),
        app=int((row.get("app") or {}).get("id") or 0),
        url=str(row.get("html_url") or row.get("url") or ""),
        at=str(row.get("completed_at") or ""),
    )


def _status(row: dict[str, Any]) -> CheckRun:
    words = {"success": "success", "failure": "failure", "error": "failure", "pending": "in_progress"}
    return CheckRun(
        name=str(row["context"]),
        conclusion=words.get(str(row["state"]), str(row["state"])),
        app=0,  # a status does not say which App made it: anyone with write access can set one
        url=str(row.get("target_url") or row.get("url") or ""),
        at=str(row.get("updated_at") or ""),
    )


def answer_protection_rule(client: GitHub, run: int, environment: str, *, approve: bool, text: str) -> None:
    """Let a run that waits for a custom protection rule of ``environment`` go on, or turn it away.

    The token must be that of the GitHub App whose rule it is.
    """
    content = {
        "environment_name": environment,
        "state": "approved" if approve else "rejected",
        "comment": names.shorten(text, 1000),
    }
    path = f"/repos/{client.repository}/actions/runs/{int(run)}/deployment_protection_rule"
    client.transport.call("POST", path, content, repeatable=True)


def commit_of_run(client: GitHub, run: int) -> str:
    """The commit that a workflow run was started for."""
    return str(client.transport.get(f"/repos/{client.repository}/actions/runs/{int(run)}")["head_sha"])


def environment_reviews(client: GitHub, run: int) -> list[dict[str, Any]]:
    """Who let the jobs of a run into its environments, as GitHub lists it."""
    rows = client.transport.get(f"/repos/{client.repository}/actions/runs/{int(run)}/approvals")
    if not isinstance(rows, list):
        raise GitHubError("GitHub's answer is not a list", call="GET approvals")
    return rows
