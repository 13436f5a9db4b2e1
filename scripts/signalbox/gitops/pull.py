"""The promotion's pull request: one per candidate, environment and file, made again without harm."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from signalbox.errors import InputError
from signalbox.gitops.yaml_edit import Edit

if TYPE_CHECKING:
    from signalbox.github import GitHub


ATTEMPTS = 3


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. ``number`` is 0 where the base already holds the edit."""

    number: int = 0
    url: str = ""
    created: bool = False
    branch: str = ""
    changes: tuple[tuple[str, str, str], ...] = ()


def branch_name(environment: str, digest: str, path: str) -> str:
    """The same name for the same candidate, environment and file, so that a rerun finds its own branch."""
    place = re.sub(r"[^a-z0-9-]+", "-", environment.lower()).strip("-")[:40] or "default"
    file = hashlib.sha256(path.encode()).hexdigest()[:8]
    return f"signalbox/promote/{place}/{digest.removeprefix('sha256:')[:16]}-{file}"


def propose(
    client: GitHub,
    *,
    base: str,
    path: str,
    branch: str,
    edit: Callable[[bytes], Edit],
    title: str,
    body: str,
) -> Proposal:
    """Edit ``path`` as it stands on ``base`` and propose that; nothing but that edit is in the branch.

    Whatever the branch held before (somebody may have made it, and its name can be foretold), its tree is
    the base's tree with this one file edited, its mode kept. Raises GitHubError for what GitHub refuses and
    InputError for a file that cannot be edited.
    """
    from signalbox.github import Unavailable, trees

    head = trees.at(client, f"refs/heads/{base}")
    if not head:
        raise InputError("there is no such branch", where=base, fix="Name it with --base.")
    content = client.contents(path, head)
    if isinstance(content, Unavailable):
        raise InputError(
            "the file cannot be read", where=f"{base}:{path}", why=content.reason, fix=content.fix
        )
    made = edit(content)
    if not made.changed:
        return Proposal(branch=branch)
    _bring(client, branch, head, _edited(client, head, path, made.after), title)
    pull = client.upsert_pull(branch, base, title, body)
    return Proposal(
        number=pull.number, url=pull.url, created=pull.created, branch=branch, changes=made.changes
    )


def _edited(client: GitHub, head: str, path: str, content: bytes) -> str:
    """The tree of commit ``head`` with the one file changed."""
    root = f"/repos/{client.repository}/git"
    whole = _tree_of(client, head)
    at, mode = whole, "040000"
    for name in path.split("/"):
        rows = client.transport.get(f"{root}/trees/{at}")["tree"] if mode == "040000" else []
        row = next((row for row in rows if row["path"] == name), None)
        if row is None:
            raise InputError("the file is behind a symbolic link or not there", where=path)
        at, mode = row["sha"], row["mode"]
    if mode not in ("100644", "100755"):
        # Read through the link, written over it: the link's own target would stay as it was.
        raise InputError("this is a symbolic link; name the file it leads to", where=path)
    blob = {"content": base64.b64encode(content).decode("ascii"), "encoding": "base64"}
    sha = client.transport.call("POST", f"{root}/blobs", blob, repeatable=True).body["sha"]
    entry = {"path": path, "mode": mode, "type": "blob", "sha": sha}
    body = {"tree": [entry], "base_tree": whole}
    return str(client.transport.call("POST", f"{root}/trees", body, repeatable=True).body["sha"])


def _bring(client: GitHub, branch: str, head: str, tree: str, title: str) -> None:
    """Let ``branch`` hold ``tree`` on top of the base's ``head``; only ever a fast-forward."""
    from signalbox.github import GitHubError, trees

    root, ref = f"/repos/{client.repository}/git", f"refs/heads/{branch}"
    for attempt in range(1, ATTEMPTS + 1):
        there = trees.at(client, ref)
        if there and _tree_of(client, there) == tree:
            return
        # The base as a second parent: what the branch held besides is undone, and the proposal is one edit.
        content = {"message": title, "tree": tree, "parents": [there, head] if there else [head]}
        made = client.transport.call("POST", f"{root}/commits", content, repeatable=True).body["sha"]
        try:
            if there:
                client.transport.call(
                    "PATCH", f"{root}/{ref}", {"sha": made, "force": False}, repeatable=False
                )
            else:
                client.transport.call("POST", f"{root}/refs", {"ref": ref, "sha": made})
        except GitHubError as error:
            # Somebody was quicker, or the answer was lost: look again at what is there.
            if attempt == ATTEMPTS or not (error.uncertain or error.status == 422):
                raise
            client.transport.pause(attempt, error)


def _tree_of(client: GitHub, commit: str) -> str:
    return str(client.transport.get(f"/repos/{client.repository}/git/commits/{commit}")["tree"]["sha"])
