"""``rollout:``: the slices, the objectives, and how sure the judge must be."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from signalbox.config.base import NotNegative, Positive, Section, Share

Weight = Annotated[float, msgspec.Meta(gt=0, le=100)]


class Rollout(Section, frozen=True, kw_only=True):
    """Traffic shares are percent; times are seconds; rates are shares of requests."""

    slices: tuple[Weight, ...] = (10, 25, 50, 100)
    slice_seconds: Positive = 120.0
    look_seconds: Positive = 5.0
    deadline_seconds: Positive = 1800.0
    deadline_action: Literal["hold", "retreat"] = "hold"
    error_objective: Share = 0.005
    latency_objective_ms: Positive = 500.0
    latency_quantile: Share = 0.99
    alpha: Share = 0.005
    """Chance of rolling back a canary that is no worse than the baseline, over the whole rollout."""
    null_ratio: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    worse_ratio: Annotated[float, msgspec.Meta(gt=1)] = 2.0
    """Proceeding early needs proof that the canary is not this many times worse."""
    proceed_alpha: Share = 0.05
    min_excess: Share = 0.001
    """Absolute excess over the baseline below which a finding holds instead of rolling back."""
    cluster_size: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    control_share: NotNegative = 0.0
    floor_percent: Weight = 1.0
    stale_seconds: Positive = 60.0
