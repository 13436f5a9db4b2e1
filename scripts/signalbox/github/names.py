"""Names from outside, checked before they become part of a path of the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from signalbox.errors import InputError

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"refs/[A-Za-z0-9_-][A-Za-z0-9._/-]{0,230}")
_SAFE = "-._~"


def repository(name: str) -> str:
    """Return ``owner/name`` if it is one; raises ``InputError``."""
    if not _REPOSITORY.fullmatch(name) or {".", ".."} & set(name.split("/")):
        raise InputError("this is no repository name", where=repr(name[:200]), fix="Write it as owner/name.")
    return name


def sha(value: str) -> str:
    """Return a full commit hash; raises ``InputError`` for anything else, also for a short one."""
    if not _SHA.fullmatch(value):
        raise InputError("this is no full commit hash", where=repr(value[:80]), fix="Give all 40 characters.")
    return value


def ref(value: str) -> str:
    """Return a full ref name that git accepts; raises ``InputError``."""
    bad = ("..", "//", "/.", "/-", "@{", ".lock/")
    if not _REF.fullmatch(value) or any(b in value for b in bad) or value.endswith(("/", ".", ".lock")):
        raise InputError("this is no full ref name", where=repr(value[:200]), fix="Write it as refs/…")
    return value


def segment(value: str) -> str:
    """Quote one element of a path: nothing in it can become a slash, a query or a dot-segment."""
    if value in ("", ".", ".."):
        raise InputError("this name cannot stand in an address", where=repr(value))
    return quote(value, safe=_SAFE)


def path(value: str) -> str:
    """Quote a relative path, element by element; raises ``InputError`` for one that climbs."""
    return "/".join(segment(part) for part in value.split("/"))


def shorten(text: str, limit: int) -> str:
    """Return one line of at most ``limit`` characters, with an ellipsis where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def link(url: str) -> str:
    """Return a web address if it is one, else nothing: GitHub shows it as a link."""
    return url if re.fullmatch(r"https?://[^\s<>\"]{1,2000}", url) else ""


def pull_number(environ: Mapping[str, str]) -> int:
    """Return the pull request that this job runs for, 0 when it runs for none.

    Read from ``GITHUB_REF``, which a called workflow has as well; the event's payload is the caller's.
    """
    found = re.fullmatch(r"refs/pull/([1-9][0-9]{0,9})/(?:merge|head)", environ.get("GITHUB_REF", ""))
    return int(found[1]) if found else 0
