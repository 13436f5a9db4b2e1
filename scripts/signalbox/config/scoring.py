"""``scoring:``: which evidence an artifact must have, and the risk a promotion may carry."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from signalbox.config.base import Count, Globs, NotNegative, Positive, Section, Share

Budget = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class ScoreModel(Section, frozen=True, kw_only=True):
    """Coefficients in log-odds, and how sure they are. A weight is what its signal takes away: never < 0."""

    intercept: float = 3.6
    intercept_deviation: NotNegative = 0.4
    weights: dict[str, NotNegative] = msgspec.field(default_factory=dict)
    """Signal → weight; a signal that is not named keeps the shipped weight."""
    deviation: NotNegative = 0.3
    """Standard deviation of each weight, as a share of it."""


class Costs(Section, frozen=True, kw_only=True):
    """What things cost, in the caller's own unit; they explain a threshold and never loosen the budget."""

    review: NotNegative = 1.0
    bad_promotion: NotNegative = 50.0
    false_block: NotNegative = 5.0


Effect = Literal["ignore", "manual-review", "block"]


class LicenceRules(Section, frozen=True, kw_only=True):
    """Which licences components may be under: SPDX identifiers as globs. Both lists empty: not looked at."""

    allow: Globs = ()
    """``osi-approved`` stands for what SPDX's list (``licenses.json`` among the reports) marks as that."""
    deny: Globs = ()
    other: Effect = "manual-review"
    """What neither list names, or no tool could tell."""


class DependencyRules(Section, frozen=True, kw_only=True):
    """What a dependency's release must not show without somebody looking, where metadata was supplied."""

    install_script: Effect = "manual-review"
    new_maintainer: Effect = "manual-review"
    look_alike: Effect = "block"
    young: Effect = "manual-review"
    minimum_age_days: NotNegative = 3.0


class Scoring(Section, frozen=True, kw_only=True):
    """What is required, the risk budget, and the review band."""

    required: Globs = ("tests",)
    """Kinds of evidence without which nothing is promoted; an empty list is refused."""
    risk_budget: Budget = 0.02
    """Share of all artifacts that may be promoted automatically and turn out bad."""
    review_threshold: Share = 0.75
    """Below this score an artifact is blocked; from here on it is reviewed or promoted."""
    auto_promote_at: Share | Literal["calibrated"] | None = None
    """From this score on promote without asking, as far as the recorded outcomes carry it. A threshold is
    merged like any policy; "calibrated" accepts beforehand whatever the outcomes allow; none means review."""
    auto_origin: Literal["self-reported", "protected", "attested"] = "protected"
    """The least trusted origin of required evidence with which promotion may be automatic."""
    confidence: Annotated[float, msgspec.Meta(ge=0.5, lt=1)] = 0.9
    """One-sided confidence of the lower end that is the score."""
    refit_after: Count = 200
    """Outcomes from which "calibrated" also refits the coefficients."""
    max_age_hours: Positive = 24.0
    coverage_drop_points: NotNegative = 1.0
    minimum_coverage: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    performance_margin: NotNegative = 0.03
    performance_alpha: Budget = 0.05
    feed_max_age_days: Positive = 7.0
    """Age from which a vulnerability feed's silence is unknown."""
    epss_review: Share = 0.1
    """Exploit likelihood (EPSS) from which a person looks at a finding that stands."""
    epss_block: Share | None = None
    vex_origin: Literal["self-reported", "protected", "attested"] = "attested"
    """The least trusted origin of a VEX document that lifts a finding; ``attested`` is one that is signed."""
    vex_max_age_days: Positive = 90.0
    licences: LicenceRules = LicenceRules()
    dependencies: DependencyRules = DependencyRules()
    new_critical_allowed: Count = 0
    new_high_allowed: Count = 0
    health_query: str = (
        '(sum(rate(http_requests_total{status=~"5.."}[5m])) or vector(0))'
        " / sum(rate(http_requests_total[5m]))"
    )
    """PromQL of one number that tells production's health; above ``health_limit`` it is not healthy."""
    health_limit: Share = 0.02
    promoted_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "promoted-{commit}"
    waiver_signers: Annotated[str, msgspec.Meta(min_length=1)] = ".github/signalbox-security-signers"
    """OpenSSH allowed-signers file of those whose waivers count, read at the policy's own commit."""
    model: ScoreModel = ScoreModel()
    costs: Costs = Costs()
