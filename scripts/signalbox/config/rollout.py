"""``rollout:``: the slices, the objectives, and how sure the judge must be."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from signalbox.config.base import NotNegative, Positive, Section

Weight = Annotated[float, msgspec.Meta(gt=0, le=100)]
Chance = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]


class Ratio(Section, frozen=True, kw_only=True):
    """A signal of the caller's own: the share of ``total`` that is ``bad`` (or is not ``good``).

    Each is PromQL for one cumulative count that only grows, with ``$selector`` where the arm's label
    matchers go: ``sum(checkouts_total{$selector,result="failed"}) or vector(0)``. Needs --prometheus.
    """

    name: Name
    """What it is called in looks and reasons."""
    total: str
    """PromQL of how many there were."""
    bad: str = ""
    """PromQL of how many of them were bad; this or ``good``."""
    good: str = ""
    """PromQL of how many were good."""
    objective: Chance
    """The share that may be bad."""
    min_excess: Chance = 0.005
    """A difference smaller than this is not acted upon."""


class Rollout(Section, frozen=True, kw_only=True):
    """Traffic shares are percent; times are seconds; rates are shares of requests."""

    slices: tuple[Weight, ...] = (10.0, 25.0, 50.0, 100.0)
    """The canary's shares, growing, the last one 100."""
    slice_seconds: Positive = 120.0
    """How long a slice is meant to take; proof may take longer."""
    soak_seconds: NotNegative = 30.0
    """No slice ends earlier than this (or than slice-seconds, if that is less), however clear the proof."""
    look_seconds: Positive = 5.0
    """Time between two looks at the signals."""
    deadline_seconds: Positive = 1800.0
    """A slice that has neither proceeded nor been rolled back after this long ends by deadline-action."""
    deadline_action: Literal["hold", "retreat"] = "hold"
    """``hold`` keeps the share and asks a person; ``retreat`` takes the canary back."""
    signals: tuple[Literal["errors", "latency"], ...] = ("errors", "latency")
    """Every one of these must be measured and must certify before a slice may proceed. The first has half
    the weight in the evidence against the canary."""
    ratios: tuple[Ratio, ...] = ()
    """Further signals, such as the share of checkouts that fail. They too must be measured and certify."""
    error_objective: Chance = 0.005
    """Share of requests that may fail."""
    latency_objective_ms: Positive = 500.0
    """What counts as a slow request; histograms need an edge there."""
    latency_quantile: Chance = 0.99
    """The share of requests that must be faster."""
    alpha: Chance = 0.005
    """Chance of rolling back a canary that is no worse than the baseline, over the whole rollout."""
    null_ratio: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    """Rolling back needs proof that the canary is worse than this many times the baseline."""
    worse_ratio: Annotated[float, msgspec.Meta(gt=1)] = 2.0
    """Proceeding needs proof that the canary is not this many times worse."""
    proceed_alpha: Chance = 0.05
    """Chance of letting a slice go on whose canary is ``worse-ratio`` times as bad."""
    min_excess: Chance = 0.001
    """Absolute excess of errors below which a finding holds instead of rolling back, and below which a
    canary certifies whatever the ratio: a difference this small is not acted upon."""
    min_slow_excess: Chance = 0.005
    """The same for the share of requests slower than the objective."""
    cluster_size: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    """The largest number of requests that fail together (retries, sessions); evidence is tempered by it."""
    burst_seconds: NotNegative = 0.0
    """Watch the baseline for so long before traffic moves, to measure how failures cluster; evidence is
    tempered by that (approximate) or by cluster-size, whichever is larger. 0 measures nothing; 300 is enough
    for a baseline with a failure every few seconds."""
    control_share: Annotated[float, msgspec.Meta(ge=0, lt=50)] = 0.0
    """Percent that stay with the baseline while the last slice is judged; 0 = the SLO alone is tested."""
    floor_percent: Weight = 1.0
    """The canary's share while a production rollback waits for its approval."""
    automatic_rollback: tuple[Name, ...] = ("development", "staging")
    """Environments where rolling back needs nobody. Anywhere else, a standing approval or a person."""
    stale_seconds: Positive = 60.0
    """Samples older than this are no data."""
    canary_selector: str = 'app="{deployment}",track="canary"'
    """PromQL label matchers of the canary; ``{deployment}`` is replaced by its name."""
    baseline_selector: str = 'app="{deployment}",track="stable"'
    """PromQL label matchers of the two arms; ``{deployment}`` is replaced by the deployment's name."""

    @property
    def judged(self) -> tuple[str, ...]:
        """Names of all signals, in the order of their weights."""
        return (*self.signals, *(ratio.name for ratio in self.ratios))
