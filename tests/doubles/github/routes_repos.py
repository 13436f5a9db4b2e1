"""Repositories, contents, branches, the git data API and who the token is."""

from __future__ import annotations

import base64
import binascii

from . import shapes
from .git import GitFailed
from .routing import Answer, ApiError, Request, invalid, not_found, route
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


def commit_shape(r: Request, sha: str) -> Row:
    """A commit in the git data API's form."""
    fields = r.git.commit_fields(sha)
    who = {"name": fields["name"], "email": fields["email"], "date": fields["date"]}
    html = f"https://github.com/{r.repo.name}/commit"
    return {
        "sha": sha,
        "node_id": shapes.node_id("C", sha),
        "url": f"{r.url}/git/commits/{sha}",
        "html_url": f"{html}/{sha}",
        "author": who,
        "committer": who,
        "message": fields["message"].rstrip("\n"),
        "tree": {"sha": fields["tree"], "url": f"{r.url}/git/trees/{fields['tree']}"},
        "parents": [
            {"sha": p, "url": f"{r.url}/git/commits/{p}", "html_url": f"{html}/{p}"}
            for p in fields["parents"].split()
        ],
        "verification": {
            "verified": False,
            "reason": "unsigned",
            "signature": None,
            "payload": None,
            "verified_at": None,
        },
    }


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


@route("POST", REPO + "/git/blobs", "contents=write")
def create_blob(r: Request) -> Answer:
    content = str(r.body["content"]).encode()
    if r.body.get("encoding") == "base64":
        try:
            content = base64.b64decode(content, validate=False)
        except binascii.Error as error:
            raise invalid("Blob", "content", "content is not valid Base64") from error
    sha = r.git.blob(content)
    url = f"{r.url}/git/blobs/{sha}"
    return Answer(201, {"sha": sha, "url": url}, {"Location": url})


@route("GET", REPO + "/git/blobs/{sha}", "contents=read")
def get_blob(r: Request) -> Answer:
    if r.git.kind(r.params["sha"]) != "blob":
        raise not_found()
    content = r.git.read(r.params["sha"])
    return Answer(
        200,
        {
            "sha": r.params["sha"],
            "node_id": shapes.node_id("B", r.params["sha"]),
            "size": len(content),
            "url": f"{r.url}/git/blobs/{r.params['sha']}",
            "content": base64.encodebytes(content).decode(),
            "encoding": "base64",
        },
    )


def tree_shape(r: Request, sha: str, recursive: bool = False) -> Row:
    """A tree with its entries."""
    rows = []
    for mode, kind, entry, path, size in r.git.entries(sha, recursive):
        row = {
            "path": path,
            "mode": mode,
            "type": kind,
            "sha": entry,
            "url": f"{r.url}/git/{kind}s/{entry}",
        }
        rows.append(row if size is None else {**row, "size": size})
    return {"sha": sha, "url": f"{r.url}/git/trees/{sha}", "truncated": False, "tree": rows}


@route("POST", REPO + "/git/trees", "contents=write")
def create_tree(r: Request) -> Answer:
    base = r.body.get("base_tree")
    if base and r.git.resolve(base, "tree") is None:
        raise ApiError(422, "Invalid tree info", errors=[])
    entries = []
    for row in r.body["tree"]:
        sha = r.git.blob(row["content"].encode()) if "content" in row else row.get("sha", "missing")
        if sha and r.git.kind(sha) is None:  # null means: delete this path
            raise ApiError(422, "tree.sha is not a valid object", errors=[])
        entries.append((row.get("mode", "100644"), sha, row["path"]))
    try:
        sha = r.git.tree(entries, base)
    except GitFailed as error:
        raise ApiError(422, f"tree is invalid: {error}", errors=[]) from error
    shape = tree_shape(r, sha)
    return Answer(201, shape, {"Location": shape["url"]})


@route("GET", REPO + "/git/trees/{sha}", "contents=read")
def get_tree(r: Request) -> Answer:
    sha = r.git.resolve(r.params["sha"], "tree")
    if sha is None:
        raise not_found()
    return Answer(200, tree_shape(r, sha, recursive="recursive" in r.query))


@route("POST", REPO + "/git/commits", "contents=write")
def create_commit(r: Request) -> Answer:
    parents = r.body.get("parents", [])
    for sha, kind in [(r.body["tree"], "tree"), *((parent, "commit") for parent in parents)]:
        if r.git.kind(sha) != kind:
            raise invalid("Commit", kind, f"{kind} {sha} does not exist", "invalid")
    date = r.body.get("committer", {}).get("date") or r.state.now()
    shape = commit_shape(r, r.git.commit(r.body["tree"], r.body["message"], parents, date))
    return Answer(201, shape, {"Location": shape["url"]})


@route("GET", REPO + "/git/commits/{sha}", "contents=read")
def get_commit(r: Request) -> Answer:
    if r.git.kind(r.params["sha"]) != "commit":
        raise not_found()
    return Answer(200, commit_shape(r, r.params["sha"]))


def ref_shape(r: Request, ref: str, sha: str) -> Row:
    """A ref and what it points at."""
    kind = r.git.kind(sha) or "commit"
    return {
        "ref": ref,
        "node_id": shapes.node_id("REF", ref),
        "url": f"{r.url}/git/{ref}",
        "object": {"type": kind, "sha": sha, "url": f"{r.url}/git/{kind}s/{sha}"},
    }


@route("GET", REPO + "/git/ref/{ref:path}", "contents=read")
def get_ref(r: Request) -> Answer:
    for ref, sha in r.git.refs():
        if ref == f"refs/{r.params['ref']}":
            return Answer(200, ref_shape(r, ref, sha))
    raise not_found()


@route("GET", REPO + "/git/matching-refs/{ref:path}", "contents=read")
def matching_refs(r: Request) -> Answer:
    return Answer(200, [ref_shape(r, *row) for row in r.git.refs(f"refs/{r.params['ref']}")])


@route("POST", REPO + "/git/refs", "contents=write")
def create_ref(r: Request) -> Answer:
    ref, sha = r.body["ref"], r.body["sha"]
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise ApiError(422, "Reference name is invalid", errors=[])
    if r.git.kind(sha) is None:
        raise ApiError(422, "Object does not exist", errors=[])
    if ref in dict(r.git.refs()):
        raise ApiError(422, "Reference already exists", errors=[])
    try:
        r.git.create_ref(ref, sha)
    except GitFailed as error:
        raise ApiError(422, f"Reference update failed: {error}", errors=[]) from error
    return Answer(201, ref_shape(r, ref, sha), {"Location": f"{r.url}/git/{ref}"})


@route("PATCH", REPO + "/git/refs/{ref:path}", "contents=write")
def update_ref(r: Request) -> Answer:
    ref, sha = f"refs/{r.params['ref']}", r.body["sha"]
    old = dict(r.git.refs()).get(ref)
    if old is None:
        raise ApiError(422, "Reference does not exist", errors=[])
    if r.git.kind(sha) is None:
        raise ApiError(422, "Object does not exist", errors=[])
    if not r.body.get("force") and not r.git.is_ancestor(old, sha):
        raise ApiError(422, "Update is not a fast forward", errors=[])
    r.git.update_ref(ref, sha, old)
    return Answer(200, ref_shape(r, ref, sha))


@route("DELETE", REPO + "/git/refs/{ref:path}", "contents=write")
def delete_ref(r: Request) -> Answer:
    ref = f"refs/{r.params['ref']}"
    if ref not in dict(r.git.refs()):
        raise ApiError(422, "Reference does not exist", errors=[])
    r.git.run("update-ref", "-d", ref)
    return Answer(204)
