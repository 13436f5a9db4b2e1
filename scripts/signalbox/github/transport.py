"""One session: PyGithub's requester with our own retries, pagination, entity tags and errors."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from . import permissions
from .errors import GitHubError
from .refusals import bare, out_of_time, refusal
from .retry import Retry

DEFAULT_API = "https://api.github.com"
PAGES = 100  # at 100 rows a page: no list that is read here is longer than that


class Reply(msgspec.Struct, frozen=True):
    """One answer: ``headers`` with lower-case names, ``body`` parsed."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Transport:
    """Sends calls. ``sleep``, ``clock`` and ``jitter`` are passed in, so that tests need not wait.

    The token is in no attribute, no text form and no error of this object.
    """

    def __init__(
        self,
        api: str = DEFAULT_API,
        token: str = "",
        *,
        timeout: int = 30,
        retry: Retry | None = None,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.api = api.rstrip("/")
        self.signed = bool(token)
        self._timeout = timeout
        self._retry = retry or Retry()
        # Looked up when it is made: a default bound at import could no longer be replaced by a test.
        self._sleep, self._clock, self._jitter = sleep or time.sleep, clock, jitter
        self._waited = 0.0
        # the token lives in this closure only: no attribute, so nothing can print it
        self._connect: Callable[[], Any] = lambda: _connect(self.api, token, timeout)
        self._client: Any = None
        self._known: dict[str, Reply] = {}

    def __repr__(self) -> str:
        return f"Transport({self.api!r}, signed={self.signed})"

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def call(self, method: str, path: str, body: Any = None, *, repeatable: bool | None = None) -> Reply:
        """Send one call, retrying what may be retried, and return the answer.

        ``repeatable`` says that doing it twice is doing it once; by default so for all but POST. Only
        then is a call repeated whose answer was lost. Raises :class:`GitHubError`.
        """
        if repeatable is None:
            repeatable = method != "POST"
        if method not in permissions.READS:
            self.require_token(method, path)
        attempt = 0
        while True:
            attempt += 1
            failure, wait = self._attempt(method, path, body)
            if isinstance(failure, Reply):
                return failure
            # A wait that GitHub itself asks for means it did nothing: safe to repeat for every call.
            refused = wait is not None and not failure.uncertain
            if wait is None or not (repeatable or refused):
                raise failure
            self.pause(attempt, failure, wait)

    def require_token(self, method: str, path: str) -> None:
        """Raise :class:`GitHubError` when there is no token to write with."""
        if not self.signed:
            raise GitHubError(
                "there is no token, so nothing can be written",
                call=f"{method} {bare(path)}",
                permission=permissions.needed(method, bare(path)),
                fix="Set GITHUB_TOKEN (in a workflow: env: GITHUB_TOKEN: ${{ github.token }}).",
            )

    def pause(self, attempt: int, failure: GitHubError, wait: float = 0.0) -> None:
        """Wait before the retry after ``attempt``; raises ``failure`` when that is past the budget."""
        wait = max(wait, self._retry.backoff(attempt, self._jitter()))
        if attempt >= self._retry.attempts:
            raise failure
        if self._waited + wait > self._retry.budget:
            raise out_of_time(failure, wait, self._retry.budget)
        self._waited += wait
        self._sleep(wait)

    def _attempt(
        self, method: str, path: str, body: Any
    ) -> tuple[Reply, None] | tuple[GitHubError, float | None]:
        """Return a reply, or an error with the seconds to wait before a retry (None: do not)."""
        call = f"{method} {bare(path)}"
        known = self._known.get(path) if method == "GET" else None
        headers = {"If-None-Match": known.headers["etag"]} if known else {}
        try:
            status, got, text = self._requester().requestJson(method, path, headers=headers, input=body)
        except RuntimeError as error:  # PyGithub's word for a redirect it must not follow
            moved = GitHubError("GitHub redirects elsewhere", call=call, message=str(error)[:300])
            return moved, None
        except Exception as error:
            if not _is_network(error):
                raise
            lost = GitHubError(
                "GitHub did not answer",
                call=call,
                message=type(error).__name__,
                uncertain=method not in permissions.READS,
                fix=f"Check that {self.api} can be reached from here, then run again.",
            )
            return lost, 0.0
        if status == 304 and known:
            return known, None
        parsed, readable = _parse(text)
        if 200 <= status < 400:
            if not readable:
                broken = GitHubError(
                    "GitHub's answer is not JSON",
                    call=call,
                    status=status,
                    message=f"{len(text)} characters",
                    uncertain=method not in permissions.READS,
                    fix="A proxy or an outage may stand between; run again.",
                )
                return broken, 0.0
            reply = Reply(status, got, parsed)
            if method == "GET" and "etag" in got:
                self._known[path] = reply
            return reply, None
        return refusal(method, path, status, got, parsed if readable else None, self._clock())

    def get(self, path: str) -> Any:
        """Read one object."""
        return self.call("GET", path).body

    def graphql(self, query: Any, *, repeatable: bool = True) -> Any:
        """Send a GraphQL query; ``repeatable`` False for one that writes."""
        base = self.api.removesuffix("/v3") if self.api.endswith("/api/v3") else self.api
        path = f"{base}/graphql" if base != self.api else "/graphql"
        return self.call("POST", path, query, repeatable=repeatable).body

    def pages(self, path: str, key: str = "", most: int = PAGES * 100) -> Iterator[Any]:
        """Read a list to its end, following ``Link``; ``key`` names the list inside each page.

        Raises when there are more than ``most`` rows: a list cut short would be taken for a whole one.
        """
        joint = "&" if "?" in path else "?"
        seen: set[str] = set()
        target, count = f"{path}{joint}per_page=100", 0
        while target:
            if target in seen or len(seen) >= PAGES:
                raise GitHubError("the list of pages does not end", call=f"GET {bare(path)}")
            seen.add(target)
            reply = self.call("GET", target)
            rows = reply.body.get(key) if key and isinstance(reply.body, dict) else reply.body
            if not isinstance(rows, list):
                raise GitHubError(
                    "GitHub's answer is not a list", call=f"GET {bare(path)}", status=reply.status
                )
            count += len(rows)
            if count > most:
                raise GitHubError(f"there are more than {most} rows", call=f"GET {bare(path)}")
            yield from rows
            target = self._next(reply.headers.get("link", ""))

    def _next(self, link: str) -> str:
        """Return path and query of the next page, empty at the end."""
        for part in link.split(","):
            address, _, relation = part.partition(";")
            if 'rel="next"' in relation:
                url = address.strip().strip("<>")
                if not url.startswith(f"{self.api}/"):
                    raise GitHubError("the next page lies on another host", call=f"GET {bare(url)}")
                return url.removeprefix(self.api)
        return ""

    def download(self, path: str, limit: int) -> bytes:
        """Read a file that GitHub hands out by a redirect; never sends the token to the other host."""
        from .download import download

        return download(self, path, limit, self._timeout)

    def _requester(self) -> Any:
        if self._client is None:
            self._client = self._connect()
        return self._client.requester


def _connect(api: str, token: str, timeout: int) -> Any:
    import github

    return github.Github(
        auth=github.Auth.Token(token) if token else None,
        base_url=api,
        timeout=timeout,
        user_agent="signalbox",
        retry=None,  # ours, with a budget and a clock that tests can turn
        seconds_between_requests=None,
        seconds_between_writes=None,
    )


def _is_network(error: Exception) -> bool:
    import requests
    import urllib3

    return isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError, OSError))


def _parse(text: str) -> tuple[Any, bool]:
    if not text:
        return None, True
    try:
        return json.loads(text), True
    except ValueError:
        return None, False
