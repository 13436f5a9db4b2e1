"""``scoring:``: which evidence an artifact must have, and the risk a promotion may carry."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from signalbox.config.base import Count, Globs, NotNegative, Positive, Section, Share

Budget = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class ScoreModel(Section, frozen=True, kw_only=True):
    """Coefficients in log-odds, and how sure they are. A weight is what its signal takes away: never < 0."""

    intercept: float = 3.6
    """Log-odds of a clean promotion with nothing against it."""
    intercept_deviation: NotNegative = 0.4
    """Standard deviation of the intercept."""
    weights: dict[str, NotNegative] = msgspec.field(default_factory=dict)
    """Signal → weight; a signal that is not named keeps the shipped weight."""
    deviation: NotNegative = 0.3
    """Standard deviation of each weight, as a share of it."""


class Costs(Section, frozen=True, kw_only=True):
    """What things cost, in the caller's own unit; they explain a threshold and never loosen the budget."""

    review: NotNegative = 1.0
    """A person's look at one artifact."""
    bad_promotion: NotNegative = 50.0
    """A promotion that turns out bad."""
    false_block: NotNegative = 5.0
    """A good artifact that is blocked."""


Effect = Literal["ignore", "manual-review", "block"]


class LicenceRules(Section, frozen=True, kw_only=True):
    """Which licences components may be under: SPDX identifiers as globs. Both lists empty: not looked at."""

    allow: Globs = ()
    """``osi-approved`` stands for what SPDX's list (``licenses.json`` among the reports) marks as that."""
    deny: Globs = ()
    """These block, whatever ``allow`` says."""
    other: Effect = "manual-review"
    """What neither list names, or no tool could tell."""


class DependencyRules(Section, frozen=True, kw_only=True):
    """What a dependency's release must not show without somebody looking, where metadata was supplied."""

    install_script: Effect = "manual-review"
    """The release runs code when it is installed, and the one before did not."""
    new_maintainer: Effect = "manual-review"
    """Somebody publishes it who did not before."""
    look_alike: Effect = "block"
    """A new name that is one slip away from a well-known one."""
    young: Effect = "manual-review"
    """Younger than ``minimum-age-days``."""
    minimum_age_days: NotNegative = 3.0
    """How old a release should be before it is used."""


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
    """Older reports are stale, which is no evidence."""
    coverage_drop_points: NotNegative = 1.0
    """When coverage falls by more, a person looks."""
    minimum_coverage: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    """Percent below which, or when unknown, a person looks; none: not asked."""
    performance_margin: NotNegative = 0.03
    """A slowdown of more than this share, beyond noise, blocks."""
    performance_alpha: Budget = 0.05
    """Chance of finding a slowdown where there is none, over all benchmarks (Holm)."""
    feed_max_age_days: Positive = 7.0
    """Age from which a vulnerability feed's silence is unknown."""
    epss_review: Share = 0.1
    """Exploit likelihood (EPSS) from which a person looks at a finding that stands."""
    epss_block: Share | None = None
    """Exploit likelihood from which a finding blocks; none: never by that alone."""
    vex_origin: Literal["self-reported", "protected", "attested"] = "attested"
    """The least trusted origin of a VEX document that lifts a finding; ``attested`` is one that is signed."""
    vex_max_age_days: Positive = 90.0
    """An older VEX document lifts nothing."""
    licences: LicenceRules = LicenceRules()
    """Which licences components may be under."""
    dependencies: DependencyRules = DependencyRules()
    """What a new dependency must not show."""
    new_critical_allowed: Count = 0
    """New critical findings beyond this number block."""
    new_high_allowed: Count = 0
    """New high findings beyond this number block."""
    health_query: str = (
        '(sum(rate(http_requests_total{status=~"5.."}[5m])) or vector(0))'
        " / sum(rate(http_requests_total[5m]))"
    )
    """PromQL of one number that tells production's health; above ``health_limit`` it is not healthy."""
    health_limit: Share = 0.02
    """Above it production is not healthy, and nothing is promoted without a person."""
    promoted_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "promoted-{commit}"
    """The tag that promotion gives; ``{commit}`` is replaced."""
    waiver_signers: Annotated[str, msgspec.Meta(min_length=1)] = ".github/signalbox-security-signers"
    """OpenSSH allowed-signers file of those whose waivers count, read at the policy's own commit."""
    model: ScoreModel = ScoreModel()
    """The score's coefficients."""
    costs: Costs = Costs()
    """What mistakes cost; they explain, and never loosen the budget."""
