"""``evals:``: margins, budgets and floors of the golden evals, and how good the judge must be."""

from __future__ import annotations

from typing import Annotated

import msgspec

from signalbox.config.base import AtLeastOne, Count, Positive, Section

Chance = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Critical(Section, frozen=True, kw_only=True):
    """The absolute floor of cases marked critical: shown by their own draws, whatever the baseline did."""

    k: AtLeastOne = 3
    """pass^k: the chance that all of so many uses in a row pass."""
    floor: Chance = 0.5
    """What pass^k must be shown to reach."""
    draws: AtLeastOne = 22
    """Draws the floor is judged on, fixed beforehand so that the exact interval is exact. With the
    defaults one failure in 22 still passes."""
    confidence: Chance = 0.95
    """One-sided confidence of that."""


class JudgeSettings(Section, frozen=True, kw_only=True):
    """How often the judge must be right on anchors; what is much less likely than this is an alarm."""

    sensitivity: Chance = 0.95
    """Share of known-good anchors that a sound judge passes."""
    specificity: Chance = 0.95
    """Share of known-bad anchors that a sound judge fails."""
    alpha: Chance = 0.01
    """Chance of an alarm in a session whose judge is as good as declared."""
    least_anchors: Count = 10
    """Known-good anchors, and as many known-bad, without which a model-judged session is not verified."""
    rejudge: Count = 20
    """Stored baseline outputs that are judged anew in each session."""


class Evals(Section, frozen=True, kw_only=True):
    """Rates are shares; draws are paired draws (one of the candidate, one stored of the baseline)."""

    margin: Chance = 0.05
    """How much worse than the baseline a role may be and still count as no worse."""
    margins: dict[Name, Chance] = msgspec.field(default_factory=dict)
    """Role → margin, instead of ``margin``."""
    alpha: Chance = 0.05
    """Chance of passing a candidate exactly at the margin, per role."""
    block_alpha: Chance = 0.05
    """Chance of failing any candidate that is within every margin (Holm over the roles)."""
    budget: AtLeastOne = 2400
    """Most paired draws of a role before it is left undecided."""
    roles: tuple[Name, ...] = ()
    """Roles that must have cases; when given, no other role may have any."""
    layers: tuple[Name, ...] = ()
    """Layers that must have run, unless a skip is named with its reason and policy allows it."""
    may_skip: tuple[Name, ...] = ()
    """Layers whose skip is allowed, with a reason."""
    max_age_hours: Positive = 24.0
    """Results older than this say nothing about what runs now."""
    concurrency: AtLeastOne = 4
    """Calls of the target at once."""
    request_seconds: Positive = 120.0
    """Most time for one call."""
    session_seconds: Positive = 7200.0
    """Most time for a whole session."""
    reuse: bool = True
    """Take the recorded verdict of the same digest, suite, baseline and policy instead of asking again."""
    critical: Critical = Critical()
    """The floor of critical cases."""
    judge: JudgeSettings = JudgeSettings()
    """How good the judge must be."""
