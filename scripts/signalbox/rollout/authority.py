"""Who may roll back: nobody is asked outside production; in production a person, possibly beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from signalbox.config.rollout import Rollout
from signalbox.decision import parse_time
from signalbox.errors import InputError
from signalbox.rollout.model import Inputs, StandingApproval


class Authority(msgspec.Struct, frozen=True):
    """Whether the monitor may take the canary's traffic to zero, and the sentence that says why."""

    allowed: bool
    why: str


def authority(inputs: Inputs, rules: Rollout, now: str) -> Authority:
    """The rule of the environment, applied at ``now`` (RFC 3339). An environment that policy does not
    list as automatic is treated as production, also one whose name was mistyped or left out.
    """
    environment = inputs.subject.environment
    if environment in rules.automatic_rollback:
        return Authority(True, f"Rolling back is automatic in {environment}.")
    where = environment or "an environment that was not named"
    approval = inputs.approval
    if approval is None:
        return Authority(False, f"Rolling back in {where} needs a person's approval, and none was given.")
    wrong = _mismatch(inputs, approval, now)
    if wrong:
        return Authority(False, f"The standing approval does not cover this rollback: {wrong}.")
    who = f"{approval.approved_by} ({approval.role})"
    return Authority(True, f"{who} approved this rollback beforehand, at {approval.approved_at}.")


def _mismatch(inputs: Inputs, approval: StandingApproval, now: str) -> str:
    if approval.digest != inputs.subject.digest:
        return "it is for another digest"
    if approval.deployment != inputs.deployment:
        return f"it is for the deployment {approval.deployment!r}"
    if approval.environment != inputs.subject.environment:
        return f"it is for the environment {approval.environment!r}"
    try:
        moment = parse_time(now)
        if moment < parse_time(approval.approved_at):
            return "it is dated in the future"
        if moment > parse_time(approval.expires_at):
            return f"it expired at {approval.expires_at}"
    except ValueError as error:
        return f"its times cannot be read ({error})"
    return ""


def read_approval(path: Path) -> StandingApproval:
    """The standing approval in ``path``; ``InputError`` if there is none that can be read."""
    fix = "It is JSON with deployment, digest, environment, approved_by, role, approved_at, expires_at."
    try:
        data = path.read_bytes()
        approval = msgspec.convert(json.loads(data), StandingApproval)
    except OSError as error:
        raise InputError("the standing approval cannot be read", where=str(path), why=str(error)) from None
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise InputError(
            "this is not a standing approval", where=str(path), why=str(error), fix=fix
        ) from None
    if not approval.approved_by.strip() or not approval.role.strip():
        raise InputError("the standing approval names nobody", where=str(path), fix=fix)
    return approval
