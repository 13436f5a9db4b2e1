"""Whether verified work may be merged, released, deployed: each by itself, or held, or taken back. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from signalbox.config import Settings
from signalbox.decision import Decision, PolicyRef, Reason, Stamp, Subject, strictest

KIND = "readiness"
Wanted = Literal["merge", "release", "deploy"]
STEPS: tuple[Wanted, ...] = ("merge", "release", "deploy")


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the work. Empty texts are plans that nobody wrote.

    ``evidence_gate`` is that gate's verdict, ``evidence_ref`` the decision it stands in. ``deployed_bad``
    says what is wrong with what is out there.
    """

    subject: Subject
    wanted: Wanted = "merge"
    evidence_gate: str = ""
    evidence_ref: str = ""
    scope: str = ""
    risk_review: str = ""
    release_notes: str = ""
    operational_plan: str = ""
    rollback_plan: str = ""
    observability_plan: str = ""
    acceptance_docs: str = ""
    post_deploy_checks: tuple[str, ...] = ()
    prototype: bool = False
    learning_review: bool = False
    deployed_bad: str = ""
    mismatches: tuple[str, ...] = ()


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """READY for the furthest step up to the wanted one that nothing holds; HOLD; or ROLLBACK_REQUIRED."""
    held = {step: _missing(inputs, step) for step in STEPS}
    upto = STEPS[: STEPS.index(inputs.wanted) + 1]
    reasons = [
        Reason(code=code, text=f"{step}: {text}", effect="HOLD") for step in upto for code, text in held[step]
    ]
    if inputs.deployed_bad:
        text = f"what is deployed is bad: {inputs.deployed_bad}"
        reasons.insert(0, Reason(code="deployed-bad", text=text, effect="ROLLBACK_REQUIRED"))
    verdict = strictest(KIND, [one.effect for one in reasons] or ["READY"])
    ready = [step for index, step in enumerate(STEPS) if not any(held[s] for s in STEPS[: index + 1])]
    said = {"READY": inputs.wanted, "HOLD": "hold", "ROLLBACK_REQUIRED": "rollback_required"}[verdict]
    if not reasons:
        reasons = [Reason(code="ready", text=f"nothing holds the {inputs.wanted}")]
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=tuple(reasons),
        next_action=_next_action(verdict, inputs, ready),
        policy=policy,
        outputs={"decision": said, "wanted": inputs.wanted, "ready_for": ready},
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _missing(inputs: Inputs, step: Wanted) -> list[tuple[str, str]]:
    """What this step by itself still needs; the steps before it have their own."""
    found: list[tuple[str, str]] = []
    if step == "merge":
        if inputs.evidence_gate != "PASS" or not inputs.evidence_ref:
            text = f"the evidence gate is {inputs.evidence_gate or 'not decided'}; it goes back there"
            found.append(("evidence-gate", text))
        if not inputs.scope:
            found.append(("scope", "nobody says what is in scope"))
        if not inputs.risk_review:
            found.append(("risk-review", "no risk review was made"))
        found += [("mismatch", f"a temporary mismatch is not reconciled: {one}") for one in inputs.mismatches]
    if step == "release":
        for name in ("release_notes", "rollback_plan", "observability_plan"):
            if not getattr(inputs, name):
                found.append((name.replace("_", "-"), f"the {name.replace('_', ' ')} is missing"))
        if not inputs.acceptance_docs:
            text = "final documents are neither promoted nor followed up, and no reason is given"
            found.append(("acceptance-docs", text))
        if inputs.prototype and not inputs.learning_review:
            found.append(("prototype", "prototype code waits for a learning review"))
    if step == "deploy":
        if not inputs.operational_plan:
            found.append(("operational-plan", "the operational plan is missing"))
        if not inputs.post_deploy_checks:
            found.append(("post-deploy-checks", "nobody says what is checked after the deployment"))
    return found


def _next_action(verdict: str, inputs: Inputs, ready: list[Wanted]) -> str:
    if verdict == "ROLLBACK_REQUIRED":
        return "Propose the rollback: propose_rollback.py."
    if verdict == "READY":
        return f"It may go on: {inputs.wanted}."
    return f"Hold. It is ready for {', '.join(ready)} only." if ready else "Hold: mend what is named above."
