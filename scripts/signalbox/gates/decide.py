"""One gate: PASS, NOT_VERIFIED or FAIL. Pure; replay calls it."""

from __future__ import annotations

from typing import Any

import msgspec

from signalbox.config import Settings, conditions
from signalbox.config.environments import Environments, Gate, Human
from signalbox.decision import Decision, Evidence, PolicyRef, Reason, Stamp, strictest, take_advice
from signalbox.errors import InputError
from signalbox.gates import checks, people
from signalbox.gates.claims import claims_decision
from signalbox.gates.flow import flow_decision
from signalbox.gates.model import Found, Inputs
from signalbox.gates.routing import hand_overs

__all__ = ["KIND", "Inputs", "decide", "tier_of"]

KIND = "gate"
_VERDICT = {"pass": "PASS", "fail": "FAIL", "not_verified": "NOT_VERIFIED"}
_HIDDEN = frozenset({"findings", "failures"})


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """Every line that is asked must pass; a line of which it is not known whether it is asked, is."""
    e = settings.environments
    if inputs.claims is not None:
        return claims_decision(inputs.claims, inputs.subject, settings, policy, stamp)
    if inputs.flow is not None:
        return flow_decision(inputs, inputs.flow, settings, policy, stamp)
    if inputs.gate not in e.gates:
        known = ", ".join(e.gates)
        raise InputError(f"there is no gate {inputs.gate!r}", where=policy.source, fix=f"Known: {known}.")
    tier = tier_of(inputs, e)
    lines = [] if inputs.applicable else _lines(inputs, e, tier, stamp.at)
    asked = [line for line in lines if line.state != "not-asked"]
    reasons = [_reason(line) for line in asked if line.state != "pass"]
    if asked and not reasons:
        people_of = sum(line.decides != "evidence" for line in asked)
        text = f"Every line that is asked holds: {len(asked) - people_of} by evidence, {people_of} by people."
        reasons = [Reason(code="all-hold", text=text)]
    elif not asked:
        text = "nothing is asked of this change, so nothing was shown"
        reasons = [Reason(code="nothing-asked", text=text, effect="NOT_VERIFIED")]
    if inputs.applicable:
        reasons = [
            Reason(code="not-applicable", text=f"The gate has nothing to say here: {inputs.applicable}")
        ]
        ruled = "PASS"
    else:
        if not inputs.subject.commit and not inputs.subject.digest:
            text = "neither a commit nor a digest was given, so nothing can be about it"
            reasons.insert(0, Reason(code="no-subject", text=text, effect="NOT_VERIFIED"))
        ruled = strictest(KIND, [reason.effect or "PASS" for reason in reasons])
    verdict, advice = take_advice(KIND, ruled, inputs.advice)
    reasons.sort(key=lambda reason: -_weight(reason))
    handed = hand_overs(lines, inputs, e, stamp)
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=(*reasons, *_context(tier, inputs)),
        next_action=_next_action(verdict, lines, e, handed, inputs),
        evidence=tuple(_brief(item) for item in inputs.evidence),
        advice=advice,
        models=inputs.models,
        policy=policy,
        outputs={
            "gate": inputs.gate,
            "applicable": not inputs.applicable,
            "tier": tier,
            "lines": msgspec.to_builtins(lines),
            "hand_over": msgspec.to_builtins(handed),
            "standing_approval": _standing(verdict, lines, inputs, e, stamp),
        },
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def tier_of(inputs: Inputs, e: Environments) -> int:
    """The change's tier: the highest rule that holds or of which that is not known; 1 when none does."""
    facts = _facts(inputs, None)
    held = [
        rule.tier for rule in e.tiers if conditions.evaluate(conditions.parse(rule.when), facts) is not False
    ]
    return max(held, default=1)


def _facts(inputs: Inputs, tier: int | None) -> dict[str, Any]:
    change = inputs.change
    return {
        "tier": tier,
        "trust": change.trust,
        "severity": change.severity,
        "classification": change.classification,
        "risk": change.risk,
        "flags": change.flags,
        "paths": change.paths,
    }


def _lines(inputs: Inputs, e: Environments, tier: int, now: str) -> list[Found]:
    facts = _facts(inputs, tier)
    lines: list[Found] = []
    humans: list[tuple[str, Human, str]] = []
    for name, gate in reversed(_chain(inputs.gate, e)):
        for auto in gate.auto:
            held, why = _asked(auto.when, facts)
            check = e.checks[auto.check]
            if held is False:
                lines.append(_not_asked(name, auto.check, check.title or auto.check, "evidence", auto.when))
            else:
                lines.append(checks.judge(name, auto, check, inputs, now, why))
        for human in gate.human:
            held, why = _asked(human.when, facts)
            if held is False:
                lines.append(_not_asked(name, human.id, human.title or human.id, human.role, human.when))
            else:
                humans.append((name, human, why))
    return lines + people.count(humans, inputs, e, now)


def _chain(name: str, e: Environments) -> list[tuple[str, Gate]]:
    found: list[tuple[str, Gate]] = []
    at: str | None = name
    while at is not None and at not in (key for key, _ in found):
        found.append((at, e.gates[at]))
        at = e.gates[at].includes
    return found


def _asked(when: str, facts: dict[str, Any]) -> tuple[bool | None, str]:
    if not when:
        return True, ""
    held = conditions.evaluate(conditions.parse(when), facts)
    return held, f"because {when}" + ("" if held else ", as far as is known")


def _not_asked(gate: str, id: str, title: str, decides: str, when: str) -> Found:
    text = f"{title}: not asked, because this does not hold: {when}"
    return Found(gate=gate, id=id, title=title, decides=decides, state="not-asked", text=text)


def _reason(line: Found) -> Reason:
    return Reason(
        code=f"{line.id}:{line.codes[0]}" if line.codes else line.id,
        text=f"{line.text} ({line.gate})",
        effect=_VERDICT[line.state],
        sources=(line.source,) if line.source else (),
    )


def _weight(reason: Reason) -> int:
    return {"FAIL": 2, "NOT_VERIFIED": 1}.get(reason.effect, 0)


def _context(tier: int, inputs: Inputs) -> list[Reason]:
    if inputs.applicable:
        return []
    known = {"risk": inputs.change.risk, "classification": inputs.change.classification}
    says = ", ".join(f"{name} {value or 'not known'}" for name, value in known.items())
    notes = [msgspec.structs.replace(note, effect="") for note in inputs.notes]
    return [Reason(code="tier", text=f"The change is of tier {tier}: {says}."), *notes]


def _next_action(verdict: str, lines: list[Found], e: Environments, handed: Any, inputs: Inputs) -> str:
    gate = e.gates[inputs.gate]
    if inputs.applicable:
        return "Nothing needs to be done."
    if verdict == "PASS":
        return f"The change may go on: {gate.title or f'{gate.from_} → {gate.to}'}."
    stays = f"The change stays in {gate.from_}"
    if verdict == "FAIL" and handed:
        first = handed[0]
        return f"{stays}. {first.to} gets {first.check} ({first.task})."
    people_asked = [
        line.decides
        for line in lines
        if line.decides != "evidence" and {"unapproved", "nobody-holds-it"} & set(line.codes)
    ]
    missing = [line.title for line in lines if line.state == "not_verified" and line.decides == "evidence"]
    if missing:
        return f"{stays}. Evidence of {', '.join(missing[:3])} has to be supplied; then ask again."
    return f"{stays}. {', '.join(dict.fromkeys(people_asked)) or 'A person'} has to answer."


def _standing(
    verdict: str, lines: list[Found], inputs: Inputs, e: Environments, stamp: Stamp
) -> dict[str, str] | None:
    """Who lets this through also covers the automatic rollback of exactly this rollout, until it expires."""
    from datetime import timedelta

    from signalbox.decision import format_time, parse_time

    gate = e.gates[inputs.gate]
    standing = {human.id: human.role for human in gate.human if human.standing}
    by = [(line.by[0], standing[line.id]) for line in lines if line.id in standing and line.by]
    if verdict != "PASS" or not by or not inputs.subject.digest or not inputs.deployment:
        return None
    until = parse_time(stamp.at) + timedelta(hours=inputs.standing_hours)
    return {
        "deployment": inputs.deployment,
        "digest": inputs.subject.digest,
        "environment": gate.to,
        "approved_by": by[0][0],
        "role": by[0][1],
        "approved_at": stamp.at,
        "expires_at": format_time(until),
    }


def _brief(item: Evidence) -> Evidence:
    """Without the long lists: the bundle's inputs keep them."""
    return msgspec.structs.replace(item, facts={k: v for k, v in item.facts.items() if k not in _HIDDEN})
