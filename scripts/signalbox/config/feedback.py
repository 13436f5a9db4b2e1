"""``feedback:``: what counts as drift, what mistakes cost, and how much evidence a proposal needs."""

from __future__ import annotations

from typing import Annotated

import msgspec

from signalbox.config.base import AtLeastOne, NotNegative, Positive, Section

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
Chance = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Rewards(Section, frozen=True, kw_only=True):
    """Weights of the reward's five parts; only their ratios matter."""

    build_speed: NotNegative = 1.0
    """Faster builds."""
    test_confidence: NotNegative = 1.0
    """Fewer missed failures."""
    deployment_success: NotNegative = 1.0
    """More deployments that stay."""
    incidents: NotNegative = 1.0
    """Fewer incidents."""
    cost: NotNegative = 1.0
    """Fewer paid minutes."""


class Feedback(Section, frozen=True, kw_only=True):
    """Proposals are pull requests: nothing here changes a policy by itself."""

    escape_limit: Chance = 0.02
    """Share of audited test plans that may miss a failing test before it counts as drift."""
    bad_deployment_limit: Chance = 0.15
    """Share of deployments let through that may turn out bad before it counts as drift."""
    drift_horizon: AtLeastOne = 2000
    """Observations within which a false alarm has at most the chance drift-false-alarm."""
    drift_false_alarm: Chance = 0.01
    """See ``drift-horizon``."""
    proposal_confidence: Chance = 0.95
    """One-sided confidence with which a proposal must beat today's policy on held-out decisions."""
    label_delay_days: NotNegative = 7.0
    """Decisions younger than this are left out: what came of them is not known yet."""
    held_out_share: Chance = 0.4
    """The newest share of the decisions, on which a proposal is judged and nothing is chosen."""
    least_decisions: AtLeastOne = 40
    """Decisions with a known outcome below which nothing is proposed."""
    audit_cost: Positive = 1.0
    """What running the whole suite once more costs; the unit of escape-cost."""
    escape_cost: NotNegative = 50.0
    """What a regression costs that an audit would have found."""
    incident_label: Label = "incident"
    """Issues with it are incidents; they count for the deliveries that they name."""
    hotfix_label: Label = "hotfix"
    """Merged pull requests with it are hotfixes."""
    hotfix_hours: Positive = 48.0
    """A hotfix that names nothing counts for the one deployment that ended within so many hours before it."""
    rewards: Rewards = Rewards()
    """What the reward of the report is made of."""
