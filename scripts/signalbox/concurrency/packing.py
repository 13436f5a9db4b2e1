"""Longest processing time first: the longest remaining piece goes to the shard that has least."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import msgspec


class Piece(msgspec.Struct, frozen=True):
    """Something that runs on one runner as a whole: its name and its seconds."""

    name: str
    seconds: float


def pack(pieces: Sequence[Piece], shards: int) -> list[list[Piece]]:
    """Divide ``pieces`` among at most ``shards`` shards, none of them empty (Graham's LPT, 1969: the longest
    shard is at most 4/3 − 1/(3k) of the best possible). Equal inputs give equal outputs in any order."""
    count = min(max(shards, 0), len(pieces))
    if count == 0:
        return []
    # An idle shard is filled before a busy one whatever its pieces weigh, or zeros would leave some empty.
    heap = [(False, 0.0, number) for number in range(count)]
    packed: list[list[Piece]] = [[] for _ in range(count)]
    for piece in sorted(pieces, key=lambda p: (-p.seconds, p.name)):
        _, seconds, number = heapq.heappop(heap)
        packed[number].append(piece)
        heapq.heappush(heap, (True, seconds + piece.seconds, number))
    return packed


def makespan(packed: Sequence[Sequence[Piece]]) -> float:
    """Seconds of the longest shard; 0 when there is none."""
    return max((sum(piece.seconds for piece in shard) for shard in packed), default=0.0)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which ``share`` of them lie, linearly interpolated; ``None`` of no values."""
    if not values:
        return None
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
