"""``scoring:``: which evidence an artifact must have, and the risk a promotion may carry."""

from __future__ import annotations

from signalbox.config.base import Count, Globs, NotNegative, Positive, Section, Share


class Scoring(Section, frozen=True, kw_only=True):
    """What is required, the risk budget, and the review band."""

    required: Globs = ("tests",)
    """Kinds of evidence without which nothing is promoted by itself; an empty list is refused."""
    risk_budget: Share = 0.02
    """Share of all artifacts that may be promoted automatically and turn out bad."""
    review_threshold: Share = 0.75
    """Below this score an artifact is blocked; from here on it is reviewed or promoted."""
    max_age_hours: Positive = 24.0
    coverage_drop_points: NotNegative = 1.0
    performance_margin: NotNegative = 0.05
    new_critical_allowed: Count = 0
    new_high_allowed: Count = 0
