"""What a rollout's decision takes: every look, and the circumstances in which it was made."""

from __future__ import annotations

from typing import Literal

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.decision import Advice, Evidence, Reason, Subject
from signalbox.signals import State
from signalbox.stats.eprocess import Pair

Ending = Literal["", "done", "rolled-back", "retreated", "frozen", "proposed", "interrupted", "observed"]
"""How the monitor's run ended: at 100%; at 0% because of a finding; at 0% by the deadline's policy; where
it was; at the floor share until a person approves; by a signal; without having been allowed to move."""


class Look(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One look at both arms. Times are seconds: ``elapsed`` since the rollout began, ``since`` in this slice.

    ``signals`` holds, per signal, what was counted since the look before: one pair, or two where the
    objective lies between two edges of a histogram (at the upper and at the lower edge). ``state`` is
    not ok when any required signal is missing; ``detail`` says why.
    """

    at: str
    elapsed: float
    slice: int
    since: float
    percent: float | None = None
    state: State = "ok"
    arm: str = ""
    detail: str = ""
    signals: dict[str, tuple[Pair, ...]] = {}
    routed: tuple[int, int] | None = None
    skew: float = 0.0
    shadow: Pair | None = None
    """Errors of two halves of the baseline's instances: a comparison in which nothing is to be found."""


class StandingApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A person's consent, given beforehand, to the automatic rollback of exactly one rollout."""

    deployment: str
    digest: str
    environment: str
    approved_by: str
    role: str
    approved_at: str
    expires_at: str
    schema_version: int = 1


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the decision took, so that it can be made again.

    ``slices`` to ``latency_objective_ms`` are the values in force (the policy's, or the command line's).
    ``known_bad`` says that this digest was found worse before and traffic is kept from it.
    """

    subject: Subject
    deployment: str
    slices: tuple[float, ...]
    slice_seconds: float
    look_seconds: float
    error_objective: float
    latency_objective_ms: float
    looks: tuple[Look, ...] = ()
    moves: bool = False
    ending: Ending = ""
    known_bad: str = ""
    problem: str = ""
    cluster_size: float = 0.0
    """How many requests fail together, as measured on the baseline before the rollout; 0 = the policy's."""
    approval: StandingApproval | None = None
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[Advice, ...] = ()
    notes: tuple[Reason, ...] = ()
    narration: str = ""
    models: dict[str, str] = {}
    """What a model was asked and said: its advice, why there is none, a few sentences, and its name."""

    def rules(self, policy: Rollout) -> Rollout:
        """The policy with the values that were in force."""
        return msgspec.structs.replace(
            policy,
            slices=self.slices,
            slice_seconds=self.slice_seconds,
            look_seconds=self.look_seconds,
            error_objective=self.error_objective,
            latency_objective_ms=self.latency_objective_ms,
            cluster_size=max(policy.cluster_size, self.cluster_size),
        )
