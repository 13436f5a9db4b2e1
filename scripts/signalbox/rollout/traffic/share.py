"""Whether the share of requests that was seen agrees with the one that was ordered. Pure."""

from __future__ import annotations

import math

# Sticky sessions, retries and whole-number weights make shares differ a little for ever.
_TOLERANCE = 0.03


def tolerance(wanted: float, total: int) -> float:
    """How far a share seen in ``total`` requests may lie from the one that was ordered."""
    return _TOLERANCE + 4 * math.sqrt(wanted * (1 - wanted) / total)


def telling(wanted: float) -> float:
    """A tolerance below this tells the ordered share from no move at all (0% or 100% before)."""
    return min(wanted, 1 - wanted) if 0 < wanted < 1 else 0.5


def fits(share: float, wanted: float, total: int) -> bool:
    """Whether a share seen in ``total`` requests agrees with the one that was ordered."""
    return abs(share - wanted) <= tolerance(wanted, total)
