"""One bounded GET: how it can go wrong, told apart. Every request has a timeout, a size and no retry."""

from __future__ import annotations

import time
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import msgspec

from signalbox.errors import InputError
from signalbox.signals.reading import State

MAX_BYTES = 32 * 1024 * 1024


class Session(Protocol):
    """The part of ``requests.Session`` that is used here."""

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Send one request."""


class Answer(msgspec.Struct, frozen=True):
    """``text`` is set when ``state`` is ok; ``detail`` says what went wrong otherwise."""

    state: State
    text: str = ""
    detail: str = ""


def new_session(token: str = "") -> Any:
    """A ``requests`` session that never retries; ``token`` is sent as a bearer token."""
    import requests
    from requests.adapters import HTTPAdapter

    if not (token.isascii() and token.isprintable()):
        raise InputError("the token holds characters that no token has", where="the bearer token")
    session = requests.Session()
    session.headers["User-Agent"] = "signalbox"
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=0))
    return session


def get(session: Session, url: str, *, timeout: float, headers: dict[str, str] | None = None) -> Answer:
    """``url``'s body as text. ``timeout`` bounds connecting, each read, and the whole of the body."""
    import requests

    deadline = time.monotonic() + timeout
    try:
        with session.request(
            "GET", url, timeout=timeout, headers=headers or {}, stream=True, allow_redirects=False
        ) as response:
            body = b""
            for chunk in response.iter_content(65536):
                body += chunk
                if len(body) > MAX_BYTES:
                    return Answer("error", detail=f"the answer is larger than {MAX_BYTES} bytes")
                if time.monotonic() > deadline:
                    return Answer("timeout", detail=f"the answer was not complete after {timeout:g} s")
            status = response.status_code
            expected = response.headers.get("Content-Length", "")
            encoded = response.headers.get("Content-Encoding")
    except requests.RequestException as error:
        return Answer(*classify(error, timeout))
    if status != 200:
        return Answer("error", detail=f"HTTP status {status}")
    if not encoded and expected.isdigit() and len(body) < int(expected):
        return Answer("partial", detail=f"{len(body)} of {expected} bytes arrived")
    try:
        return Answer("ok", text=body.decode())
    except UnicodeDecodeError:
        return Answer("error", detail="the answer is not UTF-8")


def classify(error: Exception, timeout: float) -> tuple[State, str, str]:
    """(state, "", detail) of an exception of ``requests``."""
    import requests

    if isinstance(error, requests.Timeout):
        return "timeout", "", f"no answer within {timeout:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "partial", "", "the connection broke in the middle of the answer"
    if isinstance(error, requests.ConnectionError):
        return "down", "", "nothing answers there"
    return "error", "", type(error).__name__


def check_url(url: str, option: str) -> str:
    """``url`` if it is http or https with a host; ``InputError`` naming ``option`` otherwise."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{url!r} is not a URL", where=option, why=str(error)) from None
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in url):
        raise InputError(
            f"{url!r} is not an http or https URL", where=option, fix="Give http://host:port/path."
        )
    return url


def public(url: str) -> str:
    """``url`` without user, password and query: what may be written into a log."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    place = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{place}:{parts.port}" if parts.port else place, parts.path, "", ""))
