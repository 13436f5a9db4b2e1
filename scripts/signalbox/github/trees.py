"""Files in refs, by the git data API: written without a checkout, never over something else."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from signalbox.errors import InputError

from . import names
from .errors import GitHubError

if TYPE_CHECKING:
    from .client import GitHub

CONFLICTS = 8


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """Where files now are."""

    ref: str
    commit: str


def put(client: GitHub, ref: str, files: Mapping[str, bytes], message: str) -> Pushed:
    """Write ``files`` as one commit without parents under the new ref ``ref``.

    A ref that exists is never moved: the next of ``ref-1``, ``ref-2`` … that is free is taken, unless
    the ref already holds exactly these files. Raises :class:`GitHubError`.
    """
    if not files:
        raise InputError("there are no files to write", where=ref)
    names.ref(ref)
    root = f"/repos/{client.repository}/git"
    tree = _tree(client, files, None)
    commit = ""
    for attempt in range(CONFLICTS):
        name = f"{ref}-{attempt}" if attempt else ref
        there = at(client, name)
        if there:
            found = client.transport.get(f"{root}/commits/{there}")
            if found["tree"]["sha"] == tree:
                return Pushed(ref=name, commit=there)
            continue
        if not commit:
            content: dict[str, Any] = {"message": message, "tree": tree, "parents": []}
            commit = str(
                client.transport.call("POST", f"{root}/commits", content, repeatable=True).body["sha"]
            )
        try:
            client.transport.call("POST", f"{root}/refs", {"ref": name, "sha": commit})
        except GitHubError as error:
            raced = error.status == 422 and "already exists" in error.message
            if not (raced or error.uncertain):
                raise
            if at(client, name) != commit:
                if raced:
                    continue
                raise
        return Pushed(ref=name, commit=commit)
    raise GitHubError(f"{CONFLICTS} refs of this name are taken", call=f"POST {root}/refs", message=ref)


def append(client: GitHub, branch: str, files: Mapping[str, bytes], message: str) -> Pushed:
    """Add ``files`` as one commit on top of ``branch``, again on top of whoever was quicker.

    Only ever a fast-forward. A branch that does not exist is begun. Raises :class:`GitHubError`.
    """
    ref = names.ref(f"refs/heads/{branch}")
    root = f"/repos/{client.repository}/git"
    failure: GitHubError | None = None
    for attempt in range(1, CONFLICTS + 1):
        parent = at(client, ref)
        base = client.transport.get(f"{root}/commits/{parent}")["tree"]["sha"] if parent else None
        tree = _tree(client, files, base)
        if parent and tree == base:
            return Pushed(ref=ref, commit=parent)
        content = {"message": message, "tree": tree, "parents": [parent] if parent else []}
        commit = _commit(client, content)
        try:
            if parent:
                path = f"{root}/{names.path(ref)}"
                client.transport.call("PATCH", path, {"sha": commit, "force": False}, repeatable=False)
            else:
                client.transport.call("POST", f"{root}/refs", {"ref": ref, "sha": commit})
            return Pushed(ref=ref, commit=commit)
        except GitHubError as error:
            raced = error.status == 422 and (
                "fast forward" in error.message.lower() or "already exists" in error.message
            )
            if error.uncertain and at(client, ref) == commit:
                return Pushed(ref=ref, commit=commit)
            if not (raced or error.uncertain):
                raise
            failure = error
            client.transport.pause(min(attempt, 3), error)
    raise failure or GitHubError("the branch moves too fast", call=f"PATCH {root}/{ref}")


def at(client: GitHub, ref: str) -> str:
    """Return the commit that a ref points at, empty when there is no such ref."""
    path = f"/repos/{client.repository}/git/ref/{names.path(ref.removeprefix('refs/'))}"
    try:
        return str(client.transport.get(path)["object"]["sha"])
    except GitHubError as error:
        if error.status == 404:
            # not found may mean hidden: then the repository is hidden as well, and this says so
            client.transport.get(f"/repos/{client.repository}")
            return ""
        raise


def _tree(client: GitHub, files: Mapping[str, bytes], base: str | None) -> str:
    """Write blobs and a tree; both are named by their content, so repeating them does no harm."""
    root = f"/repos/{client.repository}/git"
    entries = []
    for path, content in sorted(files.items()):
        names.path(path)  # refuses a climb
        blob = {"content": base64.b64encode(content).decode("ascii"), "encoding": "base64"}
        sha = client.transport.call("POST", f"{root}/blobs", blob, repeatable=True).body["sha"]
        entries.append({"path": path, "mode": "100644", "type": "blob", "sha": sha})
    body: dict[str, Any] = {"tree": entries} | ({"base_tree": base} if base else {})
    return str(client.transport.call("POST", f"{root}/trees", body, repeatable=True).body["sha"])


def _commit(client: GitHub, content: dict[str, Any]) -> str:
    """Write a commit; a repetition after a lost answer leaves at most one more that no ref names."""
    path = f"/repos/{client.repository}/git/commits"
    return str(client.transport.call("POST", path, content, repeatable=True).body["sha"])


def contents(client: GitHub, path: str, ref: str, limit: int) -> bytes:
    """Return a file as it is at ``ref`` (a commit, branch or tag), at most ``limit`` bytes."""
    address = f"/repos/{client.repository}/contents/{names.path(path)}"
    row = client.transport.get(f"{address}?ref={names.segment(ref)}" if ref else address)
    if not isinstance(row, dict) or row.get("type") != "file":
        raise GitHubError("this is not a file", call=f"GET {address}")
    if int(row["size"]) > limit:
        raise GitHubError(f"the file is larger than {limit} bytes", call=f"GET {address}")
    if row.get("encoding") != "base64":  # files over 1 MB come without their content
        row = client.transport.get(f"/repos/{client.repository}/git/blobs/{names.sha(str(row['sha']))}")
    return base64.b64decode(row["content"])
