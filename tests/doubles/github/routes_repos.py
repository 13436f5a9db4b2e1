"""Repositories, contents, commits, branches and who the token is."""

from __future__ import annotations

import base64

from . import shapes
from .routes_git import commit_shape
from .routing import Answer, ApiError, Request, not_found, route
from .state import Row

REPO = "/repos/{owner}/{repo}"


@route("GET", "/user")
def get_user(r: Request) -> Answer:
    if r.token is None:
        raise ApiError(401, "Requires authentication")
    if r.token.kind == "installation":
        raise ApiError(403, "Resource not accessible by integration")
    counts = ("public_repos", "public_gists", "followers", "following")
    texts = ("name", "company", "location", "email", "hireable", "bio", "twitter_username")
    times = dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00Z")
    return Answer(
        200,
        {
            **shapes.user(r, r.token.login),
            **dict.fromkeys(counts, 0),
            **dict.fromkeys(texts),
            "blog": "",
            **times,
        },
    )


@route("GET", REPO, "metadata=read")
def get_repository(r: Request) -> Answer:
    return Answer(200, shapes.repository(r))


@route("GET", REPO + "/commits/{ref:path}", "contents=read")
def get_full_commit(r: Request) -> Answer:
    sha = r.git.resolve(r.params["ref"])
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {r.params['ref']}", errors=[])
    inner = commit_shape(r, sha)
    kept = ("author", "committer", "message", "tree", "url", "verification")
    words = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}
    rows = [row.split("\t", 1) for row in r.git.changed(sha)]
    page = r.page(rows, lambda row: shapes.changed_file(r, sha, words[row[0][0]], row[1]))
    # GitHub signs what it squashes or merges itself; a commit that somebody pushed is its maker's.
    own = any(pull.get("merge_commit_sha") == sha and pull.get("by_github") for pull in r.repo.pulls)
    if own:
        inner["verification"] |= {"verified": True, "reason": "valid", "signature": "s", "payload": "p"}
    page.body = {
        "sha": sha,
        "node_id": inner["node_id"],
        "url": f"{r.url}/commits/{sha}",
        "html_url": inner["html_url"],
        "comments_url": f"{r.url}/commits/{sha}/comments",
        "commit": {**{key: inner[key] for key in kept}, "comment_count": 0},
        "author": None,
        "committer": shapes.user(r, "web-flow") if own else None,
        "parents": inner["parents"],
        "stats": {"additions": 0, "deletions": 0, "total": 0},
        "files": page.body,
    }
    return page


@route("GET", REPO + "/contents/{path:path}", "contents=read")
def get_contents(r: Request) -> Answer:
    path = r.params["path"].strip("/")
    commit = r.git.resolve(r.query.get("ref") or r.repo.default_branch)
    if commit is None:
        raise ApiError(404, f"No commit found for the ref {r.query.get('ref')}")
    folder, _, name = path.rpartition("/")
    parent = r.git.folder_at(commit, folder)
    for mode, kind, sha, entry, size in r.git.entries(parent) if parent else []:
        if entry != name:
            continue
        if kind == "tree":
            rows = r.git.entries(sha)
            return Answer(200, [content_entry(r, f"{path}/{row[3]}", row, commit) for row in rows])
        shape = content_entry(r, path, (mode, kind, sha, entry, size), commit)
        big = (size or 0) > 1_000_000  # larger files come without content, in the encoding "none"
        text = "" if big else base64.encodebytes(r.git.read(sha)).decode()
        return Answer(200, {**shape, "encoding": "none" if big else "base64", "content": text})
    raise not_found()


def content_entry(r: Request, path: str, row: tuple[str, str, str, str, int | None], commit: str) -> Row:
    """One file or folder of a contents answer."""
    _, kind, sha, name, size = row
    url = f"{r.url}/contents/{path}?ref={commit}"
    git_url = f"{r.url}/git/{kind}s/{sha}"
    html = f"https://github.com/{r.repo.name}/{kind}/{commit}/{path}"
    return {
        "type": "dir" if kind == "tree" else "file",
        "name": name,
        "path": path,
        "sha": sha,
        "size": size or 0,
        "url": url,
        "git_url": git_url,
        "html_url": html,
        "download_url": None if kind == "tree" else f"{r.blobs}/raw/{sha}",
        "_links": {"self": url, "git": git_url, "html": html},
    }


@route("GET", REPO + "/branches", "contents=read")
def list_branches(r: Request) -> Answer:
    heads = [(ref.removeprefix("refs/heads/"), sha) for ref, sha in r.git.refs("refs/heads/")]
    return r.page(
        heads,
        lambda row: {
            "name": row[0],
            "commit": {"sha": row[1], "url": f"{r.url}/commits/{row[1]}"},
            "protected": row[0] in r.repo.protections,
        },
    )


@route("GET", REPO + "/branches/{branch:path}/protection", "administration=read")
def get_protection(r: Request) -> Answer:
    found = r.repo.protections.get(r.params["branch"])
    if found is None:
        raise ApiError(404, "Branch not protected")
    return Answer(200, found)
