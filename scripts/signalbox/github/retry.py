"""When to ask again, and how long to wait first: pure, with jitter and clock passed in."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

TRANSIENT = frozenset({500, 502, 503, 504})
UNSURE_WAIT = 60.0  # GitHub asks for at least a minute after a secondary limit that names no time


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """``attempts`` calls at most; waits of all retries of one client together within ``budget`` seconds."""

    attempts: int = 5
    first: float = 1.0
    longest: float = 30.0
    budget: float = 120.0

    def backoff(self, attempt: int, jitter: float) -> float:
        """Seconds before the retry after ``attempt`` (from 1): half fixed, half ``jitter`` in [0, 1)."""
        ceiling = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return ceiling * (0.5 + jitter / 2)


def is_limited(status: int, headers: Mapping[str, str], message: str) -> bool:
    """Say whether a refusal is a rate limit and not a missing permission."""
    if status == 429:
        return True
    if status != 403:
        return False
    return (
        "retry-after" in headers
        or headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in message.lower()
        or "abuse" in message.lower()
    )


def limit_wait(headers: Mapping[str, str], now: float) -> float:
    """Seconds that GitHub asks to wait; ``now`` in seconds since the epoch."""
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(0.0, float(reset) - now) + 1.0
    return UNSURE_WAIT
