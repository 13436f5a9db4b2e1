"""May this digest be promoted? The decision file must say so, about this digest, recently and in force."""

from __future__ import annotations

from typing import Protocol

import msgspec

from signalbox.decision import Bundle, Decision, parse_time
from signalbox.errors import InputError


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is promoted, and the exit code: 1 denied, 3 a person must decide."""

    text: str
    exit: int


class Approval(Protocol):
    """A person's approval, as require_review.py writes it and monitor_rollout.py reads it."""

    @property
    def deployment(self) -> str: ...  # noqa: D102
    @property
    def digest(self) -> str: ...  # noqa: D102
    @property
    def environment(self) -> str: ...  # noqa: D102
    @property
    def approved_by(self) -> str: ...  # noqa: D102
    @property
    def approved_at(self) -> str: ...  # noqa: D102
    @property
    def expires_at(self) -> str: ...  # noqa: D102


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An approval, what it must be about, and whose does not count (who made or started the change)."""

    approval: Approval
    environment: str
    deployment: str = ""
    not_by: tuple[str, ...] = ()


def read_decision(data: bytes, *, where: str) -> Decision:
    """A promotion decision from its own file or from its bundle. Raises InputError for anything else."""
    try:
        plain = msgspec.json.decode(data)
        whole = isinstance(plain, dict) and isinstance(plain.get("decision"), dict)
        decision = msgspec.convert(plain, Bundle).decision if whole else msgspec.convert(plain, Decision)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "this is not a decision",
            where=where,
            why=str(error)[:200],
            fix="Give score_artifact.py's --out FILE.",
        ) from None
    if decision.kind != "promotion":
        raise InputError(f"this is a decision of kind {decision.kind!r}, not a promotion", where=where)
    return decision


def refusal(
    decision: Decision,
    *,
    digest: str,
    commit: str,
    now: str,
    max_age_hours: float,
    answer: Answer | None = None,
) -> Refusal | None:
    """Why this decision does not promote ``digest``, or None where it does.

    Only a decision about exactly this digest, made in force and still fresh, does: auto-promote by itself,
    manual-review with a person's ``answer``. A block never.
    """
    if not decision.subject.digest:
        return Refusal(text="the decision names no digest, so it promotes none", exit=1)
    if decision.subject.digest != digest:
        return Refusal(text=f"the decision is about {decision.subject.digest}, not {digest}", exit=1)
    if commit and decision.subject.commit and decision.subject.commit != commit:
        return Refusal(text=f"the decision is about commit {decision.subject.commit}, not {commit}", exit=1)
    first = decision.reasons[0].text if decision.reasons else ""
    if decision.verdict == "manual-review":
        why = unanswered(decision, answer, now) if answer is not None else ""
        if answer is None or why:
            more = f" ({why})" if why else ""
            return Refusal(text=f"a person must decide first{more}: {first}", exit=3)
    elif decision.verdict != "auto-promote":
        return Refusal(text=f"the decision is {decision.verdict}: {first}", exit=1)
    if decision.mode != "enforce":
        return Refusal(text=f"the decision was made in mode {decision.mode}: it only observed", exit=3)
    try:
        age = (parse_time(now) - parse_time(decision.decided_at)).total_seconds()
    except ValueError as error:
        return Refusal(text=f"the decision's time cannot be read: {error}", exit=1)
    if not -60 <= age <= max_age_hours * 3600:
        return Refusal(
            text=f"the decision is from {decision.decided_at}, and it is {now}: score again", exit=3
        )
    return None


def unanswered(decision: Decision, answer: Answer, now: str) -> str:
    """Why ``answer`` does not let this manual-review pass; empty where it does."""
    who, approval = answer.approval.approved_by.strip().lower(), answer.approval
    if approval.digest != decision.subject.digest:
        return "the approval is for another digest"
    if not answer.environment or approval.environment != answer.environment:
        return f"the approval is for the environment {approval.environment!r}"
    if decision.subject.environment not in ("", approval.environment):
        return f"the decision is about the environment {decision.subject.environment!r}"
    if answer.deployment and approval.deployment != answer.deployment:
        return f"the approval is for the deployment {approval.deployment!r}"
    if not answer.not_by:
        return "who made the change is not known, so nobody can be told from its author"
    if not who or who.endswith("[bot]") or who in {name.strip().lower() for name in answer.not_by}:
        return f"{approval.approved_by} made the change or is no person"
    try:
        given, until, moment = (parse_time(t) for t in (approval.approved_at, approval.expires_at, now))
        # What a reviewer saw was this decision, so an approval from before it is about something else.
        if given < parse_time(decision.decided_at):
            return "the approval is older than the decision"
        if given > moment:
            return "the approval is dated in the future"
        if moment > until:
            return f"the approval expired at {approval.expires_at}"
    except ValueError as error:
        return f"the approval's times cannot be read: {error}"
    return ""
