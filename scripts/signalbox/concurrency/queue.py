"""Queue depth from a URL: ``{"queued": 3}``, ``{"depth": 3}`` or a bare number, in bounded time and size."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from .decide import QueueFact

_SECONDS = 5.0
_BYTES = 1_000_000
_KEYS = ("queued", "queue_depth", "depth", "jobs", "count", "waiting")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def read_queue(url: str, *, seconds: float = _SECONDS) -> QueueFact:
    """Ask ``url``. Whatever goes wrong is a problem in the answer, never an exception."""
    shown = url.split("?")[0]
    if not url.startswith(("http://", "https://")):
        return QueueFact(source=shown, problem=f"{shown!r} is neither http(s) nor github:owner/name")
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        # Only http and https come here, see above.
        request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310
        with opener.open(request, timeout=seconds) as response:
            body = response.read(_BYTES + 1)
        found: Any = json.loads(body) if len(body) <= _BYTES else None
    except (urllib.error.URLError, OSError, ValueError) as error:
        return QueueFact(source=shown, problem=f"{shown} did not answer with JSON: {error}")
    if isinstance(found, dict):
        found = next((found[key] for key in _KEYS if key in found), None)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 1e6:
        return QueueFact(source=shown, problem=f"{shown} answered without a number of waiting jobs")
    return QueueFact(jobs=int(found), source=shown)
