"""One comment per subject on a pull request: made once, then kept up to date."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from signalbox.errors import InputError

from .errors import GitHubError

if TYPE_CHECKING:
    from .client import GitHub

LIMIT = 65_000  # below GitHub's 65,536, in the units in which it counts
NOTE = "_This comment was too long for GitHub and is cut here; the whole text is in the run's summary._"
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """The comment as it stands now; ``removed`` counts duplicates that were cleaned up."""

    id: int
    url: str
    created: bool
    removed: int = 0


def marker(key: str) -> str:
    """Return the hidden first line by which a comment is found again."""
    if not _KEY.fullmatch(key):
        raise InputError(
            "this is no key for a comment", where=repr(key), fix="Use a-z, 0-9, dot, dash, underscore."
        )
    return f"<!-- signalbox:{key} -->"


def units(text: str) -> int:
    """Length in UTF-16 units: never less than what GitHub counts, however it counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit(body: str, limit: int = LIMIT) -> str:
    """Return ``body`` within ``limit`` units, cut at a line's end with a note and nothing left open."""
    if units(body) <= limit:
        return body
    reserve = units(NOTE) + 200
    kept: list[str] = []
    length, fence, folds = 0, "", 0
    for line in body.splitlines(keepends=True):
        room = limit - reserve - length - 12 * folds
        if units(line) > room:
            break
        kept.append(line)
        length += units(line)
        found = _FENCE.match(line)
        if found:
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif not fence:
            folds += line.count("<details") - line.count("</details>")
    text = "".join(kept).rstrip("\n")
    closing = ([fence] if fence else []) + ["</details>"] * max(folds, 0)
    return "\n".join([text, *closing, "", NOTE])


def upsert(client: GitHub, number: int, key: str, body: str) -> Comment:
    """Write ``body`` as the one comment ``key`` of ours on an issue or pull request.

    Found by the marker as its first line *and* our own login, on all pages. Two jobs that create it
    at once both see both afterwards and both keep the older. Raises :class:`GitHubError`.
    """
    mark = marker(key)
    text = fit(f"{mark}\n{body}")
    root = f"/repos/{client.repository}/issues"
    client.transport.require_token("POST", f"{root}/{int(number)}/comments")
    created = False
    mine = find(client, number, mark)
    if not mine:
        made: Any = None
        try:
            made = client.transport.call("POST", f"{root}/{int(number)}/comments", {"body": text}).body
        except GitHubError as error:
            if not error.uncertain:
                raise
        created = True
        mine = find(client, number, mark)
        if not mine and made is None:
            # the answer was lost and so was the comment: it is not there, so writing it is not twice
            made = client.transport.call("POST", f"{root}/{int(number)}/comments", {"body": text}).body
        if not mine:
            mine = [made]
    keep, *duplicates = sorted(mine, key=lambda comment: int(comment["id"]))
    if (keep.get("body") or "").replace("\r\n", "\n") != text:
        client.transport.call("PATCH", f"{root}/comments/{keep['id']}", {"body": text})
    for extra in duplicates:
        try:
            client.transport.call("DELETE", f"{root}/comments/{extra['id']}")
        except GitHubError as error:
            if error.status != 404:  # the other job was quicker
                raise
    return Comment(id=int(keep["id"]), url=str(keep["html_url"]), created=created, removed=len(duplicates))


def find(client: GitHub, number: int, mark: str) -> list[Any]:
    """Return our own comments that begin with ``mark``."""
    me = client.login()
    rows = client.transport.pages(f"/repos/{client.repository}/issues/{int(number)}/comments")
    return [
        row
        for row in rows
        if (row.get("user") or {}).get("login") == me and (row.get("body") or "").splitlines()[:1] == [mark]
    ]
