"""Rows of the double as the objects that GitHub's API describes."""

from __future__ import annotations

import hashlib
from typing import Any

from .routing import Request
from .state import Row

USER_URLS = [
    "followers",
    "following",
    "gists",
    "starred",
    "subscriptions",
    "organizations",
    "repos",
    "events",
    "received_events",
]
REPOSITORY_URLS = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
    "hooks",
]


def node_id(kind: str, key: object) -> str:
    """Return an opaque id, stable for the same object."""
    return f"{kind}_{hashlib.sha256(str(key).encode()).hexdigest()[:16]}"


def stable_id(text: str) -> int:
    """Return a number that stands for a name."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:7], 16)


def user(r: Request, login: str) -> Row:
    """A simple user."""
    url = f"{r.api}/users/{login}"
    return {
        "login": login,
        "id": stable_id(login),
        "node_id": node_id("U", login),
        "avatar_url": f"{r.api}/avatars/{login}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"https://github.com/{login}",
        **{f"{name}_url": f"{url}/{name}" for name in USER_URLS},
        "type": "Bot" if login.endswith("[bot]") else "User",
        "site_admin": False,
    }


def minimal_repository(r: Request) -> Row:
    """A repository as it stands inside other objects."""
    repo = r.repo
    owner, name = repo.name.split("/")
    return {
        "id": stable_id(repo.name),
        "node_id": node_id("R", repo.name),
        "name": name,
        "full_name": repo.name,
        "owner": user(r, owner),
        "private": repo.private,
        "html_url": f"https://github.com/{repo.name}",
        "description": None,
        "fork": False,
        "url": r.url,
        **{f"{name}_url": f"{r.url}/{name.replace('_', '/')}" for name in REPOSITORY_URLS},
    }


def repository(r: Request) -> Row:
    """A repository in full."""
    repo = r.repo
    return {
        **minimal_repository(r),
        "git_url": f"git://github.com/{repo.name}.git",
        "ssh_url": f"git@github.com:{repo.name}.git",
        "clone_url": f"https://github.com/{repo.name}.git",
        "svn_url": f"https://github.com/{repo.name}",
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        **dict.fromkeys(
            ("forks_count", "stargazers_count", "watchers_count", "size", "subscribers_count"), 0
        ),
        **dict.fromkeys(("network_count", "forks", "watchers"), 0),
        "open_issues_count": sum(i["state"] == "open" for i in repo.issues),
        "open_issues": sum(i["state"] == "open" for i in repo.issues),
        "default_branch": repo.default_branch,
        **{f"has_{what}": True for what in ("issues", "projects", "wiki", "downloads", "discussions")},
        "has_pages": False,
        "archived": False,
        "disabled": False,
        "visibility": "private" if repo.private else "public",
        **dict.fromkeys(("pushed_at", "created_at", "updated_at"), "2026-01-01T00:00:00Z"),
    }


def issue(r: Request, row: Row) -> Row:
    """An issue, or the issue side of a pull request."""
    url = f"{r.url}/issues/{row['number']}"
    shape = {
        "id": row["id"],
        "node_id": node_id("I", row["id"]),
        "url": url,
        "repository_url": r.url,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"https://github.com/{r.repo.name}/issues/{row['number']}",
        "number": row["number"],
        "state": row["state"],
        "title": row["title"],
        "body": row.get("body"),
        "user": user(r, row["user"]),
        "labels": [label(r, name) for name in row.get("labels", [])],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "locked": False,
        "comments": sum(c["issue"] == row["number"] for c in r.repo.comments),
        "closed_at": row.get("closed_at"),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "state_reason": row.get("state_reason"),
        "author_association": row.get("author_association", "NONE"),
    }
    if any(pull["number"] == row["number"] for pull in r.repo.pulls):
        pull_url = f"{r.url}/pulls/{row['number']}"
        shape["pull_request"] = {
            "url": pull_url,
            "html_url": shape["html_url"],
            "diff_url": None,
            "patch_url": None,
        }
    return shape


def label(r: Request, name: str) -> Row:
    """A label."""
    return {
        "id": stable_id(name),
        "node_id": node_id("L", name),
        "url": f"{r.url}/labels/{name}",
        "name": name,
        "description": "",
        "color": "ededed",
        "default": False,
    }


def comment(r: Request, row: Row) -> Row:
    """An issue comment."""
    number = row["issue"]
    return {
        "id": row["id"],
        "node_id": node_id("IC", row["id"]),
        "url": f"{r.url}/issues/comments/{row['id']}",
        "body": row["body"],
        "html_url": f"https://github.com/{r.repo.name}/issues/{number}#issuecomment-{row['id']}",
        "user": user(r, row["user"]),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "issue_url": f"{r.url}/issues/{number}",
        "author_association": "NONE",
    }


def branch_side(r: Request, name: str, sha: str) -> Row:
    """Head or base of a pull request."""
    owner = r.repo.name.split("/")[0]
    return {
        "label": f"{owner}:{name}",
        "ref": name,
        "sha": sha,
        "user": user(r, owner),
        "repo": repository(r),
    }


def pull(r: Request, row: Row, full: bool = True) -> Row:
    """A pull request; the list form leaves the counts out."""
    base = issue(r, r.find(r.repo.issues, number=row["number"]))
    url = f"{r.url}/pulls/{row['number']}"
    html = f"https://github.com/{r.repo.name}/pull/{row['number']}"
    links = {
        "self": url,
        "html": html,
        "issue": base["url"],
        "comments": base["comments_url"],
        "review_comments": f"{url}/comments",
        "review_comment": f"{r.url}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{r.url}/statuses/{row['head_sha']}",
    }
    kept = [
        "number",
        "state",
        "title",
        "body",
        "user",
        "labels",
        "assignee",
        "assignees",
        "milestone",
        "locked",
        "closed_at",
        "created_at",
    ]
    shape: dict[str, Any] = {
        "id": row["id"],
        "node_id": node_id("PR", row["id"]),
        "url": url,
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": links["issue"],
        **{
            f"{n}_url": links[n]
            for n in ("comments", "review_comments", "review_comment", "commits", "statuses")
        },
        **{name: base[name] for name in kept},
        "updated_at": base["updated_at"],
        "merged_at": row.get("merged_at"),
        "merge_commit_sha": row.get("merge_commit_sha"),
        "head": branch_side(r, row["head"], row["head_sha"]),
        "base": branch_side(r, row["base"], row["base_sha"]),
        "_links": {name: {"href": href} for name, href in links.items()},
        "author_association": "NONE",
        "auto_merge": None,
        "draft": row.get("draft", False),
    }
    if full:
        shape |= {
            "merged": bool(row.get("merged_at")),
            "mergeable": True,
            "mergeable_state": "clean",
            "merged_by": None,
            "maintainer_can_modify": False,
            "comments": base["comments"],
            **dict.fromkeys(("review_comments", "commits", "additions", "deletions", "changed_files"), 0),
        }
    return shape


def changed_file(r: Request, sha: str, status: str, path: str) -> Row:
    """One file of a commit."""
    return {
        "sha": sha,
        "filename": path,
        "status": status,
        **dict.fromkeys(("additions", "deletions", "changes"), 0),
        "blob_url": f"https://github.com/{r.repo.name}/blob/{sha}/{path}",
        "raw_url": f"https://github.com/{r.repo.name}/raw/{sha}/{path}",
        "contents_url": f"{r.url}/contents/{path}?ref={sha}",
    }
