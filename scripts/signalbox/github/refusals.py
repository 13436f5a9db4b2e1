"""From a refused call to an error that says what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from . import permissions
from .errors import GitHubError
from .retry import TRANSIENT, is_limited, limit_wait


def refusal(
    method: str, path: str, status: int, headers: Mapping[str, str], body: Any, now: float
) -> tuple[GitHubError, float | None]:
    """Return the error for a status, with the seconds to wait before a retry (None: do not)."""
    message = _message(body)
    call = f"{method} {bare(path)}"
    if is_limited(status, headers, message):
        error = GitHubError(
            "GitHub's rate limit is reached", call=call, status=status, message=message,
            fix="Run again later, or with a token of its own limit.",
        )  # fmt: skip
        return error, limit_wait(headers, now)
    if status in TRANSIENT:
        error = GitHubError(
            f"GitHub failed with {status}",
            call=call,
            status=status,
            message=message,
            uncertain=method not in permissions.READS,
            fix="See https://www.githubstatus.com, then run again.",
        )
        return error, 0.0
    permission, fix = "", ""
    if status == 401:
        what, fix = "the token is not valid", "Check GITHUB_TOKEN: it may have expired."
    elif status == 403:
        named = permissions.from_header(headers.get("x-accepted-github-permissions", ""))
        permission = named or permissions.needed(method, bare(path))
        what, fix = "the token may not do this", permissions.advice(permission)
    elif status == 404:
        # GitHub also says "not found" to a reader that may not know
        hidden = permissions.needed(method, bare(path))
        what = "not found, or hidden from this token"
        fix = f"Check the name; in a private repository the token needs `{hidden}`." if hidden else ""
    elif status == 422:
        what = "GitHub refused the content"
    else:
        what = f"GitHub answered {status}"
    return GitHubError(what, call=call, status=status, message=message, permission=permission, fix=fix), None


def _message(body: Any) -> str:
    """Return GitHub's own words, with the details of a validation failure."""
    if not isinstance(body, dict):
        return ""
    details = [
        str(e.get("message") or e.get("code") or "") if isinstance(e, dict) else str(e)
        for e in body.get("errors") or []
    ]
    text = ": ".join([str(body.get("message", "")), ", ".join(filter(None, details))])
    return " ".join(text.rstrip(": ").split())[:500]


def bare(path: str) -> str:
    """Return a path without its query, which may carry more than a log should show."""
    return urlsplit(path).path


def out_of_time(error: GitHubError, wait: float, budget: float) -> GitHubError:
    """Return ``error`` saying that the next wait would be past the budget."""
    more = f"it would take another {wait:.0f} s, more than the {budget:.0f} s that this run waits in all"
    return GitHubError(
        error.what,
        call=error.call,
        status=error.status,
        message=f"{error.message}; {more}" if error.message else more,
        permission=error.permission,
        fix=error.fix,
        uncertain=error.uncertain,
    )
