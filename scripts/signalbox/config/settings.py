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
    suites: dict[SuiteName, Suite] = msgspec.field(default_factory=shipped_suites)
    modules: dict[SuiteName, Module] = msgspec.field(default_factory=dict)
    selection: Selection = Selection()
    concurrency: Concurrency = Concurrency()
    scoring: Scoring = Scoring()
    rollout: Rollout = Rollout()
    evals: Evals = Evals()
    environments: Environments = msgspec.field(default_factory=Environments)
    ledger: LedgerSettings = LedgerSettings()
    feedback: Feedback = Feedback()
    advisor: AdvisorSettings = AdvisorSettings()
