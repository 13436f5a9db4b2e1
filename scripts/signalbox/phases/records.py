"""One record per phase. Required fields have no default; unknown ones are tolerated by readers.

Words are those of no provider: work item, board, change, check, evidence.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,199}$")]
Requirement = Annotated[str, msgspec.Meta(pattern=r"^R[0-9]{1,6}$")]
Acceptance = Annotated[str, msgspec.Meta(pattern=r"^AC[0-9]{1,6}$")]
Sha = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")]
Texts = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
Claim = Literal["PASS", "FAIL", "NOT_VERIFIED"]
Tier = Literal["design-target", "adapter", "installed-command", "live-acceptance"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every record holds: the work item it is about, who wrote it, and when (RFC 3339)."""

    work_item: Id
    at: Text
    by: Text
    schema_version: int = 1


class IdeaToBacklog(Record, frozen=True, kw_only=True):
    """A shaped idea, ready to be pulled or not."""

    source_ideas: Texts
    current_phase: Literal["shaping", "triaged", "prioritised"]
    triage: Literal["accept", "park", "reject"]
    brief: Text
    story: Text
    outcome: Text
    requirements: Annotated[tuple[Requirement, ...], msgspec.Meta(min_length=1)]
    acceptance: Annotated[tuple[Acceptance, ...], msgspec.Meta(min_length=1)]
    priority_reason: Text
    milestone: Text
    backlog_gate: Claim
    links: tuple[Text, ...]


class PullWork(Record, frozen=True, kw_only=True):
    """What was picked up and why it, with what is allowed and when it is done."""

    readiness: Literal["ready", "needs-probe", "blocked", "vague"]
    wip_notes: Text
    blockers: tuple[Text, ...]
    probe_notes: str
    worktree: Text
    allowed_scope: Texts
    done_criteria: Texts
    hand_over: Text


class DesignProbe(Record, frozen=True, kw_only=True):
    """What the plan assumed against what is there."""

    planned_base_ref: Text
    planned_base_sha: Sha
    target_sha: Sha
    drift: Literal["none", "scope_drift", "dependency_drift", "contract_drift", "conflict_drift"]
    routing: Literal["plan-work", "alignment", "idea-to-backlog"]


class PlanWork(Record, frozen=True, kw_only=True):
    """From requirements to acceptance to tasks."""

    definition_of_done: Texts
    requirement_trace: dict[Requirement, tuple[Acceptance, ...]]
    task_trace: dict[Acceptance, Texts]
    expected_evidence: dict[Acceptance, Text]
    stop_short_risks: tuple[Text, ...]
    durable_docs: Text


class Execute(Record, frozen=True, kw_only=True):
    """What was changed."""

    changes: Texts
    notes: Text


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One point of criticism."""

    id: Id
    severity: Literal["low", "medium", "high", "critical"]
    text: Text
    references: Texts
    resolution: Literal["open", "accepted", "fixed", "deferred", "false_positive"]


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One reviewer's verdict on one aspect."""

    reviewer: Id
    aspect: Literal["quality", "security"]
    verdict: Literal["approve", "request_changes"]


class Critique(Record, frozen=True, kw_only=True):
    """Criticism only: what verifies or repairs is another phase's record."""

    reviews: Annotated[tuple[Review, ...], msgspec.Meta(min_length=1)]
    findings: tuple[Finding, ...]
    security_called_for: bool


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One acceptance criterion, what it comes from and what proves it."""

    id: Acceptance
    requirements: Annotated[tuple[Requirement, ...], msgspec.Meta(min_length=1)]
    result: Claim
    claims_tier: Tier
    evidence: tuple[Text, ...]
    skip_reason: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence by its digest, with who made it and how real it is."""

    ref: Text
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    producer: Text
    kind: Text
    tier: Tier
    gap: Literal["", "documented-runtime-gap"] = ""


class Verification(Record, frozen=True, kw_only=True):
    """``evidence.json``: what was verified. A FAIL is kept."""

    commit: Sha
    criteria: Annotated[tuple[Criterion, ...], msgspec.Meta(min_length=1)]
    manifest: tuple[Item, ...]
    result: Claim


class GoalFit(Record, frozen=True, kw_only=True):
    """The outcome a user was promised, held against what is there."""

    outcome: Text
    met: bool
    observed: Text


class EvidenceGate(Record, frozen=True, kw_only=True):
    """The gate's report; the decision itself is a bundle."""

    criteria_map: dict[Acceptance, Claim]
    manifest: tuple[Item, ...]
    ci_summary: Text
    scope_and_integrity: Text
    verdict: Claim
    next_step: Text


class PublishChangeResult(Record, frozen=True, kw_only=True):
    """What was published, and where."""

    provider: Text
    commit: Sha
    pushed_ref: Text
    work_item_ref: Text
    board_ref: str
    change_ref: Text
    closing_reference_recognised: bool
    checks: tuple[Text, ...]
    evidence_refs: Texts
    next_action: Text


class AcceptanceDocs(msgspec.Struct, frozen=True, kw_only=True):
    """Documents that must outlive the change: written, followed up, or the reason why none are needed."""

    state: Literal["promoted", "follow-up", "not-needed"]
    reference: Text


class ReleaseReadiness(Record, frozen=True, kw_only=True):
    """What merge, release and deploy are judged from."""

    scope: Text
    evidence_ref: Text
    risk_review: Text
    operational_plan: Text
    rollback_plan: Text
    observability_plan: Text
    acceptance_docs: AcceptanceDocs
    post_deploy_checks: Texts
    decision: Literal["merge", "release", "deploy", "hold", "rollback_required"]


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something must change so that this does not come back."""

    needed: bool
    type: str = ""
    recurrence_key: str = ""
    gap: str = ""
    prevention: str = ""
    no_change_reason: str = ""
    resolved: bool = False


class LearningReview(Record, frozen=True, kw_only=True):
    """``learning.json``: the intended outcome against the observed one.

    ``golden_case`` and ``anonymisation`` are what add_golden_case.py makes an eval from; it checks them.
    """

    outcome: Text
    evidence: Texts
    facts: Texts
    decisions: tuple[Text, ...]
    docs_state: Text
    gaps: tuple[Text, ...]
    follow_ups: tuple[Text, ...]
    knowledge_updates: tuple[Text, ...]
    correction: Correction
    verdict: Literal["clean", "corrected", "open"]
    open_routes: tuple[Text, ...] = ()
    golden_case: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    anonymisation: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class State(msgspec.Struct, frozen=True, kw_only=True):
    """``state.json``: where a work item stands. Only the guarded writer writes it."""

    work_item: Id
    phase: Text
    history: tuple[dict[str, Any], ...]
    route_backs: dict[str, int]
    open_gates: tuple[Text, ...]
    prototype: bool = False
    mismatches: tuple[Text, ...] = ()
    schema_version: int = 1


class HandOff(msgspec.Struct, frozen=True, kw_only=True):
    """``handoff.json``: what the next phase is given."""

    work_item: Id
    from_: Text = msgspec.field(name="from")
    to: Text
    reason: Text
    records: tuple[Text, ...]
    at: Text
    schema_version: int = 1


PHASES = (
    "idea-to-backlog",
    "pull-work",
    "design-probe",
    "plan-work",
    "execute",
    "review-work",
    "verify-work",
    "goal-fit",
    "evidence-gate",
    "publish-change",
    "release-readiness",
    "learning-review",
)
"""In the order in which a change goes through them; ``done`` follows the last."""

KINDS: dict[str, type[Record]] = {
    "idea-to-backlog": IdeaToBacklog,
    "pull-work": PullWork,
    "design-probe": DesignProbe,
    "plan-work": PlanWork,
    "execute": Execute,
    "review-work": Critique,
    "verify-work": Verification,
    "goal-fit": GoalFit,
    "evidence-gate": EvidenceGate,
    "publish-change": PublishChangeResult,
    "release-readiness": ReleaseReadiness,
    "learning-review": LearningReview,
}

FILES: dict[str, str] = {
    "review-work": "critique.json",
    "verify-work": "evidence.json",
    "learning-review": "learning.json",
}
"""Names of records that are not ``<phase>.json``."""


def file_of(phase: str) -> str:
    """The name of a phase's record."""
    return FILES.get(phase, f"{phase}.json")
