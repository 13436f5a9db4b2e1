"""The git data API: blobs, trees, commits and refs."""

from __future__ import annotations

import base64
import binascii

from . import shapes
from .git import GitFailed
from .routing import Answer, ApiError, Request, invalid, not_found, route
from .state import Row

REPO = "/repos/{owner}/{repo}"


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
