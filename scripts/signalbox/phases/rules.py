"""What a schema cannot say: traces that are whole, corrections that lead somewhere, records that agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from signalbox.decision import parse_time
from signalbox.errors import InputError
from signalbox.phases.records import (
    KINDS,
    Critique,
    DesignProbe,
    GoalFit,
    IdeaToBacklog,
    LearningReview,
    PlanWork,
    PullWork,
    Record,
    ReleaseReadiness,
    Verification,
)

_TIERS = ("design-target", "adapter", "installed-command", "live-acceptance")


def read(phase: str, data: bytes, where: str) -> Record:
    """The record in ``data``; ``InputError`` names the field that is missing or cannot be meant."""
    if phase not in KINDS:
        raise InputError(f"there is no phase {phase!r}", where=where, fix=f"Known: {', '.join(KINDS)}.")
    try:
        record = msgspec.json.decode(data, type=KINDS[phase])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"this is no record of {phase}", where=where, why=str(error)) from None
    for why in faults(record):
        raise InputError(f"this record of {phase} cannot be meant", where=where, why=why)
    return record


def faults(record: Record) -> Iterator[str]:
    """Everything that cannot be meant."""
    try:
        parse_time(record.at)
    except ValueError as error:
        yield str(error)
    for kind, rule in _RULES:
        if isinstance(record, kind):
            yield from rule(record)


def _idea(record: IdeaToBacklog) -> Iterator[str]:
    if record.triage != "accept" and record.backlog_gate == "PASS":
        yield f"the backlog gate passes, and triage said {record.triage}"


def _pull(record: PullWork) -> Iterator[str]:
    if record.readiness == "vague" and record.hand_over != "idea-to-backlog":
        yield "vague work goes back to shaping: hand_over must be idea-to-backlog"
    if record.readiness == "needs-probe" and not record.probe_notes:
        yield "a probe is needed, and probe_notes says nothing"
    if record.readiness == "blocked" and not record.blockers:
        yield "it is blocked, and no blocker is named"


def _probe(record: DesignProbe) -> Iterator[str]:
    if record.drift == "contract_drift" and record.routing != "alignment":
        yield "contract_drift goes to alignment before planning"
    if record.drift == "none" and record.planned_base_sha != record.target_sha:
        yield "the base has moved (two SHAs), and drift says none"
    if record.drift not in ("none",) and record.routing == "plan-work" and record.drift == "conflict_drift":
        yield "a conflict goes to alignment before planning"


def _plan(record: PlanWork) -> Iterator[str]:
    wanted = {ac for traced in record.requirement_trace.values() for ac in traced}
    for requirement, traced in record.requirement_trace.items():
        if not traced:
            yield f"{requirement} leads to no acceptance criterion"
    for ac in sorted(wanted - record.task_trace.keys()):
        yield f"{ac} leads to no task"
    for ac in sorted(wanted - record.expected_evidence.keys()):
        yield f"nobody says what evidence {ac} will have"
    for ac in sorted(record.task_trace.keys() - wanted):
        yield f"{ac} comes from no requirement"


def _critique(record: Critique) -> Iterator[str]:
    aspects = {review.aspect for review in record.reviews}
    if "quality" not in aspects:
        yield "quality is always reviewed"
    if record.security_called_for and "security" not in aspects:
        yield "the change calls for a security review, and there is none"
    if any(f.resolution == "open" for f in record.findings) and all(
        review.verdict == "approve" for review in record.reviews
    ):
        yield "findings are open, and every reviewer approves"


def _verification(record: Verification) -> Iterator[str]:
    items = {item.ref: item for item in record.manifest}
    for criterion in record.criteria:
        unknown = [ref for ref in criterion.evidence if ref not in items]
        if unknown:
            yield f"{criterion.id} names evidence that the manifest does not hold: {unknown[0]}"
        elif criterion.result == "PASS" and not criterion.evidence and not criterion.skip_reason:
            yield f"{criterion.id} passes without evidence"
        elif criterion.result == "PASS" and criterion.evidence and not reached(criterion, items):
            yield f"{criterion.id} claims {criterion.claims_tier}, and its evidence is of a lower tier"
    results = [criterion.result for criterion in record.criteria]
    worst = "FAIL" if "FAIL" in results else "NOT_VERIFIED" if "NOT_VERIFIED" in results else "PASS"
    if record.result == "PASS" and worst != "PASS":
        yield f"the result is PASS, and a criterion is {worst}"


def reached(criterion: Any, items: Any) -> bool:
    """Whether one piece of evidence is of the tier that the criterion claims, or better."""
    wanted = _TIERS.index(criterion.claims_tier)
    return any(ref in items and _TIERS.index(items[ref].tier) >= wanted for ref in criterion.evidence)


def _goal(record: GoalFit) -> Iterator[str]:
    if record.met and record.observed.strip().lower() == record.outcome.strip().lower():
        yield "what was observed repeats the promise word for word"


def _readiness(record: ReleaseReadiness) -> Iterator[str]:
    if record.acceptance_docs.state == "promoted" and record.acceptance_docs.reference.lower() in (
        "none",
        "-",
    ):
        yield "documents are said to be promoted, and none is named"


def _learning(record: LearningReview) -> Iterator[str]:
    fix = record.correction
    if fix.needed:
        for name in ("type", "recurrence_key", "gap"):
            if not getattr(fix, name):
                yield f"a correction is needed, and its {name} is empty"
        if not (fix.prevention or fix.no_change_reason):
            yield "a correction is needed: name what prevents it, or why nothing changes"
    elif record.verdict == "clean" and (record.open_routes or fix.prevention):
        yield "a clean run has no open route"
    if record.verdict == "clean" and fix.needed:
        yield "a clean run needs no correction"
    if record.golden_case is not msgspec.UNSET and not (fix.needed and fix.recurrence_key):
        yield "a golden case comes from a correction, and is named by its recurrence_key"
    if record.verdict == "corrected" and not fix.needed:
        yield "it was corrected, and no correction was needed"


_RULES: tuple[tuple[type[Any], Callable[[Any], Iterable[str]]], ...] = (
    (IdeaToBacklog, _idea),
    (PullWork, _pull),
    (DesignProbe, _probe),
    (PlanWork, _plan),
    (Critique, _critique),
    (Verification, _verification),
    (GoalFit, _goal),
    (ReleaseReadiness, _readiness),
    (LearningReview, _learning),
)


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from learning reviews; rates are None where there is nothing to count."""

    reviews: int
    clean: int
    corrections: int
    resolved: int
    recurring: tuple[str, ...]
    stale: tuple[str, ...]
    correction_rate: float | None
    resolved_rate: float | None


def rates(records: Iterable[LearningReview], now: str, stale_days: float = 30) -> Rates:
    """Correction rate, share resolved, keys that came back, corrections left lying, clean runs."""
    every = list(records)
    fixes = [one for one in every if one.correction.needed]
    keys = [one.correction.recurrence_key for one in fixes]
    moment = parse_time(now)
    stale = [
        one.correction.recurrence_key
        for one in fixes
        if not one.correction.resolved and (moment - parse_time(one.at)).days >= stale_days
    ]
    resolved = sum(one.correction.resolved for one in fixes)
    return Rates(
        reviews=len(every),
        clean=sum(one.verdict == "clean" for one in every),
        corrections=len(fixes),
        resolved=resolved,
        recurring=tuple(sorted({key for key in keys if keys.count(key) > 1})),
        stale=tuple(sorted(set(stale))),
        correction_rate=len(fixes) / len(every) if every else None,
        resolved_rate=resolved / len(fixes) if fixes else None,
    )
