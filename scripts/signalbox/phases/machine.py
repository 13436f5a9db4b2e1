"""Moves between phases: which are open, what they need, and why one is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from signalbox.phases.records import (
    PHASES,
    Critique,
    DesignProbe,
    EvidenceGate,
    GoalFit,
    HandOff,
    IdeaToBacklog,
    LearningReview,
    PullWork,
    Record,
    ReleaseReadiness,
    State,
    Verification,
)

TERMINAL = ("done", "dropped")
MOST_ROUTE_BACKS = 3
BACK = {
    "pull-work": ("idea-to-backlog",),
    "design-probe": ("alignment", "idea-to-backlog"),
    "plan-work": ("idea-to-backlog", "design-probe"),
    "review-work": ("execute",),
    "verify-work": ("execute", "plan-work"),
    "goal-fit": ("plan-work", "execute", "idea-to-backlog"),
    "evidence-gate": ("verify-work", "execute"),
    "publish-change": ("evidence-gate",),
    "release-readiness": ("verify-work", "evidence-gate", "execute"),
    "learning-review": ("idea-to-backlog", "release-readiness"),
    "alignment": ("idea-to-backlog", "plan-work", "design-probe"),
}
"""Where a phase may send work back to. ``alignment`` is where people settle what has drifted."""

GATES = {"release-readiness": "release", "learning-review": "learning"}
"""Phases that are gates: until their record permits, no terminal state is reached."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking for a move: the new files, or why it was refused."""

    state: State
    hand_off: HandOff | None = None
    refused: str = ""


def begin(work_item: str, at: str, by: str, *, prototype: bool = False) -> State:
    """A work item at its beginning."""
    entry = {"at": at, "by": by, "to": PHASES[0]}
    gates = tuple(GATES.values())
    return State(
        work_item=work_item,
        phase=PHASES[0],
        history=(entry,),
        route_backs={},
        open_gates=gates,
        prototype=prototype,
    )


def advance(
    state: State, to: str, records: Mapping[str, Record], *, at: str, by: str, reason: str = ""
) -> Move:
    """Move ``state`` to the phase ``to``, if it may. A route-back needs a reason and counts."""
    back = to in BACK.get(state.phase, ())
    forward = _next(state.phase) == to or (state.phase == "pull-work" and to == "plan-work")
    if state.phase in TERMINAL:
        return Move(state=state, refused=f"{state.work_item} is {state.phase} already")
    if to not in (*PHASES, "alignment", *TERMINAL):
        return Move(state=state, refused=f"there is no phase {to!r}")
    why = ""
    if to == "dropped":
        why = _dropped(state, reason)
    elif back and not forward:
        why = _back(state, to, reason)
    elif not forward:
        why = f"{to} does not follow {state.phase}"
    else:
        why = _needs(state, to, records)
    if why:
        return Move(state=state, refused=why)
    counted = dict(state.route_backs)
    if back and not forward:
        counted[f"{state.phase}>{to}"] = counted.get(f"{state.phase}>{to}", 0) + 1
    entry = {"at": at, "by": by, "from": state.phase, "to": to} | ({"reason": reason} if reason else {})
    open_gates = tuple(gate for gate in state.open_gates if gate != _closed(state.phase, forward))
    if back and not forward:
        # What was proved before has to be proved again for what comes now.
        open_gates = tuple(GATES.values())
    moved = msgspec.structs.replace(
        state, phase=to, history=(*state.history, entry), route_backs=counted, open_gates=open_gates
    )
    hand_off = HandOff(
        work_item=state.work_item,
        from_=state.phase,
        to=to,
        reason=reason or "the phase is complete",
        records=tuple(sorted(records)),
        at=at,
    )
    return Move(state=moved, hand_off=hand_off)


def _next(phase: str) -> str:
    if phase == "alignment":
        return "plan-work"
    place = PHASES.index(phase) + 1 if phase in PHASES else len(PHASES)
    return PHASES[place] if place < len(PHASES) else "done"


def _closed(phase: str, forward: bool) -> str:
    return GATES.get(phase, "") if forward else ""


def _dropped(state: State, reason: str) -> str:
    if state.phase in PHASES[PHASES.index("publish-change") :]:
        return (
            f"it is being delivered: the {state.open_gates[0] if state.open_gates else 'last'} gate is open"
        )
    return "" if reason.strip() else "work is dropped for a reason, and none was given"


def _back(state: State, to: str, reason: str) -> str:
    if not reason.strip():
        return f"sending work back to {to} needs a reason"
    done = state.route_backs.get(f"{state.phase}>{to}", 0)
    if done >= MOST_ROUTE_BACKS:
        return f"it was sent back from {state.phase} to {to} {done} times already: people settle this"
    return ""


def _needs(state: State, to: str, records: Mapping[str, Record]) -> str:
    """Why the phase's record does not let the work go on; empty when it does."""
    record = records.get(state.phase)
    if record is None and state.phase != "alignment":
        return f"{state.phase} has left no record"
    if record is not None and record.work_item != state.work_item:
        return f"the record of {state.phase} is about {record.work_item}"
    skips = state.phase == "pull-work" and to == "plan-work"
    if skips and isinstance(record, PullWork) and record.readiness == "needs-probe":
        return "a pickup probe comes before planning"
    if why := _says(state, record, records):
        return why
    if to == "done":
        if [gate for gate in state.open_gates if gate != "learning"]:
            return f"the {state.open_gates[0]} gate is open"
        if state.mismatches:
            return f"a temporary mismatch was never reconciled: {state.mismatches[0]}"
    return ""


def _says(state: State, record: Record | None, records: Mapping[str, Record]) -> str:
    match record:
        case IdeaToBacklog() if record.backlog_gate != "PASS":
            return f"the backlog gate is {record.backlog_gate}"
        case PullWork() if record.readiness in ("vague", "blocked"):
            return f"the item is {record.readiness}"
        case DesignProbe() if record.drift == "contract_drift" or record.routing != "plan-work":
            return f"{record.drift} goes to {record.routing} before planning"
        case Critique() if any(finding.resolution == "open" for finding in record.findings):
            return "a finding of the review is open: back to execute"
        case Verification() if "review-work" not in records:
            return "review comes before verification"
        case Verification() if record.result != "PASS":
            return f"verification is {record.result}: the record is kept, and the work goes back"
        case GoalFit() if not record.met:
            return "the outcome that was promised is not met"
        case EvidenceGate() if record.verdict != "PASS":
            return f"the evidence gate is {record.verdict}"
        case ReleaseReadiness() if record.decision in ("hold", "rollback_required"):
            return f"release readiness says {record.decision}"
        case ReleaseReadiness() if state.prototype and "learning-review" not in records:
            return "prototype code goes nowhere before a learning review"
        case LearningReview() if record.verdict == "open" or record.open_routes:
            return "the learning review has open routes"
    return ""


def stopping(state: State, *, strict: bool) -> tuple[str, bool]:
    """What to say to somebody who stops now, and whether that blocks: only strict mode holds anybody."""
    if state.phase in TERMINAL:
        return "", False
    text = f"{state.work_item} is still in {state.phase}; open gates: {', '.join(state.open_gates) or 'none'}"
    return text, strict
