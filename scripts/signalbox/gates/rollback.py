"""Rollback: the policy's matrix, its deadlines and what follows them, a person's yes, and drills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from signalbox.config.environments import Calendar, Environments, RollbackRule
from signalbox.decision import Evidence, Gap, Subject, format_time, parse_time
from signalbox.errors import InputError, SignalboxError
from signalbox.gates.authorize import HumanApproval
from signalbox.gates.people import bots, person_of

Status = Literal["proposed", "logged", "routed", "approved", "refused", "escalated", "resolved"]


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a proposed rollback. ``decide_by`` and ``fix_by`` are empty where none applies.

    ``log`` holds one entry per change of status, oldest first; nothing in it is ever rewritten.
    """

    id: str
    deployment: str
    digest: str
    environment: str
    severity: str
    cause: str
    reason: str
    proposed_at: str
    proposed_by: str
    decides: str
    decide_by: str
    action: str
    routed_to: tuple[str, ...]
    runbook: tuple[str, ...]
    needs_person: bool
    status: Status
    decision: str = ""
    decision_sha256: str = ""
    proposes: str = ""
    approves: str = ""
    executes: str = ""
    within_minutes: int | None = None
    fix_by: str = ""
    re_enters: str = ""
    log: tuple[dict[str, str], ...] = ()
    schema_version: int = 1


def rule_for(e: Environments, severity: str, environment: str) -> RollbackRule | None:
    """The line for a severity in an environment; None in the first place, where one simply iterates.

    An environment that nobody knows is treated as the last place, production.
    """
    order = list(e.places)
    place = environment if environment in e.places else order[-1]
    if place == order[0]:
        return None
    for wanted in (severity, "any"):
        for rule in e.rollback:
            if (rule.severity, rule.where) == (wanted, place):
                return rule
    raise InputError(
        f"policy has no line for a rollback of severity {severity} in {place}",
        where="environments.rollback",
        fix="Give it one: who proposes, who approves, within what time.",
    )


def by_policy(base: Mapping[str, Any], e: Environments) -> Incident:
    """A drafted proposal with the matrix of policy laid over it."""
    rule = rule_for(e, str(base["severity"]), str(base["environment"]))
    now = str(base["proposed_at"])
    fields: dict[str, Any] = {
        "log": ({"at": now, "status": str(base["status"]), "by": str(base["proposed_by"])},)
    }
    first = next(iter(e.places))
    if rule is None:
        fields |= {"proposes": "developer-agent", "approves": "nobody", "action": "iterate", "re_enters": ""}
        return msgspec.convert(dict(base) | fields, Incident)
    asked = rule.approves != "nobody"
    minutes = rule.within if isinstance(rule.within, int) else None
    staged = rule.where != list(e.places)[-1]
    status = "proposed" if asked else "routed" if staged else "logged"
    fields |= {
        "proposes": rule.proposes,
        "approves": rule.approves,
        "executes": "platform-agent" if asked else "",
        "action": rule.action,
        "within_minutes": minutes,
        "decide_by": format_time(parse_time(now) + timedelta(minutes=minutes)) if minutes and asked else "",
        "fix_by": "" if minutes else sprint_end(e.calendar, now, 1 if rule.within == "next-sprint" else 0),
        "needs_person": asked,
        "status": status,
        "re_enters": e.places[first].exit if staged else "",
    }
    fields["log"] = ({"at": now, "status": status, "by": str(base["proposed_by"])},)
    if asked:
        who = "a person on call" if rule.approves == "human" else f"a person who holds {rule.approves}"
        fields["decides"] = who
    return msgspec.convert(dict(base) | fields, Incident)


def sprint_end(calendar: Calendar, now: str, later: int) -> str:
    """The end of the sprint that ``now`` lies in, or of one ``later``; before the first, the first's."""
    starts = datetime.fromisoformat(calendar.starts).replace(tzinfo=UTC)
    passed = max(0, (parse_time(now) - starts).days // calendar.days)
    return format_time(starts + timedelta(days=calendar.days * (passed + 1 + later)))


def escalate(incident: Incident, now: str) -> Incident:
    """The incident as it stands at ``now``: past its deadline and undecided (or unfixed), it is escalated."""
    if incident.status not in ("proposed", "routed", "logged"):
        return incident
    deadline = incident.decide_by if incident.status == "proposed" else incident.fix_by
    if not deadline or parse_time(now) <= parse_time(deadline):
        return incident
    what = "nobody decided" if incident.status == "proposed" else "nobody fixed it"
    entry = {"at": now, "status": "escalated", "by": "calendar", "text": f"{what} by {deadline}"}
    return msgspec.structs.replace(
        incident,
        status="escalated",
        needs_person=True,
        log=(*incident.log, entry),
        decides=f"everybody who holds {incident.approves}"
        if incident.approves not in ("", "nobody", "human")
        else "everybody on call",
    )


def refusal(incident: Incident, approval: HumanApproval, e: Environments, now: str) -> str:
    """Why ``approval`` does not let this rollback be executed; empty when it does."""
    who = person_of(approval.by, e)
    if incident.status not in ("proposed", "escalated"):
        return f"the incident is {incident.status}, and waits for nobody"
    if not approval.verified or not who:
        return "nobody has verified whose approval it is"
    if who in bots(e) or who.endswith("[bot]") or who in {one.agent_id for one in e.contracts}:
        return f"{approval.by} is no person"
    if (approval.action, approval.environment) != ("execute-rollback", incident.environment):
        return "it approves something else"
    if approval.agent != incident.proposes or approval.digest != incident.digest:
        return "it is for another agent's proposal or another digest"
    if parse_time(now) > parse_time(approval.expires):
        return f"it expired at {approval.expires}"
    if incident.approves not in ("human", "nobody"):
        held = {person_of(name, e) for name in e.roles.get(incident.approves, ())}
        if who not in held:
            return f"{approval.by} does not hold the role {incident.approves}"
    return ""


def approved(incident: Incident, approval: HumanApproval, now: str) -> tuple[Incident, dict[str, str]]:
    """The incident as approved, and the standing approval by which the monitor may take traffic away."""
    entry = {"at": now, "status": "approved", "by": approval.by}
    standing = {
        "deployment": incident.deployment,
        "digest": incident.digest,
        "environment": incident.environment,
        "approved_by": approval.by,
        "role": incident.approves,
        "approved_at": now,
        "expires_at": approval.expires,
    }
    return msgspec.structs.replace(incident, status="approved", log=(*incident.log, entry)), standing


class Traffic(Protocol):
    """What a drill moves."""

    def describe(self) -> str: ...  # noqa: D102
    def read(self) -> float: ...  # noqa: D102


def drill(
    traffic: Traffic,
    move: Callable[[float], float],
    *,
    adapter: str,
    deployment: str,
    subject: Subject,
    now: str,
    clock: Callable[[], float],
) -> Evidence:
    """Take the canary's share away and give it back, each step read back; what gate 6 asks for.

    Whatever happens, the share found at the beginning is asked for again at the end.
    """
    steps: list[str] = []
    gaps: list[Gap] = []
    began = clock()
    seconds = 0.0
    try:
        before = traffic.read()
        steps.append(f"found the canary at {before:g}%")
    except SignalboxError as error:
        gap = Gap("unreadable", str(error)[:300])
        return _tested("not_verified", adapter, deployment, subject, now, steps, (gap,), 0.0)
    try:
        if before <= 0:
            steps.append(f"gave it {move(1.0):g}%, for there was nothing to take away")
        began = clock()
        left = move(0.0)
        seconds = clock() - began
        steps.append(f"took it to {left:g}%, read back after {seconds:.1f} s")
        if left > 0:
            gaps.append(Gap("not-zero", f"{left:g}% still goes to the canary"))
    except SignalboxError as error:
        gaps.append(Gap("did-not-move", str(error)[:300]))
    try:
        steps.append(f"gave it back its {move(before):g}%")
    except SignalboxError as error:
        gaps.append(Gap("not-restored", str(error)[:300]))
    return _tested("fail" if gaps else "pass", adapter, deployment, subject, now, steps, tuple(gaps), seconds)


def _tested(
    status: Any,
    adapter: str,
    deployment: str,
    subject: Subject,
    now: str,
    steps: list[str],
    gaps: tuple[Gap, ...],
    seconds: float,
) -> Evidence:
    facts = {"adapter": adapter, "deployment": deployment, "seconds": round(seconds, 3), "steps": steps}
    return Evidence(
        kind="rollback-tested",
        status=status,
        subject=subject,
        observed_at=now,
        tier="live-acceptance",
        gaps=gaps,
        facts=facts,
    )
