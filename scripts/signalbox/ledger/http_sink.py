"""One JSON request over HTTP for the sinks; every way in which it can fail is SinkDown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from signalbox.errors import InputError
from signalbox.ledger.sinks import SinkDown

SECONDS = 10.0
_MOST = 4 << 20


def check_url(url: str) -> str:
    """An http(s) address without credentials in it, without its last slash."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise InputError(
            "this is not an address to send records to",
            where=url[:200],
            fix="Give http(s)://host[:port][/path]; credentials come from the environment.",
        )
    return url.rstrip("/")


def request(
    method: str,
    url: str,
    body: Any = None,
    *,
    raw: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> tuple[int, dict[str, Any]]:
    """Status and JSON answer; statuses from 500 on and 429 are SinkDown, as is no answer in time."""
    import urllib.error
    import urllib.request

    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    asked = urllib.request.Request(url, data=data, method=method, headers=given)  # noqa: S310  checked above
    # A redirect could carry the token to another host; proxies of the environment are none of ours here.
    opener = urllib.request.build_opener(_refuse_redirects(), urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=seconds) as answer:
            status, content = int(answer.status), answer.read(_MOST)
    except urllib.error.HTTPError as error:
        with error:
            status, content = error.code, error.read(_MOST)
    except (OSError, ValueError) as error:
        raise SinkDown(f"{method} {url}: {error}") from None
    if status >= 500 or status == 429 or 300 <= status < 400:
        raise SinkDown(f"{method} {url}: status {status}")
    try:
        answered = json.loads(content) if content.strip() else {}
    except ValueError:
        answered = {}
    return status, answered if isinstance(answered, dict) else {}


def _refuse_redirects() -> Any:
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    return NoRedirect()
