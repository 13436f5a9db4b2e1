"""Requests, answers, the route table and pagination of the double."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from .git import Git
from .state import Repository, Row, State, Token


@dataclass
class Answer:
    """One response; ``body`` None is an empty one."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An error in GitHub's shape."""

    def __init__(self, status: int, message: str, *, headers: dict[str, str] | None = None, **more: Any):
        super().__init__(message)
        self.answer = Answer(
            status,
            {
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": str(status),
                **more,
            },
            headers or {},
        )


def not_found() -> ApiError:
    """404, which GitHub also says where a reader may not know that something exists."""
    return ApiError(404, "Not Found")


def invalid(resource: str, name: str, message: str, code: str = "custom") -> ApiError:
    """422 with one entry in ``errors``, as validation failures look."""
    return ApiError(
        422,
        f"Validation Failed: {message}",
        errors=[{"resource": resource, "field": name, "code": code, "message": message}],
    )


@dataclass
class Request:
    """One parsed request with everything a handler needs."""

    state: State
    api: str  # base URL of the API
    blobs: str  # base URL of the other host, where archives lie
    method: str
    path: str
    query: dict[str, str]
    body: Row
    token: Token | None
    params: dict[str, str] = field(default_factory=dict)

    @property
    def repo(self) -> Repository:
        """The repository in the path, 404 when it is not there or not visible."""
        found = self.state.repositories.get(f"{self.params['owner']}/{self.params['repo']}")
        if found is None or (found.private and self.token is None):
            raise not_found()
        return found

    @property
    def git(self) -> Git:
        """The git repository behind :attr:`repo`."""
        return self.state.git(self.repo.name)

    @property
    def url(self) -> str:
        """API URL of :attr:`repo`."""
        return f"{self.api}/repos/{self.repo.name}"

    @property
    def login(self) -> str:
        """Who asks."""
        return self.token.login if self.token else ""

    def number(self, name: str) -> int:
        """An integer of the path, 404 when it is none."""
        if not self.params[name].isdigit():
            raise not_found()
        return int(self.params[name])

    def find(self, rows: Sequence[Row], **wanted: Any) -> Row:
        """Return the row with these values, 404 when there is none."""
        for row in rows:
            if all(row.get(key) == value for key, value in wanted.items()):
                return row
        raise not_found()

    def page(self, rows: Sequence[Any], shape: Callable[[Any], Any], key: str | None = None) -> Answer:
        """Answer one page of ``rows`` with its ``Link`` header, inside ``key`` with a total if given."""
        size = min(int(self.query.get("per_page", "30")), 100)
        number = max(int(self.query.get("page", "1")), 1)
        last = max(1, -(-len(rows) // size))
        links = []
        for name, to in (("prev", number - 1), ("next", number + 1), ("first", 1), ("last", last)):
            useful = {"prev": number > 1, "next": number < last, "first": number > 1, "last": number < last}
            if useful[name]:
                query = urlencode({**self.query, "page": to})
                links.append(f'<{self.api}{self.path}?{query}>; rel="{name}"')
        items = [shape(row) for row in rows[(number - 1) * size : number * size]]
        headers = {"Link": ", ".join(links)} if links else {}
        return Answer(200, {"total_count": len(rows), key: items} if key else items, headers)


Handler = Callable[[Request], Answer]


@dataclass(frozen=True)
class Route:
    """One implemented endpoint; ``needs`` is written as GitHub's own permissions header."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    needs: str

    def allows(self, token: Token | None, repository: Repository | None) -> bool:
        """Say whether a token's permissions (or the repository's openness) cover this endpoint."""
        if not self.needs or (token and token.kind == "user"):
            return True
        reads = all(need.endswith("=read") for need in self.needs.split("; "))
        closed = any(scope in self.needs for scope in ("administration", "secrets"))
        if reads and repository and not repository.private and not closed:
            return True
        held = token.permissions if token else {}
        for need in self.needs.split("; "):
            key, level = need.split("=")
            if held.get(key) == "write" or held.get(key) == level:
                return True
        return False


ROUTES: list[Route] = []


def route(method: str, template: str, needs: str = "") -> Callable[[Handler], Handler]:
    """Register a handler. ``{name:path}`` spans slashes."""

    def part(found: re.Match[str]) -> str:
        name, _, kind = found[1].partition(":")
        return f"(?P<{name}>.+)" if kind == "path" else f"(?P<{name}>[^/]+)"

    pattern = re.compile(re.sub(r"\{([^}]+)\}", part, template))

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, pattern, handler, needs))
        return handler

    return register


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the implemented endpoint for a request and its path parameters."""
    for entry in ROUTES:
        found = entry.pattern.fullmatch(path)
        if entry.method == method and found:
            return entry, found.groupdict()
    return None
