"""Which function makes which kind of decision, and making one again from its bundle."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import msgspec

from signalbox.config import Settings
from signalbox.decision import Bundle, Decision, Stamp, canonical, decode_bundle, digest_of
from signalbox.errors import InputError
from signalbox.render import Block

ROOMS = {
    "test-plan": "signalbox.selection.decide",
    "concurrency": "signalbox.concurrency.decide",
    "promotion": "signalbox.promotion.decide",
    "rollout": "signalbox.rollout.decide",
    "evals": "signalbox.evals.decide",
    "gate": "signalbox.gates.decide",
    "authorization": "signalbox.gates.authorize",
    "readiness": "signalbox.gates.readiness",
}
"""Kind → module that holds its ``Inputs`` and its pure ``decide``."""

SHOWS = {
    "test-plan": "signalbox.selection.show",
    "concurrency": "signalbox.concurrency.show",
    "promotion": "signalbox.promotion.report",
    "rollout": "signalbox.rollout.blocks",
    "evals": "signalbox.evals.report",
    "gate": "signalbox.gates.show",
}
"""Kind → module whose ``blocks`` show what lies below a decision of it."""


class Replay(msgspec.Struct, frozen=True):
    """What came out: the same bytes, or the first place where they differ."""

    same: bool
    kind: str
    verdict: str
    difference: str = ""


def replay(data: bytes, *, where: str = "bundle") -> Replay:
    """Make the decision of a bundle again, offline, and compare it byte for byte.

    ``InputError`` for what is not a bundle of a kind that this version knows.
    """
    bundle = decode_bundle(data, where=where)
    decision = bundle.decision
    try:
        encoded = bundle.encode()
    except ValueError as error:
        raise InputError("this bundle cannot be written again", where=where, why=str(error)) from None
    if encoded != data:
        return Replay(False, decision.kind, decision.verdict, _first_difference(encoded, data, "the file"))
    if bundle.seal != bundle.expected_seal():
        return Replay(False, decision.kind, decision.verdict, "the seal does not fit: the bundle was changed")
    if digest_of(bundle.settings) != decision.policy.sha256:
        return Replay(False, decision.kind, decision.verdict, "the settings are not those the decision names")
    try:
        again = canonical(_decide(bundle, where))
    except InputError:
        raise
    except Exception as error:
        # Whatever the inputs in a file do to a decision function, the answer is "not the same decision".
        why = f"deciding again failed: {type(error).__name__}: {error}"
        return Replay(False, decision.kind, decision.verdict, why)
    recorded = canonical(decision)
    if again == recorded:
        return Replay(True, decision.kind, decision.verdict)
    return Replay(False, decision.kind, decision.verdict, _first_difference(again, recorded, "the decision"))


def _decide(bundle: Bundle, where: str) -> Decision:
    recorded = bundle.decision
    room, inputs, settings = _read(bundle, where)
    stamp = Stamp(id=recorded.id, at=recorded.decided_at, producer=recorded.producer)
    decided: Decision = room.decide(inputs, settings, recorded.policy, stamp)
    return decided


def shown(data: bytes, *, where: str = "bundle") -> tuple[Decision, list[Block]]:
    """What people saw below the decision when it was made; ``InputError`` as for :func:`replay`."""
    bundle = decode_bundle(data, where=where)
    _, inputs, settings = _read(bundle, where)
    decision = bundle.decision
    if decision.kind not in SHOWS:
        return decision, []
    module = import_module(SHOWS[decision.kind])
    match decision.kind:
        case "rollout":
            return decision, module.blocks(inputs, settings.rollout)
        case "test-plan" | "concurrency":
            return decision, module.blocks(inputs, decision)
        case _:
            return decision, module.blocks(decision)


def _read(bundle: Bundle, where: str) -> tuple[Any, Any, Settings]:
    """The room that made it, what it took, and the policy it was made under."""
    recorded = bundle.decision
    if recorded.kind not in ROOMS:
        known = ", ".join(ROOMS)
        raise InputError(
            f"this version cannot make a decision of kind {recorded.kind!r}",
            where=where,
            why=f"known: {known}",
        )
    room = import_module(ROOMS[recorded.kind])
    try:
        inputs: Any = msgspec.convert(bundle.inputs, room.Inputs)
        settings = msgspec.convert(bundle.settings, Settings)
    except msgspec.ValidationError as error:
        raise InputError(
            "the bundle's inputs do not fit this version",
            where=where,
            why=str(error),
            fix=f"Replay it with the version that made it: {recorded.producer}.",
        ) from None
    return room, inputs, settings


def _first_difference(made: bytes, recorded: bytes, what: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(made, recorded, strict=False)) if a != b),
        min(len(made), len(recorded)),
    )
    around = slice(max(at - 40, 0), at + 40)
    return (
        f"{what} differs at byte {at}: made again …{made[around].decode(errors='replace')}…, "
        f"recorded …{recorded[around].decode(errors='replace')}…"
    )
