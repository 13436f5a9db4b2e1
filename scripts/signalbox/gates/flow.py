"""What may be where: refs, test data, secrets, prompts. Nothing flows backward unattested."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from signalbox.config import Settings
from signalbox.config.environments import Environments
from signalbox.config.globs import first_match
from signalbox.decision import Decision, PolicyRef, Reason, Stamp, parse_time, strictest
from signalbox.gates.model import Flow, Inputs

CLASSES = ("Public", "Internal", "Confidential", "Restricted")
# Of these kinds things themselves move, and take with them what they were where they came from.
_MOVES = ("test-data", "secrets", "prompts", "run-records")


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """A person's signed word that data of a kind, from one place to another, were anonymised."""

    by: str
    kind: str
    origin: str
    to: str
    expires: str
    verified: bool = False

    def holds(self, kind: str, origin: str, to: str, now: str) -> bool:
        """Whether it is verified, current, and about exactly this."""
        try:
            current = parse_time(now) <= parse_time(self.expires)
        except ValueError:
            return False
        return self.verified and current and (self.kind, self.origin, self.to) == (kind, origin, to)


def flow_decision(
    inputs: Inputs, flow: Flow, settings: Settings, policy: PolicyRef, stamp: Stamp
) -> Decision:
    """PASS when nothing speaks against it; a question about nothing in particular is not verified."""
    reasons = [
        Reason(code=code, text=text, effect=effect)
        for code, text, effect in faults(flow, settings.environments)
    ]
    if not reasons and not (flow.ref or flow.kind):
        text = "neither a ref nor a kind of data was named"
        reasons = [Reason(code="nothing-asked", text=text, effect="NOT_VERIFIED")]
    verdict = strictest("gate", [reason.effect for reason in reasons] or ["PASS"])
    if not reasons:
        what = flow.ref or f"{flow.kind} ({flow.value})"
        reasons = [Reason(code="may-enter", text=f"{what} may be in {flow.to}")]
    permits = verdict == "PASS"
    return Decision(
        kind="gate",
        id=stamp.id,
        subject=inputs.subject,
        verdict=verdict,
        mode=settings.mode,
        reasons=tuple(reasons),
        next_action="It may enter." if permits else f"It stays out of {flow.to or 'there'}.",
        policy=policy,
        outputs={"gate": "entering", "flow": msgspec.to_builtins(flow)},
        decided_at=stamp.at,
        producer=stamp.producer,
    )


def faults(flow: Flow, e: Environments) -> Iterator[tuple[str, str, str]]:
    """Everything that speaks against it: (code, sentence, verdict)."""
    place = e.places.get(flow.to)
    if place is None:
        yield "unknown-place", f"there is no environment {flow.to!r}", "FAIL"
        return
    if flow.ref:
        ref = flow.ref.removeprefix("refs/heads/")
        if first_match(ref, place.not_branches):
            yield "branch", f"{flow.ref} must not be worked on directly in {flow.to}", "FAIL"
        elif not first_match(ref, place.branches):
            yield "branch", f"{flow.ref} is none of {', '.join(place.branches)}", "FAIL"
    if flow.kind:
        yield from _data(flow, e)
    if flow.classification:
        if flow.classification not in CLASSES:
            yield "unknown-class", f"{flow.classification!r} is no classification", "FAIL"
        elif CLASSES.index(flow.classification) > CLASSES.index(place.classification_max):
            text = f"{flow.classification} data, and {flow.to} holds at most {place.classification_max}"
            yield "classification", text, "FAIL"


def _data(flow: Flow, e: Environments) -> Iterator[tuple[str, str, str]]:
    row = e.data.get(flow.kind)
    if row is None or flow.to not in row:
        yield "unknown-data", f"policy says nothing of {flow.kind!r} in {flow.to}", "FAIL"
        return
    order = list(e.places)
    if flow.origin and flow.origin not in order:
        yield "unknown-place", f"there is no environment {flow.origin!r}", "FAIL"
        return
    backward = bool(flow.origin) and order.index(flow.origin) > order.index(flow.to)
    if backward and flow.kind in _MOVES and not (_may_be_attested(flow, order) and flow.attested):
        text = (
            f"{flow.kind} of {flow.origin} must not enter {flow.to} without an attestation of anonymisation"
        )
        yield "backward", text, "FAIL"
    if not flow.value:
        yield "no-value", f"nobody said what the {flow.kind} are", "NOT_VERIFIED"
    elif flow.value != row[flow.to] and not (
        flow.to != order[0] and flow.value == row.get(order[0]) == "synthetic"
    ):
        # Synthetic test data harm nobody further on; anything else is exactly what the row says.
        yield "other-value", f"{flow.kind} in {flow.to} are {row[flow.to]}, not {flow.value}", "FAIL"


def _may_be_attested(flow: Flow, order: list[str]) -> bool:
    """Only what leaves production can be anonymised on its way; what is staging's stays there."""
    return flow.kind == "test-data" and flow.origin == order[-1]


def prompts_kept(e: Environments, environment: str) -> str:
    """``full`` or ``references``: how prompts are kept in a place; an unknown place is like production."""
    return "full" if environment and e.keeps_prompts(environment) else "references"
