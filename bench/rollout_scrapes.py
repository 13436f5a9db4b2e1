"""A Prometheus that scrapes the arms at different seconds of its interval: pairing rules side by side.

``as shipped`` holds the canary's values until the baseline's are no older (signalbox.rollout.observe);
``newest values`` compares whatever was scraped last, which is what a query at each look gives.
"""

from __future__ import annotations

import numpy as np
from rollout_rules import Array, log_mean_exp

from signalbox.stats.eprocess import WORSE

INTERVAL, LOOK, SECONDS = 15, 5, 600
Scrape = tuple[int, Array, int]


class Pairing:
    """One rule to choose which scrapes are compared, and the e-process over them."""

    def __init__(self, runs: int, *, held: bool) -> None:
        none = np.zeros(runs)
        self._held = held
        self._canaries: list[Scrape] = [(0, none, 0)]
        self._baseline: Scrape = (0, none, 0)
        self._used = (self._canaries[0], self._baseline)
        self._logs = np.zeros((runs, len(WORSE.ratios)))
        self.alarm = np.full(runs, np.inf)

    def scraped(self, canary: Scrape | None, baseline: Scrape | None) -> None:
        """What this second's scrapes showed (cumulative)."""
        if canary:
            self._canaries.append(canary)
        if baseline:
            self._baseline = baseline

    def look(self, second: int) -> None:
        """Compare what may be compared, if both arms moved."""
        limit = self._baseline[0] if self._held else second
        canary = [one for one in self._canaries if one[0] <= limit][-1]
        before, before_baseline = self._used
        requests, control = canary[2] - before[2], self._baseline[2] - before_baseline[2]
        if not (requests and control):
            return
        self._used = (canary, self._baseline)
        share = requests / (requests + control)
        theta = np.array([share * r / (share * r + 1 - share) for r in WORSE.ratios])
        self._logs += (canary[1] - before[1])[:, None] * np.log(theta / share)
        up = np.log1p(-theta) - np.log1p(-share)
        self._logs += (self._baseline[1] - before_baseline[1])[:, None] * up
        over = log_mean_exp(self._logs, np.array(WORSE.weights)) >= -np.log(0.005)
        self.alarm[over & np.isinf(self.alarm)] = second


def simulate(
    runs: int, seed: int, *, offset: int, canary: float, baseline: float, lasting: int
) -> tuple[Pairing, Pairing, Array]:
    """From a random second on, for ``lasting`` seconds, the arms fail at these rates; 0.5% otherwise.

    Returns the two pairings (shipped, newest) and the second in which it began, per run.
    """
    rng = np.random.default_rng(seed)
    begins = rng.integers(100, 400, runs)
    pairings = Pairing(runs, held=True), Pairing(runs, held=False)
    bad, control_bad = np.zeros(runs), np.zeros(runs)
    for second in range(1, SECONDS + 1):
        on = (second >= begins) & (second < begins + lasting)
        bad = bad + rng.binomial(10, np.where(on, canary, 0.005))
        control_bad = control_bad + rng.binomial(90, np.where(on, baseline, 0.005))
        of_canary = (second, bad, 10 * second) if second % INTERVAL == 0 else None
        of_baseline = (second, control_bad, 90 * second) if second % INTERVAL == offset else None
        for pairing in pairings:
            pairing.scraped(of_canary, of_baseline)
            if second % LOOK == 0:
                pairing.look(second)
    return (*pairings, begins.astype(float))
