"""How one HTTP exchange goes: token, failure on order, description, handler, description again."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from . import discussions
from .description import Operation
from .faults import Fault
from .routing import Answer, ApiError, Request, Route, find_route
from .state import Token

if TYPE_CHECKING:
    from .server import GitHubDouble, _Server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    @property
    def double(self) -> GitHubDouble:
        return cast("_Server", self.server).double

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent; the exchanges are in ``double.requests``."""

    def send(self, answer: Answer, wire: str = "answer") -> None:
        """Write an answer, whole or spoiled on the wire."""
        body = b"" if answer.body is None else self.encode(answer.body)
        if wire == "garbage":
            body = b"<html>\xff\xfe not json {"
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(body) + (64 if wire == "truncate" else 0)))
        self.end_headers()
        if answer.status not in (204, 304):
            self.wfile.write(body)
        if wire == "truncate":
            self.close_connection = True

    @staticmethod
    def encode(body: Any) -> bytes:
        return body if isinstance(body, bytes) else json.dumps(body).encode()


class BlobHandler(_Handler):
    """The other host: it takes a signed URL and refuses a token, as the object store does."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if "Authorization" in self.headers:
            self.double.violate(f"the token was sent to another host: GET {parts.path}")
            return self.send(Answer(400, b"<Error>InvalidAuthenticationInfo</Error>"))
        fault = self.double.faults.take("GET", f"/_blobs{parts.path}")
        if fault and fault.wire == "answer":
            return self.send(Answer(fault.status, fault.message.encode()))
        name = parts.path.rsplit("/", 1)[-1]
        file = self.double.state.blob_file(int(name)) if name.isdigit() else None
        if file is None or not file.is_file() or parts.query != "sig=signed":
            return self.send(Answer(404, b"<Error>BlobNotFound</Error>"))
        self.send(
            Answer(200, file.read_bytes(), {"Content-Type": "application/zip"}),
            fault.wire if fault else "answer",
        )


class ApiHandler(_Handler):
    """The API."""

    def do_GET(self) -> None:
        self.exchange()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def exchange(self) -> None:
        """Answer one request and note it."""
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))
        if path.startswith("/_double/"):
            return self.control(path, raw)
        token, known = self.token()
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
            return self.reply(path, query, body, token, ApiError(400, "Problems parsing JSON").answer)
        fault = self.double.faults.take(self.command, path)
        if fault and not fault.after_effect:
            return self.spoil(fault, path, query, body, token, Answer(200, {}))
        with self.double.state.lock:
            try:
                answer = self.answer(path, query, body, token, known)
            except ApiError as error:
                answer = error.answer
            self.double.save()
        if fault:
            return self.spoil(fault, path, query, body, token, answer)
        self.reply(path, query, body, token, answer)

    def token(self) -> tuple[Token | None, bool]:
        """Return who asks and whether the token given is a known one."""
        given = self.headers.get("Authorization", "")
        if not given:
            return None, True
        token = self.double.state.tokens.get(given.split(" ")[-1])
        return token, token is not None

    def answer(self, path: str, query: dict[str, str], body: Any, token: Token | None, known: bool) -> Answer:
        """Answer truthfully, holding request and response to the description."""
        double = self.double
        if not self.headers.get("User-Agent"):
            raise ApiError(403, "Request forbidden by administrative rules: a User-Agent is required")
        if not known:
            raise ApiError(401, "Bad credentials")
        if double.rate_remaining <= 0:
            raise ApiError(403, "API rate limit exceeded for installation ID 1.")
        double.rate_remaining -= 1
        if path == "/graphql":
            return self.graphql(body, token)
        operation = double.description.operation(self.command, path)
        found = find_route(self.command, path)
        if operation is None or found is None:
            why = "the double does not implement" if operation else "GitHub's description does not have"
            double.violate(f"{why} {self.command} {path}")
            raise ApiError(404, "Not Found")
        errors = double.description.request_errors(operation, query, body)
        if errors:
            double.violations.extend(errors)
            raise ApiError(422, f"Invalid request.\n\n{errors[0]}", errors=[])
        route, params = found
        request = Request(
            double.state, double.url, double.blob_url, self.command, path, query, body or {}, token, params
        )
        try:
            answer = self.permitted(route, request)
        except ApiError as error:
            answer = error.answer
        self.check(operation, answer)
        if self.command == "GET" and answer.status == 200:
            tag = f'W/"{hashlib.sha256(self.encode(answer.body)).hexdigest()}"'
            answer.headers["ETag"] = tag
            if self.headers.get("If-None-Match") == tag:
                double.rate_remaining += 1  # an unchanged answer costs nothing
                return Answer(304, None, {"ETag": tag})
        return answer

    def permitted(self, route: Route, request: Request) -> Answer:
        """Run the handler if the token may."""
        repository = None
        if "repo" in request.params:
            repository = request.repo
        if route.allows(request.token, repository):
            return route.handler(request)
        if request.token is None:
            raise ApiError(401, "Requires authentication")
        accepted = {"X-Accepted-GitHub-Permissions": route.needs}
        raise ApiError(403, "Resource not accessible by integration", headers=accepted)

    def check(self, operation: Operation, answer: Answer) -> None:
        """Hold an answer of the double's own to the description."""
        self.double.violations.extend(
            self.double.description.response_errors(operation, answer.status, answer.body)
        )

    def graphql(self, body: Any, token: Token | None) -> Answer:
        """Answer the few GraphQL queries that are used: who the token is, and discussions."""
        if token is None:
            raise ApiError(401, "This endpoint requires you to be authenticated.")
        if found := discussions.answer(self.double.state, body or {}, token):
            return found
        if "".join(str((body or {}).get("query", "")).split()) != "{viewer{login}}":
            self.double.violate(f"the double does not implement this GraphQL query: {body}")
        return Answer(200, {"data": {"viewer": {"login": token.login}}})

    def spoil(
        self, fault: Fault, path: str, query: dict[str, str], body: Any, token: Token | None, answer: Answer
    ) -> None:
        """Fail as ordered."""
        if fault.wire in ("hang", "reset"):
            self.note(path, query, body, token, 0)
            self.double.stopping.wait(fault.seconds)
            linger = struct.pack("ii", 1, 0)  # closing sends a reset instead of an end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        if fault.wire == "answer":
            answer = ApiError(fault.status, fault.message, headers=dict(fault.headers)).answer
        self.reply(path, query, body, token, answer, fault.wire)

    def note(self, path: str, query: dict[str, str], body: Any, token: Token | None, status: int) -> None:
        """Remember an exchange."""
        from .server import Exchange

        login = token.login if token else ""
        self.double.requests.append(Exchange(self.command, path, query, body, login, status))

    def reply(
        self,
        path: str,
        query: dict[str, str],
        body: Any,
        token: Token | None,
        answer: Answer,
        wire: str = "answer",
    ) -> None:
        """Send an answer with the headers that every answer carries."""
        self.note(path, query, body, token, answer.status)
        double = self.double
        answer.headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-GitHub-Request-Id": f"D0:{len(double.requests):X}",
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(max(double.rate_remaining, 0)),
            "X-RateLimit-Used": str(5000 - max(double.rate_remaining, 0)),
            "X-RateLimit-Reset": str(double.rate_reset),
            "X-RateLimit-Resource": "core",
            **answer.headers,
        }
        self.send(answer, wire)

    def control(self, path: str, raw: bytes) -> None:
        """Let a test in another process look inside and order failures."""
        double = self.double
        if self.command == "POST" and path == "/_double/faults":
            double.faults.add(Fault(**json.loads(raw)))
            return self.send(Answer(204))
        views = {
            "/_double/violations": lambda: list(double.violations),
            "/_double/requests": lambda: [vars(entry) for entry in list(double.requests)],
            "/_double/state": double.state.dump,
        }
        view = views.get(path)
        self.send(Answer(200, view()) if view else Answer(404, {"message": f"no {path}"}))
