"""Simulated sessions: sixty golden cases, a baseline and a candidate, and our decision over all at once.

Sixty cases in twelve clusters; each case has a pass rate of its own, drawn once (mean about 0.9). A candidate
that is d points worse has every rate scaled so that the mean difference over these cases is exactly d. One
round is one draw of each case in both arms, so the baseline's noise is in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signalbox.stats.betting import Bets, Round, bets_above, bets_below, log_factors
from signalbox.stats.noninferiority import Trial, trial

Array = np.ndarray
CASES, CLUSTERS, ROUNDS, MARGIN, ALPHA = 60, 12, 40, 0.05, 0.05
BUDGET = CASES * ROUNDS


def rates(seed: int, centre: float = 2.9) -> Array:
    """The baseline's pass rates. Cases of one cluster are alike: half of the spread is between clusters."""
    rng = np.random.default_rng(seed)
    logits = centre + np.repeat(rng.normal(0, 0.7, CLUSTERS), CASES // CLUSTERS) + rng.normal(0, 0.7, CASES)
    return 1 / (1 + np.exp(-logits))


def worse(baseline: Array, points: float) -> Array:
    """Rates that are ``points`` percentage points lower in the mean."""
    mean = baseline.mean()
    return baseline * (mean - points / 100) / mean


def draw(rng: np.random.Generator, baseline: Array, candidate: Array, runs: int) -> tuple[Array, Array]:
    """Counts per run and round: where the candidate alone passed, where the baseline alone did."""
    better = np.zeros((runs, ROUNDS), np.int16)
    lost = np.zeros((runs, ROUNDS), np.int16)
    for b, c in zip(baseline, candidate, strict=True):
        was, now = rng.random((runs, ROUNDS)) < b, rng.random((runs, ROUNDS)) < c
        better += now & ~was
        lost += was & ~now
    return better, lost


@dataclass(frozen=True)
class Decided:
    """Per run: shown non-inferior, shown inferior, and the paired draws it took."""

    shipped: Array
    blocked: Array
    draws: Array

    def within(self, budget: int) -> tuple[float, float, float]:
        """Shares shipped, blocked and undecided when no more than ``budget`` draws can be bought."""
        reached = self.draws <= budget
        shipped, blocked = (self.shipped & reached).mean(), (self.blocked & reached).mean()
        return float(shipped), float(blocked), float(1 - shipped - blocked)


def decide(better: Array, lost: Array) -> Decided:
    """What ``signalbox.stats.noninferiority.trial`` decides when asked after every round, for all runs."""
    same = CASES - better - lost
    above = _wealth(lost, same, better, bets_above(MARGIN))
    below = _wealth(lost, same, better, bets_below(MARGIN))
    drawn = CASES * np.arange(1, ROUNDS + 1)
    mean = (better - lost).cumsum(1) / drawn
    variance = np.maximum((better + lost).cumsum(1) / drawn - mean**2, 0.02)
    left = BUDGET - drawn
    futile = _hopeless(above, mean + MARGIN, variance, drawn, left)
    futile &= _hopeless(below, -(mean + MARGIN), variance, drawn, left)
    limit = np.log(1 / ALPHA)
    first = [_first(above >= limit), _first(below >= limit), _first(futile)]
    end = np.minimum(np.minimum(first[0], first[1]), np.minimum(first[2], ROUNDS - 1))
    return Decided(first[0] <= end, (first[1] <= end) & (first[0] > end), (end + 1) * CASES)


def agrees(better: Array, lost: Array, decided: Decided, runs: int) -> bool:
    """Whether the library, round by round, decides the same in the first ``runs`` runs."""
    for run in range(runs):
        rounds = [
            Round(int(w), CASES - int(w) - int(u), int(u))
            for u, w in zip(better[run], lost[run], strict=True)
        ]
        one = bought_one_by_one(rounds)
        shipped, blocked = one.outcome == "non-inferior", one.outcome == "inferior"
        if (shipped, blocked, one.draws) != (
            bool(decided.shipped[run]),
            bool(decided.blocked[run]),
            int(decided.draws[run]),
        ):
            return False
    return True


def bought_one_by_one(rounds: list[Round]) -> Trial:
    """The library's decision when each round is bought only if the last left it open."""
    one = trial([], margin=MARGIN, alpha=ALPHA, budget=BUDGET)
    for upto in range(1, len(rounds) + 1):
        one = trial(rounds[:upto], margin=MARGIN, alpha=ALPHA, budget=BUDGET)
        if one.outcome != "undecided" or one.futile:
            break
    return one


def _wealth(lost: Array, same: Array, better: Array, bets: Bets) -> Array:
    logs = np.stack(
        [
            (lost * worse_ + same * same_ + better * better_).cumsum(1)
            for worse_, same_, better_ in log_factors(bets, MARGIN)
        ]
    )
    top = logs.max(0)
    weights = np.array(bets.weights)[:, None, None]
    result: Array = top + np.log((weights * np.exp(logs - top)).sum(0))
    return result


def _hopeless(log_e: Array, distance: Array, variance: Array, drawn: Array, left: Array) -> Array:
    hoped = distance + 2.0 * np.sqrt(variance / drawn)
    growth = hoped**2 / (2 * (variance + hoped**2))
    result: Array = (hoped <= 0) | (np.log(1 / ALPHA) - log_e > growth * left)
    return result


def _first(hit: Array) -> Array:
    return np.where(hit.any(1), hit.argmax(1), ROUNDS)
