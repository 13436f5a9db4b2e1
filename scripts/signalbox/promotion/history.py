"""The ledger's promotion decisions and their outcomes, joined into the past that a score learns from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from signalbox.ledger.labels import Target, label_decisions
from signalbox.ledger.records import Outcome
from signalbox.promotion.inputs import Label, Past

MOST = 2000


def past_of(
    decisions: Iterable[Mapping[str, Any]], outcomes: Iterable[Mapping[str, Any]], *, without: str = ""
) -> tuple[Past, ...]:
    """Bundles and outcome records (plain mappings, trusted ones only) → the past, oldest first.

    The last promotion decision of each digest counts, because a rerun is not another artifact; ``without`` is
    the digest that is being decided. A decision that nobody followed up stays ``unknown``, which counts as
    bad; without a digest there is nothing to join.
    """
    latest: dict[str, Mapping[str, Any]] = {}
    targets: list[Target] = []
    for bundle in decisions:
        made = bundle.get("decision")
        if not isinstance(made, Mapping):
            continue
        digest = _digest(made)
        # An outcome may name the rollout or an earlier run: they are about the same artifact. Environments
        # are left out, because what was bad anywhere is no clean past of it.
        targets.append(Target(id=str(made.get("id")), digest=digest))
        if made.get("kind") != "promotion":
            continue
        if (
            digest
            and digest != without
            and str(made.get("decided_at")) >= str(latest.get(digest, {}).get("decided_at", ""))
        ):
            latest[digest] = made
    labels = _labels(outcomes, targets)
    past = [_past(made, labels.get(digest, "unknown")) for digest, made in latest.items()]
    return tuple(sorted(past, key=lambda item: item.at))[-MOST:]


def _labels(outcomes: Iterable[Mapping[str, Any]], targets: Sequence[Target]) -> dict[str, Label]:
    """Digest → label, by the ledger's own rules. A record that is no outcome of this version says nothing."""
    told = []
    for plain in outcomes:
        try:
            told.append(msgspec.convert(plain, Outcome))
        except msgspec.ValidationError:
            continue
    found = label_decisions(targets, told).by_decision
    return {t.digest: found[t.id].label for t in targets if t.digest and t.id in found}


def _past(made: Mapping[str, Any], label: Label) -> Past:
    told = made.get("outputs")
    outputs = told if isinstance(told, Mapping) else {}
    values = outputs.get("features")
    features = {
        str(name): float(value)
        for name, value in (values.items() if isinstance(values, Mapping) else ())
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    score = outputs.get("score")
    return Past(
        features=features,
        label=label,
        auto=made.get("verdict") == "auto-promote",
        score=float(score) if isinstance(score, (int, float)) else 0.0,
        at=str(made.get("decided_at", "")),
        digest=_digest(made),
    )


def _digest(made: Mapping[str, Any]) -> str:
    subject = made.get("subject")
    digest = subject.get("digest") if isinstance(subject, Mapping) else ""
    return digest if isinstance(digest, str) else ""
