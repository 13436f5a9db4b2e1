"""What an earlier run left, checked before anything is built on it."""

from __future__ import annotations

from signalbox.errors import InputError
from signalbox.rollout.model import Inputs
from signalbox.rollout.state import State


def check_previous(before: State, inputs: Inputs, now: str, where: str) -> None:
    """``InputError`` unless ``before``, written at ``where``, can be gone on from at ``now`` (RFC 3339)."""
    if before.deployment != inputs.deployment:
        raise InputError(
            f"this is the state of the deployment {before.deployment!r}", where=where, fix="Check --state."
        )
    # Times in one format and zone sort as text.
    if before.updated_at > now:
        raise InputError(
            f"the state was written at {before.updated_at}, and the clock says {now}: it jumped back",
            where=where,
            fix="Set the clock; no traffic was moved.",
        )
    unfinished = before.phase in ("stepping", "watching")
    if before.digest == inputs.subject.digest and unfinished and before.slices != inputs.slices:
        raise InputError(
            f"this rollout was begun with the slices {', '.join(f'{s:g}' for s in before.slices)}",
            where=where,
            fix="Resume it with the same slices.",
        )
