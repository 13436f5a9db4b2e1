"""The rollout's decision, from everything it took. Pure: replay calls exactly this."""

from __future__ import annotations

import math

from signalbox.config import Settings
from signalbox.config.rollout import Rollout
from signalbox.decision import Decision, PolicyRef, Reason, Stamp, strictest, take_advice
from signalbox.rollout import KIND, judge
from signalbox.rollout.assess import Assessment, assess
from signalbox.rollout.authority import authority
from signalbox.rollout.model import Inputs

__all__ = ["KIND", "Inputs", "decide"]


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """Proceed, hold or roll back, after the last look that was taken."""
    rules = inputs.rules(settings.rollout)
    judgement = judge.fold(inputs.looks, rules)
    found = assess(judgement, rules)
    reasons = _circumstances(inputs, rules, found)
    if not (inputs.known_bad and not inputs.looks):
        reasons += list(found.reasons)
    reasons += inputs.notes
    ruled = strictest(KIND, (reason.effect for reason in reasons if reason.effect))
    verdict, advice = take_advice(KIND, ruled, inputs.advice)
    order = ("rollback", "hold", "proceed", "")
    reasons.sort(key=lambda reason: order.index(reason.effect))
    last = inputs.looks[-1] if inputs.looks else None
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=tuple(reasons),
        next_action=("Look at what the adviser says. " if verdict != ruled else "")
        + _next_action(inputs, verdict),
        evidence=inputs.evidence,
        advice=advice,
        policy=policy,
        models=inputs.models,
        outputs={
            "deployment": inputs.deployment,
            "ending": inputs.ending,
            "finding": found.verdict,
            "last-slice": float(judge.weight_at(rules, last.slice)) if last else 0.0,
            "looks": judgement.looks,
            "looks-without-data": judgement.missing,
            "log10-e": round(found.log_e / math.log(10), 4),
            "log10-limit": round(found.threshold / math.log(10), 4),
            "slo-only-at-100": not judge.has_control(rules, len(rules.slices) - 1),
        },
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _circumstances(inputs: Inputs, rules: Rollout, found: Assessment) -> list[Reason]:
    reasons = []
    if inputs.known_bad:
        reasons.append(Reason(code="KNOWN_BAD", text=inputs.known_bad, effect="rollback"))
    if inputs.problem:
        reasons.append(Reason(code="PROBLEM", text=inputs.problem, effect="hold"))
    if inputs.ending == "interrupted":
        text = "The monitor was told to stop; traffic stays where it was."
        reasons.append(Reason(code="INTERRUPTED", text=text, effect="hold"))
    if inputs.ending == "retreated":
        text = "The canary's share was taken to 0% because the policy's deadline says so, not by a finding."
        reasons.append(Reason(code="DEADLINE_RETREAT", text=text, effect="hold"))
    if inputs.ending == "proposed" or (found.verdict == "rollback" and inputs.ending == "frozen"):
        allowed = authority(inputs, rules, inputs.looks[-1].at if inputs.looks else "")
        reasons.append(Reason(code="NEEDS_APPROVAL", text=allowed.why, effect="hold"))
    if not rules.control_share and inputs.looks and not judge.has_control(rules, inputs.looks[-1].slice):
        text = "At 100% no baseline is left: only the objectives were tested there."
        reasons.append(Reason(code="SLO_ONLY", text=text))
    if inputs.cluster_size > 1:
        text = (
            f"Failures of the baseline came about {inputs.cluster_size:.1f} together before the rollout, so "
            "evidence is tempered by that; how often it errs is then approximate."
        )
        reasons.append(Reason(code="TEMPERED", text=text))
    if not inputs.moves:
        text = "Observing: traffic was not moved, and would not have been, by this run."
        reasons.append(Reason(code="OBSERVED", text=text))
    return reasons


def _next_action(inputs: Inputs, verdict: str) -> str:
    if not inputs.moves:
        would = {
            "proceed": "advance to the next slice",
            "hold": "hold the traffic where it is",
            "rollback": "roll back",
        }[verdict]
        return f"None: this run only observed. In mode enforce it would now {would}."
    return {
        "done": "None: the canary serves all traffic.",
        "rolled-back": "Fix the change and release a new digest; this one will not be deployed again.",
        "retreated": "Find out why the slice could not be judged, then start the rollout again.",
        "frozen": "Look at the reasons, then run the monitor again or roll back by hand.",
        "proposed": "Approve or refuse the rollback: run the monitor again with --standing-approval, or "
        "roll back by hand. The canary keeps only its floor share.",
        "interrupted": "Run the monitor again to resume; until then nobody is watching.",
    }.get(inputs.ending, "Look at the reasons; no traffic was moved.")
