"""Pull requests of ours: one open per head and base branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from . import comments, names
from .errors import GitHubError

if TYPE_CHECKING:
    from .client import GitHub


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """An open pull request as it stands now."""

    number: int
    url: str
    created: bool
    head_sha: str


def upsert(client: GitHub, head: str, base: str, title: str, body: str, draft: bool = False) -> Pull:
    """Open a pull request from branch ``head``, or bring the open one up to date.

    Raises :class:`GitHubError`.
    """
    root = f"/repos/{client.repository}/pulls"
    names.ref(f"refs/heads/{head}")
    names.ref(f"refs/heads/{base}")
    title, body = names.shorten(title, 250), comments.fit(body)
    row, created = _open(client, head, base), False
    if row is None:
        content = {"title": title, "head": head, "base": base, "body": body, "draft": draft}
        try:
            row, created = client.transport.call("POST", root, content).body, True
        except GitHubError as error:
            raced = error.status == 422 and "already exists" in error.message
            if not (error.uncertain or raced):
                raise
            row = _open(client, head, base)
            if row is None and raced:
                raise
            if row is None:
                row, created = client.transport.call("POST", root, content).body, True
    if row["title"] != title or (row.get("body") or "").replace("\r\n", "\n") != body:
        content = {"title": title, "body": body}
        row = client.transport.call("PATCH", f"{root}/{row['number']}", content).body
    return Pull(
        number=int(row["number"]),
        url=str(row["html_url"]),
        created=created,
        head_sha=str(row["head"]["sha"]),
    )


def _open(client: GitHub, head: str, base: str) -> Any:
    """Return the open pull request of these branches of this repository, None when there is none."""
    owner = client.repository.split("/")[0]
    query = f"state=open&head={names.segment(owner)}:{names.segment(head)}&base={names.segment(base)}"
    for row in client.transport.pages(f"/repos/{client.repository}/pulls?{query}"):
        source = (row["head"].get("repo") or {}).get("full_name")
        # GitHub ignores a head it cannot read, and then lists every pull request
        if row["head"]["ref"] == head and row["base"]["ref"] == base and source == client.repository:
            return row
    return None
