"""May this agent do this, here, with these data? Default deny; the answer names the line that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from signalbox.config import Settings
from signalbox.config.environments import Contract, Environments
from signalbox.decision import Decision, PolicyRef, Reason, Stamp, Subject, parse_time

KIND = "authorization"
CLASSES = ("Public", "Internal", "Confidential", "Restricted")


class HumanApproval(msgspec.Struct, frozen=True, kw_only=True):
    """A person's consent to one action of one agent in one environment, until it expires."""

    by: str
    agent: str
    environment: str
    action: str
    expires: str
    digest: str = ""
    verified: bool = False


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question. ``identity`` says what proved that the agent asks; empty: nothing did.

    ``identity_required`` is true where the answer is acted upon. ``mismatch`` names another agent that the
    proof belongs to.
    """

    subject: Subject
    agent: str
    environment: str
    action: str
    classification: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    approval: HumanApproval | None = None
    identity: str = ""
    identity_required: bool = False
    mismatch: str = ""


class Answer(msgspec.Struct, frozen=True):
    """Allow or deny, by a code and a sentence; ``line`` is the index of the contract that decided, or -1."""

    verdict: Literal["allow", "deny"]
    code: str
    text: str
    line: int = -1


Table = Mapping[tuple[str, str], tuple[int, Contract]]


def table_of(e: Environments) -> Table:
    """Contracts by agent and environment."""
    return {(one.agent_id, one.environment): (index, one) for index, one in enumerate(e.contracts)}


def answer(question: Inputs, table: Table, now: str) -> Answer:
    """The answer to one question from the contracts alone."""
    agent, where, action = question.agent, question.environment, question.action
    index, contract = table.get((agent, where), (-1, None))
    if contract is None:
        return Answer("deny", "no-contract", f"{agent or 'nobody'} has no contract in {where or 'no place'}")

    def deny(code: str, text: str) -> Answer:
        return Answer("deny", code, text, index)

    if "*" in contract.forbidden_actions:
        return deny("forbidden", f"{agent} may do nothing in {where}")
    if action in contract.forbidden_actions:
        return deny("forbidden", f"{agent} must not {action} in {where}")
    if action not in contract.actions and action not in contract.needs_approval:
        return deny("not-listed", f"no line lets {agent} {action or 'do nothing in particular'} in {where}")
    return (
        _denied_data(question, contract, index)
        or _denied_approval(question, contract, index, now)
        or Answer("allow", "contract", f"{agent} may {action} in {where}", index)
    )


def _denied_data(question: Inputs, contract: Contract, index: int) -> Answer | None:
    for kind, given, allowed in (
        ("input", question.inputs, contract.allowed_inputs),
        ("output", question.outputs, contract.allowed_outputs),
    ):
        for name in given:
            if name not in allowed:
                text = (
                    f"{name or 'an unnamed thing'} is no {kind} of {question.agent} in {question.environment}"
                )
                return Answer("deny", f"{kind}-not-listed", text, index)
    given_class, most = question.classification, contract.data_classification_max
    if not given_class and question.inputs:
        return Answer("deny", "not-classified", "nobody said how the inputs are classified", index)
    if given_class and given_class not in CLASSES:
        return Answer("deny", "unknown-class", f"{given_class!r} is no classification", index)
    if given_class and (most == "none" or CLASSES.index(given_class) > CLASSES.index(most)):
        text = f"{given_class} data, and {question.agent} may see at most {most} in {question.environment}"
        return Answer("deny", "classification", text, index)
    return None


def _denied_approval(question: Inputs, contract: Contract, index: int, now: str) -> Answer | None:
    if question.action not in contract.needs_approval:
        return None
    given = question.approval

    def deny(why: str) -> Answer:
        what = f"{question.agent} must not {question.action} in {question.environment}"
        return Answer("deny", "needs-approval", f"{what} without a person's approval{why}", index)

    if given is None or not given.by:
        return deny("")
    if not given.verified:
        return deny(": nobody has verified the one that was given")
    wanted = (question.agent, question.environment, question.action)
    if (given.agent, given.environment, given.action) != wanted:
        return deny(f": {given.by} approved something else")
    if question.subject.digest and given.digest != question.subject.digest:
        return deny(f": {given.by} approved it for another digest")
    try:
        if parse_time(now) > parse_time(given.expires):
            return deny(f": that of {given.by} expired at {given.expires}")
    except ValueError:
        return deny(": its time cannot be read")
    return None


def decide(inputs: Inputs, settings: Settings, policy: PolicyRef, stamp: Stamp) -> Decision:
    """The answer as a decision, with who was asked about and what proved it."""
    found = answer(inputs, table_of(settings.environments), stamp.at)
    identity = _identity(inputs)
    if identity is not None and identity.effect and found.verdict == "allow":
        found = Answer("deny", identity.code, identity.text, found.line)
    reasons = [Reason(code=found.code, text=f"{found.text}.", effect=found.verdict)]
    if identity is not None and identity.code != found.code:
        reasons.append(msgspec.structs.replace(identity, effect=""))
    line = settings.environments.contracts[found.line] if found.line >= 0 else None
    return Decision(
        kind=KIND,
        id=stamp.id,
        subject=inputs.subject,
        verdict=found.verdict,
        mode=settings.mode,
        reasons=tuple(reasons),
        next_action=_next_action(found, inputs, line),
        policy=policy,
        outputs={
            "agent": inputs.agent,
            "action": inputs.action,
            "classification": inputs.classification,
            "identity": inputs.identity,
            "line": msgspec.to_builtins(line) if line else None,
            "line_number": found.line,
        },
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def _identity(inputs: Inputs) -> Reason | None:
    if inputs.mismatch:
        text = f"What was shown proves {inputs.mismatch}, not {inputs.agent}"
        return Reason(code="other-identity", text=text, effect="deny")
    if inputs.identity:
        return Reason(code="identity", text=f"Who asks was proved by {inputs.identity}")
    text = f"Nothing proves that {inputs.agent or 'an agent'} asks"
    return Reason(code="no-identity", text=text, effect="deny" if inputs.identity_required else "")


def _next_action(found: Answer, inputs: Inputs, line: Contract | None) -> str:
    if found.verdict == "allow":
        return f"{inputs.agent} may go on with {inputs.action}."
    if found.code == "needs-approval":
        return (
            f"A person approves {inputs.action} of {inputs.agent} for {inputs.environment}; then ask again."
        )
    if found.code in ("no-identity", "other-identity"):
        return "Show who asks: the workflow's own OIDC token, or a login that policy maps to the agent."
    may = ", ".join(line.actions) if line else ""
    return f"{inputs.agent} stops here." + (f" It may: {may}." if may else "")


def who_did_what(decisions: Sequence[Mapping[str, object]]) -> list[tuple[str, str, str, int, int]]:
    """(agent, environment, action, allowed, denied) of recorded authorisations, sorted."""
    counts: dict[tuple[str, str, str], list[int]] = {}
    for one in decisions:
        outputs, subject = one.get("outputs"), one.get("subject")
        if one.get("kind") != KIND or not isinstance(outputs, Mapping) or not isinstance(subject, Mapping):
            continue
        key = (str(outputs.get("agent")), str(subject.get("environment", "")), str(outputs.get("action")))
        counts.setdefault(key, [0, 0])[one.get("verdict") != "allow"] += 1
    return [(*key, *found) for key, found in sorted(counts.items())]  # type: ignore[misc]
