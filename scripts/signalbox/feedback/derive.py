"""What a run's own bundles tell of its outcome: the rollout's end is the first word on the promotion."""

from __future__ import annotations

from collections.abc import Iterable

from signalbox.decision import Decision, canonical, decode_bundle, sha256_hex
from signalbox.errors import InputError
from signalbox.ledger.records import Label, Outcome, OutcomeSource


def outcomes_of_run(bundles: Iterable[bytes]) -> tuple[bytes, ...]:
    """Canonical outcomes of the rollouts in a run's bundles that really moved traffic.

    A rollback makes its artifact bad; a rollout that came through makes it clean as far as a few minutes
    can tell (source `time-window`, of low confidence, which anything learned later overrides). A hold and
    anything that was only observed tell nothing. The same bundles always give the same bytes.
    """
    decisions = [decision for data in bundles if (decision := _decision(data)) is not None]
    promotions = {d.subject.digest: d for d in decisions if d.kind == "promotion" and d.subject.digest}
    return tuple(
        _outcome(rollout, promotions.get(rollout.subject.digest))
        for rollout in decisions
        if rollout.kind == "rollout"
        and rollout.mode == "enforce"
        and rollout.verdict in ("proceed", "rollback")
        and rollout.subject.digest
    )


def _outcome(rollout: Decision, promotion: Decision | None) -> bytes:
    label: Label = "bad" if rollout.verdict == "rollback" else "clean"
    source: OutcomeSource = "rollback" if rollout.verdict == "rollback" else "time-window"
    outcome = Outcome(
        id="o-" + sha256_hex(f"rollout {rollout.id}".encode())[:24],
        label=label,
        source=source,
        decision=promotion.id if promotion is not None else rollout.id,
        subject=rollout.subject,
        observed_at=rollout.decided_at,
        recorded_at=rollout.decided_at,
        text=rollout.reasons[0].text if rollout.reasons else "",
        facts={"rollout": rollout.id},
        producer=rollout.producer,
    )
    return canonical(outcome)


def _decision(data: bytes) -> Decision | None:
    try:
        return decode_bundle(data).decision
    except InputError:
        return None  # a newer bundle: it is recorded, and what it means is left to its own version
