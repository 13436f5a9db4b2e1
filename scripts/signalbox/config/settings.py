"""The whole policy file as one typed value. Its defaults are the shipped policy."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from signalbox.config.advisor import AdvisorSettings
from signalbox.config.base import Section
from signalbox.config.concurrency import Concurrency, Module
from signalbox.config.environments import Environments
from signalbox.config.evals import Evals
from signalbox.config.feedback import Feedback
from signalbox.config.ledger import LedgerSettings
from signalbox.config.rollout import Rollout
from signalbox.config.scoring import Scoring
from signalbox.config.selection import Selection
from signalbox.config.suites import Suite, shipped_suites

SuiteName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]


class Settings(Section, frozen=True, kw_only=True):
    """``.github/signalbox.yml``. An empty file is a working policy that only observes."""

    mode: Literal["observe", "advise", "enforce"] = "observe"
    """``observe`` shows, ``advise`` also warns, only ``enforce`` stops or moves anything."""
    suites: dict[SuiteName, Suite] = msgspec.field(default_factory=shipped_suites)
    """Name → suite: what can be run. Giving any replaces the shipped ones."""
    modules: dict[SuiteName, Module] = msgspec.field(default_factory=dict)
    """Name → module: parts that are built by themselves."""
    selection: Selection = Selection()
    """How tests are chosen."""
    concurrency: Concurrency = Concurrency()
    """What runners cost."""
    scoring: Scoring = Scoring()
    """What an artifact must show."""
    rollout: Rollout = Rollout()
    """How a canary is judged."""
    evals: Evals = Evals()
    """How a model or agent is judged."""
    environments: Environments = msgspec.field(default_factory=Environments)
    """Who may do what where, and what a gate asks for."""
    ledger: LedgerSettings = LedgerSettings()
    """Where records are kept."""
    feedback: Feedback = Feedback()
    """What is learned from them."""
    advisor: AdvisorSettings = AdvisorSettings()
    """The language model that may make a decision stricter."""
