"""Archives: GitHub answers with a signed address on another host, which must not see the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import GitHubError

if TYPE_CHECKING:
    from .transport import Transport

CHUNK = 1 << 16


def download(transport: Transport, path: str, limit: int, timeout: int) -> bytes:
    """Follow one redirect and read at most ``limit`` bytes; raises :class:`GitHubError`.

    Each retry asks for a new address, because the signed one is short-lived.
    """
    attempt = 0
    while True:
        attempt += 1
        reply = transport.call("GET", path)
        address = reply.headers.get("location", "") if reply.status in (301, 302, 303, 307, 308) else ""
        target = urlsplit(address)
        # plain http only where the API itself is: a test on loopback, an enterprise's inner network
        if target.scheme not in {"https", urlsplit(transport.api).scheme} or not target.hostname:
            raise GitHubError(
                "GitHub gave no address to download from", call=f"GET {path}", status=reply.status
            )
        content = _read(address, limit, timeout, f"GET {path}")
        if isinstance(content, bytes):
            return content
        transport.pause(attempt, content)


def _read(address: str, limit: int, timeout: int, call: str) -> bytes | GitHubError:
    """Return the file, or the error after which another try is worth while."""
    import requests

    host = urlsplit(address).hostname
    try:
        with (
            requests.Session() as session,
            session.get(
                address, stream=True, timeout=timeout, auth=_without_token, allow_redirects=False
            ) as got,
        ):
            if got.status_code != 200:
                error = GitHubError(f"{host} answered {got.status_code}", call=call, status=got.status_code)
                if got.status_code < 500:
                    raise error
                return error
            content = bytearray()
            for chunk in got.iter_content(CHUNK):
                content += chunk
                if len(content) > limit:
                    raise GitHubError(f"the archive is larger than {limit} bytes", call=call)
    except (requests.RequestException, OSError) as error:
        why = type(error).__name__
        return GitHubError(f"{host} did not deliver the archive", call=call, message=why, fix="Run again.")
    return bytes(content)


def _without_token(request: Any) -> Any:
    """Keep requests from adding credentials of a .netrc file."""
    return request
