"""A rollback proposal: who decides, by when, what to do, and who gets the work. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from signalbox.decision import format_time, parse_time

Severity = Literal["critical", "high", "medium", "low"]
Cause = Literal["unknown", "defect", "vulnerability", "test-gap"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the severity matrix for production. ``minutes`` is None where the calendar decides."""

    decides: str
    minutes: int | None
    action: str


MATRIX: dict[Severity, Row] = {
    "critical": Row(
        decides="a person on call", minutes=15, action="immediate rollback and incident response"
    ),
    "high": Row(decides="the platform engineer", minutes=60, action="rollback or hotfix"),
    "medium": Row(decides="the platform engineer", minutes=240, action="hotfix in the next window"),
    "low": Row(decides="nobody: it is logged", minutes=None, action="fix in the normal flow, next sprint"),
}
ROUTES: dict[Cause, tuple[str, ...]] = {
    "unknown": ("developer-agent",),
    "defect": ("developer-agent",),
    "vulnerability": ("developer-agent", "security-agent"),
    "test-gap": ("developer-agent", "qa-agent"),
}


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The record. Times are RFC 3339; ``decide_by`` is empty where no deadline in minutes applies."""

    id: str
    deployment: str
    digest: str
    environment: str
    severity: Severity
    cause: Cause
    reason: str
    proposed_at: str
    proposed_by: str
    decides: str
    decide_by: str
    action: str
    routed_to: tuple[str, ...]
    runbook: tuple[str, ...]
    needs_person: bool
    decision: str = ""
    decision_sha256: str = ""
    status: Literal["proposed", "logged", "routed"] = "proposed"
    schema_version: int = 1


def propose(
    *,
    id: str,
    now: str,
    producer: str,
    deployment: str,
    digest: str,
    environment: str,
    severity: Severity,
    cause: Cause,
    reason: str,
    decision: str = "",
    decision_sha256: str = "",
) -> Incident:
    """The proposal by the environment's rule.

    In development and staging nobody need decide: the change goes back and is routed. Everywhere else,
    also where the environment's name is not known, the production matrix applies.
    """
    automatic = environment in ("development", "staging")
    row = MATRIX[severity]
    if automatic:
        row = Row(decides="nobody: it is automatic there", minutes=None, action="back to development, gate 3")
    deadline = ""
    if row.minutes is not None:
        deadline = format_time(parse_time(now) + timedelta(minutes=row.minutes))
    waits = not automatic and severity != "low"
    return Incident(
        id=id,
        deployment=deployment,
        digest=digest,
        environment=environment,
        severity=severity,
        cause=cause,
        reason=reason,
        proposed_at=now,
        proposed_by=producer,
        decides=row.decides,
        decide_by=deadline,
        action=row.action,
        routed_to=ROUTES[cause],
        runbook=_runbook(deployment, digest, environment) if waits else (),
        needs_person=waits,
        decision=decision,
        decision_sha256=decision_sha256,
        status="proposed" if waits else "routed" if automatic else "logged",
    )


def _runbook(deployment: str, digest: str, environment: str) -> tuple[str, ...]:
    return (
        f"Look at the rollout's summary and audit trail: is it {deployment} at {digest} that is worse?",
        "To approve, write a standing approval: JSON with deployment, digest, environment, approved_by, "
        "role, approved_at, expires_at.",
        f"Run monitor_rollout.py again with the same --state, --environment {environment or 'NAME'} and "
        "--standing-approval FILE: it takes the canary to 0% and reads it back.",
        "To refuse, say why in the incident; the digest stays known as bad, and a new one must be released.",
        "Confirm that the canary gets no requests and that the error rate is back at its level before.",
    )
