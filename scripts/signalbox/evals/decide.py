"""PASS, FAIL or NOT_VERIFIED for one candidate's evals. Pure; replay calls it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from signalbox.config import Settings
from signalbox.config.evals import Evals
from signalbox.decision import Decision, Gap, PolicyRef, Reason, Stamp, strictest, take_advice
from signalbox.evals.compare import Floor, Role, compare, floors
from signalbox.evals.inputs import Inputs as Inputs
from signalbox.evals.judge import Alarm, alarms, anchor_power, corrected

KIND = "evals"
PASS, NOT_VERIFIED, FAIL = "PASS", "NOT_VERIFIED", "FAIL"
ESTIMAND = "the mean difference of pass rates (candidate − baseline) over these cases, not over all prompts"


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """Integrity first, then the judge, then the comparison; what is not verified is not compared.

    A suite of plain tests that failed is a FAIL by itself. Evals fail only on rows that count: an outage or a
    judge that drifted can make nothing red, and nothing green.
    """
    evals = settings.evals
    broken = _broken(inputs)
    suspect = [*_judge(inputs, evals), *broken]
    roles = compare(inputs.cases, evals)
    criticals = floors(inputs.cases, evals.critical)
    reasons = [*_suites(inputs), *suspect]
    if not suspect:
        reasons += [*_floors(criticals, evals), *_roles(roles, evals)]
    if not inputs.cases and not broken and not any(item.kind == "tests" for item in inputs.evidence):
        reasons.append(
            Reason(code="zero-tests", text="no case was run, so nothing is known", effect=NOT_VERIFIED)
        )
    ruled = strictest(KIND, [PASS, *(reason.effect for reason in reasons if reason.effect)])
    verdict, advice = take_advice(KIND, ruled, inputs.advice)
    rank = {FAIL: 0, NOT_VERIFIED: 1, PASS: 2}
    reasons.sort(key=lambda reason: rank.get(reason.effect, 3))
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=(*reasons, *_context(inputs, evals)),
        next_action=_next_action(verdict, reasons),
        evidence=inputs.evidence,
        advice=advice,
        policy=policy,
        models={"target": inputs.target, "judge": inputs.judge.name},
        outputs=_outputs(inputs, roles, criticals, evals, compared=not suspect),
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _suites(inputs: Inputs) -> list[Reason]:
    """What fails without a baseline: plain test suites, and a dev key that was let into an admin call."""
    reasons = []
    for item in inputs.evidence:
        if item.status != "fail":
            continue
        if item.kind != "tests":
            reasons += [
                Reason(code=gap.code, text=gap.text, effect=FAIL, sources=(item.source,))
                for gap in item.gaps or (Gap(item.kind, f"{item.kind} failed"),)
            ]
        else:
            failing = item.facts.get("failing") or []
            named = f": {', '.join(str(name) for name in failing[:3])}" if failing else ""
            text = f"{item.facts.get('failed', 'some')} tests failed in {item.source}{named}"
            reasons.append(Reason(code="suite-failed", text=text, effect=FAIL, sources=(item.source,)))
    return reasons


def _broken(inputs: Inputs) -> list[Reason]:
    """Every gap of every piece of evidence that is not verified."""
    reasons = []
    for item in inputs.evidence:
        if item.status != "not_verified":
            continue
        for gap in item.gaps or ():
            reasons.append(Reason(code=gap.code, text=gap.text, effect=NOT_VERIFIED, sources=(item.source,)))
        if not item.gaps:
            text = f"{item.kind} is not verified"
            reasons.append(Reason(code=item.kind, text=text, effect=NOT_VERIFIED, sources=(item.source,)))
    return reasons


def _judge(inputs: Inputs, evals: Evals) -> list[Reason]:
    """The judge's anchors, where a judge was used at all."""
    judge = inputs.judge
    found: list[Alarm] = alarms(judge, evals.judge)
    reasons = [Reason(code=alarm.code, text=alarm.text, effect=NOT_VERIFIED) for alarm in found]
    if not any(case.judged for case in inputs.cases):
        return reasons
    least = evals.judge.least_anchors
    if judge.good.of < least or judge.bad.of < least:
        text = (
            f"{judge.good.of} known-good and {judge.bad.of} known-bad anchors were judged again; "
            f"evals.judge wants {least} of each, or a drifting judge goes unseen"
        )
        reasons.append(Reason(code="too-few-anchors", text=text, effect=NOT_VERIFIED))
    return reasons


def _floors(criticals: Sequence[Floor], evals: Evals) -> list[Reason]:
    reasons = []
    k, least = evals.critical.k, evals.critical.floor
    for floor in criticals:
        between = f"pass^{k} between {floor.low:.2f} and {floor.high:.2f}"
        shown = f"passed {floor.passed} of {floor.drawn} draws ({between})"
        if floor.state == "fail":
            text = f"the critical case {floor.case} {shown}, below its floor {least:g}"
            reasons.append(Reason(code="critical-failed", text=text, effect=FAIL, sources=(floor.case,)))
        elif floor.state == "undecided":
            lacking = floor.wanted - floor.drawn
            fix = f"{lacking} more draws are needed" if lacking else "it sometimes fails"
            text = f"the critical case {floor.case} {shown} is not shown to keep its floor {least:g}: {fix}"
            reasons.append(
                Reason(code="critical-undecided", text=text, effect=NOT_VERIFIED, sources=(floor.case,))
            )
    return reasons


def _roles(roles: Sequence[Role], evals: Evals) -> list[Reason]:
    return [_role(role, evals) for role in roles]


def _role(role: Role, evals: Evals) -> Reason:
    name, points = role.name or "(no role)", 100 * role.margin
    one = role.trial
    seen = (
        f"{100 * one.difference:+.1f} points over {one.draws} paired draws of {role.cases - role.new} cases"
    )
    if role.state == "fail":
        text = (
            f"{name} is worse than the baseline by more than {points:g} points: {seen}, p {role.p_block:.2g}"
        )
        return Reason(code="inferior", text=text, effect=FAIL, sources=(name,))
    if role.state == "pass":
        text = f"{name} is no worse than the baseline by {points:g} points: {seen}, p {one.p_above:.2g}"
        return Reason(code="non-inferior", text=text, effect=PASS, sources=(name,))
    if role.cases == role.new:
        text = f"{name} has no stored baseline to be compared with: record one with --write-baseline"
        return Reason(code="no-baseline", text=text, effect=NOT_VERIFIED, sources=(name,))
    text = f"{name} is not decided at a margin of {points:g} points: {seen}; {_needed(role, evals)}"
    return Reason(code="undecided", text=text, effect=NOT_VERIFIED, sources=(name,))


def _needed(role: Role, evals: Evals) -> str:
    """What it would have taken."""
    one, cases = role.trial, max(role.cases - role.new, 1)
    if not one.draws:
        return "no complete round was drawn"
    if one.needed is None:
        return "the difference lies at the margin, where no number of repeats decides: it needs other cases"
    rounds = -(-one.needed // cases)
    text = f"at this difference about {one.needed} paired draws ({rounds} rounds) would decide"
    if one.futile:
        return f"{text}, which the budget of {evals.budget} makes unlikely, so buying stopped"
    if role.stored <= one.rounds:
        return f"{text}, and the baseline holds {role.stored} rounds: record more"
    return text


def _context(inputs: Inputs, evals: Evals) -> list[Reason]:
    reasons = [Reason(code="estimand", text=f"compared: {ESTIMAND}")] if inputs.cases else []
    if inputs.reused:
        text = f"digest, suite, baseline and policy are those of decision {inputs.reused}: no call was made"
        reasons.append(Reason(code="reused", text=text))
    new = [case.id for case in inputs.cases if not case.baseline]
    if new and len(new) < len(inputs.cases):
        text = f"{len(new)} cases are new and not in the baseline, so not compared: {', '.join(new[:3])}"
        reasons.append(Reason(code="new-cases", text=text))
    for layer, why in sorted(inputs.skipped.items()):
        reasons.append(Reason(code="lane-skipped", text=f"the layer {layer} was skipped: {why}"))
    if any(case.judged for case in inputs.cases):
        power = anchor_power(inputs.judge, evals.judge)
        text = (
            f"{inputs.judge.bad.of} known-bad anchors would find a specificity of {power.dropped_to:g} "
            f"{100 * power.chance:.0f}% of the time; leniency of a kind they lack stays unseen"
        )
        reasons.append(Reason(code="anchors", text=text))
    return reasons


def _next_action(verdict: str, reasons: Sequence[Reason]) -> str:
    codes = {reason.code for reason in reasons if reason.effect == verdict}
    if verdict == PASS:
        return "The digest may go on to promotion."
    if verdict == FAIL:
        if "suite-failed" in codes:
            return "Mend the failing tests and run the gate again."
        if "admin-scope" in codes:
            return "Take the admin scope from the dev key, or give another key, and run the gate again."
        return "Look at the failing cases below, mend the candidate, and run the evals again."
    first = (reason.code for reason in reasons if reason.effect == verdict)
    action = next((_ACTIONS[code] for code in first if code in _ACTIONS), "")
    return action or "Mend what is named above and run again; nothing is known about the candidate yet."


_BACK = "Bring the endpoint named above back and run again: an outage says nothing about the candidate."
_STAY = "Wait until dev runs the candidate's digest and stays on it, then run again."
_SAME = "Bring the judge back to the model it was, or record a new baseline with this one."
_RECORD = "Have the suite reviewed, then record a baseline with --write-baseline."
_MORE = "Buy more draws (evals.budget, a longer baseline), or have a person decide."
_ACTIONS = {
    **dict.fromkeys(("target-outage", "target-timeout", "judge-outage", "judge-timeout"), _BACK),
    **dict.fromkeys(("stale-image", "rollout-mid-run", "digest-unknown"), _STAY),
    **dict.fromkeys(
        ("judge-lenient", "judge-harsh", "judge-lenient-to-stored", "judge-harsh-to-stored"), _SAME
    ),
    **dict.fromkeys(("no-baseline", "other-suite", "other-setup", "other-model", "other-judge"), _RECORD),
    **dict.fromkeys(("weakened-case", "deleted-case"), _RECORD),
    **dict.fromkeys(("undecided", "critical-undecided"), _MORE),
    "judge-unparsable": "Have the judge answer with reason, pass and score as asked, then run again.",
    "too-few-anchors": "Add known-good and known-bad outputs to the anchors (--anchors), then run again.",
}


def _outputs(
    inputs: Inputs, roles: Sequence[Role], criticals: Sequence[Floor], evals: Evals, *, compared: bool
) -> dict[str, Any]:
    used, fixed = sum(role.drawn for role in roles), sum(role.fixed for role in roles)
    return {
        "key": inputs.key,
        "suite": inputs.suite,
        "estimand": ESTIMAND,
        "compared": compared,
        "roles": [_shown(role, inputs) for role in roles],
        "critical": msgspec.to_builtins(list(criticals)),
        "judge": {
            **msgspec.to_builtins(inputs.judge),
            "power": msgspec.to_builtins(anchor_power(inputs.judge, evals.judge)),
        },
        "spent": msgspec.to_builtins(inputs.spent),
        "draws": used,
        "fixed_design_draws": fixed,
        "calls_saved": fixed - used if compared and not inputs.reused else fixed if inputs.reused else 0,
        "layers": sorted({case.layer for case in inputs.cases if case.layer}),
        "skipped": inputs.skipped,
    }


def _shown(role: Role, inputs: Inputs) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(role)
    if role.judged and role.drawn:
        plain["corrected"] = msgspec.to_builtins(corrected(role.passed, role.drawn, inputs.judge))
    return plain
