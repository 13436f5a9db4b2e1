"""May this digest be promoted? The decision file must say so, about this digest, recently and in force."""

from __future__ import annotations

import msgspec

from signalbox.decision import Bundle, Decision, parse_time
from signalbox.errors import InputError


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is promoted, and the exit code: 1 denied, 3 a person must decide."""

    text: str
    exit: int


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
    decision: Decision, *, digest: str, commit: str, now: str, max_age_hours: float
) -> Refusal | None:
    """Why this decision does not promote ``digest``, or None where it does.

    Only auto-promote about exactly this digest, made in force and still fresh, does.
    """
    if not decision.subject.digest:
        return Refusal(text="the decision names no digest, so it promotes none", exit=1)
    if decision.subject.digest != digest:
        return Refusal(text=f"the decision is about {decision.subject.digest}, not {digest}", exit=1)
    if commit and decision.subject.commit and decision.subject.commit != commit:
        return Refusal(text=f"the decision is about commit {decision.subject.commit}, not {commit}", exit=1)
    if decision.verdict == "manual-review":
        first = decision.reasons[0].text if decision.reasons else ""
        return Refusal(text=f"a person must decide first: {first}", exit=3)
    if decision.verdict != "auto-promote":
        first = decision.reasons[0].text if decision.reasons else ""
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
