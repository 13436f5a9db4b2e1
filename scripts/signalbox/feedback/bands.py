"""The two thresholds of a score that cost least on recorded outcomes, and what they would have cost since.

A score is recalibrated first (isotonic: only its order is trusted). Above the point where an expected bad
promotion costs less than a review, promoting is cheapest; below the point where an expected false block does,
blocking is. Where those points cross nothing that was seen (few outcomes, an uninformative score), everything
is reviewed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from signalbox.config.scoring import Costs
from signalbox.stats.bounded import is_above
from signalbox.stats.isotonic import fit

Action = Literal["auto", "review", "block"]
NEVER = 2.0
"""A threshold that no score reaches."""


class Bands(msgspec.Struct, frozen=True, kw_only=True):
    """Below ``review_from`` block, from ``auto_from`` on promote, between them review."""

    review_from: float = 0.0
    auto_from: float = NEVER

    def action(self, score: float) -> Action:
        """What is done at a score in [0, 1]."""
        if score < self.review_from:
            return "block"
        return "auto" if score >= self.auto_from else "review"


REVIEW_ALL = Bands()


def cost(action: str, bad: bool, costs: Costs) -> float:
    """What an action turned out to cost."""
    if action == "auto":
        return costs.bad_promotion if bad else 0.0
    if action == "block":
        return 0.0 if bad else costs.false_block
    return costs.review


def learn(pairs: Sequence[tuple[float, bool]], costs: Costs, *, doubt: float = 1.0) -> Bands:
    """Thresholds from (score in [0, 1], was it bad).

    ``doubt`` above 1 asks that the alternative to a review be that many times cheaper: what was the best on
    the past is on average less good on the future.
    """
    if not pairs:
        return REVIEW_ALL
    clean = fit([score for score, _ in pairs], [float(not bad) for _, bad in pairs])
    auto_from, review_from = NEVER, 0.0
    limit = costs.review / doubt
    for score in sorted({score for score, _ in pairs}, reverse=True):
        if (1 - clean(score)) * costs.bad_promotion > limit:
            break
        auto_from = score
    for score in sorted({score for score, _ in pairs}):
        if clean(score) * costs.false_block > limit or score >= auto_from:
            review_from = score
            break
    else:
        review_from = NEVER
    return Bands(review_from=review_from, auto_from=max(auto_from, review_from))


def gains(pairs: Sequence[tuple[float, bool]], today: Bands, other: Bands, costs: Costs) -> list[float]:
    """For each outcome how much cheaper ``other`` would have been."""
    return [
        cost(today.action(score), bad, costs) - cost(other.action(score), bad, costs) for score, bad in pairs
    ]


def range_of(changes: Iterable[tuple[str, str]], costs: Costs) -> tuple[float, float]:
    """The least and the largest gain that these changes of action could have, whatever the outcomes were.

    It may be read off the actions, but never off the outcomes: those decide where in it each gain lies.
    """
    possible = [
        cost(now, bad, costs) - cost(then, bad, costs) for now, then in set(changes) for bad in (True, False)
    ]
    return min([-1e-9, *possible]), max([1e-9, *possible])


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the outcomes speak for. ``bands`` is today's unless ``moved``; ``tightened`` needs no proof."""

    bands: Bands
    moved: bool
    tightened: bool
    candidate: Bands
    held_out: tuple[float, ...]


RECENT = (200, 500)


def choose(
    pairs: Sequence[tuple[float, bool]],
    today: Bands,
    costs: Costs,
    *,
    confidence: float = 0.95,
    held_out_share: float = 0.4,
    doubt: float = 1.2,
) -> Choice:
    """Bands from outcomes (score, was it bad), oldest first: learnt on the older ones, judged on the newer.

    A candidate is taken if it beats today's bands on the newer part with ``confidence`` and loses in none of
    its latest stretches. Today's bands are given up for reviewing everything as soon as one of those
    stretches would have been cheaper with that: returning to a person needs no proof.
    """
    cut = len(pairs) - int(len(pairs) * held_out_share)
    candidate, newer = learn(pairs[:cut], costs, doubt=doubt), pairs[cut:]
    stretches = [*RECENT, len(newer)]
    back = gains(newer, today, REVIEW_ALL, costs)
    tightened = today != REVIEW_ALL and any(sum(back[-n:]) > 0 for n in stretches if newer)
    start = REVIEW_ALL if tightened else today
    values = gains(newer, start, candidate, costs)
    changes = ((start.action(score), candidate.action(score)) for score, _ in newer)
    low, high = range_of(changes, costs)
    moved = (
        candidate != start
        and all(sum(values[-n:]) >= 0 for n in stretches)
        and is_above(values, 0.0, low=low, high=high, confidence=confidence)
    )
    return Choice(
        bands=candidate if moved else start,
        moved=moved,
        tightened=tightened,
        candidate=candidate,
        held_out=tuple(values),
    )
