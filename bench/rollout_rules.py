"""The rules of bench/rollout.py on many simulated rollouts at once: ours, and four others re-created.

Every rule sees the same requests: arrays of shape (runs,), one draw per look. ``alarm`` holds, per run, the
second of the first alarm, or infinity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signalbox.rollout.judge import CERTIFY_WEIGHTS, signal_weights, start_weights
from signalbox.stats.eprocess import FAR_BELOW, NOT_WORSE, WORSE

Array = NDArray[np.float64]


def log_mean_exp(logs: Array, weights: Array) -> Array:
    """ln of the weighted mean of e-values over the last axis."""
    top = logs.max(axis=-1, keepdims=True)
    return (top + np.log((np.exp(logs - top) * weights).sum(axis=-1, keepdims=True)))[..., 0]


class ETest:
    """Our judge's rollback test: ``signals`` × ``starts`` processes, averaged.

    The share of exposure is the same at every look here, as in all of these simulations.
    """

    name = "e-test"

    def __init__(
        self,
        runs: int,
        seconds: float,
        *,
        share: float,
        signals: int = 1,
        starts: int = 1,
        alpha: float = 0.005,
        cluster: float | Array = 1.0,
    ) -> None:
        theta = np.array([share * r / (share * r + 1 - share) for r in WORSE.ratios])
        self._up = np.log(theta / share)
        self._down = np.log1p(-theta) - np.log1p(-share)
        # One size for all runs, or what each run measured before it began.
        self._cluster = np.broadcast_to(np.asarray(cluster, float), (runs,))[:, None]
        self._mixture = np.array(WORSE.weights)
        self._logs = np.zeros((signals, starts, runs, len(WORSE.ratios)))
        self._starts = np.array(start_weights(starts))
        self._signals = np.array(signal_weights(signals))
        self._begins = [seconds * k / starts for k in range(starts)]
        self._limit = -np.log(alpha)
        self.alarm = np.full(runs, np.inf)

    def look(self, second: float, looks: list[tuple[Array, Array, Array, Array]]) -> None:
        """``looks`` has one (canary requests, bad, control requests, bad) per signal."""
        means = []
        for logs, (_, bad, _, control_bad) in zip(self._logs, looks, strict=True):
            gain = (bad[:, None] * self._up + control_bad[:, None] * self._down) / self._cluster
            each = []
            for start, begin in enumerate(self._begins):
                # A slice's process counts from the slice's first look on.
                if second > begin:
                    logs[start] += gain
                each.append(log_mean_exp(logs[start], self._mixture))
            means.append(log_mean_exp(np.stack(each, axis=-1), self._starts))
        total = log_mean_exp(np.stack(means, axis=-1), self._signals)
        _first(self.alarm, total >= self._limit, second)


class Certify:
    """Our judge's certification of one signal: by the ratio or by the smallest excess that matters."""

    name = "certification"

    def __init__(
        self, runs: int, *, share: float, excess: float, limit: float = 2.0, alpha: float = 0.05
    ) -> None:
        base = share * limit / (share * limit + 1 - share)
        theta = np.array([share * r / (share * r + 1 - share) for r in NOT_WORSE.ratios])
        self._up, self._down = np.log(theta / base), np.log1p(-theta) - np.log1p(-base)
        rates = np.array([excess * r for r in FAR_BELOW.ratios])
        self._event, self._none = np.log(rates / excess), np.log1p(-rates) - np.log1p(-excess)
        self._ratio = np.zeros((runs, len(NOT_WORSE.ratios)))
        self._small = np.zeros((runs, len(FAR_BELOW.ratios)))
        self._limit = -np.log(alpha)
        self.alarm = np.full(runs, np.inf)

    def look(self, second: float, looks: list[tuple[Array, Array, Array, Array]]) -> None:
        """As for the e-test; only the first signal is used."""
        requests, bad, _, control_bad = looks[0]
        self._ratio += bad[:, None] * self._up + control_bad[:, None] * self._down
        self._small += bad[:, None] * self._event + (requests - bad)[:, None] * self._none
        both = [
            log_mean_exp(self._ratio, np.array(NOT_WORSE.weights)),
            log_mean_exp(self._small, np.array(FAR_BELOW.weights)),
        ]
        total = log_mean_exp(np.stack(both, axis=-1), np.array(CERTIFY_WEIGHTS))
        _first(self.alarm, total >= self._limit, second)


class Windowed:
    """A rule that judges the first signal's error rate over whole windows of ``window`` seconds."""

    name = ""

    def __init__(self, runs: int, window: float) -> None:
        self._window = window
        self._sums = np.zeros((4, runs))
        self.alarm = np.full(runs, np.inf)

    def look(self, second: float, looks: list[tuple[Array, Array, Array, Array]]) -> None:
        """Collect; judge at the end of each window."""
        self._sums += np.stack(looks[0])
        if second % self._window == 0:
            requests, bad, control, control_bad = self._sums
            self.judge(second, bad / np.maximum(requests, 1), control_bad / np.maximum(control, 1))
            self._sums[:] = 0

    def judge(self, second: float, canary: Array, control: Array) -> None:
        """One window's error rates."""
        raise NotImplementedError


class FixedThreshold(Windowed):
    """The seed's rule: the error rate of the last two minutes against the objective."""

    name = "fixed threshold"

    def __init__(self, runs: int, objective: float = 0.005) -> None:
        super().__init__(runs, 120)
        self._objective = objective

    def judge(self, second: float, canary: Array, control: Array) -> None:
        """Over the objective: roll back."""
        _first(self.alarm, canary > self._objective, second)


class ArgoStyle(Windowed):
    """A threshold measured every minute; failed when more than ``failure_limit`` measurements failed."""

    name = "Argo-style"

    def __init__(self, runs: int, threshold: float = 0.01, failure_limit: int = 3) -> None:
        super().__init__(runs, 60)
        self._threshold, self._limit = threshold, failure_limit
        self._failed = np.zeros(runs)

    def judge(self, second: float, canary: Array, control: Array) -> None:
        """Count failed measurements over the whole analysis."""
        self._failed += canary >= self._threshold
        _first(self.alarm, self._failed > self._limit, second)


class FlaggerStyle(Windowed):
    """A threshold checked every minute; after five failed checks the next one rolls back."""

    name = "Flagger-style"

    def __init__(self, runs: int, threshold: float = 0.01, failed_checks: int = 5) -> None:
        super().__init__(runs, 60)
        self._threshold, self._limit = threshold, failed_checks
        self._failed = np.zeros(runs)

    def judge(self, second: float, canary: Array, control: Array) -> None:
        """The count is looked at before the metric is."""
        _first(self.alarm, self._failed >= self._limit, second)
        self._failed += canary > self._threshold


class KayentaStyle(Windowed):
    """One-sided Mann–Whitney test of the minutes' error rates, judged once, at the end."""

    name = "Kayenta-style"

    def __init__(self, runs: int, seconds: float, alpha: float = 0.01) -> None:
        super().__init__(runs, 60)
        self._end, self._alpha = seconds, alpha
        self._canary: list[Array] = []
        self._control: list[Array] = []

    def judge(self, second: float, canary: Array, control: Array) -> None:
        """Normal approximation with ties."""
        from scipy.stats import norm, rankdata

        self._canary.append(canary)
        self._control.append(control)
        if second < self._end:
            return
        n = len(self._canary)
        pooled = np.concatenate([np.stack(self._canary, -1), np.stack(self._control, -1)], axis=-1)
        ranks = rankdata(pooled, axis=-1)
        u = ranks[:, :n].sum(axis=-1) - n * (n + 1) / 2
        spread = ranks.var(axis=-1, ddof=0) * 12 / ((2 * n) ** 2 - 1)
        sigma = np.sqrt(n * n * (2 * n + 1) / 12 * np.maximum(spread, 1e-12))
        _first(self.alarm, norm.sf((u - n * n / 2 - 0.5) / sigma) < self._alpha, second)


def _first(alarm: Array, now: NDArray[np.bool_], second: float) -> None:
    alarm[now & np.isinf(alarm)] = second
