"""The promotion's pull request: one per candidate, environment and file, made again without harm."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from signalbox.errors import InputError
from signalbox.gitops.yaml_edit import Edit

if TYPE_CHECKING:
    from signalbox.github import GitHub


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

    Raises GitHubError for what GitHub refuses and InputError for a file that cannot be edited.
    """
    from signalbox.github import Unavailable, trees

    content = client.contents(path, f"refs/heads/{base}")
    if isinstance(content, Unavailable):
        raise InputError(
            "the file cannot be read", where=f"{base}:{path}", why=content.reason, fix=content.fix
        )
    made = edit(content)
    if not made.changed:
        return Proposal(branch=branch)
    head = trees.at(client, f"refs/heads/{base}")
    if not trees.at(client, f"refs/heads/{branch}"):
        call = f"/repos/{client.repository}/git/refs"
        client.transport.call("POST", call, {"ref": f"refs/heads/{branch}", "sha": head})
    trees.append(client, branch, {path: made.after}, title)
    pull = client.upsert_pull(branch, base, title, body)
    return Proposal(
        number=pull.number, url=pull.url, created=pull.created, branch=branch, changes=made.changes
    )
